//! `db-info`: show what a backup holds.

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::bundle::{Backup, Catalog};
use crate::problem::Exit;
use crate::session::Session;
use crate::tasks::{self, Task};
use crate::view::backups;

/// `db-info`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Info {
    /// The backup's name, as `db-list` shows it, or a path
    pub name: String,
}

const EXAMPLES: &str = "\
Examples:
  db-info app_20260116_224500        versions, checksum and rows, by its name in `db-list`
  db-info ~/prod.sql.gz              a file from anywhere
  db-info app_20260116_224500 --json";

impl Command for Info {
    fn task(&self) -> &'static Task {
        &tasks::INFO
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
        let backup = catalog.meant(&self.name, &session.project)?;
        show(session, &backup)
    }
}

/// Prints what a backup holds.
pub fn show(session: &mut Session, backup: &Backup) -> Result<Exit> {
    session.show(&backups::info(backup), backups::json(backup))
}
