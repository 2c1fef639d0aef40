//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::gate;

/// The seconds of a `--wait` that says none.
pub const WAIT: &str = "60";

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

impl From<&Consent> for gate::Consent {
    fn from(given: &Consent) -> Self {
        match (&given.confirm, given.yes) {
            (Some(name), _) => Self::Confirmed(name.clone()),
            (None, true) => Self::Yes,
            (None, false) => Self::Ask,
        }
    }
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
