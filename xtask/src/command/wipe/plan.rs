//! `db-wipe`: empties every table; the schema and the migration ledgers stay.

mod end;
mod sort;
mod stores;
mod target;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

pub use self::end::amounts;
use self::end::{note, way_back};
use self::sort::sort;
use self::stores::{store_can_be_wiped, store_headline, store_line, store_notes, wipe_store};
use self::target::Target;
use crate::bundle::{Backup, Catalog, Reason};
use crate::command::backup::plan as backup;
use crate::command::restore::plan::{crowded, overrides};
use crate::config::Project;
use crate::facts::{ContainerFacts, Emptying, Set, Surveyed, SurveyedStore};
use crate::human::ago;
use crate::plan::{Plan, Risk, Safety, Stake, Step};
use crate::planning::Moment;
use crate::planning::services::around_services;
use crate::problem::{Code, Problem};
use crate::tasks;

/// Whether a backup comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// `--backup`
    Backup,
    /// It can't be undone.
    Nothing,
}

/// A plan, and a line for each database to print when it is done.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// `app: 12 tables, 34,567 rows`
    pub lines: Vec<String>,
}

/// Plans a wipe of these databases and stores: the services stopped, then the backup, then the
/// wipe, so that nothing is written in between.
pub fn plan(
    project: &Project,
    set: &Set,
    catalog: &Catalog,
    services: &[ContainerFacts],
    first: First,
    earlier: Option<&Emptying>,
    moment: &Moment,
) -> Result<Planned> {
    let targets = wipeable(project, set)?;
    let lines = targets.iter().map(Target::line).chain(set.stores.iter().map(store_line)).collect();
    let bare = Plan {
        notes: notes(&targets, set),
        ..Plan::bare(tasks::WIPE.name, headline(&targets, set), Risk::Nothing)
    };

    let acts = emptying(&targets, set);
    if acts.is_empty() {
        return Ok(Planned { plan: bare, lines });
    }

    let backup = match first {
        First::Backup => Some(backed_up(project, set, catalog, moment)?),
        First::Nothing => None,
    };
    let (steps, made, of_backup) = backup.map_or_else(Default::default, with_its_lines);

    let note = note(project, set, made.clone(), earlier, moment);
    let before = note.as_ref().and_then(|note| note.note(project)).map(Step::Act);
    let settled = note.and_then(|note| note.settled(project, &set.keys())).map(Step::Act);
    let body = steps.into_iter().chain(before).chain(acts).chain(settled).collect();

    let still = targets.iter().filter(|t| t.is_emptied()).map(Target::still);
    let plan = Plan {
        steps: still.chain([around_services(services, body)]).collect(),
        half_way: Some(way_back(&of_backup)),
        afterwards: of_backup.into_iter().chain(project.after_wipe.iter().cloned()).collect(),
        backup: made,
        risk: risk(project, set, catalog, first, moment),
        ..bare
    };

    Ok(Planned { plan, lines })
}

/// The databases with their tables sorted, if they and the stores can be wiped.
fn wipeable<'a>(project: &Project, set: &'a Set) -> Result<Vec<Target<'a>>> {
    let databases = set.databases.as_slice();
    databases.iter().try_for_each(backup::dumpable)?;
    named_tables_exist(project, databases)?;

    let targets: Vec<Target<'_>> = databases
        .iter()
        .map(|d| Target {
            surveyed: d,
            sorted: sort(&d.server.inventory, &project.guards.keep_tables),
        })
        .collect();

    targets.iter().try_for_each(Target::can_be_wiped)?;
    set.stores.iter().try_for_each(store_can_be_wiped)?;

    Ok(targets)
}

/// Empties one after the other.
fn emptying(targets: &[Target<'_>], set: &Set) -> Vec<Step> {
    let is_full = |store: &&SurveyedStore| store.held.items() > 0 || !store.held.parts.is_empty();
    let databases = targets.iter().filter(|t| t.is_emptied()).map(|t| t.alone(t.wipe()));
    let stores = set.stores.iter().filter(is_full).map(wipe_store).map(Step::Act);
    databases.chain(stores).collect()
}

/// A backup's steps, where it is, and what is said of it at the end.
fn with_its_lines(backup: Plan) -> (Vec<Step>, Option<PathBuf>, Vec<String>) {
    let back = |line: &String| line.replace("to restore it:", "to get the data back:");
    let lines = backup.afterwards.iter().map(back).collect();
    (backup.steps, backup.backup, lines)
}

/// The backup that comes first.
fn backed_up(project: &Project, set: &Set, catalog: &Catalog, moment: &Moment) -> Result<Plan> {
    let request = backup::Request {
        backup: project.backup.clone(),
        label: None,
        reason: Reason::PreWipe,
        salvage: None,
        ratchet: None,
        keys: BTreeMap::new(),
    };

    backup::plan(project, set, catalog, &request, moment)
}

/// What is emptied, and how much of it there is.
fn headline(targets: &[Target<'_>], set: &Set) -> String {
    let databases = targets
        .iter()
        .map(|t| format!("`{}` ({}): {}", t.surveyed.name(), t.surveyed.at(), t.size()));
    let all: Vec<String> = databases.chain(set.stores.iter().map(store_headline)).collect();

    format!("empty {}", all.join(", "))
}

/// What to know of each part before it is emptied.
fn notes(targets: &[Target<'_>], set: &Set) -> Vec<String> {
    let of_database = |target: &Target<'_>| {
        let surveyed = target.surveyed;
        let own = target.notes().into_iter();
        own.chain(overrides(surveyed))
            .chain(surveyed.on_login())
            .chain(crowded(surveyed))
            .collect::<Vec<_>>()
    };

    targets
        .iter()
        .flat_map(of_database)
        .chain(set.stores.iter().flat_map(store_notes))
        .chain(one_by_one(set))
        .collect()
}

/// No transaction spans two databases, or a store.
fn one_by_one(set: &Set) -> Vec<String> {
    let down = set
        .missing
        .iter()
        .map(|m| format!("NOT emptied: `{}`, which is optional, is down: {}", m.store, m.why));
    let many = match (set.databases.len(), set.stores.len()) {
        (0 | 1, 0) | (0, 1) => None,
        (_, 0) => Some(
            "one database after the other: if one fails, those before it are already empty".into(),
        ),
        _ => Some(
            "one after the other, in this order: if one fails, those before it are already empty"
                .into(),
        ),
    };
    down.chain(many).collect()
}

/// What is at stake; it need not look at the tables.
pub fn risk(
    project: &Project,
    set: &Set,
    catalog: &Catalog,
    first: First,
    moment: &Moment,
) -> Risk {
    let bare = |newest: Option<&Backup>, stake: Stake| {
        let safety = match first {
            First::Backup => Safety::BackedUp,
            First::Nothing => Safety::Bare(
                newest.map(|b| format!("`{}`, made {}", b.name, ago(b.created, moment.now))),
            ),
        };
        Stake { safety, ..stake }
    };

    let databases =
        set.databases.iter().map(|d| bare(catalog.latest_named(&d.spec.key, d.name()), d.stake()));
    let stakes: Vec<Stake> = databases
        .chain(set.stores.iter().map(|s| bare(catalog.latest(&[s.key()]), s.stake())))
        .collect();
    let answer = Stake::names(&stakes);

    Risk::ReplacesData { stakes, answer, pins: project.guards.pins_of("wipe"), recovery: None }
}

/// A name that matches nothing is a typo that would cost the rows of the intended table.
fn named_tables_exist(project: &Project, databases: &[Surveyed]) -> Result<()> {
    let fits = |name: &&crate::config::TableName| {
        databases
            .iter()
            .flat_map(|d| &d.server.inventory.tables)
            .any(|t| name.fits(&t.schema, &t.table))
    };

    match project.guards.keep_tables.iter().find(|name| !fits(name)) {
        // it may be of a database that is not part of this run
        Some(name) if databases.len() == project.databases.len() => Err(Problem::refused(format!(
            "`guards.keep-tables` names `{name}`, but there is no such table"
        ))
        .code(Code::Config)
        .because("if the name is misspelt, the table you meant to keep would be emptied")
        .cure(
            "correct the name in `db-tasks.toml` (`schema.table`, or `table` in any schema), or \
             remove it",
        )
        .into()),
        _ => Ok(()),
    }
}
