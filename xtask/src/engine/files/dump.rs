//! Writes a tree as a tar, at constant memory, and notices what changes meanwhile.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use tar::{Builder, EntryType, Header};

use super::attributes::{self, Attributes};
use super::census::{self, Census, Kind, Moment, Target, What};
use super::crew::Folders;
use super::excludes::Excludes;
use super::header::{self, SHORT, put};
use super::name::Name;
use super::sparse::describe;
use super::steady::{Changed, Steady};
use super::walk::{Id, Seen, beneath, list_kinds, look, open_root, seen, within};
use crate::stream::{Method, Summing};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
/// A tar is made of blocks.
const BLOCK: u64 = 512;

/// Writes the tree as a tar: a folder, what is in it, then the folders in it, each in the order of bytes.
///
/// The census says what was written, and in its remarks what changed while it was read. The tar is sound in any case: what a
/// shrinking file has lost is filled with zeros.
///
/// # Errors
/// A part of the tree can't be read, or `out` can't be written, which is an `io::Error` as it came.
pub fn dump(root: &Path, excludes: &Excludes, out: &mut dyn Write, progress: &mut dyn FnMut(u64, u64)) -> Result<Census> {
    let linked = Linked::default();
    let mut dump = Dump::new(root, excludes, (Form::Tar, out), Method::default(), &linked, progress)?;
    dump.all().inspect_err(|_| dump.tar.get_mut().given_up = true)?;
    let Dump { tar, census, .. } = dump;
    tar.into_inner()?.out.flush()?;
    Ok(census)
}

/// Reads folders of a tree without keeping anything, as long as there are any.
pub(super) fn read_folders(root: &Path, method: Method, linked: &Linked, folders: &Folders) -> Result<Census> {
    let (excludes, mut nowhere) = (Excludes::default(), io::sink());
    let mut quiet = |_, _| ();
    let mut dump = Dump::new(root, &excludes, (Form::None, &mut nowhere), method, linked, &mut quiet)?;
    while let Some(folder) = folders.next() {
        folders.read(dump.folder(&folder)?);
    }
    Ok(dump.census)
}

/// What is made of what was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Tar,
    None,
}

/// Files with several names, as they were when the first of them was read: a number may be another file's by now.
#[derive(Default)]
pub(super) struct Linked(Mutex<HashMap<(Id, Moment, u64), Name>>);

impl Linked {
    /// The name under which a file was read first; nothing where this is the one.
    fn first(&self, found: &Seen, name: &Name) -> Option<Name> {
        if found.links < 2 {
            return None;
        }
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((found.id, found.mtime, found.bytes)) {
            Entry::Occupied(first) => Some(first.get().clone()),
            Entry::Vacant(none) => {
                none.insert(name.clone());
                None
            }
        }
    }
}

/// The library ends an archive well when it is dropped, one that was given up as well: this keeps it from that.
struct Out<'a> {
    out: &'a mut dyn Write,
    given_up: bool,
}

impl Write for Out<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.given_up { Err(io::ErrorKind::Other.into()) } else { self.out.write(buf) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Dump<'a> {
    root: &'a Path,
    open: OwnedFd,
    excludes: &'a Excludes,
    form: Form,
    tar: Builder<Out<'a>>,
    census: Census,
    linked: &'a Linked,
    bytes: u64,
    sum: Summing,
    /// Room for what is read at once, for the headers of an entry, and for the records of one.
    chunk: Vec<u8>,
    head: Vec<u8>,
    records: Vec<u8>,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl<'a> Dump<'a> {
    fn new(
        root: &'a Path,
        excludes: &'a Excludes,
        (form, out): (Form, &'a mut dyn Write),
        method: Method,
        linked: &'a Linked,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self> {
        let (open, census, sum) = (open_root(root)?, Census::default(), Summing::by(method));
        let (tar, chunk) = (Builder::new(Out { out, given_up: false }), vec![0; CHUNK]);
        let (head, records) = (Vec::new(), Vec::new());
        Ok(Self { root, open, excludes, form, tar, census, linked, bytes: 0, sum, chunk, head, records, progress })
    }

    fn all(&mut self) -> Result<()> {
        let mut folders = vec![Name::ROOT];
        while let Some(folder) = folders.pop() {
            folders.extend(self.folder(&folder)?.into_iter().rev());
        }
        Ok(())
    }

    /// Writes a folder with all that is directly in it; returns the folders among that.
    fn folder(&mut self, name: &Name) -> Result<Vec<Name>> {
        let Some(open) = self.still_there(name, beneath(&self.open, name))? else { return Ok(Vec::new()) };
        let before = seen(&open).map_err(|e| self.unreadable(name, e))?;
        let attributes = self.attributes(name, &open)?;
        self.header(name, &before, EntryType::Directory, b"", &attributes)?;
        self.note(name, &before, Kind::Folder, attributes);
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
                _ => self.census.remark(&child, What::NoContent),
            }
        }
        let after = seen(&open).map_err(|e| self.unreadable(name, e))?;
        if after.mtime != before.mtime || after.links == 0 {
            self.census.remark(name, What::Stirred);
        }
        Ok(below)
    }

    /// What an entry is, where its folder does not know it.
    fn kind(&mut self, name: &Name, listed: FileType, folder: &OwnedFd, last: &[u8]) -> Result<Option<FileType>> {
        match listed {
            FileType::Unknown => Ok(self.still_there(name, look(folder, last))?.map(|found| found.kind)),
            known => Ok(Some(known)),
        }
    }

    fn symlink(&mut self, name: &Name, folder: &OwnedFd, last: &[u8]) -> Result<()> {
        let Some(found) = self.still_there(name, look(folder, last))? else { return Ok(()) };
        let read = rustix::fs::readlinkat(folder, last, Vec::new());
        let Some(to) = self.still_there(name, read)? else { return Ok(()) };
        self.header(name, &found, EntryType::Symlink, to.to_bytes(), &Attributes::new())?;
        self.note(name, &found, Kind::Symlink { to: Target(to.into_bytes()) }, Attributes::new());
        Ok(())
    }

    fn file(&mut self, name: &Name, folder: &OwnedFd, last: &[u8]) -> Result<()> {
        // a pipe that took the file's place would be waited for
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(open) = self.still_there(name, rustix::fs::openat(folder, last, flags, Mode::empty()))? else { return Ok(()) };
        let before = seen(&open).map_err(|e| self.unreadable(name, e))?;
        if before.kind != FileType::RegularFile {
            self.census.remark(name, What::Vanished);
            return Ok(());
        }
        if let Some(first) = self.linked.first(&before, name) {
            self.header(name, &before, EntryType::Link, &[b"./", first.bytes()].concat(), &Attributes::new())?;
            self.note(name, &before, Kind::Hardlink { to: first }, Attributes::new());
            return Ok(());
        }
        let attributes = self.attributes(name, &open)?;
        let mut file = Steady::new(File::from(open), &before);
        self.content(name, &before, &mut file, &attributes)?;
        let (print, Steady { file, bytes, changed, .. }) = (self.sum.take(), file);
        let after = seen(&file).map_err(|e| self.unreadable(name, e))?;
        match changed {
            Changed::Unreadable(e) => return Err(self.unreadable(name, Errno::from_io_error(&e).unwrap_or(Errno::IO)).into()),
            Changed::Shrank => self.census.remark(name, What::Shrank),
            _ if after.bytes > before.bytes => self.census.remark(name, What::Grew),
            Changed::Rewritten => self.census.remark(name, What::Rewritten),
            Changed::No if (after.mtime, after.ctime) != (before.mtime, before.ctime) => {
                self.census.remark(name, What::Rewritten);
            }
            Changed::No => {}
        }
        self.note(name, &before, Kind::File { bytes, print }, attributes);
        Ok(())
    }

    fn attributes(&mut self, name: &Name, open: &OwnedFd) -> Result<Attributes> {
        let (attributes, more) = attributes::read(open).map_err(|e| self.unreadable(name, e))?;
        if more {
            self.census.remark(name, What::AttributesLost);
        }
        Ok(attributes)
    }

    fn content(&mut self, name: &Name, found: &Seen, file: &mut Steady, attributes: &Attributes) -> io::Result<()> {
        if self.form == Form::None {
            return self.passed(file, 0);
        }
        let mut header = self.long_names(name, found, b"", attributes);
        let map = match &file.pieces {
            Some(pieces) => describe(&mut header, pieces, found.bytes),
            None => Vec::new(),
        };
        header.set_size(file.pieces.as_ref().map_or(found.bytes, |pieces| pieces.iter().map(|(_, len)| len).sum()));
        header.set_cksum();
        self.head.extend(header.as_bytes());
        self.head.extend(&map);
        self.tar.get_mut().write_all(&self.head)?;
        self.passed(file, map.len() as u64)
    }

    /// Reads a file to its end, and writes it behind what is stored of it so far.
    fn passed(&mut self, file: &mut Steady, mut stored: u64) -> io::Result<()> {
        let entries = self.census.entries.len() as u64;
        let out = self.tar.get_mut();
        loop {
            let before = file.at;
            let got = file.read(&mut self.chunk, &mut self.sum);
            self.bytes += file.at - before;
            (self.progress)(entries, self.bytes);
            if got == 0 {
                break;
            }
            out.write_all(&self.chunk[..got])?;
            stored += got as u64;
        }
        let filling = stored.next_multiple_of(BLOCK) - stored;
        out.write_all(&[0; BLOCK as usize][..filling as usize])
    }

    /// Writes an entry without content.
    fn header(&mut self, name: &Name, found: &Seen, kind: EntryType, link: &[u8], attributes: &Attributes) -> io::Result<()> {
        if self.form == Form::None {
            return Ok(());
        }
        let mut header = self.long_names(name, found, link, attributes);
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        self.head.extend(header.as_bytes());
        self.tar.get_mut().write_all(&self.head)
    }

    /// The header of an entry; those that hold what it has no room for are in `head`: long names in GNU's way, which has room for any byte,
    /// and parts of a second and attributes in that of pax.
    fn long_names(&mut self, name: &Name, found: &Seen, link: &[u8], attributes: &Attributes) -> Header {
        let slash: &[u8] = if found.kind == FileType::Directory && *name != Name::ROOT { b"/" } else { b"" };
        let path = [b"./", name.bytes(), slash].concat();
        self.head.clear();
        self.records.clear();
        for (kind, text) in [(EntryType::GNULongName, &path[..]), (EntryType::GNULongLink, link)] {
            if text.len() > SHORT {
                header::long(kind, text, &mut self.head);
            }
        }
        let Moment { secs, nanos } = found.mtime;
        if secs < 0 || nanos > 0 {
            header::record(b"mtime", decimal(found.mtime).as_bytes(), &mut self.records);
        }
        for (key, value) in attributes::records(attributes) {
            header::record(key.as_bytes(), &value, &mut self.records);
        }
        if !self.records.is_empty() {
            header::extended(&self.records, &mut self.head);
        }
        let mut header = Header::new_gnu();
        put(&mut header.as_old_mut().name, &path);
        put(&mut header.as_old_mut().linkname, link);
        header.set_mode(found.mode);
        header.set_uid(found.owner.0.into());
        header.set_gid(found.owner.1.into());
        header.set_mtime(secs.max(0).unsigned_abs());
        header
    }

    fn note(&mut self, name: &Name, found: &Seen, kind: Kind, attributes: Attributes) {
        let entry = census::Entry { kind, mode: found.mode, mtime: found.mtime, owner: found.owner, attributes };
        self.census.add(name.clone(), entry);
        (self.progress)(self.census.entries.len() as u64, self.bytes);
    }

    /// What was asked of an entry, or nothing and a remark where it is gone, or a link where a folder was.
    fn still_there<T>(&mut self, name: &Name, asked: rustix::io::Result<T>) -> Result<Option<T>> {
        match asked {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::INVAL | Errno::STALE)
                if *name != Name::ROOT =>
            {
                self.census.remark(name, What::Vanished);
                Ok(None)
            }
            Err(e) => Err(self.unreadable(name, e).into()),
        }
    }

    fn unreadable(&self, name: &Name, error: Errno) -> crate::problem::Problem {
        within(self.root, name, "could not read", error)
            .cure("run it as a user who may read the whole tree, or exclude that entry")
    }
}

/// `seconds.fraction`, as pax has it.
fn decimal(Moment { secs, nanos }: Moment) -> String {
    if secs >= 0 || nanos == 0 {
        return format!("{secs}.{nanos:09}");
    }
    // -2 s and 0.75 s on top are -1.25 s
    format!("-{}.{:09}", (secs + 1).unsigned_abs(), 1_000_000_000 - nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_pax_has_them() {
        for (secs, nanos, want) in [(1, 5, "1.000000005"), (-2, 750_000_000, "-1.250000000"), (-3, 0, "-3.000000000")] {
            assert_eq!(decimal(Moment { secs, nanos }), want);
        }
    }
}
