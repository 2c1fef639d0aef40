use super::*;

/// `a`, `shop.b`, `a<p` for a part of `p`, `~f` for a foreign table, `+x` for one of an
/// extension.
fn inventory(tables: &[&str], references: &[(&str, &str)]) -> Inventory {
    let full = |name: &str| {
        if name.contains('.') { name.to_owned() } else { format!("public.{name}") }
    };
    let table = |text: &&str| {
        let (name, parents) = text
            .trim_start_matches(['~', '+'])
            .split_once('<')
            .unwrap_or((text.trim_start_matches(['~', '+']), ""));
        let name = full(name);
        let (schema, own) = name.split_once('.').unwrap();

        Table {
            schema: schema.into(),
            table: own.trim_matches('"').replace("\"\"", "\""),
            kind: if text.starts_with('~') { Kind::Foreign } else { Kind::Plain },
            extension: text.starts_with('+').then(|| "postgis".into()),
            parents: parents.split('<').filter(|p| !p.is_empty()).map(full).collect(),
            name,
            ..Table::default()
        }
    };

    let references = references.iter().map(|(a, b)| (full(a), full(b))).collect();
    Inventory { tables: tables.iter().map(table).collect(), references, ..Inventory::default() }
}

fn keep(names: &[&str]) -> Vec<TableName> {
    names.iter().map(|n| TableName::parse(n).unwrap()).collect()
}

#[test]
fn ledgers_and_what_is_named_keep_their_rows() {
    let all = [
        "users",
        "alembic_version",
        "shop.schema_migrations",
        "sqitch.changes",
        "public.\"SequelizeMeta\"",
        "my_migrations",
        "public.\"Odd.Name\"",
        "+spatial_ref_sys",
        "~remote",
        "events",
        "events_1<events",
        "events_1a<events_1",
    ];

    let found = inventory(&all, &[]);

    for (named, kept) in [
        (&[][..], "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote"),
        (
            &["Odd.Name"],
            "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote",
        ),
        (
            &["\"Odd.Name\"", "users"],
            "users alembic_version schema_migrations changes SequelizeMeta Odd.Name \
                 spatial_ref_sys remote",
        ),
        (
            &["public.\"Odd.Name\""],
            "alembic_version schema_migrations changes SequelizeMeta Odd.Name spatial_ref_sys \
                 remote",
        ),
        (
            &["shop.users"],
            "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote",
        ),
        (
            &["events"],
            "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote \
                 events events_1 events_1a",
        ),
    ] {
        let sorted = sort(&found, &keep(named));
        let names: Vec<&str> = sorted.kept.iter().map(|(t, _)| t.table.as_str()).collect();
        assert_eq!(names.join(" "), kept, "{named:?}");
        assert_eq!(sorted.emptied.len() + names.len(), all.len());
    }
}

#[test]
fn partitions_and_children_go_with_their_parents() {
    let found = inventory(&["a", "b<a", "c<b", "d", "e<d<keep", "keep"], &[]);
    let named = |kept: &[&str]| -> String {
        let sorted = sort(&found, &keep(kept));
        sorted.named().iter().map(|t| t.table.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(&[]), "a d keep");
    assert_eq!(named(&["keep"]), "a d");
}

#[test]
fn a_kept_table_needs_what_it_refers_to() {
    for (tables, references, kept, chains, also) in [
        (&["a", "b"][..], &[("a", "b")][..], &[][..], "", ""),
        (&["a", "b"], &[("a", "b")], &["b"], "", ""),
        (&["a", "b"], &[("a", "b")], &["a"], "public.a -> public.b", "public.b"),
        (&["a", "b"], &[("a", "b")], &["a", "b"], "", ""),
        (
            &["k", "a", "b"],
            &[("k", "a"), ("a", "b")],
            &["k"],
            "public.k -> public.a -> public.b",
            "public.a public.b",
        ),
        // a ring has an end
        (
            &["k", "a", "b"],
            &[("k", "a"), ("a", "b"), ("b", "a")],
            &["k"],
            "public.k -> public.a -> public.b",
            "public.a public.b",
        ),
        (
            &["k", "a", "b"],
            &[("k", "a"), ("a", "b"), ("b", "k")],
            &["k"],
            "public.k -> public.a -> public.b",
            "public.a public.b",
        ),
        (
            &["k", "a", "b"],
            &[("k", "a"), ("k", "b")],
            &["k"],
            "public.k -> public.a; public.k -> public.b",
            "public.a public.b",
        ),
        (
            &["k", "m", "a"],
            &[("k", "a"), ("m", "a")],
            &["k", "m"],
            "public.k -> public.a",
            "public.a",
        ),
        (
            &["part<whole", "whole"],
            &[],
            &["part"],
            "public.part (part of) -> public.whole",
            "public.whole",
        ),
        (
            &["~far<whole", "whole"],
            &[],
            &[],
            "public.far (part of) -> public.whole",
            "public.whole",
        ),
        (&["+geo", "a"], &[("geo", "a")], &[], "public.geo -> public.a", "public.a"),
        (
            &["alembic_version", "a"],
            &[("alembic_version", "a")],
            &[],
            "public.alembic_version -> public.a",
            "public.a",
        ),
        (
            &["part<whole", "whole", "x"],
            &[("whole", "x")],
            &["part"],
            "public.part (part of) -> public.whole -> public.x",
            "public.whole public.x",
        ),
        (
            &["shop.\"Odd.Name\"", "a"],
            &[("shop.\"Odd.Name\"", "a")],
            &["\"Odd.Name\""],
            "shop.\"Odd.Name\" -> public.a",
            "public.a",
        ),
    ] {
        let found = inventory(tables, references);
        let ties = ties(&sort(&found, &keep(kept)), &found);
        assert_eq!(
            (ties.chains.join("; ").as_str(), ties.also.join(" ").as_str()),
            (chains, also),
            "{references:?} {kept:?}"
        );
    }
}

#[test]
fn views_are_filled_in_order() {
    let view = |name: &str, populated| View { name: name.into(), populated, ..View::default() };
    let found = Inventory {
        views: vec![view("a", true), view("b", true), view("c", true), view("empty", false)],
        reads: [("a", "plain"), ("plain", "c"), ("c", "b"), ("a", "b"), ("empty", "a")]
            .map(|(r, v)| (r.into(), v.into()))
            .into(),
        ..Inventory::default()
    };

    let order: Vec<&str> = refresh_order(&found).iter().map(|v| v.name.as_str()).collect();
    assert_eq!(order, ["b", "c", "a"]);
}
