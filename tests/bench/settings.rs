//! Variables that people's scripts set, and folders they run in.

use std::fs;
use std::time::{Duration, Instant};

use super::{Bench, HOST};

/// A thousand good backups, one a day, copied from a real one.
fn with_a_thousand(bench: &Bench) {
    let name = bench.with_backup();
    let stem = name.strip_suffix(".sql.zst").unwrap();
    let manifest = bench.manifest(&format!("backups/{stem}.manifest.json"));
    let bytes = fs::read(bench.dir.join("backups").join(&name)).unwrap();

    for at in 1..1000 {
        let (mut own, file) = (manifest.clone(), format!("app_{at:04}.sql.zst"));
        let (year, month, day) = (2025 - at / 336, 1 + at / 28 % 12, 1 + at % 28);
        own["created"] = format!("{year:04}-{month:02}-{day:02}T00:00:00Z").into();
        own["artifacts"][0]["file"] = file.as_str().into();
        bench.file(&format!("backups/{file}"), &bytes);
        bench.file(&format!("backups/app_{at:04}.manifest.json"), own.to_string());
    }
}

#[test]
fn a_thousand_backups() {
    let bench = Bench::new(HOST);
    with_a_thousand(&bench);

    let begun = Instant::now();
    let said = bench.run(&["db-list"]).exits(0);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(said.out.lines().count(), 1001);

    let few = bench.run(&["db-list", "--limit", "3"]).exits(0).out;
    assert_eq!(few.lines().count(), 5, "{few}");
    assert!(few.ends_with("… and 997 older\n"), "{few}");
    bench.run(&["db-cleanup", "--yes", "--keep-days", "30", "--min-keep", "10"]).exits(0);
    assert_eq!(bench.names_in("backups").len(), 20);
}

#[test]
fn retention_has_two_names() {
    for name in ["BACKUP_RETENTION_DAYS", "BACKUP_KEEP_DAYS"] {
        let mut bench = Bench::new(HOST);
        with_old(&bench);
        bench.env(name, "3").env("BACKUP_MIN_KEEP", "1");

        let said = bench.run(&["db-cleanup", "--dry-run"]).exits(0).out;
        assert!(said.contains("kept for 3: [DIR]/backups/old.sql.zst"), "{name}: {said}");
        bench.env("BACKUP_MIN_KEEP", "2");
        assert!(
            bench.run(&["db-cleanup", "--dry-run"]).exits(0).out.contains("nothing to do"),
            "{name}"
        );
        bench.env("BACKUP_MIN_KEEP", "1");

        // a backup cleans up behind itself by the same rule
        bench.run(&["db-backup"]).exits(0);
        assert!(!bench.dir.join("backups/old.sql.zst").exists(), "{name}");
    }
}

/// A good backup of now, and one of last year.
fn with_old(bench: &Bench) {
    let name = bench.with_backup();
    let stem = name.strip_suffix(".sql.zst").unwrap();
    let mut manifest = bench.manifest(&format!("backups/{stem}.manifest.json"));
    manifest["created"] = "2025-01-01T00:00:00Z".into();
    manifest["artifacts"][0]["file"] = "old.sql.zst".into();
    bench.file("backups/old.manifest.json", manifest.to_string());
    bench.file("backups/old.sql.zst", fs::read(bench.dir.join("backups").join(&name)).unwrap());
}

/// Each key has its own kind of slot, and as many as it says.
#[test]
fn the_calendar_keeps_by_its_keys() {
    let bench = Bench::new(&format!(
        "{HOST}[backup]\nkeep-days = 1\nmin-keep = 1\nkeep-daily = 2\nkeep-weekly = \
         3\nkeep-monthly = 5\n"
    ));
    with_a_thousand(&bench);

    let said = bench.run(&["db-cleanup", "--dry-run"]).exits(0).out;
    // the newest fills the first slot of each kind, and the one after it the second
    let kept = |kind: &str| {
        said.lines().filter(|line| line.ends_with(&format!(": the {kind} one"))).count()
    };
    assert_eq!(
        (kept("daily"), kept("weekly"), kept("monthly")),
        (1, 1, 3),
        "{}",
        said.lines().take(12).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn a_cleanup_does_what_its_dry_run_says() {
    let bench = Bench::new(HOST);
    with_old(&bench);
    bench.file("backups/foreign.sql.gz", "x").file("backups/half.sql.zst.partial", "x");

    let args = ["db-cleanup", "--keep-days", "5", "--min-keep", "1"];
    let before = bench.files();
    let dry = bench.run(&[&args[..], &["--dry-run"]].concat()).exits(0).out;

    assert_eq!(bench.files(), before);
    bench.run(&[&args[..], &["--yes"]].concat()).exits(0);

    let after = bench.files();
    let gone: Vec<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    assert_eq!(
        gone,
        ["backups/half.sql.zst.partial", "backups/old.manifest.json", "backups/old.sql.zst"]
    );

    let said: Vec<&str> = dry.lines().filter(|line| line.contains(". remove ")).collect();
    // a backup goes in one step, with its manifest
    assert_eq!(said.len(), 2, "{dry}");
    assert!(
        gone.iter().all(|name| said.iter().any(|line| line.contains(&format!("[DIR]/{name}")))),
        "{dry}"
    );
}

#[test]
fn backup_dir_and_its_old_name() {
    for name in ["BACKUP_DIR", "SQL_DUMP_DIR"] {
        let mut bench = Bench::new(HOST);
        bench.env(name, "elsewhere/deep");
        bench.run(&["db-backup"]).exits(0);
        assert_eq!(bench.names_in("elsewhere/deep").len(), 2, "{name}");
        assert!(!bench.dir.join("backups").exists());
    }
}

#[test]
fn files_are_private() {
    let bench = Bench::new(HOST);
    bench.run(&["db-backup"]).exits(0);
    for (name, mode) in bench.files().into_iter().filter(|(name, _)| name.starts_with("backups")) {
        assert_eq!(format!("{mode:o}"), if name == "backups" { "700" } else { "600" }, "{name}");
    }
}

#[test]
fn the_environment_wins_over_dotenv() {
    let mut bench = Bench::new(HOST);
    bench.file(".env", "BACKUP_DIR=from-dotenv\n");
    bench.run(&["db-backup"]).exits(0);
    bench.run(&["db-backup", "--no-dotenv"]).exits(0);
    bench.env("BACKUP_DIR", "from-environment");

    bench.run(&["db-backup"]).exits(0);
    for folder in ["from-dotenv", "backups", "from-environment"] {
        assert_eq!(bench.names_in(folder).len(), 2, "{folder}");
    }
}

#[test]
fn subfolders_and_other_folders_find_the_project() {
    let bench = Bench::new(HOST);
    let below = bench.dir.join("src/deep");
    fs::create_dir_all(&below).unwrap();

    let said = bench.run_in(&below, &["db-backup"]).exits(0);
    assert_eq!(bench.names_in("backups").len(), 2);
    assert!(said.out.starts_with("[DIR]/backups/app_"), "{}", said.out);

    let outside = bench.dir.parent().unwrap();
    let file = bench.dir.join("db-tasks.toml");
    let said = bench.run_in(outside, &["db-list", "--config", file.to_str().unwrap()]).exits(0);

    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
}

/// What a monitor looks at: whether there is a good backup, and how old it may be.
#[test]
fn a_backup_is_missing_or_too_old() {
    let check = |bench: &Bench, args: &[&str], code: i32, says: &str| {
        let said = bench.run(&[&["db-status", "--check"], args].concat()).exits(code);
        assert!(said.out.contains(says), "{args:?}: {}", said.out);
    };
    let mut bench = Bench::new(HOST);
    check(&bench, &[], 1, "main: no good backup");

    let name = bench.with_backup();
    check(&bench, &[], 0, "last backup");

    let manifest = format!("backups/{}.manifest.json", name.strip_suffix(".sql.zst").unwrap());
    let mut old = bench.manifest(&manifest);
    old["created"] = (chrono::Utc::now() - chrono::Duration::hours(30)).to_rfc3339().into();
    bench.file(&manifest, old.to_string());

    let too_old = "main: the last good backup is 30 h old, 24 h are allowed";
    check(&bench, &[], 1, too_old);
    check(&bench, &["--max-age", "31"], 0, "");
    // without `--check` it is told, and no failure
    assert!(bench.run(&["db-status"]).exits(0).out.contains(too_old));
    bench.file(".env", "BACKUP_INTERVAL_HOURS=31\n");

    check(&bench, &[], 0, "");
    check(&bench, &["--no-dotenv"], 1, too_old);
    check(&bench, &["--max-age", "29"], 1, "29 h are allowed");

    let shown = bench.run(&["db-config"]).exits(0).out;
    let line = shown.lines().find(|l| l.starts_with("backup.interval-hours")).unwrap();
    assert_eq!(
        line.split_whitespace().skip(1).collect::<Vec<_>>(),
        ["31", "$BACKUP_INTERVAL_HOURS"]
    );
    bench.env("BACKUP_INTERVAL_HOURS", "29");
    check(&bench, &[], 1, "29 h are allowed");

    // an empty one is not set, and lets the file speak
    bench.file(".env", "").file("db-tasks.toml", format!("{HOST}[backup]\ninterval-hours = 31\n"));
    bench.env("BACKUP_INTERVAL_HOURS", "");
    check(&bench, &[], 0, "");
    bench.env("BACKUP_INTERVAL_HOURS", "soon");
    bench
        .run(&["db-status"])
        .exits(2)
        .tells("`backup.interval-hours` is `soon` ($BACKUP_INTERVAL_HOURS)");
}
