//! The project as meant: every value resolved, with where it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::environment::{self, Origin};
use super::hooks::Hook;
use super::secret::{SecretName, Secrets};
use super::table_name::TableName;

/// What `db-tasks.toml`, the environment and the defaults together say.
#[derive(Debug)]
pub struct Project {
    /// The folder that holds `db-tasks.toml`; relative paths in it start here.
    pub root: PathBuf,
    /// The folder for our own state, in that one where the file system keeps modes.
    pub state: PathBuf,
    /// The project's name.
    pub name: String,
    /// Whether the file says it; else it is the folder's name.
    pub named: bool,
    /// `development`, `production`, …
    pub environment: String,
    /// Who says so.
    pub said_by: Origin,
    /// The folder that has a log of each run, where one is wanted.
    pub logs: Option<PathBuf>,
    /// Containers by key.
    pub containers: Vec<Container>,
    /// Databases by key.
    pub databases: Vec<Database>,
    /// Stores beside them, by key.
    pub stores: Vec<Store>,
    /// How backups are made and kept.
    pub backup: Backup,
    /// Lines to print after a restore.
    pub after_restore: Vec<String>,
    /// What of a dump no restore brings.
    pub restore_without: Vec<Others>,
    /// Lines to print after a wipe.
    pub after_wipe: Vec<String>,
    /// How a reset goes.
    pub strategy: Strategy,
    /// Lines to print after a reset.
    pub after_reset: Vec<String>,
    /// The dump that a new database starts from, where there is no backup.
    pub first_dump: Option<PathBuf>,
    /// What the project's own programs do, for every database.
    pub hooks: Vec<Hook>,
    /// What may be destroyed, and what never.
    pub guards: Guards,
    /// Values that only children's environments ever see.
    pub secrets: Secrets,
    /// Every value with its origin, for `db-config`.
    pub entries: Vec<Entry>,
    /// The variables that the file itself names.
    pub lent: Vec<Lent>,
}

impl Project {
    /// The folder for the lock, the journal and the audit log.
    pub fn state_dir(&self) -> PathBuf {
        self.state.clone()
    }

    /// The container of this key; `config` has checked that references hold.
    pub fn container(&self, key: &str) -> Option<&Container> {
        self.containers.iter().find(|c| c.key == key)
    }
}

/// A container: by its name, or by its compose service.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its key in the file.
    pub key: String,
    /// How it is found.
    pub by: ContainerBy,
    /// `docker` or `podman`; where not said, whichever is on PATH.
    pub engine: Option<String>,
    /// Tasks (`restore`, `wipe`, `reset`) that stop it while they work.
    pub stop_during: Vec<String>,
    /// Seconds that it has to be ready again, once it was started.
    pub ready_within: u64,
}

/// How a container is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerBy {
    /// By its whole name or its whole id.
    Name(String),
    /// By the labels that compose gives its containers.
    Compose(Service),
}

/// A service of compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub service: String,
    /// The folder of the compose file.
    pub folder: PathBuf,
    /// The compose project, where the file or `.env` beside it says one.
    pub project: Option<String>,
    /// What the shell's COMPOSE_PROJECT_NAME says, where neither does: it may be left over from
    /// another folder's work.
    pub left_over: Option<String>,
    /// Which of its replicas.
    pub index: Option<u32>,
}

/// A PostgreSQL database and how to reach it.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its key in the file.
    pub key: String,
    /// Where its client programs run.
    pub at: At,
    /// A folder with psql and pg_dump (and, for a local cluster, the server's programs).
    pub programs: Option<PathBuf>,
    /// How to connect.
    pub connection: Connection,
    /// The database on the same server that stands in its place while TESTING is set.
    pub testing: Option<String>,
    /// What the project's own programs do, for this one.
    pub hooks: Vec<Hook>,
}

impl Database {
    /// The one for tests. It has a key of its own, so that nothing that is kept of the other is
    /// taken for it.
    pub fn for_tests(&self) -> Option<Self> {
        let name = self.testing.clone()?;
        let connection =
            Connection { database: Some(name), guessed: None, ..self.connection.clone() };

        Some(Self {
            key: format!("{}-testing", self.key),
            connection,
            testing: None,
            ..self.clone()
        })
    }
}

/// A store beside PostgreSQL.
#[derive(Debug, Clone)]
pub struct Store {
    /// Its key in the file.
    pub key: String,
    /// What it is, and where.
    pub kind: StoreKind,
    /// Whether a backup goes on without it, where it is down.
    pub optional: bool,
}

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// A tree of files on this machine.
    Files {
        /// Its root.
        path: PathBuf,
        /// Globs of what is left out.
        exclude: Vec<String>,
        /// Whether an archive's owners and set-id bits come back.
        rights: Rights,
    },
    /// A tree of files in a container, or in a volume of one.
    FilesInContainer {
        /// The container's key.
        container: String,
        /// Its root, from the container's.
        path: String,
        /// Globs of what is left out.
        exclude: Vec<String>,
    },
    /// The collections of a Milvus database.
    Milvus {
        /// Where the server is.
        url: String,
        /// The database.
        database: String,
        /// `user:password`, or an API key.
        token: Option<SecretName>,
        /// What a wipe does.
        wipe: Wiping,
    },
}

/// What becomes of the rights that an archive names: whoever wrote it may have given any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Rights {
    /// No file gets set-id bits, and owners are those that the live tree has.
    #[default]
    Plain,
    /// All are as they were.
    AsTheyWere,
}

/// What a wipe does to collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wiping {
    /// They go, schema and all.
    Drop,
    /// They stay, without entities.
    Empty,
}

/// What of a dump is other roles'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Who owns what.
    Owners,
    /// Who may do what.
    Rights,
}

/// How a reset goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// An empty database takes the live name, and is migrated and seeded there; where that fails,
    /// the old one comes back.
    #[default]
    InPlace,
    /// The new database is migrated and seeded under another name, and takes the live name only
    /// when all of it has succeeded.
    Staged,
}

/// Where a database's programs run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// On this machine, against a server that somebody else runs.
    Host,
    /// Inside a container, by its key.
    Container(String),
    /// On this machine, against a server of the project's own.
    Cluster {
        /// Its folder.
        folder: PathBuf,
        /// SQL that is loaded when the database is first made.
        init: Option<PathBuf>,
    },
}

/// Connection parameters; what is `None` is left to libpq or to the container.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Host name, address or socket folder.
    pub host: Option<String>,
    /// Port.
    pub port: Option<String>,
    /// Role.
    pub user: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// Password.
    pub password: Option<SecretName>,
    /// libpq's environment variables (`PGSSLMODE`, …).
    pub options: Vec<(String, String)>,
    /// The port that a server in a container listens on there: `port` that the file says as a
    /// number. The port of a URL, or of the shell's PGPORT, is one of this machine, where a
    /// container's is published under another.
    pub port_inside: Option<String>,
    /// Why this database, where nothing says which.
    pub guessed: Option<String>,
    /// The database to connect to for work on databases themselves; `postgres`, where not said.
    pub maintenance: String,
    /// The whole URI, where it was given as one, for the project's own programs: theirs has
    /// parameters that are not libpq's.
    pub uri: Option<SecretName>,
}

/// How backups are made and kept.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Where they are.
    pub dir: PathBuf,
    /// Name template (`{database}_{timestamp}.{ext}`).
    pub name: String,
    /// strftime format of `{timestamp}`, UTC.
    pub timestamp: String,
    /// `zstd`, `gzip` or `none`.
    pub compress: String,
    /// Compression level, where said.
    pub level: Option<i32>,
    /// Which to keep.
    pub keep: KeepRules,
    /// Hours within which a new one is made: where the last good one is older, somebody should
    /// look.
    pub interval_hours: u32,
    /// Whether a person is asked before a backup.
    pub ask: bool,
}

/// Which backups to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// Days to keep each backup; `None`: no rule was set, so nothing is removed by itself.
    pub days: Option<u32>,
    /// Backups kept whatever their age.
    pub min: u32,
    /// One a day for so many days.
    pub daily: u32,
    /// One a week for so many weeks.
    pub weekly: u32,
    /// One a month for so many months.
    pub monthly: u32,
}

/// What may be destroyed, and what never.
#[derive(Debug, Clone)]
pub struct Guards {
    /// Environments in which nothing is destroyed, beside production by any of its names.
    pub protected: Vec<String>,
    /// Hosts, beside this machine, whose databases may be destroyed.
    pub allowed_hosts: Vec<String>,
    /// The variable that carries a person's words when a coding agent runs a destructive command.
    pub agent_variable: String,
    /// By task: the variables that must be set before it may run.
    pub pins: BTreeMap<String, Vec<Pin>>,
    /// Tables that a wipe leaves alone, beside the ledgers of known migrators.
    pub keep_tables: Vec<TableName>,
    /// Databases that are for tests alone: what TESTING means.
    pub testing: Vec<String>,
    /// How long a lock of somebody else's is waited for; for ever, where nothing is said.
    pub wait_for_locks: Option<Duration>,
}

impl Guards {
    /// The pins of a task.
    pub fn pins_of(&self, task: &str) -> Vec<Pin> {
        self.pins.get(task).cloned().unwrap_or_default()
    }

    /// Whether an environment of this name is protected: the list adds to production's names, and
    /// takes none away.
    pub fn protects(&self, environment: &str) -> bool {
        let listed = |p: &String| p.trim().eq_ignore_ascii_case(environment.trim());
        environment::is_production(environment) || self.protected.iter().any(listed)
    }
}

/// A safety pin: a variable, and the value that pulls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The variable.
    pub variable: String,
    /// The value.
    pub value: String,
}

impl Pin {
    /// From `VARIABLE=value`; neither side may be empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (variable, value) = text.split_once('=')?;
        let named =
            variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !variable.is_empty();
        (named && !value.is_empty())
            .then(|| Self { variable: variable.into(), value: value.into() })
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.variable, self.value)
    }
}

/// A variable whose value the file has put somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// The variable.
    pub variable: String,
    /// Where it is put, as a dotted key.
    pub key: String,
    /// How much of that it is.
    pub share: Share,
}

/// How much of a value a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Whole,
    /// A part, or a password beside what the file says.
    Part,
}

/// One resolved value for `db-config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Dotted key.
    pub key: String,
    /// The value, or a secret's name.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}
