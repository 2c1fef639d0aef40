//! When the scheduler backs up, cleans up and tries a restore, as `[schedule]` says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use croner::Cron;

use super::keep::age;

/// `[schedule]`
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// When it backs up.
    pub backup: Rhythm,
    /// When it removes old backups.
    pub cleanup: Rhythm,
    /// When it restores the newest backup for a trial.
    pub trial_restore: Rhythm,
    /// The most by which a start is put off, so that many machines do not start at once.
    pub jitter: Duration,
    /// The environments in which it starts by itself; none: production, by its names.
    pub environments: Vec<String>,
    /// A file that it keeps fresh while it works.
    pub health_file: Option<PathBuf>,
}

/// When something is done again and again.
#[derive(Debug, Clone, PartialEq)]
pub enum Rhythm {
    /// Never.
    Never,
    /// So long after the last time.
    Every(Duration),
    /// At the times of a cron expression, by the clock of this machine.
    Cron(Box<Cron>),
}

/// What a number without a unit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `24`: as BACKUP_INTERVAL_HOURS has it.
    Hours,
    /// `1`: as BACKUP_CLEANUP_INTERVAL_DAYS has it.
    Days,
}

impl Unit {
    const fn seconds(self) -> u64 {
        match self {
            Self::Hours => 3600,
            Self::Days => 86_400,
        }
    }
}

impl Rhythm {
    /// Reads `24h`, `30 days`, a cron expression of five fields (`0 3 * * *`, `@daily`), `never`, or
    /// a number of these units.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("never") {
            return Ok(Self::Never);
        }
        if text.starts_with('@') || text.split_whitespace().count() == 5 {
            return cron(text).map(Self::Cron);
        }

        let every = match text.parse::<u64>() {
            Ok(units) => units.checked_mul(unit.seconds()).map(Duration::from_secs),
            Err(_) => age(text).ok(),
        };

        let whole = every.map(|every| Duration::from_secs(every.as_secs()));
        match whole.filter(|every| *every <= LONGEST) {
            Some(every) if every >= SHORTEST => Ok(Self::Every(every)),
            Some(_) => Err("it must be at least a second; `never` turns it off".into()),
            None => Err("it is no interval of up to ten years, no cron expression of five fields \
                         (minute, hour, day, month, weekday) and not `never`"
                .into()),
        }
    }

    /// As it can be read again.
    pub fn typed(&self) -> String {
        match self {
            Self::Never => "never".into(),
            Self::Every(every) => spelled(*every),
            Self::Cron(cron) => cron.as_str().into(),
        }
    }

    /// The first time for it after this one; `None` if there is none.
    pub fn after<Tz: TimeZone>(&self, last: &DateTime<Tz>) -> Option<DateTime<Utc>>
    where
        Tz::Offset: 'static,
    {
        match self {
            Self::Never => None,
            Self::Every(every) => {
                last.to_utc().checked_add_signed(chrono::Duration::from_std(*every).ok()?)
            }
            Self::Cron(cron) => {
                cron.find_next_occurrence(last, false).ok().map(|next| next.to_utc())
            }
        }
    }
}

/// A shorter one would be a slip.
const SHORTEST: Duration = Duration::from_secs(1);

/// A longer one would be a slip, too.
const LONGEST: Duration = Duration::from_secs(3660 * 86_400);

/// As cron itself reads it: five fields, Sunday is 0 or 7, and a day is meant if either the day of the
/// month or the weekday fits (crontab(5)).
fn cron(text: &str) -> Result<Box<Cron>, String> {
    // crontab(5) has two names for it
    let text = if text.eq_ignore_ascii_case("@midnight") { "@daily" } else { text };
    let cron = Cron::from_str(text).map_err(|e| format!("it is no cron expression: {e}"))?;
    let epoch = DateTime::<Utc>::default();
    if cron.find_next_occurrence(&epoch, false).is_err() {
        return Err("there is no such day".into());
    }
    Ok(Box::new(cron))
}

/// As it is read: `every 1 day`, `at 0 3 * * *`.
impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Every(every) => write!(f, "every {}", spelled(*every)),
            Self::Cron(cron) => write!(f, "at `{}`", cron.as_str()),
        }
    }
}

/// `24 h`, `30 days`, `90 min`: in the largest unit that leaves nothing over, days from two on.
fn spelled(every: Duration) -> String {
    let seconds = every.as_secs();
    match seconds {
        s if s.is_multiple_of(86_400) && s > 86_400 => format!("{} days", s / 86_400),
        s if s.is_multiple_of(3600) => format!("{} h", s / 3600),
        s if s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    fn after(text: &str, last: &str) -> Option<String> {
        let last: DateTime<FixedOffset> = last.parse().unwrap();
        let rhythm = Rhythm::parse(text, Unit::Hours).unwrap_or_else(|e| panic!("{text}: {e}"));
        rhythm.after(&last).map(|next| next.with_timezone(last.offset()).to_rfc3339())
    }

    #[test]
    fn the_next_time_is_the_first_after_the_last() {
        for (text, last, next) in [
            ("24", "2026-01-16T22:45:00+00:00", "2026-01-17T22:45:00+00:00"),
            ("90m", "2026-01-16T22:45:00+00:00", "2026-01-17T00:15:00+00:00"),
            ("1d", "2026-02-28T12:00:00+00:00", "2026-03-01T12:00:00+00:00"),
            ("0 3 * * *", "2026-01-16T22:45:00+01:00", "2026-01-17T03:00:00+01:00"),
            ("0 3 * * *", "2026-01-16T03:00:00+01:00", "2026-01-17T03:00:00+01:00"),
            ("@midnight", "2026-01-16T03:00:00+00:00", "2026-01-17T00:00:00+00:00"),
            ("@daily", "2026-01-16T03:00:00+00:00", "2026-01-17T00:00:00+00:00"),
            // Sunday has two numbers, and a name
            ("30 2 * * 0", "2026-01-16T00:00:00+00:00", "2026-01-18T02:30:00+00:00"),
            ("30 2 * * 7", "2026-01-16T00:00:00+00:00", "2026-01-18T02:30:00+00:00"),
            ("30 2 * * SUN", "2026-01-16T00:00:00+00:00", "2026-01-18T02:30:00+00:00"),
            ("30 2 * * 1", "2026-01-16T00:00:00+00:00", "2026-01-19T02:30:00+00:00"),
            // either of the two days
            ("0 0 13 * FRI", "2026-01-09T12:00:00+00:00", "2026-01-13T00:00:00+00:00"),
            ("0 0 13 * FRI", "2026-01-13T12:00:00+00:00", "2026-01-16T00:00:00+00:00"),
            ("*/15 8-17 * * 1-5", "2026-01-16T17:45:00+00:00", "2026-01-19T08:00:00+00:00"),
            ("0 0 29 2 *", "2026-01-01T00:00:00+00:00", "2028-02-29T00:00:00+00:00"),
        ] {
            assert_eq!(after(text, last).as_deref(), Some(next), "{text}");
        }

        assert_eq!(after("never", "2026-01-16T22:45:00+00:00"), None);
    }

    #[test]
    fn what_is_no_rhythm_says_why() {
        for (text, why) in [
            ("0", "at least a second"),
            ("0s", "at least a second"),
            ("-1", "no interval"),
            ("daily", "no interval"),
            ("", "no interval"),
            ("200 years", "no interval"),
            ("0 0 3 * * *", "no interval"),
            ("99999999999999999999", "no interval"),
            ("61 * * * *", "no cron expression"),
            ("* * * * 8", "no cron expression"),
            ("0 0 30 2 *", "no such day"),
            ("@sometimes", "no cron expression"),
        ] {
            let found = Rhythm::parse(text, Unit::Hours).expect_err(text);
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn it_is_shown_as_people_say_it() {
        for (text, unit, shown) in [
            ("24", Unit::Hours, "every 24 h"),
            ("1", Unit::Days, "every 24 h"),
            ("30", Unit::Days, "every 30 days"),
            ("90m", Unit::Hours, "every 90 min"),
            ("5s", Unit::Hours, "every 5 s"),
            ("0 3 * * *", Unit::Hours, "at `0 3 * * *`"),
            ("Never", Unit::Hours, "never"),
        ] {
            let rhythm = Rhythm::parse(text, unit).unwrap();
            assert_eq!(rhythm.to_string(), shown);
            assert_eq!(Rhythm::parse(&rhythm.typed(), Unit::Days), Ok(rhythm), "{text}");
        }
    }
}
