//! `db-pin`: keep a backup, whatever the keep rules say.

pub mod plan;

use std::path::Path;

use anyhow::Result;
use chrono::NaiveDate;
use clap::Args;

use super::Command;
use crate::bundle::notes::Pinned;
use crate::bundle::{Backup, Catalog};
use crate::gate::Consent;
use crate::problem::{Code, Exit, Problem};
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-pin`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Pin {
    /// The backup's name, as `db-list` shows it, or a path
    pub name: String,
    /// The last day on which it is pinned (UTC); without it, until it is unpinned
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "unpin")]
    pub until: Option<NaiveDate>,
    /// Leave it to the keep rules again
    #[arg(long)]
    pub unpin: bool,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  db-pin app_20260116_224500                      until somebody unpins it
  db-pin app_20260116_224500 --until 2027-03-31   for the audit, and no longer
  db-pin app_20260116_224500 --unpin

`db-cleanup` and `db-backup` never remove a pinned backup. The pin is noted beside its manifest.";

impl Command for Pin {
    fn task(&self) -> &'static Task {
        &tasks::PIN
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        session.lock(self.task().name, intent)?;

        let now = session.moment.now;
        if let Some(until) = self.until.filter(|until| *until < now.date_naive()) {
            return Err(Problem::usage(format!("`--until {until}` is over"))
                .because("nothing was changed")
                .cure("name a day to come, or leave it out")
                .into());
        }

        let pin = (!self.unpin).then_some(Pinned { since: now, until: self.until, doubt: None });
        let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
        let backup = catalog.meant(&self.name, &session.project)?;
        let manifest = pinnable(&backup)?;
        let told = pin.as_ref().map_or("not pinned".into(), Pinned::to_string);
        let plan = plan::plan(&backup, manifest, pin);
        match session.carry_out(plan, Consent::Ask, intent)? {
            Some(_) => session.print(&format!("{}: {told}", backup.name)),
            None => Ok(Exit::Done),
        }
    }
}

/// The manifest of a backup whose fate this project decides.
fn pinnable(backup: &Backup) -> Result<&Path, Problem> {
    if let Some(other) = &backup.other_project {
        let tried = format!("`{}` belongs to the project `{other}`", backup.name);
        return Err(Problem::refused(tried)
            .code(Code::BackupUnfit)
            .because("nothing was changed: no other project removes it, or says that it may go")
            .cure("pin or unpin it in that project"));
    }

    backup.manifest_path.as_deref().ok_or_else(|| {
        Problem::refused(format!("`{}` has no manifest", backup.name))
            .code(Code::BackupUnfit)
            .because("a pin is noted beside the manifest, and there is none")
            .cure("it needs no pin: `db-cleanup` removes no file that `db-tasks` did not make")
    })
}
