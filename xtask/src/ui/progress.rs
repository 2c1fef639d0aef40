//! The progress of a pipe, in a line that fits.

use std::time::Duration;

use crate::human;
use crate::run::Progress;

/// Cells of a whole bar.
const BAR: usize = 20;
/// A rate is meaningful after this.
const SETTLED: Duration = Duration::from_millis(500);

/// Bytes, rate and rows; a bar and the time left if the expected size is known. What does not fit
/// is left out, the least important first.
pub fn line(doing: &str, p: &Progress, width: usize) -> String {
    let rate = p.bytes as f64 / p.elapsed.as_secs_f64().max(0.001);
    let moved = human::bytes(p.bytes);
    let speed = format!("{}/s", human::bytes(rate as u64));
    let rows = human::counted(p.rows, "row");

    let candidates = match p.expected.filter(|expected| *expected >= p.bytes) {
        None => vec![
            format!("{doing}  {moved}, {speed}, {rows}"),
            format!("{moved}, {speed}, {rows}"),
            format!("{moved}, {speed}"),
            moved,
        ],
        Some(expected) => {
            let share = p.bytes as f64 / (expected as f64).max(1.0);
            let bar = format!("{} {:>3.0} %", bar(share), share * 100.0);
            let left = left(p, expected, rate);

            vec![
                format!("{doing}  {bar}  {moved}, {speed}, {rows}{left}"),
                format!("{bar}  {moved}, {speed}, {rows}{left}"),
                format!("{bar}  {moved}, {speed}{left}"),
                format!("{bar}{left}"),
                format!("{:.0} %{left}", share * 100.0),
                format!("{:.0} %", share * 100.0),
            ]
        }
    };

    let fits = |line: &&String| line.chars().count() <= width;
    candidates.iter().find(fits).or(candidates.last()).cloned().unwrap_or_default()
}

fn left(p: &Progress, expected: u64, rate: f64) -> String {
    if p.bytes == expected {
        return ", finishing".into();
    }
    if p.elapsed < SETTLED {
        return String::new();
    }
    match ((expected - p.bytes) as f64 / rate.max(1.0)).min(1e6).ceil() as u64 {
        seconds @ 0..60 => format!(", about {seconds} s left"),
        seconds => format!(", about {} left", human::duration(Duration::from_secs(seconds))),
    }
}

/// A bar that grows by eighths of a cell.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = ((share * (BAR * 8) as f64) as usize).min(BAR * 8);
    let part = PARTS[eighths % 8];
    let rest = BAR - eighths / 8 - part.chars().count();
    format!("{}{part}{}", "█".repeat(eighths / 8), "░".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: u64, expected: Option<u64>, millis: u64) -> Progress {
        Progress { bytes, expected, rows: 1_018_282, elapsed: Duration::from_millis(millis) }
    }

    #[test]
    fn fits_every_width() {
        let half = at(278_900_000, Some(481_200_000), 1_000);

        for (width, want) in [
            (
                120,
                "dump main  ███████████▌░░░░░░░░  58 %  278.9 MB, 278.9 MB/s, 1,018,282 rows, \
                 about 1 s left",
            ),
            (
                88,
                "███████████▌░░░░░░░░  58 %  278.9 MB, 278.9 MB/s, 1,018,282 rows, about 1 s left",
            ),
            (70, "███████████▌░░░░░░░░  58 %  278.9 MB, 278.9 MB/s, about 1 s left"),
            (50, "███████████▌░░░░░░░░  58 %, about 1 s left"),
            (30, "58 %, about 1 s left"),
            (10, "58 %"),
        ] {
            assert_eq!(line("dump main", &half, width), want);
        }
    }

    #[test]
    fn says_what_it_knows() {
        for (progress, want) in [
            (at(5_000_000, None, 2_000), "x  5.0 MB, 2.5 MB/s, 1,018,282 rows"),
            // more than the last backup had: how much more is not known
            (at(5_000_001, Some(5_000_000), 2_000), "x  5.0 MB, 2.5 MB/s, 1,018,282 rows"),
            (
                at(5_000_000, Some(5_000_000), 2_000),
                "x  ████████████████████ 100 %  5.0 MB, 2.5 MB/s, 1,018,282 rows, finishing",
            ),
            (
                at(0, Some(5_000_000), 0),
                "x  ░░░░░░░░░░░░░░░░░░░░   0 %  0 B, 0 B/s, 1,018,282 rows",
            ),
            (
                at(1_000_000, Some(100_000_000), 1_500),
                "x  ▏░░░░░░░░░░░░░░░░░░░   1 %  1.0 MB, 666.7 kB/s, 1,018,282 rows, about 2 min \
                 29 s left",
            ),
            (
                at(0, Some(0), 0),
                "x  ░░░░░░░░░░░░░░░░░░░░   0 %  0 B, 0 B/s, 1,018,282 rows, finishing",
            ),
        ] {
            assert_eq!(line("x", &progress, 200), want);
        }
    }
}
