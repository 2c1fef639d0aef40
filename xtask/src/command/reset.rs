//! `db-reset`: back up, then replace the database with a new one, migrated and seeded.

pub mod plan;

use anyhow::Result;
use clap::Args;

use self::plan::{OldData, Seeding};
use super::Command;
use crate::bundle::Reason;
use crate::command::backup::safety::safety_backup;
use crate::engine::postgres::catalog::facts::Depth;
use crate::gate::Consent;
use crate::options;
use crate::problem::Exit;
use crate::session::servers::Wants;
use crate::session::{Intent, Session, alone, survey};
use crate::tasks::{self, Task};

/// `db-reset`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Reset {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Ask nothing (CI); the backup is still made, and guards still hold
    #[arg(long, conflicts_with = "confirm")]
    pub force: bool,
    /// Make no backup; this needs the safety pins (ALLOW_DATABASE_WIPE=true, and
    /// `guards.pins.reset`)
    #[arg(long)]
    pub skip_backup: bool,
    /// Do not run the `seed` hook
    #[arg(long)]
    pub no_seed: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
}

const EXAMPLES: &str = "\
Examples:
  db-reset                             asks for the database's name, backs up, resets
  db-reset --dry-run                   every step and guard; nothing changes
  db-reset --force                     for CI: no question, the backup is still made
  db-reset --no-seed

The hooks `migrate` and `seed` in `db-tasks.toml` fill the new database. If one of them fails, the
old data is brought back automatically. After a reset, `db-undo` swaps it back.";

impl Command for Reset {
    fn task(&self) -> &'static Task {
        &tasks::RESET
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let database = session.database(self.database.as_deref())?;
        session.lock(self.task().name, intent)?;

        session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
            let mut target = survey(session, std::slice::from_ref(&database))?.remove(0);
            if plan::old_data(&session.project, &target) == OldData::BackedUp {
                // its rows are counted: those added after the backup would be lost
                target = session.surveyor().survey(&database, Depth::Rows)?;
            }

            let services = session.services("reset")?;
            let backup = match (self.skip_backup, target.live()) {
                (false, Some(_)) => Some(safety_backup(session, &target, Reason::PreReset)?),
                _ => None,
            };
            let seeding = if self.no_seed { Seeding::Unseeded } else { Seeding::Seeded };
            let met = plan::hooks_meet(&session.project, target.name());

            let hooks = session.hooks(
                "reset",
                &["migrate", "seed"].map(String::from),
                &[&target],
                Some(&met),
            )?;

            let request = plan::Request { backup, seeding, suspects: session.env.addresses() };
            let plan = plan::plan(&session.project, &target, &services.found, &hooks, request)?;
            let plan = session.hooked(services.noted(plan), &[&target])?;
            let plan = session.filling(plan, &[&database.key])?;
            let plan = alone::with(plan, [&target]);

            let given = session
                .env
                .given("SKIP_BACKUP_PROMPT")
                .filter(|yes| session.env.held("SKIP_BACKUP_PROMPT", yes).is_none());
            let said = given.is_some() && session.env.says_yes("SKIP_BACKUP_PROMPT");
            // a given name is checked, even if something else says yes
            let consent = match Consent::from(&self.consent) {
                Consent::Ask if self.force || said => Consent::Yes,
                given => given,
            };
            let done = session.carry_out(plan, consent, intent)?;
            if done.is_some() { session.print(target.name()) } else { Ok(Exit::Done) }
        })
    }
}
