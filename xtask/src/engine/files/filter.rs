//! Passes an archive on to another program, entry by entry, each only after it was checked.

use std::cell::RefCell;
use std::io::{self, Read, Write};

use anyhow::Result;

use super::excludes::Excludes;
use super::leave::{Leaving, Part};
use super::read::{Links, each_but};
use crate::stream::Method;
use crate::value::tree::{Census, Name};

/// A tar is made of blocks.
const BLOCK: u64 = 512;
/// How many bytes are held back at most: more headers than one entry may have.
const HELD: usize = 64 << 20;

/// Reads an archive as [`super::scan`] does and passes it on to `out`, so that nothing reaches
/// another program unchecked: the headers of an entry wait until it was checked, and after the
/// first refusal nothing is passed on. The reader of `out` then sees a truncated archive.
///
/// # Errors
/// Those of [`super::scan`]; or `out` can't be written (the original `io::Error`).
pub fn filter(input: &mut dyn Read, out: &mut dyn Write, links: Links) -> Result<Census> {
    filter_by(input, out, links, Method::default())
}

/// The same, with another digest for contents.
///
/// # Errors
/// Those of [`filter`].
pub fn filter_by(
    input: &mut dyn Read,
    out: &mut dyn Write,
    links: Links,
    method: Method,
) -> Result<Census> {
    through(input, out, links, method, &Excludes::default()).map(|(census, _)| census)
}

/// What is still to come of a tree, after a tar of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest {
    /// Names of files whose content passed under an excluded name. As long as there are any, the
    /// archive has no end.
    pub names: Vec<Name>,
}

/// The same for a tar that a program makes from a live tree, without what its backups leave out.
///
/// # Errors
/// Those of [`filter`].
pub fn filter_but(
    input: &mut dyn Read,
    out: &mut dyn Write,
    excludes: &Excludes,
) -> Result<(Census, Rest)> {
    through(input, out, Links::OfTree, Method::default(), excludes)
}

fn through(
    input: &mut dyn Read,
    out: &mut dyn Write,
    links: Links,
    method: Method,
    excludes: &Excludes,
) -> Result<(Census, Rest)> {
    let gate = RefCell::new(Gate {
        out,
        held: Vec::new(),
        since: 0,
        at: 0,
        way: Way::Held,
        unwritten: None,
    });

    let mut pass = |_: &_, content: &mut dyn Read| {
        gate.borrow_mut().open()?;
        io::copy(content, &mut io::sink())?;
        gate.borrow_mut().close();
        Ok(())
    };

    let mut told = |part| gate.borrow_mut().leave_out(part);
    let mut leaving = Leaving { excludes, rest: Vec::new(), told: &mut told };
    let census =
        each_but(&mut Water { input, gate: &gate }, links, method, &mut pass, &mut leaving);
    let rest = Rest { names: leaving.rest };
    let mut gate = gate.into_inner();

    if census.is_ok() && gate.unwritten.is_none() {
        // what is held now is the end mark
        if !rest.names.is_empty() {
            gate.forget();
        }
        drop(gate.pour());
    }

    gate.unwritten
        .map_or(census, |kind| Err(io::Error::from(kind).into()))
        .map(|census| (census, rest))
}

struct Gate<'a> {
    out: &'a mut dyn Write,
    held: Vec<u8>,
    /// The position of the first held byte in the archive, and of the next one.
    since: u64,
    at: u64,
    way: Way,
    unwritten: Option<io::ErrorKind>,
}

/// What happens to the current bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They wait.
    Held,
    /// They are passed on.
    Open,
    /// They are dropped.
    Nowhere,
    /// This many of them are dropped: they pad the last block of what was dropped.
    Filling(usize),
}

impl Gate<'_> {
    fn open(&mut self) -> io::Result<()> {
        self.way = Way::Open;
        if self.held.len() > HELD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "headers without an end"));
        }
        self.pour()
    }

    fn close(&mut self) {
        (self.way, self.since) = (Way::Held, self.at);
    }

    fn leave_out(&mut self, part: Part) {
        self.forget();
        self.way = match part {
            Part::Begins => Way::Nowhere,
            Part::Ended => Way::Filling(filling(self.at)),
        };
    }

    /// The headers of an excluded entry are dropped; the padding of the entry before it is passed
    /// on.
    fn forget(&mut self) {
        self.held.truncate(filling(self.since));
    }

    fn pour(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.write(&held)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes).inspect_err(|e| self.unwritten = Some(e.kind()))
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        let bytes = match self.way {
            Way::Open => return self.write(bytes),
            Way::Nowhere => return Ok(()),
            Way::Held => bytes,
            Way::Filling(left) => {
                let filling = left.min(bytes.len());
                self.way = if left == filling { Way::Held } else { Way::Filling(left - filling) };
                &bytes[filling..]
            }
        };

        // no more is needed: after a refusal, or after the end mark
        if self.held.len() <= HELD {
            self.held.extend_from_slice(bytes);
        }

        Ok(())
    }
}

/// How much padding the last block has.
fn filling(at: u64) -> usize {
    usize::try_from((BLOCK - at % BLOCK) % BLOCK).unwrap_or_default()
}

struct Water<'a, 'b> {
    input: &'a mut dyn Read,
    gate: &'a RefCell<Gate<'b>>,
}

impl Read for Water<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(buf)?;
        self.gate.borrow_mut().take(&buf[..got])?;
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
