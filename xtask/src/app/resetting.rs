//! Tasks that the project's own migrator and seed take part in.

use std::path::Path;

use anyhow::Result;

use super::alone;
use super::cluster::Wants;
use super::repairing::Occasion;
use super::session::{Intent, Session};
use super::writing::{consent, survey};
use crate::bundle::{Catalog, Reason};
use crate::cli;
use crate::cmd::quoted;
use crate::config::KeepRules;
use crate::engine::postgres::facts::Depth;
use crate::facts::{Emptying, Set, Surveyed};
use crate::gate::Consent;
use crate::plan::Plan;
use crate::problem::{Exit, Problem};
use crate::task::hooked::{self, Before, First};
use crate::task::reset::{self as reset_task, OldData, Seeding};
use crate::task::{backup as backup_task, repair};

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

        let hooks = session.hooks(
            "reset",
            &["migrate", "seed"].map(String::from),
            &[&target],
            Some(&met),
        )?;

        let request = reset_task::Request { backup, seeding, suspects: session.env.addresses() };
        let plan = reset_task::plan(&session.project, &target, &services.found, &hooks, request)?;
        let plan = session.hooked(services.noted(plan), &[&target])?;
        let plan = session.filling(plan, &[&database.key])?;
        let plan = alone::with(plan, [&target]);

        let given = session
            .env
            .given("SKIP_BACKUP_PROMPT")
            .filter(|yes| session.env.held("SKIP_BACKUP_PROMPT", yes).is_none());
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

/// The backup that comes before something is destroyed: its steps stand in the same plan, so that
/// nothing starts before it is sealed.
pub fn safety_backup(session: &Session, target: &Surveyed, reason: Reason) -> Result<Plan> {
    let mut backup = session.project.backup.clone();
    if reason == Reason::PreRestore {
        // the backup that is about to be restored may be the one that is due
        backup.keep = KeepRules::default();
    }

    let request = backup_task::Request { backup, label: None, reason, salvage: None };
    let catalog =
        Catalog::beside_a_new_one(&request.backup.dir, &session.project, &request.backup.keep)?;
    let set = Set { databases: vec![target.clone()], ..Set::default() };

    backup_task::plan(&session.project, &set, &catalog, &request, &session.moment)
}

/// `db-migrate`
pub fn migrate(session: &mut Session, args: &cli::Migrate) -> Result<Exit> {
    let first = if args.no_backup { First::NoBackup } else { First::BackupOfWhatIsThere };
    run_hook(
        session,
        &Hooked { task: "db-migrate", database: args.database.as_deref(), first },
        Intent::by_flag(args.dry_run),
    )
}

/// `db-seed`
pub fn seed(session: &mut Session, args: &cli::Seed) -> Result<Exit> {
    let first = if args.backup { First::Backup } else { First::Nothing };
    run_hook(
        session,
        &Hooked { task: "db-seed", database: args.database.as_deref(), first },
        Intent::by_flag(args.dry_run),
    )
}

/// A task that is one hook.
struct Hooked<'a> {
    task: &'static str,
    database: Option<&'a str>,
    first: First,
}

fn run_hook(session: &mut Session, wanted: &Hooked<'_>, intent: Intent) -> Result<Exit> {
    let database = session.database(wanted.database)?;
    session.lock(wanted.task, intent)?;

    session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
        let target = survey(session, std::slice::from_ref(&database))?.remove(0);
        let moment = wanted.task.trim_start_matches("db-").to_owned();
        let hooks = session.hooks(&moment, std::slice::from_ref(&moment), &[&target], None)?;
        let backs_up = wanted.first.backs_up(&target);
        let backup =
            backs_up.then(|| safety_backup(session, &target, Reason::PreMigrate)).transpose()?;

        let plan = hooked::plan(
            &target,
            wanted.task,
            &hooks,
            Before { first: wanted.first, backup },
            session.project.guards.pins_of(&moment),
        )?;

        let plan = alone::with(session.hooked(plan, &[&target])?, [&target]);
        let made = plan.backup.clone();
        let done = session
            .carry_out(plan, Consent::Yes, intent)
            .map_err(|e| with_backup(e, wanted.task, made.as_deref()))?;
        if done.is_some() { session.print(target.name()) } else { Ok(Exit::Done) }
    })
}

/// What failed may have done half of its work: the backup that was made before it is the way back.
/// One that could not be made kept the hook from running.
fn with_backup(error: anyhow::Error, task: &str, made: Option<&Path>) -> anyhow::Error {
    let (Some(path), Some(file)) = (made, made.and_then(Path::file_name)) else { return error };
    let way = match (path.exists(), task) {
        (true, _) => format!(
            "what was there before is in the backup: `db-restore {}`",
            quoted(&file.to_string_lossy())
        ),
        (false, "db-migrate") => {
            "without a backup, and so without a way back: `db-migrate --no-backup`".into()
        }
        (false, _) => return error,
    };

    match error.downcast::<Problem>() {
        Ok(problem) => problem.also(way).into(),
        Err(error) => error,
    }
}

/// `db-repair`
pub fn repair(session: &mut Session, args: &cli::Repair) -> Result<Exit> {
    let intent = Intent::by_flag(args.dry_run);
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
        let (deeds, inside) = left
            .as_ref()
            .map_or((Vec::new(), 0), |left| (repair::numbered(left), left.inside.len()));
        if deeds.len() + inside > 0 && intent == Intent::Run {
            return Err(session.still_to_do(deeds, inside).into());
        }

        Ok(Exit::Done)
    })
}
