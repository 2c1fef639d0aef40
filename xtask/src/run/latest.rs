//! Naming the newest good backup. It is no part of the backup, which is sealed by then: what prevents
//! it is told.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::deed::Told;
use crate::bundle::{Manifest, ending, fault, latest};
use crate::config;
use crate::disk;
use crate::plan::Newest;
use crate::problem::Problem;

/// Names it, or tells why the old name stays.
pub(super) fn name(newest: &Newest) -> Told {
    match named(newest) {
        Ok(told) => told,
        Err(e) => {
            let why = Problem::of(e);
            vec![format!(
                "warning: `{}` stays as it is: {}; the backup is good",
                shown(&newest.path),
                why.happened.first().unwrap_or(&why.tried)
            )]
        }
    }
}

fn named(newest: &Newest) -> Result<Told> {
    // what was planned may have turned out partial or shrunken, or to be nothing new
    let Some(sealed) = newest.candidates.iter().find(|sealed| is_good(&sealed.manifest)) else {
        return Ok(vec![format!(
            "`{}` stays as it is: the new backup is not a good one",
            shown(&newest.path)
        )]);
    };

    let path = &newest.path;
    let is_there = fs::symlink_metadata(path).is_ok();
    let was = latest::named_by(path);
    anyhow::ensure!(
        !is_there || was.is_some(),
        "it is not a name of a backup in this folder: move it away if you do not need it"
    );

    if was.as_deref() != Some(&sealed.backup) {
        let partial = ending::partial(path);
        make(newest.by, &sealed.backup, &partial)?;
        disk::put_over(path, &partial)?;
    }

    // one with another ending names an old backup
    for old in newest.others.iter().filter(|old| latest::named_by(old).is_some()) {
        fs::remove_file(old).with_context(|| format!("could not remove `{}`", old.display()))?;
    }
    Ok(Told::new())
}

fn make(by: config::Latest, backup: &Path, partial: &Path) -> Result<()> {
    let name = backup.file_name().unwrap_or_default();
    if fs::symlink_metadata(partial).is_ok() {
        fs::remove_file(partial)?;
    }

    match by {
        config::Latest::Symlink => symlink(Path::new(name), partial)
            .context("this file system has no symbolic links, or refuses one"),
        config::Latest::HardLink => {
            fs::hard_link(backup, partial).context("this file system refuses a second name")
        }
        config::Latest::Pointer => {
            disk::write_anew(partial, format!("{}\n", name.to_string_lossy()).as_bytes())?;
            // it says nothing that the folder does not
            Ok(disk::set_mode(partial, 0o644)?)
        }
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn is_good(manifest: &Path) -> bool {
    let folder = manifest.parent().unwrap_or(Path::new("."));
    Manifest::read(manifest).is_ok_and(|m| m.is_good() && fault(folder, &m).is_none())
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Removes what names a backup that is removed.
pub(super) fn forget(links: &[std::path::PathBuf], backup: &Path) {
    for link in links.iter().filter(|link| latest::named_by(link).as_deref() == Some(backup)) {
        // one that stays leads nowhere, which is seen
        drop(fs::remove_file(link));
    }
}
