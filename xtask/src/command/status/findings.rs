//! What `db-status --check` fails for, each with a code for programs.

use anyhow::Result;
use chrono::Duration;
use serde::Serialize;

use super::view::{Status, stores};
use crate::bundle::{Backup, Kind};
use crate::config::{Container, Database, Rhythm};
use crate::facts::{ContainerFacts, Surveyed};
use crate::human::{ago, count};
use crate::problem::first_line;
use crate::run::memory::Chore;

/// Something that needs a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is: documented in docs/json.md, and never renamed.
    pub code: &'static str,
    /// The finding, as people read it.
    pub what: String,
}

/// The codes, and what each means.
pub const CODES: [(&str, &str); 15] = [
    ("journal-unsafe", "somebody else may have written the journal of a killed run"),
    ("unfinished", "a killed run has something to be cleaned up"),
    ("half-emptied", "an interrupted wipe left some tables empty"),
    ("container-down", "a container is not running, or is unhealthy"),
    ("server-unreachable", "a database's server does not answer"),
    ("database-missing", "the server has no such database"),
    ("database-state", "the database is in a state that a run should not have left"),
    ("store-unreachable", "a store does not answer, or is not what it should be"),
    ("backup-missing", "there is no good backup"),
    ("backup-old", "the last good backup is older than `--max-age` allows"),
    ("backup-future", "the last good backup is dated in the future, so its age is not known"),
    ("backup-small", "the last good backup has fewer rows than `--min-rows` wants"),
    ("backup-shrunken", "the newest backup is shrunken"),
    ("schedule-failed", "the last run of a scheduled command failed"),
    ("trial-restore-old", "`schedule.trial-restore` has passed without a trial restore"),
];

fn finding(code: &'static str, what: impl Into<String>) -> Finding {
    Finding { code, what: what.into() }
}

impl Status<'_> {
    /// What `--check` fails for.
    pub fn findings(&self) -> Vec<Finding> {
        let journal = self.unsafe_journal.iter().map(|why| finding("journal-unsafe", why));
        let mut found: Vec<Finding> = journal.collect();
        found.extend(self.unfinished.map(|left| {
            finding(
                "unfinished",
                format!(
                    "`{}` was interrupted ({}): `db-repair` cleans up after it, and so does the \
                     next task that changes something",
                    left.task,
                    left.since.format("%Y-%m-%d %H:%M:%S UTC")
                ),
            )
        }));
        found.extend(
            self.half_emptied
                .iter()
                .map(|told| finding("half-emptied", told.replace("\n  ", "; "))),
        );

        let down = self.containers.iter().filter_map(wrong_container);
        found.extend(down.map(|what| finding("container-down", what)));

        for looked in self.databases {
            found.extend(wrong_database(looked));
            found.extend(self.of_backups(&looked.0.key));
            found.extend(self.too_small(&looked.0.key));
        }
        for looked in self.stores {
            found.extend(stores::problem(looked).map(|what| finding("store-unreachable", what)));
            found.extend(self.of_backups(&looked.0.key));
        }

        found.extend(self.shrunken());
        found.extend(self.of_schedule());
        found
    }

    /// What is wrong with the last good backup of a database or store.
    pub(super) fn of_backups(&self, key: &str) -> Option<Finding> {
        let allowed = Duration::hours(i64::from(self.max_age_hours));
        match self.newest(key) {
            None => Some(finding("backup-missing", format!("{key}: no good backup"))),
            Some(b) if b.current_at() > self.now + Duration::hours(1) => Some(finding(
                "backup-future",
                format!("{key}: the last good backup, {}, is dated in the future", b.name),
            )),
            Some(b) if (self.now - b.current_at()).num_minutes() > allowed.num_minutes() => {
                Some(finding(
                    "backup-old",
                    format!(
                        "{key}: the last good backup is {} old, {} h are allowed",
                        ago(b.current_at(), self.now).trim_end_matches(" ago"),
                        self.max_age_hours
                    ),
                ))
            }
            Some(_) => None,
        }
    }

    fn too_small(&self, key: &str) -> Option<Finding> {
        let (least, backup) = (self.min_rows?, self.newest(key)?);
        let rows = backup.manifest()?.artifacts.iter().find(|a| a.store == key)?.rows;
        (rows < least).then(|| {
            let (rows, least) = (count(rows), count(least));
            let what = format!("{key}: the last good backup has {rows} rows, {least} are wanted");
            finding("backup-small", what)
        })
    }

    /// The newest backup, if it holds too little: nothing counts it, and the last good one ages.
    fn shrunken(&self) -> Option<Finding> {
        let own = |b: &&Backup| b.other_project.is_none() && !matches!(b.kind, Kind::Foreign);
        let newest = self.catalog.backups.iter().find(own)?;
        let why = newest.manifest()?.shrink()?;
        Some(finding("backup-shrunken", format!("the newest backup, {}: {why}", newest.name)))
    }

    fn of_schedule(&self) -> Vec<Finding> {
        let failed = self.memory.chores.iter().filter(|(_, past)| past.failures > 0);
        let mut found: Vec<Finding> = failed
            .map(|(chore, past)| {
                let when = past.began.map_or(String::new(), |at| format!(" {}", ago(at, self.now)));
                let what = format!("the scheduled {} failed{when}: `db-schedule`", chore.word());
                finding("schedule-failed", what)
            })
            .collect();

        let is_never = self.project.schedule.trial_restore == Rhythm::Never;
        let old = self.without_trial().filter(|_| !is_never);
        found.extend(old.map(|what| finding("trial-restore-old", what)));
        found
    }

    /// A trial restore that was due, as far as is known. Who sets no time for it is reminded after a
    /// month, in production.
    pub fn without_trial(&self) -> Option<String> {
        const MONTH: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

        let rhythm = match &self.project.schedule.trial_restore {
            Rhythm::Never => Rhythm::Every(MONTH),
            set => set.clone(),
        };
        let noted = self.catalog.backups.iter().filter_map(|b| b.manifest()?.last_deep());
        let ran = self.memory.chores.get(&Chore::TrialRestore).and_then(|past| past.good);

        let Some(last) = noted.chain(ran).max() else {
            return Some("no trial restore is known: `db-verify --deep`".into());
        };
        let due = rhythm.after(&last.with_timezone(&chrono::Local))?;
        (due < self.now).then(|| {
            format!("the last trial restore was {}: `db-verify --deep`", ago(last, self.now))
        })
    }
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

fn wrong_database((database, surveyed): &(Database, Result<Surveyed>)) -> Option<Finding> {
    let key = &database.key;

    match surveyed {
        Ok(s) => match s.live() {
            None => Some(finding(
                "database-missing",
                format!("{key}: there is no database `{}` on the server", s.name()),
            )),
            Some(live) => {
                let (what, cure) = live.state().wrong(s.name())?;
                Some(finding("database-state", format!("{key}: {what}; {cure}")))
            }
        },
        Err(e) => Some(finding("server-unreachable", format!("{key}: {}", first_line(e)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_and_has_its_finding() {
        let page = include_str!("../../../../docs/json.md");
        let source = include_str!("findings.rs");
        for (code, what) in CODES {
            assert!(page.contains(&format!("| `{code}` | {what} |")), "{code}");
            assert!(source.matches(&format!("\"{code}\"")).count() >= 2, "{code} is never found");
        }
    }
}
