//! `db-prepare`: for a container's first start, and any other. It gives a missing or empty database
//! what it needs, and leaves one with data alone.

use anyhow::Result;

use crate::command::restore::plan::in_place::plan as restore_in_place;
use crate::command::restore::plan::{
    Aim, Difference, Request, Subject, carriable, may_create, plan as restore, swappable,
};
use crate::config::Project;
use crate::engine::postgres::catalog::marks::{MarkFields, State, Use};
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::{admin, filling, in_place};
use crate::engine::postgres::client::name::{beside, previous};
use crate::facts::dumps::Dump;
use crate::facts::{ContainerFacts, Surveyed};
use crate::human::counted;
use crate::plan::{Act, Plan, Risk, Scope, Step};
use crate::planning::hooks::{Hooks, Outcome};
use crate::planning::marked::{leftovers, live_is, may_go};
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::tasks;
use crate::value::Trust;

/// What a database needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it has data.
    Nothing,
    /// Its contents: it exists but has no table.
    Contents,
    /// Everything: it does not exist.
    Everything,
    /// First, the removal of what another run left incomplete.
    TakingBack,
}

/// From the facts: whether it exists, whether it is complete, and how many tables it has.
pub fn need(target: &Surveyed) -> Need {
    let waits = target.server.database(&filling::pristine(target.name()));
    match target.live() {
        Some(live) if live.state() == State::OnItsWay => Need::TakingBack,
        None if waits.is_some() => Need::TakingBack,
        None => Need::Everything,
        Some(_) if target.server.tables.is_empty() => Need::Contents,
        Some(_) => Need::Nothing,
    }
}

/// Plans what comes first if a killed run's journal is gone, as with a container's file system: the
/// mark in the database is still there.
pub fn take_back(project: &Project, target: &Surveyed) -> Result<Plan> {
    let name = target.name();
    if let Some(session) = target.live().and(target.server.sessions.first()) {
        return Err(Problem::failed(format!(
            "`{name}` is incomplete, and a session is using it: {session}"
        ))
        .code(Code::Unfinished)
        .because("another run may be preparing it right now")
        .cure(
            "wait until it ends and run this again; if there is no such run, terminate that \
             session first",
        )
        .into());
    }

    let headline =
        format!("remove what an earlier run left incomplete of `{name}` ({})", target.at());
    let steps = vec![Step::Act(undone(project, target)?)];
    let notes =
        vec!["this comes first; the preparation itself can be planned once it is done".into()];

    Ok(Plan { steps, notes, ..Plan::bare(tasks::PREPARE.name, headline, Risk::Nothing) })
}

/// Plans the preparation: from a dump if there is one, otherwise by the hooks `migrate` and `seed`.
pub fn plan(
    project: &Project,
    target: &Surveyed,
    dump: Option<&Dump>,
    hooks: &Hooks,
) -> Result<Plan> {
    let name = target.name();
    live_is(target, Use::Fill, &project.guards)?;

    if need(target) == Need::Nothing {
        let tables = counted(target.server.tables.len() as u64, "table");
        let headline = format!("`{name}` ({}) has {tables}: nothing to prepare", target.at());
        return Ok(Plan::bare(tasks::PREPARE.name, headline, Risk::Nothing));
    }

    if let Some(dump) = dump {
        return from_dump(project, target, dump);
    }

    let moments: &[&str] =
        if is_protected(project, target) { &["migrate"] } else { &["migrate", "seed"] };
    let fill: Vec<Step> =
        moments.iter().flat_map(|m| hooks.acts(m, None, Outcome::Pending)).map(Step::Act).collect();

    let notes = notes(target, &fill, moments, hooks);
    let steps = match target.live() {
        None => made(project, target, fill)?,
        Some(_) if fill.is_empty() => Vec::new(),
        Some(_) => filled(project, target, fill)?,
    };

    let headline = format!("prepare `{name}` ({})", target.at());
    Ok(Plan { steps, notes, ..Plan::bare(tasks::PREPARE.name, headline, Risk::Nothing) })
}

fn notes(target: &Surveyed, fill: &[Step], moments: &[&str], hooks: &Hooks) -> Vec<String> {
    let name = target.name();
    let if_it_fails = match target.server.role.createdb {
        true => format!(
            "if that fails, `{name}` is as it was; the incomplete one stays as `{}` for you to look \
             at",
            admin::failed(name)
        ),
        false => {
            format!("if that fails, `{name}` is emptied again: the role can't create a copy of it")
        }
    };

    let is_unseeded =
        !moments.contains(&"seed") && !hooks.acts("seed", None, Outcome::Pending).is_empty();
    let unseeded = "NOT seeded, because this is production (`guards.protected-environments`)";

    (!fill.is_empty())
        .then_some(if_it_fails)
        .into_iter()
        .chain(is_unseeded.then(|| unseeded.into()))
        .chain(moments.iter().flat_map(|m| hooks.notes(m)))
        .collect()
}

/// What a replacement needs in addition to its dump.
pub struct Replacement<'a> {
    /// The containers that are stopped meanwhile.
    pub services: &'a [ContainerFacts],
    /// The backup that comes first; a database for tests has none.
    pub safety: Option<Plan>,
    /// Free bytes on the server's disk, if it is on this machine.
    pub disk_left: Option<u64>,
}

/// Plans the same for a database with data: a restore over it, with all of a restore's guards but
/// one. Recovering production is the job of `db-restore`: in production only a missing or empty
/// database is prepared.
pub fn replace(
    project: &Project,
    target: &Surveyed,
    dump: &Dump,
    replacement: Replacement<'_>,
) -> Result<Plan> {
    live_is(target, Use::KeepAsOld, &project.guards)?;
    let Replacement { services, safety, disk_left } = replacement;

    let headline = format!(
        "replace the data of `{}` ({}) with {}",
        target.name(),
        target.at(),
        dump.backup.name
    );

    let accept = if safety.is_none() { vec![Difference::Database] } else { Vec::new() };
    if target.server.role.createdb {
        let request = Request { aim: Aim::Live, trust: Trust::Repository, accept };
        let subject = Subject::Database { target, dump, disk_left };
        let restored = restore(project, &[subject], &dump.backup, services, &request)?;
        return Ok(guarded(project, behind(safety, restored), headline));
    }

    let safety = safety.ok_or_else(|| no_copy(target))?;
    let request = Request { aim: Aim::Live, trust: Trust::Dump, accept };
    let restored = restore_in_place(project, target, dump, services, &request, safety)?;

    Ok(guarded(project, restored, format!("{headline}, in place")))
}

/// The backup comes first: nothing else begins until it is verified.
fn behind(safety: Option<Plan>, restored: Plan) -> Plan {
    let Some(safety) = safety else {
        // the undo is for the usual database
        return Plan { afterwards: Vec::new(), ..restored };
    };
    let back = safety
        .afterwards
        .iter()
        .map(|line| line.replace("to restore it:", "it is also in the backup:"));

    Plan {
        notes: [restored.notes, safety.notes].concat(),
        steps: [safety.steps, restored.steps].concat(),
        afterwards: restored.afterwards.into_iter().chain(back).collect(),
        ..restored
    }
}

fn guarded(project: &Project, plan: Plan, headline: String) -> Plan {
    let Risk::ReplacesData { stakes, answer, mut pins, .. } = plan.risk else {
        return Plan { task: tasks::PREPARE.name, headline, ..plan };
    };
    pins.extend(project.guards.pins_of("prepare"));

    Plan {
        task: tasks::PREPARE.name,
        headline,
        risk: Risk::ReplacesData { stakes, answer, pins, recovery: None },
        ..plan
    }
}

fn no_copy(target: &Surveyed) -> Problem {
    let (name, role) = (target.name(), &target.server.role.name);
    Problem::refused(format!(
        "the database for tests `{name}` can't be replaced: the role `{role}` can't create \
         databases"
    ))
    .code(Code::RightsMissing)
    .because(
        "in place it could only be replaced after a backup, and a database for tests is not backed \
         up",
    )
    .cure(format!(
        "have an administrator run `ALTER ROLE \"{role}\" CREATEDB`; or empty it (DROP its \
         tables): then it can be filled"
    ))
}

fn from_dump(project: &Project, target: &Surveyed, dump: &Dump) -> Result<Plan> {
    let name = target.name();
    if let Some(older) = target.live().and(target.server.database(&previous(name))) {
        return Err(Problem::refused(format!(
            "`{}`, kept by the last restore or reset, would be lost for good",
            older.name
        ))
        .because(format!(
            "`{name}` is empty, and would be kept in its place when it is prepared from {}",
            dump.backup.name
        ))
        .cure("`db-undo` swaps it back; `db-restore` replaces it deliberately")
        .into());
    }

    // a database for tests starts from the usual one's data
    let is_for_tests = project.guards.testing.iter().any(|testing| testing == name);
    let accept = is_for_tests.then_some(Difference::Database).into_iter().collect();
    let request = Request { aim: Aim::Live, trust: Trust::Repository, accept };

    if target.live().is_some() && !target.server.role.createdb {
        // it is empty: there is nothing to back up
        let nothing = Plan::bare(tasks::BACKUP.name, String::new(), Risk::Nothing);
        let plan = restore_in_place(project, target, dump, &[], &request, nothing)?;
        let afterwards = project.after_restore.clone();
        return Ok(Plan {
            task: tasks::PREPARE.name,
            risk: Risk::Nothing,
            notes: Vec::new(),
            afterwards,
            ..plan
        });
    }

    let subject = Subject::Database { target, dump, disk_left: None };
    let restored = restore(project, &[subject], &dump.backup, &[], &request)?;
    let headline = format!("prepare `{name}` ({}) from {}", target.at(), dump.backup.name);

    Ok(Plan { task: tasks::PREPARE.name, headline, risk: Risk::Nothing, ..restored })
}

/// Production's first start needs a migration, but not a seed.
fn is_protected(project: &Project, target: &Surveyed) -> bool {
    let marks = target.live().map_or(Vec::new(), |live| live.marks());
    let said = marks.iter().map(|mark| mark.environment.as_str());
    std::iter::once(project.environment.as_str())
        .chain(said)
        .any(|word| project.guards.protects(word))
}

/// Created under its own name and marked until it is filled: a run that finds the mark knows that
/// it is incomplete.
fn made(project: &Project, target: &Surveyed, fill: Vec<Step>) -> Result<Vec<Step>> {
    may_create(target)?;
    let (name, client) = (target.name(), &target.client);
    let identity = Identity { name, oid: None };
    let create = admin::create_live(client, target.server.version, &identity);
    Ok(vec![scope(project, target, vec![create], fill)?])
}

/// A copy of the empty one is filled under its name, and the empty one waits: if that fails,
/// everything in it (extensions, schemas, rights) is back.
fn filled(project: &Project, target: &Surveyed, fill: Vec<Step>) -> Result<Vec<Step>> {
    let Some(live) = target.live() else { return Ok(Vec::new()) };
    let (name, client) = (target.name(), &target.client);
    swappable(target)?;

    if !target.server.role.createdb {
        let identity = Identity { name, oid: Some(live.oid) };
        return Ok(vec![scope(
            project,
            target,
            vec![in_place::begin(client, &identity, MarkFields::of(Some(live)))],
            fill,
        )?]);
    }

    let (staged, waits) = (beside(name, "staged"), filling::pristine(name));
    let mut steps: Vec<Step> = carriable(target)
        .into_iter()
        .chain(leftovers(target, &project.guards, &[&staged, &waits])?)
        .collect();
    steps.push(scope(
        project,
        target,
        vec![filling::copy(client, live, &staged), filling::exchange(client, live, &staged)],
        fill,
    )?);

    // an empty one that can't be removed is no failure of the new one, which is done by then
    steps.push(Step::Scope(Scope {
        finally: vec![admin::drop(client, &waits)],
        ..Scope::default()
    }));
    Ok(steps)
}

fn scope(project: &Project, target: &Surveyed, begin: Vec<Act>, fill: Vec<Step>) -> Result<Step> {
    let done = admin::release(&target.client, target.name(), MarkFields::of(target.live()), None);
    let body = begin.into_iter().map(Step::Act).chain(fill).chain([Step::Act(done)]).collect();
    Ok(Step::Scope(Scope {
        body,
        on_failure: vec![end_sessions(target), undone(project, target)?],
        ..Scope::default()
    }))
}

fn undone(project: &Project, target: &Surveyed) -> Result<Act> {
    target
        .server
        .database(&admin::failed(target.name()))
        .map_or(Ok(()), |failed| may_go(failed, &project.guards))?;
    let own = target.server.database(&filling::pristine(target.name())).or(target.live());
    if !target.server.role.createdb {
        return Ok(in_place::emptied_again(&target.client, target.name(), MarkFields::of(own)));
    }

    Ok(filling::take_back(&target.client, target.name(), MarkFields::of(own)))
}
