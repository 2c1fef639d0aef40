//! The file of the audit log: chosen by a person, shared by many, and whole after every kill.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::{Bench, HOST, TOOL};

/// A project whose log is this file.
fn chosen(file: &str) -> Bench {
    Bench::new(&format!("{HOST}[audit]\nfile = \"{file}\"\n"))
}

#[track_caller]
fn verified(bench: &Bench) -> Value {
    let said = bench.run(&["db-log", "--verify", "--json"]).exits(0).out;
    serde_json::from_str(&said).unwrap()
}

#[test]
fn a_teams_file() {
    let mut bench = chosen("../team/log.jsonl");
    let team = bench.root().join("team");
    fs::create_dir(&team).unwrap();
    let file = team.join("real.jsonl");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o660)).unwrap();
    symlink(&file, team.join("log.jsonl")).unwrap();

    bench.run(&["db-backup"]).exits(0);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(!bench.dir.join(".db-tasks/audit.jsonl").exists());
    assert_eq!(verified(&bench)["lines"], 1);
    assert!(bench.run(&["db-log"]).exits(0).out.contains("db-backup"));

    let other = team.join("other.jsonl");
    bench.env("DB_TASKS_AUDIT_FILE", other.to_str().unwrap());
    bench.run(&["db-wipe"]).exits(3);
    assert_eq!(fs::read_to_string(&other).unwrap().lines().count(), 1);
}

/// The work is done, and somebody has to know that it is not logged.
#[test]
fn what_can_not_be_a_log() {
    for (file, why) in [
        ("/dev/null", "could not open `/dev/null`"),
        ("nowhere/log.jsonl", "could not open `[DIR]/nowhere/log.jsonl`"),
        ("pipe", "could not open `[DIR]/pipe`"),
        (".", "could not open `[DIR]/.`"),
    ] {
        let bench = chosen(file);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, bench.dir.join("pipe"), fifo, mode, 0).unwrap();

        let said = bench.run(&["db-backup"]).exits(0);
        assert!(said.err.contains("warning: this run is not in the audit log: "), "{}", said.err);
        bench.run(&["db-log"]).exits(if file.starts_with("nowhere") { 0 } else { 1 });
        let told = bench.run(&["db-log", "--verify"]);
        assert!(file.starts_with("nowhere") || told.err.contains(why), "{}", told.err);
    }
}

/// Nothing is written where a repository says that nobody trusts yet.
#[test]
fn a_strangers_repository() {
    let mut bench =
        Bench::new(&format!("{}[audit]\nfile = \"../profile\"\n", HOST.replace("../bin", "bin")));
    bench.env("DB_TASKS_TRUST_REPO", "");
    fs::create_dir(bench.dir.join(".git")).unwrap();
    bench.stage("profile", "");

    bench.run(&["db-status"]).exits(3);
    bench.run(&["db-verify"]).exits(3);
    assert_eq!(fs::read_to_string(bench.root().join("profile")).unwrap(), "");
}

/// A log inside a tree that a restore replaces would go with it.
#[test]
fn a_log_in_a_store() {
    let bench = Bench::new(&format!(
        "{HOST}[audit]\nfile = \"uploads/log.jsonl\"\n[stores.uploads]\nfiles = {{ path = \
         \"uploads\" }}\n"
    ));
    bench.run(&["db-log"]).exits(2).tells("the audit log (`[DIR]/uploads/log.jsonl`) is inside");
}

/// Runs that end at once write one after the other: refused by a guard, or by another's lock.
#[test]
fn eight_writers_keep_one_chain() {
    let bench = Bench::new(HOST);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..4).for_each(|_| drop(bench.run(&["db-wipe"]))));
        }
    });
    assert_eq!(verified(&bench)["lines"], 32);
}

/// Whenever a writer is killed, the next one goes on with the chain.
#[test]
fn kills_leave_a_chain() {
    let bench = Bench::new(HOST);
    let begun = std::time::Instant::now();
    bench.run(&["db-wipe"]).exits(3);
    let takes = begun.elapsed();

    for at in 0..40_u32 {
        let mut command = bench.command(TOOL);
        let mut child = command
            .arg("db-wipe")
            .current_dir(&bench.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(takes * at / 40);
        child.kill().unwrap();
        child.wait().unwrap();

        // a kill within a write is rare: here is what it leaves
        if at % 10 == 9 {
            let path = bench.dir.join(".db-tasks/audit.jsonl");
            let text = fs::read(&path).unwrap();
            fs::write(&path, &text[..text.len() - at as usize * 7]).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    bench.run(&["db-wipe"]).exits(3);
    let found = verified(&bench);
    assert!(found["lines"].as_u64().unwrap() >= 4, "{found}");
    assert!(!found["notes"].as_array().unwrap().is_empty(), "{found}");
}
