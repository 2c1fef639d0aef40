//! `db-seed`: run the `seed` hook with the right DATABASE_URL.

use anyhow::Result;
use clap::Args;

use super::Command;
use super::hooked::plan::First;
use super::hooked::{Hooked, run_hook};
use crate::problem::Exit;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-seed`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
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

const EXAMPLES: &str = "\
Examples:
  db-seed                    run `hooks.seed` of `db-tasks.toml`, with DATABASE_URL set
  db-seed --backup           back up first
  db-seed --database main --dry-run";

impl Command for Seed {
    fn task(&self) -> &'static Task {
        &tasks::SEED
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let first = if self.backup { First::Backup } else { First::Nothing };
        run_hook(
            session,
            &Hooked { task: tasks::SEED.name, database: self.database.as_deref(), first },
            self.intent(),
        )
    }
}
