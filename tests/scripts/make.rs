//! `scripts/db-tasks.mk`, included by a Makefile as docs/callers says.

use super::*;
use crate::support::need;

/// A Makefile that has a default goal of its own, below the include, and files that are called like
/// the targets.
fn repo() -> Repo {
    let repo = Repo::new();
    let include = readme::block("make");
    repo.file(
        "Makefile",
        &format!("{include}mine:\n\t@echo 'mine: $(FILE)'\nrelease: db-backup\n"),
    );
    targets().iter().for_each(|name| repo.file(name, ""));
    repo
}

/// The targets there are, with what `make db-help` says of each.
fn targets() -> Vec<String> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/db-tasks.mk"))
            .unwrap();
    text.lines()
        .filter_map(|l| l.strip_prefix("db-")?.split_once(": ## "))
        .map(|(name, _)| format!("db-{name}"))
        .collect()
}

fn make(repo: &Repo, words: &[&str]) -> Result<Command, String> {
    let mut command = repo.command(program("make")?);
    command.args(words);
    Ok(command)
}

#[test]
fn the_makefile_keeps_its_default_goal() {
    let repo = repo();
    ends(&mut need!("make", make(&repo, &[])), 0, "mine: \n");
    ends(&mut need!("make", make(&repo, &["FILE=x"])), 0, "mine: x\n");
    repo.nothing_ran();
}

#[test]
fn every_task_has_a_target_and_every_target_a_task() {
    let repo = repo();
    let help = ends(&mut need!("make", make(&repo, &["db-help"])), 0, "this list").out;
    for task in tasks() {
        assert!(help.contains(&format!("  {task} ")), "{task} is not in:\n{help}");
    }

    let value = |name: &str| if ["LATEST", "YES", "DRY_RUN"].contains(&name) { "1" } else { "x" };

    for target in targets().iter().filter(|target| *target != "db-help") {
        ends(&mut need!("make", make(&repo, &[target])), 0, "");
        assert_eq!(repo.seen("db-tasks"), [target.as_str()]);

        // each variable it takes becomes an option that the tool knows
        for name in ["FILE", "NAME", "DATABASE", "AS", "LATEST", "YES", "DRY_RUN"] {
            let mut call =
                need!("make", make(&repo, &[target, &format!("{name}={}", value(name))]));
            let said = Said::of(call.output().unwrap());
            if said.code != Some(0) {
                said.ends_with(2, &format!("{target} takes no {name}"));
                continue;
            }

            let words = repo.seen("db-tasks");
            // what only reads has no need of a dry run
            assert!(words.len() == 2 || name == "DRY_RUN", "{words:?}");
            understood(&words);
        }
    }
}

#[test]
fn what_is_typed_arrives_whole() {
    let repo = repo();

    for (target, name, option) in [
        ("db-restore", "FILE", "--file="),
        ("db-restore", "AS", "--as="),
        ("db-restore", "NAME", ""),
        ("db-wipe", "NAME", "--only="),
        ("db-backup", "DATABASE", "--database="),
    ] {
        for nasty in NASTY.iter().filter(|word| !word.is_empty()) {
            // -i: not even after an error is a part of it run
            ends(
                &mut need!("make", make(&repo, &["-i", target, &format!("{name}={nasty}")])),
                0,
                "",
            );
            assert_eq!(repo.seen("db-tasks"), [target, &format!("{option}{nasty}")]);
            repo.nothing_is_gone();
        }
    }
}

#[test]
fn options_are_put_together() {
    let repo = repo();
    let table: [(&[&str], &[&str]); 7] = [
        (&["db-restore", "LATEST=1", "YES=1"], &["db-restore", "--latest", "--yes"]),
        (
            &["db-restore", "FILE=a.sql", "AS=b", "DRY_RUN=1"],
            &["db-restore", "--file=a.sql", "--as=b", "--dry-run"],
        ),
        (&["db-restore", "FILE=", "LATEST="], &["db-restore"]),
        (
            &["db-backup", "ARGS=--auto --label 'before v2'"],
            &["db-backup", "--auto", "--label", "before v2"],
        ),
        (&["db-reset", "ARGS=--force"], &["db-reset", "--force"]),
        (&["db-info", "NAME=app_20260101"], &["db-info", "app_20260101"]),
        (&["release", "NAME=v2", "DATABASE=main"], &["db-backup", "--database=main"]),
    ];

    for (typed, seen) in table {
        ends(&mut need!("make", make(&repo, typed)), 0, "");
        let mut words = repo.seen("db-tasks");
        words.sort();
        let mut wanted = seen.to_vec();
        wanted.sort_unstable();
        assert_eq!(words, wanted, "{typed:?}");
    }

    // the exit code of a task is make's to say, in its own words
    ends(need!("make", make(&repo, &["db-backup"])).env("ENDS", "3"), 2, "Error 3");
}

#[test]
fn a_slip_is_no_consent_and_no_real_run() {
    let repo = repo();

    for (typed, says) in [
        (["db-restore", "YES=no"], "YES=no: say YES=1"),
        (["db-restore", "LATEST=0"], "LATEST=0: say LATEST=1"),
        (["db-restore", "DRY_RUN=true"], "DRY_RUN=true: say DRY_RUN=1"),
        (["db-reset", "NAME=test"], "db-reset takes no NAME"),
        (["db-cleanup", "DATABASE=main"], "db-cleanup takes no DATABASE"),
    ] {
        ends(&mut need!("make", make(&repo, &typed)), 2, says);
        repo.nothing_ran();
    }

    let stray = [
        ("YES", "1"),
        ("FILE", "x"),
        ("NAME", "host"),
        ("AS", "/usr/bin/as"),
        ("DATABASE", "other"),
        ("LATEST", "1"),
        ("ARGS", "--yes"),
    ];

    ends(need!("make", make(&repo, &["db-restore"])).envs(stray), 0, "");
    assert_eq!(
        repo.seen("db-tasks"),
        ["db-restore"],
        "what stands in the environment chooses nothing"
    );

    ends(need!("make", make(&repo, &["db-restore"])).env("DRY_RUN", "1"), 0, "");
    assert_eq!(repo.seen("db-tasks"), ["db-restore", "--dry-run"], "but it may hold back");
}

#[test]
fn without_the_script_beside_it_the_program_is_run() {
    let repo = Repo::new();
    let mk = fs::read_to_string(repo.root.join("scripts/db-tasks.mk")).unwrap();
    repo.file("db-tasks.mk", &mk);
    // a folder `db`, as many repos have one, is no script
    repo.file("db/schema.sql", "");
    repo.file("Makefile", "include db-tasks.mk\n");

    ends(&mut need!("make", make(&repo, &["db-list"])), 0, "");
    assert_eq!(repo.seen("db-tasks"), ["db-list"]);
    ends(need!("make", make(&repo, &["db-list"])).env("DB_TASKS", "/nowhere/x"), 2, "/nowhere/x");
    repo.nothing_ran();
}
