//! How the backups have grown.

use serde_json::{Value, json};

use crate::bundle::{Artifact, Backup, Catalog};
use crate::config::Project;
use crate::human::{bytes, count};
use crate::ui::table::{Lean, columns};

/// A part of a backup, and the same part of the one before.
struct Grown<'a> {
    backup: &'a Backup,
    part: &'a Artifact,
    before: Option<&'a Artifact>,
}

/// The newest ones of a database or store, newest first. Those that are partial or shrunken are
/// shown, too: their sizes are what an alarm is about.
fn of<'a>(catalog: &'a Catalog, key: &str, most: usize) -> Vec<Grown<'a>> {
    let parts: Vec<(&Backup, &Artifact)> = catalog
        .backups
        .iter()
        .filter(|backup| backup.other_project.is_none())
        .filter_map(|backup| {
            let part = backup.manifest()?.artifacts.iter().find(|part| part.store == key)?;
            Some((backup, part))
        })
        .collect();

    let grown = |(at, (backup, part)): (usize, &(&'a Backup, &'a Artifact))| Grown {
        backup,
        part,
        before: parts.get(at + 1).map(|(_, part)| *part),
    };
    parts.iter().enumerate().take(most).map(grown).collect()
}

fn keys(project: &Project) -> impl Iterator<Item = &str> {
    let databases = project.databases.iter().map(|database| database.key.as_str());
    databases.chain(project.stores.iter().map(|store| store.key.as_str()))
}

/// For people: a table for all, newest first.
pub fn text(catalog: &Catalog, project: &Project, most: usize) -> String {
    let rows: Vec<Vec<String>> = keys(project)
        .flat_map(|key| of(catalog, key, most).into_iter().map(move |grown| (key, grown)))
        .map(|(key, grown)| {
            vec![
                key.to_owned(),
                grown.backup.created.format("%Y-%m-%d %H:%M").to_string(),
                count(grown.part.rows),
                change(grown.before.map(|before| before.rows), grown.part.rows),
                bytes(grown.part.plain_bytes),
                change(grown.before.map(|before| before.plain_bytes), grown.part.plain_bytes),
                bytes(grown.part.bytes),
                grown.backup.shown_state(),
            ]
        })
        .collect();

    if rows.is_empty() {
        return "history: there are no backups".into();
    }
    columns(
        &[
            ("OF", Lean::Left),
            ("MADE (UTC)", Lean::Left),
            ("ROWS", Lean::Right),
            ("", Lean::Right),
            ("DATA", Lean::Right),
            ("", Lean::Right),
            ("FILE", Lean::Right),
            ("STATE", Lean::Left),
        ],
        &rows,
    )
}

/// `+12 %`; nothing where nothing is known or changed.
fn change(before: Option<u64>, now: u64) -> String {
    let Some(before) = before.filter(|before| *before > 0 && *before != now) else {
        return String::new();
    };
    let percent = (i128::from(now) - i128::from(before)) * 100 / i128::from(before);
    match percent {
        0 if now > before => "+<1 %".into(),
        0 => "-<1 %".into(),
        percent => format!("{percent:+} %"),
    }
}

/// For programs.
pub fn json(catalog: &Catalog, project: &Project, most: usize) -> Value {
    let all = keys(project).flat_map(|key| {
        of(catalog, key, most).into_iter().map(move |grown| {
            json!({
                "of": key, "backup": grown.backup.name, "created": grown.backup.created,
                "rows": grown.part.rows, "data_bytes": grown.part.plain_bytes,
                "bytes": grown.part.bytes, "state": grown.backup.shown_state(),
            })
        })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_share_of_what_was() {
        for (before, now, want) in [
            (None, 5, ""),
            (Some(0), 5, ""),
            (Some(5), 5, ""),
            (Some(100), 112, "+12 %"),
            (Some(100), 0, "-100 %"),
            (Some(1000), 1001, "+<1 %"),
            (Some(1000), 999, "-<1 %"),
            (Some(1), u64::MAX, "+1844674407370955161400 %"),
        ] {
            assert_eq!(change(before, now), want, "{before:?} {now}");
        }
    }
}
