//! What people are left with: hints that can be pasted, names that are refused, folders that can't
//! be written.

use super::terminal::{Terminal, available};
use super::{Bench, HOOKS, HOST};
use crate::support::need;

#[test]
fn names_for_a_copy_that_are_nobodys_are_refused() {
    let bench = Bench::new(HOST);
    bench.with_backup();

    for (name, why) in [
        ("", "a database can't have an empty name"),
        ("app__staged", "creates and removes databases with such names by itself"),
        ("other__previous", "creates and removes databases with such names by itself"),
        ("x__scratch", "creates and removes databases with such names by itself"),
        ("copy ", "blanks at its ends"),
        ("a\nb", "control characters"),
        (&"x".repeat(64), "longer than 63 bytes, PostgreSQL's limit for names"),
    ] {
        bench
            .run(&["db-restore", "--latest", "--as", name, "--yes"])
            .exits(2)
            .tells(why)
            .tells("--as app_copy");
    }

    assert!(bench.calls().is_empty(), "nothing is asked for it");
}

#[test]
fn hints_are_told_as_the_person_types_them() {
    let raw_by = |bench: &Bench, program: &str, args: &[&str]| {
        let out =
            bench.command(program).args(args).stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&out.stderr).into_owned()
    };

    let raw = |bench: &Bench, args: &[&str]| raw_by(bench, super::TOOL, args);
    let mut bench = Bench::new(HOST);
    let said = raw(&bench, &["db-backup"]);

    assert!(said.contains("to restore it: db-tasks db-restore app_"), "{said}");
    let said = raw(&bench, &["db-backup", "--output-dir", "else where"]);
    assert!(said.contains("to restore it: db-tasks db-restore --file '"), "{said}");

    let hint =
        said.split("to restore it: db-tasks ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let file = hint.split('\'').nth(1).unwrap().to_owned();
    bench.run(&["db-restore", "--file", &file, "--dry-run"]).exits(0);
    bench.file(
        "package.json",
        r#"{"scripts": {"db:backup": "db-tasks db-backup", "db:restore": "db-tasks db-restore"}}"#,
    );

    let package = bench.dir.join("package.json").to_string_lossy().into_owned();
    bench.env("npm_lifecycle_event", "db:backup").env("npm_package_json", &package);

    let said = raw(&bench, &["db-backup"]);
    assert!(said.contains("to restore it: npm run db:restore -- app_"), "{said}");

    let mut bench = Bench::new(HOST);
    bench.env("CARGO", "/usr/bin/cargo");
    std::fs::rename(bench.dir.join("db-tasks.toml"), bench.dir.join("other.toml")).unwrap();

    let said = raw(&bench, &["--config", "other.toml", "db-backup"]);
    assert!(
        said.contains("to restore it: cargo xtask --config other.toml db-restore app_"),
        "{said}"
    );

    let cargo = env!("CARGO_BIN_EXE_cargo-db-tasks");
    let said = raw_by(&bench, cargo, &["db-tasks", "--config", "other.toml", "db-backup"]);
    assert!(
        said.contains("to restore it: cargo db-tasks --config other.toml db-restore app_"),
        "{said}"
    );

    let said = raw_by(&bench, cargo, &["db-tasks", "db-undo", "--as"]);
    assert!(said.contains("Usage: cargo db-tasks db-undo "), "{said}");
}

/// A person sees what there is by now; a pipe has `db-list`.
#[test]
fn the_newest_backups_are_listed_after_one_was_made() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    for day in 1..=4 {
        let name = format!("backups/app_2026010{day}_120000.sql");
        bench.file(&name, "foreign ones are none of ours");
    }

    for label in ["one", "two", "three"] {
        let said = bench.run(&["db-backup", "--label", label]).exits(0);
        assert!(!said.err.contains("recent backups"), "{}", said.err);
    }

    let screen = Terminal::run(&bench, &["db-backup", "--label", "four"]).ends(0);
    let list: Vec<&str> = screen
        .split("recent backups:")
        .nth(1)
        .unwrap_or_else(|| panic!("{screen}"))
        .lines()
        .collect();

    for (line, label) in list[1..].iter().zip(["four", "three", "two"]) {
        assert!(
            line.starts_with("  app_")
                && line.contains(label)
                && line.contains("just now")
                && line.contains(" kB"),
            "{screen}"
        );
    }

    assert!(!screen.contains("one.sql"), "{screen}");
    let quiet = Terminal::run(&bench, &["db-backup", "--quiet", "--label", "five"]).ends(0);
    assert!(!quiet.contains("recent backups"), "{quiet}");
}

#[test]
fn a_state_folder_that_cant_be_written_is_named_as_what_it_is() {
    let bench = Bench::new(HOST);
    bench.file(".db-tasks", "in the way");
    let said = bench
        .run(&["db-backup"])
        .exits(1)
        .tells("could not write `[DIR]/.db-tasks`: nothing was changed")
        .tells("its lock");

    assert!(!said.err.contains("--output-dir"), "{}", said.err);
    let found = bench.run(&["db-doctor"]).exits(1).out;
    assert!(
        found.contains("state folder") && found.contains(".db-tasks` can't be written"),
        "{found}"
    );
}

#[test]
fn a_wipe_says_what_comes_next() {
    let mut bench = Bench::new(&format!("{HOST}[wipe]\nnext = [\"fill it again: make seed\"]\n"));
    bench
        .env("ALLOW_DATABASE_WIPE", "true")
        .run(&["db-wipe", "--yes"])
        .exits(0)
        .tells("fill it again: make seed");
}

#[test]
fn a_file_for_the_shell_is_one_transaction_unless_told() {
    let bench = Bench::new(HOST);
    bench.file("x.sql", "SELECT 1;");

    let dry = bench.run(&["db-shell", "-f", "x.sql", "--dry-run"]).exits(0).out;
    assert!(dry.contains(" -1 -f -"), "{dry}");

    for words in [
        &["db-shell", "-f", "x.sql", "--no-transaction", "--dry-run"][..],
        &["db-shell", "-c", "SELECT 1", "--dry-run"],
    ] {
        assert!(!bench.run(words).exits(0).out.contains(" -1 "), "{words:?}");
    }
}

#[test]
fn a_migration_that_failed_names_the_backup_before_it() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    bench.complains("migrator", 3, "relation exists already\n");

    let said = bench.run(&["db-migrate"]).exits(1);
    let made = bench.names_in("backups").into_iter().find(|name| !name.ends_with(".json")).unwrap();
    let at = said
        .err
        .find("what was there before is in the backup: `db-restore app_")
        .unwrap_or_else(|| panic!("{}", said.err));

    assert!(said.err[..at].contains("next: ") && made.starts_with("app_"), "{}", said.err);
    assert_eq!(
        said.err.matches("migrator up").count(),
        1,
        "what it runs stands in its step: {}",
        said.err
    );

    assert!(
        said.err.contains("error: the migrate hook failed: it ended with exit code 3\n"),
        "{}",
        said.err
    );

    let said = bench.run(&["db-migrate", "--no-backup"]).exits(1).tells("NO BACKUP is made first");
    assert!(!said.err.contains("is in the backup"), "{}", said.err);
}

/// What can't be cleaned up is told by the run that finds it out, and by whoever is asked for it;
/// not by every run for ever.
#[test]
fn a_clean_up_that_cant_succeed_is_told_once() {
    let bench = Bench::new(HOST);
    bench.file("half/kept", "somebody's");

    let deed = serde_json::json!({ "verb": "remove", "deed": { "what": "half", "how": { "File": bench.dir.join("half") } } });
    bench.journal(&serde_json::json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] }));
    bench
        .run(&["db-backup"])
        .exits(0)
        .tells("clean-up is not finished:\n  1. remove half")
        .tells("db-repair --forget NUMBER");

    for _ in 0..2 {
        let said = bench
            .run(&["db-backup"])
            .exits(0)
            .tells("note: a clean-up step of an earlier run is not done yet: run `db-repair`");
        assert!(!said.err.contains("--forget") && !said.err.contains("\u{2717}"), "{}", said.err);
    }

    bench.run(&["db-repair"]).exits(1).tells("1. remove half").tells("--forget");
    std::fs::remove_dir_all(bench.dir.join("half")).unwrap();

    let said = bench.run(&["db-backup"]).exits(0);
    assert!(!said.err.contains("cleaned up"), "{}", said.err);
    assert_eq!(bench.run(&["db-repair"]).exits(0).out, "nothing to repair\n");
}

/// As psql says it.
const STARTING: &str = "psql: error: connection to server on socket \"/tmp/.s.PGSQL.5432\" \
                        failed: FATAL:  the database system is starting up\n";

/// A container that was begun a moment ago is waited for; one that nobody has started is not.
#[test]
fn a_server_that_is_starting_is_waited_for() {
    let bench = Bench::new(super::DOCKER);
    bench.stage("containers/shop-pg", "exited\n");

    let begun = std::time::Instant::now();
    bench.run(&["db-status", "--wait", "30"]).exits(1).tells("it is exited");
    assert!(begun.elapsed().as_secs() < 10, "a stopped one is told at once");
    bench.stage("containers/shop-pg", "running\n").complains("psql", 2, STARTING);

    let said = bench
        .run(&["db-backup", "--wait", "1"])
        .exits(1)
        .tells("waiting for `shop-pg` to start, at most 1 s");
    said.tells("waited 1 s: the container is running");

    let says = bench.dir.join("../says/psql.err");
    let starts = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        std::fs::remove_file(says).unwrap();
    });
    bench
        .run(&["db-backup", "--wait"])
        .exits(0)
        .tells("waiting for `shop-pg` to start, at most 60 s");
    starts.join().unwrap();
    // a name that stands behind it is no number of seconds
    bench.run(&["db-info", "--wait", "app_1"]).exits(2).tells("no backup `app_1`");

    bench.run(&["db-info", "--wait=soon", "app_1"]).exits(2).tells("soon");
}
