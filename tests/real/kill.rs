//! The harness that kills: wherever a run ends, the live data is the old or the new, whole, and the next run clears the rest.

use super::{Outcome, Project, family, same, signal, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;
use crate::support::server::Fingerprint;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The one that nobody can answer comes last: what it leaves is for the next run.
const SIGNALS: [&str; 3] = ["TERM", "INT", "KILL"];
/// Points in time for each signal.
const POINTS: u32 = 8;

struct Ground<'a> {
    cluster: &'a Cluster,
    db: TempDb,
    project: Project,
    /// What the backup holds, and what was live when the run began.
    backed_up: Fingerprint,
    changed: Fingerprint,
}

impl<'a> Ground<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let db = cluster.database();
        cluster.sql(
            &db.name,
            "SET ROLE app; CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
             CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); INSERT INTO b SELECT i, i FROM generate_series(1, 5000) i;
             CREATE INDEX ON a (t);",
        );
        let project = Project::new(
            "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\n\
             migrate = [\"psql\", \"-qX1\", \"-v\", \"ON_ERROR_STOP=1\", \"-f\", \"migrate.sql\"]\n\
             seed = [\"psql\", \"-qX\", \"-c\", \"INSERT INTO fresh VALUES (1)\"]\n",
        )
        .env("DATABASE_URL", &db.url)
        .env("ALLOW_DATABASE_WIPE", "true");
        project.write("migrate.sql", "CREATE TABLE fresh (a int); SELECT pg_sleep(0.1); CREATE TABLE fresher (a int);");
        let backed_up = cluster.fingerprint(&db.name);
        project.backup();
        cluster.sql(&db.name, "SET ROLE app; DELETE FROM b; CREATE TABLE later (a int)");
        let changed = cluster.fingerprint(&db.name);
        Self { cluster, db, project, backed_up, changed }
    }

    /// The promise: old or new, whole; and no file with a final name that does not prove good.
    fn holds(&self, after: &str) {
        // a psql that outlived its feeder may be in the midst of the swap: it does it whole or not at all
        until("its sessions have gone", || super::sessions(self.cluster, &self.db.name) == 0);
        let now = self.cluster.fingerprint(&self.db.name);
        let reset = now.rows.keys().any(|table| table.contains("fresh"));
        if reset {
            let whole = "SELECT count(*) FROM fresh, (SELECT count(*) FROM fresher) f";
            assert_eq!(self.cluster.sql(&self.db.name, whole), "1", "after {after}: a reset that was not finished");
        } else if now.rows.values().all(|(rows, _)| *rows == 0) {
            assert_eq!(now.schema, self.backed_up.schema, "after {after}: a wipe leaves the schema");
        } else if now != self.changed {
            same(&now, &self.backed_up);
        }
        for file in self.project.files().iter().filter(|f| f.extension().is_some_and(|e| e == "zst")) {
            let verified = self.project.run(&format!("db-verify {}", file.display()));
            // one without a manifest is foreign, and still whole
            assert_eq!(verified.code, Some(0), "after {after}: {verified:?}");
        }
    }

    /// Nothing of a killed run outlives the next one.
    fn cleared(&self, after: &str) {
        let allowed = ["", "__previous", "__failed"].map(|suffix| format!("{}{suffix}", self.db.name));
        let there = family(self.cluster, &self.db.name);
        assert!(there.iter().all(|name| allowed.contains(name)), "after {after}: {there:?}");
        let partial = self.project.files().into_iter().filter(|f| f.to_string_lossy().contains(".partial"));
        assert_eq!(partial.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new(), "after {after}");
    }
}

/// Lets a run go for a while, then ends it; gives how it ended.
fn killed(project: &Project, words: &str, after: Duration, kill: impl FnOnce(&std::process::Child)) -> Outcome {
    let child = project.command(words).spawn().unwrap();
    std::thread::sleep(after);
    kill(&child);
    Outcome::of(child.wait_with_output().unwrap())
}

/// Kills `words` at points spread over its duration, with `prepare` before each.
fn harness(words: &str, prepare: impl Fn(&Ground)) {
    let cluster = need!("postgresql", cluster());
    let ground = Ground::new(cluster);
    prepare(&ground);
    let begun = Instant::now();
    ground.project.ok(words);
    let whole = begun.elapsed();
    let (mut tried, mut under_way) = (0, 0);
    for name in SIGNALS {
        for point in 1..=POINTS {
            prepare(&ground);
            let at = whole * (2 * point - 1) / (2 * POINTS);
            let after = format!("`{words}` and SIG{name} at {at:?} of {whole:?}");
            let outcome = killed(&ground.project, words, at, |child| signal(child, name));
            assert!(matches!(outcome.code, Some(0 | 130) | None), "{after}: {outcome:?}");
            under_way += u32::from(outcome.code != Some(0));
            tried += 1;
            // a migrator of other people's making works under the live name: there, a killed run is made good by the next one
            if name != "KILL" || !words.starts_with("db-reset") {
                ground.holds(&after);
            }
            // a run that may still speak leaves nothing behind by itself; what a killed one has left, the next one clears
            if name == "KILL" {
                ground.project.ok("db-repair");
                ground.holds(&after);
            }
            ground.cleared(&after);
        }
    }
    ground.project.ok("db-backup --auto");
    ground.project.ok("db-verify --deep");
    ground.project.ok("db-restore --latest --yes");
    ground.cleared("all of them and a normal run");
    println!("{words}: {tried} points, {under_way} of them under way, 0 lost data");
}

#[test]
fn a_backup_that_is_killed() {
    harness("db-backup --auto", |_| {});
}

#[test]
fn a_restore_that_is_killed() {
    harness("db-restore --latest --yes", back_to_changed);
}

#[test]
fn an_undo_that_is_killed() {
    harness("db-undo --yes", |ground| {
        if !ground.cluster.exists(&format!("{}__previous", ground.db.name)) {
            ground.project.ok("db-restore --latest --yes");
        }
    });
}

#[test]
fn a_reset_that_is_killed() {
    harness("db-reset --force", back_to_changed);
}

#[test]
fn a_wipe_that_is_killed() {
    harness("db-wipe --backup --yes", refill);
}

#[test]
fn a_deep_verification_that_is_killed() {
    harness("db-verify --deep", |_| {});
}

/// The live database as it was before any restore or reset.
fn back_to_changed(ground: &Ground) {
    if ground.cluster.fingerprint(&ground.db.name) != ground.changed {
        ground.project.ok("db-undo --yes");
        same(&ground.cluster.fingerprint(&ground.db.name), &ground.changed);
    }
}

/// The live database as the first backup has it: every table has rows to lose.
fn refill(ground: &Ground) {
    let first = ground.project.files().into_iter().find(|f| f.extension().is_some_and(|e| e == "zst")).unwrap();
    if ground.cluster.fingerprint(&ground.db.name) != ground.backed_up {
        ground.project.ok(&format!("db-restore {} --yes", first.display()));
        same(&ground.cluster.fingerprint(&ground.db.name), &ground.backed_up);
    }
}

#[test]
fn a_server_that_stops_at_once() {
    let bin = need!("postgresql", crate::support::cluster::programs());
    let cluster = need!("postgresql", Cluster::start(&bin));
    let ground = Ground::new(&cluster);
    let mut tried = 0;
    for words in ["db-backup --auto", "db-restore --latest --yes", "db-undo --yes", "db-verify --deep", "db-wipe --backup --yes"]
    {
        if words.starts_with("db-undo") && !cluster.exists(&format!("{}__previous", ground.db.name)) {
            ground.project.ok("db-restore --latest --yes");
        }
        let prepare = || words.starts_with("db-wipe").then(|| refill(&ground));
        prepare();
        let begun = Instant::now();
        ground.project.ok(words);
        let whole = begun.elapsed();
        for point in 1..=4 {
            prepare();
            let outcome = killed(&ground.project, words, whole * (2 * point - 1) / 8, |_| restart_at_once(&cluster));
            assert!(matches!(outcome.code, Some(0 | 1)), "{words}: {outcome:?}");
            tried += 1;
            ground.holds(&format!("`{words}` and the server's end at {point}/4"));
        }
        ground.project.ok("db-backup --auto");
    }
    ground.project.ok("db-verify --deep");
    ground.project.ok("db-restore --latest --yes");
    ground.cleared("all of them and a normal run");
    println!("server stopped at {tried} points, 0 lost data");
}

/// `pg_ctl restart -m immediate`, as whoever runs the server.
fn restart_at_once(cluster: &Cluster) {
    let data = cluster.dir.join("data");
    static WORDS: OnceLock<Vec<&str>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let namespace = vec!["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
        let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
        let works = Command::new(namespace[0]).args(&namespace[1..]).arg("true").status().is_ok_and(|s| s.success());
        match (root, works) {
            (false, _) => vec!["env"],
            (true, true) => namespace,
            (true, false) => vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"],
        }
    });
    let mut ctl = Command::new(words[0]);
    ctl.args(&words[1..]).arg(cluster.bin.join("pg_ctl")).arg("-D").arg(&data);
    // the server holds what it inherits: its log goes where it went before
    let log = fs::File::options().append(true).open(cluster.dir.join("log")).unwrap();
    ctl.args(["-w", "-s", "-m", "immediate", "restart"]).current_dir(&cluster.dir);
    ctl.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    assert!(ctl.status().expect("pg_ctl").success());
    until("the server is back", || cluster.try_sql("postgres", "SELECT 1").is_ok());
}

#[test]
fn t42_a_restore_whose_feeder_dies_commits_nothing_to_the_live_database() {
    let cluster = need!("postgresql", cluster());
    let ground = Ground::new(cluster);
    let file = ground.project.dir.join(ground.project.ok("db-backup --auto --compress none").out.trim());
    let text = fs::read_to_string(file).unwrap();
    // psql rests in the middle of the dump, while more than a pipe holds is still to come
    let first = text.find("\\.\n").unwrap() + 3;
    let filler = format!("-- {}\n", "x".repeat(1000)).repeat(4000);
    let slow = format!("{}SELECT pg_catalog.pg_sleep(1);\n{filler}{}", &text[..first], &text[first..]);
    let slow = ground.project.write("slow.sql", slow);
    for name in ["KILL", "TERM"] {
        let child = ground.project.command(&format!("db-restore --yes --file {}", slow.display())).spawn().unwrap();
        let asleep = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}__staged' AND wait_event = 'PgSleep'",
            ground.db.name
        );
        until("psql is at work", || cluster.sql("postgres", &asleep) == "1");
        signal(&child, name);
        Outcome::of(child.wait_with_output().unwrap());
        same(&cluster.fingerprint(&ground.db.name), &ground.changed);
        let staged = format!("{}__staged", ground.db.name);
        if name == "KILL" {
            until("its psql has gone", || super::sessions(cluster, &ground.db.name) == 0);
            assert!(cluster.exists(&staged));
            let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
            assert_eq!(cluster.sql(&staged, tables), "0", "half a dump was committed");
        } else {
            assert_eq!(super::sessions(cluster, &ground.db.name), 0);
            assert!(!cluster.exists(&staged));
        }
    }
    ground.project.ok("db-restore --latest --yes");
    ground.cleared("a normal run");
}
