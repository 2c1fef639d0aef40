//! What is asked at a terminal, and what each answer does.

use super::terminal::{Terminal, available};
use super::{Bench, HOST, with_beside};
use crate::support::need;

#[test]
fn a_backup_takes_y_or_n() {
    need!("script of util-linux", available());
    for (answer, code, files) in [("y\n", 0, 2), ("YES\n", 0, 2), ("n\n", 4, 0), ("\n", 4, 0), ("\x04", 4, 0)] {
        let bench = Bench::new(HOST);
        let mut person = Terminal::run(&bench, &["db-backup"]);
        person.sees("back up `app`").sees("Proceed? [y/N] ").types(answer);
        let screen = person.ends(code);
        assert_eq!(bench.names_in("backups").len(), files, "{answer:?}: {screen}");
        assert_eq!(screen.contains("declined: nothing was changed"), code == 4, "{screen}");
    }
}

#[test]
fn auto_and_yes_ask_nothing() {
    need!("script of util-linux", available());
    for flag in ["--auto", "--yes"] {
        let bench = Bench::new(HOST);
        let screen = Terminal::run(&bench, &["db-backup", flag]).ends(0);
        assert!(!screen.contains("Proceed?"), "{screen}");
    }
}

#[test]
fn a_restore_takes_the_word() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.with_backup();
    for (answer, code) in [("yes\n", 0), ("y\n", 4), ("YES\n", 4), ("no\n", 4), ("\x04", 4)] {
        bench.forget_calls();
        let mut person = Terminal::run(&bench, &["db-restore", "--latest"]);
        person
            .sees("this replaces the live data of `app` (localhost)")
            .sees("Type `yes` to replace the live data of `app`: ")
            .types(answer);
        let screen = person.ends(code);
        let swapped = bench.calls().iter().any(|call| call.stdin.contains("RENAME TO"));
        assert_eq!(swapped, code == 0, "{answer:?}: {screen}");
        assert!(code == 0 || bench.calls().len() == 1, "{answer:?}: only a question was asked before");
    }
}

#[test]
fn a_restore_is_chosen_from_a_list() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let question = "Number of the backup to restore (q to quit): ";
    let mut person = Terminal::run(&bench, &["db-restore"]);
    person.sees("1.  ").sees(&name).sees(question).types("7\n").sees("there is no `7`: a number from 1 to 1, or q");
    person.sees(question).types("1\n").sees("Type `yes` to replace the live data of `app`: ").types("yes\n");
    person.ends(0);
    for leave in ["q\n", "\x04"] {
        let mut person = Terminal::run(&bench, &["db-restore"]);
        person.sees(question).types(leave);
        assert!(person.ends(4).contains("no backup was chosen: nothing was changed"));
    }
}

#[test]
fn an_undo_and_a_cleanup_ask() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.facts("app", with_beside(&["previous"]));
    let mut person = Terminal::run(&bench, &["db-undo"]);
    person.sees("Type `yes` to replace the live data of `app`: ").types("y\n");
    person.ends(4);
    bench.file("backups/half.sql.zst.partial", "x");
    let mut person = Terminal::run(&bench, &["db-cleanup"]);
    person.sees("Proceed? [y/N] ").types("n\n");
    person.ends(4);
    assert_eq!(bench.names_in("backups"), ["half.sql.zst.partial"]);
}

#[test]
fn ctrl_c_at_a_question_ends_the_run() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.with_backup();
    for (args, question) in
        [(&["db-backup"][..], "Proceed?"), (&["db-restore", "--latest"], "Type `yes`"), (&["db-restore"], "(q to quit):")]
    {
        let before = bench.files();
        let mut person = Terminal::run(&bench, args);
        person.sees(question).sees(" ").types("\x03");
        let screen = person.ends(130);
        assert!(screen.contains("interrupted"), "{args:?}: {screen}");
        assert_eq!(bench.files(), before, "{args:?}");
    }
}
