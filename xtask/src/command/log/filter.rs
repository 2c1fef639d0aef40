//! Which lines of the log are shown.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::{Log, said, time};
use crate::config::age;
use crate::tasks;

/// Since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// For so long.
    Age(std::time::Duration),
    /// From the beginning of a day in UTC.
    Day(NaiveDate),
}

/// `7d`, `2026-01-16`
pub fn since(text: &str) -> Result<Since, String> {
    if let Ok(day) = text.parse() {
        return Ok(Since::Day(day));
    }
    age(text)
        .map(Since::Age)
        .map_err(|why| format!("{why}; write an age (7d) or a day (2026-01-16)"))
}

impl Since {
    fn moment(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            // an age that is longer than time itself takes everything
            Self::Age(age) => chrono::Duration::from_std(age)
                .ok()
                .and_then(|age| now.checked_sub_signed(age))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN).and_utc(),
        }
    }
}

/// What a line must say.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    since: Option<DateTime<Utc>>,
    command: Option<&'a str>,
    user: Option<&'a str>,
    outcome: Option<&'a str>,
    database: Option<&'a str>,
}

impl<'a> Filter<'a> {
    pub(super) fn of(args: &'a Log, now: DateTime<Utc>) -> Self {
        Self {
            since: args.since.map(|since| since.moment(now)),
            command: args.command.as_deref(),
            user: args.user.as_deref(),
            outcome: args.outcome.as_deref(),
            database: args.database.as_deref(),
        }
    }

    /// Whether a line fits; one that can't be read fits only if nothing is asked.
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        let asks = [self.command, self.user, self.outcome, self.database];
        if self.since.is_none() && asks.iter().all(Option::is_none) {
            return true;
        }
        said(text).is_some_and(|said| self.fits_what_is(&said))
    }

    fn fits_what_is(&self, said: &Value) -> bool {
        let command = |name| {
            let task = said["task"].as_str().unwrap_or_default();
            // `db-repair --forget`
            task.split(' ').next().map(tasks::word) == Some(tasks::word(name))
        };
        let user = |name| {
            let places = ["/who", "/user/said", "/user/sudo/user"];
            places.iter().any(|place| said.pointer(place).and_then(Value::as_str) == Some(name))
        };
        let database = |name| {
            let all = said["databases"].as_array();
            all.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)))
        };

        self.since.is_none_or(|since| time(said, "when").is_some_and(|when| when >= since))
            && self.command.is_none_or(command)
            && self.user.is_none_or(user)
            && self.outcome.is_none_or(|word| super::view::outcome(said) == word)
            && self.database.is_none_or(database)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits() {
        let now: DateTime<Utc> = "2026-01-16T22:45:00Z".parse().unwrap();
        let line = json!({
            "when": "2026-01-10T00:00:00+00:00", "task": "db-repair --forget", "who": "root",
            "user": { "said": "ann", "sudo": { "user": "bob" } }, "databases": ["app", "b"],
            "exit": 3,
        });
        let by = |text: &str| Filter {
            since: Some(since(text).unwrap().moment(now)),
            ..Filter::default()
        };
        let none = Filter::default;

        for (filter, fits) in [
            (none(), true),
            (by("7d"), true),
            (by("6d"), false),
            (by("2026-01-10"), true),
            (by("2026-01-11"), false),
            (by("9999999999d"), true),
            (Filter { command: Some("repair"), ..none() }, true),
            (Filter { command: Some("db-repair"), ..none() }, true),
            (Filter { command: Some("restore"), ..none() }, false),
            (Filter { user: Some("root"), ..none() }, true),
            (Filter { user: Some("ann"), ..none() }, true),
            (Filter { user: Some("bob"), ..none() }, true),
            (Filter { user: Some("eve"), ..none() }, false),
            (Filter { outcome: Some("refused"), ..none() }, true),
            (Filter { outcome: Some("done"), ..none() }, false),
            (Filter { database: Some("b"), ..none() }, true),
            (Filter { database: Some("c"), ..none() }, false),
        ] {
            assert_eq!(filter.fits(line.to_string().as_bytes()), fits, "{filter:?}");
        }

        assert!(none().fits(b"x") && !by("7d").fits(b"x"));
        assert!(since("soon").unwrap_err().contains("2026-01-16"));
        assert!(!by("7d").fits(br#"{"task":"x","when":7}"#));
    }
}
