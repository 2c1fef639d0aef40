//! File trees on real file systems and in real containers.

mod attributes;
mod changing;
mod containers;
mod hostile;
mod swap;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use db_tasks::engine::files::{Excludes, Links, dump, read_back, scan, survey, unpack};
use db_tasks::value::tree::{Census, Kind, What, differences};

use crate::support::component::output;

fn quiet(_: u64, _: u64) {}

fn tar_of(root: &Path) -> (Vec<u8>, Census) {
    let mut tar = Vec::new();
    let census = dump(root, &Excludes::default(), &mut tar, &mut quiet).unwrap();
    (tar, census)
}

fn same(wanted: &Census, found: &Census) {
    assert_eq!(differences(wanted, found), []);
    assert!(!wanted.entries.is_empty());
}

fn names(census: &Census) -> Vec<String> {
    census.entries.keys().map(ToString::to_string).collect()
}

fn problem(error: &anyhow::Error) -> &db_tasks::problem::Problem {
    error.downcast_ref().unwrap_or_else(|| panic!("{error:#}"))
}

fn touch(path: &Path, since_1970: Duration) {
    fs::File::open(path).unwrap().set_modified(UNIX_EPOCH + since_1970).unwrap();
}

/// Every kind of entry, and names of every kind.
fn rich(root: &Path) {
    let path = |name: &[u8]| root.join(OsStr::from_bytes(name));
    for folder in [&b"empty"[..], b"deep/er", b"closed", b"sticky"] {
        fs::create_dir_all(path(folder)).unwrap();
    }

    let long = [b"deep/er/".to_vec(), vec![b'n'; 200]].concat();
    let longer = [b"deep/er/line\n".to_vec(), vec![0xff; 150]].concat();

    for (name, content) in [
        (&b"plain.txt"[..], &b"hello\n"[..]),
        (b"nothing", b""),
        (b"block", &[b'x'; 512]),
        (b"deep/er/-rf", b"a flag"),
        (b"deep/er/with space\t", b"1"),
        (b"line\nfeed", b"2"),
        (b"no-utf8-\xff\xfe", b"3"),
        (b"back\\slash", b"4"),
        ("übung".as_bytes(), b"5"),
        (b"closed/in.txt", b"6"),
        (&long, b"7"),
        (&longer, b"8"),
    ] {
        fs::write(path(name), content).unwrap();
    }

    for (name, to) in [
        (&b"to-plain"[..], &b"plain.txt"[..]),
        (b"deep/up", b"../plain.txt"),
        (b"dangling", b"not\xffthere"),
        (b"deep/far", &[b"er/", &vec![b'n'; 200][..]].concat()),
    ] {
        symlink(OsStr::from_bytes(to), path(name)).unwrap();
    }

    fs::hard_link(path(b"plain.txt"), path(b"deep/same-file")).unwrap();
    let mut holes = fs::File::create(path(b"holes")).unwrap();
    holes.write_all(b"begin").unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holes, b"middle", 5 << 20).unwrap();
    holes.set_len(8 << 20).unwrap();

    fs::File::create(path(b"all-hole")).unwrap().set_len(3 << 20).unwrap();

    for (name, mode) in
        [(&b"plain.txt"[..], 0o640), (b"nothing", 0o400), (b"block", 0o4755), (b"sticky", 0o3777)]
    {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    touch(&path(b"plain.txt"), Duration::new(981_173_106, 789_000_001));
    let before_1970 = UNIX_EPOCH - Duration::from_millis(1250);
    fs::File::open(path(b"block")).unwrap().set_modified(before_1970).unwrap();
    touch(&path(b"empty"), Duration::new(1_000_000_000, 5));
    touch(&path(b"closed"), Duration::from_secs(1_000_000_001));

    fs::set_permissions(path(b"closed"), fs::Permissions::from_mode(0o711)).unwrap();
}

#[test]
fn a_tree_with_every_kind_of_entry_there_and_back() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    rich(from.path());

    let (tar, wanted) = tar_of(from.path());
    assert_eq!(wanted.changed().count(), 0, "{:?}", wanted.remarks);
    assert!(wanted.remarks.iter().any(|r| r.what == What::SetId && r.name.to_string() == "block"));

    let scanned = scan(&mut &tar[..], Links::Inside).unwrap();
    assert_eq!(scanned.entries, wanted.entries);

    let staged = to.path().join("staged");
    let unpacked = unpack(&mut &tar[..], &staged, Links::Inside, &mut quiet).unwrap();
    assert_eq!(unpacked.entries, wanted.entries);

    let on_disk = read_back(&staged, &mut quiet).unwrap();
    same(&wanted, &on_disk);
    assert_eq!(
        wanted.entries.values().map(|e| e.owner).collect::<Vec<_>>(),
        on_disk.entries.values().map(|e| e.owner).collect::<Vec<_>>()
    );

    let meta = |root: &Path, name: &str| fs::symlink_metadata(root.join(name)).unwrap();
    assert_eq!(meta(&staged, "plain.txt").ino(), meta(&staged, "deep/same-file").ino());

    for name in ["holes", "all-hole"] {
        let (was, is) = (meta(from.path(), name), meta(&staged, name));
        assert_eq!(was.len(), is.len());

        if was.blocks() * 512 < was.len() {
            assert!(
                is.blocks() * 512 <= was.blocks() * 512 + 256 * 1024,
                "{name}: {} blocks",
                is.blocks()
            );
        }
    }

    assert!(tar.len() < 1 << 20, "holes cost nothing: {}", tar.len());
    // the same tree gives the same bytes
    assert!(tar_of(from.path()).0 == tar);
    assert!(
        unpack(&mut &tar[..], &staged, Links::Inside, &mut quiet).is_err(),
        "never into what is there"
    );
}

#[test]
fn a_folder_that_nobody_may_write_to_is_filled_first() {
    let folder = tempfile::tempdir().unwrap();
    let closed = |root: &Path, mode| {
        fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(mode)).unwrap()
    };
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));

    fs::create_dir_all(from.join("closed/in")).unwrap();
    fs::write(from.join("closed/in/file"), "1").unwrap();
    closed(&from, 0o555);

    let (tar, wanted) = tar_of(&from);
    unpack(&mut &tar[..], &to, Links::Inside, &mut quiet).unwrap();
    same(&wanted, &read_back(&to, &mut quiet).unwrap());
    [from, to].iter().for_each(|root| closed(root, 0o755));
}

#[test]
fn the_tar_of_the_machine_reads_ours() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    rich(from.path());

    let (tar, wanted) = tar_of(from.path());
    let file = to.path().join("tree.tar");
    fs::write(&file, &tar).unwrap();

    let staged = to.path().join("staged");
    fs::create_dir(&staged).unwrap();

    let said = output(Command::new("tar").arg("-xpf").arg(&file).arg("-C").arg(&staged));
    said.unwrap();
    same(&wanted, &read_back(&staged, &mut quiet).unwrap());
}

#[test]
fn we_read_the_tar_of_the_machine() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    rich(from.path());

    let wanted = read_back(from.path(), &mut quiet).unwrap();
    let gnu = output(Command::new("tar").arg("--version")).unwrap().contains("GNU");
    let formats: &[&[&str]] =
        if gnu { &[&["--format=gnu"], &["--format=gnu", "-S"]] } else { &[&[]] };

    for (at, format) in formats.iter().enumerate() {
        let file = to.path().join(format!("{at}.tar"));
        output(
            Command::new("tar")
                .args(*format)
                .arg("-cf")
                .arg(&file)
                .arg("-C")
                .arg(from.path())
                .arg("."),
        )
        .unwrap();

        let scanned = scan(&mut fs::File::open(&file).unwrap(), Links::Inside).unwrap();
        let staged = to.path().join(at.to_string());
        let unpacked =
            unpack(&mut fs::File::open(&file).unwrap(), &staged, Links::Inside, &mut quiet)
                .unwrap();

        assert_eq!(scanned, unpacked, "{format:?}");
        same(&unpacked, &read_back(&staged, &mut quiet).unwrap());

        assert_eq!(
            (names(&unpacked), unpacked.bytes()),
            (names(&wanted), wanted.bytes()),
            "{format:?}"
        );
    }
}

#[test]
fn a_name_with_a_line_end_in_an_extended_header_is_never_misread() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = [&b"line\n"[..], &[b'x'; 120]].concat();
    fs::write(from.path().join(OsStr::from_bytes(&name)), "1").unwrap();

    let file = to.path().join("tree.tar");
    let made = Command::new("tar")
        .args(["--format=posix", "-cf"])
        .arg(&file)
        .arg("-C")
        .arg(from.path())
        .arg(".")
        .status();

    assert!(made.unwrap().success());
    let census = scan(&mut fs::File::open(&file).unwrap(), Links::Inside).unwrap();
    assert_eq!(
        census.entries.keys().map(|name| name.bytes()).collect::<Vec<_>>(),
        [&b""[..], &name]
    );
}

/// Several threads read it back, and a file's names may be in the folders of any two of them.
#[test]
fn a_tree_of_many_folders_is_read_back_the_same_each_time() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for at in 0..60 {
        let folder = from.path().join(format!("{}/{at}/deep", at % 7));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), [at as u8; 3000]).unwrap();
        fs::set_permissions(folder.join("file"), fs::Permissions::from_mode(0o666)).unwrap();
        fs::hard_link(folder.join("file"), from.path().join(format!("name-{at}"))).unwrap();
    }

    let mut tar = Vec::new();
    let wanted = dump(from.path(), &Excludes::default(), &mut tar, &mut quiet).unwrap();
    assert_eq!(wanted.files(), 120);
    unpack(&mut &tar[..], &to.path().join("staged"), Links::Inside, &mut quiet).unwrap();

    for _ in 0..20 {
        let mut told = (0, 0);
        let found =
            read_back(&to.path().join("staged"), &mut |entries, bytes| told = (entries, bytes))
                .unwrap();
        assert_eq!(differences(&wanted, &found), []);
        assert_eq!(told, (wanted.entries.len() as u64, 180_000));
    }

    fs::write(to.path().join("staged/3/3/deep/file"), [9; 3000]).unwrap();
    assert!(
        !differences(&wanted, &read_back(&to.path().join("staged"), &mut quiet).unwrap())
            .is_empty()
    );
    assert!(read_back(&to.path().join("none"), &mut quiet).is_err());
}

#[test]
fn what_is_excluded_is_neither_counted_nor_written() {
    let root = tempfile::tempdir().unwrap();
    for name in ["cache/a", "keep/cache/b", "keep/c.tmp", "keep/d", "logs/e"] {
        fs::create_dir_all(root.path().join(name).parent().unwrap()).unwrap();
        fs::write(root.path().join(name), "1234").unwrap();
    }

    let excludes = Excludes::new(["/cache", "*.tmp", "logs/"]).unwrap();
    let mut tar = Vec::new();
    let census = dump(root.path(), &excludes, &mut tar, &mut quiet).unwrap();

    assert_eq!(names(&census), [".", "keep", "keep/cache", "keep/cache/b", "keep/d"]);
    let facts = survey(root.path(), &excludes).unwrap();
    assert_eq!((facts.entries, facts.bytes, facts.mounts.len()), (4, 8, 0));
    assert_eq!(facts.root, root.path().canonicalize().unwrap());
    assert!(facts.id.is_some() && !facts.root_is_mount);

    assert_eq!(survey(&root.path().join("none"), &excludes).unwrap().id, None);
    assert!(survey(&root.path().join("keep/d"), &excludes).is_err(), "a file is no tree");
}

#[test]
fn a_census_is_the_same_after_json() {
    let root = tempfile::tempdir().unwrap();
    rich(root.path());

    let census = read_back(root.path(), &mut quiet).unwrap();
    let text = serde_json::to_string(&census).unwrap();
    assert_eq!(serde_json::from_str::<Census>(&text).unwrap(), census);
    assert_eq!(census.files(), 15);

    let links: Vec<_> = census
        .entries
        .values()
        .filter(|entry| matches!(entry.kind, Kind::Hardlink { .. }))
        .collect();

    assert_eq!(links.len(), 1, "two names of one file");
}

/// Bytes that never end, and cost no memory.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        for byte in buf.iter_mut() {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
        Ok(buf.len())
    }
}

#[test]
fn two_hundred_megabytes_pass_through_constant_memory() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();

    let mut big = fs::File::create(root.join("big")).unwrap();
    std::io::copy(&mut Endless(1).take(200 << 20), &mut big).unwrap();
    drop(big);

    let before = memory();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let writing = std::thread::spawn({
        let root = root.clone();
        move || dump(&root, &Excludes::default(), &mut writer, &mut quiet).unwrap()
    });
    let mut peak = 0;
    let mut sample = |_, _| peak = memory().max(peak);

    let unpacked =
        unpack(&mut { reader }, &folder.path().join("staged"), Links::Inside, &mut sample).unwrap();
    assert_eq!(writing.join().unwrap(), unpacked);
    assert_eq!(unpacked.bytes(), 200 << 20);
    // other tests run in this process, too: far less than the file is what can be told
    assert!(peak < before + (100 << 20), "{before} {peak}");
}

fn memory() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
