//! The audit log: who ran what on which database, and who was not let through.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::terminal::{Terminal, available};
use super::{Bench, HOST, TOOL, with_beside};
use crate::support::need;

/// The lines of the log.
fn log(bench: &Bench) -> Vec<Value> {
    let text = fs::read_to_string(bench.dir.join(".db-tasks/audit.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The last line's values of these keys.
fn last(bench: &Bench, keys: [&str; 4]) -> Value {
    let line = log(bench).pop().unwrap_or_default();
    keys.iter().map(|key| line[*key].clone()).collect()
}

const KEYS: [&str; 4] = ["task", "exit", "databases", "refused_by"];

#[test]
fn what_ran_and_what_was_refused() {
    let mut bench = Bench::new(HOST);
    bench.env("USER", "ann").with_backup();
    assert_eq!(last(&bench, KEYS), json!(["db-backup", 0, ["app"], []]));

    let line = log(&bench).pop().unwrap();
    assert_eq!(
        (&line["who"], &line["environment"], &line["agent"]),
        (&json!("ann"), &json!("development"), &Value::Null)
    );

    bench.run(&["db-restore", "--latest"]).exits(3);
    assert_eq!(last(&bench, KEYS), json!(["db-restore", 3, ["app"], ["confirmation"]]));
    bench.run(&["db-restore"]).exits(3);
    assert_eq!(last(&bench, KEYS), json!(["db-restore", 3, [], []]));
    bench.env("ENVIRONMENT", "production");

    bench.run(&["db-restore", "--latest", "--confirm", "other"]).exits(3);
    assert_eq!(
        last(&bench, KEYS),
        json!(["db-restore", 3, ["app"], ["environment", "confirmation", "production"]])
    );

    let line = log(&bench).pop().unwrap();
    assert_eq!(
        (&line["environment"], &line["problem"]),
        (&json!("production"), &json!("`db-restore` is refused by the environment guard"))
    );
}

/// A dry run changes nothing, and to look is no run.
#[test]
fn looking_is_not_written_down() {
    let bench = Bench::new(HOST);
    bench.with_backup();

    let before = log(&bench).len();
    bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0);
    bench.run(&["db-restore", "--latest", "--as", "app", "--dry-run"]);
    bench.run(&["db-restore", "--dry-run"]).exits(3);

    for looks in ["db-list", "db-status", "db-config", "db-doctor"] {
        bench.run(&[looks]).exits(0);
    }

    assert_eq!(log(&bench).len(), before);
}

#[test]
fn an_agents_words() {
    let mut bench = Bench::new(HOST);
    bench.with_backup();
    bench.env("CLAUDECODE", "1");
    bench.run(&["db-restore", "--latest", "--yes"]).exits(3);

    let keys = ["task", "exit", "refused_by", "agent"];
    assert_eq!(
        last(&bench, keys),
        json!(["db-restore", 3, ["agent"], { "name": "CLAUDECODE", "says": null }])
    );
    bench.env("DB_TASKS_PERSON_SAYS", "db-restore app: put it back,\n\"all\" of it");
    bench.run(&["db-restore", "--latest", "--yes"]).exits(0);

    let says =
        json!({ "name": "CLAUDECODE", "says": "db-restore app: put it back,\n\"all\" of it" });
    assert_eq!(last(&bench, keys), json!(["db-restore", 0, [], says]));
}

#[test]
fn a_password_among_the_words_is_left_out() {
    let url = "url = \"postgresql://boss:hunter22@localhost/app\"";
    let mut bench = Bench::new(&HOST.replace("database = \"app\", user = \"boss\"", url));
    bench.env("CLAUDECODE", "1").env("DB_TASKS_PERSON_SAYS", "the password is hunter22");
    bench.run(&["db-backup"]).exits(0);
    assert_eq!(log(&bench)[0]["agent"]["says"], "the password is ***");
}

#[test]
fn a_person_who_declines() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.facts("app", with_beside(&["previous"]));
    let mut person = Terminal::run(&bench, &["db-undo"]);
    person.sees("Type `").types("no\n");
    person.ends(4);
    assert_eq!(last(&bench, KEYS), json!(["db-undo", 4, ["app"], []]));
}

#[test]
fn a_run_that_found_another_at_work() {
    let bench = Bench::new(HOST);
    bench.during_dump("echo >\"$bench/ready\"\nuntil [ -e \"$bench/go\" ]; do sleep 0.05; done\n");

    let mut command = bench.command(TOOL);
    let mut first = command
        .arg("db-backup")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    while !bench.dir.parent().unwrap().join("ready").exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first run is over");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    bench.run(&["db-undo", "--yes"]).exits(5);
    assert_eq!(last(&bench, KEYS), json!(["db-undo", 5, [], []]));
    bench.stage("go", "");
    assert!(first.wait().unwrap().success());
    assert_eq!(last(&bench, KEYS), json!(["db-backup", 0, ["app"], []]));
}

/// What is done is done, whether it can be logged or not: but somebody has to know.
#[test]
fn a_log_that_cannot_be_written_is_told() {
    let bench = Bench::new(HOST);
    fs::create_dir_all(bench.dir.join(".db-tasks/audit.jsonl")).unwrap();

    let said = bench.run(&["db-backup", "--auto"]).exits(0);
    assert_eq!(said.err.matches("warning: this run is not in the audit log: ").count(), 1);
    assert_eq!(bench.names_in("backups").len(), 2);
}
