//! `db-log`: what it shows of the audit log, and what it finds in its chain.

use std::fs;

use serde_json::{Value, json};

use super::snapshots::same_as;
use super::{Bench, HOST};
use crate::support::said::Said;

const LOG: &str = ".db-tasks/audit.jsonl";

/// A project with these lines in its log.
fn with(lines: &[Value]) -> Bench {
    let bench = Bench::new(HOST);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::create_dir(bench.dir.join(".db-tasks")).unwrap();
    bench.file(LOG, text);
    bench
}

/// Lines of old and new versions.
fn lines() -> Vec<Value> {
    vec![
        json!({ "when": "2026-01-10T08:00:00+00:00", "task": "db-backup", "who": "ann",
                "databases": ["app"], "exit": 0, "refused_by": [] }),
        json!({ "when": "2026-01-16T22:45:00+00:00", "task": "db-restore", "who": "root",
                "host": "db1", "user": { "said": null, "sudo": { "user": "ann" } },
                "agent": { "name": "CLAUDECODE" }, "databases": ["app"], "outcome": "refused",
                "exit": 3, "code": "guard", "refused_by": ["environment", "agent"] }),
        json!({ "when": "2026-01-17T01:00:00+00:00", "task": "db-backup", "who": "ci",
                "host": "runner-7", "ci": { "system": "github" }, "databases": ["app", "jobs"],
                "outcome": "failed", "exit": 1, "code": "server-unreachable", "refused_by": [],
                "left_behind": ["a session"] }),
    ]
}

#[track_caller]
fn document(bench: &Bench, args: &[&str], code: i32) -> Value {
    let said = bench.run(&[&["db-log", "--json"], args].concat()).exits(code);
    serde_json::from_str(&said.out).unwrap()
}

/// The numbers of the lines that are shown.
#[track_caller]
fn numbers(bench: &Bench, args: &[&str]) -> Vec<u64> {
    let lines = document(bench, args, 0)["lines"].take();
    lines.as_array().unwrap().iter().map(|line| line["number"].as_u64().unwrap()).collect()
}

#[test]
fn what_people_read() {
    let mut bench = with(&lines());
    let mut text = String::new();
    for width in ["", "80", "60", "20"] {
        bench.env("COLUMNS", width);
        let said = bench.run(&["db-log"]).exits(0).out;
        let most = said.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(matches!(width, "" | "20") || most <= width.parse().unwrap(), "{width}: {said}");
        text.push_str(&format!("columns: {width}\n{said}\n"));
    }
    same_as("log", &text);

    let said = bench.run(&["db-log", "--limit", "1"]).exits(0).out;
    assert!(said.starts_with("… and 2 earlier lines: `--limit N` shows more\n"), "{said}");
    assert!(!said.contains("db-restore") && said.contains("jobs"), "{said}");
}

#[test]
fn filters() {
    let bench = with(&lines());
    for (args, wanted) in [
        (&[][..], &[1, 2, 3][..]),
        (&["--command", "backup"], &[1, 3]),
        (&["--command", "db-backup", "--limit", "1"], &[3]),
        (&["--user", "ann"], &[1, 2]),
        (&["--outcome", "refused"], &[2]),
        (&["--outcome", "done"], &[1]),
        (&["--database", "jobs"], &[3]),
        (&["--since", "2026-01-16"], &[2, 3]),
        (&["--since", "9999d", "--user", "ci"], &[3]),
        (&["--since", "1s"], &[]),
    ] {
        assert_eq!(numbers(&bench, args), wanted, "{args:?}");
    }

    assert_eq!(document(&bench, &["--limit", "2"], 0)["earlier"], 1);
    assert_eq!(document(&bench, &[], 0)["lines"][1]["said"], lines()[1]);
    let said = bench.run(&["db-log", "--user", "eve"]).exits(0).out;
    assert!(said.starts_with("no line fits in .db-tasks/"), "{said}");
    for wrong in [&["--since", "soon"][..], &["--outcome", "well"], &["--verify", "--user", "x"]] {
        bench.run(&[&["db-log"], wrong].concat()).exits(2);
    }
    bench.run(&["db-log", "--anchor", "x"]).exits(2).tells("LOG:LINE:DIGEST");
}

/// What others wrote into the log is shown as such, and can't move the cursor.
#[test]
fn lines_that_are_not_ours() {
    let bench = with(&lines()[..1]);
    let mut text = fs::read(bench.dir.join(LOG)).unwrap();
    text.extend_from_slice(b"\x1b[2J\xffhello\n\n[1]\n{\"task\":\"db-\x1b[31mx\"}\n");
    text.extend_from_slice(
        format!(
            "{}\n",
            json!({ "task": "db-\u{1b}[31mx", "who": 7, "when": "never", "databases": 7 })
        )
        .as_bytes(),
    );
    fs::write(bench.dir.join(LOG), text).unwrap();

    let said = bench.run(&["db-log"]).exits(0).out;
    assert!(!said.contains('\u{1b}') && said.contains("not of db-tasks"), "{said}");
    assert_eq!(numbers(&bench, &[]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(&bench, &["--command", "backup"]), [1]);
    assert!(document(&bench, &[], 0)["lines"][1]["text"].as_str().unwrap().contains("hello"));
}

#[test]
fn no_log_yet() {
    let bench = Bench::new(HOST);
    let said = bench.run(&["db-log"]).exits(0).out;
    assert!(said.starts_with("no runs are logged yet in .db-tasks/"), "{said}");
    bench.run(&["db-log", "--verify"]).exits(0);
    assert!(!bench.dir.join(".db-tasks").exists(), "looking makes nothing");
}

/// Three lines of a real chain.
fn chained() -> Bench {
    let bench = Bench::new(HOST);
    bench.run(&["db-wipe"]).exits(3);
    bench.run(&["db-backup"]).exits(0);
    bench.run(&["db-wipe"]).exits(3);
    bench
}

fn change(bench: &Bench, change: impl Fn(&mut Vec<String>)) {
    let text = fs::read_to_string(bench.dir.join(LOG)).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    change(&mut lines);
    bench.file(LOG, lines.iter().map(|line| format!("{line}\n")).collect::<String>());
}

#[track_caller]
fn broken(bench: &Bench, words: &str) -> Said {
    let document = document(bench, &["--verify"], 1);
    assert_eq!(document["outcome"]["problem"]["code"], "audit-changed");
    assert_eq!(document["verified"], false);
    assert!(document["outcome"]["problem"]["stands"].is_string());
    bench.run(&["db-log", "--verify"]).exits(1).tells(words).has_three_parts()
}

#[test]
fn the_chain_is_verified() {
    let bench = chained();
    let said = bench.run(&["db-log", "--verify"]).exits(0).out;
    assert!(said.contains("3 lines, and none was edited, removed or moved"), "{said}");
    assert!(said.contains("anchors that agree: 1"), "{said}");

    let whole = document(&bench, &["--verify"], 0);
    assert_eq!((&whole["verified"], &whole["head"]), (&json!(true), &whole["audit"]));
    assert_eq!(whole["anchors"], json!({ "agree": 1, "of_others": 0 }));

    change(&bench, |lines| lines[1] = lines[1].replace("\"exit\":0", "\"exit\":1"));
    broken(&bench, "line 3 does not follow line 2: one of the two was changed");
}

#[test]
fn a_cut_tail_is_found_by_the_backup() {
    let bench = chained();
    bench.run(&["db-backup"]).exits(0);
    change(&bench, |lines| lines.truncate(1));
    broken(&bench, "the log ends at line 1, but the backup `app_");
    // even if runs follow that
    bench.run(&["db-wipe"]).exits(3);
    bench.run(&["db-wipe"]).exits(3);
    broken(&bench, "line 3 is not the one that the backup `app_");
}

#[test]
fn a_cut_tail_is_found_by_an_anchor_from_elsewhere() {
    let bench = chained();
    bench.run(&["db-list"]).exits(0);
    let head = document(&bench, &["--verify"], 0)["audit"].take();
    let [log, digest] = ["log", "digest"].map(|key| head[key].as_str().unwrap());
    let line = fs::read(bench.dir.join(LOG)).unwrap();
    let digest_of = line.split_inclusive(|b| *b == b'\n').next_back().unwrap();
    let anchor = format!("{log}:3:{}", db_tasks::stream::Sum::of(digest_of).hex());
    assert_eq!(digest, "[SHA256]", "the bench hides it");

    bench.run(&["db-log", "--verify", "--anchor", &anchor]).exits(0);
    change(&bench, |lines| drop(lines.pop()));
    bench.run(&["db-log", "--verify"]).exits(0);
    bench
        .run(&["db-log", "--verify", "--anchor", &anchor])
        .exits(1)
        .tells("the log ends at line 2, but the anchor that you gave knew line 3");
}

/// Another clone has a log of its own, and the same backups.
#[test]
fn the_log_of_another_clone_is_no_false_alarm() {
    let bench = chained();
    bench.run(&["db-backup"]).exits(0);
    fs::remove_file(bench.dir.join(LOG)).unwrap();
    for _ in 0..2 {
        let said = bench.run(&["db-log", "--verify"]).exits(0).out;
        assert!(said.contains("backups and anchors know another log"), "{said}");
        bench.run(&["db-wipe"]).exits(3);
    }
}

#[test]
fn an_old_log_goes_on_as_a_chain() {
    let bench = with(&lines());
    let said = bench.run(&["db-log", "--verify"]).exits(0).out;
    assert!(said.contains("it has 3 older lines; the chain begins with the next run"), "{said}");

    bench.run(&["db-wipe"]).exits(3);
    let said = bench.run(&["db-log", "--verify"]).exits(0).out;
    assert!(said.contains("the chain begins after 3 older lines"), "{said}");
    change(&bench, |lines| drop(lines.remove(0)));
    broken(&bench, "1 line is missing before line 3");
}

/// An anchor that is given means one log: one that was removed or replaced is not that.
#[test]
fn an_anchor_from_elsewhere_is_of_no_other_log() {
    let bench = Bench::new(HOST);
    bench.run(&["db-backup"]).exits(0);
    let path = bench.dir.join(".db-tasks/audit.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let line: Value = serde_json::from_str(&whole).unwrap();
    let digest = db_tasks::stream::Sum::of(whole.as_bytes()).hex();
    let anchor = format!("{}:1:{digest}", line["chain"]["log"].as_str().unwrap());
    let verify = ["db-log", "--verify", "--anchor", &anchor];
    bench.run(&verify).exits(0);

    for replaced in [String::new(), whole.replace("\"chain\"", "\"chaim\"")] {
        fs::write(&path, replaced).unwrap();
        bench.run(&verify).exits(1).tells("and this is another one");
    }
    fs::remove_file(&path).unwrap();
    bench.run(&verify).exits(1);
}

/// A line that somebody adds hides no head.
#[test]
fn a_backup_knows_the_head_behind_a_strange_line() {
    let bench = Bench::new(HOST);
    bench.run(&["db-backup"]).exits(0);
    let path = bench.dir.join(".db-tasks/audit.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}junk\n")).unwrap();
    bench.run(&["db-backup", "--label", "second"]).exits(0);

    let name = bench.names_in("backups").into_iter().find(|n| n.ends_with("second.manifest.json"));
    let manifest = bench.manifest(&format!("backups/{}", name.unwrap()));
    assert_eq!(manifest["audit"]["line"], 1, "{manifest}");
}
