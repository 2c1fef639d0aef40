use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn made(name: &str, created: DateTime<Utc>, good: bool) -> Candidate {
    Candidate { name: name.into(), created, good, of: None, safety: false, pinned: None }
}

fn ago(days: i64, good: bool) -> Candidate {
    made(&format!("{days}"), now() - TimeDelta::days(days), good)
}

fn shown(candidates: &[Candidate], rules: &KeepRules) -> String {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Protect(_) => 'P',
        Verdict::Keep(_) => 'k',
        Verdict::Remove(_) => '-',
    };
    decide(candidates, rules, now()).iter().map(word).collect()
}

fn good(days: &[i64]) -> Vec<Candidate> {
    days.iter().map(|d| ago(*d, true)).collect()
}

#[test]
fn a_table_of_rules() {
    let rules = |days, min| KeepRules { days, min, ..KeepRules::default() };
    let none = rules(Some(0), 0);
    for (candidates, rules, want) in [
        (good(&[0, 10, 29, 30, 31]), rules(Some(30), 0), "Pkk--"),
        (good(&[0, 10, 29, 30, 31]), rules(Some(30), 4), "PPPP-"),
        (good(&[100, 200]), rules(Some(30), 0), "P-"),
        (good(&[100, 200]), rules(None, 0), "Pk"),
        // bad ones do not count towards the minimum, and do not push good ones out
        (
            vec![ago(0, false), ago(40, false), ago(50, true), ago(60, true)],
            rules(Some(30), 1),
            "k-P-",
        ),
        // nothing is verified: nothing goes
        (vec![ago(40, false), ago(50, false)], rules(Some(30), 0), "PP"),
        (vec![ago(0, false), ago(50, false)], rules(None, 0), "PP"),
        (good(&[0, 10, 20, 30]), KeepRules { last: 3, ..none.clone() }, "Pkk-"),
        (
            vec![ago(0, false), ago(1, true), ago(2, false), ago(3, true), ago(4, true)],
            KeepRules { last: 2, ..none.clone() },
            "-P-k-",
        ),
        (
            vec![ago(0, true), ago(1, false), ago(3, true), ago(9, true)],
            KeepRules { within: Some(Duration::from_secs(4 * 86400)), ..none },
            "P-k-",
        ),
    ] {
        assert_eq!(shown(&candidates, &rules), want, "{candidates:?}");
    }
}

#[test]
fn what_a_safety_rule_made_and_what_is_pinned_stays() {
    let rules = KeepRules { days: Some(0), ..KeepRules::default() };
    let mut all = good(&[0, 1, 2, 3, 4]);
    all[2].safety = true;
    all[4].safety = true;
    all[3].pinned = Some("it is pinned".into());
    assert_eq!(shown(&all, &rules), "P-PP-");

    // a bad one is no way back
    all[2].good = false;
    assert_eq!(shown(&all, &rules), "P--PP");
}

#[test]
fn one_an_hour_a_day_a_week_a_month_a_year() {
    let none = KeepRules { days: Some(0), ..KeepRules::default() };
    let daily: Vec<_> = (0..400).map(|d| ago(d, true)).collect();
    let rules = KeepRules { daily: 7, weekly: 4, monthly: 12, ..none.clone() };
    // 7 days; the weeks and months begin inside them
    let kept = |all: &[Candidate], rules: &KeepRules| shown(all, rules).replace('-', "").len();
    assert_eq!(kept(&daily, &rules), 7 + 2 + 11);

    let often: Vec<_> =
        (0..30 * 24).map(|i| made("", now() - TimeDelta::minutes(30 * i), true)).collect();
    assert_eq!(kept(&often, &KeepRules { hourly: 24, ..none.clone() }), 24);
    assert_eq!(kept(&daily, &KeepRules { yearly: 5, ..none }), 3);
}

#[test]
fn one_of_a_clock_that_was_ahead_does_not_outdate_those_after_it() {
    let rules = KeepRules { days: Some(0), ..KeepRules::default() };
    let ahead = vec![ago(-400, true), ago(1, true), ago(2, true)];
    assert_eq!(shown(&ahead, &rules), "PP-");
}

/// One of another database, or one that another tool made of nobody knows what, replaces none.
#[test]
fn the_last_good_one_of_each_database_stays() {
    let rules = KeepRules { days: Some(0), ..KeepRules::default() };
    let of =
        |days, good, of: Option<&str>| Candidate { of: of.map(str::to_owned), ..ago(days, good) };
    for (candidates, want) in [
        (vec![of(1, true, Some("new")), of(2, true, Some("old")), of(3, true, Some("old"))], "PP-"),
        (vec![of(1, true, None), of(2, true, Some("app")), of(3, true, None)], "PP-"),
        (vec![of(1, true, Some("a")), of(2, false, Some("b")), of(3, true, Some("b"))], "P-P"),
        (vec![of(-9, true, Some("a")), of(1, true, None), of(2, true, Some("a"))], "PPP"),
    ] {
        assert_eq!(shown(&candidates, &rules), want, "{candidates:?}");
    }
}

#[test]
fn the_oldest_go_first_where_there_is_a_cap() {
    let over = |most, sizes: &[Option<u64>]| {
        let all = sizes.iter().map(|size| size.unwrap_or(50)).sum();
        over(most, all, sizes).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(over(100, &[None, Some(20), Some(20)]), [0; 0]);
    assert_eq!(over(80, &[None, Some(20), Some(20)]), [2]);
    assert_eq!(over(0, &[None, Some(20), None, Some(20)]), [1, 3], "what must stay stays");
}

/// What happens in a project over time.
#[derive(Debug, Clone)]
enum Event {
    Made {
        good: bool,
        safety: bool,
        of: Option<String>,
        bytes: u64,
    },
    Found {
        which: prop::sample::Index,
        good: bool,
    },
    Pinned {
        which: prop::sample::Index,
        pinned: bool,
    },
    Clock {
        hours: i64,
    },
    Cleanup,
    /// A clean-up that counts the backup before which it was planned.
    Backup {
        safety: bool,
        bytes: u64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (any::<bool>(), any::<bool>(), prop::option::of("[ab]"), 0..100_u64)
            .prop_map(|(good, safety, of, bytes)| Event::Made { good, safety, of, bytes }),
        1 => (index(), any::<bool>()).prop_map(|(which, good)| Event::Found { which, good }),
        1 => (index(), any::<bool>()).prop_map(|(which, pinned)| Event::Pinned { which, pinned }),
        2 => (-2000..3000_i64).prop_map(|hours| Event::Clock { hours }),
        3 => Just(Event::Cleanup),
        3 => (any::<bool>(), 0..100_u64).prop_map(|(safety, bytes)| Event::Backup { safety, bytes }),
    ]
}

fn rules() -> impl Strategy<Value = KeepRules> {
    let some = || prop_oneof![3 => Just(0_u32), 1 => 1..5_u32];
    let days = prop::option::of(0..40_u32);
    let within = prop::option::of(0..2_000_000_u64);
    (days, [some(), some(), some(), some(), some(), some(), some()], within).prop_map(
        |(days, [min, last, hourly, daily, weekly, monthly, yearly], within)| KeepRules {
            days,
            min,
            last,
            within: within.map(Duration::from_secs),
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
        },
    )
}

/// As `db-cleanup` does it: the rules, and then the cap.
fn cleaned(
    all: &[(Candidate, u64)],
    rules: &KeepRules,
    most: Option<u64>,
    now: DateTime<Utc>,
) -> Vec<(Candidate, u64)> {
    let candidates: Vec<_> = all.iter().map(|(candidate, _)| candidate.clone()).collect();
    let verdicts = decide(&candidates, rules, now);
    let stays = |at: &usize| !matches!(verdicts[*at], Verdict::Remove(_));
    let taken = (0..all.len()).filter(stays).map(|at| all[at].1).sum();
    let may_go = |at: usize| matches!(verdicts[at], Verdict::Keep(_)).then_some(all[at].1);
    let sizes: Vec<_> = (0..all.len()).map(may_go).collect();
    let over = most.map(|most| over(most, taken, &sizes)).unwrap_or_default();

    let left = (0..all.len()).filter(|at| stays(at) && !over.contains(at));
    left.map(|at| all[at].clone()).collect()
}

proptest! {
    /// No sequence of backups, failures, pins and clocks, also one that jumps back, removes the
    /// last good backup, also of each database, the newest that is not of the future, or a pinned
    /// one.
    #[test]
    fn the_last_good_one_is_never_removed(
        events in prop::collection::vec(event(), 1..60),
        rules in rules(),
        most in prop::option::of(0..500_u64),
    ) {
        let (mut all, mut clock) = (Vec::<(Candidate, u64)>::new(), now());

        for (number, event) in events.into_iter().enumerate() {
            match event {
                Event::Made { good, safety, of, bytes } => {
                    let new = made(&number.to_string(), clock, good);
                    let candidate = Candidate { safety, of, ..new };
                    all.push((candidate, bytes));
                }
                Event::Found { which, good } if !all.is_empty() => {
                    which.get_mut(&mut all).0.good = good;
                }
                Event::Pinned { which, pinned } if !all.is_empty() => {
                    which.get_mut(&mut all).0.pinned = pinned.then(String::new);
                }
                Event::Clock { hours } => clock += TimeDelta::hours(hours),
                Event::Cleanup | Event::Backup { .. } => {
                    let new = made(&number.to_string(), clock, true);
                    if let Event::Backup { safety, bytes } = event {
                        all.push((Candidate { safety, ..new.clone() }, bytes));
                    }
                    all.sort_by_key(|(c, _)| std::cmp::Reverse(c.created));
                    let first = |fits: &dyn Fn(&Candidate) -> bool| {
                        all.iter().map(|(c, _)| c).find(|c| fits(c)).cloned()
                    };
                    let must: Vec<Candidate> = [
                        first(&|c| c.good),
                        first(&|c| c.good && c.created <= clock),
                        first(&|c| c.good && c.safety),
                        first(&|c| c.good && c.of.as_deref() == Some("a")),
                        first(&|c| c.good && c.of.as_deref() == Some("b") && c.created <= clock),
                    ]
                    .into_iter()
                    .flatten()
                    .chain(all.iter().map(|(c, _)| c).filter(|c| c.pinned.is_some()).cloned())
                    .collect();

                    let before = all.len();
                    all = cleaned(&all, &rules, most, clock);

                    prop_assert!(all.len() == before || !must.iter().all(|c| !c.good), "{rules:?}");
                    let again = cleaned(&all, &rules, most, clock);
                    prop_assert_eq!(again.len(), all.len(), "the next one finds nothing: {:?}", rules);
                    for one in must {
                        prop_assert!(all.iter().any(|(c, _)| *c == one), "{one:?} is gone: {rules:?}");
                    }
                }
                Event::Found { .. } | Event::Pinned { .. } => {}
            }
        }
    }
}
