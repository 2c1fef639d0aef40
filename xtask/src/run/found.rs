//! What one pass over the bytes needs of the run, and what it finds.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::load::Loaded;
use crate::config::Secrets;
use crate::door::{Idle, Interrupt};
use crate::engine::postgres::script::Script;
use crate::plan::Proof;
use crate::problem::{Code, Problem};
use crate::stream::Sum;
use crate::value::{Contents, LeftOut};

/// What a pipe found.
#[derive(Debug, Clone)]
pub struct Found {
    /// When it began.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the file, and their checksum.
    pub sum: Sum,
    /// Bytes before they were compressed.
    pub plain_bytes: u64,
    /// What they hold.
    pub held: Held,
    /// What the new database says, if one was loaded.
    pub loaded: Loaded,
}

impl Found {
    /// What psql did not get of a dump.
    pub fn left_out(&self) -> Option<&LeftOut> {
        match &self.held {
            Held::Script(script) => Some(&script.left_out).filter(|left| !left.is_nothing()),
            Held::Contents(_) | Held::Sealed => None,
        }
    }
}

/// What the bytes of a pipe hold.
#[derive(Debug, Clone)]
pub enum Held {
    /// A script of psql.
    Script(Box<Script>),
    /// An artifact of a store.
    Contents(Contents),
    /// Nobody knows: it is encrypted, and there was no key.
    Sealed,
}

/// How far a pipe is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Plain bytes so far.
    pub bytes: u64,
    /// Bytes to expect; a guess.
    pub expected: Option<u64>,
    /// Rows so far.
    pub rows: u64,
    /// Since the pipe began.
    pub elapsed: Duration,
}

/// What a pipe needs of the run.
pub struct Means<'a> {
    /// Values for children's environments.
    pub secrets: &'a Secrets,
    /// SIGINT and SIGTERM.
    pub interrupt: &'a Interrupt,
    /// The session in which a database was looked at.
    pub idle: &'a Idle,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
    /// Told how far it is.
    pub progress: &'a mut dyn FnMut(&Progress),
}

/// Whether the bytes have the checksum of the manifest.
pub(super) fn undamaged(wanted: &Proof, read: Option<&Sum>) -> Result<()> {
    let found = read.map(Sum::checksum);
    match wanted.sum.as_ref().filter(|expected| found.as_ref() != Some(*expected)) {
        None => Ok(()),
        Some(expected) => {
            Err(Problem::failed("the backup is damaged: its checksum does not match its manifest")
                .code(Code::BackupDamaged)
                .because(format!(
                    "{} now  {}\nmanifest    {}",
                    expected.method,
                    found.map_or("none".into(), |found| found.hex),
                    expected.hex
                ))
                .cure("use another backup (`db-list`); this file has changed since it was made")
                .of_backup()
                .into())
        }
    }
}
