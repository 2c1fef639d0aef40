//! Archives that would do harm, and archives that are not whole.

use std::fs;
use std::io::Write;
use std::path::Path;

use db_tasks::engine::files::{Among, Home, Links, filter, scan, unpack, unpack_among};
use db_tasks::problem::{About, Exit};
use db_tasks::stream::Method;
use db_tasks::value::tree::What;

/// An entry as an attacker writes it: nothing is checked.
fn entry(kind: u8, name: &[u8], link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o755);

    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    header.set_cksum();

    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);

    out
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn pax(kind: u8, key: &str, value: &str) -> Vec<u8> {
    let body = format!(" {key}={value}\n");
    let len = (1..).find(|digits| (body.len() + digits).to_string().len() == *digits).unwrap()
        + body.len();
    entry(kind, b"pax", b"", format!("{len}{body}").as_bytes())
}

/// Nothing but the target may be in the folder afterwards, and the victim is as it was.
fn refuses(name: &str, tar: &[u8], why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();

    let error = scan(&mut &tar[..], Links::Inside).expect_err(name);
    assert!(error.to_string().contains(why), "{name}: {error:#}");
    assert_eq!(super::problem(&error).about, About::Backup, "{name}");

    for links in [Links::Inside, Links::AsTheyAre] {
        let target = folder.path().join("target");
        let unpacked = unpack(&mut &tar[..], &target, links, &mut super::quiet);
        assert!(unpacked.is_err() || links == Links::AsTheyAre, "{name}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched", "{name}");
        let beside: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 2, "{name}: {beside:?}");
        fs::remove_dir_all(&target).unwrap();
    }
}

#[test]
fn nothing_is_written_outside() {
    let file = |name: &[u8]| entry(b'0', name, b"", b"evil");
    let long = |kind, text: &[u8]| entry(kind, b"././@LongLink", b"", text);

    for (name, entries, why) in [
        ("absolute", vec![file(b"/tmp/victim")], "an absolute path"),
        ("absolute folder", vec![entry(b'5', b"/tmp/x", b"", b"")], "an absolute path"),
        ("up", vec![file(b"../victim")], "a `..`"),
        ("up inside", vec![file(b"a/../../victim")], "a `..`"),
        ("up at the end", vec![entry(b'5', b"a/..", b"", b"")], "a `..`"),
        ("long up", vec![long(b'L', b"../victim\0"), file(b"x")], "a `..`"),
        ("pax up", vec![pax(b'x', "path", "../victim"), file(b"x")], "a `..`"),
        (
            "global path",
            vec![pax(b'g', "path", "../victim"), file(b"x")],
            "one name for all entries",
        ),
        ("long with NUL", vec![long(b'L', b"x\0../victim\0"), file(b"x")], "NUL"),
        (
            "endless name",
            vec![long(b'L', &[b"a/".repeat(40_000), vec![0]].concat()), file(b"x")],
            "longer than any path",
        ),
        ("link out", vec![entry(b'2', b"l", b"../victim", b"")], "a link that may lead out"),
        ("link absolute", vec![entry(b'2', b"l", b"/etc/passwd", b"")], "a link that may lead out"),
        (
            "link out and through it",
            vec![entry(b'2', b"l", b"..", b""), file(b"l/victim")],
            "a link that may lead out",
        ),
        (
            "through a good link",
            vec![entry(b'5', b"d", b"", b""), entry(b'2', b"l", b"d", b""), file(b"l/x")],
            "which is not a folder",
        ),
        (
            "link, then a file of its name",
            vec![entry(b'2', b"l", b"x", b""), file(b"l")],
            "a second entry",
        ),
        (
            "file, then a folder of its name",
            vec![file(b"a"), file(b"a/b")],
            "which is not a \
                                                                             folder",
        ),
        (
            "folder, then a link of its name",
            vec![file(b"a/b"), entry(b'2', b"a", b"x", b"")],
            "where a folder was",
        ),
        ("the root a link", vec![entry(b'2', b".", b"x", b"")], "the root of the tree"),
        ("hard link out", vec![entry(b'1', b"h", b"../victim", b"")], "a hard link to a `..`"),
        (
            "hard link absolute",
            vec![entry(b'1', b"h", b"/etc/passwd", b"")],
            "a hard link to an absolute",
        ),
        ("hard link to nothing", vec![entry(b'1', b"h", b"x", b"")], "not an earlier file"),
        (
            "hard link to a link",
            vec![entry(b'2', b"l", b"x", b""), entry(b'1', b"h", b"l", b"")],
            "not an earlier file",
        ),
        ("char device", vec![entry(b'3', b"null", b"", b"")], "a device"),
        ("block device", vec![entry(b'4', b"sda", b"", b"")], "a device"),
        ("pipe", vec![entry(b'6', b"pipe", b"", b"")], "a pipe"),
        ("volume label", vec![entry(b'V', b"label", b"", b"")], "of the unknown type"),
        (
            "sparse in pax",
            vec![pax(b'x', "GNU.sparse.major", "1"), file(b"x")],
            "a sparse file in pax format",
        ),
    ] {
        refuses(name, &archive(&entries), why);
    }
}

#[test]
fn an_owner_that_no_system_has_is_refused() {
    let mut entry = entry(b'0', b"x", b"", b"");
    let mut header = tar::Header::from_byte_slice(&entry[..512]).clone();
    header.set_uid(u32::MAX.into());
    header.set_cksum();
    entry[..512].copy_from_slice(header.as_bytes());
    refuses("owner", &archive(&[entry]), "an owner that no system has");
}

#[test]
fn every_danger_is_told_up_to_a_number() {
    let entries: Vec<Vec<u8>> =
        (0..12).map(|n| entry(b'3', format!("d{n}").as_bytes(), b"", b"")).collect();
    let error = scan(&mut &archive(&entries)[..], Links::Inside).unwrap_err();
    let problem = super::problem(&error);
    assert_eq!(problem.exit, Exit::Refused);
    assert_eq!(problem.happened.len(), 11);
    assert_eq!(problem.happened[0], "`d0`: a device");
    assert_eq!(problem.happened[10], "and 2 more");
}

#[test]
fn a_trusted_link_out_is_made_and_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();

    let link = entry(b'2', b"l", outside.as_os_str().as_encoded_bytes(), b"");
    let target = folder.path().join("target");
    unpack(
        &mut &archive(std::slice::from_ref(&link))[..],
        &target,
        Links::AsTheyAre,
        &mut super::quiet,
    )
    .unwrap();

    assert_eq!(fs::read_link(target.join("l")).unwrap(), outside);
    let through = archive(&[link, entry(b'0', b"l/evil", b"", b"x")]);
    let second = folder.path().join("second");

    assert!(unpack(&mut &through[..], &second, Links::AsTheyAre, &mut super::quiet).is_err());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn every_cut_and_every_changed_header_is_noticed() {
    let tar = archive(&[
        entry(b'5', b"d/", b"", b""),
        entry(b'0', b"d/a", b"", &[7; 700]),
        entry(b'2', b"l", b"d/a", b""),
        entry(b'0', b"z", b"", b""),
    ]);

    assert_eq!(scan(&mut &tar[..], Links::Inside).unwrap().entries.len(), 4);

    for cut in 0..tar.len() {
        assert!(scan(&mut &tar[..cut], Links::Inside).is_err(), "cut at {cut}");
    }

    for at in (0..512).chain(512..1024) {
        let mut changed = tar.clone();
        changed[at] ^= 0x55;
        assert!(scan(&mut &changed[..], Links::Inside).is_err(), "changed at {at}");
    }

    for rest in [&b"x"[..], &entry(b'0', b"more", b"", b"")] {
        let error = scan(&mut &[&tar[..], rest].concat()[..], Links::Inside).unwrap_err();
        assert!(error.to_string().contains("continues after its end"), "{error}");
    }

    let padded = [&tar[..], &[0; 9000]].concat();
    assert_eq!(scan(&mut &padded[..], Links::Inside).unwrap().entries.len(), 4);
}

#[test]
fn headers_without_an_end_take_no_memory() {
    let mut header = tar::Header::from_byte_slice(&entry(b'L', b"././@LongLink", b"", b"")).clone();
    header.set_size(8 << 30);
    header.set_cksum();

    let mut endless = std::io::Read::chain(&header.as_bytes()[..], std::io::repeat(b'a'));
    let error = scan(&mut endless, Links::Inside).unwrap_err();
    assert!(error.to_string().contains("headers without an end"), "{error}");
    header.set_entry_type(tar::EntryType::XGlobalHeader);
    header.set_size(64 << 20);

    header.set_cksum();
    let mut long = std::io::Read::chain(
        &header.as_bytes()[..],
        std::io::Read::take(std::io::repeat(b'a'), 64 << 20),
    );
    let error =
        scan(&mut std::io::Read::chain(&mut long, &[0; 1024][..]), Links::Inside).unwrap_err();

    assert!(error.to_string().contains("headers without an end"), "{error}");
}

#[test]
fn who_is_to_blame_is_told() {
    struct Failing(Vec<u8>, std::io::ErrorKind);

    impl std::io::Read for Failing {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let got = self.0.len().min(buf.len()).min(512);
            buf[..got].copy_from_slice(&self.0[..got]);
            self.0.drain(..got);
            if got == 0 { Err(self.1.into()) } else { Ok(got) }
        }
    }

    let half = entry(b'0', b"a", b"", &[7; 5000])[..2048].to_vec();

    for (kind, about, said) in [
        (std::io::ErrorKind::InvalidData, About::Backup, "the archive is damaged"),
        (std::io::ErrorKind::BrokenPipe, About::Run, "could not read the archive"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let scanned = scan(&mut Failing(half.clone(), kind), Links::Inside);
        let unpacked =
            unpack(&mut Failing(half.clone(), kind), &target, Links::Inside, &mut super::quiet);
        for error in [scanned.unwrap_err(), unpacked.unwrap_err()] {
            let problem = super::problem(&error);
            assert_eq!(
                (problem.about, problem.tried.starts_with(said)),
                (about, true),
                "{error:#}"
            );
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let error = filter(&mut &archive(&[])[..], &mut Full, Links::Inside).unwrap_err();
    assert_eq!(
        error.downcast_ref::<std::io::Error>().map(std::io::Error::kind),
        Some(std::io::ErrorKind::StorageFull)
    );
}

#[test]
fn an_archive_in_any_order_is_read() {
    let tar = archive(&[
        entry(b'0', b"./a/b/c", b"", b"1"),
        entry(b'5', b"a", b"", b""),
        entry(b'0', b"d", b"", b"2"),
        entry(b'5', b"./", b"", b""),
        entry(0, b"old/", b"", b""),
        pax(b'g', "comment", "made by git"),
        entry(b'0', b"e", b"", b"3"),
    ]);

    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    let census = unpack(&mut &tar[..], &target, Links::Inside, &mut super::quiet).unwrap();

    assert_eq!(super::names(&census), [".", "a", "a/b/c", "d", "e", "old"]);
    assert_eq!(fs::read(target.join("a/b/c")).unwrap(), b"1");
}

/// Whoever wrote an archive may have given any rights: a file gets none to run with, and nothing an
/// owner who is no part of the tree.
#[test]
fn rights_come_back_only_where_they_are_asked_for() {
    use std::os::unix::fs::MetadataExt;

    let mut shell = entry(b'0', b"./sh", b"", b"x");
    let mut header = tar::Header::from_byte_slice(&shell[..512]).clone();
    header.set_mode(0o6755);
    header.set_uid(1234);
    header.set_gid(4321);

    header.set_cksum();
    shell[..512].copy_from_slice(header.as_bytes());

    let tar = archive(&[entry(b'5', b"./", b"", b""), shell]);
    let folder = tempfile::tempdir().unwrap();
    let us = fs::metadata(folder.path()).map(|meta| (meta.uid(), meta.gid())).unwrap();

    let home = |users: &[u32], groups: &[u32]| Among {
        users: users.iter().copied().collect(),
        groups: groups.iter().copied().collect(),
        else_of: us,
    };

    for (at, among, mode, owner) in [
        ("plain", Some(home(&[us.0], &[us.1])), 0o755, us),
        ("at-home", Some(home(&[us.0, 1234], &[us.1])), 0o755, (1234, us.1)),
        ("asked", None, 0o6755, (1234, 4321)),
    ] {
        let target = folder.path().join(at);
        let among = among.map(Home::from);
        let census = unpack_among(
            &mut &tar[..],
            &target,
            Links::Inside,
            among.as_ref(),
            Method::Blake3,
            &mut super::quiet,
        )
        .unwrap()
        .census;
        let found = fs::metadata(target.join("sh")).unwrap();
        assert_eq!(found.mode() & 0o7777, mode, "{at}");
        // only root gives files away
        let root = us.0 == 0;
        assert_eq!((found.uid(), found.gid()), if root { owner } else { us }, "{at}");
        let left = (census.count(What::SetIdLeft), census.count(What::OwnerLeft));
        assert_eq!(left, (u64::from(mode == 0o755), u64::from(root && mode == 0o755)), "{at}");
        assert_eq!(census.entries.len(), 2);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, ..Default::default() })]

    /// Whatever entries there are, in whatever order: nothing leaves the target, and what is unpacked is what was scanned.
    #[test]
    fn nothing_made_at_random_gets_out(picks in proptest::collection::vec((0..5_usize, 0..9_usize, 0..9_usize), 1..12)) {
        let words: [&[u8]; 9] = [b"a", b"b", b"a/b", b"./a/c", b"b/../a", b"..", b"/tmp", b"a/b/c", b"../victim"];
        let entries: Vec<Vec<u8>> = picks
            .iter()
            .map(|(kind, name, link)| entry(b"01256"[*kind], words[*name], words[*link], if *kind == 0 { b"x" } else { b"" }))
            .collect();
        let tar = archive(&entries);
        let folder = tempfile::tempdir().unwrap();

        fs::File::create(folder.path().join("victim")).unwrap().write_all(b"untouched").unwrap();
        let target = folder.path().join("deep").join("target");
        fs::create_dir(folder.path().join("deep")).unwrap();

        let scanned = scan(&mut &tar[..], Links::Inside);
        let unpacked = unpack(&mut &tar[..], &target, Links::Inside, &mut super::quiet);
        proptest::prop_assert_eq!(scanned.is_ok(), unpacked.is_ok());

        if let (Ok(scanned), Ok(unpacked)) = (scanned, unpacked) {
            proptest::prop_assert_eq!(scanned, unpacked);
        }

        drop(unpack(&mut &tar[..], &folder.path().join("deep").join("again"), Links::AsTheyAre, &mut super::quiet));
        proptest::prop_assert_eq!(fs::read(folder.path().join("victim")).unwrap(), b"untouched");
        proptest::prop_assert_eq!(count(folder.path()), 2);
        proptest::prop_assert_eq!(count(&folder.path().join("deep")), 2);
    }
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}
