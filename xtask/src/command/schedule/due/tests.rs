use chrono::{FixedOffset, LocalResult, NaiveDate, NaiveDateTime};
use proptest::prelude::*;

use super::*;
use crate::config::Unit;

const DAY: i64 = 86_400;

fn at(seconds: i64) -> DateTime<Utc> {
    "2026-01-16T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::Duration::seconds(seconds)
}

fn schedule(backup: &str) -> Schedule {
    let rhythm = |text| Rhythm::parse(text, Unit::Hours).unwrap();
    Schedule {
        backup: rhythm(backup),
        cleanup: rhythm("never"),
        trial_restore: rhythm("never"),
        jitter: Duration::ZERO,
        environments: Vec::new(),
        health_file: None,
    }
}

/// When a backup comes next, in seconds, and why.
fn backup(schedule: &Schedule, past: &Past, now: i64) -> (i64, Why) {
    let past = BTreeMap::from([(Chore::Backup, past.clone())]);
    let known = Known { schedule, past: &past, since: at(0), seed: "x", zone: &Utc };
    let next = next(Chore::Backup, &known, at(now)).unwrap();
    ((next.at - at(0)).num_seconds(), next.why)
}

/// One that began and ended so many seconds after the start.
fn ran(began: i64, ended: i64, exit: i32) -> Past {
    Past::default().after(at(began), at(ended), Some(exit))
}

#[test]
fn it_comes_by_its_rhythm() {
    let (hours, cron) = (schedule("6h"), schedule("0 3 * * *"));

    assert_eq!(backup(&hours, &Past::default(), 0), (0, Why::First), "the first one at once");
    assert_eq!(backup(&hours, &ran(100, 160, 0), 200), (100 + 6 * 3600, Why::Regular));

    assert_eq!(backup(&cron, &Past::default(), 0), (3 * 3600, Why::First), "not before its time");
    assert_eq!(backup(&cron, &ran(3 * 3600, 3 * 3600 + 60, 0), 4 * 3600).0, DAY + 3 * 3600);
}

#[test]
fn what_was_missed_comes_once() {
    let cron = schedule("0 3 * * *");
    let slept_for_ten_days = backup(&cron, &ran(3 * 3600, 3 * 3600 + 60, 0), 10 * DAY);
    assert!(slept_for_ten_days.0 < 10 * DAY, "it is due");

    let made_up_for = ran(10 * DAY, 10 * DAY + 60, 0);
    assert_eq!(backup(&cron, &made_up_for, 10 * DAY + 100).0, 10 * DAY + 3 * 3600);
}

#[test]
fn a_failure_is_tried_again_sooner_and_then_later() {
    let hours = schedule("6h");
    let mut past = Past::default();
    let mut now = 0;

    for wait in [60, 300, 900, 3600, 3600] {
        past = past.after(at(now), at(now + 10), Some(1));
        let (next, why) = backup(&hours, &past, now + 10);
        assert_eq!((next - now - 10, why), (wait, Why::Retry(past.failures)));
        now = next;
    }

    let near = schedule("2m");
    assert_eq!(backup(&near, &past, now).1, Why::Regular, "never later than its rhythm has it");

    past = past.after(at(now), at(now + 10), Some(0));
    assert_eq!(backup(&hours, &past, now + 10), (now + 6 * 3600, Why::Regular));
}

#[test]
fn what_would_fail_again_is_not_tried_again() {
    let hours = schedule("6h");
    for exit in [2, 3, 4, 7] {
        assert_eq!(backup(&hours, &ran(0, 10, exit), 20).1, Why::Regular, "{exit}");
    }
    for exit in [1, 5] {
        assert_eq!(backup(&hours, &ran(0, 10, exit), 20), (70, Why::Retry(1)), "{exit}");
    }
    assert_eq!(backup(&hours, &ran(0, 10, 6), 20).1, Why::Regular, "the backup is made");
}

#[test]
fn one_that_was_killed_with_its_scheduler_is_tried_again() {
    let open = Past { began: Some(at(0)), ..Past::default() };
    assert_eq!(backup(&schedule("6h"), &open, 20), (60, Why::Retry(0)));
}

#[test]
fn all_that_is_due_comes_in_order() {
    let times = Schedule { cleanup: Rhythm::Every(Duration::from_secs(60)), ..schedule("60s") };
    let past =
        BTreeMap::from([(Chore::Cleanup, ran(-500, -400, 0)), (Chore::Backup, ran(-300, -200, 0))]);
    let known = Known { schedule: &times, past: &past, since: at(0), seed: "x", zone: &Utc };
    assert_eq!(due(&known, at(0)).map(|next| next.chore), Some(Chore::Backup));
}

/// Berlin in 2026: on 29 March the hour from 2 is left out, and on 25 October it comes twice.
#[derive(Debug, Clone, Copy)]
struct Berlin;

impl TimeZone for Berlin {
    type Offset = FixedOffset;

    fn from_offset(_: &FixedOffset) -> Self {
        Self
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> LocalResult<FixedOffset> {
        self.offset_from_local_datetime(&local.and_hms_opt(0, 0, 0).unwrap())
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> LocalResult<FixedOffset> {
        let fits = |hours: i32| {
            let offset = FixedOffset::east_opt(hours * 3600).unwrap();
            (self.offset_from_utc_datetime(&(*local - offset)) == offset).then_some(offset)
        };
        match (fits(2), fits(1)) {
            (Some(first), Some(second)) => LocalResult::Ambiguous(first, second),
            (Some(one), None) | (None, Some(one)) => LocalResult::Single(one),
            (None, None) => LocalResult::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> FixedOffset {
        self.offset_from_utc_datetime(&utc.and_hms_opt(0, 0, 0).unwrap())
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> FixedOffset {
        let one =
            |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap().and_hms_opt(1, 0, 0);
        let summer = one(3, 29).unwrap()..one(10, 25).unwrap();
        FixedOffset::east_opt(if summer.contains(utc) { 7200 } else { 3600 }).unwrap()
    }
}

#[test]
fn a_night_that_lacks_an_hour_or_has_it_twice_has_one_backup() {
    for cron in ["30 2 * * *", "0 2 * * *", "0 3 * * *", "55 1 * * *"] {
        let cron = schedule(cron);
        for begin in ["2026-03-25T12:00:00+01:00", "2026-10-20T12:00:00+02:00"] {
            let begin = begin.parse::<DateTime<FixedOffset>>().unwrap().to_utc();
            let mut past = BTreeMap::new();
            let mut runs = 0;

            for minute in (0..10 * 24 * 60).step_by(5) {
                let now = begin + chrono::Duration::minutes(minute);
                let known =
                    Known { schedule: &cron, past: &past, since: begin, seed: "", zone: &Berlin };
                if due(&known, now).is_some() {
                    let ran = Past::default().after(now, now, Some(0));
                    past.insert(Chore::Backup, ran);
                    runs += 1;
                }
            }

            assert_eq!(runs, 10, "{} from {begin}", cron.backup);
        }
    }
}

#[test]
fn jitter_puts_off_within_its_limit_and_the_same_each_time() {
    let times = Schedule { jitter: Duration::from_secs(300), ..schedule("0 3 * * *") };
    let offs: Vec<i64> = (0..50)
        .map(|day| {
            let past = ran(day * DAY + 4 * 3600, day * DAY + 4 * 3600 + 1, 0);
            let next = backup(&times, &past, day * DAY + 5 * 3600).0;
            assert_eq!(next, backup(&times, &past, day * DAY + 6 * 3600).0);
            next - (day + 1) * DAY - 3 * 3600
        })
        .collect();

    assert!(offs.iter().all(|off| (0..=300).contains(off)), "{offs:?}");
    assert!(offs.iter().collect::<std::collections::BTreeSet<_>>().len() > 30, "{offs:?}");
}

/// When backups run while the clock goes on, minute by minute, from what is remembered.
fn runs(schedule: &Schedule, mut past: Past, minutes: i64) -> Vec<i64> {
    let mut runs = Vec::new();
    for now in (0..minutes).map(|minute| minute * 60) {
        if backup(schedule, &past, now).0 <= now {
            past = past.after(at(now), at(now + 5), Some(0));
            runs.push(now);
        }
    }
    runs
}

#[test]
fn what_a_clock_that_was_ahead_has_written_keeps_nothing_away() {
    for cron in ["6h", "0 3 * * *"] {
        let a_year_ahead = ran(365 * DAY, 365 * DAY + 5, 0);
        assert_eq!(runs(&schedule(cron), a_year_ahead, 60), [0], "{cron}");
    }
    // a clock that was set back a little makes no second one
    assert_eq!(runs(&schedule("6h"), ran(30, 35, 0), 60), [0; 0]);
}

#[test]
fn an_interrupted_one_is_no_failure_and_is_made_up_for() {
    let stopped = ran(0, 10, 130);
    assert_eq!((stopped.failures, stopped.good), (0, None));
    assert_eq!(backup(&schedule("6h"), &stopped, 20).0, 70);
}

proptest! {
    /// Whatever the clock did and whatever failed: while the clock goes on, there is one in a day.
    #[test]
    fn no_clock_and_no_failure_keeps_it_away(
        past_runs in prop::collection::vec((-300 * DAY..300 * DAY, prop::option::of(-1..8_i32)), 0..6),
        rhythm in prop::sample::select(vec!["1h", "24h", "0 3 * * *", "*/10 * * * *"]),
    ) {
        let mut past = Past::default();
        for (when, exit) in past_runs {
            past = past.after(at(when), at(when + 10), exit);
        }
        prop_assert!(!runs(&schedule(rhythm), past, 25 * 60 + 5).is_empty());
    }
}
