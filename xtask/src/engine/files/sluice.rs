//! Hands an archive on to another program, entry by entry, each only when it was judged.

use std::cell::RefCell;
use std::io::{self, Read, Write};

use anyhow::Result;

use super::census::Census;
use super::read::{Links, each};

/// Bytes that are held back at most: more headers than any one entry may have.
const HELD: usize = 64 << 20;

/// Reads an archive as [`super::scan`] does and hands it on to `out`, so that nothing of it reaches another program's hands before it was
/// let through: the headers of an entry wait until it was judged, and from the first that is refused on nothing goes out any more. Such
/// an archive is cut off, for whoever reads `out`.
///
/// # Errors
/// Those of [`super::scan`]; or `out` can't be written, which is an `io::Error` of its kind.
pub fn sluice(input: &mut dyn Read, out: &mut dyn Write, links: Links) -> Result<Census> {
    let gate = RefCell::new(Gate { out, held: Vec::new(), open: false, unwritten: None });
    let census = each(&mut Water { input, gate: &gate }, links, &mut |_, content| {
        gate.borrow_mut().open()?;
        io::copy(content, &mut io::sink())?;
        gate.borrow_mut().open = false;
        Ok(())
    });
    let mut gate = gate.into_inner();
    if census.is_ok() && gate.unwritten.is_none() {
        // what is held now are the marks of the end
        drop(gate.pour());
    }
    gate.unwritten.map_or(census, |kind| Err(io::Error::from(kind).into()))
}

struct Gate<'a> {
    out: &'a mut dyn Write,
    held: Vec<u8>,
    open: bool,
    unwritten: Option<io::ErrorKind>,
}

impl Gate<'_> {
    fn open(&mut self) -> io::Result<()> {
        self.open = true;
        if self.held.len() > HELD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "headers without an end"));
        }
        self.pour()
    }

    fn pour(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.write(&held)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes).inspect_err(|e| self.unwritten = Some(e.kind()))
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open {
            return self.write(bytes);
        }
        // more is of no use: after a refusal, or after the marks of the end
        if self.held.len() <= HELD {
            self.held.extend_from_slice(bytes);
        }
        Ok(())
    }
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
