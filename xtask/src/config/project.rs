//! The resolved project: every value, and where it came from.

mod pin;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::pin::Pin;
use super::encryption::Encryption;
use super::environment::{self, Origin};
use super::hooks::Hook;
use super::keep::Retention;
use super::notices::Notice;
use super::plain::Plain;
use super::ratchet::Ratchet;
use super::schedule::Schedule;
use super::secret::{SecretName, Secrets};
use super::table_name::TableName;

/// What `db-tasks.toml`, the environment and the defaults together say.
#[derive(Debug)]
pub struct Project {
    /// The folder that holds `db-tasks.toml`; relative paths in it start here.
    pub root: PathBuf,
    /// Its file.
    pub file: PathBuf,
    /// The folder for our own state; inside the project's if its file system keeps modes.
    pub state: PathBuf,
    /// The project's name.
    pub name: String,
    /// Whether the file says it; otherwise it is the folder's name.
    pub named: bool,
    /// `development`, `production`, …
    pub environment: String,
    /// Who says so.
    pub said_by: Origin,
    /// The folder for a log of each run, if one is wanted.
    pub logs: Option<PathBuf>,
    /// Containers by key.
    pub containers: Vec<Container>,
    /// Databases by key.
    pub databases: Vec<Database>,
    /// Stores, by key.
    pub stores: Vec<Store>,
    /// How backups are made and kept.
    pub backup: Backup,
    /// To whom they are encrypted, and where the keys are.
    pub encryption: Encryption,
    /// Lines to print after a restore.
    pub after_restore: Vec<String>,
    /// What a restore leaves out of a dump.
    pub restore_without: Vec<Others>,
    /// Lines to print after a wipe.
    pub after_wipe: Vec<String>,
    /// How a reset goes.
    pub strategy: Strategy,
    /// Lines to print after a reset.
    pub after_reset: Vec<String>,
    /// The dump that a new database starts from if there is no backup.
    pub first_dump: Option<PathBuf>,
    /// What the project's own programs do, for every database.
    pub hooks: Vec<Hook>,
    /// What may be destroyed, and what may not.
    pub guards: Guards,
    /// Who is told how a command ended.
    pub notices: Vec<Notice>,
    /// What the scheduler does, and when.
    pub schedule: Schedule,
    /// The audit log, if it is not in our own state.
    pub audit: Option<PathBuf>,
    /// The file for Prometheus, if one is wanted.
    pub metrics: Option<PathBuf>,
    /// Values that only the environments of child processes get.
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
    /// `docker` or `podman`; by default, whichever is on PATH.
    pub engine: Option<String>,
    /// Tasks (`restore`, `wipe`, `reset`) that stop it while they work.
    pub stop_during: Vec<String>,
    /// Seconds that it has to become ready after it was started.
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
    /// The compose project, if the file or `.env` next to it names one.
    pub project: Option<String>,
    /// What the shell's COMPOSE_PROJECT_NAME says, if neither does: it may be left over from
    /// another folder.
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
    /// The database on the same server that is used instead while TESTING is set.
    pub testing: Option<String>,
    /// What the project's own programs do, for this one.
    pub hooks: Vec<Hook>,
}

impl Database {
    /// The one for tests. It has a key of its own, so that it is never mixed up with what is kept
    /// of the other.
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

/// A store next to the databases.
#[derive(Debug, Clone)]
pub struct Store {
    /// Its key in the file.
    pub key: String,
    /// What it is, and where.
    pub kind: StoreKind,
    /// Whether a backup continues without it if it is down.
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
        /// Whether an archive's owners and set-id bits are restored.
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

/// What happens to the rights in an archive: its author may have put in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Rights {
    /// No file gets set-id bits, and owners are those of the live tree.
    #[default]
    Plain,
    /// All are restored.
    AsTheyWere,
}

/// What a wipe does to collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wiping {
    /// They are dropped, with their schema.
    Drop,
    /// They stay, without entities.
    Empty,
}

/// Parts of a dump that belong to other roles.
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
    /// An empty database takes the live name, and is migrated and seeded there; if that fails, the
    /// old one is swapped back.
    #[default]
    InPlace,
    /// The new database is migrated and seeded under another name, and takes the live name only if
    /// everything succeeded.
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

/// Connection parameters; libpq or the container decides those that are `None`.
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
    /// The port that a server in a container listens on inside it: `port` as a number in the file.
    /// The port of a URL or of the shell's PGPORT belongs to this machine, where a container's port
    /// may be published under another number.
    pub port_inside: Option<String>,
    /// Why this database, if nothing says which to use.
    pub guessed: Option<String>,
    /// The database to connect to for creating, renaming and dropping others; by default
    /// `postgres`.
    pub maintenance: String,
    /// The whole URI, if it was given as one, for the project's own programs: it may have
    /// parameters that libpq does not know.
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
    /// Compression level, if set.
    pub level: Option<i32>,
    /// How a backup is written that somebody asks for.
    pub plain: Plain,
    /// Which to keep.
    pub keep: Retention,
    /// Hours within which a new backup is expected: `db-doctor` warns if the last good backup is
    /// older.
    pub interval_hours: u32,
    /// Whether to ask before a backup.
    pub ask: bool,
}

/// What may be destroyed, and what may not.
#[derive(Debug, Clone)]
pub struct Guards {
    /// Environments in which nothing may be destroyed, in addition to production under any name.
    pub protected: Vec<String>,
    /// Hosts, in addition to this machine, whose databases may be destroyed.
    pub allowed_hosts: Vec<String>,
    /// The variable that holds a person's words when a coding agent runs a destructive command.
    pub agent_variable: String,
    /// By task: the variables that must be set before it may run.
    pub pins: BTreeMap<String, Vec<Pin>>,
    /// Tables that a wipe keeps, in addition to the ledgers of known migrators.
    pub keep_tables: Vec<TableName>,
    /// Databases only for tests: what TESTING means.
    pub testing: Vec<String>,
    /// How long to wait for another session's lock; by default, for ever.
    pub wait_for_locks: Option<Duration>,
    /// How many records a backup must hold, if anything says so.
    pub ratchet: Option<Ratchet>,
}

impl Guards {
    /// The pins of a task.
    pub fn pins_of(&self, task: &str) -> Vec<Pin> {
        self.pins.get(task).cloned().unwrap_or_default()
    }

    /// Whether an environment of this name is protected: the list adds to the names of production,
    /// and can't remove one.
    pub fn protects(&self, environment: &str) -> bool {
        let listed = |p: &String| p.trim().eq_ignore_ascii_case(environment.trim());
        environment::is_production(environment) || self.protected.iter().any(listed)
    }
}

/// A variable whose value the file uses somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// The variable.
    pub variable: String,
    /// Where it is put, as a dotted key.
    pub key: String,
    /// How much of that value it is.
    pub share: Share,
}

/// How much of a value a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Whole,
    /// A part, or a password in addition to what the file says.
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
