//! Hands an archive on to another program, entry by entry, each only when it was judged.

use std::cell::RefCell;
use std::io::{self, Read, Write};

use anyhow::Result;

use super::census::Census;
use super::read::{Links, each_but};
use crate::stream::Method;

/// A tar is made of blocks.
const BLOCK: u64 = 512;
/// Bytes that are held back at most: more headers than any one entry may have.
const HELD: usize = 64 << 20;

/// Reads an archive as [`super::scan`] does and hands it on to `out`, so that nothing of it reaches another program's hands before it was
/// let through: the headers of an entry wait until it was judged, and from the first that is refused on nothing goes out any more. Such
/// an archive is cut off, for whoever reads `out`.
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
pub fn sluice_by(input: &mut dyn Read, out: &mut dyn Write, links: Links, method: Method) -> Result<Census> {
    let gate = RefCell::new(Gate { out, held: Vec::new(), since: 0, at: 0, open: false, unwritten: None });
    let mut pass = |_: &_, content: &mut dyn Read| {
        gate.borrow_mut().open()?;
        io::copy(content, &mut io::sink())?;
        gate.borrow_mut().close();
        Ok(())
    };
    let census = each_but(&mut Water { input, gate: &gate }, links, method, &mut pass, &mut || gate.borrow_mut().forget());
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
    /// Where in the archive the first byte is that is held, and where the next one will be.
    since: u64,
    at: u64,
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

    fn close(&mut self) {
        (self.open, self.since) = (false, self.at);
    }

    /// The headers of an entry that is left out go nowhere; what fills the last block of the one before it does.
    fn forget(&mut self) {
        let filling = (BLOCK - self.since % BLOCK) % BLOCK;
        self.held.truncate(usize::try_from(filling).unwrap_or_default());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::files::{lost, scan};

    fn archive(entries: &[(&str, tar::EntryType, &str, usize)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, target, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(*bytes as u64);
            header.set_mode(0o644);
            header.set_mtime(1);
            header.set_uid(0);
            header.set_gid(0);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
            header.set_cksum();
            builder.append(&header, &vec![b'x'; *bytes][..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_has_no_content_is_left_out_of_a_tar_of_a_tree() {
        use tar::EntryType::{Char, Directory, Fifo, Link, Regular};
        let with = [
            ("./", Directory, "", 0),
            ("first", Fifo, "", 0),
            ("a", Regular, "", 700),
            ("pipe", Fifo, "", 0),
            ("again", Link, "pipe", 0),
            ("dev", Char, "", 0),
            ("b", Regular, "", 512),
            ("last", Fifo, "", 0),
        ];
        let (whole, mut out) = (archive(&with), Vec::new());
        let census = sluice(&mut &whole[..], &mut out, Links::OfTree).unwrap();
        let found = scan(&mut &out[..], Links::Inside).unwrap();
        assert_eq!(found.entries, census.entries);
        assert_eq!((found.files(), found.bytes(), found.remarks.len(), census.remarks.len()), (2, 1212, 0, 5));
        assert!(lost(&census.remarks)[0].starts_with("`first`, `pipe`, `again` and 2 more: "), "{:?}", census.remarks);
        assert!(scan(&mut &whole[..], Links::AsTheyAre).is_err(), "of an archive from elsewhere nothing is left out");
    }

    #[test]
    fn all_of_a_good_archive_goes_on_as_it_is() {
        use tar::EntryType::{Directory, Regular, Symlink};
        let long = "d/".to_owned() + &"n".repeat(90);
        for entries in [
            &[][..],
            &[("./", Directory, "", 0), ("d/", Directory, "", 0), ("d/a", Regular, "", 0), (&long, Regular, "", 300_000)],
            &[("a", Regular, "", 512), ("l", Symlink, "a", 0)],
        ] {
            let (whole, mut out) = (archive(entries), Vec::new());
            let census = sluice(&mut &whole[..], &mut out, Links::Inside).unwrap();
            assert_eq!(census, scan(&mut &whole[..], Links::Inside).unwrap());
            assert_eq!(out, whole);
        }
    }

    #[test]
    fn nothing_goes_on_from_the_first_entry_that_is_refused() {
        use tar::EntryType::{Block, Regular, Symlink};
        for bad in [("l", Symlink, "/etc", 0), ("../up", Regular, "", 700), ("/abs", Regular, "", 0), ("dev", Block, "", 0)] {
            let good = [("a", Regular, "", 700)];
            let whole = archive(&[good[0], bad, ("b", Regular, "", 700)]);
            let mut out = Vec::new();
            assert!(sluice(&mut &whole[..], &mut out, Links::Inside).is_err());
            let before = archive(&good);
            // header and content of the good one; its padding waits with what follows it
            assert_eq!(out, before[..512 + 700], "{bad:?}");
        }
        // a link that is let through because its owner trusts it is still no way out
        let through = archive(&[("l", Symlink, "/etc", 0), ("l/passwd", Regular, "", 700)]);
        let mut out = Vec::new();
        assert!(sluice(&mut &through[..], &mut out, Links::AsTheyAre).is_err());
        assert_eq!(out, archive(&[("l", Symlink, "/etc", 0)])[..512]);
    }

    #[test]
    fn one_that_is_cut_off_is_known() {
        let whole = archive(&[("a", tar::EntryType::Regular, "", 700)]);
        for at in [0, 100, 512, 900, 1536] {
            assert!(sluice(&mut &whole[..at], &mut Vec::new(), Links::Inside).is_err(), "{at}");
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_reads_no_more_is_to_blame() {
        let whole = archive(&[("a", tar::EntryType::Regular, "", 700)]);
        let error = sluice(&mut &whole[..], &mut Full, Links::Inside).unwrap_err();
        assert_eq!(error.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::BrokenPipe);
    }
}
