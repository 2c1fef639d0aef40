//! Hands an archive on to another program, entry by entry, each only when it was judged.

use std::cell::RefCell;
use std::io::{self, Read, Write};

use anyhow::Result;

use super::census::Census;
use super::excludes::Excludes;
use super::leave::{Leaving, Part};
use super::name::Name;
use super::read::{Links, each_but};
use crate::stream::Method;

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
            header.as_gnu_mut().unwrap().linkname[..target.len()]
                .copy_from_slice(target.as_bytes());
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
        assert_eq!(
            (found.files(), found.bytes(), found.remarks.len(), census.remarks.len()),
            (2, 1212, 0, 5)
        );

        assert!(
            lost(&census.remarks)[0].starts_with("`first`, `pipe`, `again` and 2 more: "),
            "{:?}",
            census.remarks
        );

        assert!(
            scan(&mut &whole[..], Links::AsTheyAre).is_err(),
            "of an archive from elsewhere nothing is left out"
        );
    }

    #[test]
    fn what_is_excluded_goes_nowhere_and_its_other_names_are_told() {
        use tar::EntryType::{Directory, Fifo, Link, Regular};

        let with = [
            ("./", Directory, "", 0),
            ("first.tmp", Regular, "", 513),
            ("a", Regular, "", 700),
            ("cache/", Directory, "", 0),
            ("cache/x", Regular, "", 70_000),
            ("cache/sub/", Directory, "", 0),
            ("cache/sub/y", Regular, "", 1),
            ("cache/pipe", Fifo, "", 0),
            ("keep", Link, "cache/x", 0),
            ("link", Link, "a", 0),
            ("cache2", Regular, "", 512),
            ("last.tmp", Regular, "", 9),
        ];

        let excludes = Excludes::new(["cache/", "*.tmp"]).unwrap();
        for (entries, rest) in [(&with[..8], &[][..]), (&with[..], &["keep"][..])] {
            let (whole, mut out) = (archive(entries), Vec::new());
            let (census, found) = sluice_but(&mut &whole[..], &mut out, &excludes).unwrap();
            let names: Vec<String> = found.names.iter().map(ToString::to_string).collect();

            assert_eq!(
                (names.as_slice(), census.remarks.len()),
                (&rest.iter().map(ToString::to_string).collect::<Vec<_>>()[..], 0)
            );
            assert_eq!(out.len() as u64 % BLOCK, 0);

            if !rest.is_empty() {
                assert!(scan(&mut &out[..], Links::Inside).is_err(), "it has no end yet");
                out.extend(archive(&[("keep", Regular, "", 3)]));
            }

            let mut found = scan(&mut &out[..], Links::Inside).unwrap();
            assert_eq!(found.entries.remove(&b"keep"[..]).is_some(), !rest.is_empty());
            assert_eq!(found.entries, census.entries);
            assert_eq!(
                found.entries,
                super::super::read::scan_but(&mut &whole[..], &excludes).unwrap().entries
            );
        }

        let cut = archive(&with)[..2000].to_vec();
        assert!(sluice_but(&mut &cut[..], &mut Vec::new(), &excludes).is_err());
    }

    #[test]
    fn all_of_a_good_archive_goes_on_as_it_is() {
        use tar::EntryType::{Directory, Regular, Symlink};

        let long = "d/".to_owned() + &"n".repeat(90);

        for entries in [
            &[][..],
            &[
                ("./", Directory, "", 0),
                ("d/", Directory, "", 0),
                ("d/a", Regular, "", 0),
                (&long, Regular, "", 300_000),
            ],
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

        for bad in [
            ("l", Symlink, "/etc", 0),
            ("../up", Regular, "", 700),
            ("/abs", Regular, "", 0),
            ("dev", Block, "", 0),
        ] {
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
