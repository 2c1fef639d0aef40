//! Unpacks an archive into a new folder, and writes nowhere else.

mod writing;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use self::writing::{make_folder, make_folders, new_file, readable, write_all, write_sparse};
use super::attributes;
use super::read::{Item, Links, Shape, each};
use super::walk::{at, beneath, open_root, seen, within};
use crate::problem::Problem;
use crate::stream::{Flushed, Method};
use crate::value::tree::{Attributes, Census, Given, Moment, Name, SET_ID, What, granted};

/// Bytes written at once, and the shortest stretch of zeros that becomes a hole.
const CHUNK: usize = 64 * 1024;

/// A tree that was unpacked from an archive.
#[must_use = "it is not on the disk before it is flushed"]
pub struct Unpacked {
    /// What it holds.
    pub census: Census,
    path: PathBuf,
    /// Open since before anything was written: a flush reports only writes that failed since then
    /// (<https://man7.org/linux/man-pages/man2/syncfs.2.html>).
    root: OwnedFd,
}

impl Unpacked {
    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub fn flush(&self) -> Result<()> {
        flush(&self.root).map_err(|e| at(&self.path, "could not write", &e).into())
    }
}

/// Creates `target`, which must not exist yet, and the archive's tree in it; flushes it to disk.
///
/// Every step goes from an open folder to a name in it, and no link is ever followed, so nothing is
/// written outside, whatever the archive says. No file is written twice. Owners are kept if we are
/// root, and attributes as far as the file system supports them.
///
/// # Errors
/// The archive is damaged, cut short or refused, or the disk fails: what was created by then stays
/// where it is.
pub fn unpack(
    input: &mut dyn Read,
    target: &Path,
    links: Links,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Census> {
    let unpacked = unpack_among(input, target, links, None, Method::default(), progress)?;
    unpacked.flush()?;
    Ok(unpacked.census)
}

/// The same, not flushed yet; if `among` gives the owners in the live tree, no file gets set-id
/// bits, and nothing gets another owner or group: the census says for what.
///
/// # Errors
/// Those of [`unpack`].
pub fn unpack_among(
    input: &mut dyn Read,
    target: &Path,
    links: Links,
    among: Option<&Home<'_>>,
    method: Method,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Unpacked> {
    rustix::fs::mkdir(target, Mode::RWXU).map_err(|e| at(target, "could not make", &e.into()))?;
    let root = open_root(target)?;
    attributes::bare(&root);

    let owners =
        if rustix::process::geteuid().is_root() { Owners::AsTheyWere } else { Owners::Ours };
    let here = root.try_clone()?;

    let mut tree = Tree {
        path: target,
        root,
        owners,
        among,
        left: Vec::new(),
        folders: BTreeMap::new(),
        here: (Name::ROOT, here),
        done: (0, 0),
        chunk: vec![0; CHUNK],
        progress,
    };

    let mut census = each(input, links, method, &mut |item, content| tree.make(item, content))?;
    tree.finish_folders()?;
    tree.left.drain(..).for_each(|(name, what)| census.remark(&name, what));

    Ok(Unpacked { census, path: target.to_path_buf(), root: tree.root })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owners {
    AsTheyWere,
    Ours,
}

/// What is set once the content is there.
#[derive(Clone)]
struct Finish {
    mode: u32,
    mtime: Moment,
    owner: (u32, u32),
    attributes: Attributes,
}

struct Tree<'a> {
    path: &'a Path,
    root: OwnedFd,
    owners: Owners,
    among: Option<&'a Home<'a>>,
    left: Vec<(Name, What)>,
    /// Folders get their rights and times last: creating entries in them would change both.
    folders: BTreeMap<Name, Finish>,
    /// The folder of the last entry, which is usually also that of the next.
    here: (Name, OwnedFd),
    /// Entries and bytes.
    done: (u64, u64),
    /// A buffer for one write.
    chunk: Vec<u8>,
    progress: &'a mut dyn FnMut(u64, u64),
}

/// The owners in a live tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Among {
    /// Users.
    pub users: BTreeSet<u32>,
    /// Groups.
    pub groups: BTreeSet<u32>,
    /// Who gets entries of other owners.
    pub else_of: (u32, u32),
}

impl Among {
    fn owner(&self, named: (u32, u32)) -> (u32, u32) {
        let user = if self.users.contains(&named.0) { named.0 } else { self.else_of.0 };
        (user, if self.groups.contains(&named.1) { named.1 } else { self.else_of.1 })
    }
}

/// The same, found only if needed: usually everything in an archive belongs to its root's owner,
/// and the live tree need not be walked.
pub struct Home<'a> {
    else_of: (u32, u32),
    ask: Box<dyn Fn() -> Result<Among> + 'a>,
    asked: OnceCell<Among>,
}

impl<'a> Home<'a> {
    /// A tree whose root has this owner, and where to ask for others.
    pub fn of(else_of: (u32, u32), ask: impl Fn() -> Result<Among> + 'a) -> Self {
        Self { else_of, ask: Box::new(ask), asked: OnceCell::new() }
    }

    fn owner(&self, named: (u32, u32)) -> Result<(u32, u32)> {
        if named == self.else_of {
            return Ok(named);
        }
        if self.asked.get().is_none() {
            drop(self.asked.set((self.ask)()?));
        }
        Ok(self.asked.get().map_or(self.else_of, |among| among.owner(named)))
    }
}

impl From<Among> for Home<'_> {
    fn from(among: Among) -> Self {
        let else_of = among.else_of;
        Self { else_of, ask: Box::new(move || Ok(among.clone())), asked: OnceCell::new() }
    }
}

impl Tree<'_> {
    /// Which of its rights an entry gets.
    fn granted(&mut self, item: &Item) -> Result<Finish> {
        let is_file = matches!(item.shape, Shape::File | Shape::SparseFile);
        let owner = self.among.map_or(Ok(item.owner), |among| among.owner(item.owner))?;
        let is_lost = self.owners == Owners::Ours && owner != ourselves();

        // a set-id program of another owner must not run as whoever restores it
        let mode = if is_file && (self.among.is_some() || is_lost) {
            item.mode & !SET_ID
        } else {
            item.mode
        };

        let given = if self.among.is_some() { Given::Plain } else { Given::All };
        let attributes = granted(&item.attributes, given);

        let remarks = [
            (mode != item.mode, What::SetIdLeft),
            (self.owners == Owners::AsTheyWere && owner != item.owner, What::OwnerLeft),
            (is_lost, What::OwnerOurs),
            (attributes.len() < item.attributes.len(), What::AttributesLeft),
        ];

        self.left.extend(
            remarks.into_iter().filter(|(is, _)| *is).map(|(_, what)| (item.name.clone(), what)),
        );

        Ok(Finish { mode, mtime: item.mtime, owner, attributes })
    }

    fn make(&mut self, item: &Item, content: &mut dyn Read) -> Result<()> {
        let finish = self.granted(item)?;
        let Some((parent, last)) = item.name.split() else {
            self.folders.insert(Name::ROOT, finish);
            return Ok(());
        };
        let failed = |e: Errno| within(self.path, &item.name, "could not make", e);

        if self.here.0 != parent {
            self.here = (parent.clone(), make_folders(&self.root, &parent).map_err(failed)?);
        }

        let folder = &self.here.1;
        match &item.shape {
            Shape::File | Shape::SparseFile => {
                let file = File::from(new_file(folder, last, finish.mode).map_err(failed)?);
                self.fill(file, item, &finish, content)?;
            }
            Shape::Folder => {
                make_folder(folder, last).map_err(failed)?;
                self.folders.insert(item.name.clone(), finish);
            }
            Shape::Symlink(to) => {
                rustix::fs::symlinkat(to.as_slice(), folder, last).map_err(failed)?;
                finish.put_on_link(folder, last, self.owners).map_err(failed)?;
            }
            Shape::Hardlink(to) => {
                let Some((there, name)) = to.split() else {
                    return Err(failed(Errno::INVAL).into());
                };
                let there = beneath(&self.root, &there).map_err(failed)?;
                // without AT_SYMLINK_FOLLOW this would link a symlink, not its target
                rustix::fs::linkat(&there, name, folder, last, AtFlags::empty()).map_err(failed)?;
            }
        }

        self.done.0 += 1;
        (self.progress)(self.done.0, self.done.1);

        Ok(())
    }

    /// Writes the content of a new file, and gives it what it had.
    fn fill(
        &mut self,
        mut file: File,
        item: &Item,
        finish: &Finish,
        content: &mut dyn Read,
    ) -> Result<()> {
        let wrong = |e: io::Error| readable(e, self.path, &item.name);
        let mut tell = |bytes| {
            self.done.1 += bytes;
            (self.progress)(self.done.0, self.done.1);
        };

        if item.shape == Shape::SparseFile {
            write_sparse(content, &mut file, &mut self.chunk, &mut tell).map_err(wrong)?;
        } else {
            // a large one is flushed while more of it comes
            let mut flushed = Flushed::new(file);
            write_all(content, &mut flushed, &mut self.chunk, &mut tell).map_err(wrong)?;
            file = flushed.written().map_err(wrong)?;
        }

        let failed = |e: Errno| within(self.path, &item.name, "could not make", e);
        if finish.put(&file, self.owners).map_err(failed)? > 0 {
            self.left.push((item.name.clone(), What::AttributesLeft));
        }

        Ok(durable(&file).map_err(wrong)?)
    }

    /// The deepest first, so that a folder that nobody may enter is closed after those in it.
    fn finish_folders(&mut self) -> Result<(), Problem> {
        for (name, finish) in self.folders.iter().rev() {
            let failed = |e: Errno| within(self.path, name, "could not finish", e);
            let folder = beneath(&self.root, name).map_err(failed)?;
            if finish.put(&folder, self.owners).map_err(failed)? > 0 {
                self.left.push((name.clone(), What::AttributesLeft));
            }
        }
        Ok(())
    }
}

impl Finish {
    /// The owner first: changing it removes set-id bits and capabilities. Returns how many
    /// attributes could not be set. Checking what is already right is faster than setting it.
    fn put(&self, open: impl AsFd, owners: Owners) -> rustix::io::Result<usize> {
        let mut is = seen(&open)?;
        if owners == Owners::AsTheyWere && is.owner != self.owner {
            rustix::fs::fchown(
                &open,
                Some(Uid::from_raw(self.owner.0)),
                Some(Gid::from_raw(self.owner.1)),
            )?;
            is = seen(&open)?;
        }

        if is.mode != self.mode {
            rustix::fs::fchmod(&open, Mode::from_bits_truncate(self.mode as _))?;
        }

        let refused = attributes::write(&open, &self.attributes)?;
        rustix::fs::futimens(&open, &self.times()).map(|()| refused)
    }

    fn put_on_link(&self, folder: &OwnedFd, name: &[u8], owners: Owners) -> rustix::io::Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if owners == Owners::AsTheyWere {
            let (user, group) = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
            rustix::fs::chownat(folder, name, Some(user), Some(group), flags)?;
        }
        rustix::fs::utimensat(folder, name, &self.times(), flags)
    }

    fn times(&self) -> Timestamps {
        Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec {
                tv_sec: self.mtime.secs,
                tv_nsec: self.mtime.nanos.into(),
            },
        }
    }
}

fn ourselves() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// If the whole file system can't be flushed at once, each file is.
#[cfg(not(target_os = "linux"))]
fn durable(file: &File) -> io::Result<()> {
    file.sync_all()
}

#[cfg(target_os = "linux")]
fn durable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// One flush for all, which is a hundred times faster than one each for many small files.
#[cfg(target_os = "linux")]
fn flush(root: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::syncfs(root)?)
}

#[cfg(not(target_os = "linux"))]
fn flush(root: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::fsync(root)?)
}
