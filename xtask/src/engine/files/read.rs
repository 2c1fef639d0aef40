//! Reads a tar, ours or anybody's, and accepts only what stays inside its tree.

mod pax;
mod watch;

use std::cell::Cell;
use std::io::{self, Read};

use anyhow::Result;
use tar::EntryType;

use self::pax::{Extensions, extensions, fits};
use self::watch::{Watch, Watched};
use super::excludes::Excludes;
use super::leave::{Leaving, Part, Reason};
use super::straight::Straight;
use crate::problem::{Code, Problem};
use crate::stream::{Fingerprint, Method, Summed, Summing};
use crate::value::tree::{Attributes, Census, Entry, Kind, Moment, Name, Target, What, escaped};

/// How many bytes of headers one entry may have. They are held in memory; long names and the map of
/// a very fragmented sparse file fit.
const HEADERS: u64 = 16 << 20;
/// No file system today has longer files: a sparse entry takes hardly any space in its archive, but
/// reading all its zeros takes time.
const LONGEST_SPARSE: u64 = 1 << 44;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// How many bytes of a refused name to show.
const SHOWN: usize = 200;
/// How many reasons for a refusal to show.
const TOLD: usize = 10;

/// What to do with symbolic links that lead out of the tree, or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The archive is refused.
    Inside,
    /// They are kept as they are: the archive is trusted. Nothing is ever written through a link in
    /// any case.
    AsTheyAre,
    /// The same for a tar that a program makes from a live tree: what has no content (pipes,
    /// devices) is left out, and noted.
    OfTree,
}

/// Reads an archive to its end and writes nothing: every header, every byte, the end mark. This is
/// the gate for foreign archives.
///
/// # Errors
/// It is damaged, cut short, or has something that could be written outside the tree.
pub fn scan(input: &mut dyn Read, links: Links) -> Result<Census> {
    scan_by(input, links, Method::default())
}

/// The same, with another digest for contents.
///
/// # Errors
/// Those of [`scan`].
pub fn scan_by(input: &mut dyn Read, links: Links, method: Method) -> Result<Census> {
    // what the consumer of an entry leaves is read anyway
    each(input, links, method, &mut |_, _| Ok(()))
}

/// Reads a tar that a program makes from a live tree, and leaves out what a backup does.
///
/// # Errors
/// Those of [`scan`].
pub fn scan_but(input: &mut dyn Read, excludes: &Excludes) -> Result<Census> {
    let mut leaving = Leaving { excludes, rest: Vec::new(), told: &mut |_| () };
    each_but(input, Links::OfTree, Method::default(), &mut |_, _| Ok(()), &mut leaving)
}

/// An entry as it is in the archive, before its content is read.
#[derive(Debug)]
pub(super) struct Item {
    pub name: Name,
    pub shape: Shape,
    pub mode: u32,
    pub mtime: Moment,
    pub owner: (u32, u32),
    pub attributes: Attributes,
    /// Attributes in the archive that are not kept.
    missed: Option<What>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    File,
    /// A file with holes, which are read as zeros.
    SparseFile,
    Folder,
    Symlink(Vec<u8>),
    Hardlink(Name),
}

/// Passes on each entry and its content, in the order of the archive, until one must be refused.
pub(super) fn each(
    input: &mut dyn Read,
    links: Links,
    method: Method,
    act: &mut dyn FnMut(&Item, &mut dyn Read) -> Result<()>,
) -> Result<Census> {
    let mut leaving =
        Leaving { excludes: &Excludes::default(), rest: Vec::new(), told: &mut |_| () };
    each_but(input, links, method, act, &mut leaving)
}

/// The same, without what is left out of a tar of a live tree.
pub(super) fn each_but(
    input: &mut dyn Read,
    links: Links,
    method: Method,
    act: &mut dyn FnMut(&Item, &mut dyn Read) -> Result<()>,
    leaving: &mut Leaving<'_>,
) -> Result<Census> {
    let watch =
        Watch { ended: Cell::new(false), allowed: Cell::new(HEADERS), failed: Cell::new(None) };
    let mut straight = Straight::new(input);
    let mut archive = tar::Archive::new(Watched { input: &mut straight, watch: &watch, at: 0 });
    let mut entries = archive.entries_with_seek()?;
    let mut pass = Pass {
        watch: &watch,
        links,
        act,
        leaving,
        census: Census::default(),
        dangers: Vec::new(),
        sum: Summing::by(method),
        rest: vec![0; CHUNK],
    };

    loop {
        watch.allowed.set(HEADERS);
        let Some(entry) = entries.next() else { break };
        pass.take(entry.map_err(|e| watch.blame(&e))?)?;
    }

    let Pass { census, dangers, .. } = pass;
    if watch.ended.get() {
        return Err(cut_off().into());
    }

    watch.allowed.set(u64::MAX);
    end(archive.into_inner(), &watch)?;
    if dangers.is_empty() { Ok(census) } else { Err(refused(&dangers).into()) }
}

/// One pass over an archive, and what it has found so far.
struct Pass<'a, 'b> {
    watch: &'a Watch,
    links: Links,
    /// Gets each entry, until one must be refused.
    act: &'a mut dyn FnMut(&Item, &mut dyn Read) -> Result<()>,
    leaving: &'a mut Leaving<'b>,
    census: Census,
    /// Why the archive must be refused.
    dangers: Vec<String>,
    sum: Summing,
    /// Where content goes that nobody wants.
    rest: Vec<u8>,
}

impl Pass<'_, '_> {
    /// Passes on one entry and its content, or leaves it out.
    fn take<R: Read>(&mut self, mut entry: tar::Entry<'_, R>) -> Result<()> {
        if self.links == Links::OfTree
            && let Some(why) = self.leaving.of(&entry, &self.census)
        {
            return self.leave_out(&mut entry, why);
        }

        let Some(item) = self.item(&mut entry)? else { return Ok(()) };
        let (bytes, print) = self.content(&item, entry)?;

        if self.links == Links::OfTree
            && let Some(what) = item.missed
        {
            self.census.remark(&item.name, what);
        }

        note(&mut self.census, item, bytes, print);

        Ok(())
    }

    fn leave_out<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, why: Reason) -> Result<()> {
        (self.leaving.told)(Part::Begins);
        self.watch.allowed.set(u64::MAX);
        skip(entry, self.watch)?;
        (self.leaving.told)(Part::Ended);

        match why {
            Reason::NoContent(name) => self.census.remark(&name, What::NoContent),
            Reason::Rest(name) => self.leaving.rest.push(name),
            Reason::Excluded => {}
        }

        Ok(())
    }

    /// What its headers say; `None` for a note about the whole archive, and for a danger, which is
    /// read to its end.
    fn item<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<Option<Item>> {
        let understood = understand(entry)
            .and_then(|item| item.map(|item| fits(item, &self.census, self.links)).transpose());
        self.watch.allowed.set(u64::MAX);

        match understood {
            Ok(item) => Ok(item),
            Err(why) if self.watch.failed.get().is_some() => Err(self.watch.blame(&why).into()),
            Err(why) => {
                let raw = entry.path_bytes();
                let shown = escaped(&raw[..raw.len().min(SHOWN)]);
                self.dangers.push(format!("`{shown}`: {why}"));
                io::copy(entry, &mut io::sink()).map_err(|e| self.watch.blame(&e))?;

                Ok(None)
            }
        }
    }

    /// Passes on the content, reads what is left of it, and returns its length and fingerprint.
    fn content<R: Read>(
        &mut self,
        item: &Item,
        entry: tar::Entry<'_, R>,
    ) -> Result<(u64, Fingerprint)> {
        let size = entry.size();
        let mut content = Summed::new(entry, &mut self.sum);

        if self.dangers.is_empty() {
            // if the archive can't be read, that is why the entry could not be created
            (self.act)(item, &mut content).map_err(|e| {
                if self.watch.failed.get().is_some() { self.watch.blame(&e).into() } else { e }
            })?;
        }

        while content.read(&mut self.rest).map_err(|e| self.watch.blame(&e))? > 0 {}
        let (bytes, print) = content.finish();

        if bytes == size { Ok((bytes, print)) } else { Err(cut_off().into()) }
    }
}

/// Reads an entry that is left out to its end.
fn skip<R: Read>(entry: &mut tar::Entry<'_, R>, watch: &Watch) -> Result<()> {
    let size = entry.size();
    let read = io::copy(entry, &mut io::sink()).map_err(|e| watch.blame(&e))?;
    if read == size { Ok(()) } else { Err(cut_off().into()) }
}

/// What an entry's headers say; `None` for a note about the whole archive.
fn understand<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Option<Item>, String> {
    let Extensions { mtime, attributes, missed } = extensions(entry)?;
    let header = entry.header();
    let unreadable = |e: io::Error| format!("a header that can't be read: {e}");
    let raw = entry.path_bytes();
    let target = || entry.link_name_bytes().unwrap_or_default();

    let shape = match header.entry_type() {
        EntryType::XGlobalHeader => return Ok(None),
        EntryType::Directory => Shape::Folder,
        // as in archives from before POSIX
        EntryType::Regular if raw.ends_with(b"/") => Shape::Folder,
        EntryType::Regular | EntryType::Continuous => Shape::File,
        EntryType::GNUSparse if entry.size() > LONGEST_SPARSE => {
            return Err("a sparse file longer than any disk".into());
        }
        EntryType::GNUSparse => Shape::SparseFile,
        EntryType::Symlink if target().contains(&0) => return Err("a link with a NUL in it".into()),
        EntryType::Symlink => Shape::Symlink(target().into_owned()),
        EntryType::Link => {
            Shape::Hardlink(Name::parse(&target()).map_err(|why| format!("a hard link to {why}"))?)
        }
        EntryType::Block | EntryType::Char => return Err("a device".into()),
        EntryType::Fifo => return Err("a pipe".into()),
        other => {
            return Err(format!(
                "an entry of the unknown type `{}`",
                other.as_byte().escape_ascii()
            ));
        }
    };

    // the highest number means "unchanged" when an owner is set
    let id = |id: io::Result<u64>| {
        let id = u32::try_from(id.map_err(unreadable)?).ok().filter(|id| *id != u32::MAX);
        id.ok_or_else(|| "an owner that no system has".to_owned())
    };
    // a negative time is stored as its two's complement
    let secs = header.mtime().map_err(unreadable)?.cast_signed();

    Ok(Some(Item {
        name: Name::parse(&raw)?,
        shape,
        mode: header.mode().map_err(unreadable)? & 0o7777,
        mtime: mtime.unwrap_or(Moment { secs, nanos: 0 }),
        owner: (id(header.uid())?, id(header.gid())?),
        attributes,
        missed,
    }))
}

fn note(census: &mut Census, item: Item, bytes: u64, print: Fingerprint) {
    let kind = match item.shape {
        Shape::File | Shape::SparseFile => Kind::File { bytes, print },
        Shape::Folder => Kind::Folder,
        Shape::Symlink(to) => Kind::Symlink { to: Target(to) },
        Shape::Hardlink(to) => Kind::Hardlink { to },
    };

    census.add(
        item.name,
        Entry {
            kind,
            mode: item.mode,
            mtime: item.mtime,
            owner: item.owner,
            attributes: item.attributes,
        },
    );
}

/// The library stops at the first block of zeros; a second one must follow, and then nothing but
/// zeros.
fn end(mut rest: impl Read, watch: &Watch) -> Result<()> {
    let (mut zeros, mut buffer) = (0_u64, vec![0; 64 * 1024]);
    loop {
        let got = rest.read(&mut buffer).map_err(|e| watch.blame(&e))?;
        if got == 0 {
            return if zeros < 512 { Err(cut_off().into()) } else { Ok(()) };
        }

        if buffer[..got].iter().any(|byte| *byte != 0) {
            return Err(Problem::failed("the archive continues after its end")
                .code(Code::BackupDamaged)
                .cure(
                    "it may be two archives in one file: split them, and restore the one you want",
                )
                .of_backup()
                .into());
        }

        zeros += got as u64;
    }
}

fn refused(dangers: &[String]) -> Problem {
    let more = dangers.len().saturating_sub(TOLD);
    let problem = Problem::refused(
        "the archive was refused: parts of it would be written outside the folder it is restored \
         to",
    )
    .code(Code::Untrusted);
    let problem =
        dangers.iter().take(TOLD).fold(problem, |problem, danger| problem.because(danger));
    let problem = if more > 0 { problem.because(format!("and {more} more")) } else { problem };
    problem.cure("find out who made it; no live data was changed").of_backup()
}

fn cut_off() -> Problem {
    Problem::failed("the archive is truncated: its end mark is missing")
        .code(Code::BackupDamaged)
        .cure("use another backup (`db-list`)")
        .of_backup()
}

#[cfg(test)]
mod tests;
