//! Options of the commands that run one hook.

use clap::Args;

/// `db-migrate`
#[derive(Debug, Clone, Default, Args)]
pub struct Migrate {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Do not back up first
    #[arg(long, alias = "skip-backup", conflicts_with = "backup")]
    pub no_backup: bool,
    /// What it does anyway
    #[arg(long, hide = true)]
    pub backup: bool,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `db-seed`
#[derive(Debug, Clone, Default, Args)]
pub struct Seed {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Back up first
    #[arg(long)]
    pub backup: bool,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
