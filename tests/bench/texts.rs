//! What people read: help, lists, settings and dry runs, word for word.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::snapshots::same_as;
use super::{Bench, DOCKER, HOST, with_beside};

const COMMANDS: [&str; 21] = [
    "db-backup",
    "db-list",
    "db-info",
    "db-verify",
    "db-restore",
    "db-undo",
    "db-reset",
    "db-migrate",
    "db-seed",
    "db-prepare",
    "db-repair",
    "db-wipe",
    "db-protect",
    "db-cleanup",
    "db-status",
    "db-shell",
    "db-config",
    "db-doctor",
    "db-start",
    "db-stop",
    "db-completions",
];

#[test]
fn help_of_everything() {
    let bench = Bench::new(HOST);
    let help = bench.run(&["--help"]).exits(0).out;
    same_as("help", &help);
    let mut all = String::new();
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in the help");
        all.push_str(&format!("$ {command} --help\n{}\n", bench.run(&[command, "--help"]).exits(0).out));
    }
    same_as("help-commands", &all);
    assert_eq!(help.matches("\n  db-").count(), COMMANDS.len(), "a command has no help here");
}

#[test]
fn an_empty_list() {
    let bench = Bench::new(HOST);
    assert_eq!(bench.run(&["db-list"]).exits(0).out, "no backups in [DIR]/backups\n");
    bench.file("backups/app_1.sql.zst.partial", "half");
    assert_eq!(
        bench.run(&["db-list"]).exits(0).out,
        "no backups in [DIR]/backups\n\
         [DIR]/backups/app_1.sql.zst.partial was left by an interrupted run: the next backup or `db-cleanup` removes it\n"
    );
}

/// One backup of each kind, and `db-info` of each.
#[test]
fn a_list_of_every_kind() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    bench.file("backups/from-prod.sql.gz", "not looked into yet");
    let old = SystemTime::now() - Duration::from_secs(3 * 86_400 + 60);
    File::open(bench.project.join("backups/from-prod.sql.gz")).unwrap().set_modified(old).unwrap();
    bench.file("backups/lost.manifest.json", "{}");
    bench.file("backups/new.manifest.json", "{\"format\": 99}");
    for lost in ["lost", "new"] {
        File::open(bench.project.join(format!("backups/{lost}.manifest.json"))).unwrap().set_modified(old).unwrap();
    }
    bench.file("backups/app_1.sql.zst.partial", "half");
    bench.file("backups/notes.txt", "no backup");
    let mut text = bench.run(&["db-list"]).exits(0).out;
    for name in [name.as_str(), "from-prod.sql.gz", "lost.manifest.json"] {
        text.push_str(&format!("\n$ db-info\n{}", bench.run(&["db-info", name]).exits(0).out));
    }
    same_as("lists", &text);
}

#[test]
fn settings_tell_where_they_come_from() {
    let mut bench = Bench::new(
        "[project]\nname = \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres = { url = \"${DATABASE_URL}\" }\n\
         [databases.side]\nprograms = \"../bin\"\npostgres = { host = \"${SIDE:-localhost}\", port = 5433, database = \"side\", password-env = \"SIDE_PW\" }\n\
         [backup]\nkeep-days = 7\n[guards]\nallowed-hosts = [\"db.test\"]\n",
    );
    bench.file(
        ".env",
        "DATABASE_URL=postgresql://boss:hunter22@localhost/app?schema=public\nSIDE_PW=hunter23\nBACKUP_MIN_KEEP=2\n",
    );
    bench.env("ENVIRONMENT", "staging").env("BACKUP_RETENTION_DAYS", "9");
    let text = bench.run(&["db-config"]).exits(0).out;
    assert!(!text.contains("hunter"), "{text}");
    same_as("config", &text);
    let json: Value = serde_json::from_str(&bench.run(&["db-config", "--json"]).exits(0).out).unwrap();
    assert_eq!(json["settings"].as_array().unwrap().len(), text.lines().count() - 1);
}

#[test]
fn dry_runs() {
    let host = Bench::new(HOST);
    let mut text = host.run(&["db-backup", "--label", "before v2", "--dry-run"]).exits(0).out;
    host.with_backup();
    text.push_str(&format!("\n{}", host.run(&["db-restore", "--latest", "--dry-run"]).exits(0).out));
    same_as("dry-run-host", &text);

    let services = "[containers.web]\ndocker = \"shop-web\"\nstop-during = [\"restore\"]\n";
    let docker = Bench::new(&format!("{DOCKER}{services}"));
    docker.stage("containers/shop-web", "running\n").facts("app", with_beside(&["previous"]));
    let mut text = docker.run(&["db-backup", "--dry-run"]).exits(0).out;
    docker.with_backup();
    text.push_str(&format!("\n{}", docker.run(&["db-restore", "--latest", "--dry-run", "--yes"]).exits(0).out));
    text.push_str(&format!("\n{}", docker.run(&["db-undo", "--dry-run"]).exits(0).out));
    text.push_str(&format!("\n{}", docker.run(&["db-verify", "--deep", "--dry-run"]).exits(0).out));
    same_as("dry-run-docker", &text);
}

/// What a person sees of a backup and a restore, from beginning to end.
#[test]
fn whole_runs() {
    let bench = Bench::new(HOST);
    let backup = bench.run(&["db-backup"]).exits(0);
    bench.learn_counts();
    let restore = bench.run(&["db-restore", "--latest", "--yes"]).exits(0);
    let mut text = String::new();
    for said in [backup, restore] {
        text.push_str(&format!("stdout:\n{}stderr:\n{}\n", said.out, said.err));
    }
    same_as("runs", &text);
}

/// T40: nothing stands before or behind JSON, whatever children print.
#[test]
fn json_is_json() {
    let bench = Bench::new(HOST);
    bench.stage("says/pg_dump.run", "echo 'a word on stderr' >&2\n");
    let backup: Value = serde_json::from_str(&bench.run(&["db-backup", "--json"]).exits(0).out).unwrap();
    assert_eq!(backup["backups"][0]["state"], "verified");
    let name = bench.names_in("backups").remove(1);
    for args in [
        vec!["db-list", "--json"],
        vec!["db-info", &name, "--json"],
        vec!["db-status", "--json"],
        vec!["db-config", "--json"],
        vec!["db-doctor", "--json"],
    ] {
        let said = bench.run(&args).exits(0);
        assert!(serde_json::from_str::<Value>(&said.out).is_ok(), "{args:?}\n{}", said.out);
        assert_eq!(said.err, "", "{args:?}");
    }
}
