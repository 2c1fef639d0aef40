//! One run per project at a time.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::state::{self, Use};
use crate::problem::{Exit, Problem};

/// Held for as long as it lives; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the project's lock, or says who holds it.
    pub fn take(state_dir: &Path, task: &str, now: DateTime<Utc>) -> Result<Self> {
        state::prepare(state_dir)?;
        let path = state_dir.join("lock");
        let mut file = state::open(&path, Use::Change)?.context("a file that is missing is made")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file).into()),
            Err(TryLockError::Error(e)) => return Err(e).with_context(|| format!("could not lock `{}`", path.display())),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{task}, process {}, since {}", std::process::id(), now.format("%Y-%m-%d %H:%M:%S UTC"))?;
        Ok(Self { _file: file })
    }
}

fn held(file: &mut File) -> Problem {
    let mut holder = String::new();
    // what the holder wrote is a help, no more
    drop(file.read_to_string(&mut holder));
    Problem::new(Exit::Locked, "another run of this project is at work")
        .because(format!("it is {}", holder.trim()))
        .cure("wait until it is done; the lock ends with its process")
}
