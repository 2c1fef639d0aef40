//! `db-migrate`: run the `migrate` hook with the right DATABASE_URL.

use anyhow::Result;
use clap::Args;

use super::Command;
use super::hooked::plan::First;
use super::hooked::{Hooked, run_hook};
use crate::problem::Exit;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-migrate`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
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

const EXAMPLES: &str = "Examples:
  db-migrate                 back up, then run `hooks.migrate` with DATABASE_URL set
  db-migrate --no-backup     without the backup: it can't be undone
  db-migrate --database main --dry-run";

impl Command for Migrate {
    fn task(&self) -> &'static Task {
        &tasks::MIGRATE
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let first = if self.no_backup { First::NoBackup } else { First::BackupOfWhatIsThere };
        run_hook(
            session,
            &Hooked { task: tasks::MIGRATE.name, database: self.database.as_deref(), first },
            self.intent(),
        )
    }
}
