//! Walks a tree and reads what is in it, for a consumer in the same thread or in another one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::attributes;
use super::excludes::Excludes;
use super::steady::Steady;
use super::walk::{Id, Seen, beneath, list_kinds, look, open_root, seen, within};
use crate::problem::Problem;
use crate::value::tree::{Attributes, Moment, Name, What};

/// Bytes of a batch, and of the longest file that is read for one.
const BATCH: usize = 256 * 1024;
/// How many batches may wait: enough for either side to continue while the other one waits.
const WAITING: usize = 4;

/// Some of a tree, in the order in which it is read, and the bytes of the files in it.
#[derive(Default)]
pub(super) struct Batch {
    pub steps: Vec<Step>,
    pub bytes: Vec<u8>,
    /// About what it takes in memory.
    weight: usize,
}

pub(super) enum Step {
    Item(Item),
    /// A file that is too long for a batch, or has holes: the consumer reads it.
    Long(Name, OwnedFd),
    Remark(Name, What),
}

/// An entry that has been read.
pub(super) struct Item {
    pub name: Name,
    pub seen: Seen,
    pub attributes: Attributes,
    pub found: Found,
}

pub(super) enum Found {
    /// A file's place among the bytes of its batch.
    File(Range<usize>),
    Folder,
    Symlink(Vec<u8>),
    Hardlink(Name),
}

impl Batch {
    /// Empties it, and keeps its memory.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.bytes.clear();
        self.weight = 0;
    }

    fn push(&mut self, step: Step) {
        self.weight += size_of::<Step>();
        if let Step::Item(item) = &step {
            let file = if let Found::File(place) = &item.found { place.len() } else { 0 };
            let attributes = item.attributes.iter().map(|(name, value)| name.len() + value.0.len());
            self.weight += item.name.bytes().len() + file + attributes.sum::<usize>();
        }
        self.steps.push(step);
    }
}

/// Files with several names, as they were when the first was read: an inode may belong to another
/// file by now.
#[derive(Default)]
pub(super) struct Linked(Mutex<HashMap<(Id, Moment, u64), Name>>);

impl Linked {
    /// The name under which a file was read first; `None` if this is the one.
    fn first(&self, found: &Seen, name: &Name) -> Option<Name> {
        if found.links < 2 {
            return None;
        }

        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((
            found.id,
            found.mtime,
            found.bytes,
        )) {
            Entry::Occupied(first) => Some(first.get().clone()),
            Entry::Vacant(none) => {
                none.insert(name.clone());
                None
            }
        }
    }
}

/// Reads a tree in a separate thread, and consumes each batch in this one: a folder, what is in it,
/// then the folders in it, each in byte order.
///
/// # Errors
/// A part of the tree can't be read, or the consumer failed.
pub(super) fn read_ahead(
    root: &Path,
    excludes: &Excludes,
    take: &mut dyn FnMut(&mut Batch) -> Result<()>,
) -> Result<()> {
    let (full, take_full) = sync_channel(WAITING);
    let (give_empty, empty) = sync_channel(WAITING + 1);

    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut hand_over = |batch: &mut Batch| {
                // a new one where none has come back
                let next = empty.try_recv().unwrap_or_default();
                full.send(std::mem::replace(batch, next)).map_err(|_| anyhow::anyhow!("given up"))
            };
            Reader::new(root, excludes, &Linked::default(), &mut hand_over)?.all()
        });

        let taken = take_full.iter().try_for_each(|mut batch| {
            take(&mut batch)?;
            drop(give_empty.try_send(batch));
            Ok(())
        });

        // a reader without a consumer ends
        drop(take_full);
        let read =
            reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the reading thread panicked")));

        taken.and(read)
    })
}

/// Reads a tree, or some of its folders.
pub(super) struct Reader<'a> {
    root: &'a Path,
    open: OwnedFd,
    excludes: &'a Excludes,
    linked: &'a Linked,
    batch: Batch,
    /// Takes a full batch, and leaves an empty one.
    hand_over: &'a mut dyn FnMut(&mut Batch) -> Result<()>,
}

impl<'a> Reader<'a> {
    pub fn new(
        root: &'a Path,
        excludes: &'a Excludes,
        linked: &'a Linked,
        hand_over: &'a mut dyn FnMut(&mut Batch) -> Result<()>,
    ) -> Result<Self> {
        Ok(Self {
            root,
            open: open_root(root)?,
            excludes,
            linked,
            batch: Batch::default(),
            hand_over,
        })
    }

    fn all(&mut self) -> Result<()> {
        let mut folders = vec![Name::ROOT];
        while let Some(folder) = folders.pop() {
            folders.extend(self.folder(&folder)?.into_iter().rev());
        }
        self.flush()
    }

    /// Hands over what has been read.
    pub fn flush(&mut self) -> Result<()> {
        (self.hand_over)(&mut self.batch)
    }

    fn push(&mut self, step: Step) -> Result<()> {
        // it holds a file open, of which no process may have many
        let is_long = matches!(step, Step::Long(..));
        self.batch.push(step);
        if is_long || self.batch.weight >= BATCH { self.flush() } else { Ok(()) }
    }

    fn item(
        &mut self,
        name: &Name,
        seen: Seen,
        found: Found,
        attributes: Attributes,
    ) -> Result<()> {
        self.push(Step::Item(Item { name: name.clone(), seen, attributes, found }))
    }

    fn remark(&mut self, name: &Name, what: What) -> Result<()> {
        self.push(Step::Remark(name.clone(), what))
    }

    /// Reads a folder with everything directly in it; returns the folders among that.
    pub fn folder(&mut self, name: &Name) -> Result<Vec<Name>> {
        let Some(open) = self.still_there(name, beneath(&self.open, name))? else {
            return Ok(Vec::new());
        };
        let before = seen(&open).map_err(|e| self.unreadable(name, e))?;
        let attributes = self.attributes(name, &open)?;

        self.item(name, before, Found::Folder, attributes)?;

        let mut below = Vec::new();

        for (last, listed) in list_kinds(&open).map_err(|e| self.unreadable(name, e))? {
            let child = name.join(&last);
            let Some(kind) = self.kind(&child, listed, &open, &last)? else { continue };
            match kind {
                FileType::Directory if self.excludes.folder(&child) => {}
                FileType::Directory => below.push(child),
                _ if self.excludes.file(&child) => {}
                FileType::RegularFile => self.file(&child, &open, &last)?,
                FileType::Symlink => self.symlink(&child, &open, &last)?,
                _ => self.remark(&child, What::NoContent)?,
            }
        }

        let after = seen(&open).map_err(|e| self.unreadable(name, e))?;
        if after.mtime != before.mtime || after.links == 0 {
            self.remark(name, What::Stirred)?;
        }

        Ok(below)
    }

    /// What an entry is, if its folder does not know.
    fn kind(
        &mut self,
        name: &Name,
        listed: FileType,
        folder: &OwnedFd,
        last: &[u8],
    ) -> Result<Option<FileType>> {
        match listed {
            FileType::Unknown => {
                Ok(self.still_there(name, look(folder, last))?.map(|found| found.kind))
            }
            known => Ok(Some(known)),
        }
    }

    fn symlink(&mut self, name: &Name, folder: &OwnedFd, last: &[u8]) -> Result<()> {
        let Some(found) = self.still_there(name, look(folder, last))? else { return Ok(()) };
        let read = rustix::fs::readlinkat(folder, last, Vec::new());
        let Some(to) = self.still_there(name, read)? else { return Ok(()) };
        self.item(name, found, Found::Symlink(to.into_bytes()), Attributes::new())
    }

    fn file(&mut self, name: &Name, folder: &OwnedFd, last: &[u8]) -> Result<()> {
        // reading a pipe that took the file's place would hang
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(open) =
            self.still_there(name, rustix::fs::openat(folder, last, flags, Mode::empty()))?
        else {
            return Ok(());
        };

        let before = seen(&open).map_err(|e| self.unreadable(name, e))?;
        if before.kind != FileType::RegularFile {
            return self.remark(name, What::Vanished);
        }
        if let Some(first) = self.linked.first(&before, name) {
            return self.item(name, before, Found::Hardlink(first), Attributes::new());
        }

        if before.bytes > BATCH as u64 {
            return self.push(Step::Long(name.clone(), open));
        }

        let file = Steady::new(File::from(open), &before);
        match file.pieces {
            Some(_) => self.push(Step::Long(name.clone(), file.into_open())),
            None => self.whole(name, file, before),
        }
    }

    /// Reads a file into the batch.
    fn whole(&mut self, name: &Name, mut file: Steady, before: Seen) -> Result<()> {
        let attributes = self.attributes(name, file.open())?;
        let begin = self.batch.bytes.len();
        let end = begin + before.bytes as usize;

        self.batch.bytes.resize(end, 0);
        file.fill(&mut self.batch.bytes[begin..]);

        // not passed on before its file: the file's bytes are in this batch
        let changed = file.changed(&before).map_err(|e| self.unreadable(name, e))?;
        changed.into_iter().for_each(|what| self.batch.push(Step::Remark(name.clone(), what)));

        self.item(name, before, Found::File(begin..end), attributes)
    }

    fn attributes(&mut self, name: &Name, open: impl AsFd) -> Result<Attributes> {
        let (attributes, more) = attributes::read(&open).map_err(|e| self.unreadable(name, e))?;
        if more {
            self.remark(name, What::AttributesLost)?;
        }
        Ok(attributes)
    }

    /// The answer about an entry, or nothing and a remark if it is gone, or a link replaced a
    /// folder.
    fn still_there<T>(&mut self, name: &Name, asked: rustix::io::Result<T>) -> Result<Option<T>> {
        match asked {
            Ok(found) => Ok(Some(found)),
            Err(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::NXIO
                | Errno::INVAL
                | Errno::STALE,
            ) if *name != Name::ROOT => {
                self.remark(name, What::Vanished)?;
                Ok(None)
            }
            Err(e) => Err(self.unreadable(name, e).into()),
        }
    }

    fn unreadable(&self, name: &Name, error: Errno) -> Problem {
        unreadable(self.root, name, error)
    }
}

pub(super) fn unreadable(root: &Path, name: &Name, error: Errno) -> Problem {
    within(root, name, "could not read", error)
        .cure("run this as a user who may read the whole tree, or exclude that entry")
}
