//! `db-undo`: swaps back what the last restore or reset replaced.

use anyhow::Result;

use crate::command::restore::plan::{Restored, swappable, unusual};
use crate::config::Project;
use crate::engine::postgres::catalog::marks::{MarkFields, MovedAside, State};
use crate::engine::postgres::change::admin::{self, Swap};
use crate::engine::postgres::client::name::{parked, previous};
use crate::facts::{ContainerFacts, Set, Surveyed, SurveyedStore};
use crate::plan::{Act, Deed, How, Plan, Recovery, Risk, Scope, Stake, Step};
use crate::planning::marked::{comes_back, in_the_way};
use crate::planning::replacing::unsubscribed;
use crate::planning::services::around_services;
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::tasks;
use crate::value::{Change, DatabaseFacts, Swapped};

/// What an undo does for one database or store.
struct Part {
    headline: String,
    checks: Vec<Act>,
    swap: Act,
    let_go: Vec<Act>,
    back: Vec<Act>,
    stake: Option<Stake>,
    afterwards: Option<String>,
}

/// What of a set can be undone; what replaced nothing stays as it is.
struct Undone<'a> {
    stores: Vec<&'a SurveyedStore>,
    databases: Vec<&'a Surveyed>,
    notes: Vec<String>,
}

impl<'a> Undone<'a> {
    fn of(set: &'a Set) -> Self {
        let (stores, databases) = (set.stores.iter(), set.databases.iter());
        let has_store = |s: &&SurveyedStore| s.held.can_undo;
        let has_database = |d: &&Surveyed| d.server.database(&previous(d.name())).is_some();

        // if there is nothing at all, each of them says so
        if !stores.clone().any(|s| has_store(&s)) && !databases.clone().any(|d| has_database(&d)) {
            let (stores, databases) = (stores.collect(), databases.collect());
            return Self { stores, databases, notes: Vec::new() };
        }

        let (stores, bare_stores): (Vec<_>, Vec<_>) = stores.partition(has_store);
        let (databases, bare): (Vec<_>, Vec<_>) = databases.partition(has_database);
        let bare = bare_stores.iter().map(|s| s.key()).chain(bare.iter().map(|d| d.name()));
        let notes = bare
            .map(|name| format!("`{name}` stays as it is: there was nothing before it"))
            .collect();

        Self { stores, databases, notes }
    }

    fn parts(&self, project: &Project, restored: Restored) -> Result<Vec<Part>> {
        let stores = self.stores.iter().map(|store| of_store(store));
        let databases = self.databases.iter().map(|one| of_database(one, project, restored));
        stores.chain(databases).collect()
    }
}

/// Plans an undo of all that is in the set. It can be undone in the same way.
pub fn plan(project: &Project, set: &Set, services: &[ContainerFacts]) -> Result<Plan> {
    let undone = Undone::of(set);
    let alone = undone.stores.len() + undone.databases.len() == 1;
    let parts = undone.parts(project, if alone { Restored::Alone } else { Restored::Others })?;

    let headline = parts.iter().map(|p| p.headline.clone()).collect::<Vec<_>>().join(", ");
    let risk = risk(project, &parts);
    let afterwards = afterwards(&parts);
    let notes = undone
        .notes
        .into_iter()
        .chain(set.databases.iter().flat_map(unusual))
        .chain(set.databases.iter().filter_map(held))
        .collect();

    let mut steps = swapped(parts, services);
    let finally: Vec<Act> = set.databases.iter().filter_map(unsubscribed).collect();
    steps.extend((!finally.is_empty()).then(|| Step::Scope(Scope { finally, ..Scope::default() })));

    Ok(Plan { notes, steps, afterwards, ..Plan::bare(tasks::UNDO.name, headline, risk) })
}

fn risk(project: &Project, parts: &[Part]) -> Risk {
    let stakes: Vec<Stake> = parts.iter().filter_map(|p| p.stake.clone()).collect();
    if stakes.is_empty() {
        return Risk::Adds;
    }

    let pins = project.guards.pins_of("undo");
    let recovery = Some(Recovery { of: "undo".into(), drops: Vec::new() });

    Risk::ReplacesData { stakes, answer: "yes".into(), pins, recovery }
}

fn afterwards(parts: &[Part]) -> Vec<String> {
    let each: Vec<String> = parts.iter().filter_map(|part| part.afterwards.clone()).collect();
    let all = "everything that was live is kept now: run `db-undo` again to swap it back";
    if each.len() > 1 { vec![all.into()] } else { each }
}

/// First all checks, then all swaps; if one fails, the others are swapped back.
fn swapped(parts: Vec<Part>, services: &[ContainerFacts]) -> Vec<Step> {
    let alone = parts.len() == 1;
    let (mut checks, mut body, mut let_go) = (Vec::new(), Vec::new(), Vec::new());
    let mut on_failure = Vec::new();

    for part in parts {
        checks.extend(part.checks.into_iter().map(Step::Act));
        body.push(Step::Act(part.swap));
        let_go.extend(part.let_go.into_iter().map(Step::Act));
        on_failure.splice(0..0, part.back);
    }

    body.extend(let_go);
    // a single one is swapped in one step
    let swaps = if alone {
        body
    } else {
        vec![Step::Scope(Scope { body, on_failure, ..Scope::default() })]
    };

    checks.push(around_services(services, swaps));
    checks
}

fn of_database(target: &Surveyed, project: &Project, restored: Restored) -> Result<Part> {
    let (name, client) = (target.name(), &target.client);
    let kept = previous(name);
    let Some(old) = target.server.database(&kept) else {
        return Err(Problem::failed(format!(
            "there is nothing to undo: there is no database `{kept}` on the server ({})",
            target.at()
        ))
        .code(Code::NothingToUndo)
        .cure("`db-restore` restores a backup; `db-list` shows them")
        .into());
    };

    comes_back(old, &project.guards)?;
    swappable(target)?;

    if let Some(other) = target.server.database(&parked(name)) {
        return Err(in_the_way(other).into());
    }

    let live = target.live();
    let (aside, before) = (restored.aside(tasks::UNDO.name, target, project), old.state().aside());
    // a killed run no longer holds it: a person has decided
    let let_go = [&aside, &before]
        .into_iter()
        .filter_map(|aside| admin::let_go(client, name, aside))
        .collect();

    let swap = returning(target, old, aside);
    let back = live.map_or(Vec::new(), |live| back(target, old, live, &swap, before));

    Ok(Part {
        headline: format!("make `{kept}` the live `{name}` again ({})", target.at()),
        checks: vec![admin::still(client, name, live), admin::still(client, &kept, Some(old))],
        swap: admin::swap(client, &swap),
        let_go,
        back,
        stake: live.map(|_| target.stake()),
        afterwards: live
            .map(|_| format!("what was live is now `{kept}`: run `db-undo` again to swap it back")),
    })
}

/// A note that a killed run moved it aside: `db-repair` there would bring it back.
fn held(target: &Surveyed) -> Option<String> {
    let old = target.server.database(&previous(target.name()))?;
    let State::Held(run) = old.state() else { return None };
    Some(format!("`{}` is held by {run}, which is not finished: an undo ends that", old.name))
}

/// The swap that makes the `old` database live again.
fn returning<'a>(target: &'a Surveyed, old: &'a DatabaseFacts, aside: MovedAside) -> Swap<'a> {
    let live = target.live();
    // it belongs to the name, not to the data
    let template = live.map_or(old.template, |live| live.template);

    Swap {
        carries: None,
        live: target.name(),
        incoming: previous(target.name()),
        live_oid: live.map(|d| d.oid),
        older_oid: None,
        own: MarkFields { template, ..MarkFields::of(Some(old)) },
        kept: MarkFields::of(live),
        aside,
    }
}

/// Undoes that swap: what was live is live again.
fn back(
    target: &Surveyed,
    old: &DatabaseFacts,
    live: &DatabaseFacts,
    swap: &Swap<'_>,
    before: MovedAside,
) -> Vec<Act> {
    let again = Swap {
        live_oid: Some(old.oid),
        own: MarkFields::of(Some(live)),
        kept: swap.own,
        aside: before,
        ..swap.clone()
    };

    // a psql that outlived its run must not swap once the others are swapped back
    vec![end_sessions(target), admin::undo_back(&target.client, &again, live.oid)]
}

fn of_store(target: &SurveyedStore) -> Result<Part> {
    let (key, address, live) = (target.key(), &target.address, target.held.id.clone());
    if !target.held.can_undo {
        return Err(Problem::failed(format!(
            "there is nothing to undo: nothing of `{key}` is kept ({address})"
        ))
        .code(Code::NothingToUndo)
        .cure("`db-restore` restores a backup; `db-list` shows them")
        .into());
    }

    if let Some(why) = &target.held.stuck {
        return Err(Problem::refused(format!("`{key}` can't be swapped"))
            .because(why)
            .because("nothing was changed")
            .cure("fix that first; `db-doctor` checks it")
            .into());
    }

    let act =
        |change| Act::Rename(Deed { what: key.into(), how: How::Change(address.clone(), change) });

    Ok(Part {
        headline: format!("make what is kept of `{key}` live again ({address})"),
        checks: Vec::new(),
        swap: act(Change::Undo { live: live.clone() }),
        let_go: Vec::new(),
        back: vec![act(Change::Back { live: live.clone(), from: Swapped::Undone })],
        stake: (!live.is_empty()).then(|| target.stake()),
        afterwards: (!live.is_empty()).then(|| {
            format!("what was live in `{key}` is kept now: run `db-undo` again to swap it back")
        }),
    })
}
