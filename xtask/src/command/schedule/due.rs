//! What is due, and when: from the rhythms, what is known of earlier runs, and the clock.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};

use crate::config::{Rhythm, Schedule};
use crate::problem::Exit;
use crate::run::memory::{Chore, Past};
use crate::stream::mac;

/// What is wrong with the request itself goes wrong a minute later, too.
const FINAL: [i32; 4] =
    [Exit::Usage as i32, Exit::Refused as i32, Exit::Declined as i32, Exit::Shrunken as i32];

/// How long after a failure the next try comes, in minutes; the last one repeats.
const RETRIES: [u64; 4] = [1, 5, 15, 60];

/// When a chore comes next, and why then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// What it is.
    pub chore: Chore,
    /// When. It is due once this has passed.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: Why,
}

/// Why a chore comes when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was never done.
    First,
    /// Its rhythm.
    Regular,
    /// The last one failed; so many have.
    Retry(u32),
}

/// What [`next`] goes by.
pub struct Known<'a, Tz: TimeZone> {
    /// The rhythms.
    pub schedule: &'a Schedule,
    /// What is known of each chore.
    pub past: &'a BTreeMap<Chore, Past>,
    /// When this project was first scheduled.
    pub since: DateTime<Utc>,
    /// What tells this project on this machine from others, for the jitter.
    pub seed: &'a str,
    /// The zone that cron expressions are meant in.
    pub zone: &'a Tz,
}

/// When a chore comes next; `None` if never.
pub fn next<Tz: TimeZone>(chore: Chore, known: &Known<'_, Tz>, now: DateTime<Utc>) -> Option<Next>
where
    Tz::Offset: 'static,
{
    let nothing = Past::default();
    let past = known.past.get(&chore).unwrap_or(&nothing);
    let rhythm = chore.rhythm(known.schedule);
    let last = past.began;

    let regular = match (rhythm, last) {
        (Rhythm::Never, _) => return None,
        // nobody knows when that was
        _ if last.is_some_and(|last| is_of_the_future(last, now)) => {
            return Some(Next { chore, at: now, why: Why::Regular });
        }
        (Rhythm::Every(_), None) => known.since.min(now),
        (_, last) => rhythm.after(&last.unwrap_or(known.since).with_timezone(known.zone))?,
    };
    let regular = regular + put_off(chore, known, regular);

    let why = if last.is_none() { Why::First } else { Why::Regular };
    let again = retry(past).filter(|at| *at < regular);
    Some(match again {
        Some(at) => Next { chore, at, why: Why::Retry(past.failures) },
        None => Next { chore, at: regular, why },
    })
}

/// What is due now: the first of those whose time has passed.
pub fn due<Tz: TimeZone>(known: &Known<'_, Tz>, now: DateTime<Utc>) -> Option<Next>
where
    Tz::Offset: 'static,
{
    coming(known, now).into_iter().filter(|next| next.at <= now).min_by_key(|next| next.chore)
}

/// When each chore comes next.
pub fn coming<Tz: TimeZone>(known: &Known<'_, Tz>, now: DateTime<Utc>) -> Vec<Next>
where
    Tz::Offset: 'static,
{
    Chore::ALL.into_iter().filter_map(|chore| next(chore, known, now)).collect()
}

/// Whether a time was written by a clock that was ahead, or was set back since. A little of that is
/// nothing: it is over soon.
pub fn is_of_the_future(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    time > now + AHEAD
}

/// How far a clock may be ahead.
const AHEAD: Duration = Duration::from_secs(3600);

/// When a failed one is tried again. One that was killed with its scheduler has failed, too.
fn retry(past: &Past) -> Option<DateTime<Utc>> {
    let is_final = past.exit.is_some_and(|code| FINAL.contains(&code));
    if past.is_open() {
        return past.began.map(|began| began + minutes(RETRIES[0]));
    }
    if past.was_interrupted() {
        return past.ended.map(|ended| ended + minutes(RETRIES[0]));
    }
    if past.failures == 0 || is_final {
        return None;
    }

    let at = usize::try_from(past.failures - 1).unwrap_or(usize::MAX).min(RETRIES.len() - 1);
    past.ended.map(|ended| ended + minutes(RETRIES[at]))
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// By how much a start is put off: the same each time it is asked, another for each start, each
/// project and each machine.
fn put_off<Tz: TimeZone>(chore: Chore, known: &Known<'_, Tz>, at: DateTime<Utc>) -> Duration {
    let most = known.schedule.jitter.as_secs();
    if most == 0 {
        return Duration::ZERO;
    }

    let hash = mac::hash(format!("{} {} {}", known.seed, chore.word(), at.timestamp()).as_bytes());
    let number = hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    Duration::from_secs(number % (most + 1))
}

#[cfg(test)]
mod tests;
