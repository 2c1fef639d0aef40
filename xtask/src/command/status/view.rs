//! The state of everything.

pub mod history;
pub mod stores;
mod tables;

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::bundle::{Backup, Catalog};
use crate::config::environment::is_production;
use crate::config::{Container, Database, Project, Rhythm};
use crate::engine::postgres::catalog::counting::Counts;
use crate::engine::postgres::catalog::marks::State;
use crate::engine::postgres::client::name::previous;
use crate::facts::{ContainerFacts, Surveyed};
use crate::human::{ago, bytes};
use crate::problem::first_line;
use crate::run::journal::Unfinished;
use crate::run::memory::Memory;
use crate::ui::shown;
use crate::ui::table::{Lean, columns};

/// Everything that `db-status` looks at.
pub struct Status<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its databases, surveyed or unreachable.
    pub databases: &'a [(Database, Result<Surveyed>)],
    /// Its stores.
    pub stores: &'a [stores::Looked],
    /// Its containers.
    pub containers: &'a [(Container, Result<ContainerFacts>)],
    /// Its backups.
    pub catalog: &'a Catalog,
    /// What a killed run left to be cleaned up.
    pub unfinished: Option<&'a Unfinished>,
    /// Why an existing journal is not this user's.
    pub unsafe_journal: Option<String>,
    /// What an interrupted wipe left.
    pub half_emptied: Option<String>,
    /// Free bytes where backups are stored.
    pub disk_left: Option<u64>,
    /// Hours after which a backup is old.
    pub max_age_hours: u32,
    /// Rows that each database's last good backup must have.
    pub min_rows: Option<u64>,
    /// Rows of each database's tables, if they were counted.
    pub counts: &'a BTreeMap<String, Result<Counts>>,
    /// How many backups back sizes are shown.
    pub history: Option<usize>,
    /// What the scheduler remembers.
    pub memory: &'a Memory,
    /// Now.
    pub now: DateTime<Utc>,
}

impl Status<'_> {
    /// The newest good backup of a database or store; one of a database with another name does not
    /// count.
    pub(super) fn newest(&self, key: &str) -> Option<&Backup> {
        let database = self.databases.iter().find(|(spec, _)| spec.key == key);
        let name = database.and_then(|(spec, surveyed)| match surveyed {
            Ok(surveyed) => Some(surveyed.name()),
            Err(_) => spec.connection.database.as_deref(),
        });

        name.map_or_else(
            || self.catalog.latest(&[key]),
            |name| self.catalog.latest_named(key, name),
        )
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut parts = vec![format!("{} ({})", self.project.name, self.project.environment)];

        if !self.containers.is_empty() {
            let rows: Vec<Vec<String>> =
                self.containers.iter().map(|(c, found)| container_row(c, found)).collect();
            parts.push(columns(
                &[("CONTAINER", Lean::Left), ("STATE", Lean::Left), ("SINCE", Lean::Left)],
                &rows,
            ));
        }

        parts.extend(self.databases.iter().map(|(d, surveyed)| self.database(d, surveyed)));
        parts.extend(
            self.stores.iter().map(|looked| stores::text(looked, &self.last(&looked.0.key))),
        );

        let disk =
            self.disk_left.map_or(String::new(), |n| format!(", {} free on that disk", bytes(n)));
        let others = self.catalog.other_projects().into_iter().collect::<Vec<_>>().join(", ");
        let others = if others.is_empty() {
            others
        } else {
            format!(", including those of other projects ({others})")
        };

        parts.push(format!(
            "backups: {} in {}{others}{disk}",
            self.catalog.backups.len(),
            self.catalog.dir.display()
        ));

        if let Some(history) = self.history {
            parts.push(history::text(self.catalog, self.project, history));
        }

        let findings = self.findings();
        if !findings.is_empty() {
            let found: Vec<_> = findings.iter().map(|found| shown::line(&found.what)).collect();
            parts.push(format!("needs a look:\n  {}", found.join("\n  ")));
        }
        if is_production(&self.project.environment)
            && self.project.schedule.trial_restore == Rhythm::Never
        {
            parts.extend(self.without_trial().map(|what| format!("reminder: {what}")));
        }

        parts.join("\n\n")
    }

    fn database(&self, spec: &Database, surveyed: &Result<Surveyed>) -> String {
        let mut lines = Vec::new();
        match surveyed {
            Err(e) => lines.push(format!(
                "{}: NOT REACHED\n  {}",
                spec.key,
                format!("{e:#}").replace('\n', "\n  ")
            )),
            Ok(s) => lines.extend(server(s)),
        }

        lines.push(line("last backup", &self.last(&spec.key)));

        if let Ok(s) = surveyed
            && let Some(kept) = s.server.database(&previous(s.name()))
        {
            let size = kept.size.map_or("?".into(), bytes);
            let says = match kept.state() {
                State::Held(run) => format!("is held by {run}, which is not finished"),
                _ => "is kept".into(),
            };
            lines.push(line(
                "undo",
                &format!("`{}` {says} ({size}): `db-undo` swaps it back", kept.name),
            ));
        }

        match surveyed {
            Ok(s) if !s.server.tables.is_empty() => {
                lines.push(tables::text(s, self.counts.get(&spec.key)));
            }
            // after losing a volume the server looks fine
            Ok(s) if s.live().is_some() => lines.push(line("tables", EMPTY)),
            _ => {}
        }

        lines.join("\n")
    }

    fn last(&self, key: &str) -> String {
        let shown = |backup: &Backup| {
            format!(
                "{} ({}, {}, {})",
                backup.name,
                ago(backup.current_at(), self.now),
                bytes(backup.bytes),
                backup.state()
            )
        };
        self.newest(key).map_or("none".into(), shown)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let last = |key: &str| self.newest(key).map(crate::view::backups::summary);
        let databases: Vec<Value> =
            self.databases.iter().map(|(d, s)| self.database_json(d, s, &last(&d.key))).collect();
        let stores: Vec<Value> =
            self.stores.iter().map(|looked| stores::json(looked, last(&looked.0.key))).collect();

        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|(c, found)| match found {
                Ok(f) => json!({ "key": c.key, "name": f.name, "status": f.status, "health": f.health, "started": f.started }),
                Err(e) => json!({ "key": c.key, "error": e.to_string() }),
            })
            .collect();

        let findings = self.findings();
        json!({
            "project": self.project.name, "environment": self.project.environment, "containers": containers, "databases": databases, "stores": stores,
            "backups": self.catalog.backups.len(), "disk_left": self.disk_left,
            "unfinished": self.unfinished.map(|left| json!({ "task": left.task, "since": left.since })), "problems": findings.iter().map(|found| &found.what).collect::<Vec<_>>(), "findings": findings,
            "history": self.history.map(|most| history::json(self.catalog, self.project, most)),
        })
    }
}

impl Status<'_> {
    fn database_json(
        &self,
        spec: &Database,
        surveyed: &Result<Surveyed>,
        last: &Option<Value>,
    ) -> Value {
        match surveyed {
            Err(e) => {
                json!({ "key": spec.key, "reached": false, "error": format!("{e:#}"), "last_backup": last })
            }
            Ok(s) => json!({
                "key": spec.key, "reached": true, "name": s.name(), "at": s.at(), "host": s.client.connection.host, "port": s.client.connection.port,
                "user": s.server.role.name, "server_version": s.server.version_text, "exists": s.live().is_some(),
                "bytes": s.live().and_then(|d| d.size), "marker": s.live().and_then(|d| d.marker()), "sessions": s.server.sessions,
                "tables": tables::json(s, self.counts.get(&spec.key)), "previous": s.server.database(&previous(s.name())).map(|d| &d.name), "last_backup": last,
            }),
        }
    }
}

const EMPTY: &str = "none: it is empty (`db-restore` fills it from a backup, `db-prepare` from a \
                     backup, a dump or the hooks)";

fn line(name: &str, value: &str) -> String {
    format!("  {name:<12} {}", shown::line(value))
}

fn container_row(container: &Container, found: &Result<ContainerFacts>) -> Vec<String> {
    match found {
        Ok(c) => {
            let health = c.health.as_ref().map_or(String::new(), |h| format!(" ({h})"));
            vec![
                c.name.clone(),
                format!("{}{health}", c.status),
                c.started.split('.').next().unwrap_or_default().replace('T', " "),
            ]
        }
        Err(e) => vec![container.key.clone(), first_line(e), String::new()],
    }
}

/// Host, port, database and role, as a client is told them.
fn address(s: &Surveyed) -> String {
    let c = &s.client.connection;
    let parts = [
        ("host", c.host.as_deref()),
        ("port", c.port.as_deref()),
        ("database", Some(s.name())),
        ("user", c.user.as_deref()),
    ];
    let said = parts.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    said.collect::<Vec<_>>().join(", ")
}

fn server(s: &Surveyed) -> Vec<String> {
    let mut lines = vec![format!("{} ({})", shown::line(s.name()), s.at())];
    lines.push(line(
        "server",
        &format!(
            "PostgreSQL {}, as {}, answers in {} ms",
            s.server.version_text,
            s.server.role.name,
            s.answered_in.as_millis()
        ),
    ));

    lines.push(line("address", &address(s)));
    lines.extend(s.guess().map(|guess| line("note", &guess)));
    let Some(live) = s.live() else {
        lines.push(line("database", "does not exist"));
        return lines;
    };
    lines.push(line("size", &live.size.map_or("?".into(), bytes)));
    lines.extend(live.marker().map(|m| line("marker", &m)));

    let sessions: Vec<String> = s.server.sessions.iter().take(6).map(ToString::to_string).collect();
    let shown = if sessions.is_empty() {
        "none".into()
    } else {
        format!("{}: {}", s.server.sessions.len(), sessions.join(", "))
    };

    lines.push(line("sessions", &shown));
    lines
}

#[cfg(test)]
mod tests;
