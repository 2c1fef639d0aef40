//! Takes everything out of a tree, and leaves its root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::excludes::Excludes;
use super::name::Name;
use super::survey::survey;
use super::walk::{Id, beneath, list, look, open_root, seen, within};
use crate::problem::Problem;

/// What a wipe took out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wiped {
    /// Entries that are gone.
    pub entries: u64,
}

/// Empties the tree whose root is still the one that was looked at. Links are removed and not followed. A wipe that was
/// killed is finished by the next.
///
/// # Errors
/// The root is another by now, something is mounted inside (nothing has been removed then), or an entry can't be removed.
pub fn wipe(root: &Path, expected: Id) -> Result<Wiped, Problem> {
    let open = open_root(root)?;
    if seen(&open).map_err(|e| within(root, &Name::ROOT, "could not look at", e))?.id != expected {
        return Err(Problem::refused(format!("`{}` is not the folder that was looked at", root.display()))
            .cure("run the command again and look at the new plan"));
    }
    empty(root, &open)
}

/// Removes a tree with its root, which is ours. Where there is none, nothing is done.
pub(super) fn remove(root: &Path) -> Result<(), Problem> {
    if matches!(root.symlink_metadata(), Err(e) if e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(());
    }
    open_up(root)?;
    empty(root, &open_root(root)?)?;
    rustix::fs::rmdir(root).map_err(|e| within(root, &Name::ROOT, "could not remove", e))
}

/// Lets us into every folder of a tree of ours: a backup may hold some that not even their owner may enter.
fn open_up(root: &Path) -> Result<(), Problem> {
    let failed = |name: &Name, e| within(root, name, "could not open", e);
    let unlock = |folder: &OwnedFd, last: &[u8]| {
        let found = look(folder, last)?;
        let (is_folder, locked) = (found.kind == FileType::Directory, found.mode & 0o700 != 0o700);
        if is_folder && locked {
            rustix::fs::chmodat(folder, last, Mode::RWXU, AtFlags::empty())?;
        }
        rustix::io::Result::Ok(is_folder)
    };
    if let (Some(parent), Some(last)) = (root.parent(), root.file_name()) {
        unlock(&open_root(parent)?, last.as_encoded_bytes()).map_err(|e| failed(&Name::ROOT, e))?;
    }
    let open = open_root(root)?;
    let mut folders = vec![Name::ROOT];
    while let Some(folder) = folders.pop() {
        let here = beneath(&open, &folder).map_err(|e| failed(&folder, e))?;
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
        return Err(Problem::refused(format!("`{}` was not emptied: `{mount}` in it is a mount point", root.display()))
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
            if gone(look(here.as_fd(), &last)).map_err(|e| failed(&name, e))?.is_some_and(|s| s.kind == FileType::Directory) {
                folders.push(name);
            } else if gone(rustix::fs::unlinkat(&here, last, AtFlags::empty())).map_err(|e| failed(&name, e))?.is_some() {
                entries += 1;
            }
        }
    }
    // each comes after the one it is in
    for name in folders.iter().rev() {
        let Some((parent, last)) = name.split() else { continue };
        let parent = beneath(open, &parent).map_err(|e| failed(name, e))?;
        let removed = gone(rustix::fs::unlinkat(&parent, last, AtFlags::REMOVEDIR)).map_err(|e| match e {
            Errno::NOTEMPTY | Errno::EXIST => {
                failed(name, e).cure("something writes into the tree: stop it, and run the command again")
            }
            _ => failed(name, e),
        })?;
        entries += u64::from(removed.is_some());
    }
    Ok(Wiped { entries })
}

/// Somebody else has removed it: that is what we were about to do.
fn gone<T>(done: rustix::io::Result<T>) -> rustix::io::Result<Option<T>> {
    match done {
        Err(Errno::NOENT) => Ok(None),
        done => done.map(Some),
    }
}
