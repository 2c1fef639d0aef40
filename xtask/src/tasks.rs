//! The table of commands: what holds of each, whatever its arguments are. Everything that asks
//! "which commands have hooks?" or the like reads it here.

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name, as it is typed: `db-backup`.
    pub name: &'static str,
    /// What it touches, unless its arguments say that it is less.
    pub touches: Touches,
    /// What else holds of it.
    pub has: &'static [Has],
}

/// What a command touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touches {
    /// No project: it only prints.
    Nothing,
    /// Files of the project. It changes none.
    Files,
    /// Files of the project, and programs that read them.
    Programs,
    /// Servers and containers, which it only asks.
    Looks,
    /// A server, with what the person types.
    Shell,
    /// What is the project's own on this machine: backups, its cluster, its journal.
    Own,
    /// The servers that the project names.
    Servers,
}

/// What a command may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has {
    /// Hooks before and after it.
    Hooks,
    /// A safety pin.
    Pin,
    /// Containers that stand still while it works.
    StoppedContainers,
    /// Stores, as well as databases.
    Stores,
    /// It changes what is live, or makes something next to it that somebody will have.
    LiveData,
}

use Has::{Hooks, LiveData, Pin, StoppedContainers, Stores};

impl Task {
    const fn new(name: &'static str, touches: Touches, has: &'static [Has]) -> Self {
        Self { name, touches, has }
    }

    /// The name without `db-`, as `db-tasks.toml` says it.
    pub fn word(&self) -> &'static str {
        word(self.name)
    }

    /// Whether this holds of it.
    pub fn has(&self, what: Has) -> bool {
        self.has.contains(&what)
    }
}

/// A command's name without `db-`, as `db-tasks.toml` says it.
pub fn word(name: &str) -> &str {
    name.strip_prefix("db-").unwrap_or(name)
}

/// The commands of which this holds, by their words.
pub fn with(what: Has) -> impl Iterator<Item = &'static str> {
    ALL.iter().filter(move |task| task.has(what)).map(|task| task.word())
}

/// The same, to be read: "`restore`, `undo`".
pub fn listed(what: Has) -> String {
    with(what).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Whether this holds of the command of this word or name.
pub fn has(word_or_name: &str, what: Has) -> bool {
    with(what).any(|known| known == word(word_or_name))
}

/// `db-backup`
pub static BACKUP: Task = Task::new("db-backup", Touches::Servers, &[Hooks, Pin, Stores]);
/// `db-list`
pub static LIST: Task = Task::new("db-list", Touches::Files, &[]);
/// `db-info`
pub static INFO: Task = Task::new("db-info", Touches::Files, &[]);
/// `db-verify`
pub static VERIFY: Task = Task::new("db-verify", Touches::Own, &[Hooks, Stores]);
/// `db-restore`
pub static RESTORE: Task =
    Task::new("db-restore", Touches::Servers, &[Hooks, Pin, StoppedContainers, Stores, LiveData]);
/// `db-undo`
pub static UNDO: Task =
    Task::new("db-undo", Touches::Servers, &[Hooks, Pin, StoppedContainers, Stores, LiveData]);
/// `db-reset`
pub static RESET: Task =
    Task::new("db-reset", Touches::Servers, &[Hooks, Pin, StoppedContainers, LiveData]);
/// `db-migrate`
pub static MIGRATE: Task = Task::new("db-migrate", Touches::Servers, &[Hooks, Pin, LiveData]);
/// `db-seed`
pub static SEED: Task = Task::new("db-seed", Touches::Servers, &[Hooks, Pin, LiveData]);
/// `db-prepare`
pub static PREPARE: Task = Task::new("db-prepare", Touches::Servers, &[Hooks, Pin, LiveData]);
/// `db-repair`
pub static REPAIR: Task = Task::new("db-repair", Touches::Own, &[]);
/// `db-wipe`
pub static WIPE: Task =
    Task::new("db-wipe", Touches::Servers, &[Hooks, Pin, StoppedContainers, Stores, LiveData]);
/// `db-protect`
pub static PROTECT: Task = Task::new("db-protect", Touches::Servers, &[]);
/// `db-pgpass`
pub static PGPASS: Task = Task::new("db-pgpass", Touches::Own, &[]);
/// `db-cleanup`
pub static CLEANUP: Task = Task::new("db-cleanup", Touches::Own, &[Hooks, Pin]);
/// `db-pin`
pub static PIN: Task = Task::new("db-pin", Touches::Own, &[]);
/// `db-adopt`
pub static ADOPT: Task = Task::new("db-adopt", Touches::Own, &[]);
/// `db-schedule`
pub static SCHEDULE: Task = Task::new("db-schedule", Touches::Own, &[]);
/// `db-status`
pub static STATUS: Task = Task::new("db-status", Touches::Looks, &[]);
/// `db-shell`
pub static SHELL: Task = Task::new("db-shell", Touches::Shell, &[]);
/// `db-config`
pub static CONFIG: Task = Task::new("db-config", Touches::Files, &[]);
/// `db-doctor`
pub static DOCTOR: Task = Task::new("db-doctor", Touches::Looks, &[]);
/// `db-log`
pub static LOG: Task = Task::new("db-log", Touches::Files, &[]);
/// `db-start`
pub static START: Task = Task::new("db-start", Touches::Own, &[]);
/// `db-stop`
pub static STOP: Task = Task::new("db-stop", Touches::Own, &[]);
/// `db-completions`
pub static COMPLETIONS: Task = Task::new("db-completions", Touches::Nothing, &[]);

/// All of them, in the order in which help lists them.
pub static ALL: [&Task; 26] = [
    &BACKUP,
    &LIST,
    &INFO,
    &VERIFY,
    &RESTORE,
    &UNDO,
    &RESET,
    &MIGRATE,
    &SEED,
    &PREPARE,
    &REPAIR,
    &WIPE,
    &PROTECT,
    &PGPASS,
    &CLEANUP,
    &PIN,
    &ADOPT,
    &SCHEDULE,
    &STATUS,
    &SHELL,
    &CONFIG,
    &DOCTOR,
    &LOG,
    &START,
    &STOP,
    &COMPLETIONS,
];
