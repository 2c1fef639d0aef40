//! Writes a tree as a tar, in constant memory, and notices what changes meanwhile.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Result;
use rustix::fs::FileType;
use tar::{Builder, EntryType, Header};

use super::ahead::{Batch, Found, Item, Linked, Reader, Step, read_ahead, unreadable};
use super::attributes;
use super::excludes::Excludes;
use super::header::{self, SHORT, put};
use super::sparse::describe;
use super::steady::Steady;
use super::unread::Folders;
use super::walk::{Seen, seen};
use crate::stream::{Method, Summing};
use crate::value::tree::{Attributes, Census, Entry, Kind, Moment, Name, Target, What};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
/// A tar is made of blocks.
const BLOCK: u64 = 512;

/// Writes the tree as a tar: a folder, what is in it, then the folders in it, each in byte order.
///
/// The census says what was written, and in its remarks what changed while it was read. The tar is
/// always valid: what a shrinking file lost is filled with zeros.
///
/// # Errors
/// A part of the tree can't be read, or `out` can't be written (the original `io::Error`).
pub fn dump(
    root: &Path,
    excludes: &Excludes,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Census> {
    let mut dump = Dump::new(root, (Form::Tar, out), Method::default(), progress);
    read_ahead(root, excludes, &mut |batch| dump.take(batch))
        .inspect_err(|_| dump.tar.get_mut().given_up = true)?;
    let Dump { tar, census, .. } = dump;
    tar.into_inner()?.out.flush()?;
    Ok(census)
}

/// Reads folders of a tree without keeping anything, as long as there are any.
pub(super) fn read_folders(
    root: &Path,
    method: Method,
    linked: &Linked,
    folders: &Folders,
) -> Result<Census> {
    let (excludes, mut nowhere) = (Excludes::default(), io::sink());
    let mut quiet = |_, _| ();
    let mut dump = Dump::new(root, (Form::None, &mut nowhere), method, &mut quiet);
    let mut take = |batch: &mut Batch| dump.take(batch);
    let mut reader = Reader::new(root, &excludes, linked, &mut take)?;

    while let Some(folder) = folders.next() {
        folders.read(reader.folder(&folder)?);
    }

    reader.flush()?;

    Ok(dump.census)
}

/// What is made of what was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Tar,
    None,
}

/// The library completes an archive when it is dropped, even an abandoned one: this prevents that.
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
    form: Form,
    tar: Builder<Out<'a>>,
    census: Census,
    bytes: u64,
    sum: Summing,
    /// Buffers for one read, for the headers of an entry, and for its records.
    chunk: Vec<u8>,
    head: Vec<u8>,
    records: Vec<u8>,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl<'a> Dump<'a> {
    fn new(
        root: &'a Path,
        (form, out): (Form, &'a mut dyn Write),
        method: Method,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        let (tar, chunk) = (Builder::new(Out { out, given_up: false }), vec![0; CHUNK]);
        let (census, sum, head, records) =
            (Census::default(), Summing::by(method), Vec::new(), Vec::new());
        Self { root, form, tar, census, bytes: 0, sum, chunk, head, records, progress }
    }

    /// Takes what was read, and leaves the batch empty.
    fn take(&mut self, batch: &mut Batch) -> Result<()> {
        let bytes = &batch.bytes;
        for step in batch.steps.drain(..) {
            match step {
                Step::Item(item) => self.item(item, bytes)?,
                Step::Long(name, open) => self.long(&name, open)?,
                Step::Remark(name, what) => self.census.remark(&name, what),
            }
        }

        batch.clear();

        Ok(())
    }

    fn item(&mut self, item: Item, bytes: &[u8]) -> io::Result<()> {
        let Item { name, seen, attributes, found } = item;
        let kind = match found {
            Found::Folder => {
                self.header(&name, &seen, EntryType::Directory, b"", &attributes)?;
                Kind::Folder
            }
            Found::Symlink(to) => {
                self.header(&name, &seen, EntryType::Symlink, &to, &attributes)?;
                Kind::Symlink { to: Target(to) }
            }
            Found::Hardlink(to) => {
                self.header(
                    &name,
                    &seen,
                    EntryType::Link,
                    &[b"./", to.bytes()].concat(),
                    &attributes,
                )?;
                Kind::Hardlink { to }
            }
            Found::File(place) => self.whole(&name, &seen, &bytes[place], &attributes)?,
        };

        self.note(name, &seen, kind, attributes);

        Ok(())
    }

    /// A file that has been read.
    fn whole(
        &mut self,
        name: &Name,
        seen: &Seen,
        bytes: &[u8],
        attributes: &Attributes,
    ) -> io::Result<Kind> {
        self.sum.update(bytes);
        self.bytes += seen.bytes;
        if self.form == Form::Tar {
            let mut header = self.long_names(name, seen, b"", attributes);
            header.set_size(seen.bytes);
            header.set_cksum();
            self.head.extend(header.as_bytes());
            let out = self.tar.get_mut();
            out.write_all(&self.head)?;
            out.write_all(bytes)?;
            fill(out, seen.bytes)?;
        }

        Ok(Kind::File { bytes: seen.bytes, print: self.sum.take() })
    }

    /// A file that is read piece by piece, from now on.
    fn long(&mut self, name: &Name, open: OwnedFd) -> Result<()> {
        let before = seen(&open).map_err(|e| unreadable(self.root, name, e))?;
        let (attributes, more) =
            attributes::read(&open).map_err(|e| unreadable(self.root, name, e))?;

        if more {
            self.census.remark(name, What::AttributesLost);
        }

        let mut file = Steady::new(File::from(open), &before);
        self.content(name, &before, &mut file, &attributes)?;

        let (print, bytes) = (self.sum.take(), file.bytes);
        let changed = file.changed(&before).map_err(|e| unreadable(self.root, name, e))?;
        changed.into_iter().for_each(|what| self.census.remark(name, what));
        self.note(name.clone(), &before, Kind::File { bytes, print }, attributes);

        Ok(())
    }

    fn content(
        &mut self,
        name: &Name,
        found: &Seen,
        file: &mut Steady,
        attributes: &Attributes,
    ) -> io::Result<()> {
        if self.form == Form::None {
            return self.passed(file, 0);
        }

        let mut header = self.long_names(name, found, b"", attributes);
        let map = match &file.pieces {
            Some(pieces) => describe(&mut header, pieces, found.bytes),
            None => Vec::new(),
        };

        header.set_size(
            file.pieces
                .as_ref()
                .map_or(found.bytes, |pieces| pieces.iter().map(|(_, len)| len).sum()),
        );

        header.set_cksum();
        self.head.extend(header.as_bytes());
        self.head.extend(&map);
        self.tar.get_mut().write_all(&self.head)?;

        self.passed(file, map.len() as u64)
    }

    /// Reads a file to its end, and appends it to what is already stored.
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

        fill(out, stored)
    }

    /// Writes an entry without content.
    fn header(
        &mut self,
        name: &Name,
        found: &Seen,
        kind: EntryType,
        link: &[u8],
        attributes: &Attributes,
    ) -> io::Result<()> {
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

    /// The header of an entry; what does not fit goes into more headers in `head`: long names in
    /// GNU's way, which allows any byte, fractions of a second and attributes in pax's way.
    fn long_names(
        &mut self,
        name: &Name,
        found: &Seen,
        link: &[u8],
        attributes: &Attributes,
    ) -> Header {
        let slash: &[u8] =
            if found.kind == FileType::Directory && *name != Name::ROOT { b"/" } else { b"" };
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

    fn note(&mut self, name: Name, found: &Seen, kind: Kind, attributes: Attributes) {
        let entry =
            Entry { kind, mode: found.mode, mtime: found.mtime, owner: found.owner, attributes };

        self.census.add(name, entry);
        (self.progress)(self.census.entries.len() as u64, self.bytes);
    }
}

/// Pads the last block of this many bytes with zeros.
fn fill(out: &mut dyn Write, bytes: u64) -> io::Result<()> {
    let filling = bytes.next_multiple_of(BLOCK) - bytes;
    out.write_all(&[0; BLOCK as usize][..filling as usize])
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
mod tests;
