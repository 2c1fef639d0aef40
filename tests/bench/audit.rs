//! The audit log: who ran what on which database, and who was not let through.

use std::fs;
use std::process::Stdio;

use chrono::{DateTime, Utc};
use db_tasks::stream::Sum;
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
    bench.env("USER", "not-me").with_backup();
    assert_eq!(last(&bench, KEYS), json!(["db-backup", 0, ["app"], []]));

    let line = log(&bench).pop().unwrap();
    assert_eq!(
        (&line["user"]["said"], &line["environment"], &line["agent"], &line["ci"]),
        (&json!("not-me"), &json!("development"), &Value::Null, &Value::Null)
    );
    // a variable may say anything
    assert_ne!(line["who"], "not-me");
    assert_eq!(line["user"]["uid"], db_tasks::run::state::user());

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
    let said = line["verdicts"].as_array().unwrap().iter().find(|v| v["guard"] == "environment");
    assert_eq!(said.unwrap()["judgement"], "refused");
    assert!(said.unwrap()["why"].as_str().unwrap().contains("`production`"));
    assert_eq!((&line["outcome"], &line["code"]), (&json!("refused"), &json!("guard")));
    assert_eq!(
        (&line["environment"], &line["problem"]),
        (&json!("production"), &json!("`db-restore` is refused by the environment guard"))
    );
}

/// What a line says of a run: enough to find its plan, its server and its backup.
#[test]
fn what_ran_on_what() {
    let mut bench = Bench::new(HOST);
    bench.env("GITHUB_RUN_ID", "7").env("GITHUB_REPOSITORY", "our/shop").env("SUDO_USER", "ann");
    let said = bench.run(&["db-backup", "--label", "password=s3cret", "--json"]).exits(0);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let line = log(&bench).pop().unwrap();

    let name = bench.names_in("backups").into_iter().find(|n| n.ends_with(".zst")).unwrap();
    let stem = name.strip_suffix(".sql.zst").unwrap();
    let manifest = fs::read(bench.dir.join(format!("backups/{stem}.manifest.json"))).unwrap();
    let backups = json!([{ "name": name, "manifest": Sum::of(&manifest).hex() }]);
    assert_eq!(line["backups"], backups);
    assert_eq!(line["servers"][0]["database"], "app");
    assert_eq!(line["servers"][0]["oid"], 16384);
    assert_eq!(line["verdicts"], document["verdicts"]);

    let argv = line["argv"].as_array().unwrap();
    assert_eq!(argv[1..], ["db-backup", "--label", "password=***", "--json"]);
    assert_eq!(line["ci"]["job"], "https://github.com/our/shop/actions/runs/7");
    assert_eq!(line["user"]["sudo"]["user"], "ann");
    assert_eq!((&line["outcome"], &line["code"]), (&json!("done"), &Value::Null));
    assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
    let when = |key: &str| line[key].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(when("began") <= when("when"));
}

/// The plan that ran is the one whose digest is logged: that of the document, as it was printed.
#[test]
fn the_digest_is_that_of_the_plan() {
    let bench = Bench::new(HOST);
    let mut command = bench.command(TOOL);
    let out = command.args(["db-backup", "--json"]).current_dir(&bench.dir).output().unwrap();
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    let digest = Sum::of(document["plan"].to_string().as_bytes()).hex();

    let text = fs::read(bench.dir.join(".db-tasks/audit.jsonl")).unwrap();
    assert_eq!(log(&bench)[0]["plan"], digest);
    let head = json!({
        "log": log(&bench)[0]["chain"]["log"], "line": 1, "digest": Sum::of(&text).hex(),
    });
    assert_eq!(document["audit"], head);

    bench.learn_counts();
    bench.run(&["db-backup", "--label", "second"]).exits(0);
    let name = bench.names_in("backups").into_iter().find(|n| n.ends_with("second.manifest.json"));
    let manifest = bench.manifest(&format!("backups/{}", name.unwrap()));
    assert_eq!(manifest["audit"], head, "the backup knows what was logged before it");
}

#[test]
fn a_signal_at_a_question() {
    need!("script of util-linux", available());
    let bench = Bench::new(HOST);
    bench.facts("app", with_beside(&["previous"]));
    let mut person = Terminal::run(&bench, &["db-undo"]);
    person.sees("Type `").sees(" ").types("\x03");
    person.ends(130);
    assert_eq!(last(&bench, KEYS), json!(["db-undo", 130, ["app"], []]));
    assert_eq!(log(&bench).len(), 1);
    assert_eq!(log(&bench)[0]["outcome"], "interrupted");
}

/// A run that was interrupted is logged once, as the run that it was.
#[test]
fn a_signal_during_the_work() {
    let bench = Bench::new(HOST);
    bench.during_dump("kill -INT $PPID; sleep 5\n");
    bench.run(&["db-backup"]).exits(130);
    assert_eq!(log(&bench).len(), 1);
    assert_eq!(log(&bench)[0]["outcome"], "interrupted");
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
