//! What `db-backup` removes: decided with the new backup counted, shown before anything is done, and
//! done only once the new one is good.

use std::fs;
use std::path::Path;

use chrono::{TimeDelta, Utc};
use db_tasks::bundle::ending;
use serde_json::Value;

use super::{Bench, HOOKS, HOST, facts};

/// Old backups, one for each of these days, and no new one; a 5 at the end is a release.
fn with_old(rules: &str, days: &[i64]) -> Bench {
    let bench = Bench::new(&format!("{HOST}[backup]\nmin-keep = 0\n{rules}"));
    let name = bench.with_backup();
    let manifest = ending::manifest_beside(Path::new(&name)).display().to_string();
    let (manifest, dump) = (format!("backups/{manifest}"), format!("backups/{name}"));

    for age in days {
        let mut text = bench.manifest(&manifest);
        text["label"] = if age % 10 == 5 { "release-2".into() } else { Value::Null };
        text["created"] = (Utc::now() - TimeDelta::days(*age)).to_rfc3339().into();
        text["artifacts"][0]["file"] = format!("old{age}.sql.zst").into();
        bench.file(&format!("backups/old{age}.manifest.json"), text.to_string());
        bench.file(&format!("backups/old{age}.sql.zst"), fs::read(bench.dir.join(&dump)).unwrap());
    }

    fs::remove_file(bench.dir.join(dump)).unwrap();
    fs::remove_file(bench.dir.join(manifest)).unwrap();
    bench.facts("app", facts("app"));
    bench
}

/// The dumps that are there.
fn dumps(bench: &Bench) -> Vec<String> {
    bench.names_in("backups").into_iter().filter(|name| name.ends_with(".zst")).collect()
}

fn old(bench: &Bench) -> Vec<String> {
    dumps(bench).into_iter().filter(|name| name.starts_with("old")).collect()
}

#[test]
fn as_many_are_left_as_the_rule_says() {
    for (rules, left) in [
        ("keep-days = 0\nkeep-last = 3\n", vec!["old1.sql.zst", "old2.sql.zst"]),
        ("keep-days = 0\nkeep-last = 1\n", vec![]),
        ("keep-days = 0\nkeep-daily = 2\n", vec!["old1.sql.zst"]),
        ("keep-days = 3\n", vec!["old1.sql.zst", "old2.sql.zst"]),
    ] {
        let bench = with_old(rules, &[1, 2, 3, 4]);
        let shown = bench.run(&["db-backup", "--dry-run"]).exits(0).out;
        bench.run(&["db-backup"]).exits(0);
        assert_eq!(old(&bench), left, "{rules}");
        assert_eq!(dumps(&bench).len(), left.len() + 1, "{rules}");

        // each with its reason, and after what they make room for
        for age in 1..5 {
            let file = format!("old{age}.sql.zst");
            let gone = !left.contains(&&*file);
            let line = shown.lines().position(|line| {
                line.contains("remove") && line.contains("days old") && line.contains(&file)
            });
            assert_eq!(line.is_some(), gone, "{rules}: {shown}");
            let sealed = shown.lines().position(|line| line.contains("seal ")).unwrap();
            assert!(line.is_none_or(|line| line > sealed), "{shown}");
        }

        // nothing is left for a clean-up
        bench.run(&["db-cleanup", "--yes"]).exits(0);
        assert_eq!(dumps(&bench).len(), left.len() + 1, "{rules}");
    }
}

/// The new one is counted by the rules that are for it, and by no others.
#[test]
fn special_rules_count_it_too() {
    let rules = "keep-days = 0\nkeep-last = 2\n[retention.releases]\nlabels = \
                 [\"release-*\"]\nkeep-days = 0\nkeep-last = 2\n";
    let bench = with_old(rules, &[1, 2, 5, 15]);
    bench.run(&["db-backup", "--label", "release-3"]).exits(0);
    assert_eq!(old(&bench), ["old1.sql.zst", "old2.sql.zst", "old5.sql.zst"]);
    bench.run(&["db-backup"]).exits(0);
    assert_eq!(old(&bench), ["old1.sql.zst", "old5.sql.zst"]);
}

/// It takes about as much as the last one: that is what is known before.
#[test]
fn the_new_one_counts_against_the_cap() {
    let bench = with_old("", &[1, 2, 3]);
    let size = fs::metadata(bench.dir.join("backups/old1.sql.zst")).unwrap().len();
    let toml = fs::read_to_string(bench.dir.join("db-tasks.toml")).unwrap();
    bench.file("db-tasks.toml", format!("{toml}max-size = \"{}\"\n", 3 * size + 10));

    let shown = bench.run(&["db-backup", "--dry-run"]).exits(0).out;
    assert!(shown.contains("at most"), "{shown}");
    bench.run(&["db-backup"]).exits(0);
    assert_eq!(old(&bench), ["old1.sql.zst", "old2.sql.zst"]);
}

#[test]
fn nothing_goes_for_a_backup_that_failed() {
    let bench = with_old("keep-days = 0\nkeep-last = 1\n", &[1, 2]);
    bench.complains("pg_dump", 1, "pg_dump: error: out of memory");
    bench.run(&["db-backup"]).exits(1);
    assert_eq!(old(&bench), ["old1.sql.zst", "old2.sql.zst"]);
}

/// What comes before a reset counts, too.
#[test]
fn a_safety_backup_counts_itself() {
    let bench = with_old("keep-days = 0\nkeep-last = 2\n", &[1, 2, 3]);
    let toml = fs::read_to_string(bench.dir.join("db-tasks.toml")).unwrap();
    bench.file("db-tasks.toml", format!("{toml}{HOOKS}"));
    let shown = bench.run(&["db-reset", "--dry-run"]).exits(0).out;
    let goes =
        |age| shown.lines().any(|l| l.contains("remove") && l.contains(&format!("old{age}.")));
    assert!(!goes(1) && goes(2) && goes(3), "{shown}");
}

/// A dump takes its time: whoever pins a backup meanwhile, in another clone, keeps it.
#[test]
fn what_is_pinned_meanwhile_stays() {
    let bench = with_old("keep-days = 0\nkeep-last = 1\n", &[1, 2]);
    bench.run(&["db-pin", "old2"]).exits(0);
    let notes = bench.dir.join("backups/old2.manifest.notes.json");
    let pinned = notes.with_file_name("pinned");
    fs::copy(&notes, &pinned).unwrap();
    bench.run(&["db-pin", "old2", "--unpin"]).exits(0);

    bench.during_dump(&format!("/bin/cp '{}' '{}'", pinned.display(), notes.display()));
    bench.run(&["db-backup"]).exits(0).tells("old2.sql.zst` stays: it is pinned");
    assert_eq!(old(&bench), ["old2.sql.zst"]);
}

/// What can't be removed is no failure of the new backup, and does not stay on a list that a later
/// run would work off, whatever a person wants by then.
#[test]
fn what_can_not_be_removed_is_planned_anew() {
    let bench = with_old("keep-days = 0\nkeep-last = 1\n", &[1, 2]);
    let dump = bench.dir.join("backups/old1.sql.zst");
    let bytes = fs::read(&dump).unwrap();
    // not even the superuser can remove this as a file
    fs::remove_file(&dump).unwrap();
    fs::create_dir(&dump).unwrap();

    let said = bench.run(&["db-backup"]).exits(6);
    said.tells("finished, but could not remove").tells("the next `db-cleanup` removes it");
    assert_eq!(old(&bench), ["old1.sql.zst"], "the other one goes");
    assert!(!bench.dir.join(".db-tasks/unfinished.json").exists());

    fs::remove_dir(&dump).unwrap();
    fs::write(&dump, bytes).unwrap();
    bench.run(&["db-pin", "old1"]).exits(0);
    bench.run(&["db-repair"]).exits(0);
    bench.run(&["db-backup"]).exits(0);
    assert_eq!(old(&bench), ["old1.sql.zst"]);
}

/// A removal that was killed between two files is finished by the next one.
#[test]
fn what_is_half_removed_goes_with_the_next() {
    let files = ["old2.sql.zst", "old2.manifest.notes.json"];
    for gone in 0..=files.len() {
        let bench = with_old("keep-days = 0\nkeep-last = 1\n", &[2]);
        bench.run(&["db-verify", "old2"]).exits(0);
        for file in &files[..gone] {
            fs::remove_file(bench.dir.join("backups").join(file)).unwrap();
        }

        bench.run(&["db-backup"]).exits(0);
        let left = bench.names_in("backups");
        assert!(!left.iter().any(|name| name.starts_with("old")), "{gone}: {left:?}");
    }
}
