//! The facts about a tree before anything is planned; it only reads.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, FileType};
use rustix::io::Errno;
use rustix::process::{Uid, geteuid};

use super::excludes::Excludes;
use super::walk::{Id, Seen, Traits, beneath, list, look_closely, open_root, seen, traits, within};
use crate::problem::Problem;
use crate::value::tree::Name;

/// A tree as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFacts {
    /// Its real path, with links followed: the one to use from here on.
    pub root: PathBuf,
    /// Its root folder; `None` if there is no such folder.
    pub id: Option<Id>,
    /// Whether the root is a mount point, which can't be renamed.
    pub root_is_mount: bool,
    /// Entries below the root, including links and empty folders, without excluded ones.
    pub entries: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// What is mounted inside.
    pub mounts: Vec<Name>,
    /// Users and groups that own something in it.
    pub owners: BTreeSet<(u32, u32)>,
    /// Sockets, pipes and devices in it.
    pub special: Vec<Name>,
    /// Links in it that may lead out of it.
    pub leads_out: Vec<Name>,
    /// Why it can't be emptied, if something in it can't be removed.
    pub fixed: Option<String>,
}

/// Surveys a tree.
///
/// # Errors
/// Something else is in its place, or a part of it can't be read.
pub fn survey(root: &Path, excludes: &Excludes) -> Result<TreeFacts, Problem> {
    let absent = TreeFacts::absent(root);
    let Some(root) = real(root)? else { return Ok(absent) };
    let us = geteuid();
    let open = open_root(&root)?;
    let whole = seen(&open).map_err(|e| within(&root, &Name::ROOT, "could not look at", e))?;
    let own = whole.id;

    let mut facts = TreeFacts {
        id: Some(own),
        root_is_mount: is_mount(&root, own),
        root: root.clone(),
        owners: BTreeSet::from([whole.owner]),
        ..absent
    };

    let mut folders = vec![Name::ROOT];
    while let Some(folder) = folders.pop() {
        let failed = |name: &Name, e| within(&root, name, "could not look at", e);
        let open = match beneath(&open, &folder) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            opened => opened.map_err(|e| failed(&folder, e))?,
        };
        let guard = Guard::of(&open, us).map_err(|e| failed(&folder, e))?;

        for last in list(&open).map_err(|e| failed(&folder, e))? {
            let name = folder.join(&last);
            let (found, traits) = match look_closely(open.as_fd(), &last, own) {
                Err(Errno::NOENT) => continue,
                found => found.map_err(|e| failed(&name, e))?,
            };
            let is_folder = found.kind == FileType::Directory;

            if if is_folder { excludes.folder(&name) } else { excludes.file(&name) } {
                continue;
            }

            let stays = stays(&found, traits, guard, us);
            let link = (found.kind == FileType::Symlink).then(|| target_of(&open, &last));
            facts.add(&name, &found, traits, link.as_deref(), stays);
            folders.extend(Some(name).filter(|_| is_folder));
        }
    }

    Ok(facts)
}

/// Whether something is mounted at a tree's root.
fn is_mount(root: &Path, own: Id) -> bool {
    root.parent().is_none_or(|parent| {
        let asked = || {
            traits(open_root(parent).ok()?.as_fd(), root.file_name()?.as_encoded_bytes(), own).ok()
        };
        asked().is_some_and(|root| root.mount)
    })
}

/// Where a link leads; nowhere if it is gone by now.
fn target_of(folder: &impl AsFd, name: &[u8]) -> Vec<u8> {
    let read = rustix::fs::readlinkat(folder, name, Vec::new());
    read.map(|to| to.into_bytes()).unwrap_or_default()
}

impl TreeFacts {
    /// Nothing is there.
    fn absent(root: &Path) -> Self {
        Self {
            root: root.into(),
            id: None,
            root_is_mount: false,
            entries: 0,
            bytes: 0,
            mounts: Vec::new(),
            owners: BTreeSet::new(),
            special: Vec::new(),
            leads_out: Vec::new(),
            fixed: None,
        }
    }

    /// One more entry: where it leads if it is a link, and why it can't be moved if it can't.
    fn add(
        &mut self,
        name: &Name,
        found: &Seen,
        traits: Traits,
        link: Option<&[u8]>,
        stays: Option<&str>,
    ) {
        self.entries += 1;
        self.owners.insert(found.owner);
        self.bytes += if found.kind == FileType::RegularFile { found.bytes } else { 0 };

        if traits.mount {
            self.mounts.push(name.clone());
        }
        if self.fixed.is_none() {
            self.fixed = stays.map(|why| format!("`{name}` {why}"));
        }

        match found.kind {
            FileType::Directory | FileType::RegularFile => {}
            FileType::Symlink if link.is_some_and(|to| name.leads_out(to)) => {
                self.leads_out.push(name.clone());
            }
            FileType::Symlink => {}
            _ => self.special.push(name.clone()),
        }
    }
}

/// A tree's real path, and its root's inode; its contents are not surveyed.
///
/// # Errors
/// Those of [`survey`] that concern the root.
pub fn root_of(root: &Path) -> Result<(PathBuf, Option<Id>), Problem> {
    let Some(root) = real(root)? else { return Ok((root.into(), None)) };
    let found =
        seen(open_root(&root)?).map_err(|e| within(&root, &Name::ROOT, "could not look at", e))?;
    Ok((root, Some(found.id)))
}

/// With links in the path followed; `None` if nothing is there.
fn real(root: &Path) -> Result<Option<PathBuf>, Problem> {
    match root.canonicalize() {
        Ok(root) => Ok(Some(root)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && root.symlink_metadata().is_err() => {
            Ok(None)
        }
        Err(e) => Err(super::walk::at(root, "could not open", &e)),
    }
}

/// Who may remove entries from a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Us.
    Ours,
    /// Us, if the entry is ours (`chmod +t`).
    Sticky,
    /// Others.
    Others,
}

impl Guard {
    fn of(folder: &OwnedFd, us: Uid) -> rustix::io::Result<Self> {
        let found = seen(folder)?;
        if us.is_root() || found.owner.0 == us.as_raw() {
            return Ok(Self::Ours);
        }

        let may =
            rustix::fs::accessat(folder, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);

        Ok(match may {
            Err(_) => Self::Others,
            Ok(()) if found.mode & 0o1000 != 0 => Self::Sticky,
            Ok(()) => Self::Ours,
        })
    }
}

/// Why an entry can't be removed.
fn stays(found: &Seen, traits: Traits, guard: Guard, us: Uid) -> Option<&'static str> {
    let is_ours = found.owner.0 == us.as_raw();

    match guard {
        _ if traits.fixed => Some("is immutable, or may only be appended to (`lsattr`, `chattr`)"),
        Guard::Others => Some("is in another user's folder, which does not let you remove it"),
        Guard::Sticky if !is_ours => Some(
            "belongs to another user, in a folder where only the owner may remove it (`chmod +t`)",
        ),
        Guard::Ours | Guard::Sticky => None,
    }
}
