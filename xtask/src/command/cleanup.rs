//! `db-cleanup`: remove old backups by the keep rules.

pub mod plan;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::bundle::Catalog;
use crate::gate::Consent;
use crate::options;
use crate::problem::Exit;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-cleanup`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Cleanup {
    /// Days to keep each backup (BACKUP_RETENTION_DAYS, BACKUP_KEEP_DAYS; default: 30)
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// Good backups to keep whatever their age (BACKUP_MIN_KEEP; default: 5)
    #[arg(long, value_name = "N")]
    pub min_keep: Option<u32>,
    /// Look in this folder
    #[arg(long, alias = "output-dir", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
}

const EXAMPLES: &str = "Examples:
  db-cleanup --dry-run                     what would be removed and what is kept, and why
  db-cleanup                               ask, then remove by the rules of `db-tasks.toml`
  db-cleanup --keep-days 7 --min-keep 3 --yes   for scripts, by rules of their own";

impl Command for Cleanup {
    fn task(&self) -> &'static Task {
        &tasks::CLEANUP
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        session.lock(self.task().name, intent)?;

        let mut rules = session.project.backup.keep.clone();
        rules.days = self.keep_days.or(rules.days).or(Some(30));
        rules.min = self.min_keep.unwrap_or(rules.min);

        let dir = self.backup_dir.clone().unwrap_or_else(|| session.project.backup.dir.clone());
        let catalog = Catalog::read(&dir, &session.project)?;
        let plan = plan::plan(&catalog, &rules, &session.moment);
        let removed = plan.steps.len();
        let plan = session.hooked(plan, &[])?;

        match session.carry_out(plan, Consent::from(&self.consent), intent)? {
            Some(_) if removed == 0 => session.print("nothing to remove"),
            _ => Ok(Exit::Done),
        }
    }
}
