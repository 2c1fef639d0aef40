//! The order of two rows of COPY data.

use std::cmp::Ordering;

use memchr::memchr_iter;

use crate::value::KeyColumn;

/// Where the columns of a key are in a row, and whether each holds whole numbers. Rows with the same
/// key, and rows of a table without one, are compared byte by byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Key(Vec<(usize, bool)>);

impl Key {
    /// By the columns that COPY names. A key that is not among them is no key.
    pub(super) fn among(columns: &[String], key: &[KeyColumn]) -> Self {
        let place = |column: &KeyColumn| {
            columns.iter().position(|name| *name == column.name).map(|at| (at, column.whole))
        };
        Self(key.iter().map(place).collect::<Option<_>>().unwrap_or_default())
    }

    pub(super) fn compare(&self, one: &[u8], other: &[u8]) -> Ordering {
        let by_key = self.0.iter().map(|(at, whole)| {
            let (one, other) = (field(one, *at), field(other, *at));
            match (whole, number(one), number(other)) {
                (true, Some(one), Some(other)) => one.cmp(&other),
                _ => one.cmp(other),
            }
        });
        by_key.fold(Ordering::Equal, Ordering::then).then_with(|| one.cmp(other))
    }
}

/// A column's text: a tab within a value is written as `\t`.
fn field(row: &[u8], at: usize) -> &[u8] {
    let start = match at {
        0 => 0,
        _ => memchr_iter(b'\t', row).nth(at - 1).map_or(row.len(), |tab| tab + 1),
    };
    let rest = &row[start..];
    &rest[..memchr::memchr(b'\t', rest).unwrap_or(rest.len())]
}

fn number(text: &[u8]) -> Option<i64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// The columns that a COPY statement of pg_dump names, in one line.
pub(super) fn columns(statement: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(statement);
    let Some(list) = text.trim_end().strip_suffix(") FROM stdin;") else { return Vec::new() };
    let mut columns = Vec::new();
    let mut word = String::new();
    let mut chars = after_the_table(list).chars().peekable();
    let mut is_quoted = false;

    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => word.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                columns.push(std::mem::take(&mut word));
                chars.next();
            }
            _ => word.push(c),
        }
    }

    columns.push(word);
    columns
}

/// What follows the first bracket that is not in a name.
fn after_the_table(list: &str) -> &str {
    let mut is_quoted = false;
    for (at, c) in list.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => return &list[at + 1..],
            _ => {}
        }
    }
    ""
}
