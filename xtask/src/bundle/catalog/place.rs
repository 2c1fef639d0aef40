//! The backup at a path that somebody names.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::super::manifest::Manifest;
use super::super::owner::Sharing;
use super::super::{ending, latest};
use super::backup::{Backup, Kind};
use super::listing::{foreign, is_an_archive, no_file};
use super::{is_of_another_tool, ours};
use crate::config::Project;
use crate::problem::{Code, Problem};

/// The backup at a given path, with its manifest if there is one next to it.
pub fn at(path: &Path, project: &Project) -> Result<Backup> {
    let ground = Sharing::of(path, project);
    found_at(path).map(|backup| backup.seen_by(project, ground))
}

/// Whether a path is a folder with dumps, and no backup itself.
pub fn is_a_folder_of_dumps(path: &Path) -> bool {
    path.is_dir() && !ending::manifest_of_set(path).is_file() && !is_an_archive(path)
}

/// The backup that a folder is.
fn set_at(path: &Path) -> Result<Backup> {
    let manifest = ending::manifest_of_set(path);
    anyhow::ensure!(
        manifest.is_file(),
        Problem::usage(format!(
            "the folder `{}` has neither a backup's `manifest.json` nor pg_dump's `toc.dat`",
            path.display()
        ))
        .code(Code::NoSuchBackup)
    );

    let others = Problem::usage(format!(
        "the `manifest.json` in `{}` belongs to another tool",
        path.display()
    ))
    .code(Code::NoSuchBackup);
    anyhow::ensure!(
        !Manifest::is_of_another_tool(&manifest),
        others.cure("name the file in it that you want to restore")
    );

    Ok(ours(&manifest, Some(path)))
}

fn found_at(path: &Path) -> Result<Backup> {
    let path = &latest::followed(path);
    let missing = |e: std::io::Error| {
        Problem::usage(format!("could not open the backup `{}`", path.display()))
            .code(Code::NoSuchBackup)
            .because(e.to_string())
            .cure("check the path; `db-list` shows the known backups")
    };

    let meta = fs::metadata(path).map_err(missing)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    anyhow::ensure!(meta.is_dir() || meta.is_file(), no_file(path));

    if meta.is_dir() && is_an_archive(path) && !ending::manifest_of_set(path).is_file() {
        return foreign(name, path.to_path_buf());
    }

    if meta.is_dir() {
        return set_at(path);
    }

    let beside = ending::manifest_beside(path);
    let backup = beside.is_file().then(|| ours(&beside, None)).filter(|b| match &b.kind {
        Kind::Broken { .. } => !is_of_another_tool(b),
        // the file that it names is complete, but a different one: this may be an unpacked copy
        _ => b.path == *path,
    });

    backup
        .map(|b| if b.path == *path { b } else { b.under_the_name_of(path) })
        .map_or_else(|| foreign(name, path.to_path_buf()), Ok)
}
