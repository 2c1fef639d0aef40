//! The tables of a database.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use crate::engine::postgres::catalog::counting::Counts;
use crate::facts::Surveyed;
use crate::human::{bytes, count, counted};
use crate::problem::first_line;
use crate::ui::table::{Lean, columns};

/// How many are shown.
const MOST: usize = 20;

/// The largest ones, with their rows as they were counted, or as the server estimates them.
pub fn text(s: &Surveyed, counts: Option<&Result<Counts>>) -> String {
    let by_name = by_name(counts);
    let shown = &s.server.tables[..s.server.tables.len().min(MOST)];
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|t| {
            let estimate = || u64::try_from(t.estimate).map_or("?".into(), count);
            let rows = match &by_name {
                // only tables with rows of their own are counted
                Some(counts) => {
                    counts.get(t.name.as_str()).map_or(String::new(), |rows| count(*rows))
                }
                None => estimate(),
            };
            let owner = t.owner.clone();
            vec![String::new(), t.name.clone(), kind(&t.kind).into(), owner, rows, bytes(t.bytes)]
        })
        .collect();

    let title = if by_name.is_some() { "ROWS" } else { "ROWS (EST.)" };
    let mut text = columns(
        &[
            ("", Lean::Left),
            ("TABLE", Lean::Left),
            ("KIND", Lean::Left),
            ("OWNER", Lean::Left),
            (title, Lean::Right),
            ("SIZE", Lean::Right),
        ],
        &rows,
    );

    let more = s.server.tables.len() - shown.len();
    if more > 0 {
        text.push_str(&format!("\n  … and {}", counted(more as u64, "smaller table")));
    }
    if let Some(Err(e)) = counts {
        text.push_str(&format!("\n  not counted: {}", first_line(e)));
    }
    if let Some(counts) = by_name {
        let all = counts.values().sum();
        text.push_str(&format!(
            "\n  {} in {}",
            counted(all, "row"),
            counted(counts.len() as u64, "table")
        ));
    }

    text
}

/// All of them, for programs.
pub fn json(s: &Surveyed, counts: Option<&Result<Counts>>) -> Value {
    let by_name = by_name(counts);
    let rows = |name: &str| by_name.as_ref().and_then(|counts| counts.get(name).copied());
    let tables = s.server.tables.iter().map(|t| {
        json!({
            "name": t.name, "kind": kind(&t.kind), "owner": t.owner, "estimate": t.estimate,
            "rows": rows(&t.name), "bytes": t.bytes,
        })
    });
    tables.collect()
}

fn by_name(counts: Option<&Result<Counts>>) -> Option<BTreeMap<&str, u64>> {
    let counts = counts?.as_ref().ok()?;
    Some(counts.iter().map(|(name, rows)| (name.as_str(), *rows)).collect())
}

/// As `\d` of psql calls it.
fn kind(relkind: &str) -> &'static str {
    match relkind {
        "p" => "partitioned table",
        "m" => "materialized view",
        _ => "table",
    }
}
