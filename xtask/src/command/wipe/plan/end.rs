//! What is said of a wipe at its end.

use std::path::PathBuf;

use super::sort::sort;
use crate::config::Project;
use crate::facts::{Emptying, Part, Set, Surveyed};
use crate::planning::Moment;

/// How to restore what is empty if it fails half way, with the lines of the backup that comes
/// first: no transaction spans two databases, or a store.
pub(super) fn way_back(of_backup: &[String]) -> String {
    match of_backup {
        [] => "this run made no backup; an older one brings the data back, if there is one \
               (`db-list`)"
            .into(),
        lines => lines.join("; "),
    }
}

/// What it empties, written down in case it is interrupted. A single database is emptied completely
/// or not at all.
pub(super) fn note(
    project: &Project,
    set: &Set,
    backup: Option<PathBuf>,
    earlier: Option<&Emptying>,
    moment: &Moment,
) -> Option<Emptying> {
    let parts: Vec<Part> =
        amounts(project, set).into_iter().map(|(key, items)| Part { key, items }).collect();
    let parts: Vec<Part> = parts.into_iter().filter(|part| part.items > 0).collect();
    let atomic = parts.len() < 2 && set.stores.is_empty();
    (!atomic || earlier.is_some())
        .then(|| Emptying { since: moment.now, parts, backup }.after(earlier))
}

/// Rows, entries or entities of everything that a wipe would empty, by key. The databases are
/// already counted.
pub fn amounts(project: &Project, set: &Set) -> Vec<(String, u64)> {
    let rows = |d: &Surveyed| {
        sort(&d.server.inventory, &project.guards.keep_tables)
            .with_rows()
            .filter_map(|t| t.rows)
            .fold(0, u64::saturating_add)
    };
    let databases = set.databases.iter().map(|d| (d.spec.key.clone(), rows(d)));
    databases.chain(set.stores.iter().map(|s| (s.key().to_owned(), s.held.items()))).collect()
}
