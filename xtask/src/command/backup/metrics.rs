//! What `db-backup` leaves for Prometheus (`metrics.textfile`). A failure warns, and changes nothing
//! of how the backup ended.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Backup;
use crate::bundle::{Catalog, ending};
use crate::disk;
use crate::problem::{Exit, Problem};
use crate::session::Session;
use crate::view::metrics::{Standing, failures, text};

/// Writes the file, if the project wants one.
pub fn publish(session: &mut Session, args: &Backup, result: &Result<Exit>) {
    let Some(path) = session.project.metrics.clone() else { return };
    let Err(e) = write(session, args, result, &path) else { return };

    let problem = Problem::of(e);
    let why = problem.happened.first().unwrap_or(&problem.tried);
    session.person.say(&format!(
        "warning: the metrics in `{}` are as they were: {why}; that changes nothing about the \
         backup",
        path.display()
    ));
}

fn write(session: &Session, args: &Backup, result: &Result<Exit>, path: &Path) -> Result<()> {
    let databases: Vec<String> =
        session.project.databases.iter().map(|database| database.key.clone()).collect();
    let project = &session.project.name;
    let mut failed = failures(&old(path)?, project, &databases)
        .context("it has metrics of something else, and each project needs a file of its own")?;

    let catalogs = folders(session, args)
        .iter()
        .map(|dir| Catalog::read(dir, &session.project))
        .collect::<Result<Vec<_>>>()?;
    let mut all: Vec<Standing> =
        databases.iter().map(|database| Standing::of(database, &catalogs)).collect();

    if has_failed(result) {
        // a part of it may be done
        let meant = session.meant(&args.only)?.databases;
        let lacks = |one: &&Standing| {
            meant.iter().any(|database| database.key == one.database)
                && one.last.as_ref().is_none_or(|last| last.begun < session.moment.now)
        };
        let now = session.moment.now.timestamp();
        failed.extend(all.iter().filter(lacks).map(|one| (one.database.clone(), now)));
    }
    all.iter_mut().for_each(|one| one.failed = failed.get(&one.database).copied());

    disk::replace_for_all(path, &ending::partial(path), text(project, &all).as_bytes())
}

/// Whether a backup should be there, and is not.
fn has_failed(result: &Result<Exit>) -> bool {
    result
        .as_ref()
        .is_err_and(|e| !matches!(Exit::of(e), Exit::Declined | Exit::Locked | Exit::FinishedBut))
}

/// The project's backup folder, and the one that this backup went to.
fn folders(session: &Session, args: &Backup) -> Vec<PathBuf> {
    let chosen = args.output_dir.as_ref().and_then(|dir| std::path::absolute(dir).ok());
    let mut all: Vec<PathBuf> =
        [session.project.backup.dir.clone()].into_iter().chain(chosen).collect();
    all.dedup();
    all
}

/// What the file says now. It must be a file, because it is replaced.
fn old(path: &Path) -> Result<String> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(e.into()),
        Ok(meta) if !meta.is_file() => Err(anyhow::anyhow!("it is not a file")),
        Ok(_) => Ok(fs::read_to_string(path)?),
    }
}
