//! The program on real servers: what the traps do to it, and what is left after it was killed.

mod adopt;
mod apart;
mod audit;
mod clones;
mod codes;
mod docker;
mod encodings;
#[cfg(feature = "age")]
mod encryption;
mod engines;
mod extensions;
mod foreign_files;
mod guards;
mod hooks_inside;
mod hooks_led;
mod host;
mod hostile_dumps;
mod in_place;
pub mod kill;
mod late;
mod loader;
mod managed;
mod many_objects;
mod marks;
mod memory;
mod migrators;
mod mute;
mod odd_shapes;
mod owners;
mod pgpass;
mod plain;
mod poolers;
mod prepare;
mod quoting;
mod ratchet;
mod regression;
mod replacing;
mod reset;
mod salvage;
mod schedule;
mod services;
mod shapes;
mod stands;
mod status;
pub mod stores;
mod stores_inside;
mod struck_sets;
mod targets;
mod traps_client;
mod traps_environment;
mod traps_file;
mod traps_swap;
mod volumes;
mod warnings;
mod ways;
mod wipe;

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::cluster::{Cluster, TempDb};
pub use crate::support::repo::{Repo, TOOL};
pub use crate::support::said::Said;
use crate::support::server::{Fingerprint, Server};

/// A repo that works with real servers.
pub struct Project(Repo);

impl Deref for Project {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.0
    }
}

impl Project {
    pub fn new(config: &str) -> Self {
        Self(Repo::named("repo", config))
    }

    /// In a folder that something else needs, too.
    pub fn in_folder(dir: &Path, config: &str) -> Self {
        Self(Repo::in_folder(dir, config))
    }

    /// A database on the host, by its URL in the environment.
    pub fn host(url: &str) -> Self {
        Self::new("[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n")
            .env("DATABASE_URL", url)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.set(name, value);
        self
    }

    /// The tool, with the programs of this machine.
    pub fn command(&self, words: &str) -> Command {
        let mut command = self.program(TOOL);
        command.args(words.split_whitespace());
        command
    }

    /// Any program, with the programs of this machine.
    pub fn program(&self, name: &str) -> Command {
        self.0.command(name, std::env::var_os("PATH").unwrap_or_default())
    }

    pub fn run(&self, words: &str) -> Said {
        Said::of(self.command(words).output().expect("the program starts"))
    }

    #[track_caller]
    pub fn ok(&self, words: &str) -> Said {
        self.run(words).ends_with(0, "")
    }

    /// Runs, and expects this exit code and these words among what is said.
    #[track_caller]
    pub fn fails(&self, words: &str, code: i32, says: &str) -> Said {
        self.run(words).ends_with(code, says)
    }

    /// Backs up, and gives the file.
    #[track_caller]
    pub fn backup(&self) -> PathBuf {
        self.dir.join(self.ok("db-backup --auto").out.trim())
    }

    /// What is in the backup folder, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.join("backups")).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        files.sort();
        files
    }

    /// A program of our own that stands before the real ones on PATH.
    pub fn shim(&self, name: &str, script: &str) -> PathBuf {
        let bin = self.home().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        bin
    }
}

/// Some rows, cheap to make and to look at, for tests that ask one question. `app` owns them.
#[track_caller]
pub fn tiny(server: &Server, db: &str) {
    server.sql(
        db,
        "SET ROLE app; CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL, note text);
         INSERT INTO people (name, note) SELECT 'person ' || i, md5(i::text) FROM \
         generate_series(1, 500) i;
         CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people);
         INSERT INTO orders SELECT i, i FROM generate_series(1, 300) i;",
    );
}

/// A database with `tiny`, and a project for it as the application.
pub fn tiny_host(cluster: &Cluster) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);
    let project = Project::host(&db.url);
    (db, project)
}

/// From what a backup holds to something else and back: staged, undone and in place, each time all
/// that a fingerprint sees. Gives what was changed in between.
#[track_caller]
pub fn there_and_back(
    server: &Server,
    db: &str,
    project: &Project,
    (backup, wanted): (&str, &Fingerprint),
    later: &str,
) -> Fingerprint {
    server.sql(db, later);
    let changed = server.fingerprint(db);
    assert_ne!(changed, *wanted);
    project.ok(&format!("db-restore {backup} --yes"));
    same(&server.fingerprint(db), wanted);

    project.ok("db-undo --yes");
    same(&server.fingerprint(db), &changed);
    project.ok(&format!("db-restore {backup} --yes --in-place"));
    same(&server.fingerprint(db), wanted);

    changed
}

/// Says only what differs.
#[track_caller]
pub fn same(found: &Fingerprint, wanted: &Fingerprint) {
    let lines = |f: &Fingerprint| -> Vec<String> {
        let rows = f.rows.iter().map(|r| format!("{r:?}"));
        let rest = f.values.iter().chain(&f.settings).map(|r| format!("{r:?}"));
        f.schema.lines().map(String::from).chain(rows).chain(rest).collect()
    };

    let (a, b) = (lines(found), lines(wanted));
    let only = |x: &[String], y: &[String]| {
        x.iter().filter(|l| !y.contains(l)).cloned().collect::<Vec<_>>()
    };
    assert!(found == wanted, "new: {:#?}\nmissing: {:#?}", only(&a, &b), only(&b, &a));
}

/// Names of the databases that stand beside one, and itself.
pub fn family(server: &Server, db: &str) -> Vec<String> {
    let names = server.sql(
        "postgres",
        &format!("SELECT datname FROM pg_database WHERE datname ^@ '{db}' ORDER BY 1"),
    );
    names.lines().map(String::from).collect()
}

/// Waits for something that is about to be so.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not in 30 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sessions of the program in a database and those beside it, or at work on one of them from
/// elsewhere.
pub fn sessions(server: &Server, db: &str) -> u32 {
    let concerned =
        format!("(datname ^@ '{db}' OR query LIKE '%{db}%') AND pid <> pg_backend_pid()");
    let count = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name ^@ 'db-tasks/' AND \
         {concerned}"
    );
    server.sql("postgres", &count).parse().unwrap()
}

/// Ends a child that leads a group of processes, and all of the group.
pub fn signal_group(child: &mut std::process::Child) {
    let group = format!("-{}", child.id());
    Command::new("kill")
        .args(["-s", "KILL", "--", &group])
        .stderr(Stdio::null())
        .status()
        .expect("kill");
    child.wait().expect("its end");
}

/// Sends a signal to a child that is ours.
pub fn signal(child: &std::process::Child, signal: &str) {
    let done = Command::new("kill")
        .args(["-s", signal, &child.id().to_string()])
        .stderr(Stdio::null())
        .status();
    done.expect("kill");
}

/// A session that holds what one statement of its transaction took, until it is dropped.
pub struct Held(std::process::Child);

impl Held {
    pub fn new(server: &Server, db: &str, statement: &str) -> Self {
        let mut psql = server.command("psql");
        psql.args(["-d", db]);
        Self::of(psql, statement)
    }

    /// By a psql that knows already where to.
    pub fn of(mut psql: Command, statement: &str) -> Self {
        use std::io::{BufRead, BufReader, Write};
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = psql.spawn().expect("psql");
        let stdin = child.stdin.as_mut().unwrap();
        writeln!(stdin, "BEGIN; {statement}; SELECT 'held';").unwrap();
        let mut said = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line == "held"), "{statement} was not granted");
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Sessions of the program that wait for a lock in a database.
pub fn waiting(server: &Server, db: &str) -> u32 {
    let ours = format!(
        "datname = '{db}' AND application_name ^@ 'db-tasks/' AND wait_event_type = 'Lock'"
    );
    server
        .sql("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE {ours}"))
        .parse()
        .unwrap()
}
