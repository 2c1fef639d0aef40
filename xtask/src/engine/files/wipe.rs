//! Removes everything in a tree, and keeps its root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::excludes::Excludes;
use super::survey::survey;
use super::walk::{Id, beneath, list, look, open_root, seen, within};
use crate::problem::{Code, Problem};
use crate::value::tree::Name;

/// What a wipe removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wiped {
    /// Entries that were removed.
    pub entries: u64,
}

/// Empties the tree if its root is still the one that was looked at. Links are removed, not
/// followed. After a killed wipe the next one finishes.
///
/// # Errors
/// The root was replaced meanwhile, something is mounted inside (then nothing was removed), or an
/// entry can't be removed.
pub fn wipe(root: &Path, expected: Id) -> Result<Wiped, Problem> {
    let open = open_root(root)?;
    if seen(&open).map_err(|e| within(root, &Name::ROOT, "could not look at", e))?.id != expected {
        return Err(Problem::refused(format!(
            "`{}` is not the folder that was looked at before",
            root.display()
        ))
        .code(Code::ChangedMeanwhile)
        .cure("run the command again and look at the new plan"));
    }

    let failed = |e| within(root, &Name::ROOT, "could not open", e);
    let mode = Mode::from_bits_truncate(seen(&open).map_err(failed)?.mode as _);
    let locked = !mode.contains(Mode::RWXU);

    if locked {
        rustix::fs::fchmod(&open, mode | Mode::RWXU).map_err(failed)?;
    }

    let wiped = open_below(root, &open).and_then(|()| empty(root, &open));

    if locked {
        rustix::fs::fchmod(&open, mode).map_err(failed)?;
    }

    wiped
}

/// Removes a tree with its root, which is ours. If there is none, does nothing.
pub(super) fn remove(root: &Path) -> Result<(), Problem> {
    if matches!(root.symlink_metadata(), Err(e) if e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(());
    }
    open_up(root)?;
    empty(root, &open_root(root)?)?;
    rustix::fs::rmdir(root).map_err(|e| within(root, &Name::ROOT, "could not remove", e))
}

/// Makes every folder of a tree of ours accessible: a backup may have some that not even their
/// owner may enter. Folders of others stay as they are: their owners decide who may enter.
fn open_up(root: &Path) -> Result<(), Problem> {
    if let (Some(parent), Some(last)) = (root.parent(), root.file_name()) {
        let unlocked = unlock(&open_root(parent)?, last.as_encoded_bytes());
        unlocked.map_err(|e| within(root, &Name::ROOT, "could not open", e))?;
    }
    open_below(root, &open_root(root)?)
}

/// Makes a folder accessible, if it is ours; returns whether it is a folder.
fn unlock(folder: &OwnedFd, last: &[u8]) -> rustix::io::Result<bool> {
    let found = look(folder, last)?;
    let (is_folder, locked) = (found.kind == FileType::Directory, found.mode & 0o700 != 0o700);
    if is_folder && locked {
        match rustix::fs::chmodat(folder, last, Mode::RWXU, AtFlags::empty()) {
            Err(Errno::PERM) if found.owner.0 != geteuid().as_raw() => {}
            done => done?,
        }
    }

    Ok(is_folder)
}

fn open_below(root: &Path, open: &OwnedFd) -> Result<(), Problem> {
    let failed = |name: &Name, e| within(root, name, "could not open", e);
    let mut folders = vec![Name::ROOT];
    while let Some(folder) = folders.pop() {
        let here = beneath(open, &folder).map_err(|e| failed(&folder, e))?;
        for last in list(&here).map_err(|e| failed(&folder, e))? {
            let name = folder.join(&last);
            if unlock(&here, &last).map_err(|e| failed(&name, e))? {
                folders.push(name);
            }
        }
    }

    Ok(())
}

fn empty(root: &Path, open: &OwnedFd) -> Result<Wiped, Problem> {
    let mounts = survey(root, &Excludes::default())?.mounts;
    if let Some(mount) = mounts.first() {
        return Err(Problem::refused(format!(
            "`{}` was not emptied: `{mount}` in it is a mount point",
            root.display()
        ))
        .because("what is mounted there belongs to something else; nothing was removed")
        .cure("unmount it, or move it out of the tree"));
    }

    let failed = |name: &Name, e| within(root, name, "could not remove", e);
    let (mut folders, mut entries) = (vec![Name::ROOT], 0);
    let mut at = 0;

    while let Some(folder) = folders.get(at).cloned() {
        at += 1;
        let here = beneath(open, &folder).map_err(|e| failed(&folder, e))?;
        for last in list(&here).map_err(|e| failed(&folder, e))? {
            let name = folder.join(&last);
            if gone(look(here.as_fd(), &last))
                .map_err(|e| failed(&name, e))?
                .is_some_and(|s| s.kind == FileType::Directory)
            {
                folders.push(name);
            } else if gone(rustix::fs::unlinkat(&here, last, AtFlags::empty()))
                .map_err(|e| failed(&name, e))?
                .is_some()
            {
                entries += 1;
            }
        }
    }

    // each comes after the one it is in
    for name in folders.iter().rev() {
        let Some((parent, last)) = name.split() else { continue };
        let parent = beneath(open, &parent).map_err(|e| failed(name, e))?;
        let removed =
            gone(rustix::fs::unlinkat(&parent, last, AtFlags::REMOVEDIR)).map_err(|e| match e {
                Errno::NOTEMPTY | Errno::EXIST => failed(name, e)
                    .cure("a program writes into the tree: stop it, and run the command again"),
                _ => failed(name, e),
            })?;

        entries += u64::from(removed.is_some());
    }

    Ok(Wiped { entries })
}

/// Somebody else has removed it: we were about to do that.
fn gone<T>(done: rustix::io::Result<T>) -> rustix::io::Result<Option<T>> {
    match done {
        Err(Errno::NOENT) => Ok(None),
        done => done.map(Some),
    }
}
