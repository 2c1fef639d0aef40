//! What is noted of a backup after it was made: beside its manifest, which stays as it was sealed.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Instant;

use db_tasks::bundle::{Manifest, Untried, ending};
use db_tasks::run::record_untried;
use serde_json::{Value, json};

use super::drift::TWO;
use super::{Bench, HOST, TOOL, facts};

/// A project with one backup, and what lies beside it.
struct Noted {
    bench: Bench,
    /// The name that people type.
    name: String,
    manifest: PathBuf,
    notes: PathBuf,
    sealed: Vec<u8>,
}

impl Noted {
    fn new() -> Self {
        let bench = Bench::new(HOST);
        let name = bench.with_backup();
        let file = name.replace(".sql.zst", ".manifest.json");
        let manifest = bench.dir.join("backups").join(file);
        let (notes, sealed) = (ending::notes(&manifest), fs::read(&manifest).unwrap());
        Self { bench, name, manifest, notes, sealed }
    }

    fn state(&self) -> String {
        let found = self.bench.run(&["db-info", &self.name, "--json"]).exits(0).out;
        serde_json::from_str::<Value>(&found).unwrap()["state"].as_str().unwrap().to_owned()
    }

    /// The dump is damaged, and that was found.
    fn damaged(self) -> Self {
        let file = self.bench.dir.join("backups").join(&self.name);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();

        self.bench.run(&["db-verify", &self.name]).exits(1);
        assert_eq!(self.state(), "failed");
        self
    }

    /// It counts as unverified, no rule counts it, and everybody who meets it is told why.
    #[track_caller]
    fn is_in_doubt(&self, why: &str) {
        assert_eq!(self.state(), "unverified", "{why}");
        let told = format!("can't be used: {why}");
        assert!(self.bench.run(&["db-list"]).exits(0).out.contains(&told), "{why}");
        assert!(self.bench.run(&["db-info", &self.name]).exits(0).out.contains(&told), "{why}");
        assert!(self.bench.run(&["db-doctor"]).out.contains(&told), "{why}");
        let restore = self.bench.run(&["db-restore", "--latest", "--dry-run"]).exits(1);
        let skipped = "is in doubt, and skipped: what was noted";
        restore.tells(skipped).tells("there is no good backup");

        let cleanup =
            ["db-cleanup", "--keep-days", "0", "--min-keep", "0", "--keep-last", "1", "--dry-run"];
        let kept = self.bench.run(&cleanup).exits(0).out;
        assert!(kept.contains("there is no verified backup here"), "{why}: {kept}");
    }
}

#[test]
fn a_verification_is_noted_beside_what_was_sealed() {
    let noted = Noted::new();
    assert!(noted.state() == "verified" && !noted.notes.exists());

    let said = noted.bench.run(&["db-verify", &noted.name, "--dry-run"]).exits(0).out;
    assert!(said.contains(".manifest.notes.json: quick verification: passed"), "{said}");

    noted.bench.run(&["db-verify", &noted.name]).exits(0);
    noted.bench.run(&["db-verify", &noted.name, "--deep"]).exits(0);
    assert_eq!(noted.state(), "verified deep");
    assert_eq!(fs::read(&noted.manifest).unwrap(), noted.sealed);

    let mode = std::os::unix::fs::PermissionsExt::mode;
    assert_eq!(mode(&fs::metadata(&noted.notes).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn a_bad_word_is_not_lost_with_the_notes_it_is_in() {
    let noted = Noted::new().damaged();
    let bad = fs::read(&noted.notes).unwrap();

    let edited = String::from_utf8(bad.clone()).unwrap().replace("false", "true");
    let directory = || {
        fs::remove_file(&noted.notes).unwrap();
        fs::create_dir(&noted.notes).unwrap();
    };
    let damages: [(&str, &dyn Fn()); 4] = [
        ("its notes are damaged (EOF", &|| fs::write(&noted.notes, &bad[..40]).unwrap()),
        ("its notes are damaged (their digest", &|| fs::write(&noted.notes, &edited).unwrap()),
        ("its notes are damaged (expected value", &|| fs::write(&noted.notes, "x").unwrap()),
        ("its notes are damaged (they are no file", &directory),
    ];
    for (why, damage) in damages {
        damage();
        noted.is_in_doubt(why);
    }
    fs::remove_dir(&noted.notes).unwrap();

    // that it could not be tried answers nothing, and does not make it good again
    fs::write(&noted.notes, "x").unwrap();
    let untried =
        Untried { when: chrono::Utc::now(), how: "deep".into(), why: "no such role".into() };
    let refused = format!("{:#}", record_untried(&noted.manifest, untried).unwrap_err());
    assert!(refused.contains("could not add to"), "{refused}");
    noted.is_in_doubt("its notes are damaged (expected value");

    // whoever reads it again knows
    noted.bench.run(&["db-verify", &noted.name]).exits(1);
    assert_eq!(noted.state(), "failed");
    assert_eq!(fs::read(&noted.manifest).unwrap(), noted.sealed);
}

/// What is there in place of the beginning may look like anything, or like nothing.
#[test]
fn a_destroyed_beginning_is_damage_and_noted() {
    for compress in ["zstd", "gzip", "none"] {
        for destroy in [
            (|bytes| bytes[0] ^= 1) as fn(&mut Vec<u8>),
            |bytes| bytes.fill(0),
            |bytes| bytes[..6].copy_from_slice(b"BZh91A"),
            |bytes| bytes[..4].copy_from_slice(b"PK\x03\x04"),
        ] {
            let bench = Bench::new(HOST);
            bench.run(&["db-backup", "--compress", compress]).exits(0);
            let dump = |name: &String| !name.ends_with(".json");
            let name = bench.names_in("backups").into_iter().find(dump).unwrap();
            let file = bench.dir.join("backups").join(&name);
            let mut bytes = fs::read(&file).unwrap();
            destroy(&mut bytes);
            fs::write(&file, bytes).unwrap();

            let said = bench.run(&["db-verify", &name, "--json"]).exits(1).out;
            let document: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(document["outcome"]["problem"]["code"], "backup-damaged", "{said}");

            let list = bench.run(&["db-list", "--json"]).exits(0).out;
            let list: Value = serde_json::from_str(&list).unwrap();
            assert_eq!(list["backups"][0]["state"], "failed", "{compress}: {list}");
        }
    }
}

#[test]
fn a_good_backup_is_as_good_as_before_once_it_was_read_again() {
    let noted = Noted::new();
    noted.bench.run(&["db-verify", &noted.name]).exits(0);
    fs::write(&noted.notes, "").unwrap();
    noted.is_in_doubt("its notes are damaged (EOF");

    // it can be restored all the same: that reads it to its end
    noted.bench.run(&["db-restore", &noted.name, "--yes"]).exits(0);
    noted.bench.run(&["db-verify", &noted.name]).exits(0);
    assert_eq!(noted.state(), "verified");

    // notes that nobody has taken along
    fs::remove_file(&noted.notes).unwrap();
    assert_eq!(noted.state(), "verified");
}

#[test]
fn notes_of_another_backup_count_for_nothing() {
    let noted = Noted::new().damaged();
    let other = Noted::new();
    other.bench.run(&["db-verify", &other.name, "--deep"]).exits(0);
    fs::copy(&other.notes, &noted.notes).unwrap();
    noted.is_in_doubt("its notes are of another manifest");

    // and a manifest that was edited since is another one
    other.bench.run(&["db-info", &other.name]).exits(0);
    let text = String::from_utf8(other.sealed.clone()).unwrap();
    fs::write(&other.manifest, text.replace("\n  \"", "\n    \"")).unwrap();
    other.is_in_doubt("its notes are of another manifest");
}

#[test]
fn what_a_newer_version_noted_is_left_to_it() {
    let noted = Noted::new();
    let newer = json!({ "format": 3, "of": "x", "pinned": true }).to_string();
    fs::write(&noted.notes, &newer).unwrap();
    noted.is_in_doubt("its notes are of format 3, this version reads up to 2");

    let said = noted.bench.run(&["db-verify", &noted.name]);
    said.exits(1).tells("use a newer db-tasks");
    assert_eq!(fs::read_to_string(&noted.notes).unwrap(), newer);
}

/// A newer version may have noted that it is to be kept.
#[test]
fn what_is_in_doubt_is_not_removed_beside_a_good_one() {
    let noted = Noted::new();
    noted.bench.run(&["db-backup"]).exits(0);
    let cleanup = ["db-cleanup", "--keep-days", "0", "--min-keep", "1", "--dry-run"];
    let removes = "old, kept for 0: [DIR]/backups/";
    let planned = || noted.bench.run(&cleanup).exits(0).out;
    assert!(planned().contains(removes), "{}", planned());

    fs::write(&noted.notes, json!({ "format": 3, "pinned": true }).to_string()).unwrap();
    let kept = "its notes can't be used: `db-verify` tells whether it is good";
    assert!(planned().contains(kept) && !planned().contains(removes), "{}", planned());
}

/// A set is good when all of it was read: a good word after its first part would hide the bad one
/// that was noted before, wherever the run is killed.
#[test]
fn a_set_has_one_word_and_not_one_for_each_part() {
    let bench = Bench::new(TWO);
    bench.facts("app2", facts("app2"));
    bench.run(&["db-backup"]).exits(0);
    let set = bench.names_in("backups").remove(0);
    let manifest = bench.dir.join("backups").join(&set).join("manifest.json");
    let words = || {
        let all = Manifest::read(&manifest).unwrap().verified;
        all.into_iter().map(|v| (v.how, v.good)).collect::<Vec<_>>()
    };

    bench.run(&["db-verify", &set]).exits(0);
    assert_eq!(words(), [("written".into(), true), ("quick".into(), true)]);

    // the second part is damaged
    let last = Manifest::read(&manifest).unwrap().artifacts.pop().unwrap().file;
    let file = manifest.with_file_name(last);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();

    bench.run(&["db-verify", &set]).exits(1);
    bench.run(&["db-verify", &set]).exits(1);
    assert_eq!(words()[2..], [("quick".into(), false), ("quick".into(), false)]);
}

/// What is noted of a backup goes with it, first of all flat, then as a set.
#[test]
fn notes_go_with_their_backup() {
    for template in ["{database}_{timestamp}.{ext}", "backup_{timestamp}/{store}.{ext}"] {
        let bench = Bench::new(&format!("{HOST}[backup]\nname = \"{template}\"\n"));
        for _ in 0..2 {
            bench.run(&["db-backup"]).exits(0);
            bench.run(&["db-verify"]).exits(0);
        }

        let notes = |bench: &Bench| {
            bench.files().into_keys().filter(|name| name.ends_with(".notes.json")).count()
        };
        assert_eq!(notes(&bench), 2);
        let cleanup = ["db-cleanup", "--keep-days", "0", "--min-keep", "1"];
        let dry = bench.run(&[&cleanup[..], &["--dry-run"]].concat()).exits(0).out;
        // a set is removed as a whole
        assert_eq!(dry.contains("manifest.notes.json"), !template.contains('/'), "{dry}");

        bench.run(&[&cleanup[..], &["--yes"]].concat()).exits(0);
        let left = bench.files().into_keys().filter(|name| name.starts_with("backups/"));
        let left: Vec<String> = left.filter(|name| name.contains('.')).collect();
        assert_eq!((notes(&bench), left.len()), (1, 3), "{left:?}");
    }
}

/// Nothing is removed because its notes were lost: it may be one of those that are to be kept.
#[test]
fn what_is_in_doubt_is_not_cleaned_up() {
    let bench = Bench::new(HOST);
    bench.run(&["db-backup", "--label", "first"]).exits(0);
    let first = bench.names_in("backups").remove(0);
    bench.run(&["db-backup"]).exits(0);

    let manifest = bench.dir.join("backups").join(first);
    fs::write(ending::notes(&manifest), "x").unwrap();
    let cleanup = ["db-cleanup", "--keep-days", "0", "--min-keep", "1", "--yes"];
    let left = || bench.names_in("backups").len();

    bench.run(&cleanup).exits(0).tells("its notes can't be used: `db-verify` tells");
    assert_eq!(left(), 5);

    // that it is good is known again; whether it was pinned is not
    let file = &Manifest::read(&manifest).unwrap().artifacts[0].file;
    bench.run(&["db-verify", file]).exits(0);
    bench.run(&cleanup).exits(0).tells("it may be pinned");
    assert_eq!(left(), 5);

    bench.run(&["db-pin", file, "--unpin"]).exits(0);
    bench.run(&cleanup).exits(0);
    assert_eq!(left(), 2);
}

/// A manifest of an older format is not rewritten either.
#[test]
fn notes_of_an_older_backup_are_beside_it_too() {
    let stored = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests/format-1");
    let stem = "shop_20261121_102946_before-v2";
    let bench = Bench::new(HOST);
    for file in [".manifest.json", ".sql.gz"].map(|ending| format!("{stem}{ending}")) {
        bench.file(&format!("backups/{file}"), fs::read(stored.join(file)).unwrap());
    }
    let manifest = bench.dir.join(format!("backups/{stem}.manifest.json"));
    let before = Manifest::read(&manifest).unwrap();

    bench.run(&["db-verify", &format!("{stem}.sql.gz")]).exits(0);
    assert_eq!(
        fs::read(&manifest).unwrap(),
        fs::read(stored.join(format!("{stem}.manifest.json"))).unwrap()
    );
    let after = Manifest::read(&manifest).unwrap();
    assert_eq!(after.verified.len(), before.verified.len() + 1);
}

/// Wherever a verification is killed, the notes are the old or the new ones, whole.
#[test]
fn notes_survive_a_kill_at_any_moment() {
    let noted = Noted::new();
    let timed = |_| {
        let begun = Instant::now();
        noted.bench.run(&["db-verify", &noted.name]).exits(0);
        begun.elapsed()
    };
    // the first one may have waited for the disk, and all kills would come too late
    let whole = (0..3).map(timed).min().unwrap();
    let said = || Manifest::read(&noted.manifest).unwrap();
    let mut under_way = 0;

    for part in 0..60 {
        let before = said().verified.len();
        let mut command = noted.bench.command(TOOL);
        let mut child = command
            .args(["db-verify", &noted.name])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();

        // most of them at the end, where it writes
        sleep(whole * (60 + part) / 120);
        child.kill().unwrap();
        under_way += u32::from(!child.wait().unwrap().success());

        let after = said();
        assert_eq!(after.doubt(), None, "at {part}");
        assert!([before, before + 1].contains(&after.verified.len()), "at {part}");
    }

    assert!(under_way > 0, "no point was within a run");
    noted.bench.run(&["db-repair"]).exits(0);
    noted.bench.run(&["db-verify", &noted.name]).exits(0);
    let left: Vec<String> = noted.bench.names_in("backups");
    assert!(left.len() == 3 && !left.iter().any(|name| ending::is_partial(name)), "{left:?}");
    assert_eq!(fs::read(&noted.manifest).unwrap(), noted.sealed);
}

/// Storage that can only be read holds good backups, too.
#[test]
fn a_good_backup_that_can_not_be_noted_is_called_good() {
    let noted = Noted::new();
    fs::create_dir(ending::partial(&noted.notes)).unwrap();

    noted
        .bench
        .run(&["db-verify", &noted.name])
        .exits(1)
        .tells("the backup is good, but the verification could not be noted beside it")
        .tells("make room or the folder writable, and verify again");
}
