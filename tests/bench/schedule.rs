//! `db-schedule`: what runs when, and what starts it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::snapshots::same_as;
use super::{Bench, HOST, Said, TOOL};
use crate::support::component::output;
use crate::support::need;

const PRODUCTION: &str = "environment = \"production\"\n";

/// A project on a machine with crontab, systemctl and launchctl.
fn bench(schedule: &str) -> Bench {
    let bench = Bench::new(&format!("{HOST}{schedule}"));
    let keepers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/keepers");
    for program in ["crontab", "systemctl", "launchctl"] {
        symlink(keepers.canonicalize().unwrap(), bench.root().join("bin").join(program)).unwrap();
    }
    bench
}

fn crontab(bench: &Bench) -> String {
    fs::read_to_string(bench.root().join("crontab")).unwrap_or_default()
}

fn memory(bench: &Bench) -> Value {
    let text = fs::read_to_string(bench.dir.join(".db-tasks/schedule.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

trait Shows {
    fn shows(&self, words: &str);
}

impl Shows for Said {
    /// The result has these words.
    #[track_caller]
    fn shows(&self, words: &str) {
        assert!(self.out.contains(words), "{}\nwithout\n{words}", self.out);
    }
}

/// Lets so many minutes pass, in what is remembered.
fn pass(bench: &Bench, minutes: i64) {
    let mut memory = memory(bench);
    let chores = memory["chores"].as_object_mut().unwrap();
    let times = chores.values_mut().flat_map(|chore| {
        chore.as_object_mut().unwrap().values_mut().filter(|value| value.is_string())
    });
    for time in times {
        let then: chrono::DateTime<chrono::Utc> = time.as_str().unwrap().parse().unwrap();
        *time = json!(then - chrono::Duration::minutes(minutes));
    }
    bench.file(".db-tasks/schedule.json", memory.to_string());
}

fn backups(bench: &Bench) -> usize {
    bench.names_in("backups").iter().filter(|name| name.ends_with(".zst")).count()
}

fn due(bench: &Bench) -> Said {
    bench.run(&["db-schedule", "run", "--due"]).exits(0)
}

#[test]
fn it_shows_what_runs_when() {
    let bench = bench("[schedule]\nbackup = \"6h\"\ntrial-restore = \"30 days\"\n");
    same_as("schedule-never-run", &bench.run(&["db-schedule"]).exits(0).out);

    let fields: Value =
        serde_json::from_str(&bench.run(&["schedule", "--json"]).exits(0).out).unwrap();
    assert_eq!(fields["schedule"][0]["chore"], "backup");
    assert_eq!(fields["schedule"][0]["when"], "6 h");
    assert_eq!(fields["schedule"][2]["command"], "db-verify --deep --latest");
    assert_eq!(fields["started_by"], json!([]));
}

#[test]
fn a_crontab_gets_one_line_and_keeps_its_own() {
    let bench = bench("");
    let own = "MAILTO=ann\n# mine\n0 1 * * * true\n";
    bench.stage("crontab", own);

    let install = ["db-schedule", "install", "--with", "crontab", "--backup-dir", "/srv/b"];
    let mut shown = install.to_vec();
    shown.push("--dry-run");
    let said = bench.run(&shown).exits(0).out;
    same_as("schedule-crontab", &said.replace(TOOL, "/opt/db-tasks"));
    assert_eq!(crontab(&bench), own, "a dry run changes nothing");

    for _ in 0..2 {
        bench.run(&install).exits(0);
        let now = crontab(&bench);
        assert!(now.starts_with(own), "{now}");
        assert_eq!(now.matches("db-schedule run --due").count(), 1, "{now}");
        assert!(now.contains(" --backup-dir=/srv/b"), "{now}");
    }

    bench.run(&["db-schedule"]).exits(0).shows("crontab starts it");
    bench.run(&["db-schedule", "remove"]).exits(0);
    assert_eq!(crontab(&bench), own);
    bench.run(&["db-schedule", "remove"]).exits(0).shows("nothing on this machine starts");
}

#[test]
fn a_crontab_that_cant_be_read_is_left_alone() {
    let bench = bench("");
    bench.stage("crontab", "0 1 * * * true\n").stage("says/crontab.err", "crontab: no space\n");
    for action in ["install", "remove"] {
        bench.run(&["db-schedule", action]).exits(1).tells("could not read your crontab");
    }
    assert_eq!(crontab(&bench), "0 1 * * * true\n");
}

#[test]
fn what_only_the_shell_has_is_named() {
    let mut bench = bench("[schedule]\nbackup = \"24h\"\n");
    bench.env("BACKUP_KEEP_DAYS", "9");
    let said = bench.run(&["db-schedule", "install", "--with", "crontab", "--dry-run"]).exits(0);
    assert!(
        said.out.contains("`BACKUP_KEEP_DAYS` of this shell will not be there"),
        "{}",
        said.out
    );

    bench.file(".env", "BACKUP_KEEP_DAYS=9\n");
    let mut plain = bench.command(TOOL);
    plain.env_remove("BACKUP_KEEP_DAYS").args(["db-schedule", "install", "--dry-run"]);
    let said = output(plain.arg("--with").arg("crontab")).unwrap();
    assert!(!said.contains("of this shell"), "{said}");
}

#[test]
fn an_agent_of_macos_is_a_property_list() {
    let python = need!("python3", which("python3"));
    let bench = bench("");
    bench.run(&["db-schedule", "install", "--with", "launchd"]).exits(0);

    let agents = bench.home().join("Library/LaunchAgents");
    let file = fs::read_dir(&agents).unwrap().next().unwrap().unwrap().path();
    let read =
        "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let agent = output(Command::new(python).args(["-c", read]).arg(&file)).unwrap();
    let agent: Value = serde_json::from_str(&agent).unwrap();

    assert_eq!(agent["StartInterval"], 300);
    assert_eq!(agent["WorkingDirectory"], bench.dir.to_str().unwrap());
    assert_eq!(agent["ProgramArguments"][0], TOOL);
    let label = agent["Label"].as_str().unwrap();
    assert_eq!(file.file_stem().unwrap(), label);

    bench.run(&["db-schedule", "remove"]).exits(0);
    assert!(!file.exists());
    let told = fs::read_to_string(bench.root().join("keepers")).unwrap();
    assert!(told.contains(&format!("launchctl bootout gui/{}/{label}", uid())), "{told}");
}

fn which(program: &str) -> Result<String, String> {
    output(Command::new("sh").args(["-c", &format!("command -v {program}")]))
}

fn uid() -> String {
    output(Command::new("id").arg("-u")).unwrap()
}

#[test]
fn what_is_due_runs_once() {
    let bench = bench("[schedule]\nbackup = \"6h\"\ncleanup = \"12h\"\n");
    let said = due(&bench);
    assert!(said.err.contains("backup: db-backup --auto"), "{}", said.err);
    assert!(said.err.contains("cleanup: db-cleanup --yes"), "{}", said.err);
    assert_eq!(backups(&bench), 1);

    let silent = due(&bench);
    assert_eq!((silent.out.as_str(), silent.err.as_str()), ("", ""), "nothing is due");

    pass(&bench, 6 * 60 + 1);
    due(&bench);
    assert_eq!(backups(&bench), 2);
    pass(&bench, 5 * 24 * 60);
    due(&bench);
    due(&bench);
    assert_eq!(backups(&bench), 3, "what was missed comes once");
    bench.run(&["db-schedule", "check"]).exits(0).shows("ok");
}

#[test]
fn the_newest_backup_counts_where_nothing_is_remembered() {
    let bench = bench("[schedule]\ncleanup = \"never\"\n");
    bench.run(&["db-backup"]).exits(0);
    due(&bench);
    assert_eq!(backups(&bench), 1);

    for damaged in ["", "{", "[1]"] {
        bench.file(".db-tasks/schedule.json", damaged);
        due(&bench);
        assert_eq!(backups(&bench), 1, "{damaged}");
    }
}

#[test]
fn a_failure_is_remembered_and_tried_again() {
    let bench = bench("[schedule]\ncleanup = \"never\"\n");
    bench.complains("pg_dump", 1, "pg_dump: error: no such thing\n");
    let said = due(&bench);
    assert!(said.err.contains("  error: "), "what it said is passed on: {}", said.err);
    assert!(said.err.contains("backup: failed (exit code 1)"), "{}", said.err);
    assert_eq!(memory(&bench)["chores"]["backup"]["failures"], 1);
    bench.run(&["db-schedule", "check"]).exits(1).shows("backup: 1 failure in a row");
    bench.run(&["db-schedule"]).exits(0).shows("failed (exit code 1)");

    pass(&bench, 2);
    fs::remove_file(bench.root().join("says/pg_dump.code")).unwrap();
    fs::remove_file(bench.root().join("says/pg_dump.err")).unwrap();
    let said = due(&bench);
    assert!(said.err.contains("db-backup --auto, again after 1 failure"), "{}", said.err);
    assert_eq!(memory(&bench)["chores"]["backup"]["failures"], 0);
    bench.run(&["db-schedule", "check"]).exits(0);
}

#[test]
fn only_production_is_automatic() {
    let bench = bench("[schedule]\nbackup = \"24h\"\n");
    let run = ["db-schedule", "run", "--automatic", "--due"];
    bench.run(&run).exits(0).shows("nothing is scheduled: this environment is `development`");
    assert_eq!(backups(&bench), 0);

    let toml = fs::read_to_string(bench.dir.join("db-tasks.toml")).unwrap();
    let production = toml.replace("[project]\n", &format!("[project]\n{PRODUCTION}"));
    bench.file("db-tasks.toml", production);
    bench.run(&run).exits(0);
    assert_eq!(backups(&bench), 1);

    bench.file("db-tasks.toml", format!("{toml}environments = [\"development\"]\n"));
    pass(&bench, 25 * 60);
    bench.run(&run).exits(0);
    assert_eq!(backups(&bench), 2);
}

/// A scheduler in the foreground, killed when dropped.
struct Serving(Child);

impl Serving {
    fn of(bench: &Bench, args: &[&str]) -> Self {
        let mut command = bench.command(TOOL);
        let err = fs::File::create(bench.root().join("serving.err")).unwrap();
        Self(command.args(args).stderr(err).stdout(Stdio::null()).spawn().unwrap())
    }

    fn ends(mut self, signal: &str) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn said(bench: &Bench) -> String {
    fs::read_to_string(bench.root().join("serving.err")).unwrap_or_default()
}

#[test]
fn in_the_foreground_it_goes_on_until_a_signal() {
    let health = "[schedule]\nhealth-file = \"healthy\"\n";
    let bench = bench(health);
    let args = ["start-scheduler", "--interval", "2s", "--keep-days", "30", "--min-keep", "5"];
    let serving = Serving::of(&bench, &args);
    until("two backups", || backups(&bench) >= 2);
    until("ok", || {
        fs::read_to_string(bench.dir.join("healthy")).is_ok_and(|t| t == "db-tasks: ok\n")
    });

    bench.run(&args).exits(5).tells("a scheduler of this project is running");
    due(&bench);
    bench.run(&["db-schedule"]).exits(0).shows("it is at work: db-schedule run, process");

    assert_eq!(serving.ends("-TERM"), Some(0), "{}", said(&bench));
    let said = said(&bench);
    assert!(said.contains("scheduler of `shop` (development): backup every 2 s"), "{said}");
    assert!(said.contains("cleanup: db-cleanup --yes --keep-days=30 --min-keep=5"), "{said}");
    assert!(said.ends_with("the scheduler has ended: a signal came\n"), "{said}");
    assert!(!bench.dir.join("healthy").exists());
    bench.run(&["db-schedule", "check"]).exits(1).shows("nothing starts it");
}

#[test]
fn a_signal_ends_the_backup_too_and_the_next_one_makes_it() {
    let bench = bench("[schedule]\ncleanup = \"never\"\n");
    bench.during_dump("touch \"$bench/dumping\"; sleep 30");
    let serving = Serving::of(&bench, &["db-schedule", "run"]);
    until("a dump", || bench.root().join("dumping").exists());

    let begun = Instant::now();
    assert_eq!(serving.ends("-TERM"), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{}", said(&bench));
    assert_eq!(bench.names_in("backups").len(), 0, "{}", said(&bench));
    assert_eq!(memory(&bench)["chores"]["backup"]["exit"], 130);

    bench.stage("says/pg_dump.run", "");
    pass(&bench, 2);
    due(&bench);
    assert_eq!(backups(&bench), 1);
}

#[test]
fn one_that_was_killed_is_followed_by_another() {
    let bench = bench("[schedule]\ncleanup = \"never\"\n");
    bench.during_dump("touch \"$bench/dumping\"; sleep 3");
    let serving = Serving::of(&bench, &["db-schedule", "run"]);
    until("a dump", || bench.root().join("dumping").exists());
    assert_eq!(serving.ends("-KILL"), None);
    bench.run(&["db-schedule"]).exits(0).shows("it has no end yet");

    // the backup goes on without its scheduler
    until("the backup", || backups(&bench) == 1);
    bench.stage("says/pg_dump.run", "");
    pass(&bench, 2);
    due(&bench);
    assert_eq!(backups(&bench), 2);
    assert_eq!(memory(&bench)["chores"]["backup"]["failures"], 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let bench = bench("");
    for (args, words) in [
        (&["db-schedule", "--due"][..], "`--due` does not fit"),
        (&["db-schedule", "install", "--automatic"], "`--automatic` does not fit"),
        (&["db-schedule", "run", "--with", "crontab"], "`--with` does not fit"),
        (&["db-schedule", "run", "--interval", "0"], "at least a second"),
        (&["db-schedule", "run", "--interval", "61 * * * *"], "no cron expression"),
    ] {
        bench.run(args).exits(2).tells(words);
    }

    for (schedule, words) in [
        ("[schedule]\nbackup = \"daily\"\n", "`schedule.backup` is `daily`"),
        ("[schedule]\ncleanup = \"0 0 31 2 *\"\n", "there is no such day"),
        ("[schedule]\njitter = \"much\"\n", "`schedule.jitter` is `much`"),
    ] {
        bench.file("db-tasks.toml", format!("{HOST}{schedule}"));
        bench.run(&["db-schedule"]).exits(2).tells(words);
    }
}

#[test]
fn a_memory_that_somebody_else_may_have_written_is_refused() {
    let bench = bench("");
    due(&bench);
    let file = bench.dir.join(".db-tasks/schedule.json");
    fs::rename(&file, bench.root().join("elsewhere")).unwrap();
    symlink(bench.root().join("elsewhere"), &file).unwrap();
    bench.run(&["db-schedule", "run", "--due"]).exits(1).tells("it is a link");
}

#[test]
fn a_date_in_the_future_keeps_no_backup_away() {
    let bench = bench("[schedule]\ncleanup = \"never\"\n");
    due(&bench);
    pass(&bench, -365 * 24 * 60);
    due(&bench);
    assert_eq!(backups(&bench), 2);

    // and so it is where only the newest backup tells
    fs::remove_file(bench.dir.join(".db-tasks/schedule.json")).unwrap();
    for name in bench.names_in("backups").into_iter().filter(|name| name.ends_with(".json")) {
        let mut manifest = bench.manifest(&format!("backups/{name}"));
        manifest["created"] = json!("2199-01-16T22:45:00Z");
        bench.file(&format!("backups/{name}"), manifest.to_string());
    }
    due(&bench);
    assert_eq!(backups(&bench), 3);
    bench.run(&["db-status", "--check"]).exits(1).shows("is dated in the future");
}

#[test]
fn a_health_file_is_no_other_file() {
    let bench = bench("[schedule]\nhealth-file = \"precious.sql\"\n");
    bench.file("precious.sql", "SELECT 1;");
    bench.run(&["db-schedule", "run"]).exits(3).tells("precious.sql` is not a health file");
    assert_eq!(fs::read_to_string(bench.dir.join("precious.sql")).unwrap(), "SELECT 1;");
}

/// Showing it runs no program that a repository brings.
#[test]
fn a_strangers_crontab_is_not_run() {
    let mut bench = bench("");
    let own = bench.dir.join("bin");
    fs::create_dir(&own).unwrap();
    let trap = format!("#!/bin/sh\ntouch {}\nexit 1\n", bench.root().join("sprung").display());
    fs::write(own.join("crontab"), trap).unwrap();
    fs::set_permissions(own.join("crontab"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    bench.file("db-tasks.toml", "[databases.main]\npostgres = { database = \"app\" }\n");
    bench.env("DB_TASKS_TRUST_REPO", "0");

    for args in
        [&["db-schedule"][..], &["db-schedule", "install", "--with", "crontab", "--dry-run"]]
    {
        let mut command = bench.command(TOOL);
        command.env("PATH", format!("{}:/usr/bin:/bin", own.display()));
        command.args(args).output().unwrap();
    }
    assert!(!bench.root().join("sprung").exists());
}
