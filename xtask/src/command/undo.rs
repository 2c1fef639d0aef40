//! `db-undo`: swap back what the last restore or reset replaced.

pub mod plan;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::config::Database;
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{ReplacedTogether, Set};
use crate::gate::Consent;
use crate::options;
use crate::problem::{Code, Exit, Problem};
use crate::session::selection::Selection;
use crate::session::servers::Wants;
use crate::session::{Intent, Session, alone};
use crate::tasks::{self, Task};

/// `db-undo`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Undo {
    /// Only this database or store (its key, or a database's name); repeat for more
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
}

const EXAMPLES: &str = "Examples:
  db-undo                    ask, then swap back what the last restore or reset replaced
  db-undo --only main        only this database
  db-undo --dry-run          what would come back, and every step; nothing changes";

impl Command for Undo {
    fn task(&self) -> &'static Task {
        &tasks::UNDO
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let meant = undo_what(session, self)?;
        session.lock(self.task().name, intent)?;
        session.with_servers(&meant.databases.clone(), Wants::Made, intent, |session| {
            swap_back(session, self, &meant)
        })
    }
}

/// What the last restore or reset replaced; all of it, if no name is given.
fn undo_what(session: &Session, args: &Undo) -> Result<Selection> {
    if !args.only.is_empty() {
        return session.meant(&args.only);
    }

    match ReplacedTogether::read(&session.project)? {
        Some(kept) => session.meant(&kept.together),
        None if session.project.stores.is_empty() => {
            Ok(Selection { databases: vec![session.database(None)?], stores: Vec::new() })
        }
        None => Err(Problem::failed("there is nothing to undo: no restore was done here")
            .code(Code::NothingToUndo)
            .cure("`db-restore` restores a backup; `--only NAME` undoes only one")
            .into()),
    }
}

fn swap_back(session: &mut Session, args: &Undo, meant: &Selection) -> Result<Exit> {
    let databases: &[Database] = &meant.databases;
    let set = session.surveyor().set(databases, &[], Depth::Database)?.distinct()?;
    let stores =
        meant.stores.iter().map(|s| session.surveyor().store(s)).collect::<Result<Vec<_>>>()?;
    let set = Set { stores, ..set };
    let services = session.services("undo")?;

    let plan = plan::plan(&session.project, &set, &services.found)?;
    let plan = session.hooked(services.noted(plan), &set.databases.iter().collect::<Vec<_>>())?;
    let plan = session.filling(plan, &set.keys())?;
    let plan = alone::with(plan, &set.databases);
    let done = session.carry_out(plan, Consent::from(&args.consent), args.intent())?;

    if done.is_some() { session.print(&set.names()) } else { Ok(Exit::Done) }
}
