//! What is asked at a terminal, and what each answer does.

use super::snapshots::same_as;
use super::terminal::{Terminal, available};
use super::{Bench, HOOKS, HOST, TOOL, said, with_beside};
use crate::support::component::quoted;
use crate::support::need;

/// A project whose backups are asked for.
pub const ASKS: &str = "[backup]\nask = true\n[project]\nname = \
                        \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres = { database \
                        = \"app\", user = \"boss\" }\n";

#[test]
fn a_backup_takes_y_or_n() {
    need!("script of util-linux", available());
    let screen = Terminal::run(&Bench::new(HOST), &["db-backup"]).ends(0);
    assert!(!screen.contains("Proceed?"), "nobody is asked unless the file says so: {screen}");

    for (answer, code, files) in
        [("y\n", 0, 2), ("YES\n", 0, 2), ("n\n", 4, 0), ("\n", 4, 0), ("\x04", 4, 0)]
    {
        let bench = Bench::new(ASKS);
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
        let bench = Bench::new(ASKS);
        let screen = Terminal::run(&bench, &["db-backup", flag]).ends(0);
        assert!(!screen.contains("Proceed?"), "{screen}");
    }
}

/// SKIP_BACKUP_PROMPT is the yes of people's scripts: for a backup from `.env`, too; for what
/// replaces data in the environment of that very run alone.
#[test]
fn a_variable_answers_for_a_backup() {
    need!("script of util-linux", available());
    let reset = || {
        let bench = Bench::new(&format!("{ASKS}{HOOKS}"));
        bench.with_backup();
        bench
    };

    for value in ["true", "1", "yes", "ON"] {
        let mut bench = Bench::new(ASKS);
        bench.env("SKIP_BACKUP_PROMPT", value);
        let screen = Terminal::run(&bench, &["db-backup"]).ends(0);
        assert!(!screen.contains("Proceed?"), "{value}: {screen}");
        bench.run(&["db-backup"]).exits(0);
        let mut bench = reset();
        bench.env("SKIP_BACKUP_PROMPT", value).run(&["db-reset"]).exits(0);
    }

    for value in ["", "0", "false", "no"] {
        let mut bench = Bench::new(ASKS);
        bench.env("SKIP_BACKUP_PROMPT", value);
        let mut person = Terminal::run(&bench, &["db-backup"]);
        person.sees("Proceed? [y/N] ").types("n\n");
        person.ends(4);
        let mut bench = reset();
        bench.env("SKIP_BACKUP_PROMPT", value).run(&["db-reset"]).exits(3);
    }

    let bench = Bench::new(ASKS);
    bench.file(".env", "SKIP_BACKUP_PROMPT=true\n");

    let screen = Terminal::run(&bench, &["db-backup"]).ends(0);
    assert!(!screen.contains("Proceed?"), "{screen}");

    let bench = reset();
    bench.file(".env", "SKIP_BACKUP_PROMPT=true\n");
    bench.run(&["db-reset"]).exits(3).tells("can't ask for confirmation");

    let mut person = Terminal::run(&bench, &["db-reset"]);
    person.sees("Type `").types("no\n");
    person.ends(4);
}

/// Production's restore takes words that no habit types, whatever flags are given.
#[test]
fn production_takes_its_own_words() {
    need!("script of util-linux", available());

    for (args, answer, code) in [
        (&["db-restore", "--latest"][..], "restore production app\n", 0),
        (&["db-restore", "--latest", "--yes"], "yes\n", 4),
        (&["db-restore", "--latest", "--confirm", "app"], "restore production other\n", 4),
    ] {
        let mut bench = Bench::new(HOST);
        bench.with_backup();
        bench.env("ENVIRONMENT", "production");
        let mut person = Terminal::run(&bench, args);
        person
            .sees("this project's environment is `production`")
            .sees("Type `restore production app` to replace the live data of `app`: ")
            .types(answer);
        person.ends(code);
    }
}

#[test]
fn a_restore_takes_the_word() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.with_backup();

    for (answer, code) in [("yes\n", 0), ("y\nno\n", 4), ("YES\n", 4), ("no\n", 4), ("\x04", 4)] {
        bench.forget_calls();
        let mut person = Terminal::run(&bench, &["db-restore", "--latest"]);
        person
            .sees("this replaces the live data of `app` (localhost)")
            .sees("Type `yes` to replace the live data of `app`: ")
            .types(answer);

        let screen = person.ends(code);
        let swapped = bench.calls().iter().any(|call| call.stdin.contains("RENAME TO"));
        assert_eq!(swapped, code == 0, "{answer:?}: {screen}");
        assert!(
            code == 0 || bench.calls().len() == 1,
            "{answer:?}: only a question was asked before"
        );
    }
}

#[test]
fn a_restore_is_chosen_from_a_list() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let question = "Number of the backup to restore (q to quit): ";
    let mut person = Terminal::run(&bench, &["db-restore"]);

    person
        .sees("1.  ")
        .sees(&name)
        .sees(question)
        .types("7\n")
        .sees("there is no `7`: a number from 1 to 1, or q");

    person
        .sees(question)
        .types("1\n")
        .sees("Type `yes` to replace the live data of `app`: ")
        .types("yes\n");

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
    person.sees("Type `yes` to replace the live data of `app`: ").types("no\n");
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
    let bench = Bench::new(ASKS);
    bench.with_backup();

    for (args, question) in [
        (&["db-backup"][..], "Proceed?"),
        (&["db-restore", "--latest"], "Type `yes`"),
        (&["db-restore"], "(q to quit):"),
    ] {
        let before = bench.files();
        let mut person = Terminal::run(&bench, args);
        person.sees(question).sees(" ").types("\x03");
        let screen = person.ends(130);
        assert!(screen.contains("interrupted"), "{args:?}: {screen}");
        assert_eq!(bench.files(), before, "{args:?}");
    }
}

/// What a person reads before the word that lets live data go.
#[test]
fn what_goes_is_said_before_the_question() {
    need!("script of util-linux", available());
    let bench = Bench::new(&format!(
        "{HOST}{HOOKS}[containers.web]\ndocker = \"shop-web\"\nstop-during = [\"restore\", \
         \"reset\"]\n"
    ));
    bench.stage("containers/shop-web", "running\n").with_backup();

    let mut server = with_beside(&["previous"]);
    let session = |pid| serde_json::json!({ "pid": pid, "user": "boss", "app": "rails", "host": "10.0.0.7", "state": "idle" });
    server["sessions"] = (1..=7).map(session).collect();
    bench.facts("app", server);

    let mut text = String::new();

    for args in
        [&["db-restore", "--latest"][..], &["db-reset"], &["db-undo"], &["db-undo", "--quiet"]]
    {
        let mut person = Terminal::run(&bench, args);
        person.sees("Type `").types("no\n");
        text.push_str(&shown(&bench, args, &person.ends(4)));
    }

    // the steps are ticked off as they were listed
    let mut person = Terminal::run(&bench, &["db-restore", "--latest"]);
    person.sees("Type `").types("yes\n");
    text.push_str(&shown(&bench, &["db-restore", "--latest"], &person.ends(0)));
    same_as("questions", &text);
}

fn shown(bench: &Bench, args: &[&str], screen: &str) -> String {
    let plain = said::plain(bench.dir.parent().unwrap(), &screen.replace('\r', ""));
    // two backups in one second get a counter
    format!("$ {}\n{}\n", args.join(" "), plain.replace("[STAMP]_2", "[STAMP]"))
}

/// Lines as a terminal of this many columns has drawn them, one over the other, in colour.
fn drawn(bench: &Bench, columns: usize) -> Vec<String> {
    let line =
        format!("export TERM=xterm; stty cols {columns}; exec {} db-backup --yes", quoted(TOOL));
    let screen = Terminal::line(bench, &line).ends(0);
    screen.split(['\r', '\n']).map(String::from).collect()
}

#[test]
fn a_bar_fits_the_terminal() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.stage(
        "filler",
        "-- nothing to see here, but it is long enough to be some bytes\n".repeat(8_000),
    );
    bench.during_dump("for i in 1 2 3 4 5 6; do cat \"$bench/filler\"; sleep 0.15; done\n");

    // the first backup knows no size to expect
    let first = drawn(&bench, 100);
    assert!(
        first.iter().any(|line| line.contains("MB/s"))
            && !first.iter().any(|line| line.contains(" %")),
        "{first:#?}"
    );

    for columns in [40, 100] {
        let lines = drawn(&bench, columns);
        let bars: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("\u{1b}[K") && line.contains(" %"))
            .collect();
        assert!(bars.len() >= 3, "{lines:#?}");

        let shown = |line: &str| {
            line.replace("\u{1b}[K", "")
                .replace("\u{1b}[36m", "")
                .replace("\u{1b}[0m", "")
                .chars()
                .count()
        };

        assert!(bars.iter().all(|line| shown(line) < columns), "{columns}: {bars:#?}");
        assert!(bars.iter().any(|line| line.contains("left")), "{bars:#?}");
    }
}

/// What is no terminal gets no bar and no colour.
#[test]
fn a_file_gets_no_bar() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    let line = format!("export TERM=xterm; exec {} db-backup --yes 2>said", quoted(TOOL));
    Terminal::line(&bench, &line).ends(0);
    let said = std::fs::read_to_string(bench.dir.join("said")).unwrap();
    assert!(said.contains('✓') && !said.contains(['\u{1b}', '\r']), "{said}");
}

/// `y` is a habit: it is neither the word that was asked for nor a no.
#[test]
fn a_y_where_the_word_is_wanted_is_asked_again() {
    need!("script of util-linux", available());

    for (then, code) in [("yes\n", 0), ("y\n", 4), ("\n", 4)] {
        let bench = Bench::new(HOST);
        bench.with_backup();
        let mut person = Terminal::run(&bench, &["db-restore", "--latest"]);
        person.sees("Type `yes` to replace").types("y\n");
        person.sees("Type the whole word").types(then);
        person.ends(code);
    }
}
