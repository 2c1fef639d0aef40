//! What Prometheus reads of the backups, in its text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats>).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use crate::bundle::{Backup, Catalog};

/// When a backup failed last: the one metric that no manifest knows.
const FAILED: &str = "db_tasks_last_failure_timestamp_seconds";

/// Each metric with its help. node_exporter wants the same help in every file, so a text never
/// changes.
const METRICS: [(&str, &str, Of); 7] = [
    ("db_tasks_last_success_timestamp_seconds", "When the last good backup was begun.", |s| {
        Some(s.last.as_ref()?.begun.timestamp().to_string())
    }),
    (FAILED, "When db-backup failed last.", |s| Some(s.failed?.to_string())),
    ("db_tasks_backup_size_bytes", "The size of the last good backup.", |s| {
        Some(s.last.as_ref()?.bytes.to_string())
    }),
    ("db_tasks_backup_rows", "The rows in the last good backup.", |s| {
        Some(s.last.as_ref()?.rows.to_string())
    }),
    ("db_tasks_backup_duration_seconds", "How long the last good backup took.", |s| {
        Some(s.last.as_ref()?.seconds.to_string())
    }),
    ("db_tasks_backups", "How many backups there are.", |s| Some(s.backups.to_string())),
    ("db_tasks_good_backups", "How many of the backups are good.", |s| Some(s.good.to_string())),
];

/// A metric's value, if there is one.
type Of = fn(&Standing) -> Option<String>;

/// How the backups of a database stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Its key.
    pub database: String,
    /// The last good one.
    pub last: Option<Last>,
    /// When one failed last, in Unix seconds.
    pub failed: Option<i64>,
    /// All that have it.
    pub backups: usize,
    /// The good ones.
    pub good: usize,
}

/// The last good backup of a database.
#[derive(Debug, Clone, PartialEq)]
pub struct Last {
    /// When it was begun.
    pub begun: DateTime<Utc>,
    /// Bytes of the database's artifact.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Standing {
    /// As the manifests in these folders say it.
    pub fn of(database: &str, catalogs: &[Catalog]) -> Self {
        let own = |backup: &&Backup| {
            let mut artifacts = backup.manifest().into_iter().flat_map(|m| &m.artifacts);
            backup.other_project.is_none() && artifacts.any(|a| a.store == database)
        };
        let all: Vec<&Backup> = catalogs.iter().flat_map(|c| &c.backups).filter(own).collect();
        let latest = catalogs.iter().filter_map(|c| c.latest(&[database]));

        let last = latest.max_by_key(|backup| backup.current_at()).and_then(|backup| {
            let artifact = backup.manifest()?.artifacts.iter().find(|a| a.store == database)?;
            Some(Last {
                begun: backup.current_at(),
                bytes: artifact.bytes,
                rows: artifact.rows,
                seconds: artifact.seconds,
            })
        });
        let good = all.iter().filter(|backup| backup.is_good_of(database)).count();

        Self { database: database.into(), last, failed: None, backups: all.len(), good }
    }
}

/// The file.
pub fn text(project: &str, all: &[Standing]) -> String {
    let mut text = String::new();
    for (name, help, of) in METRICS {
        // a String takes everything
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for standing in all {
            if let Some(value) = of(standing) {
                let labels = labels(project, &standing.database);
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
    }

    text
}

fn labels(project: &str, database: &str) -> String {
    format!("{{project=\"{}\",database=\"{}\"}}", escaped(project), escaped(database))
}

/// A label's value: a backslash, a quotation mark or a line break would end it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// When backups of these databases failed last, as an earlier file says it; `None` if that is not a
/// file of this project.
pub fn failures(text: &str, project: &str, databases: &[String]) -> Option<BTreeMap<String, i64>> {
    let own = format!("{{project=\"{}\",", escaped(project));
    let samples = || text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    if !samples().all(|line| line.starts_with("db_tasks_") && line.contains(&own)) {
        return None;
    }

    let failed = |database: &String| {
        let name = format!("{FAILED}{} ", labels(project, database));
        let value = samples().find_map(|line| line.strip_prefix(&name))?;
        Some((database.clone(), value.parse().ok()?))
    };
    Some(databases.iter().filter_map(failed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_reads() {
        let last = Last {
            begun: DateTime::from_timestamp(1_768_603_500, 0).unwrap(),
            bytes: 3443,
            rows: 53,
            seconds: 0.25,
        };
        let all = [
            Standing {
                database: "main".into(),
                last: Some(last),
                failed: Some(7),
                backups: 3,
                good: 2,
            },
            Standing { database: "new".into(), ..Standing::default() },
        ];
        let text = text("a \"b\"\\c\nd", &all);
        let label = "{project=\"a \\\"b\\\"\\\\c\\nd\",database=\"main\"}";

        for line in [
            "# HELP db_tasks_backup_rows The rows in the last good backup.",
            "# TYPE db_tasks_backup_rows gauge",
            &format!("db_tasks_last_success_timestamp_seconds{label} 1768603500"),
            &format!("db_tasks_last_failure_timestamp_seconds{label} 7"),
            &format!("db_tasks_backup_size_bytes{label} 3443"),
            &format!("db_tasks_backup_rows{label} 53"),
            &format!("db_tasks_backup_duration_seconds{label} 0.25"),
            &format!("db_tasks_backups{label} 3"),
            &format!("db_tasks_good_backups{label} 2"),
        ] {
            assert_eq!(text.lines().filter(|l| *l == line).count(), 1, "{line}:\n{text}");
        }
        assert_eq!(text.matches("database=\"new\"").count(), 2, "it has no backups: {text}");
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn failures_are_read_back() {
        let databases = ["main", "a\"b"].map(String::from);
        let failed = |at: usize, when| Standing {
            database: databases[at].clone(),
            failed: Some(when),
            ..Standing::default()
        };
        let written = text("shop", &[failed(0, 7), failed(1, 8)]);

        let known = BTreeMap::from([(databases[0].clone(), 7), (databases[1].clone(), 8)]);
        assert_eq!(failures(&written, "shop", &databases), Some(known));
        assert_eq!(failures("", "shop", &databases), Some(BTreeMap::new()));
        assert_eq!(failures(&written, "sho", &databases), None);
        assert_eq!(failures("node_load1 3\n", "shop", &databases), None);
    }
}
