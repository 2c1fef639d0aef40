//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::gate;

/// The default seconds of `--wait`.
pub const WAIT: &str = "60";

/// Where help lists the options of every command, so that a command's own come first.
const EVERY: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Read this file instead of the nearest `db-tasks.toml`
    #[arg(long, global = true, help_heading = EVERY)]
    #[arg(value_name = "FILE", overrides_with = "config")]
    pub config: Option<PathBuf>,
    /// Do not read `.env`
    #[arg(long, global = true, help_heading = EVERY)]
    pub no_dotenv: bool,
    /// Print only results and errors
    #[arg(short, long, global = true, help_heading = EVERY)]
    pub quiet: bool,
    /// Wait up to 60 seconds, or SECONDS, for a server that is starting; a stopped server is
    /// reported at once
    #[arg(long, global = true, help_heading = EVERY)]
    #[arg(value_name = "SECONDS", num_args = 0..=1, default_missing_value = WAIT)]
    pub wait: Option<u64>,
    /// With `--dry-run`: also show each step's commands and SQL
    #[arg(long, global = true, help_heading = EVERY)]
    pub verbose: bool,
    /// From now on, on this machine, trust the programs and server folders in this repository, and
    /// let it send your variables to the servers it names
    #[arg(long, global = true, help_heading = EVERY)]
    pub trust_repo: bool,
    /// Print one JSON document: plan, verdicts, steps, outcome, result (docs/json.md)
    #[arg(long, global = true, help_heading = EVERY)]
    pub json: bool,
}

/// Consent for a plan.
#[derive(Debug, Clone, Default, Args)]
pub struct Consent {
    /// Answer the question with yes (guards still hold)
    #[arg(short, long)]
    pub yes: bool,
    /// Answer the question with the database's name, for scripts that must not change another one
    #[arg(long, value_name = "NAME", conflicts_with = "yes")]
    pub confirm: Option<String>,
    /// Show every step and guard, and change nothing (`--verbose`: with the commands)
    #[arg(long)]
    pub dry_run: bool,
}

impl From<&Consent> for gate::Consent {
    fn from(given: &Consent) -> Self {
        match (&given.confirm, given.yes) {
            (Some(name), _) => Self::Confirmed(name.clone()),
            (None, true) => Self::Yes,
            (None, false) => Self::Ask,
        }
    }
}

/// The parts of a dump that are not loaded.
#[derive(Debug, Clone, Default, Args)]
pub struct Leave {
    /// Leave out who owns what (`ALTER … OWNER TO`), and whatever only another role can create;
    /// your role owns everything
    #[arg(long)]
    pub no_owner: bool,
    /// Leave out who may do what (GRANT, REVOKE, default privileges)
    #[arg(long)]
    pub no_privileges: bool,
}

/// How far a file's author is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Trusted {
    /// The functions of a dump may run as the project's own role.
    Role,
    /// SQL.
    Sql,
    /// psql commands may also run on this machine.
    Psql,
}
