//! `db-wipe`, and `db-protect`, which keeps it away.

use anyhow::Result;

use super::alone;
use super::cluster::Wants;
use super::meant::Meant;
use super::session::{Intent, Session};
use super::writing::{consent, survey};
use crate::bundle::Catalog;
use crate::cli;
use crate::engine::postgres::facts::Depth;
use crate::facts::{Came, Emptying};
use crate::gate::Consent;
use crate::plan::{Plan, Step};
use crate::problem::{Exit, Problem};
use crate::task::wipe::{self, First};
use crate::task::{protect, repair};
use crate::view;

/// `db-wipe`
pub fn wipe(session: &mut Session, args: &cli::Wipe) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let meant = session.meant(&args.only)?;
    session.lock("db-wipe", intent)?;
    session.with_servers(&meant.databases, Wants::AsFound, intent, |session| {
        empty(session, args, &meant)
    })
}

fn empty(session: &mut Session, args: &cli::Wipe, meant: &Meant) -> Result<Exit> {
    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let first = if args.backup { First::Backup } else { First::Nothing };
    let intent = Intent::of(&args.consent);

    if intent == Intent::Run {
        // every row is counted for the plan: that is no load for a server whose data is out of
        // reach
        let known = session.surveyor().set(&meant.databases, &meant.stores, Depth::Database)?;
        let risk = wipe::risk(&session.project, &known, &catalog, first, &session.moment);
        session.refuse_early("db-wipe", risk, consent(&args.consent))?;
    }

    let set = session.surveyor().set(&meant.databases, &meant.stores, Depth::Rows)?.distinct()?;
    let services = session.services("wipe")?;
    let earlier = Emptying::read(&session.project)?;

    let planned = wipe::plan(
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
    let back = if args.backup { plan.afterwards.clone() } else { Vec::new() };

    match session.carry_out(plan, consent(&args.consent), intent) {
        Ok(Some(_)) => session.print(&planned.lines.join("\n")),
        Ok(None) => Ok(Exit::Done),
        Err(e) => {
            let problem =
                e.downcast::<Problem>().unwrap_or_else(|e| Problem::failed(format!("{e:#}")));
            Err(wipe::half_done(problem, &planned.parts, &session.record.done(), &back).into())
        }
    }
}

impl Session {
    /// A wipe that was cut off half way, with what is empty and what is not, and what can be done.
    /// Every row is counted for it.
    pub fn half_emptied(&self) -> Result<Option<Problem>> {
        let Some(wipe) = Emptying::read(&self.project)? else { return Ok(None) };
        let is_part = |key: &str| wipe.parts.iter().any(|part| part.key == key);
        let mut now = Vec::new();

        for database in self.project.databases.iter().filter(|d| is_part(&d.key)) {
            let found = self.surveyor().set(std::slice::from_ref(database), &[], Depth::Rows);
            now.extend(found.map_or(Vec::new(), |set| wipe::amounts(&self.project, &set)));
        }

        for store in self.project.stores.iter().filter(|s| is_part(&s.key)) {
            now.extend(
                self.surveyor().store(store).map(|found| (store.key.clone(), found.held.items())),
            );
        }

        let amount = |key: &str| now.iter().find(|(of, _)| of == key).map(|(_, items)| *items);
        Ok(match wipe.came(&amount) {
            Came::Nowhere | Came::ToItsEnd => None,
            Came::HalfWay { how, left } => {
                let when = wipe.since.format("%Y-%m-%d %H:%M:%S UTC");
                let problem = Problem::failed(format!("a `db-wipe` was cut off ({when}): {how}"));
                Some(problem.cure(wipe.cure(&left)))
            }
        })
    }

    /// Says what a wipe that was cut off has left; where it came to its end, or nowhere, nothing
    /// needs to be known of it any more.
    pub fn repair_wipe(&mut self, intent: Intent) -> Result<Option<Problem>> {
        let half = self.half_emptied()?;
        if half.is_none() && Emptying::read(&self.project)?.is_some() {
            let plan = repair::wipe_is_over(Emptying::over(&self.project));
            self.carry_out(plan, Consent::Yes, intent)?;
        }
        Ok(half)
    }

    /// A plan after which these have their data again: whatever a wipe did to them, nobody needs to
    /// know then.
    pub fn filling(&self, mut plan: Plan, keys: &[&str]) -> Result<Plan> {
        let wipe = Emptying::read(&self.project)?
            .filter(|wipe| wipe.parts.iter().any(|part| keys.contains(&part.key.as_str())));
        plan.steps.extend(wipe.and_then(|wipe| wipe.settled(&self.project, keys)).map(Step::Act));
        Ok(plan)
    }
}

/// `db-protect`
pub fn protect(session: &mut Session, args: &cli::Protect) -> Result<Exit> {
    let intent = Intent::by_flag(args.dry_run);
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
