//! Which backups stay, as the commands carry it out: pins, the cap, and rules that contradict.

use std::fs;

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use super::{Bench, HOST, facts};
use crate::support::said::Said;

/// A backup of now, and copies of it that are so many days old; a 5 at the end is a release.
fn with_old(toml: &str, days: &[i64]) -> Bench {
    let bench = Bench::new(toml);
    let name = bench.with_backup();
    let stem = name.strip_suffix(".sql.zst").unwrap();
    let manifest = bench.manifest(&format!("backups/{stem}.manifest.json"));
    let dump = fs::read(bench.dir.join("backups").join(&name)).unwrap();

    for age in days {
        let mut manifest = manifest.clone();
        manifest["label"] = if age % 10 == 5 { "release-2".into() } else { Value::Null };
        manifest["created"] = (Utc::now() - TimeDelta::days(*age)).to_rfc3339().into();
        manifest["artifacts"][0]["file"] = format!("old{age}.sql.zst").into();
        bench.file(&format!("backups/old{age}.manifest.json"), manifest.to_string());
        bench.file(&format!("backups/old{age}.sql.zst"), &dump);
    }

    bench
}

/// The old ones that are there, with notes and rests.
fn old(bench: &Bench) -> Vec<String> {
    bench.names_in("backups").into_iter().filter(|name| name.starts_with("old")).collect()
}

fn cleanup(bench: &Bench, words: &str) -> Said {
    let args: Vec<&str> = ["db-cleanup", "--yes"].into_iter().chain(words.split(' ')).collect();
    bench.run(&args)
}

#[test]
fn a_pinned_backup_stays_until_it_is_unpinned() {
    let bench = with_old(HOST, &[40, 50]);
    let sealed = fs::read(bench.dir.join("backups/old50.manifest.json")).unwrap();
    bench.run(&["db-pin", "old50.sql.zst"]).exits(0);
    assert!(bench.run(&["db-list"]).exits(0).out.contains("verified, pinned"));
    assert!(bench.run(&["db-info", "old50"]).exits(0).out.contains("verified, pinned"));

    // a later verification keeps the pin
    bench.run(&["db-verify", "old50"]).exits(0);
    let said = cleanup(&bench, "--keep-days 30 --min-keep 1").exits(0).err;
    assert!(said.contains("keeps old50.sql.zst: it is pinned"), "{said}");
    let kept = ["old50.manifest.json", "old50.manifest.notes.json", "old50.sql.zst"];
    assert_eq!(old(&bench), kept);
    assert_eq!(fs::read(bench.dir.join("backups/old50.manifest.json")).unwrap(), sealed);

    bench.run(&["db-pin", "old50", "--unpin", "--dry-run"]).exits(0);
    cleanup(&bench, "--keep-days 30 --min-keep 1").exits(0);
    assert_eq!(old(&bench), kept);
    bench.run(&["db-pin", "old50", "--unpin"]).exits(0);
    cleanup(&bench, "--keep-days 30 --min-keep 1").exits(0);
    assert_eq!(old(&bench), [""; 0]);
}

#[test]
fn a_pin_has_a_last_day() {
    let bench = with_old(HOST, &[40]);
    let today = Utc::now().date_naive();
    let yesterday = (today - TimeDelta::days(1)).to_string();
    bench.run(&["db-pin", "old40", "--until", &yesterday]).exits(2).tells("is over");
    bench.run(&["db-pin", "old40", "--until", "soon"]).exits(2);
    assert_eq!(old(&bench), ["old40.manifest.json", "old40.sql.zst"]);

    bench.run(&["db-pin", "old40", "--until", &today.to_string()]).exits(0);
    cleanup(&bench, "--keep-days 30 --min-keep 1").exits(0);
    assert_eq!(old(&bench).len(), 3);
    let list: Value =
        serde_json::from_str(&bench.run(&["db-list", "--json"]).exits(0).out).unwrap();
    let pinned = list["backups"].as_array().unwrap().iter().find(|b| b["name"] == "old40.sql.zst");
    assert_eq!(pinned.unwrap()["pinned"]["until"], today.to_string());
}

/// Also by `db-backup`, which removes by the same rules.
#[test]
fn a_backup_of_ones_own_keeps_what_is_pinned() {
    let toml = format!("{HOST}[backup]\nkeep-days = 30\nmin-keep = 0\n");
    let bench = with_old(&toml, &[40, 50]);
    bench.run(&["db-pin", "old50"]).exits(0);
    bench.facts("app", facts("app")).run(&["db-backup", "--label", "new"]).exits(0);
    let left = old(&bench);
    assert!(left.contains(&"old50.sql.zst".into()), "{left:?}");
    assert!(!left.contains(&"old40.sql.zst".into()), "{left:?}");
}

/// The key of a database may name another one by now, whose backup holds other data.
#[test]
fn a_backup_of_another_database_removes_no_last_one() {
    let toml = format!("{HOST}[backup]\nkeep-days = 30\nmin-keep = 1\n");
    let bench = with_old(&toml, &[40, 50]);
    for name in bench.names_in("backups").iter().filter(|name| name.starts_with("app_")) {
        fs::remove_file(bench.dir.join("backups").join(name)).unwrap();
    }

    bench.file("db-tasks.toml", toml.replace("\"app\"", "\"app2\""));
    bench.facts("app2", facts("app2")).run(&["db-backup", "--label", "new"]).exits(0);
    assert_eq!(old(&bench), ["old40.manifest.json", "old40.sql.zst"]);
}

#[test]
fn what_has_no_manifest_needs_no_pin() {
    let bench = Bench::new(HOST);
    bench.file("backups/foreign.sql", "-- PostgreSQL database dump\n");
    bench.run(&["db-pin", "foreign.sql"]).exits(3).tells("has no manifest").has_three_parts();
}

#[test]
fn the_oldest_go_above_the_cap() {
    let bench = with_old(HOST, &[1, 2, 3, 4]);
    let size = fs::metadata(bench.dir.join("backups/old1.sql.zst")).unwrap().len();
    bench.run(&["db-pin", "old4"]).exits(0);

    // five of them; the pinned one and the newest must stay
    let most = (3 * size + 10).to_string();
    let said = cleanup(&bench, &format!("--min-keep 0 --max-size {most}")).exits(0).err;
    assert!(said.contains("at most"), "{said}");
    let names = old(&bench).join(" ");
    assert!(!names.contains("old3") && !names.contains("old2"), "{names}");
    assert!(names.contains("old1.sql.zst") && names.contains("old4.sql.zst"), "{names}");

    let said = cleanup(&bench, "--min-keep 0 --max-size 1").exits(0).err;
    assert!(said.contains("what must stay takes"), "{said}");
    assert!(!old(&bench).contains(&"old1.sql.zst".into()));
    assert!(old(&bench).contains(&"old4.sql.zst".into()));
}

#[test]
fn rules_that_keep_nothing_are_an_error() {
    let bench = with_old(HOST, &[1, 2]);
    cleanup(&bench, "--keep-days 0 --min-keep 0").exits(2).tells("every keep rule is zero");
    assert_eq!(old(&bench).len(), 4);

    cleanup(&bench, "--keep-days 0 --min-keep 0 --keep-last 2").exits(0);
    assert_eq!(old(&bench), ["old1.manifest.json", "old1.sql.zst"]);
    cleanup(&bench, "--keep-days 0 --min-keep 0 --keep-within 12h").exits(0);
    assert_eq!(old(&bench), [""; 0]);
}

/// A new backup is no failure for rules that keep nothing: it removes nothing.
#[test]
fn rules_that_keep_nothing_remove_nothing_after_a_backup() {
    let bench = with_old(&format!("{HOST}[backup]\nkeep-days = 0\nmin-keep = 0\n"), &[1, 2]);
    bench.run(&["db-backup", "--label", "new"]).exits(0);
    assert_eq!(old(&bench).len(), 4);
}

#[test]
fn ages_and_sizes_are_checked_where_they_are_written() {
    for (line, says) in [
        ("keep-within = \"a while\"", "write it like `keep-within = \"2 weeks\"`"),
        ("max-size = \"much\"", "write it like `max-size = \"20 GB\"`"),
        ("max-size = \"0\"", "there is no limit without it"),
        ("keep-last = \"few\"", "it must be a whole number"),
    ] {
        let bench = Bench::new(&format!("{HOST}[backup]\n{line}\n"));
        bench.run(&["db-cleanup", "--dry-run"]).exits(2).tells(says).tells("db-tasks.toml:");
    }

    let bench = Bench::new(HOST);
    bench.run(&["db-cleanup", "--max-size", "much"]).exits(2);
    bench.run(&["db-cleanup", "--max-size", "0 GB"]).exits(2).tells("there is no limit without it");
    bench.run(&["db-cleanup", "--keep-within", "a while"]).exits(2);
}

#[test]
fn some_backups_have_rules_of_their_own() {
    let toml = format!(
        "{HOST}[backup]\nkeep-days = 30\nmin-keep = 1\n[retention.releases]\nlabels = \
         [\"release-*\"]\nkeep-days = 100\nkeep-last = 2\n[retention.other]\nlabels = \
         [\"other\"]\nkeep-days = 1\n"
    );
    let bench = with_old(&toml, &[20, 35, 40, 95, 115, 125]);
    let said = bench.run(&["db-cleanup", "--dry-run"]).exits(0).out;
    for line in [
        "keeps old35.sql.zst: the last good backup",
        "keeps old95.sql.zst: one of the last 2 good backups",
        "keeps old20.sql.zst: 20 of 30 days old",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    bench.run(&["db-cleanup", "--yes"]).exits(0);
    let left = old(&bench);
    let dumps: Vec<&String> = left.iter().filter(|name| name.ends_with(".zst")).collect();
    assert_eq!(dumps, ["old20.sql.zst", "old35.sql.zst", "old95.sql.zst"]);
}

/// A label is no path, whatever characters it has.
#[test]
fn a_pattern_fits_any_characters_of_a_label() {
    for (pattern, label, fits) in [
        ("*", "feature/x", true),
        ("feature/*", "feature/x/y", true),
        ("release*", "release/2", true),
        ("feature/*", "feature-x", false),
        ("{a,b}/?", "b/2", true),
        ("\\\\*", "anything", false),
    ] {
        let toml = format!(
            "{HOST}[retention.x]\nlabels = [\"{pattern}\"]\nkeep-days = 0\nmin-keep = 0\nkeep-last = \
             1\n"
        );
        let bench = with_old(&toml, &[1, 2]);
        for name in ["old1", "old2"] {
            let path = format!("backups/{name}.manifest.json");
            let mut manifest = bench.manifest(&path);
            manifest["label"] = label.into();
            bench.file(&path, manifest.to_string());
        }
        bench.run(&["db-cleanup", "--yes"]).exits(0);
        assert_eq!(!old(&bench).contains(&"old2.sql.zst".into()), fits, "{pattern} {label}");
    }
}

/// The clock may have been ahead when it was made.
#[test]
fn one_of_the_future_has_its_reason() {
    let bench = with_old(HOST, &[-3, -5]);
    let said = bench.run(&[
        "db-cleanup",
        "--keep-days",
        "0",
        "--min-keep",
        "0",
        "--keep-last",
        "1",
        "--dry-run",
    ]);
    assert!(said.exits(0).out.contains("keeps old-3.sql.zst: it is dated in the future"));
}

/// What several rules are for stays if any of them keeps it.
#[test]
fn rules_that_overlap_keep_the_more() {
    let toml = format!(
        "{HOST}[backup]\nmin-keep = 0\n[retention.releases]\nlabels = \
         [\"release-*\"]\nkeep-days = 100\n[retention.main]\nof = [\"main\"]\nkeep-days = 10\n"
    );
    let bench = with_old(&toml, &[5, 40, 45]);
    bench.run(&["db-cleanup", "--yes"]).exits(0);
    let left = old(&bench).join(" ");
    assert!(left.contains("old45.sql") && !left.contains("old40"), "{left}");
}

#[test]
fn rules_for_nothing_are_an_error() {
    for (lines, says) in [
        ("keep-days = 1", "does not say which backups it is for"),
        ("of = [\"mian\"]", "there is no database or store `mian`"),
        ("labels = [\"x\"]\nkeep-day = 1", "did you mean `keep-days`?"),
    ] {
        let bench = Bench::new(&format!("{HOST}[retention.odd]\n{lines}\n"));
        bench.run(&["db-cleanup", "--dry-run"]).exits(2).tells(says);
    }
}

/// The cap removes nothing where no backup is good: any of them may be the best there is.
#[test]
fn unverified_backups_stay_above_the_cap() {
    let bench = with_old(HOST, &[1, 2]);
    for name in bench.names_in("backups").iter().filter(|name| name.ends_with(".manifest.json")) {
        let path = format!("backups/{name}");
        let mut manifest = bench.manifest(&path);
        manifest["verified"] = Value::Array(Vec::new());
        bench.file(&path, manifest.to_string());
    }

    let before = bench.names_in("backups");
    cleanup(&bench, "--keep-days 30 --max-size 1").exits(0);
    assert_eq!(bench.names_in("backups"), before);
}
