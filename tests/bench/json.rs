//! `--json`: one document for every command and every end, without a secret. The examples of
//! `docs/json.md` are made here.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::terminal::{Terminal, available};
use super::{Bench, HOOKS, HOST, TOOL, facts, with_beside};
use crate::support::component::quoted;
use crate::support::need;

/// The keys that stand in every document.
const KEYS: [&str; 15] = [
    "after",
    "afterwards",
    "audit",
    "before",
    "command",
    "environment",
    "intent",
    "outcome",
    "plan",
    "project",
    "result",
    "schema",
    "steps",
    "verdicts",
    "when",
];

/// The one document that standard output is.
#[track_caller]
fn document(text: &str, command: &str, word: &str) -> Value {
    let document: Value =
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{command}: {e}:\n{text}"));
    let keys = document.as_object().unwrap();
    assert!(KEYS.iter().all(|key| keys.contains_key(*key)), "{text}");
    assert_eq!(document["schema"], 1);

    assert_eq!(
        (&document["command"], &document["outcome"]["word"]),
        (&json!(command), &json!(word)),
        "{text}"
    );

    assert!(!text.contains("hunter22"), "{text}");

    document
}

/// Runs a command and takes its document; the exit code stands in it.
#[track_caller]
fn run(bench: &Bench, args: &[&str], word: &str) -> Value {
    let said = bench.run(&[args, &["--json"]].concat());
    let document = document(&said.out, args[0], word);
    assert_eq!(document["outcome"]["exit"], json!(said.code), "{args:?}");
    document
}

/// A project whose password would show, with something to restore and to undo.
fn full() -> (Bench, String) {
    let url = HOST.replace(
        "database = \"app\", user = \"boss\"",
        "url = \"postgresql://boss:hunter22@localhost/app\"",
    );
    let bench = Bench::new(&format!("{url}{HOOKS}"));
    let name = bench.with_backup();
    bench.facts("app", with_beside(&["previous"]));
    (bench, name)
}

#[test]
fn every_command_has_a_document() {
    let (bench, name) = full();
    for (args, field) in [
        (&["db-list"][..], "backups"),
        (&["db-info", &name], "manifest"),
        (&["db-restore", &name, "--info"], "manifest"),
        (&["db-status"], "databases"),
        (&["db-config"], "settings"),
        (&["db-doctor"], "findings"),
        (&["db-backup"], "backups"),
    ] {
        let document = run(&bench, args, "done");
        assert!(!document[field].is_null(), "{args:?}: {document}");
    }

    for args in [
        &["db-backup", "--label", "x"][..],
        &["db-verify", &name],
        &["db-restore", &name, "--yes"],
        &["db-undo", "--yes"],
        &["db-reset", "--force"],
        &["db-migrate"],
        &["db-seed", "--backup"],
        &["db-cleanup", "--yes"],
        &["db-prepare"],
    ] {
        if args == ["db-prepare"] {
            // what an undo would need does not go for a preparation
            bench.facts("app", facts("app"));
        }
        let planned = run(&bench, &[args, &["--dry-run"]].concat(), "planned");
        assert_eq!((&planned["steps"], &planned["result"]), (&json!([]), &json!([])), "{args:?}");
        let done = run(&bench, args, "done");
        let steps = done["steps"].as_array().unwrap();
        assert_eq!(
            steps.is_empty(),
            planned["plan"]["steps"].as_array().unwrap().is_empty(),
            "{args:?}: {done}"
        );
        assert!(steps.iter().all(|step| step["ok"] == json!(true)), "{args:?}: {done}");
        assert_eq!(planned["plan"]["risk"], done["plan"]["risk"], "{args:?}");
    }

    assert_eq!(run(&bench, &["db-repair"], "done")["result"], json!(["nothing to repair"]));
    assert_eq!(run(&bench, &["db-shell", "-c", "SELECT 1"], "done")["plan"], Value::Null);
    assert_eq!(run(&bench, &["db-shell"], "usage")["outcome"]["exit"], 2);
    run(&bench, &["db-shell", "-c", "SELECT 1", "--dry-run"], "planned");
    run(&bench, &["db-start"], "usage");

    run(&bench, &["db-stop"], "usage");
    assert!(
        !run(&bench, &["db-completions", "bash"], "done")["result"].as_array().unwrap().is_empty()
    );
    // the option stands before the command as well
    document(&bench.run(&["--json", "db-list"]).exits(0).out, "db-list", "done");
}

#[test]
fn what_a_hook_has_said_is_kept() {
    let (bench, _) = full();
    let document = run(&bench, &["db-reset", "--force"], "done");
    let said: Vec<&Value> = document["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step.get("output"))
        .collect();

    let up = json!(["migrated by up"]);
    assert!(said.contains(&&up) && said.len() == 5, "{said:?}");
}

#[test]
fn what_a_pipe_has_moved_is_told() {
    let (bench, _) = full();
    let document = run(&bench, &["db-backup"], "done");
    let dump =
        document["steps"].as_array().unwrap().iter().find(|step| step["act"] == "pipe").unwrap();

    assert_eq!((&dump["rows"], &dump["tables"]), (&json!(53), &json!(17)));
    assert_eq!(dump["bytes"], document["backups"][0]["manifest"]["artifacts"][0]["plain_bytes"]);
    assert_eq!(dump["file_bytes"], document["backups"][0]["bytes"]);
    assert!(document["result"][0].as_str().unwrap().starts_with("backups/app_"));
    assert!(document["afterwards"][0].as_str().unwrap().starts_with("to restore it: "));
}

#[test]
fn every_end_has_its_word() {
    let (mut bench, _) = full();
    let refused = run(&bench, &["db-restore", "--latest"], "refused");
    let verdicts = refused["verdicts"].as_array().unwrap();

    assert!(verdicts.iter().any(|v| v["guard"] == "confirmation"
        && v["judgement"] == "refused"
        && v["cure"] == "use `--yes`"));
    assert_eq!((&refused["steps"], refused["plan"].is_object()), (&json!([]), true));
    run(&bench, &["db-restore"], "refused");
    run(&bench, &["db-restore", "--latest", "--nonsense"], "usage");
    assert_eq!(run(&bench, &["db-info", "nothing"], "usage")["plan"], Value::Null);

    bench.complains(
        "pg_dump",
        1,
        "pg_dump: error: connection of postgresql://boss:hunter22@localhost lost\n",
    );

    let failed = run(&bench, &["db-backup"], "failed");
    let last =
        failed["steps"].as_array().unwrap().iter().find(|step| step["ok"] == json!(false)).unwrap();
    assert_eq!(last["act"], "pipe");
    assert!(
        failed["outcome"]["problem"]["cure"].is_string()
            && failed["outcome"]["problem"]["happened"][0].is_string()
    );

    bench
        .stage("says/pg_dump.code", "0")
        .stage("says/pg_dump.err", "")
        .during_dump("kill -INT $PPID; sleep 5\n");
    run(&bench, &["db-backup"], "interrupted");

    bench.env("ENVIRONMENT", "production");
    assert_eq!(
        run(&bench, &["db-restore", "--latest", "--yes"], "refused")["environment"],
        "production"
    );

    // a dry run shows what the guards would say
    let planned = run(&bench, &["db-restore", "--latest", "--dry-run"], "planned");
    assert!(planned["verdicts"].as_array().unwrap().iter().any(|v| v["judgement"] == "refused"));

    bench.file("db-tasks.toml", "[databases.main]\nposgres = {}\n");
    for args in [&["db-backup"][..], &["db-list"], &["db-restore", "--latest"]] {
        assert_eq!(run(&bench, args, "usage")["project"], Value::Null);
    }
}

#[test]
fn a_person_says_no() {
    need!("script of util-linux", available());
    let (bench, _) = full();
    let mut person =
        Terminal::line(&bench, &format!("exec {} db-undo --json >said.json", quoted(TOOL)));

    person.sees("Type `").types("no\n");
    person.ends(4);

    let said = fs::read_to_string(bench.dir.join("said.json")).unwrap();
    let declined = document(&said, "db-undo", "declined");
    assert!(declined["verdicts"].as_array().unwrap().iter().any(|v| v["judgement"] == "ask"));
}

#[test]
fn another_run_is_at_work() {
    let (bench, _) = full();
    bench.during_dump("echo >\"$bench/ready\"\nuntil [ -e \"$bench/go\" ]; do sleep 0.05; done\n");
    let mut first = bench
        .command(TOOL)
        .arg("db-backup")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();

    while !bench.dir.parent().unwrap().join("ready").exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first run is over");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    let locked = run(&bench, &["db-backup"], "locked");
    bench.stage("go", "");
    assert!(first.wait().unwrap().success());

    assert!(
        locked["outcome"]["problem"]["happened"][0]
            .as_str()
            .unwrap()
            .starts_with("it is db-backup, process")
    );
}

/// A repair that comes first, and the databases that `db-prepare` comes to later, stand beside the
/// command's own first plan.
#[test]
fn what_comes_before_and_after_stands_beside_it() {
    let two = "[databases.more]\nprograms = \"../bin\"\npostgres = { database = \"app2\", user = \
               \"boss\" }\n";
    let bench = Bench::new(&format!("{HOST}{two}"));
    bench.facts("app2", super::facts("app2"));
    bench.stage("oids", "'app'|16384\n'app2'|16384\n");

    let deed = json!({ "verb": "remove", "deed": { "what": "half", "how": { "File": bench.dir.join("half") } } });
    let left = json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] });
    bench.file("half", "x").journal(&left);

    let document = run(&bench, &["db-backup"], "done");
    assert_eq!(document["before"][0]["command"], "db-repair");
    assert_eq!(document["before"][0]["outcome"]["word"], "done");
    assert!(document["plan"]["headline"].as_str().unwrap().starts_with("back up"));
    bench.file("db-tasks.toml", format!("{HOST}{two}{HOOKS}"));

    bench.learn_counts();
    let prepared = run(&bench, &["db-prepare"], "done");
    assert_eq!(
        (prepared["before"].as_array().unwrap().len(), prepared["after"].as_array().unwrap().len()),
        (0, 1),
        "{prepared}"
    );
}

/// The documents that `docs/json.md` shows; `UPDATE_SNAPSHOTS=1` writes them.
#[test]
fn the_examples_are_real() {
    let bench = Bench::new(HOST);
    let backup = run(&bench, &["db-backup"], "done");
    bench.learn_counts();

    let name = bench.names_in("backups").remove(1);
    bench.file("backups/half.sql.zst.partial", "x");
    for (example, document) in [
        ("backup", backup),
        ("list", run(&bench, &["db-list"], "done")),
        ("restore-planned", run(&bench, &["db-restore", &name, "--dry-run"], "planned")),
        ("cleanup-refused", run(&bench, &["db-cleanup"], "refused")),
        ("usage", run(&bench, &["db-backup", "--database", "nope"], "usage")),
    ] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/json/{example}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&timeless(document)).unwrap());
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, known, "{example}: run with UPDATE_SNAPSHOTS=1 and read the difference");
    }
}

/// With words in place of what differs from run to run.
fn timeless(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| {
                let value = match key.as_str() {
                    "seconds" => json!(0.25),
                    "host" => json!("db1"),
                    "log" => json!("4f2a9c0d1e5b7a38"),
                    "when" | "created" | "started" => json!("2026-01-16T22:45:00+00:00"),
                    _ => timeless(value),
                };
                (key, value)
            })
            .collect(),
        Value::Array(list) => list.into_iter().map(timeless).collect(),
        Value::String(text) => json!(
            text.replace("[DIR]", "/srv/shop")
                .replace("[STAMP]", "20260116_224500")
                .replace("[TIME]", "2026-01-16 22:45:00 UTC")
                .replace("[RUN]", "6970c1f0a1b2")
        ),
        other => other,
    }
}

/// Every act of a plan, by its id.
fn acts(steps: &Value, found: &mut Vec<Value>) {
    for step in steps.as_array().unwrap() {
        match step.get("id") {
            Some(_) => found.push(step.clone()),
            None => {
                ["steps", "on_failure", "finally"].iter().for_each(|key| acts(&step[key], found));
            }
        }
    }
}

/// What ran can be found in the plan by its id, clean-up after a failure included.
#[test]
fn what_ran_is_named_by_the_ids_of_the_plan() {
    let (bench, _) = full();
    bench.run(&["db-reset", "--force"]).exits(0);
    let good = bench.calls();
    let hook = good.iter().position(|call| call.argv[0].ends_with("migrator")).unwrap();
    bench.forget_calls();

    for (args, word) in [(&["db-backup"][..], "done"), (&["db-reset", "--force"], "failed")] {
        if word == "failed" {
            bench.fail_at(&good, hook);
        }
        let document = run(&bench, args, word);
        let mut planned = Vec::new();
        acts(&document["plan"]["steps"], &mut planned);

        let mut ids: Vec<u64> = planned.iter().map(|act| act["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..ids.len() as u64).collect::<Vec<_>>(), "{args:?}");

        let steps = document["steps"].as_array().unwrap();
        assert!(!steps.is_empty());
        for step in steps {
            let act = planned.iter().find(|act| act["id"] == step["id"]).unwrap();
            assert_eq!((&act["act"], &act["what"]), (&step["act"], &step["what"]), "{args:?}");
        }
    }
}
