//! The commands: a file each, with its arguments, its examples and its flow, and a folder with its
//! pure plan and what it shows. [`crate::tasks`] has what else holds of each.

pub mod adopt;
pub mod backup;
pub mod cleanup;
pub mod completions;
pub mod config;
pub mod doctor;
pub mod hooked;
pub mod info;
pub mod list;
pub mod log;
pub mod migrate;
pub mod pgpass;
pub mod pin;
pub mod prepare;
pub mod protect;
pub mod repair;
pub mod reset;
pub mod restore;
pub mod schedule;
pub mod seed;
pub mod shell;
pub mod start;
pub mod status;
pub mod stop;
pub mod undo;
pub mod verify;
pub mod wipe;

use anyhow::Result;
use clap::Subcommand;

pub use self::adopt::Adopt;
pub use self::backup::Backup;
pub use self::cleanup::Cleanup;
pub use self::completions::Completions;
pub use self::config::Config;
pub use self::doctor::Doctor;
pub use self::info::Info;
pub use self::list::List;
pub use self::log::Log;
pub use self::migrate::Migrate;
pub use self::pgpass::Pgpass;
pub use self::pin::Pin;
pub use self::prepare::Prepare;
pub use self::protect::Protect;
pub use self::repair::Repair;
pub use self::reset::Reset;
pub use self::restore::Restore;
pub use self::schedule::Schedule;
pub use self::seed::Seed;
pub use self::shell::Shell;
pub use self::start::Start;
pub use self::status::Status;
pub use self::stop::Stop;
pub use self::undo::Undo;
pub use self::verify::Verify;
pub use self::wipe::Wipe;
use crate::problem::Exit;
use crate::session::{Intent, Session};
use crate::tasks::{self, Touches};

/// What a command can say of itself, and do.
pub trait Command {
    /// Its row in the table of commands.
    fn task(&self) -> &'static tasks::Task;

    /// What is done with its plan.
    fn intent(&self) -> Intent {
        Intent::Run
    }

    /// What it touches with these arguments.
    fn touches(&self) -> Touches {
        self.task().touches
    }

    /// What it prints without a project. `program` is the whole command line.
    fn print_alone(&self, program: &dyn Fn() -> clap::Command) -> Option<String> {
        let _ = program;
        None
    }

    /// Does it: facts, plan, gate, run, report.
    ///
    /// # Errors
    /// With the exit code of [`crate::problem::Problem`]; nothing is lost.
    fn run(&self, session: &mut Session) -> Result<Exit>;

    /// Whether this run may change something: what only looks is none, and neither is a dry run.
    fn may_change(&self) -> bool {
        let changes = matches!(self.touches(), Touches::Programs | Touches::Own | Touches::Servers);
        changes && self.intent() == Intent::Run
    }

    /// Whether notices tell of its end. What starts other commands leaves that to them.
    fn is_told(&self) -> bool {
        self.may_change()
    }

    /// Whether a run of it has worked with the servers that the project names.
    fn works_with_servers(&self) -> bool {
        self.touches() == Touches::Servers && self.may_change()
    }
}

/// The commands. Your own xtask includes them with `#[command(flatten)]`.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Back up one database or all, and verify each backup while writing it
    #[command(name = "db-backup", visible_alias = "backup")]
    Backup(Backup),
    /// List the backups, newest first, including foreign and broken ones
    #[command(name = "db-list", visible_alias = "list", alias = "list-backups")]
    List(List),
    /// Show what a backup holds
    #[command(name = "db-info", visible_alias = "info")]
    Info(Info),
    /// Verify a backup by reading it to its end, or by restoring it into a scratch database
    #[command(name = "db-verify", visible_alias = "verify")]
    Verify(Verify),
    /// Restore a backup: load and verify it next to the live database, then swap it in
    #[command(name = "db-restore", visible_alias = "restore")]
    Restore(Restore),
    /// Swap back what the last restore or reset replaced
    #[command(name = "db-undo", visible_alias = "undo")]
    Undo(Undo),
    /// Back up, then replace the database with a new one, migrated and seeded
    #[command(name = "db-reset", visible_alias = "reset")]
    Reset(Reset),
    /// Run the `migrate` hook with the right DATABASE_URL
    #[command(name = "db-migrate", visible_alias = "migrate")]
    Migrate(Migrate),
    /// Run the `seed` hook with the right DATABASE_URL
    #[command(name = "db-seed", visible_alias = "seed")]
    Seed(Seed),
    /// Fill a database that is missing or empty; leave one with data alone
    #[command(name = "db-prepare", visible_alias = "prepare")]
    Prepare(Prepare),
    /// Clean up after a killed run; every run that changes something does so first
    #[command(name = "db-repair", visible_alias = "repair")]
    Repair(Repair),
    /// Empty every table; keep the schema and the migration ledgers
    #[command(name = "db-wipe", visible_alias = "wipe")]
    Wipe(Wipe),
    /// Show or set the environment stored in a database, so that guards recognise production
    #[command(name = "db-protect", visible_alias = "protect")]
    Protect(Protect),
    /// Write the databases' passwords into your password file, so that psql asks for none
    #[command(name = "db-pgpass", visible_alias = "pgpass", alias = "update-pgpass")]
    Pgpass(Pgpass),
    /// Remove old backups by the keep rules
    #[command(name = "db-cleanup", visible_alias = "cleanup")]
    Cleanup(Cleanup),
    /// Keep a backup, whatever the keep rules say
    #[command(name = "db-pin", visible_alias = "pin")]
    Pin(Pin),
    /// Take dumps that other tools made among the backups: read each, and write its manifest
    #[command(name = "db-adopt", visible_alias = "adopt")]
    Adopt(Adopt),
    /// Back up, clean up and try restores by the clock
    #[command(name = "db-schedule", visible_alias = "schedule")]
    Schedule(Box<Schedule>),
    /// Show containers, connections, sizes, sessions and the last backup's age
    #[command(name = "db-status", visible_alias = "status")]
    Status(Status),
    /// Open psql on the right database, or run SQL
    #[command(name = "db-shell", visible_alias = "shell")]
    Shell(Shell),
    /// Show every setting and where it came from
    #[command(name = "db-config", visible_alias = "config")]
    Config(Config),
    /// Find what would go wrong, and how to fix it
    #[command(name = "db-doctor", visible_alias = "doctor")]
    Doctor(Doctor),
    /// Show who ran what, and how it ended; or verify that nobody changed that record
    #[command(name = "db-log", visible_alias = "log")]
    Log(Log),
    /// Start the project's own cluster, and leave it running
    #[command(name = "db-start", visible_alias = "start")]
    Start(Start),
    /// Stop the project's own cluster
    #[command(name = "db-stop", visible_alias = "stop")]
    Stop(Stop),
    /// Print completions for a shell
    #[command(name = "db-completions")]
    Completions(Completions),
}

impl Task {
    /// The command, whichever it is.
    pub fn command(&self) -> &dyn Command {
        match self {
            Self::Backup(command) => command,
            Self::List(command) => command,
            Self::Info(command) => command,
            Self::Verify(command) => command,
            Self::Restore(command) => command,
            Self::Undo(command) => command,
            Self::Reset(command) => command,
            Self::Migrate(command) => command,
            Self::Seed(command) => command,
            Self::Prepare(command) => command,
            Self::Repair(command) => command,
            Self::Wipe(command) => command,
            Self::Protect(command) => command,
            Self::Pgpass(command) => command,
            Self::Cleanup(command) => command,
            Self::Pin(command) => command,
            Self::Adopt(command) => command,
            Self::Schedule(command) => &**command,
            Self::Status(command) => command,
            Self::Shell(command) => command,
            Self::Config(command) => command,
            Self::Doctor(command) => command,
            Self::Log(command) => command,
            Self::Start(command) => command,
            Self::Stop(command) => command,
            Self::Completions(command) => command,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;
    use crate::tasks;

    /// The table and the command line know the same commands, in the same order.
    #[test]
    fn the_table_has_every_command() {
        let cli = Cli::command();
        let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, tasks::ALL.map(|task| task.name));
    }
}
