//! Which backups to keep: a pure function that returns its reasons.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Utc};

use crate::config::KeepRules;

/// What the rules look at. Foreign files never come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// When it was begun.
    pub created: DateTime<Utc>,
    /// Whether it is complete and verified.
    pub good: bool,
}

/// What happens to a backup, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(String),
    /// It goes.
    Remove(String),
}

/// Decides over one database's backups; `candidates` newest first, one verdict for each, in their
/// order.
pub fn decide(candidates: &[Candidate], rules: &KeepRules, now: DateTime<Utc>) -> Vec<Verdict> {
    let last_good = candidates.iter().position(|c| c.good);
    let mut calendar = Calendar::new(rules);
    let mut kept_good = 0;

    candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            let age = (now - candidate.created).num_days();
            let slot = calendar.claim(candidate);

            let verdict = if last_good == Some(at) {
                Verdict::Keep("the last good backup".into())
            } else if candidate.good && kept_good < rules.min {
                Verdict::Keep(format!("one of the {} newest good backups", rules.min))
            } else if let Some(slot) = slot {
                Verdict::Keep(format!("the {slot} one"))
            } else {
                by_age(age, rules, last_good.is_some())
            };

            if candidate.good && matches!(verdict, Verdict::Keep(_)) {
                kept_good += 1;
            }

            verdict
        })
        .collect()
}

fn by_age(age: i64, rules: &KeepRules, any_good: bool) -> Verdict {
    match rules.days {
        None => Verdict::Keep("no `keep-days` is set".into()),
        Some(days) if age < i64::from(days) => Verdict::Keep(format!("{age} of {days} days old")),
        Some(_) if !any_good => {
            Verdict::Keep("there is no verified backup here, so nothing is removed".into())
        }
        Some(days) => Verdict::Remove(format!("{age} days old, kept for {days}")),
    }
}

/// One good backup a day, a week, a month: the newest of each, so many of each.
struct Calendar {
    slots: [Slots; 3],
}

/// Days, weeks or months: how many are kept, and which have theirs.
struct Slots {
    name: &'static str,
    count: usize,
    seen: BTreeSet<(i32, u32)>,
}

impl Calendar {
    fn new(rules: &KeepRules) -> Self {
        let slots = |name, count: u32| Slots { name, count: count as usize, seen: BTreeSet::new() };
        Self {
            slots: [
                slots("daily", rules.daily),
                slots("weekly", rules.weekly),
                slots("monthly", rules.monthly),
            ],
        }
    }

    /// The first kind of slot that this backup fills; it fills the others, too.
    fn claim(&mut self, candidate: &Candidate) -> Option<&'static str> {
        let when = candidate.created;
        let keys = [
            (when.year(), when.ordinal()),
            (when.iso_week().year(), when.iso_week().week()),
            (when.year(), when.month()),
        ];

        let mut claimed = None;
        for (slots, key) in self.slots.iter_mut().zip(keys) {
            let free = candidate.good && slots.seen.len() < slots.count && slots.seen.insert(key);
            claimed = claimed.or(free.then_some(slots.name));
        }

        claimed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    fn ago(days: i64, good: bool) -> Candidate {
        Candidate { name: format!("{days}"), created: now() - chrono::Duration::days(days), good }
    }

    fn shown(candidates: &[Candidate], rules: &KeepRules) -> String {
        let word = |v: &Verdict| if matches!(v, Verdict::Keep(_)) { 'k' } else { 'r' };
        decide(candidates, rules, now()).iter().map(word).collect()
    }

    #[test]
    fn a_table_of_rules() {
        let rules = |days, min| KeepRules { days, min, ..KeepRules::default() };
        let good = |days: &[i64]| days.iter().map(|d| ago(*d, true)).collect::<Vec<_>>();
        for (candidates, rules, want) in [
            (good(&[0, 10, 29, 30, 31]), rules(Some(30), 0), "kkkrr"),
            (good(&[0, 10, 29, 30, 31]), rules(Some(30), 4), "kkkkr"),
            (good(&[100, 200]), rules(Some(30), 0), "kr"),
            (good(&[100, 200]), rules(None, 0), "kk"),
            // bad ones do not count towards the minimum, and do not push good ones out
            (
                vec![ago(0, false), ago(40, false), ago(50, true), ago(60, true)],
                rules(Some(30), 1),
                "krkr",
            ),
            // nothing is verified: nothing goes
            (vec![ago(40, false), ago(50, false)], rules(Some(30), 0), "kk"),
        ] {
            assert_eq!(shown(&candidates, &rules), want, "{candidates:?}");
        }
    }

    #[test]
    fn one_a_day_a_week_a_month() {
        let candidates: Vec<_> = (0..400).map(|d| ago(d, true)).collect();
        let rules = KeepRules { days: Some(0), min: 0, daily: 7, weekly: 4, monthly: 12 };
        let kept = shown(&candidates, &rules).matches('k').count();
        // 7 days; the weeks and months begin inside them
        assert_eq!(kept, 7 + 2 + 11);
    }

    #[test]
    fn the_last_good_one_always_stays() {
        for rules in [
            KeepRules { days: Some(0), ..KeepRules::default() },
            KeepRules { days: Some(1), min: 3, ..KeepRules::default() },
        ] {
            for shape in 0..64_u32 {
                let candidates: Vec<_> = (0..6).map(|i| ago(i * 20, shape >> i & 1 == 1)).collect();
                let verdicts = decide(&candidates, &rules, now());
                let last_good = candidates.iter().position(|c| c.good);
                assert!(last_good.is_none_or(|at| matches!(verdicts[at], Verdict::Keep(_))));
            }
        }
    }
}
