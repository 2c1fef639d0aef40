//! Tasks that the project's own migrator and seed take part in.

use std::path::Path;

use anyhow::Result;

use super::alone;
use super::author::Way;
use super::cluster::Wants;
use super::fitting::{Loading, fitted};
use super::repairing::Occasion;
use super::session::{Intent, Session};
use super::writing::{consent, dump_of, say_passed_over, survey};
use crate::bundle::{Catalog, Reason, catalog};
use crate::cli;
use crate::cmd::quoted;
use crate::config::{Database, KeepRules};
use crate::engine::postgres::facts::Depth;
use crate::engine::store::Format;
use crate::facts::{Emptying, Set, Surveyed};
use crate::gate::Consent;
use crate::plan::Plan;
use crate::problem::{Exit, Problem};
use crate::task::reset::{self as reset_task, OldData, Seeding};
use crate::task::{backup as backup_task, hooked, prepare as prepare_task, repair};

/// `db-reset`
pub fn reset(session: &mut Session, args: &cli::Reset) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let database = session.database(args.database.as_deref())?;
    session.lock("db-reset", intent)?;
    session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
        let mut target = survey(session, std::slice::from_ref(&database))?.remove(0);
        if reset_task::old_data(&session.project, &target) == OldData::BackedUp {
            // its rows are counted: those that come after the backup would be lost
            target = session.surveyor().survey(&database, Depth::Rows)?;
        }
        let services = session.services("reset")?;
        let backup = match (args.skip_backup, target.live()) {
            (false, Some(_)) => Some(safety_backup(session, &target, Reason::PreReset)?),
            _ => None,
        };
        let seeding = if args.no_seed { Seeding::Unseeded } else { Seeding::Seeded };
        let met = reset_task::hooks_meet(&session.project, target.name());
        let hooks = session.hooks("reset", &["migrate", "seed"].map(String::from), &[&target], Some(&met))?;
        let request = reset_task::Request { backup, seeding, suspects: session.env.addresses() };
        let plan = reset_task::plan(&session.project, &target, &services.found, &hooks, request)?;
        let plan = session.hooked(services.noted(plan), &[&target])?;
        let plan = session.filling(plan, &[&database.key])?;
        let plan = alone::with(plan, [&target]);
        let given = session.env.given("SKIP_BACKUP_PROMPT").filter(|yes| session.env.held("SKIP_BACKUP_PROMPT", yes).is_none());
        let said = given.is_some() && session.env.says_yes("SKIP_BACKUP_PROMPT");
        // a name that was given is judged, whatever else says yes
        let consent = match consent(&args.consent) {
            Consent::Ask if args.force || said => Consent::Yes,
            given => given,
        };
        let done = session.carry_out(plan, consent, intent)?;
        if done.is_some() { session.print(target.name()) } else { Ok(Exit::Done) }
    })
}

/// The backup that comes before something is destroyed: its steps stand in the same plan, so that nothing starts before it is sealed.
pub fn safety_backup(session: &Session, target: &Surveyed, reason: Reason) -> Result<Plan> {
    let mut backup = session.project.backup.clone();
    if reason == Reason::PreRestore {
        // the backup that is about to be restored may be the one that is due
        backup.keep = KeepRules::default();
    }
    let request = backup_task::Request { backup, label: None, reason };
    let catalog = Catalog::beside_a_new_one(&request.backup.dir, &session.project, &request.backup.keep)?;
    let set = Set { databases: vec![target.clone()], ..Set::default() };
    backup_task::plan(&session.project, &set, &catalog, &request, &session.moment)
}

/// `db-migrate` and `db-seed`
pub fn run_hook(session: &mut Session, args: &cli::Hooked, task: &'static str) -> Result<Exit> {
    let intent = if args.dry_run { Intent::Show } else { Intent::Run };
    let database = session.database(args.database.as_deref())?;
    session.lock(task, intent)?;
    session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
        let target = survey(session, std::slice::from_ref(&database))?.remove(0);
        let moment = task.trim_start_matches("db-").to_owned();
        let hooks = session.hooks(&moment, std::slice::from_ref(&moment), &[&target], None)?;
        let backup = args.backup.then(|| safety_backup(session, &target, Reason::PreMigrate)).transpose()?;
        let plan = hooked::plan(&target, task, &hooks, backup, session.project.guards.pins_of(&moment))?;
        let plan = alone::with(session.hooked(plan, &[&target])?, [&target]);
        let made = plan.backup.clone();
        let done = session.carry_out(plan, Consent::Yes, intent).map_err(|e| with_backup(e, made.as_deref()))?;
        if done.is_some() { session.print(target.name()) } else { Ok(Exit::Done) }
    })
}

/// What failed may have done half of its work: the backup that was made before it is the way back.
fn with_backup(error: anyhow::Error, made: Option<&Path>) -> anyhow::Error {
    let Some(file) = made.filter(|path| path.exists()).and_then(Path::file_name) else { return error };
    match error.downcast::<Problem>() {
        Ok(problem) => problem
            .also(format!("what was there before is in the backup: `db-restore {}`", quoted(&file.to_string_lossy())))
            .into(),
        Err(error) => error,
    }
}

/// `db-prepare`
pub fn prepare(session: &mut Session, args: &cli::Prepare) -> Result<Exit> {
    if session.env.says_yes("SKIP_DB_INIT") {
        return session.print("SKIP_DB_INIT is set: nothing was prepared");
    }
    let intent = if args.dry_run { Intent::Show } else { Intent::Run };
    let databases = session.databases(args.database.as_deref())?;
    session.lock("db-prepare", intent)?;
    session.with_servers(&databases.clone(), Wants::Made, intent, |session| {
        databases.iter().try_for_each(|database| prepare_one(session, database, intent))?;
        Ok(Exit::Done)
    })
}

fn prepare_one(session: &mut Session, database: &Database, intent: Intent) -> Result<()> {
    let mut target = session.surveyor().survey(database, Depth::Tables)?;
    if prepare_task::need(&target) == prepare_task::Need::TakingBack {
        let plan = alone::with(prepare_task::take_back(&session.project, &target)?, [&target]);
        if session.carry_out(plan, Consent::Yes, intent)?.is_none() {
            return Ok(());
        }
        target = session.surveyor().survey(database, Depth::Tables)?;
    }
    let dump = match prepare_task::need(&target) {
        prepare_task::Need::Nothing => None,
        _ => first_dump(session, database)?,
    };
    let way = if target.live().is_some() && !target.server.role.createdb { Way::InPlace } else { Way::Beside };
    let dump = dump.map(|dump| fitted(session, &target, dump, Loading { way, ..Loading::of_the_file() })).transpose()?;
    let hooks = session.hooks("prepare", &["migrate", "seed"].map(String::from), &[&target], None)?;
    let plan = prepare_task::plan(&session.project, &target, dump.as_ref(), &hooks)?;
    let idle = plan.steps.is_empty();
    let headline = plan.headline.clone();
    let plan = if idle { plan } else { alone::with(session.hooked(plan, &[&target])?, [&target]) };
    match session.carry_out(plan, Consent::Yes, intent)? {
        Some(_) if idle => session.print(&headline).map(drop),
        Some(_) => session.print(target.name()).map(drop),
        None => Ok(()),
    }
}

/// What a new database starts from: the newest good backup, else the dump that the file names.
fn first_dump(session: &mut Session, database: &Database) -> Result<Option<crate::facts::dumps::Dump>> {
    let folder = Catalog::read(&session.project.backup.dir, &session.project)?;
    let names = session.names(std::slice::from_ref(database));
    let found = folder.latest_of(&[&database.key], &names).or_else(|| folder.latest(&[&database.key]));
    say_passed_over(session, &folder, found);
    if let Some(backup) = found {
        if let Some((then, now)) = backup.of_another(&names) {
            session.terminal.say(&format!("`{}` is of the database `{then}`, and goes into `{now}`", backup.name));
        }
        return dump_of(session, backup, Some(&database.key), Format::Script).map(Some);
    }
    let Some(path) = &session.project.first_dump else { return Ok(None) };
    let backup = catalog::at(path, &session.project).map_err(|e| match e.downcast::<Problem>() {
        Ok(problem) => problem.cure("`prepare.dump` in `db-tasks.toml` names it").into(),
        Err(e) => e,
    })?;
    dump_of(session, &backup, Some(&database.key), Format::Script).map(Some)
}

/// `db-repair`
pub fn repair(session: &mut Session, args: &cli::Repair) -> Result<Exit> {
    let intent = if args.dry_run { Intent::Show } else { Intent::Run };
    let databases = session.project.databases.clone();
    session.lock("db-repair", intent)?;
    if let Some(number) = args.forget {
        return session.forget(number);
    }
    let wiping = Emptying::read(&session.project)?.is_some();
    if session.unfinished().is_none() && !wiping {
        return session.print("nothing to repair");
    }
    // to have the servers is to have it done: every task begins so
    session.with_servers(&databases, Wants::AsFound, intent, |session| {
        if let Some(half) = session.repair_wipe(intent)? {
            // what is to become of it is for a person to say
            session.print(&half.to_string())?;
        }
        // what is done on the way is done by now; what a person has to ask for is not
        if intent == Intent::Show || session.unfinished().as_ref().is_some_and(repair::waits) {
            session.repair(intent, Occasion::Asked)?;
        }
        let left = session.unfinished();
        let (deeds, inside) = left.as_ref().map_or((Vec::new(), 0), |left| (repair::numbered(left), left.inside.len()));
        if deeds.len() + inside > 0 && intent == Intent::Run {
            return Err(Problem::failed(format!("{} of the deeds could not be done", deeds.len() + inside))
                .because(deeds.join("\n"))
                .cure(repair::WAYS_OUT)
                .into());
        }
        Ok(Exit::Done)
    })
}
