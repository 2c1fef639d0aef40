//! Rows of a database's tables, counted by two sessions that share them.

use super::members::{COUNTED, MEMBERSHIP};
use crate::engine::postgres::client::sql;

/// One of two sessions that share the tables.
#[derive(Debug, Clone, Copy)]
pub enum Half {
    /// Takes the largest, the third, …
    One = 1,
    /// Takes the second, the fourth, …
    Other = 0,
}

/// Counts the rows of half of the tables that have rows of their own: psql runs each row of the
/// first answer as a query. Of an extension's table, only those in a dump.
pub fn count_rows(half: Half) -> String {
    let half = (half as u8).to_string();
    sql::filled(
        QUESTION,
        &[("membership", MEMBERSHIP), ("counted", COUNTED), ("half", half.as_str())],
    )
}

/// Counts the rows of all of them, in one snapshot.
pub fn count_all_rows() -> String {
    let halves = [Half::One, Half::Other].map(count_rows).concat();
    format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{halves}\nCOMMIT;\n")
}

const QUESTION: &str = sql::statements(include_str!("counting.sql"));

/// Rows per table.
pub type Counts = Vec<(String, u64)>;

/// Reads the answers to [`count_rows`]: `table|rows`; a table's name may have line breaks.
pub fn read_counts(answer: &str) -> Counts {
    let mut counts = Vec::new();
    let mut name = String::new();

    for line in answer.split('\n') {
        let ended =
            line.rsplit_once('|').and_then(|(head, rows)| Some((head, rows.trim().parse().ok()?)));

        if let Some((head, rows)) = ended {
            name.push_str(head);
            counts.push((std::mem::take(&mut name), rows));
        } else {
            name.push_str(line);
            name.push('\n');
        }
    }

    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_names_of_any_kind() {
        let answer = "public.a|3\npublic.\"a|b\"|0\napp.\"line\nbreak\"|1\n";
        let want = [("public.a", 3), ("public.\"a|b\"", 0), ("app.\"line\nbreak\"", 1)];
        assert_eq!(read_counts(answer), want.map(|(table, rows)| (table.to_owned(), rows)));
    }
}
