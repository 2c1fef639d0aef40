//! A workbench: a project in a temporary folder, stand-ins for psql, pg_dump and docker, and what
//! the tool said and did.

mod adopt;
mod audit;
mod bad_files;
mod bad_input;
mod completions;
mod consent;
mod containers;
mod doctor;
mod done;
mod drift;
mod encryption;
mod engines;
mod hooks;
mod idle;
mod json;
mod left_with;
mod log;
mod log_file;
mod logs;
mod metrics;
mod notes;
mod notices;
mod odd_paths;
mod old_backups;
mod pins;
mod plain;
mod plan;
mod prompts;
mod ratchet;
mod removals;
mod retention;
mod schedule;
mod secrets;
mod services;
mod settings;
mod shell;
mod snapshots;
mod stands;
mod status;
mod strangers;
pub mod terminal;
mod texts;
mod wipe;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use db_tasks::config::Env;
use db_tasks::run::{UserState, journal, state};
use serde_json::{Value, json};

pub use crate::support::repo::{Repo, TOOL};
pub use crate::support::said::{self, Said};
use crate::support::server::fed_output;

/// A dump as pg_dump 15 writes it.
pub const DUMP: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/engine/postgres/script/fixtures/copy.sql"
));

/// One database `app` on this machine.
pub const HOST: &str = "[project]\nname = \"shop\"\n[databases.main]\nprograms = \
                        \"../bin\"\npostgres = { database = \"app\", user = \"boss\" }\n";
/// One database in a container, as its environment says.
pub const DOCKER: &str = "[project]\nname = \"shop\"\n[containers.pg]\ndocker = \
                          \"shop-pg\"\n[databases.main]\ncontainer = \"pg\"\n";

/// What a reset needs: a migrator and a seed, and hooks at every moment round it.
pub const HOOKS: &str = "[hooks]\nmigrate = [\"migrator\", \"up\"]\nseed = [\"migrator\", \
                         \"seed\"]\nbefore-reset = [\"migrator\", \"before\"]\nafter-reset = \
                         [\"migrator\", \"after\"]\nfailed-reset = [\"migrator\", \
                         \"failed\"]\nfinally-reset = [\"migrator\", \"finally\"]\n";

/// A project and the stand-ins; gone when dropped.
pub struct Bench(Repo);

impl Deref for Bench {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.0
    }
}

/// One call of a stand-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub stdin: String,
}

impl Bench {
    /// A project with this `db-tasks.toml` in a folder of this name.
    pub fn named(folder: &str, toml: &str) -> Self {
        let mut bench = Self(Repo::named(folder, toml));
        // the stand-ins are beside the project: see `strangers` for a repository that nobody trusts
        bench.env("DB_TASKS_TRUST_REPO", "1");

        for folder in ["bin", "seen", "facts", "says", "containers"] {
            fs::create_dir(bench.root().join(folder)).unwrap();
        }

        // a link, not a copy: a file that was just written may be busy when it is run
        let fake = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/bench/fake")
            .canonicalize()
            .unwrap();
        for program in ["psql", "pg_dump", "docker", "podman", "migrator"] {
            std::os::unix::fs::symlink(&fake, bench.root().join("bin").join(program)).unwrap();
        }

        bench.stage("containers/shop-pg", "running\n");
        bench.stage("dump.sql", DUMP);
        bench.facts("app", facts("app"));

        bench.stage("oids", "'app'|16384\n'app__previous'|16385\n");
        bench
    }

    pub fn new(toml: &str) -> Self {
        Self::named("shop", toml)
    }

    /// Writes a file of the project.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        self.write(name, text);
        self
    }

    /// The journal of a killed run of ours.
    pub fn journal(&self, left: &Value) -> &Self {
        let own = UserState::look(&self.dir, &Env::of([("HOME", self.home().to_str().unwrap())]));
        let state = self.dir.join(".db-tasks");
        state::prepare(&state).unwrap();
        journal::write(&state, &own, &serde_json::from_value(left.clone()).unwrap()).unwrap();
        self
    }

    /// Writes a file that the stand-ins answer from.
    pub fn stage(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.root().join(name), text).unwrap();
        self
    }

    /// What the server says of itself to a psql that is connected to this database.
    pub fn facts(&self, database: &str, facts: Value) -> &Self {
        let tables = facts["inventory"]["tables"].as_array().cloned().unwrap_or_default();
        let counts: String = tables
            .iter()
            .map(|t| format!("{}|{}\n", t["name"].as_str().unwrap(), t["rows"]))
            .collect();
        self.stage(&format!("facts/{database}"), format!("{facts}\n{counts}"))
    }

    /// A stand-in that fails in these words: `psql`, `pg_dump`, or `exec` for docker's own.
    pub fn complains(&self, program: &str, code: u8, words: &str) -> &Self {
        self.stage(&format!("says/{program}.err"), words)
            .stage(&format!("says/{program}.code"), code.to_string())
    }

    /// Shell lines that run while pg_dump does.
    pub fn during_dump(&self, script: &str) -> &Self {
        self.stage("says/pg_dump.run", script)
    }

    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.set(name, value);
        self
    }

    /// A command with nothing of this process's environment.
    pub fn command(&self, program: &str) -> Command {
        let path = format!("{}:/usr/bin:/bin", self.root().join("bin").display());
        self.0.command(program, path)
    }

    /// Runs the tool in the project's folder, without a terminal.
    pub fn run(&self, args: &[&str]) -> Said {
        self.run_in(&self.dir, args)
    }

    /// Runs the tool in another folder.
    pub fn run_in(&self, folder: &Path, args: &[&str]) -> Said {
        let mut command = self.command(TOOL);
        let out = command.args(args).current_dir(folder).output().unwrap();
        Said::plain(self.root(), args, &out)
    }

    /// Runs the tool with a text on its standard input.
    pub fn run_fed(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(TOOL);
        let out = fed_output(command.args(args), input).unwrap();
        Said::plain(self.root(), args, &out)
    }

    /// A backup, made by the tool itself; and what the server will count in a copy of it.
    pub fn with_backup(&self) -> String {
        self.run(&["db-backup"]).exits(0);
        self.learn_counts();
        self.forget_calls();
        self.names_in("backups").into_iter().find(|name| !name.ends_with(".json")).unwrap()
    }

    /// Takes the server's counts from every manifest there is.
    pub fn learn_counts(&self) {
        let mut counts = String::new();

        for name in self.files().keys().filter(|name| name.ends_with("manifest.json")) {
            for artifact in self.manifest(name)["artifacts"].as_array().unwrap() {
                let tables = artifact.pointer("/holds/postgresql/tables");
                for table in tables.into_iter().flat_map(|tables| tables.as_array().unwrap()) {
                    counts.push_str(&format!(
                        "{}|{}\n",
                        table["table"].as_str().unwrap(),
                        table["rows"]
                    ));
                }
            }
        }

        self.stage("counts", counts);
    }

    /// The database in a manifest, to change something in it.
    pub fn database_in(manifest: &mut Value) -> &mut Value {
        &mut manifest["artifacts"][0]["holds"]["postgresql"]["database"]
    }

    /// A manifest of the project.
    pub fn manifest(&self, name: &str) -> Value {
        let mut manifest: Value =
            serde_json::from_slice(&fs::read(self.dir.join(name)).unwrap()).unwrap();
        // whoever changes something in it has no digest to give
        manifest.as_object_mut().unwrap().remove("digest");
        manifest
    }

    /// The calls of the stand-ins, in the order of their beginnings.
    pub fn calls(&self) -> Vec<Call> {
        let words = |path: PathBuf| -> Vec<String> {
            let text = fs::read(path).unwrap();
            text.split(|byte| *byte == 0)
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect()
        };

        let mut folders: Vec<PathBuf> =
            fs::read_dir(self.root().join("seen")).unwrap().map(|e| e.unwrap().path()).collect();
        folders.sort();
        folders.retain(|folder| folder.join("whole").exists());

        let call = |folder: &PathBuf| {
            let mut argv = words(folder.join("argv"));
            // every word ends with NUL
            argv.pop();

            let pairs = words(folder.join("env"));
            let env = pairs
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(k, v)| (k.into(), v.into()))
                .collect();

            Call {
                argv,
                env,
                stdin: String::from_utf8_lossy(&fs::read(folder.join("stdin")).unwrap())
                    .into_owned(),
            }
        };

        // how often something is waited for, and whom it is asked for, is the clock's matter, not
        // the plan's
        let clocks = |call: &Call| {
            is_wait(&call.argv)
                || call.stdin.starts_with(db_tasks::engine::postgres::catalog::waiting::ASKS)
        };
        folders.iter().map(call).filter(|call| !clocks(call)).collect()
    }

    /// The processes of the stand-ins, each with what it was told; one that stays is there for all
    /// that it is asked.
    pub fn processes(&self) -> Vec<(String, String)> {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(self.root().join("seen")).unwrap().map(|e| e.unwrap().path()).collect();
        folders.sort();

        let read = |folder: &PathBuf, name: &str| {
            fs::read_to_string(folder.join(name)).unwrap().trim().to_owned()
        };
        folders.iter().map(|folder| (read(folder, "process"), read(folder, "stdin"))).collect()
    }

    pub fn forget_calls(&self) {
        for folder in ["seen", "fail"] {
            let folder = self.root().join(folder);
            // a bench that has no call to fail has no such folder; a call that outlives its run may
            // write into its own just now
            while folder.exists() {
                let _ = fs::remove_dir_all(&folder);
            }
        }

        fs::create_dir(self.root().join("seen")).unwrap();
    }

    /// Lets the stand-ins fail on the call that was at this place among these.
    pub fn fail_at(&self, calls: &[Call], at: usize) {
        let told =
            |call: &Call| (said::of_any_run(&call.argv.join("\0")), said::of_any_run(&call.stdin));
        let times = calls[..=at].iter().filter(|call| told(call) == told(&calls[at])).count();
        fs::create_dir(self.root().join("fail")).unwrap();
        let (argv, stdin) = told(&calls[at]);
        self.stage("fail/argv", format!("{argv}\0"))
            .stage("fail/stdin", stdin)
            .stage("fail/at", times.to_string());
    }

    /// Every file and folder of the project with its mode, the tool's own folder left out.
    pub fn files(&self) -> BTreeMap<String, u32> {
        let mut found = BTreeMap::new();
        list(&self.dir, "", &mut found);
        found.retain(|name, _| !name.starts_with(".db-tasks"));
        found
    }

    /// What stands in a folder of the project.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{folder}/");
        self.files()
            .keys()
            .filter_map(|name| name.strip_prefix(&prefix))
            .map(String::from)
            .collect()
    }

    /// Every byte that the tool has written, and every word it has said to a program.
    pub fn traces(&self) -> String {
        let mut text = String::new();
        for call in self.calls() {
            text.push_str(&format!("{:?}\n{}\n", call.argv, call.stdin));
        }

        let mut found = BTreeMap::new();
        list(&self.dir, "", &mut found);

        for name in found.keys().filter(|name| *name != ".env" && *name != "db-tasks.toml") {
            if let Ok(bytes) = fs::read(self.dir.join(name)) {
                text.push_str(&format!("{name}\n{}\n", String::from_utf8_lossy(&bytes)));
            }
        }

        text
    }

    /// What a container is now.
    pub fn container(&self, name: &str) -> String {
        fs::read_to_string(self.root().join("containers").join(name)).unwrap().trim().to_owned()
    }

    /// Keeps the project and the containers as they are, for [`Self::rewind`].
    pub fn keep(&self) {
        for folder in [self.dir.as_path(), &self.root().join("containers")] {
            copy(folder, &kept(folder));
        }
    }

    /// Makes everything as it was kept, and forgets the calls.
    pub fn rewind(&self) {
        for folder in [self.dir.as_path(), &self.root().join("containers")] {
            fs::remove_dir_all(folder).unwrap();
            copy(&kept(folder), folder);
        }
        self.forget_calls();
    }
}

/// Whether these words ask for the state of a container that was started.
pub fn is_wait(argv: &[String]) -> bool {
    argv.iter().any(|word| word == "inspect") && argv.iter().any(|word| word == "--format")
}

fn kept(folder: &Path) -> PathBuf {
    folder.with_extension("kept")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn list(root: &Path, below: &str, found: &mut BTreeMap<String, u32>) {
    use std::os::unix::fs::PermissionsExt;

    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = if below.is_empty() { own } else { format!("{below}/{own}") };
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            list(root, &name, found);
        }
        found.insert(name, meta.permissions().mode() & 0o7777);
    }
}

/// What a server of version 15.18 with this database says of itself.
pub fn facts(database: &str) -> Value {
    json!({
        "version": 150018, "version_text": "15.18",
        "role": { "name": "boss", "superuser": false, "createdb": true },
        "roles": ["boss", "app"], "own_roles": ["boss", "app"], "prepared": 0, "slots": 0, "sessions": [], "extensions": {},
        "has_tables": true, "has_objects": true,
        "databases": [database_facts(database, 16384)],
        "inventory": {
            "tables": [table("orders", 300), table("people", 500), table("alembic_version", 1)],
            "references": [["public.orders", "public.people"]],
        },
    })
}

/// One table of it.
pub fn table(name: &str, rows: u32) -> Value {
    json!({
        "name": format!("public.{name}"), "schema": "public", "table": name, "kind": "r", "owner": "boss", "oid": 16400 + rows,
        "file": 16400 + rows, "parents": [], "rows": rows,
    })
}

/// One database of it.
pub fn database_facts(name: &str, oid: u32) -> Value {
    json!({
        "oid": oid, "name": name, "owner": "boss", "encoding": "UTF8", "collate": "C.UTF-8", "ctype": "C.UTF-8", "provider": "libc",
        "tablespace": "pg_default", "connection_limit": -1, "settings": [], "size": 7_000_000,
    })
}

/// The server has these names beside `app`, which a restore or a killed run left.
pub fn with_beside(names: &[&str]) -> Value {
    let mut facts = facts("app");
    for (at, name) in names.iter().enumerate() {
        let oid = 16385 + u32::try_from(at).unwrap();
        let mut database = database_facts(&format!("app__{name}"), oid);
        database["comment"] = json!("db-tasks: kept for db-undo");
        facts["databases"].as_array_mut().unwrap().push(database);
    }
    facts
}
