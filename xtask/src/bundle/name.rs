//! Names of backups, from the template.

use std::path::PathBuf;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};

use crate::config;
use crate::stream::Compression;

/// What a template's placeholders stand for.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    /// `{project}`
    pub project: &'a str,
    /// `{environment}`
    pub environment: &'a str,
    /// `{database}`: the database's own name.
    pub database: &'a str,
    /// `{store}`: its key in the file.
    pub store: &'a str,
    /// The label, made fit for a file name and put after the timestamp.
    pub label: Option<&'a str>,
}

/// Refuses templates and formats that cannot name a backup.
pub fn check(backup: &config::Backup) -> Result<(), String> {
    let known = ["project", "environment", "database", "store", "timestamp", "ext"];
    for part in backup.name.split('{').skip(1) {
        let word = part.split('}').next().unwrap_or_default();
        if !known.contains(&word) {
            return Err(format!(
                "`name` has `{{{word}}}`, known are {}",
                known.map(|k| format!("`{{{k}}}`")).join(", ")
            ));
        }
    }

    if !backup.name.contains("{timestamp}") || !backup.name.ends_with("{ext}") {
        return Err("`name` must contain `{timestamp}` and end with `.{ext}`".into());
    }

    if backup.name.contains("..")
        || backup.name.starts_with('/')
        || backup.name.matches('/').count() > 1
    {
        return Err("`name` may have at most one folder, and must stay inside `dir`".into());
    }

    let known = !StrftimeItems::new(&backup.timestamp).any(|item| matches!(item, Item::Error));
    let usable = known
        && Some(DateTime::UNIX_EPOCH.format(&backup.timestamp).to_string())
            .is_some_and(|t| !t.is_empty() && !t.contains('/'));
    if !usable {
        return Err(format!(
            "`timestamp` is `{}`, which is not a strftime format for a file name",
            backup.timestamp
        ));
    }

    Compression::parse(&backup.compress, backup.level).map(|_| ())
}

/// Whether the template makes folders (`backup_{timestamp}/{store}.{ext}`), one for all databases
/// together.
pub fn is_folder(template: &str) -> bool {
    template.contains('/')
}

/// The artifact's path in the backup folder, with `counter` in the name from 2 on.
pub fn artifact(
    backup: &config::Backup,
    words: &Words<'_>,
    ext: &str,
    now: DateTime<Utc>,
    counter: u32,
) -> PathBuf {
    let label =
        words.label.map(slug).filter(|s| !s.is_empty()).map_or(String::new(), |s| format!("_{s}"));
    let counter = if counter > 1 { format!("_{counter}") } else { String::new() };
    let timestamp = format!("{}{label}{counter}", now.format(&backup.timestamp));

    let name = backup
        .name
        .replace("{project}", &slug(words.project))
        .replace("{environment}", &slug(words.environment))
        .replace("{database}", &slug(words.database))
        .replace("{store}", &slug(words.store))
        .replace("{timestamp}", &timestamp)
        .replace("{ext}", ext);
    PathBuf::from(name)
}

/// Letters, digits, `-`, `_` and `.`; everything else becomes `-`. Letters of any script are kept.
fn slug(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect::<String>()
        .trim_start_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(name: &str, timestamp: &str) -> config::Backup {
        config::Backup {
            dir: "b".into(),
            name: name.into(),
            timestamp: timestamp.into(),
            compress: "gzip".into(),
            level: None,
            plain: config::Plain::default(),
            keep: config::Retention::default(),
            interval_hours: 24,
            ask: false,
        }
    }

    #[test]
    fn names_as_the_documents_have_them() {
        let words = Words {
            project: "p",
            environment: "e",
            database: "rephlo-dev",
            store: "main",
            label: None,
        };

        let now = "2025-11-20T10:30:00Z".parse().unwrap();

        for (template, timestamp, ext, counter, want) in [
            (
                "{database}_{timestamp}.{ext}",
                "%Y-%m-%dT%H-%M-%S",
                "sql.gz",
                1,
                "rephlo-dev_2025-11-20T10-30-00.sql.gz",
            ),
            (
                "{database}_backup_{timestamp}.{ext}",
                "%Y%m%d_%H%M%S",
                "sql.gz",
                2,
                "rephlo-dev_backup_20251120_103000_2.sql.gz",
            ),
            (
                "backup_{timestamp}/{store}.{ext}",
                "%Y%m%d_%H%M%S",
                "sql",
                1,
                "backup_20251120_103000/main.sql",
            ),
        ] {
            let got = artifact(&backup(template, timestamp), &words, ext, now, counter);
            assert_eq!(got.to_string_lossy(), want);
        }

        let labelled = Words { label: Some("before v2 / risky"), ..words };
        let got = artifact(&backup("{database}_{timestamp}.{ext}", "%Y"), &labelled, "sql", now, 1);
        assert_eq!(got.to_string_lossy(), "rephlo-dev_2025_before-v2---risky.sql");
    }

    #[test]
    fn refuses_templates_that_cannot_work() {
        for (name, timestamp, ok) in [
            ("{database}_{timestamp}.{ext}", "%Y%m%d_%H%M%S", true),
            ("{database}.{ext}", "%Y", false),
            ("{datbase}_{timestamp}.{ext}", "%Y", false),
            ("../{timestamp}.{ext}", "%Y", false),
            ("{timestamp}.{ext}", "%Q", false),
            ("{timestamp}.{ext}", "%D", false),
        ] {
            assert_eq!(check(&backup(name, timestamp)).is_ok(), ok, "{name} {timestamp}");
        }
    }
}
