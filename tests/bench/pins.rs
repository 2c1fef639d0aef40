//! Pins whose notes are lost: what may have been pinned stays until a person decides.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use db_tasks::bundle::ending;
use serde_json::Value;

use super::{Bench, HOST};

/// A pinned backup and a newer one, and rules that would remove all but the newest.
struct Pinned {
    bench: Bench,
    name: String,
    manifest: PathBuf,
    notes: PathBuf,
}

impl Pinned {
    fn new() -> Self {
        let bench = Bench::new(HOST);
        bench.run(&["db-backup", "--label", "first"]).exits(0);
        let name = bench.names_in("backups").into_iter().find(|n| n.ends_with(".zst")).unwrap();
        bench.run(&["db-backup"]).exits(0);
        bench.run(&["db-pin", &name]).exits(0);

        let manifest = ending::manifest_beside(&bench.dir.join("backups").join(&name));
        let notes = ending::notes(&manifest);
        Self { bench, name, manifest, notes }
    }

    fn cleaned(&self) -> String {
        let args = "db-cleanup --keep-days 0 --min-keep 0 --keep-last 1 --yes";
        self.bench.run(&args.split(' ').collect::<Vec<_>>()).exits(0).err.clone()
    }

    fn is_there(&self) -> bool {
        self.manifest.exists() && self.manifest.with_file_name(&self.name).exists()
    }

    fn listed(&self) -> Value {
        let list = self.bench.run(&["db-list", "--json"]).exits(0).out;
        let list: Value = serde_json::from_str(&list).unwrap();
        let all = list["backups"].as_array().unwrap();
        let is_first = |backup: &&Value| backup["name"].as_str().unwrap().contains("_first.");
        all.iter().find(is_first).unwrap().clone()
    }

    /// Whatever became of its notes and of the backup: it is verified, and stays.
    #[track_caller]
    fn stays_in_doubt(&self, why: &str) {
        assert_eq!(self.listed()["state"], "verified", "{why}");
        assert!(self.listed()["pinned"]["doubt"].as_str().unwrap().contains(why), "{why}");
        for args in [&["db-list"][..], &["db-info", &self.name]] {
            assert!(
                self.bench.run(args).exits(0).out.contains("verified, perhaps pinned"),
                "{why}"
            );
        }

        let doctor = self.bench.run(&["db-doctor"]).out.clone();
        assert!(doctor.contains("is perhaps pinned: its notes are"), "{why}: {doctor}");

        let said = self.cleaned();
        assert!(said.contains("it may be pinned"), "{why}: {said}");
        assert!(said.contains(" --unpin` decides") && self.is_there(), "{why}: {said}");
    }
}

#[test]
fn a_pin_is_not_lost_with_the_notes_it_is_in() {
    let whole = Pinned::new();
    let said = fs::read_to_string(&whole.notes).unwrap();
    let too_long = |notes: &Path| fs::File::create(notes).unwrap().set_len((1 << 20) + 1).unwrap();
    let linked = |notes: &Path| {
        fs::rename(notes, notes.with_extension("moved")).unwrap();
        symlink(notes.with_extension("moved"), notes).unwrap();
    };
    let write = |text: &str| {
        let text = text.to_owned();
        Box::new(move |notes: &Path| fs::write(notes, &text).unwrap()) as Box<dyn Fn(&Path)>
    };

    for (why, damage) in [
        ("damaged (EOF", write(&said[..40])),
        ("damaged (EOF", write("")),
        ("damaged (expected value", write("x")),
        ("damaged (they are too long)", Box::new(too_long)),
        ("damaged (they are no file)", Box::new(linked)),
        // as whole as can be, and of another project's backup
        ("of another manifest", write(&said)),
    ] {
        let pinned = Pinned::new();
        damage(&pinned.notes);
        assert!(pinned.cleaned().contains("its notes can't be used") && pinned.is_there());

        pinned.bench.run(&["db-verify", &pinned.name]).exits(0).tells("may have held a pin");
        pinned.stays_in_doubt(why);
        // nor does the next verification, of either kind, take it for unpinned
        pinned.bench.run(&["db-verify", &pinned.name]).exits(0);
        pinned.stays_in_doubt(why);
    }
}

/// A person decides, in either way.
#[test]
fn a_pin_in_doubt_is_a_persons_to_decide() {
    for (args, state, stays) in [
        (&["--unpin"][..], "verified", false),
        (&[], "verified, pinned", true),
        (&["--until", "2999-01-01"], "verified, pinned until 2999-01-01", true),
    ] {
        let pinned = Pinned::new();
        fs::write(&pinned.notes, "x").unwrap();

        // they may have said that it is bad: that must be answered first
        let refused = pinned.bench.run(&["db-pin", &pinned.name]).exits(1).tells("damaged");
        refused.tells("`db-verify` reads the backup again, and writes new ones").has_three_parts();
        pinned.bench.run(&["db-verify", &pinned.name]).exits(0);

        let args = [&["db-pin", &pinned.name], args].concat();
        pinned.bench.run(&args).exits(0);
        let info = pinned.bench.run(&["db-info", &pinned.name]).exits(0).out;
        assert!(info.contains(&format!("{state}\n")), "{info}");
        pinned.cleaned();
        assert_eq!(pinned.is_there(), stays, "{args:?}");
    }
}

/// A backup that turns out bad may be pinned all the same.
#[test]
fn a_bad_backup_keeps_its_doubt() {
    let pinned = Pinned::new();
    let dump = pinned.manifest.with_file_name(&pinned.name);
    let mut bytes = fs::read(&dump).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&dump, bytes).unwrap();
    fs::write(&pinned.notes, "x").unwrap();

    pinned.bench.run(&["db-verify", &pinned.name]).exits(1).tells("may have held a pin");
    assert_eq!(pinned.listed()["state"], "failed");
    assert!(pinned.cleaned().contains("it may be pinned") && pinned.is_there());
}

/// A folder can't be replaced by a file, and a newer version's notes are left to it: nothing is
/// written, and nothing removed.
#[test]
fn what_can_not_be_noted_anew_stays_as_it_is() {
    let pinned = Pinned::new();
    fs::remove_file(&pinned.notes).unwrap();
    fs::create_dir(&pinned.notes).unwrap();
    pinned.bench.run(&["db-verify", &pinned.name]).exits(1).tells("the backup is good, but");
    assert!(pinned.cleaned().contains("its notes can't be used") && pinned.is_there());
    assert!(pinned.notes.is_dir());

    fs::remove_dir(&pinned.notes).unwrap();
    let newer = "{ \"format\": 3, \"kept\": true }";
    fs::write(&pinned.notes, newer).unwrap();
    for args in [&["db-verify", &pinned.name][..], &["db-pin", &pinned.name, "--unpin"]] {
        pinned.bench.run(args).exits(1).tells("use a newer db-tasks");
    }
    assert!(pinned.cleaned().contains("its notes can't be used") && pinned.is_there());
    assert_eq!(fs::read_to_string(&pinned.notes).unwrap(), newer);
}

/// A run that was killed before the notes had their name has told nobody that it is pinned.
#[test]
fn notes_that_were_never_written_hold_no_pin() {
    let pinned = Pinned::new();
    fs::rename(&pinned.notes, ending::partial(&pinned.notes)).unwrap();
    assert_eq!(pinned.listed()["pinned"], Value::Null);
    pinned.cleaned();
    assert!(!pinned.is_there() && !ending::partial(&pinned.notes).exists());
}

/// In a shared folder, nobody gives another project's backup up for removal.
#[test]
fn what_another_project_pinned_is_not_unpinned_here() {
    let pinned = Pinned::new();
    let toml = HOST.replace("\"shop\"", "\"blog\"");
    pinned.bench.file("db-tasks.toml", toml);
    let said = pinned.bench.run(&["db-pin", &pinned.name, "--unpin"]).exits(3);
    said.tells("belongs to the project `shop`").has_three_parts();
    assert_ne!(pinned.listed()["pinned"], Value::Null);
    pinned.bench.run(&["db-pin", &pinned.name, "--until", "2999-01-01"]).exits(3);
    assert_eq!(pinned.listed()["pinned"]["until"], Value::Null);
}

/// `db-verify` reads no broken one: nobody is sent there for it.
#[test]
fn a_broken_one_in_doubt_is_removed_by_hand() {
    let pinned = Pinned::new();
    fs::remove_file(pinned.manifest.with_file_name(&pinned.name)).unwrap();
    fs::write(&pinned.notes, "x").unwrap();
    let said = pinned.cleaned();
    assert!(said.contains("it is broken, and its notes can't be used"), "{said}");
    assert!(pinned.manifest.exists());
}
