use super::*;
use crate::engine::files::scan;
use crate::value::tree::lost;

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
    let census = filter(&mut &whole[..], &mut out, Links::OfTree).unwrap();
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
        let (census, found) = filter_but(&mut &whole[..], &mut out, &excludes).unwrap();
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
    assert!(filter_but(&mut &cut[..], &mut Vec::new(), &excludes).is_err());
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
        let census = filter(&mut &whole[..], &mut out, Links::Inside).unwrap();
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
        assert!(filter(&mut &whole[..], &mut out, Links::Inside).is_err());
        let before = archive(&good);
        // header and content of the good one; its padding waits with what follows it
        assert_eq!(out, before[..512 + 700], "{bad:?}");
    }

    // a link that is let through because its owner trusts it is still no way out
    let through = archive(&[("l", Symlink, "/etc", 0), ("l/passwd", Regular, "", 700)]);
    let mut out = Vec::new();
    assert!(filter(&mut &through[..], &mut out, Links::AsTheyAre).is_err());
    assert_eq!(out, archive(&[("l", Symlink, "/etc", 0)])[..512]);
}

#[test]
fn one_that_is_cut_off_is_known() {
    let whole = archive(&[("a", tar::EntryType::Regular, "", 700)]);
    for at in [0, 100, 512, 900, 1536] {
        assert!(filter(&mut &whole[..at], &mut Vec::new(), Links::Inside).is_err(), "{at}");
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
    let error = filter(&mut &whole[..], &mut Full, Links::Inside).unwrap_err();
    assert_eq!(error.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::BrokenPipe);
}
