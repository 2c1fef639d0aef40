//! `db-protect`: show or set the environment stored in a database, so that guards recognise
//! production.

pub mod plan;
mod view;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::engine::postgres::catalog::facts::Depth;
use crate::gate::Consent;
use crate::problem::{Exit, Problem};
use crate::session::servers::Wants;
use crate::session::{Intent, Session, survey};
use crate::tasks::{self, Task, Touches};

/// `db-protect`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Protect {
    /// The database's environment
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  db-protect                              what each database says, and what that means
  db-protect --environment production     from now on, only a recovery replaces its data

The marker is a setting of the database, or, if your role is not a superuser, a line in its comment.
It is not in dumps, and a restore does not copy it.
This command only tightens: to lift a protection, an administrator has to run SQL.";

impl Command for Protect {
    fn task(&self) -> &'static Task {
        &tasks::PROTECT
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn touches(&self) -> Touches {
        if self.environment.is_none() { Touches::Looks } else { self.task().touches }
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let Some(environment) = self.environment.as_deref().map(str::trim) else {
            let databases = session.databases(self.database.as_deref())?;
            return session.with_servers(&databases, Wants::AsFound, Intent::Run, |session| {
                let surveyed = survey(session, &databases)?;
                session.print(&view::text(&surveyed, &session.project.guards))
            });
        };

        anyhow::ensure!(
            !environment.is_empty(),
            Problem::usage("`--environment` is empty").cure("name one: `--environment production`")
        );
        let database = session.database(self.database.as_deref())?;
        session.lock(self.task().name, intent)?;

        session.with_servers(std::slice::from_ref(&database), Wants::AsFound, intent, |session| {
            let target = session.surveyor().survey(&database, Depth::Database)?;
            let plan = plan::plan(&target, environment, &session.project.guards)?;
            match session.carry_out(plan, Consent::Ask, intent)? {
                Some(_) => session.print(&format!("{}: {environment}", target.name())),
                None => Ok(Exit::Done),
            }
        })
    }
}
