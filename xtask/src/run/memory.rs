//! What the scheduler remembers, in the project's own folder: when what ran, and how it ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::state;
use crate::bundle::ending;
use crate::config::{Rhythm, Schedule};
use crate::disk;
use crate::problem::Exit;

/// What the scheduler does again and again. The order is that in which they run if all are due: old
/// backups go when there is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chore {
    /// `db-backup`
    Backup,
    /// `db-cleanup`
    Cleanup,
    /// `db-verify --deep`
    TrialRestore,
}

impl Chore {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Backup, Self::Cleanup, Self::TrialRestore];

    /// As people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Cleanup => "cleanup",
            Self::TrialRestore => "trial restore",
        }
    }

    /// Its rhythm.
    pub fn rhythm(self, schedule: &Schedule) -> &Rhythm {
        match self {
            Self::Backup => &schedule.backup,
            Self::Cleanup => &schedule.cleanup,
            Self::TrialRestore => &schedule.trial_restore,
        }
    }
}

/// What is known of a chore's runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// When the last one began.
    pub began: Option<DateTime<Utc>>,
    /// When it ended; nothing while it runs, and if it was killed with its scheduler.
    pub ended: Option<DateTime<Utc>>,
    /// Its exit code; nothing if a signal ended it.
    pub exit: Option<i32>,
    /// When the last good one began.
    pub good: Option<DateTime<Utc>>,
    /// How many have failed since.
    pub failures: u32,
}

impl Past {
    /// What is known once a run has ended.
    pub fn after(self, began: DateTime<Utc>, ended: DateTime<Utc>, exit: Option<i32>) -> Self {
        let is_good = exit.is_some_and(|code| GOOD.contains(&code));
        let is_failure = !is_good && exit != Some(INTERRUPTED);
        Self {
            began: Some(began),
            ended: Some(ended),
            exit,
            good: if is_good { Some(began) } else { self.good },
            failures: if is_good { 0 } else { self.failures.saturating_add(u32::from(is_failure)) },
        }
    }

    /// Whether a signal interrupted the last one, such as the one that ended its scheduler: no
    /// failure, but it is not done.
    pub fn was_interrupted(&self) -> bool {
        self.exit == Some(INTERRUPTED)
    }

    /// Whether it may be running: it began, and no end of it is known.
    pub fn is_open(&self) -> bool {
        self.began.is_some() && self.ended.is_none()
    }
}

/// A signal came.
const INTERRUPTED: i32 = Exit::Interrupted as i32;

/// The work is done: what failed after it (an upload, an after-hook) is no reason to do it again.
const GOOD: [i32; 2] = [Exit::Done as i32, Exit::FinishedBut as i32];

/// The file.
const NAME: &str = "schedule.json";

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When this project was first scheduled.
    pub since: Option<DateTime<Utc>>,
    /// When `db-schedule run --due` last looked.
    pub looked: Option<DateTime<Utc>>,
    /// What is known of each chore.
    pub chores: BTreeMap<Chore, Past>,
}

impl Memory {
    /// What is remembered. A file that can't be understood is as good as none: the newest backup
    /// tells when the last one was made.
    ///
    /// # Errors
    /// It may have been written by somebody else.
    pub fn read(state_dir: &Path) -> Result<Self> {
        let text = state::read(&file(state_dir))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Keeps it.
    ///
    /// # Errors
    /// It could not be written.
    pub fn write(&self, state_dir: &Path) -> Result<()> {
        state::prepare(state_dir)?;
        let path = file(state_dir);
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        disk::replace(&path, &ending::partial(&path), text.as_bytes())
    }
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}
