//! `db-reset`: replaces the database with a new one, migrated and seeded, with an undo.

mod emptied;
mod filling;

use std::path::{Path, PathBuf};

use anyhow::Result;

use self::filling::{ends_in_place, fill, met_by, moments, reaches_staged};
use crate::command::restore::plan::{
    carriable, failed_goes, may_create, older_goes, swappable, unstage, unusual,
};
use crate::config::{Guards, Project, Strategy};
use crate::engine::postgres::catalog::marks::{MovedAside, Use, run_name};
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::client::name::{beside, previous};
use crate::facts::{ContainerFacts, ReplacedTogether, Surveyed};
use crate::plan::{Act, Plan, Risk, Safety, Scope, Stake, Step};
use crate::planning::hooks::{Hooks, Outcome};
use crate::planning::marked::{leftovers, live_is, older_may_go};
use crate::planning::replacing::{Replacing, unsubscribed};
use crate::planning::services::around_services;
use crate::problem::{Code, Problem};
use crate::tasks;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The backup that comes first, if one is made.
    pub backup: Option<Plan>,
    /// Whether the new database is seeded.
    pub seeding: Seeding,
    /// Variables other than DATABASE_URL that hold addresses of databases: a migrator may read one
    /// of them instead.
    pub suspects: Vec<String>,
}

/// Whether the new database is seeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeding {
    /// By the `seed` hook.
    Seeded,
    /// `--no-seed`.
    Unseeded,
}

/// What happens to the old data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldData {
    /// The old database is kept next to the new one, or there is none.
    Kept,
    /// It is emptied, by a role that can't create a second one: the backup has its data.
    BackedUp,
}

/// What happens to the old data.
pub fn old_data(project: &Project, target: &Surveyed) -> OldData {
    let in_place = project.strategy == Strategy::InPlace && target.live().is_some();
    if in_place && !target.server.role.createdb { OldData::BackedUp } else { OldData::Kept }
}

/// Plans a reset. `hooks` reach the database under the name that it has while they run: see
/// [`hooks_meet`].
pub fn plan(
    project: &Project,
    target: &Surveyed,
    services: &[ContainerFacts],
    hooks: &Hooks,
    request: Request,
) -> Result<Plan> {
    let old_data = old_data(project, target);
    may_be_reset(project, target, &request, old_data)?;
    migrates(target, hooks)?;

    match project.strategy {
        Strategy::InPlace => ends_in_place(hooks, request.seeding)?,
        Strategy::Staged => reaches_staged(hooks, request.seeding)?,
    }

    let mut steps = cleared_away(project, target)?;
    let seeding = request.seeding;
    let result = request.backup.as_ref().and_then(|b| b.result.first().cloned());
    let fill = fill(target, project.strategy, hooks, result.as_ref(), &request);
    steps.extend(replaced(project, target, services, request.backup, (old_data, fill))?);

    let is_kept = old_data == OldData::Kept;
    let note = ReplacedTogether::note(project, &[&target.spec.key]);
    steps.extend(note.filter(|_| is_kept).map(Step::Act));

    let of_hooks = moments(seeding).iter().flat_map(|moment| hooks.notes(moment));
    let headline = format!(
        "reset `{}` ({}): an empty database, migrated{}",
        target.name(),
        target.at(),
        seeded(seeding)
    );
    let risk = risk(target, &project.guards, result.as_ref(), old_data);

    Ok(Plan {
        notes: notes(target, project.strategy, result.as_ref(), old_data)
            .into_iter()
            .chain(unusual(target))
            .chain(of_hooks)
            .collect(),
        steps,
        afterwards: afterwards(project, target, result.as_deref(), old_data),
        result: result.iter().cloned().collect(),
        backup: result,
        ..Plan::bare(tasks::RESET.name, headline, risk)
    })
}

/// The backup, and the database replaced or emptied, and filled.
fn replaced(
    project: &Project,
    target: &Surveyed,
    services: &[ContainerFacts],
    backup: Option<Plan>,
    (old_data, fill): (OldData, Vec<Step>),
) -> Result<Vec<Step>> {
    Ok(match (project.strategy, old_data, backup) {
        (_, OldData::BackedUp, Some(backup)) => {
            vec![around_services(services, emptied::steps(target, backup, fill, project)?)]
        }
        (Strategy::InPlace, _, backup) => {
            let run = run_name(tasks::RESET.name, &target.client, &project.root);
            let new = in_place(target, fill, MovedAside::Held(run));
            vec![around_services(services, steps_of(backup).into_iter().chain(new).collect())]
        }
        (Strategy::Staged, _, backup) => {
            steps_of(backup).into_iter().chain(staged(target, services, fill)).collect()
        }
    })
}

/// Refuses what the role or the database's state does not allow.
fn may_be_reset(
    project: &Project,
    target: &Surveyed,
    request: &Request,
    old_data: OldData,
) -> Result<()> {
    match old_data {
        OldData::Kept => may_create(target)?,
        OldData::BackedUp => emptied::backed_up(target, request.backup.as_ref())?,
    }

    live_is(target, Use::KeepAsOld, &project.guards)?;
    swappable(target)
}

/// An empty database without tables is of no use to anybody.
fn migrates(target: &Surveyed, hooks: &Hooks) -> Result<(), Problem> {
    if !hooks.acts("migrate", None, Outcome::Pending).is_empty() {
        return Ok(());
    }

    Err(Problem::usage(format!(
        "there is no hook to create the tables of `{}` again",
        target.name()
    ))
    .code(Code::Config)
    .because("a reset makes an empty database, and the hook `migrate` creates its tables")
    .cure(
        "add `migrate = [\"npx\", \"prisma\", \"migrate\", \"deploy\"]`, or your own migrator, \
         below `[hooks]` in `db-tasks.toml`",
    ))
}

/// The first steps: what earlier runs left under the names that this one needs is dropped.
fn cleared_away(project: &Project, target: &Surveyed) -> Result<Vec<Step>> {
    let name = target.name();
    let left = leftovers(
        target,
        &project.guards,
        &[&beside(name, "staged"), &beside(name, "discard"), &admin::failed(name)],
    )?;

    target
        .server
        .database(&previous(name))
        .map_or(Ok(()), |older| older_may_go(target, older, &project.guards))?;

    Ok(carriable(target).into_iter().chain(left).collect())
}

fn steps_of(backup: Option<Plan>) -> Vec<Step> {
    backup.map_or(Vec::new(), |backup| backup.steps)
}

/// Where the old data is when it is done.
fn afterwards(
    project: &Project,
    target: &Surveyed,
    backup: Option<&Path>,
    old_data: OldData,
) -> Vec<String> {
    let mut lines = Vec::new();
    if target.live().is_some() && old_data == OldData::Kept {
        lines.push(format!(
            "the old data is kept as the database `{}`: `db-undo` brings it back",
            previous(target.name())
        ));
    }

    if let Some(path) = backup {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lines.push(match old_data {
            OldData::Kept => format!("it is also in the backup: db-restore {file}"),
            OldData::BackedUp => {
                format!("the old data is in the backup: db-restore {file} --in-place")
            }
        });
    }

    lines.extend(project.after_reset.iter().cloned());

    lines
}

/// The name under which the hooks see the new database.
pub fn hooks_meet(project: &Project, name: &str) -> String {
    met_by(project.strategy, name)
}

fn seeded(seeding: Seeding) -> &'static str {
    if seeding == Seeding::Seeded { " and seeded" } else { ", not seeded" }
}

/// A reset without a backup needs the safety pins of a wipe in addition to its own.
fn risk(target: &Surveyed, guards: &Guards, backup: Option<&PathBuf>, old_data: OldData) -> Risk {
    let mut pins = guards.pins_of("reset");
    if backup.is_none() {
        let more: Vec<_> =
            guards.pins_of("wipe").into_iter().filter(|pin| !pins.contains(pin)).collect();
        pins.extend(more);
    }

    let safety = if old_data == OldData::Kept { Safety::Kept } else { Safety::BackedUp };
    match target.live() {
        Some(live) => Risk::ReplacesData {
            stakes: vec![Stake { safety, ..target.stake() }],
            answer: live.name.clone(),
            pins,
            recovery: None,
        },
        // hooks run: the guards hold, even if there is no database yet
        None => Risk::Changes { stakes: vec![target.stake()], pins: guards.pins_of("reset") },
    }
}

fn notes(
    target: &Surveyed,
    strategy: Strategy,
    backup: Option<&PathBuf>,
    old_data: OldData,
) -> Vec<String> {
    if old_data == OldData::BackedUp {
        return emptied::notes(target);
    }

    let Some(live) = target.live() else { return Vec::new() };
    let bare = format!(
        "NO BACKUP is made first: only the database `{}` has the old data",
        previous(&live.name)
    );
    let note = match strategy {
        Strategy::InPlace => {
            "if the migrator or the seed fails, the old data is swapped back automatically"
        }
        Strategy::Staged => "the live database stays until the new one is migrated and seeded",
    };
    let bare = backup.is_none().then_some(bare);

    bare.into_iter()
        .chain([note.to_owned()])
        .chain(older_goes(target))
        .chain(failed_goes(target))
        .collect()
}

fn create(target: &Surveyed) -> Step {
    let name = target.name();
    let identity = Identity { name, oid: target.live().map(|d| d.oid) };

    Step::Act(admin::create(
        &target.client,
        &beside(name, "staged"),
        target.live(),
        target.server.version,
        &identity,
    ))
}

/// Empty, live, migrated, seeded; if that fails, the old one is swapped back.
fn in_place(target: &Surveyed, fill: Vec<Step>, aside: MovedAside) -> Vec<Step> {
    let replacing = Replacing::of(target, None, aside);
    let swapped = Step::Act(replacing.swap());
    let let_go = replacing.let_go().map(Step::Act);

    let body = [create(target), swapped].into_iter().chain(fill).chain(let_go).collect();
    let staged = beside(target.name(), "staged");
    let on_failure = unstage(target, &staged).into_iter().chain(replacing.back()).collect();

    let mut steps = vec![Step::Scope(Scope { body, on_failure, ..Scope::default() })];
    let finally: Vec<Act> =
        replacing.drop_older().into_iter().chain(unsubscribed(target)).collect();
    steps.extend((!finally.is_empty()).then(|| Step::Scope(Scope { finally, ..Scope::default() })));

    steps
}

/// Migrated and seeded next to the live one, and swapped in only then.
fn staged(target: &Surveyed, services: &[ContainerFacts], fill: Vec<Step>) -> Vec<Step> {
    let staged = beside(target.name(), "staged");
    let replacing = Replacing::of(target, None, MovedAside::Kept);
    let swapped = around_services(services, vec![Step::Act(replacing.swap())]);

    let body = [create(target)].into_iter().chain(fill).chain([swapped]).collect();
    let finally = replacing.drop_older().into_iter().chain(unsubscribed(target)).collect();

    vec![Step::Scope(Scope {
        body,
        on_failure: unstage(target, &staged),
        finally,
        ..Scope::default()
    })]
}
