//! One run per project at a time.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::state::{self, Use};
use crate::problem::{Exit, Problem};

/// Held as long as this value lives; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The scheduler's own lock: the commands that it starts take the project's.
const SCHEDULER: &str = "schedule-lock";

impl Lock {
    /// Takes the project's lock, or says who holds it.
    pub fn take(state_dir: &Path, task: &str, now: DateTime<Utc>) -> Result<Self> {
        Self::of("lock", state_dir, task, now)
    }

    /// Takes the lock of the project's scheduler, or says who holds it.
    pub fn of_scheduler(state_dir: &Path, task: &str, now: DateTime<Utc>) -> Result<Self> {
        Self::of(SCHEDULER, state_dir, task, now)
    }

    /// Who holds the lock of the project's scheduler.
    pub fn scheduler(state_dir: &Path) -> Result<Option<String>> {
        let Some(mut file) = state::open(&state_dir.join(SCHEDULER), Use::Read)? else {
            return Ok(None);
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => holder(&mut file).map(Some),
            _ => Ok(None),
        }
    }

    fn of(name: &str, state_dir: &Path, task: &str, now: DateTime<Utc>) -> Result<Self> {
        state::prepare(state_dir)?;
        let path = state_dir.join(name);
        let mut file =
            state::open(&path, Use::Change)?.context("a file that is missing is made")?;
        let begun = Instant::now();

        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(&mut file)?;
                    if begun.elapsed() > LINGERS || !has_ended(&holder) {
                        return Err(held(&holder).into());
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::Error(e)) => {
                    return Err(e).with_context(|| format!("could not lock `{}`", path.display()));
                }
            }
        }

        file.set_len(0)?;
        file.rewind()?;
        writeln!(
            file,
            "{task}, process {}, since {}",
            std::process::id(),
            now.format("%Y-%m-%d %H:%M:%S UTC")
        )?;

        Ok(Self { _file: file })
    }
}

/// How long a lock may outlive its process. A run killed between fork and exec of a child leaves it
/// to that child, which releases it at its exec.
const LINGERS: Duration = Duration::from_secs(5);

/// What the holder wrote. It is only a help: it may be truncated, or not written yet.
fn holder(file: &mut File) -> Result<String> {
    let mut holder = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut holder)?;
    Ok(String::from_utf8_lossy(&holder).trim().to_owned())
}

/// Whether the process that the lock names is gone. False if none is named, or if that is not
/// known.
fn has_ended(holder: &str) -> bool {
    let pid =
        holder.split_once(", process ").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
    pid.is_some_and(|pid| !runs(pid))
}

#[cfg(unix)]
fn runs(pid: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(pid).is_none_or(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn runs(_pid: i32) -> bool {
    true
}

fn held(holder: &str) -> Problem {
    Problem::new(Exit::Locked, "another run of this project is active")
        .because(format!("it is {holder}"))
        .cure("wait until it is done; the lock is released when its process ends")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn taken(dir: &Path) -> Result<Lock> {
        Lock::take(dir, "db-backup", DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_lock_that_a_dead_runs_child_still_holds_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();

        let lock = taken(dir.path()).unwrap();
        std::fs::write(
            dir.path().join("lock"),
            format!("db-reset, process {}, since\n", gone.id()),
        )
        .unwrap();

        let held = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(lock);
        });

        taken(dir.path()).unwrap();
        held.join().unwrap();
    }

    #[test]
    fn a_run_that_is_at_work_is_named_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = taken(dir.path()).unwrap();
        let begun = Instant::now();

        let error = format!("{:#}", taken(dir.path()).unwrap_err());

        assert!(error.contains("another run of this project is active"), "{error}");
        assert!(begun.elapsed() < LINGERS);
    }

    #[test]
    fn what_names_no_process_is_taken_for_a_run_at_work() {
        for holder in [
            "",
            "db-backup",
            "db-backup, process , since",
            "db-backup, process x, since",
            "db-backup, process 0, since",
        ] {
            assert!(!has_ended(holder), "{holder}");
        }
    }
}
