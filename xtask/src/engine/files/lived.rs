//! Whether anything in a tree changed while it was live: then somebody may need it, and no clean-up
//! removes it.
//!
//! Every change of an entry sets a time that no program can set back (`ctime`). A staged tree is
//! complete before it becomes live, so whatever has a later time was changed while it was live.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::side_folder::SideFolder;
use super::walk::{at, beneath, list, look, open_root, seen};
use crate::bundle::ending;
use crate::problem::Problem;
use crate::value::tree::{Moment, Name};

/// A tree, and when it was about to become live, by its file system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Since {
    tree: u64,
    at: Moment,
}

/// How long to wait for a file system's clock.
const TICKS: u32 = 50;

impl SideFolder {
    fn since(&self) -> PathBuf {
        self.folder().join("live-since.json")
    }

    /// Notes that a tree is about to become live. Returns once the clock has advanced, so that
    /// later changes show.
    pub(super) fn note_live(&self, tree: u64) -> Result<(), Problem> {
        let at = self.clock().map_err(|e| at(&self.since(), "could not write", &e))?;
        self.note(Since { tree, at })?;
        for _ in 0..TICKS {
            if self.clock().is_ok_and(|now| now > at) {
                break;
            }
            sleep(Duration::from_millis(1));
        }

        drop(fs::remove_file(self.probe()));

        Ok(())
    }

    /// Notes that a live tree without a note may have changed.
    pub(super) fn note_unknown(&self, tree: u64) -> Result<(), Problem> {
        match self.noted() {
            Some(since) if since.tree == tree => Ok(()),
            _ => self.note(Since { tree, at: Moment { secs: i64::MIN, nanos: 0 } }),
        }
    }

    /// Forgets what was noted.
    pub(super) fn note_nothing(&self) {
        drop(fs::remove_file(self.since()));
    }

    /// Whether a tree was live, and something in it changed since. When in doubt, it did.
    pub(super) fn has_lived(&self, tree: &Path, number: u64) -> bool {
        let since = self.noted().filter(|since| since.tree == number);
        since.is_some_and(|since| changed_after(tree, since.at).unwrap_or(true))
    }

    fn note(&self, since: Since) -> Result<(), Problem> {
        let text = serde_json::to_vec(&since).unwrap_or_default();
        self.write(&self.since(), &text).map_err(|e| at(&self.since(), "could not write", &e))
    }

    fn noted(&self) -> Option<Since> {
        serde_json::from_slice(&fs::read(self.since()).ok()?).ok()
    }

    fn probe(&self) -> PathBuf {
        ending::partial(&self.folder().join("clock"))
    }

    /// The file system's current time.
    fn clock(&self) -> io::Result<Moment> {
        drop(fs::remove_file(self.probe()));
        Ok(seen(fs::File::create(self.probe())?)?.ctime)
    }
}

/// Whether anything in a tree changed after a given time. For the root only its content counts: a
/// rename changes its `ctime`, too.
fn changed_after(root: &Path, moment: Moment) -> Result<bool, Problem> {
    let failed = |e: rustix::io::Errno| at(root, "could not look at", &e.into());
    let open = open_root(root)?;
    if seen(&open).map_err(failed)?.mtime > moment {
        return Ok(true);
    }

    let mut folders = vec![Name::ROOT];
    while let Some(folder) = folders.pop() {
        let here = beneath(&open, &folder).map_err(failed)?;
        for last in list(&here).map_err(failed)? {
            let found = look(&here, &last).map_err(failed)?;
            if found.ctime > moment {
                return Ok(true);
            }
            if found.kind == rustix::fs::FileType::Directory {
                folders.push(folder.join(&last));
            }
        }
    }

    Ok(false)
}
