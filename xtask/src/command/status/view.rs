//! The state of everything.

pub mod stores;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::bundle::{Backup, Catalog};
use crate::config::{Container, Database, Project};
use crate::engine::postgres::catalog::marks::State;
use crate::engine::postgres::client::name::previous;
use crate::facts::{ContainerFacts, Surveyed};
use crate::human::{ago, bytes, count, counted};
use crate::problem::first_line;
use crate::run::journal::Unfinished;
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
    /// Now.
    pub now: DateTime<Utc>,
}

fn wrong_container((container, found): &(Container, Result<ContainerFacts>)) -> Option<String> {
    match found {
        Ok(c) if c.runs() && c.health.as_deref() != Some("unhealthy") => None,
        Ok(c) => Some(format!(
            "container {} is {}",
            c.name,
            c.health.as_ref().filter(|_| c.runs()).unwrap_or(&c.status)
        )),
        Err(e) => Some(format!("container {}: {}", container.key, first_line(e))),
    }
}

fn wrong_database((database, surveyed): &(Database, Result<Surveyed>)) -> Option<String> {
    let key = &database.key;

    match surveyed {
        Ok(s) => match s.live() {
            None => Some(format!("{key}: there is no database `{}` on the server", s.name())),
            Some(live) => {
                let (what, cure) = live.state().wrong(s.name())?;
                Some(format!("{key}: {what}; {cure}"))
            }
        },
        Err(e) => Some(format!("{key}: {}", first_line(e))),
    }
}

impl Status<'_> {
    /// What `--check` fails for.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.unsafe_journal.iter().cloned().collect();
        if let Some(left) = self.unfinished {
            problems.push(format!(
                "`{}` was interrupted ({}): `db-repair` cleans up after it, and so does the next \
                 task that changes something",
                left.task,
                left.since.format("%Y-%m-%d %H:%M:%S UTC")
            ));
        }

        problems.extend(self.half_emptied.iter().map(|told| told.replace("\n  ", "; ")));

        problems.extend(self.containers.iter().filter_map(wrong_container));

        for looked in self.databases {
            problems.extend(wrong_database(looked));
            problems.extend(self.old_backup(&looked.0.key));
        }

        for looked in self.stores {
            problems.extend(stores::problem(looked));
            problems.extend(self.old_backup(&looked.0.key));
        }

        problems
    }

    /// The newest good backup of a database or store; one of a database with another name does not
    /// count.
    fn newest(&self, key: &str) -> Option<&Backup> {
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

    fn old_backup(&self, key: &str) -> Option<String> {
        match self.newest(key) {
            None => Some(format!("{key}: no good backup")),
            Some(b)
                if (self.now - b.created).num_minutes() > i64::from(self.max_age_hours) * 60 =>
            {
                Some(format!(
                    "{key}: the last good backup is {} old, {} h are allowed",
                    ago(b.created, self.now).trim_end_matches(" ago"),
                    self.max_age_hours
                ))
            }
            Some(_) => None,
        }
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

        let problems = self.problems();
        if !problems.is_empty() {
            let problems: Vec<_> = problems.iter().map(|problem| shown::line(problem)).collect();
            parts.push(format!("needs a look:\n  {}", problems.join("\n  ")));
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
            Ok(s) if !s.server.tables.is_empty() => lines.push(tables(s)),
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
                ago(backup.created, self.now),
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
            self.databases.iter().map(|(d, s)| database_json(d, s, &last(&d.key))).collect();
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

        json!({
            "project": self.project.name, "environment": self.project.environment, "containers": containers, "databases": databases, "stores": stores,
            "backups": self.catalog.backups.len(), "disk_left": self.disk_left,
            "unfinished": self.unfinished.map(|left| json!({ "task": left.task, "since": left.since })), "problems": self.problems(),
        })
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

fn tables(s: &Surveyed) -> String {
    let shown = &s.server.tables[..s.server.tables.len().min(20)];
    let estimate = |n: i64| u64::try_from(n).map_or("?".into(), count);
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|t| vec![String::new(), t.name.clone(), estimate(t.estimate), bytes(t.bytes)])
        .collect();

    let mut text = columns(
        &[
            ("", Lean::Left),
            ("TABLE", Lean::Left),
            ("ROWS (EST.)", Lean::Right),
            ("SIZE", Lean::Right),
        ],
        &rows,
    );

    let more = s.server.tables.len() - shown.len();
    if more > 0 {
        text.push_str(&format!("\n  … and {}", counted(more as u64, "smaller table")));
    }

    text
}

fn database_json(spec: &Database, surveyed: &Result<Surveyed>, last: &Option<Value>) -> Value {
    match surveyed {
        Err(e) => {
            json!({ "key": spec.key, "reached": false, "error": format!("{e:#}"), "last_backup": last })
        }
        Ok(s) => json!({
            "key": spec.key, "reached": true, "name": s.name(), "at": s.at(), "server_version": s.server.version_text, "exists": s.live().is_some(),
            "bytes": s.live().and_then(|d| d.size), "marker": s.live().and_then(|d| d.marker()), "sessions": s.server.sessions, "tables": s.server.tables,
            "previous": s.server.database(&previous(s.name())).map(|d| &d.name), "last_backup": last,
        }),
    }
}

#[cfg(test)]
mod tests;
