//! `db-repair`: clean up after a killed run; every run that changes something does so first.

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::facts::Emptying;
use crate::planning::repair;
use crate::problem::Exit;
use crate::session::repairing::Occasion;
use crate::session::servers::Wants;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-repair`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Repair {
    /// Give up this clean-up step (by number) if it can't be done and no longer matters
    #[arg(long, value_name = "NUMBER", conflicts_with = "dry_run")]
    pub forget: Option<usize>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  db-status                  shows whether a killed run left something to clean up
  db-repair --dry-run        what would be cleaned up; nothing changes
  db-repair                  clean up now, not with the next run";

impl Command for Repair {
    fn task(&self) -> &'static Task {
        &tasks::REPAIR
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let databases = session.project.databases.clone();
        session.lock(self.task().name, intent)?;

        if let Some(number) = self.forget {
            return session.forget(number);
        }

        let wiping = Emptying::read(&session.project)?.is_some();
        if session.unfinished().is_none() && !wiping {
            return session.print("nothing to repair");
        }

        // getting the servers has done it: every task begins so
        session.with_servers(&databases, Wants::AsFound, intent, |session| {
            if let Some(half) = session.repair_wipe(intent)? {
                // a person decides what happens to it
                session.print(&half.to_string())?;
            }
            // what every run does is done by now; what a person must ask for is not
            if intent == Intent::Show || session.unfinished().as_ref().is_some_and(repair::waits) {
                session.repair(intent, Occasion::Asked)?;
            }

            let left = session.unfinished();
            let (deeds, inside) = left
                .as_ref()
                .map_or((Vec::new(), 0), |left| (repair::numbered(left), left.inside.len()));
            if deeds.len() + inside > 0 && intent == Intent::Run {
                return Err(session.still_to_do(deeds, inside).into());
            }

            Ok(Exit::Done)
        })
    }
}
