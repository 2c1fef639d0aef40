//! The date in a file's name: a copy has the time when it was copied, the name has the backup's.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};

/// When a file was made: by the date in its name, otherwise by its modification time. A date later
/// than that time does not count (a day is allowed for the time zone, which no name tells).
pub fn made(name: &str, modified: DateTime<Utc>) -> DateTime<Utc> {
    let dated = dates(name)
        .into_iter()
        .find(|(date, time)| date.and_time(*time).and_utc() <= modified + Duration::days(1));
    match dated {
        // the modification time tells the hour of that day, a name without one does not
        Some((date, time)) if time == NaiveTime::MIN && modified.date_naive() == date => modified,
        Some((date, time)) => date.and_time(time).and_utc(),
        None => modified,
    }
}

/// Whether a name has a date.
pub fn has_date(name: &str) -> bool {
    !dates(name).is_empty()
}

/// `20260116_224500`, `2026-01-16T22-45-00`, `2026-01-16`, `2026_01_16-22.45`: a year, a month and
/// a day, and the time after them.
fn dates(name: &str) -> Vec<(NaiveDate, NaiveTime)> {
    let numbers = numbers(name);
    (0..numbers.len()).filter_map(|at| dated(&numbers[at..])).collect()
}

fn dated(numbers: &[&str]) -> Option<(NaiveDate, NaiveTime)> {
    let (year, month, day, rest) = match numbers {
        [whole, rest @ ..] if whole.len() == 8 => {
            (&whole[..4], &whole[4..6], &whole[6..], Rest::Behind(rest))
        }
        [whole, ..] if whole.len() == 12 || whole.len() == 14 => {
            (&whole[..4], &whole[4..6], &whole[6..8], Rest::Within(&whole[8..]))
        }
        [year, month, day, rest @ ..] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            (*year, *month, *day, Rest::Behind(rest))
        }
        _ => return None,
    };

    let year = year.parse().ok().filter(|year| (1990..2200).contains(year))?;
    let date = NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?)?;

    Some((date, rest.time().unwrap_or(NaiveTime::MIN)))
}

/// What follows a date.
enum Rest<'a> {
    Within(&'a str),
    Behind(&'a [&'a str]),
}

impl Rest<'_> {
    fn time(&self) -> Option<NaiveTime> {
        let whole = match self {
            Self::Within(digits) => (*digits).to_owned(),
            Self::Behind([digits, ..]) if matches!(digits.len(), 4 | 6) => (*digits).to_owned(),
            Self::Behind(parts) => {
                parts.iter().take(3).take_while(|part| part.len() == 2).copied().collect()
            }
        };

        let part = |at: usize| whole.get(at..at + 2).map_or(Some(0), |part| part.parse().ok());
        if whole.len() < 4 { None } else { NaiveTime::from_hms_opt(part(0)?, part(2)?, part(4)?) }
    }
}

fn numbers(name: &str) -> Vec<&str> {
    name.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_names() {
        let modified: DateTime<Utc> = "2026-03-01T12:30:00Z".parse().unwrap();

        for (name, want) in [
            ("bigskies_backup_20260116_224500.sql.gz", "2026-01-16T22:45:00Z"),
            ("rephlo-dev_2025-11-20T10-30-00.sql.gz", "2025-11-20T10:30:00Z"),
            ("shop-2026-01-05.sql", "2026-01-05T00:00:00Z"),
            ("prod_20250301_0400.sql", "2025-03-01T04:00:00Z"),
            ("dump_20250301.sql", "2025-03-01T00:00:00Z"),
            ("dump-20250301040510.sql", "2025-03-01T04:05:10Z"),
            ("db_2025_03_01-04.05.sql", "2025-03-01T04:05:00Z"),
            ("2025-03-01 04:05:06.sql", "2025-03-01T04:05:06Z"),
            // the day on which it was changed: the file system knows the hour
            ("shop-2026-03-01.sql", "2026-03-01T12:30:00Z"),
            // no date, or none that can be its own
            ("shop.sql", "2026-03-01T12:30:00Z"),
            ("v2-2024.sql", "2026-03-01T12:30:00Z"),
            ("order_12345678.sql", "2026-03-01T12:30:00Z"),
            ("plan-2027-01-01.sql", "2026-03-01T12:30:00Z"),
            ("shop_20261399.sql", "2026-03-01T12:30:00Z"),
            ("20241301_20250102.sql", "2025-01-02T00:00:00Z"),
            ("größe-2026-01-05.sql", "2026-01-05T00:00:00Z"),
        ] {
            assert_eq!(made(name, modified), want.parse::<DateTime<Utc>>().unwrap(), "{name}");
        }
    }
}
