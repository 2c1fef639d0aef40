//! `db-wipe`, and `db-protect`, which keeps it away.

use anyhow::Result;

use super::cluster::Wants;
use super::meant::Meant;
use super::session::{Intent, Session};
use super::writing::{consent, survey};
use crate::bundle::Catalog;
use crate::cli;
use crate::engine::postgres::facts::Depth;
use crate::gate::Consent;
use crate::problem::{Exit, Problem};
use crate::task::protect;
use crate::task::wipe::{self, First};
use crate::view;

/// `db-wipe`
pub fn wipe(session: &mut Session, args: &cli::Wipe) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let meant = session.meant(&args.only)?;
    session.lock("db-wipe", intent)?;
    session.with_servers(&meant.databases, Wants::AsFound, intent, |session| empty(session, args, &meant))
}

fn empty(session: &mut Session, args: &cli::Wipe, meant: &Meant) -> Result<Exit> {
    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let first = if args.backup { First::Backup } else { First::Nothing };
    let intent = Intent::of(&args.consent);
    if intent == Intent::Run {
        // every row is counted for the plan: that is no load for a server whose data is out of reach
        let known = session.surveyor().set(&meant.databases, &meant.stores, Depth::Database)?;
        let risk = wipe::risk(&session.project, &known, &catalog, first, &session.moment);
        session.refuse_early("db-wipe", risk, consent(&args.consent))?;
    }
    let set = session.surveyor().set(&meant.databases, &meant.stores, Depth::Rows)?;
    let services = session.services("wipe")?;
    let planned = wipe::plan(&session.project, &set, &catalog, &services.found, first, &session.moment)?;
    let plan = session.hooked(services.noted(planned.plan), &set.databases.iter().collect::<Vec<_>>())?;
    let back = if args.backup { plan.afterwards.clone() } else { Vec::new() };
    match session.carry_out(plan, consent(&args.consent), intent) {
        Ok(Some(_)) => session.print(&planned.lines.join("\n")),
        Ok(None) => Ok(Exit::Done),
        Err(e) => {
            let problem = e.downcast::<Problem>().unwrap_or_else(|e| Problem::failed(format!("{e:#}")));
            Err(wipe::half_done(problem, &planned.parts, &session.record.done(), &back).into())
        }
    }
}

/// `db-protect`
pub fn protect(session: &mut Session, args: &cli::Protect) -> Result<Exit> {
    let intent = if args.dry_run { Intent::Show } else { Intent::Run };
    let Some(environment) = args.environment.as_deref().map(str::trim) else {
        let databases = session.databases(args.database.as_deref())?;
        return session.with_servers(&databases, Wants::AsFound, Intent::Run, |session| {
            let surveyed = survey(session, &databases)?;
            session.print(&view::markers::text(&surveyed, &session.project.guards))
        });
    };
    anyhow::ensure!(
        !environment.is_empty(),
        Problem::usage("`--environment` is empty").cure("name one: `--environment production`")
    );
    let database = session.database(args.database.as_deref())?;
    session.lock("db-protect", intent)?;
    session.with_servers(std::slice::from_ref(&database), Wants::AsFound, intent, |session| {
        let target = session.surveyor().survey(&database, Depth::Database)?;
        let plan = protect::plan(&target, environment, &session.project.guards)?;
        match session.carry_out(plan, Consent::Ask, intent)? {
            Some(_) => session.print(&format!("{}: {environment}", target.name())),
            None => Ok(Exit::Done),
        }
    })
}
