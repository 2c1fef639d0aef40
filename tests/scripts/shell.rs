//! `scripts/db` under the shells that stand behind /bin/sh.

use std::os::unix::process::ExitStatusExt;

use super::*;
use crate::real::{signal, until};
use crate::support::need;

/// `scripts/db` as each shell runs it, called from deep in the repo; the last as the system does.
fn calls(repo: &Repo) -> Result<Vec<Command>, String> {
    let mut calls = Vec::new();

    for name in ["dash", "bash", "busybox"] {
        let mut command = repo.command(program(name)?);
        command.args((name == "busybox").then_some("sh")).arg("../../scripts/db");
        calls.push(command);
    }

    calls.push(repo.command("../../scripts/db"));
    for call in &mut calls {
        call.current_dir(&repo.deep);
    }

    Ok(calls)
}

#[test]
fn words_arrive_whole() {
    let table: [(&[&str], &[&str]); 8] = [
        (&["backup", "--auto"], &["db-backup", "--auto"]),
        (&["db-backup", "--auto"], &["db-backup", "--auto"]),
        (&["completions", "bash"], &["db-completions", "bash"]),
        (&["--version"], &["--version"]),
        (&["--help"], &["--help"]),
        (&["-q", "db-list"], &["-q", "db-list"]),
        (&[], &[]),
        (&["two words", "backup", "--", "-n"], &["db-two words", "backup", "--", "-n"]),
    ];

    let repo = Repo::new();
    for (typed, seen) in table {
        for mut call in need!("shells", calls(&repo)) {
            ends(call.args(typed), 0, "");
            assert_eq!(repo.seen("db-tasks"), seen, "{call:?}");
        }
    }

    for mut call in need!("shells", calls(&repo)) {
        ends(call.arg("backup").args(NASTY), 0, "");
        assert_eq!(repo.seen("db-tasks")[1..], NASTY, "{call:?}");
        repo.nothing_is_gone();
    }
}

#[test]
fn the_program_takes_the_scripts_place() {
    let repo = Repo::new();
    for call in &mut need!("shells", calls(&repo)) {
        for code in [0, 1, 2, 3, 4, 5, 130] {
            ends(call.arg("backup").env("ENDS", code.to_string()), code, "");
        }
        let mut child = call.env("WAITS", "1").spawn().unwrap();
        until("it is the very process", || repo.noted("pid").trim() == child.id().to_string());
        signal(&child, "TERM");
        assert_eq!(child.wait().unwrap().signal(), Some(15), "{call:?}");
    }
}

#[test]
fn a_program_that_is_named_comes_first() {
    let repo = Repo::new();
    let other =
        repo.program("other tasks", &repo.root.join("../bin/db-tasks").canonicalize().unwrap());

    for named in [other.to_str().unwrap(), "other tasks", "../../../bin/other tasks"] {
        for mut call in need!("shells", calls(&repo)) {
            ends(call.env("DB_TASKS", named).arg("list"), 0, "");
            assert_eq!(repo.seen("other tasks"), ["db-list"]);
            repo.nothing_ran();
        }
    }

    for mut call in need!("shells", calls(&repo)) {
        ends(call.env("DB_TASKS", "").arg("list"), 0, "");
        assert_eq!(repo.seen("db-tasks"), ["db-list"]);
    }
}

#[test]
fn a_name_of_no_program_is_an_error() {
    let repo = Repo::new();
    repo.file("a/b/notes.txt", "x");
    for named in ["/nowhere/db-tasks", "db-tasks --quiet", "/tmp", "./notes.txt", "cd", "-p", " "] {
        for mut call in need!("shells", calls(&repo)) {
            let said = ends(
                call.env("DB_TASKS", named).arg("list"),
                2,
                &format!("error: DB_TASKS is `{named}`, and that is no program"),
            );
            assert!(said.err.contains("\n  next: ") && said.out.is_empty(), "{said:?}");
            repo.nothing_ran();
        }
    }

    for mut call in need!("shells", calls(&repo)) {
        ends(
            call.env("DB_TASKS", "../../scripts/db").arg("list"),
            2,
            "error: DB_TASKS is this script",
        );
    }
}

#[test]
fn where_there_is_nothing_it_says_what_would_help() {
    let repo = Repo::new();
    for mut call in need!("shells", calls(&repo)) {
        // nothing but what a shebang needs
        let said = ends(
            call.env("PATH", repo.temp.path().join("home")).arg("list"),
            2,
            "error: there is no db-tasks to run\n",
        );

        for word in ["$DB_TASKS", "on PATH", ".cargo/config.toml", "next: "] {
            assert!(said.err.contains(word), "{}", said.err);
        }
    }
}
