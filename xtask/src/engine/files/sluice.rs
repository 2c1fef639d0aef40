//! Hands an archive on to another program, entry by entry, each only when it was judged.

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
/// Bytes that are held back at most: more headers than any one entry may have.
const HELD: usize = 64 << 20;

/// Reads an archive as [`super::scan`] does and hands it on to `out`, so that nothing of it reaches
/// another program's hands before it was let through: the headers of an entry wait until it was
/// judged, and from the first that is refused on nothing goes out any more. Such an archive is cut
/// off, for whoever reads `out`.
///
/// # Errors
/// Those of [`super::scan`]; or `out` can't be written, which is an `io::Error` of its kind.
pub fn sluice(input: &mut dyn Read, out: &mut dyn Write, links: Links) -> Result<Census> {
    sluice_by(input, out, links, Method::default())
}

/// The same, with contents summed in a way of one's own.
///
/// # Errors
/// Those of [`sluice`].
pub fn sluice_by(
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
    /// Names of files whose content went by under a name that is left out. As long as there are
    /// any, the archive has no end.
    pub names: Vec<Name>,
}

/// The same of a tar that a program makes of a live tree, without what is left out of its backups.
///
/// # Errors
/// Those of [`sluice`].
pub fn sluice_but(
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
        // what is held now are the marks of the end
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
    /// Where in the archive the first byte is that is held, and where the next one will be.
    since: u64,
    at: u64,
    way: Way,
    unwritten: Option<io::ErrorKind>,
}

/// What becomes of the bytes at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They wait.
    Held,
    /// They are let through.
    Open,
    /// They go nowhere.
    Nowhere,
    /// So many of them go nowhere: they fill the last block of what went there.
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

    /// The headers of an entry that is left out go nowhere; what fills the last block of the one
    /// before it does.
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

        // more is of no use: after a refusal, or after the marks of the end
        if self.held.len() <= HELD {
            self.held.extend_from_slice(bytes);
        }

        Ok(())
    }
}

/// How much the last block has no content for.
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
