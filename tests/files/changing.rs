//! Trees that change while they are read.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use db_tasks::engine::files::{Excludes, Links, dump, read_back_by, scan, scan_by};
use db_tasks::stream::Method;
use db_tasks::value::tree::{Census, Kind, What};

/// Dumps a tree and does something to it as soon as the first bytes of the tar with a mark in them
/// come by.
fn meanwhile(root: &Path, mark: &str, act: impl FnMut()) -> (Vec<u8>, Census) {
    struct Out<'a, F: FnMut()> {
        tar: Vec<u8>,
        mark: &'a [u8],
        act: Option<F>,
    }

    impl<F: FnMut()> Write for Out<'_, F> {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.tar.write_all(buf)?;
            if buf.windows(self.mark.len()).any(|w| w == self.mark)
                && let Some(mut act) = self.act.take()
            {
                act();
            }
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut out = Out { tar: Vec::new(), mark: mark.as_bytes(), act: Some(act) };
    let census = dump(root, &Excludes::default(), &mut out, &mut super::quiet).unwrap();
    assert!(out.act.is_none(), "the mark came by");

    (out.tar, census)
}

fn remarks(census: &Census) -> Vec<(String, What)> {
    census.remarks.iter().map(|r| (r.name.to_string(), r.what)).collect()
}

#[test]
fn files_that_change_are_told_and_the_tar_stays_sound() {
    let size = 4 << 20;

    for (what, act) in [
        (
            What::Grew,
            (|path| {
                fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap()
            }) as fn(&Path),
        ),
        (What::Shrank, |path| {
            fs::File::options().write(true).open(path).unwrap().set_len(1 << 20).unwrap()
        }),
        (What::Rewritten, |path| {
            std::thread::sleep(Duration::from_millis(20));
            let mut file = fs::File::options().write(true).open(path).unwrap();
            file.write_all(b"other").unwrap();
        }),
    ] {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("busy");
        fs::write(&path, vec![b'x'; size]).unwrap();
        fs::write(root.path().join("calm"), "calm").unwrap();
        let (tar, census) = meanwhile(root.path(), "./busy", || act(&path));
        assert_eq!(remarks(&census), [("busy".into(), what)]);
        assert_eq!(census.changed().count(), 1);
        let scanned = scan(&mut &tar[..], Links::Inside).unwrap();
        assert_eq!(scanned.entries, census.entries, "{what:?}");
        assert_eq!(scanned.bytes(), size as u64 + 4);
    }
}

#[test]
fn a_time_that_was_set_back_hides_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("busy");
    fs::write(&path, vec![b'x'; 1 << 20]).unwrap();

    let (_, census) = meanwhile(root.path(), "./busy", || {
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::File::options().write(true).open(&path).unwrap().write_all(b"y").unwrap();
        fs::File::open(&path).unwrap().set_modified(before).unwrap();
    });

    assert_eq!(remarks(&census), [("busy".into(), What::Rewritten)]);
}

#[test]
fn what_vanishes_or_comes_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    for name in ["first/a", "first/b", "link/c", "no/d", "other/e"] {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), name).unwrap();
    }

    // no reader is so far ahead
    let between: Vec<String> = (100..140).map(|n| format!("first/a{n}")).collect();
    between.iter().for_each(|name| fs::write(path(name), vec![7; 200_000]).unwrap());

    let (tar, census) = meanwhile(root.path(), "./first/a", || {
        std::thread::sleep(Duration::from_millis(20));
        fs::remove_file(path("first/b")).unwrap();
        fs::remove_dir_all(path("link")).unwrap();
        fs::remove_dir_all(path("no")).unwrap();
        // a link in a folder's place must not be followed
        std::os::unix::fs::symlink("/etc", path("link")).unwrap();
    });

    let vanished = |name: &str| (name.to_owned(), What::Vanished);
    assert_eq!(
        remarks(&census),
        [vanished("first/b"), ("first".into(), What::Stirred), vanished("link"), vanished("no")]
    );
    assert_eq!(scan(&mut &tar[..], Links::Inside).unwrap().entries, census.entries);

    let mut names = super::names(&census);
    names.retain(|name| !between.iter().any(|between| between == name));
    assert_eq!(names, [".", "first", "first/a", "other", "other/e"]);
}

#[test]
fn sockets_and_pipes_are_told_and_do_not_hang() {
    let root = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();

    assert!(
        std::process::Command::new("mkfifo")
            .arg(root.path().join("pipe"))
            .status()
            .unwrap()
            .success()
    );

    let (_, census) = super::tar_of(root.path());
    assert_eq!(
        remarks(&census),
        [("pipe".into(), What::NoContent), ("socket".into(), What::NoContent)]
    );
    assert_eq!(census.changed().count(), 0);
}

#[test]
fn an_archive_that_was_given_up_has_no_end() {
    struct Full(Vec<u8>);

    impl Write for Full {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            if self.0.len() > 4096 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0.write(buf)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    // whoever reads ahead of it ends, too
    for files in [1, 60] {
        let root = tempfile::tempdir().unwrap();
        (0..files)
            .for_each(|n| fs::write(root.path().join(n.to_string()), vec![1; 100_000]).unwrap());

        let mut out = Full(Vec::new());
        let error =
            dump(root.path(), &Excludes::default(), &mut out, &mut super::quiet).unwrap_err();
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);

        assert_eq!(kind, Some(std::io::ErrorKind::StorageFull), "as it came: {error:#}");
        assert!(scan(&mut &out.0[..], Links::Inside).is_err());
    }
}

/// What is read ahead is open, or in memory, until it is written: of neither may there be more the
/// more there is to read.
#[test]
#[cfg(target_os = "linux")]
fn few_files_are_open_at_once() {
    struct Counting<'a> {
        root: &'a Path,
        most: usize,
    }

    impl Write for Counting<'_> {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            // the reader goes as far ahead as it may
            std::thread::sleep(Duration::from_millis(2));
            let open = fs::read_dir("/proc/self/fd")
                .unwrap()
                .flatten()
                .filter_map(|fd| fs::read_link(fd.path()).ok());
            self.most = self.most.max(open.filter(|path| path.starts_with(self.root)).count());
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let root = tempfile::tempdir().unwrap();
    for n in 0..100 {
        // with a hole each, so that nobody reads them ahead
        fs::File::create(root.path().join(n.to_string())).unwrap().set_len(9).unwrap();
    }

    let mut out = Counting { root: root.path(), most: 0 };
    let census = dump(root.path(), &Excludes::default(), &mut out, &mut super::quiet).unwrap();
    assert_eq!(census.files(), 100);
    assert!((1..16).contains(&out.most), "{}", out.most);
}

/// A file is read at once or piece by piece, by its length: at the border and on both sides of it
/// the tar is the same.
#[test]
fn files_of_every_length_are_read_whole() {
    let root = tempfile::tempdir().unwrap();
    let lengths = [0, 1, 511, 512, 513, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20];
    for length in lengths {
        let bytes: Vec<u8> = (0..length).map(|i: usize| (i % 251) as u8).collect();
        fs::write(root.path().join(format!("{length:07}")), bytes).unwrap();
    }

    let (tar, census) = super::tar_of(root.path());
    assert_eq!(census.bytes(), lengths.iter().sum::<usize>() as u64);
    assert_eq!(scan(&mut &tar[..], Links::Inside).unwrap().entries, census.entries);
    assert_eq!(
        read_back_by(root.path(), Method::Blake3, &mut super::quiet).unwrap().entries,
        census.entries
    );
}

#[test]
fn a_sparse_file_has_the_digest_of_its_whole_content() {
    let root = tempfile::tempdir().unwrap();
    fs::File::create(root.path().join("hole")).unwrap().set_len(1 << 20).unwrap();

    let (tar, _) = super::tar_of(root.path());
    for found in [
        read_back_by(root.path(), Method::Sha256, &mut super::quiet),
        scan_by(&mut &tar[..], Links::Inside, Method::Sha256),
    ] {
        let Kind::File { bytes, print } = &found.unwrap().entries[&b"hole"[..]].kind else {
            panic!()
        };
        let want = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
        assert_eq!((*bytes, print.to_string().as_str()), (1 << 20, want));
    }
}
