//! Which backups to keep: a pure function that returns its reasons. A backup stays if any rule
//! keeps it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Datelike, Timelike, Utc};

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
    /// The databases it is of, by their own names; `None` if that is not known, as with a dump of
    /// another tool.
    pub of: Option<String>,
    /// Whether it was made before something was replaced or removed, as the way back.
    pub safety: bool,
    /// Why it is pinned, if it is.
    pub pinned: Option<String>,
}

/// What happens to a backup, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, whatever the backups may take.
    Protect(String),
    /// It stays.
    Keep(String),
    /// It goes.
    Remove(String),
}

impl Verdict {
    /// The same, but what stays does so whatever the backups may take.
    fn firmly(self) -> Self {
        match self {
            Self::Protect(why) | Self::Keep(why) => Self::Protect(why),
            Self::Remove(_) => self,
        }
    }

    /// How firmly it stays: the smallest is the firmest.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Protect(_) => 0,
            Self::Keep(_) => 1,
            Self::Remove(_) => 2,
        }
    }
}

/// Decides over the backups of the same databases and stores; `candidates` newest first, one
/// verdict for each, in their order.
pub fn decide(candidates: &[Candidate], rules: &KeepRules, now: DateTime<Utc>) -> Vec<Verdict> {
    let newest = |fits: &dyn Fn(&Candidate) -> bool| candidates.iter().position(fits);
    let last_good = newest(&|c| c.good);
    // one that was made while the clock was ahead stays the newest, so the newest up to now counts, too
    let last_good_so_far = newest(&|c| c.good && c.created <= now);
    let way_back = newest(&|c| c.good && c.safety);
    let last_of_each = last_of_each(candidates, now);

    let mut calendar = Calendar::new(rules);
    let mut good_before = 0;

    let decided = |(at, candidate): (usize, &Candidate)| {
        let slot = calendar.claim(candidate);
        let rank = candidate.good.then_some(good_before);
        good_before += usize::from(candidate.good);
        let is_among = |count: u32| rank.is_some_and(|rank| rank < count as usize);

        if let Some(pin) = &candidate.pinned {
            Verdict::Protect(pin.clone())
        } else if [last_good, last_good_so_far].contains(&Some(at)) {
            Verdict::Protect("the last good backup".into())
        } else if let Some(of) = last_of_each.get(&at) {
            Verdict::Protect(format!("the last good backup of `{of}`"))
        } else if way_back == Some(at) {
            Verdict::Protect("the newest safety backup".into())
        } else if is_among(rules.min) {
            Verdict::Protect(format!("one of the {} newest good backups", rules.min))
        } else if is_among(rules.last) {
            Verdict::Keep(format!("one of the last {} good backups", rules.last))
        } else if let Some(slot) = slot {
            Verdict::Keep(format!("the {slot} one"))
        } else {
            by_age(candidate, rules, now, last_good.is_some())
        }
    };

    let verdicts = candidates.iter().enumerate().map(decided);
    match last_good {
        Some(_) => verdicts.collect(),
        // any of them may be the best there is
        None => verdicts.map(Verdict::firmly).collect(),
    }
}

/// The newest good one of each database, by its place: one of another name, or of nobody knows
/// what, holds other data. One that is dated in the future outdates none up to now.
fn last_of_each(candidates: &[Candidate], now: DateTime<Utc>) -> HashMap<usize, &str> {
    let mut seen = HashSet::new();
    let good = candidates.iter().enumerate().filter(|(_, c)| c.good);
    let known = good.filter_map(|(at, c)| Some((at, c.created <= now, c.of.as_deref()?)));

    known
        .filter(|(_, so_far, of)| seen.insert((*so_far, *of)))
        .map(|(at, _, of)| (at, of))
        .collect()
}

fn by_age(candidate: &Candidate, rules: &KeepRules, now: DateTime<Utc>, any_good: bool) -> Verdict {
    let age = now - candidate.created;
    let is_within = |span: Duration| age.to_std().is_ok_and(|age| age < span);
    let days = age.num_days();

    if candidate.good && rules.within.is_some_and(is_within) {
        return Verdict::Keep(format!("{days} days old, within `keep-within`"));
    }

    match rules.days {
        None => Verdict::Keep("no `keep-days` is set".into()),
        Some(_) if candidate.created > now => Verdict::Keep("it is dated in the future".into()),
        Some(kept) if days < i64::from(kept) => Verdict::Keep(format!("{days} of {kept} days old")),
        Some(_) if !any_good => {
            Verdict::Keep("there is no verified backup here, so nothing is removed".into())
        }
        Some(kept) => Verdict::Remove(format!("{days} days old, kept for {kept}")),
    }
}

/// One good backup an hour, a day, a week, a month, a year: the newest of each, so many of each.
struct Calendar {
    slots: [Slots; 5],
}

/// Hours, days, weeks, months or years: how many are kept, and which have theirs.
struct Slots {
    name: &'static str,
    count: usize,
    seen: BTreeSet<(i32, u32, u32)>,
}

impl Calendar {
    fn new(rules: &KeepRules) -> Self {
        let slots = |name, count: u32| Slots { name, count: count as usize, seen: BTreeSet::new() };
        Self {
            slots: [
                slots("hourly", rules.hourly),
                slots("daily", rules.daily),
                slots("weekly", rules.weekly),
                slots("monthly", rules.monthly),
                slots("yearly", rules.yearly),
            ],
        }
    }

    /// The first kind of slot that this backup fills; it fills the others, too.
    fn claim(&mut self, candidate: &Candidate) -> Option<&'static str> {
        let when = candidate.created;
        let keys = [
            (when.year(), when.ordinal(), when.hour()),
            (when.year(), when.ordinal(), 0),
            (when.iso_week().year(), when.iso_week().week(), 0),
            (when.year(), when.month(), 0),
            (when.year(), 0, 0),
        ];

        let mut claimed = None;
        for (slots, key) in self.slots.iter_mut().zip(keys) {
            let free = candidate.good && slots.seen.len() < slots.count && slots.seen.insert(key);
            claimed = claimed.or(free.then_some(slots.name));
        }

        claimed
    }
}

/// Which to remove so that all of them take at most `most` bytes: the oldest first. `sizes` are newest
/// first; `None` is one that must stay.
pub fn over(most: u64, all: u64, sizes: &[Option<u64>]) -> BTreeSet<usize> {
    let mut left = all;
    let mut over = BTreeSet::new();

    for (at, size) in sizes.iter().enumerate().rev() {
        let Some(size) = size.filter(|_| left > most) else { continue };
        left = left.saturating_sub(size);
        over.insert(at);
    }

    over
}

#[cfg(test)]
mod tests;
