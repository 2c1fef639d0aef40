//! The state of the stores.

use anyhow::Result;
use serde_json::{Value, json};

use crate::config::Store;
use crate::facts::SurveyedStore;
use crate::human::{count, held};
use crate::problem::first_line;
use crate::ui::table::{Lean, columns};
use crate::value::Format;

/// A store as it was found, or unreachable.
pub type Looked = (Store, Result<SurveyedStore>);

/// For people; `last` is the last good backup with it.
pub fn text(looked: &Looked, last: &str) -> String {
    let (spec, found) = looked;
    let mut lines = match found {
        Err(e) => vec![not_reached(spec, e)],
        Ok(s) => as_found(s),
    };

    lines.push(line("last backup", last));
    lines.extend(found.as_ref().ok().and_then(collections));

    lines.join("\n")
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<12} {value}")
}

fn not_reached(spec: &Store, error: &anyhow::Error) -> String {
    let optional = if spec.optional { " (optional)" } else { "" };
    let why = format!("{error:#}").replace('\n', "\n  ");
    format!("{}: NOT REACHED{optional}\n  {why}", spec.key)
}

/// Where it is, and what it holds.
fn as_found(s: &SurveyedStore) -> Vec<String> {
    let mut lines = vec![format!("{} ({})", s.key(), s.address)];
    lines.extend(s.held.version.as_ref().map(|v| line("server", &format!("Milvus {v}"))));

    let holds = if s.held.id.is_empty() {
        "is not there".into()
    } else {
        held(s.address.format(), &s.held)
    };

    lines.push(line("holds", &holds));
    lines.extend(
        s.held.can_undo.then(|| {
            line("undo", "what the last restore replaced is kept: `db-undo` swaps it back")
        }),
    );

    lines
}

/// A table of its collections; a tree has none.
fn collections(s: &SurveyedStore) -> Option<String> {
    if s.address.format() == Format::Tar || s.held.parts.is_empty() {
        return None;
    }

    let row = |(name, items): &(String, u64)| vec![String::new(), name.clone(), count(*items)];
    let rows: Vec<Vec<String>> = s.held.parts.iter().map(row).collect();

    Some(columns(&[("", Lean::Left), ("COLLECTION", Lean::Left), ("ENTITIES", Lean::Right)], &rows))
}

/// What `--check` fails for.
pub fn problem(looked: &Looked) -> Option<String> {
    let (spec, found) = looked;
    match found {
        Err(e) if !spec.optional => Some(format!("{}: {}", spec.key, first_line(e))),
        Ok(s) if s.held.id.is_empty() && !spec.optional => {
            Some(format!("{}: there is nothing at {}", spec.key, s.address))
        }
        _ => None,
    }
}

/// For programs.
pub fn json(looked: &Looked, last: Option<Value>) -> Value {
    let (spec, found) = looked;
    match found {
        Err(e) => {
            json!({ "key": spec.key, "reached": false, "optional": spec.optional, "error": format!("{e:#}"), "last_backup": last })
        }
        Ok(s) => json!({
            "key": spec.key, "reached": true, "optional": spec.optional, "kind": s.address.format().kind(), "at": s.address.to_string(),
            "exists": !s.held.id.is_empty(), "version": s.held.version, "items": s.held.items(), "bytes": s.held.bytes,
            "parts": s.held.parts.iter().map(|(name, items)| json!({ "name": name, "items": items })).collect::<Vec<_>>(),
            "can_undo": s.held.can_undo, "last_backup": last,
        }),
    }
}
