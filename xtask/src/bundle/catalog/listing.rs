//! What a file in the folder of backups is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::super::dated;
use super::backup::{Backup, Kind};
use crate::problem::{Code, Problem};

/// A folder that `pg_dump --format=directory` made (`pg_backup_directory.c`).
pub(super) fn is_an_archive(folder: &Path) -> bool {
    folder.join("toc.dat").is_file()
}

/// A file without a manifest, or a folder made by pg_dump.
pub fn foreign(name: String, path: PathBuf) -> Result<Backup> {
    let length = |path: &Path| fs::metadata(path).map(|meta| meta.len());
    let bytes = if path.is_dir() {
        fs::read_dir(&path)?.map(|entry| length(&entry?.path())).sum::<std::io::Result<u64>>()?
    } else {
        length(&path)?
    };

    let created = dated::made(&name, modified(&path));
    Ok(Backup {
        name,
        created,
        bytes,
        other_project: None,
        kind: Kind::Foreign,
        manifest_path: None,
        path,
    })
}

/// A dump is read more than once, and reading a pipe that nobody writes to would hang.
pub(super) fn no_file(path: &Path) -> Problem {
    Problem::usage(format!("`{}` is neither a file nor a folder", path.display()))
        .code(Code::FileError)
        .cure("write it to a file first, and name that")
}

pub(super) fn modified(path: &Path) -> DateTime<Utc> {
    fs::metadata(path).and_then(|m| m.modified()).map_or(DateTime::UNIX_EPOCH, DateTime::from)
}
