//! One run per project at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use crate::problem::{Exit, Problem};

/// Held for as long as it lives; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the project's lock, or says who holds it.
    pub fn take(state_dir: &Path, task: &str, now: DateTime<Utc>) -> Result<Self> {
        prepare(state_dir)?;
        let path = state_dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("could not open `{}`", path.display()))?;
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

/// The project's own folder, kept out of version control.
pub fn prepare(state_dir: &Path) -> Result<()> {
    super::deed::private_folder(state_dir)?;
    let ignore = state_dir.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "*\n").with_context(|| format!("could not write `{}`", ignore.display()))?;
    }
    Ok(())
}

fn held(file: &mut File) -> Problem {
    let mut holder = String::new();
    // what the holder wrote is a help, no more
    drop(file.read_to_string(&mut holder));
    Problem::new(Exit::Locked, "another run of this project is at work")
        .because(format!("it is {}", holder.trim()))
        .cure("wait until it is done; the lock ends with its process")
}
