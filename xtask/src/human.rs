//! Sizes, times and counts as people read them.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::value::{Contents, Format, Holding};

/// Bytes, in powers of 1000 as disks are sold: `12.4 MB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];

    if n < 1000 {
        return format!("{n} B");
    }

    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }

    format!("{value:.1} {}", UNITS[unit])
}

/// A count with thousands separators: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }

    out
}

/// A count with its noun: `1 row`, `2 rows`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// What a store's artifact holds: `12 files, 3.4 MB`.
pub fn holds(contents: &Contents) -> String {
    match contents {
        Contents::Files(census) => {
            format!("{}, {}", counted(census.files(), "file"), bytes(census.bytes()))
        }
        Contents::Tree(roll) => format!("{}, {}", counted(roll.files, "file"), bytes(roll.bytes)),
        Contents::Collections(all) => {
            format!(
                "{} in {}",
                entities(contents.items()),
                counted(all.collections.len() as u64, "collection")
            )
        }
    }
}

/// What a store holds now: `12 entries, 3.4 MB`, `2 collections, 40 entities`.
pub fn held(format: Format, held: &Holding) -> String {
    match format {
        Format::Tar => format!("{}, {}", entries(held.items()), bytes(held.bytes.unwrap_or(0))),
        _ => format!(
            "{}, {}",
            counted(held.parts.len() as u64, "collection"),
            entities(held.items())
        ),
    }
}

/// `1 entry`, `2 entries`.
pub fn entries(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "entry" } else { "entries" })
}

/// `1 entity`, `2 entities`.
pub fn entities(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "entity" } else { "entities" })
}

/// A duration: `0.42 s`, `12 s`, `3 min 4 s`.
pub fn duration(d: Duration) -> String {
    match d.as_secs_f64() {
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 60.0 => format!("{s:.0} s"),
        s if s < 3600.0 => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
        s => format!("{} h {} min", s as u64 / 3600, s as u64 % 3600 / 60),
    }
}

/// A list that may be very long: the first names, and how many more.
pub fn few<T: AsRef<str>>(names: &[T]) -> String {
    const MOST: usize = 8;
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    match names.len() {
        0..=MOST => shown.join(", "),
        all => format!("{} and {} more", shown.join(", "), count((all - MOST) as u64)),
    }
}

/// A text broken at words into lines of this many characters; a longer word gets a line of its own.
pub fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }

    lines
}

/// How long ago: `just now`, `5 min ago`, `3 h ago`, `2 days ago`.
pub fn ago(when: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let minutes = (now - when).num_minutes();
    match minutes {
        ..0 => "in the future".into(),
        0 => "just now".into(),
        1..60 => format!("{minutes} min ago"),
        60..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_well_at_every_size() {
        for (n, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (3_210_000, "3.2 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(bytes(n), want);
        }

        for (n, want) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), want);
        }

        for (ms, want) in [
            (42, "0.04 s"),
            (9_990, "9.99 s"),
            (12_300, "12 s"),
            (184_000, "3 min 4 s"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), want);
        }
    }

    #[test]
    fn breaks_at_words() {
        for (text, most, want) in [
            ("one two three", 80, &["one two three"][..]),
            ("one two three", 7, &["one two", "three"]),
            ("/a/long/path in between", 4, &["/a/long/path", "in", "between"]),
            ("", 4, &[""]),
        ] {
            assert_eq!(wrapped(text, most), want);
        }
    }

    #[test]
    fn tells_how_long_ago() {
        let now: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
        for (minutes, want) in [
            (0, "just now"),
            (59, "59 min ago"),
            (60, "1 h ago"),
            (2879, "47 h ago"),
            (2880, "2 days ago"),
            (-5, "in the future"),
        ] {
            assert_eq!(ago(now - chrono::Duration::minutes(minutes), now), want);
        }
    }
}
