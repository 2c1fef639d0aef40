use proptest::prelude::*;

use super::*;
use crate::config::{Portion, TableName};

fn rows(tables: &[(&str, u64)]) -> Vec<TableRows> {
    let one = |(table, rows): &(&str, u64)| {
        serde_json::from_value(serde_json::json!({ "table": table, "rows": rows, "bytes": 0 }))
            .unwrap()
    };
    tables.iter().map(one).collect()
}

fn demand(min: u64, listed: &[&str], had: Option<u64>, tables: &[(&str, u64)]) -> Demand {
    let tables = tables.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect();
    Demand {
        key: "main".into(),
        name: "app".into(),
        slot: Slot::Only("main".into()),
        recorded: Recorded { max_record_count: had, tables, ..Recorded::default() },
        rules: Ratchet {
            min_records: min,
            portion: Portion::USUAL,
            tables: listed.iter().map(|name| TableName::parse(name).unwrap()).collect(),
        },
        accepted: None,
        aside: "app.shrunken.sql".into(),
    }
}

#[test]
fn a_table_of_counts() {
    for (min, had, now, wanted) in [
        // what the document says
        (100, Some(25_000), 22_500, None),
        (100, Some(25_000), 22_499, Some(22_500)),
        (100, None, 99, Some(100)),
        (100, None, 100, None),
        (100, None, 0, Some(100)),
        (0, None, 0, None),
        // the least counts, whatever was recorded
        (100, Some(50), 60, Some(100)),
        (100, Some(0), 100, None),
        (0, Some(1), 0, Some(1)),
        (0, Some(0), 0, None),
    ] {
        let demand = demand(min, &[], had, &[]);
        let judged = demand.judge(&rows(&[("public.a", now)]));
        let least = judged.shrunk.first().map(|s| s.wanted);
        assert_eq!((judged.shrunk.len(), least), (usize::from(wanted.is_some()), wanted), "{now}");
        assert_eq!(judged.next.max_record_count, had.max(Some(now)));
    }
}

#[test]
fn reasons_say_what_it_was_and_what_it_is() {
    let tables = [("public.orders", 25_000), ("public.logs", 5_000), ("public.old", 7)];
    let demand = demand(100, &["orders"], Some(30_007), &tables);
    let now = rows(&[("public.orders", 12_000), ("public.logs", 10), ("public.new", 1)]);
    let judged = demand.judge(&now);

    let why: Vec<&str> = judged.shrunk.iter().map(|s| s.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "`app`: 12,011 rows in all, it had 30,007; at least 27,007 are wanted (90 %)",
            "`public.orders`: 12,000 rows, it had 25,000; at least 22,500 are wanted (90 %)",
        ]
    );
    assert_eq!(
        judged.remarks,
        [
            "`public.logs`: 10 rows, it had 5,000 in the last backup",
            "`public.old`: it is gone, it had 7 in the last backup",
        ]
    );

    let empty = Demand { recorded: Recorded::default(), ..demand }.judge(&[]);
    assert_eq!(
        empty.shrunk[0].why,
        "`app`: 0 rows in all; at least 100 are wanted (`min-records`)"
    );
}

#[test]
fn a_listed_table_counts_by_itself() {
    let tables = [("public.orders", 10), ("public.logs", 990)];
    let demand = demand(1, &["public.orders"], Some(1000), &tables);

    // it is gone, and nobody would see it by the total
    let judged = demand.judge(&rows(&[("public.logs", 995)]));
    assert_eq!(judged.shrunk.len(), 1);
    assert!(judged.shrunk[0].why.starts_with("`public.orders`: it is gone, it had 10;"));

    // its most is kept, that of others is not
    let judged = demand.judge(&rows(&[("public.orders", 9), ("public.logs", 991)]));
    assert_eq!(judged.shrunk, []);
    assert_eq!(judged.next.max_record_count, Some(1000));
    assert_eq!(judged.next.tables["public.orders"], 10);
    assert_eq!(judged.next.tables["public.logs"], 991);
}

#[test]
fn what_is_accepted_lowers_it() {
    let tables = [("public.orders", 25_000), ("public.gone", 3)];
    let accepted = Some("`--accept-shrink`".into());
    let demand = Demand { accepted, ..demand(100, &["orders"], Some(25_003), &tables) };

    let judged = demand.judge(&rows(&[("public.orders", 5)]));
    assert_eq!(judged.shrunk, []);
    assert_eq!(judged.remarks.len(), 3);
    assert!(judged.remarks[0].starts_with("accepted by `--accept-shrink`: `app`: 5 rows in all"));
    assert_eq!(judged.next.max_record_count, Some(5));
    assert_eq!(judged.next.tables, BTreeMap::from([("public.orders".into(), 5)]));
}

#[test]
fn a_name_that_fits_nothing_is_known() {
    let demand = demand(1, &["orders", "ordres", "gone"], Some(1), &[("public.gone", 1)]);
    assert_eq!(demand.unknown(&rows(&[("public.orders", 1)])), ["ordres"]);
}

fn counts() -> impl Strategy<Value = Vec<(&'static str, u64)>> {
    let names = ["public.a", "public.b", "public.c"];
    proptest::collection::vec(0..1000_u64, 3).prop_map(move |rows| {
        // one in ten is no table at all
        names.into_iter().zip(rows).filter(|(_, rows)| rows % 10 != 0).collect()
    })
}

proptest! {
    /// Whatever backups come one after another: nothing but a word lowers what is recorded, and what
    /// passes holds what was wanted.
    #[test]
    fn it_only_goes_up(all in proptest::collection::vec(counts(), 1..8)) {
        let mut recorded = Recorded::default();

        for tables in all {
            let now = rows(&tables);
            let sum: u64 = tables.iter().map(|(_, rows)| rows).sum();
            let demand = Demand { recorded: recorded.clone(), ..demand(50, &["a"], None, &[]) };
            let judged = demand.judge(&now);
            let of_a = |r: &Recorded| r.tables.get("public.a").copied();
            let a = tables.iter().find(|(table, _)| *table == "public.a").map_or(0, |(_, n)| *n);

            let enough = sum >= 50
                && sum * 10 >= recorded.max_record_count.unwrap_or(0) * 9
                && a * 10 >= of_a(&recorded).unwrap_or(0) * 9;
            prop_assert_eq!(judged.shrunk.is_empty(), enough);

            if enough {
                prop_assert!(judged.next.max_record_count >= recorded.max_record_count);
                prop_assert!(of_a(&judged.next) >= of_a(&recorded));
                recorded = judged.next.clone();
                // the same backup once more passes, and changes nothing
                let again = Demand { recorded: recorded.clone(), ..demand }.judge(&now);
                prop_assert_eq!((again.shrunk, again.next), (Vec::new(), recorded.clone()));
            } else {
                let accepted = Some("me".to_owned());
                let lowered = Demand { accepted, ..demand }.judge(&now);
                prop_assert_eq!(lowered.next.max_record_count, Some(sum));
            }
        }
    }
}
