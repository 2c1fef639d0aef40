//! `db-list`: list the backups, newest first, including foreign and broken ones.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::bundle::Catalog;
use crate::problem::Exit;
use crate::session::Session;
use crate::tasks::{self, Task};
use crate::ui::terminal;
use crate::view::backups;

/// `db-list`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct List {
    /// At most this many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only their names, one per line
    #[arg(long)]
    pub names: bool,
    /// Look in this folder
    #[arg(long, alias = "output-dir", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  db-list                            newest first: size, age, rows, verified or not
  db-list --limit 5
  db-list --backup-dir /mnt/nas/db   the backups of another folder";

impl Command for List {
    fn task(&self) -> &'static Task {
        &tasks::LIST
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let dir = self.backup_dir.clone().unwrap_or_else(|| session.project.backup.dir.clone());
        let catalog = Catalog::read(&dir, &session.project)?;
        let shown = &catalog.backups[..catalog.backups.len().min(self.limit.unwrap_or(usize::MAX))];
        let backups: Vec<_> = shown.iter().map(backups::summary).collect();
        let reader = backups::Reader {
            now: session.moment.now,
            width: terminal::width_of(&std::io::stdout(), &session.env),
        };

        let unfinished: Vec<_> = catalog.unfinished.iter().map(|p| p.to_string_lossy()).collect();
        let fields = serde_json::json!({
            "dir": dir.to_string_lossy(), "backups": backups, "unfinished": unfinished,
        });
        let text =
            if self.names { backups::names(shown) } else { backups::list(&catalog, shown, reader) };
        session.show(&text, fields)
    }
}
