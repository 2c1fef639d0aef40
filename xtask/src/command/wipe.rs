//! `db-wipe`: empty every table; keep the schema and the migration ledgers.

pub mod half;
pub mod plan;

use anyhow::Result;
use clap::Args;

use self::plan::First;
use super::Command;
use crate::bundle::Catalog;
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{Emptying, Set, encryption};
use crate::gate::Consent;
use crate::options;
use crate::problem::Exit;
use crate::session::selection::Selection;
use crate::session::servers::Wants;
use crate::session::{Intent, Session, alone};
use crate::tasks::{self, Task};

/// `db-wipe`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Wipe {
    /// Make a verified backup first
    #[arg(long)]
    pub backup: bool,
    /// Only this database or store (its key, or a database's name); repeat for more
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
}

const EXAMPLES: &str = "\
Examples:
  db-wipe --dry-run                    every table with its rows, and every step; nothing changes
  export ALLOW_DATABASE_WIPE=true      the safety pin: without it, a wipe is refused
  db-wipe --backup                     back up, ask for the database's name, then empty every table
  db-wipe --only main --yes            for scripts: one database, no question, no backup
  unset ALLOW_DATABASE_WIPE

The ledgers of known migrators and tables of extensions keep their rows, and so does what
`guards.keep-tables` names. Each database is emptied in one transaction: all of it, or nothing.
Several databases and stores are wiped one after the other: if one fails, the error names what is
already empty.";

impl Command for Wipe {
    fn task(&self) -> &'static Task {
        &tasks::WIPE
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let meant = session.meant(&self.only)?;
        session.lock(self.task().name, intent)?;
        session.with_servers(&meant.databases, Wants::AsFound, intent, |session| {
            empty(session, self, &meant)
        })
    }
}

fn empty(session: &mut Session, args: &Wipe, meant: &Selection) -> Result<Exit> {
    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let first = if args.backup { First::Backup } else { First::Nothing };
    let intent = args.intent();

    if intent == Intent::Run {
        // every row is counted for the plan: a server whose data is protected is spared that
        let known = session.surveyor().set(&meant.databases, &meant.stores, Depth::Database)?;
        let risk = plan::risk(&session.project, &known, &catalog, first, &session.moment);
        session.refuse_early(tasks::WIPE.name, risk, Consent::from(&args.consent))?;
    }

    let set = session.surveyor().set(&meant.databases, &meant.stores, Depth::Rows)?.distinct()?;
    let locking = args.backup.then(|| encryption::look(&session.project)).transpose()?.flatten();
    let set = Set { locking, ..set };
    let services = session.services("wipe")?;
    let earlier = Emptying::read(&session.project)?;

    let planned = plan::plan(
        &session.project,
        &set,
        &catalog,
        &services.found,
        first,
        earlier.as_ref(),
        &session.moment,
    )?;

    let plan =
        session.hooked(services.noted(planned.plan), &set.databases.iter().collect::<Vec<_>>())?;
    let plan = alone::with(plan, &set.databases);

    match session.carry_out(plan, Consent::from(&args.consent), intent)? {
        Some(_) => session.print(&planned.lines.join("\n")),
        None => Ok(Exit::Done),
    }
}
