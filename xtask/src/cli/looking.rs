//! Options of the commands that look, and of the cluster.

use std::path::PathBuf;

use clap::Args;

/// `db-status`
#[derive(Debug, Clone, Default, Args)]
pub struct Status {
    /// Exit 1 when a server does not answer or the last good backup is missing or old
    #[arg(long)]
    pub check: bool,
    /// Hours after which a backup is old (BACKUP_INTERVAL_HOURS; 24 where nothing says)
    #[arg(long, value_name = "HOURS")]
    pub max_age: Option<u32>,
}

/// `db-config`
#[derive(Debug, Clone, Default, Args)]
pub struct Config {
    /// Print the JSON Schema of `db-tasks.toml`, for editors; needs no project
    #[arg(long)]
    pub schema: bool,
}

/// `db-shell`
#[derive(Debug, Clone, Default, Args)]
pub struct Shell {
    /// Run this SQL
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub command: Option<String>,
    /// Run this file, in one transaction: all of it or nothing
    #[arg(short = 'f', long = "file", value_name = "FILE", conflicts_with = "command")]
    pub file: Option<PathBuf>,
    /// With `-f`: each statement by itself, for what can't run in a transaction
    #[arg(long, requires = "file")]
    pub no_transaction: bool,
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show the command, and do not run it
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-start` and `db-stop`
#[derive(Debug, Clone, Default, Args)]
pub struct Cluster {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
