//! `project.logs`: a file for each run, without what is secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Bench, HOST};

const LOGGED: &str = "[project]\nname = \"shop\"\nlogs = \"logs\"\n[databases.main]\nprograms = \
                      \"../bin\"\npostgres = { url = \"${DATABASE_URL}\" \
                      }\n[hooks]\nbefore-backup = \"echo the password is $PGPASSWORD\"\n";

/// The logs, the newest last.
fn logs(bench: &Bench) -> Vec<String> {
    let mut names = bench.names_in("logs");
    names.retain(|name| name.ends_with(".log"));
    names.sort();
    names
        .iter()
        .map(|name| fs::read_to_string(bench.dir.join("logs").join(name)).unwrap())
        .collect()
}

#[test]
fn each_run_has_one_and_no_secret_is_in_it() {
    let mut bench = Bench::new(LOGGED);
    bench.file(".env", "DATABASE_URL=postgresql://boss:hunter22@localhost/app\n");
    bench.env("USER", "ann");
    bench.run(&["db-backup", "--quiet", "--label", "hunter22 it is"]).exits(0);

    let log = logs(&bench).pop().unwrap();

    for wanted in [
        "db-backup of `shop` (development), by ann@",
        "db-backup --quiet --label",
        "back up `app`",
        "pg_dump",
        "  \u{b7} dump main",
        "\u{2713} dump main: ",
        "the password is ***",
        "ended: done (exit code 0)",
    ] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }

    assert!(
        log.lines().all(|line| line.starts_with("20") && line[..25].contains('T')),
        "each line has its time: {log}"
    );

    // what was refused, and what failed: with the whole error
    bench.run(&["db-restore", "--latest"]).exits(3);
    assert!(logs(&bench).concat().contains("ended: refused (exit code 3)"));
    bench.complains("pg_dump", 1, "pg_dump: error: server said hunter22\n");
    bench.run(&["db-backup"]).exits(1);

    let all = logs(&bench).concat();
    assert!(
        all.contains("error: ")
            && all.contains("pg_dump: error: server said ***")
            && all.contains("(exit code 1)"),
        "{all}"
    );

    assert!(!all.contains("hunter22"), "{all}");
    assert_eq!(logs(&bench).len(), 3);

    let files = bench.files();
    assert_eq!(files["logs"], 0o700);
    assert!(
        files.iter().filter(|(name, _)| name.ends_with(".log")).all(|(_, mode)| *mode == 0o600),
        "{files:?}"
    );
}

/// A dry run changes nothing, and to look is no run.
/// A slip that people make: an address where a name is wanted.
#[test]
fn a_password_of_the_command_line_is_shown_nowhere() {
    let mut bench = Bench::new(LOGGED);
    bench.file(".env", "DATABASE_URL=postgresql://boss:hunter22@localhost/app\n");
    bench.env("USER", "ann");

    for words in [["db-restore", "--file"], ["db-backup", "--label"], ["db-restore", "--as"]] {
        let said = bench.run(&[words[0], words[1], "postgresql://joe:slipped5ecret@db.test/shop"]);
        assert!(
            !format!("{}{}", said.out, said.err).contains("slipped5ecret"),
            "{words:?}: {} {}",
            said.out,
            said.err
        );
    }

    assert!(
        !logs(&bench).is_empty() && !logs(&bench).concat().contains("slipped5ecret"),
        "{:?}",
        logs(&bench)
    );
}

#[test]
fn looking_has_none() {
    let bench = Bench::new(&HOST.replace("name = \"shop\"", "name = \"shop\"\nlogs = \"logs\""));

    for words in [
        &["db-backup", "--dry-run"][..],
        &["db-list"],
        &["db-status"],
        &["db-config"],
        &["db-doctor"],
        &["db-protect"],
    ] {
        bench.run(words);
    }

    assert!(!bench.dir.join("logs").exists());
    let none = Bench::new(HOST);
    none.with_backup();
    assert!(!none.dir.join("logs").exists(), "nobody asked for any");
}

#[test]
fn a_folder_that_can_t_be_written_is_said_and_stops_nothing() {
    let bench = Bench::new(&HOST.replace("name = \"shop\"", "name = \"shop\"\nlogs = \"logs\""));
    bench.file("logs", "in the way");
    bench
        .run(&["db-backup"])
        .exits(0)
        .tells("warning: this run has no log: could not make the folder");
}

#[test]
fn the_newest_hundred_are_kept() {
    let bench = Bench::new(&HOST.replace("name = \"shop\"", "name = \"shop\"\nlogs = \"logs\""));
    for day in 1..=28 {
        for hour in 10..=13 {
            bench.file(&format!("logs/202001{day:02}_{hour}0000_db-backup_5e1.log"), "old");
        }
    }

    bench.file("logs/app.log", "somebody's");
    bench.run(&["db-backup"]).exits(0);
    assert_eq!((logs(&bench).len(), bench.dir.join("logs/app.log").exists()), (101, true));
    assert!(!bench.dir.join("logs/20200104_100000_db-backup_5e1.log").exists());
    assert!(bench.dir.join("logs/20200104_110000_db-backup_5e1.log").exists());

    assert!(bench.dir.join("logs/20200128_130000_db-backup_5e1.log").exists());
    assert_eq!(
        fs::metadata(bench.dir.join("logs/app.log")).unwrap().permissions().mode() & 0o777,
        0o644
    );
}

/// Each run would change the tree while it is read.
#[test]
fn logs_in_a_tree_are_refused() {
    let bench = Bench::new(
        &HOST.replace("name = \"shop\"", "name = \"shop\"\nlogs = \"files/logs\"").replace(
            "[databases.main]",
            "[stores.uploads]\nfiles = { path = \"files\" }\n[databases.main]",
        ),
    );
    bench.run(&["db-backup"]).exits(2).tells("the log folder");
}
