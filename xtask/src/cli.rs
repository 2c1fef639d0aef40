//! The command line as typed.

pub mod completions;
mod examples;
mod hooked;
mod looking;
pub mod words;

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

pub use hooked::{Migrate, Seed};
pub use looking::{Cluster, Config, Shell, Status};

/// The databases of a project repo: backed up, proved, restored, reset.
#[derive(Debug, Parser)]
#[command(name = "db-tasks", version, after_help = examples::all("db-tasks"), propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub task: Task,
}

/// The seconds of a `--wait` that says none.
const WAIT: &str = "60";

/// The command line, whose help names the program as it was called (`cargo db-tasks`).
pub fn command(by: &str) -> Command {
    Cli::command().bin_name(by).after_help(examples::all(by))
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Read this file instead of the nearest `db-tasks.toml`
    #[arg(long, global = true, value_name = "FILE", overrides_with = "config")]
    pub config: Option<PathBuf>,
    /// Do not read `.env`
    #[arg(long, global = true)]
    pub no_dotenv: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Wait for a server that is starting, 60 seconds at most or so many; one that stands still is
    /// told at once
    #[arg(long, global = true, value_name = "SECONDS", num_args = 0..=1, default_missing_value = WAIT)]
    pub wait: Option<u64>,
    /// With `--dry-run`: each step's commands and SQL, too
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Trust, from now on and on this machine, the programs and server folders that this
    /// repository brings, and the servers that it sends variables of yours to
    #[arg(long, global = true)]
    pub trust_repo: bool,
    /// Print one JSON document: plan, verdicts, steps, outcome, result (docs/json.md)
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands. An xtask of your own takes them in with `#[command(flatten)]`.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Back up one database or all, each proved as it is written
    #[command(name = "db-backup", visible_alias = "backup", after_help = examples::BACKUP)]
    Backup(Backup),
    /// List the backups, newest first, foreign and broken ones too
    #[command(name = "db-list", visible_alias = "list", alias = "list-backups", after_help = examples::LIST)]
    List(List),
    /// Show what a backup holds
    #[command(name = "db-info", visible_alias = "info", after_help = examples::INFO)]
    Info(Info),
    /// Read a backup whole and prove it, or restore it into a scratch database for a trial
    #[command(name = "db-verify", visible_alias = "verify", after_help = examples::VERIFY)]
    Verify(Verify),
    /// Restore a backup: loaded and proved beside the live database, then swapped in
    #[command(name = "db-restore", visible_alias = "restore", after_help = examples::RESTORE)]
    Restore(Restore),
    /// Swap back what the last restore replaced
    #[command(name = "db-undo", visible_alias = "undo", after_help = examples::UNDO)]
    Undo(Undo),
    /// Back up, then put a new database in place of the old one, migrated and seeded
    #[command(name = "db-reset", visible_alias = "reset", after_help = examples::RESET)]
    Reset(Reset),
    /// Run the `migrate` hook with the right DATABASE_URL
    #[command(name = "db-migrate", visible_alias = "migrate", after_help = examples::MIGRATE)]
    Migrate(Migrate),
    /// Run the `seed` hook with the right DATABASE_URL
    #[command(name = "db-seed", visible_alias = "seed", after_help = examples::SEED)]
    Seed(Seed),
    /// Give a missing or empty database its contents; leave one with data alone
    #[command(name = "db-prepare", visible_alias = "prepare", after_help = examples::PREPARE)]
    Prepare(Prepare),
    /// Clean up after a run that was killed; every run that changes something does so first
    #[command(name = "db-repair", visible_alias = "repair", after_help = examples::REPAIR)]
    Repair(Repair),
    /// Empty every table; keep the schema and the migration ledgers
    #[command(name = "db-wipe", visible_alias = "wipe", after_help = examples::WIPE)]
    Wipe(Wipe),
    /// Show or set what a database itself says that it is, so that guards know production
    #[command(name = "db-protect", visible_alias = "protect", after_help = examples::PROTECT)]
    Protect(Protect),
    /// Write the databases' passwords into your password file, so that psql asks for none
    #[command(name = "db-pgpass", visible_alias = "pgpass", alias = "update-pgpass", after_help = examples::PGPASS)]
    Pgpass(Pgpass),
    /// Remove old backups by the keep rules
    #[command(name = "db-cleanup", visible_alias = "cleanup", after_help = examples::CLEANUP)]
    Cleanup(Cleanup),
    /// Show containers, connections, sizes, sessions and the last backup's age
    #[command(name = "db-status", visible_alias = "status", after_help = examples::STATUS)]
    Status(Status),
    /// Open psql in the right place, or run SQL
    #[command(name = "db-shell", visible_alias = "shell", after_help = examples::SHELL)]
    Shell(Shell),
    /// Show every setting and where it came from
    #[command(name = "db-config", visible_alias = "config", after_help = examples::CONFIG)]
    Config(Config),
    /// Look for what would go wrong, with the cure for each problem
    #[command(name = "db-doctor", visible_alias = "doctor", after_help = examples::DOCTOR)]
    Doctor,
    /// Start the project's own cluster, and leave it running
    #[command(name = "db-start", visible_alias = "start", after_help = examples::START)]
    Start(Cluster),
    /// Stop the project's own cluster
    #[command(name = "db-stop", visible_alias = "stop", after_help = examples::STOP)]
    Stop(Cluster),
    /// Print completions for a shell
    #[command(name = "db-completions", after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Consent for a plan.
#[derive(Debug, Clone, Default, Args)]
pub struct Consent {
    /// Answer the question with yes (guards still hold)
    #[arg(short, long)]
    pub yes: bool,
    /// Answer the question with the database's name, for scripts that must not hit another one
    #[arg(long, value_name = "NAME", conflicts_with = "yes")]
    pub confirm: Option<String>,
    /// Show every step and guard, and change nothing (`--verbose`: with the commands)
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-backup`
#[derive(Debug, Clone, Default, Args)]
pub struct Backup {
    /// No question, for scripts
    #[arg(long)]
    pub auto: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: Consent,
    /// zstd, gzip or none
    #[arg(long, value_name = "HOW", num_args = 0..=1, default_missing_value = "gzip")]
    pub compress: Option<String>,
    /// Compression level
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub level: Option<i32>,
    /// Put the backup into this folder
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Of a damaged database: without the rows of tables that can't be read, which are named. Such
    /// a backup is partial: no rule counts it, and it is restored by its name alone
    #[arg(long)]
    pub salvage: bool,
    /// A few words, kept in the name and the manifest
    #[arg(long, value_name = "WORDS")]
    pub label: Option<String>,
    /// Only this database or store (its key, or a database's name); may be given more than once
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
}

/// `db-list`
#[derive(Debug, Clone, Default, Args)]
pub struct List {
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Their names alone, a line each
    #[arg(long)]
    pub names: bool,
    /// Look in this folder
    #[arg(long, alias = "output-dir", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
}

/// `db-info`
#[derive(Debug, Clone, Args)]
pub struct Info {
    /// The backup's name, as `db-list` shows it, or a path
    pub name: String,
}

/// `db-verify`
#[derive(Debug, Clone, Default, Args)]
pub struct Verify {
    /// The backup's name or a path; without it, the newest
    pub name: Option<String>,
    /// The newest backup
    #[arg(long, conflicts_with = "name")]
    pub latest: bool,
    /// Restore into a scratch database and compare every table's rows
    #[arg(long)]
    pub deep: bool,
    /// The database whose server is used for `--deep`, and whose newest backup is meant
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// With `--deep`: try a file from elsewhere on the database's own server, and not in a
    /// throw-away cluster on this machine
    #[arg(long, requires = "deep")]
    pub on_server: bool,
    /// Load a file from elsewhere (`--deep`) without a question
    #[arg(long)]
    pub yes: bool,
    /// With `--deep`: let the functions of a file from elsewhere run as your own role
    /// (`--trust=role`), where none can be made for the run; the others as in `db-restore`
    #[arg(long, value_name = "role|psql", num_args = 0..=1, require_equals = true, default_missing_value = "sql", hide_possible_values = true, requires = "deep")]
    pub trust: Option<Trusted>,
    /// With `--deep`, as in `db-restore`
    #[command(flatten)]
    pub leave: Leave,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-restore`
#[derive(Debug, Clone, Default, Args)]
pub struct Restore {
    /// The backup's name, as `db-list` shows it
    pub name: Option<String>,
    /// The newest good backup
    #[arg(long, conflicts_with_all = ["name", "file"])]
    pub latest: bool,
    /// A file, from anywhere
    #[arg(long, value_name = "PATH", conflicts_with = "name")]
    pub file: Option<PathBuf>,
    /// Show what the backup holds, and restore nothing
    #[arg(long)]
    pub info: bool,
    /// Restore into a new database of this name, beside the live one
    #[arg(long = "as", value_name = "OTHER_DATABASE")]
    pub into: Option<String>,
    /// Back up, then empty and load the live database itself in one transaction: for a role that
    /// may not create databases, or a disk without room for a second copy
    #[arg(long, conflicts_with = "into")]
    pub in_place: bool,
    /// Only this database or store (its key, or a database's name); may be given more than once
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: Consent,
    /// Run a file that is no pg_dump's, whatever its SQL does, without an end marker; psql's own
    /// commands in it run with `--trust=psql` alone. `--trust=role` trusts less: only that
    /// functions of a dump from elsewhere run as your own role, where no role can be made for
    /// the run
    #[arg(long, value_name = "role|psql", num_args = 0..=1, require_equals = true, default_missing_value = "sql", hide_possible_values = true)]
    pub trust: Option<Trusted>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub leave: Leave,
    /// Take a backup of another database or store, or of another project; with `--latest`, of a
    /// database of another name, too
    #[arg(long)]
    pub any_database: bool,
    /// Try a dump of a newer version
    #[arg(long)]
    pub any_version: bool,
}

/// What of a dump is not loaded.
#[derive(Debug, Clone, Default, Args)]
pub struct Leave {
    /// Leave out who owns what (`ALTER … OWNER TO`), and what another role alone can make: all of
    /// it will be the role's that loads it
    #[arg(long)]
    pub no_owner: bool,
    /// Leave out who may do what (GRANT, REVOKE, default privileges)
    #[arg(long)]
    pub no_privileges: bool,
}

/// What of a file's author is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Trusted {
    /// What the functions of a dump do, as the project's own role.
    Role,
    /// SQL.
    Sql,
    /// What psql itself does on this machine, too.
    Psql,
}

/// `db-undo`
#[derive(Debug, Clone, Default, Args)]
pub struct Undo {
    /// Only this database or store (its key, or a database's name); may be given more than once
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: Consent,
}

/// `db-reset`
#[derive(Debug, Clone, Default, Args)]
pub struct Reset {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Ask nothing (CI); the backup is still made, and guards still hold
    #[arg(long, conflicts_with = "confirm")]
    pub force: bool,
    /// Make no backup; the safety pin is wanted for it (ALLOW_DATABASE_WIPE=true, and
    /// `guards.pins.reset`)
    #[arg(long)]
    pub skip_backup: bool,
    /// Do not run the `seed` hook
    #[arg(long)]
    pub no_seed: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: Consent,
}

/// `db-prepare`
#[derive(Debug, Clone, Default, Args)]
pub struct Prepare {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Put the contents in place of the data that is there, too: asked, backed up first, and to be
    /// undone, as a restore is
    #[arg(long)]
    pub replace: bool,
    /// With `--replace`: answer the question with yes (guards still hold)
    #[arg(short, long, requires = "replace")]
    pub yes: bool,
    /// With `--replace`: answer it with the database's name
    #[arg(long, value_name = "NAME", conflicts_with = "yes", requires = "replace")]
    pub confirm: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-repair`
#[derive(Debug, Clone, Default, Args)]
pub struct Repair {
    /// Forget this deed (its number): it can't be done, and is of no matter any more
    #[arg(long, value_name = "NUMBER", conflicts_with = "dry_run")]
    pub forget: Option<usize>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-wipe`
#[derive(Debug, Clone, Default, Args)]
pub struct Wipe {
    /// Make a verified backup first
    #[arg(long)]
    pub backup: bool,
    /// Only this database or store (its key, or a database's name); may be given more than once
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: Consent,
}

/// `db-protect`
#[derive(Debug, Clone, Default, Args)]
pub struct Protect {
    /// What the database is
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-pgpass`
#[derive(Debug, Clone, Default, Args)]
pub struct Pgpass {
    /// The database (its key or its name); without it, all
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Write this file instead of PGPASSFILE or `~/.pgpass`
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Show the lines without their passwords, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-cleanup`
#[derive(Debug, Clone, Default, Args)]
pub struct Cleanup {
    /// Days to keep each backup (BACKUP_RETENTION_DAYS, BACKUP_KEEP_DAYS; 30 where nothing says)
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// Good backups to keep whatever their age (BACKUP_MIN_KEEP; 5 where nothing says)
    #[arg(long, value_name = "N")]
    pub min_keep: Option<u32>,
    /// Look in this folder
    #[arg(long, alias = "output-dir", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: Consent,
}
