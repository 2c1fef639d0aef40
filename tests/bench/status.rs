//! `db-status`: what it finds, how backups have grown, and again and again.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Bench, DUMP, HOST, TOOL, table};

fn codes(bench: &Bench, args: &[&str]) -> Vec<String> {
    let out = bench.run(&[&["db-status", "--json"], args].concat()).out;
    let document: Value = serde_json::from_str(&out).unwrap();
    let findings = document["findings"].as_array().unwrap();
    assert_eq!(findings.len(), document["problems"].as_array().unwrap().len());
    findings.iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_finding_has_a_code() {
    let bench = Bench::new(&format!("{HOST}[guards.ratchet]\nmin-records = 1\n"));
    assert_eq!(codes(&bench, &[]), ["backup-missing"]);

    bench.run(&["db-backup"]).exits(0);
    assert_eq!(codes(&bench, &["--check"]), [""; 0]);
    assert_eq!(codes(&bench, &["--min-rows", "53"]), [""; 0]);
    assert_eq!(codes(&bench, &["--min-rows", "54"]), ["backup-small"]);
    bench.run(&["db-status", "--check", "--min-rows", "54"]).exits(1);

    let toml = format!("{HOST}[guards.ratchet]\nmin-records = 54\n");
    bench.file("db-tasks.toml", toml);
    bench.run(&["db-backup"]).exits(7);
    assert_eq!(codes(&bench, &[]), ["backup-shrunken"]);

    bench.complains("psql", 2, "psql: error: connection to server failed: Connection refused\n");
    let found = codes(&bench, &[]);
    assert!(found.contains(&"server-unreachable".to_owned()), "{found:?}");
}

#[test]
fn a_schedule_that_fails_is_found() {
    let bench = Bench::new(&format!("{HOST}[schedule]\ncleanup = \"never\"\n"));
    bench.complains("pg_dump", 1, "pg_dump: error: no such thing\n");
    bench.run(&["db-schedule", "run", "--due"]).exits(0);
    assert_eq!(codes(&bench, &[]), ["backup-missing", "schedule-failed"]);
}

#[test]
fn a_trial_restore_that_is_due_is_found_and_production_is_reminded() {
    let production = HOST.replace("[project]\n", "[project]\nenvironment = \"production\"\n");
    let bench = Bench::new(&production);
    bench.run(&["db-backup"]).exits(0);
    let reminder = "reminder: no trial restore is known: `db-verify --deep`";
    let said = bench.run(&["db-status", "--check"]).exits(0).out;
    assert!(said.contains(reminder), "{said}");

    let bench = Bench::new(&format!("{HOST}[schedule]\ntrial-restore = 30\n"));
    bench.run(&["db-backup"]).exits(0);
    assert_eq!(codes(&bench, &[]), ["trial-restore-old"]);

    let when = |days| chrono::Utc::now() - chrono::Duration::days(days);
    for (days, found) in [(29, 0), (31, 1)] {
        let past = json!({ "began": when(days), "ended": when(days), "exit": 0, "good": when(days), "failures": 0 });
        let memory = json!({ "chores": { "trial-restore": past } });
        bench.file(".db-tasks/schedule.json", memory.to_string());
        assert_eq!(codes(&bench, &[]).len(), found, "{days}");
    }
}

#[test]
fn how_the_backups_have_grown() {
    let bench = Bench::new(HOST);
    let history = |bench: &Bench| bench.run(&["db-status", "--history"]).exits(0).out;
    assert!(history(&bench).contains("history: there are no backups"));

    let (before, rows) = DUMP.split_once("FROM stdin;\n").unwrap();
    let (_, fewer) = rows.split_once('\n').unwrap();
    bench.stage("dump.sql", format!("{before}FROM stdin;\n{fewer}"));
    bench.run(&["db-backup", "--label", "one"]).exits(0);
    bench.stage("dump.sql", DUMP);
    let name = bench.names_in("backups").into_iter().find(|n| n.ends_with(".json")).unwrap();
    bench.run(&["db-backup", "--label", "two"]).exits(0);

    let mut manifest = bench.manifest(&format!("backups/{name}"));
    manifest["created"] = json!("2026-01-16T22:45:00Z");
    bench.file(&format!("backups/{name}"), manifest.to_string());

    let said = history(&bench);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("main  ")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("53  +1 %"), "{said}");
    assert!(lines[1].starts_with("main  2026-01-16 22:45    52"), "{said}");

    let one = bench.run(&["db-status", "--history", "1"]).exits(0).out;
    assert_eq!(one.lines().filter(|line| line.starts_with("main  ")).count(), 1, "{one}");
}

#[test]
fn tables_have_owners_and_kinds() {
    let bench = Bench::new(HOST);
    let of = |name: &str, kind: &str| json!({ "name": name, "kind": kind, "owner": "ann", "estimate": 3, "bytes": 8192 });
    let mut facts = super::facts("app");
    facts["inventory"]["tables"] = json!([table("orders", 300)]);
    facts["tables"] = json!([of("public.orders", "r"), of("public.log", "p"), of("sum", "m")]);
    bench.facts("app", facts);

    let said = bench.run(&["db-status"]).exits(0).out;
    for wanted in [
        "  TABLE          KIND               OWNER  ROWS (EST.)    SIZE",
        "  public.orders  table              ann              3  8.2 kB",
        "  public.log     partitioned table  ann              3  8.2 kB",
        "  sum            materialized view  ann              3  8.2 kB",
        "  address      database app, user boss",
    ] {
        assert!(said.contains(wanted), "without {wanted}\n{said}");
    }
}

#[test]
fn it_is_watched_until_a_signal() {
    let bench = Bench::new(HOST);
    bench.run(&["db-status", "--watch", "--json"]).exits(2).tells("does not work with `--watch`");
    bench.run(&["db-status", "--watch", "0"]).exits(2);

    let out = bench.root().join("watched");
    let mut command = bench.command(TOOL);
    command.args(["db-status", "--watch", "1"]).stdout(fs::File::create(&out).unwrap());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();

    let shown = || fs::read_to_string(&out).unwrap().matches("shop (development)").count();
    let begun = Instant::now();
    while shown() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(child.wait().unwrap().code().is_some_and(|code| [0, 130].contains(&code)));
}
