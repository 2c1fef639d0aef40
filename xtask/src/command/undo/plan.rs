//! `db-undo`: swaps back what the last restore or reset replaced.

use anyhow::Result;

use crate::command::restore::plan::{Restored, swappable, unsubscribed, unusual};
use crate::config::Project;
use crate::engine::postgres::catalog::marks::{MarkFields, State};
use crate::engine::postgres::change::admin::{self, Swap};
use crate::engine::postgres::client::name::{parked, previous};
use crate::facts::{ContainerFacts, Set, Surveyed, SurveyedStore};
use crate::plan::{Act, Deed, How, Plan, Recovery, Risk, Scope, Stake, Step};
use crate::planning::marked::{comes_back, in_the_way};
use crate::planning::services::around_services;
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::tasks;
use crate::value::{Change, Swapped};

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

/// Plans an undo of all that is in the set. It can be undone in the same way.
pub fn plan(project: &Project, set: &Set, services: &[ContainerFacts]) -> Result<Plan> {
    let (stores, databases) = (set.stores.iter(), set.databases.iter());
    let bare = |s: &&SurveyedStore| !s.held.can_undo;
    let lacks = |d: &&Surveyed| d.server.database(&previous(d.name())).is_none();
    let all_bare = stores.clone().all(|s| bare(&s)) && databases.clone().all(|d| lacks(&d));
    // in a set, what replaced nothing stays
    let stay = |is_bare: bool| is_bare && !all_bare;

    let notes = stores
        .clone()
        .filter(bare)
        .map(|s| s.key())
        .chain(databases.clone().filter(lacks).map(|d| d.name()));

    let notes = notes
        .filter(|_| !all_bare)
        .map(|name| format!("`{name}` stays as it is: there was nothing before it"));
    let notes: Vec<String> = notes
        .chain(set.databases.iter().flat_map(unusual))
        .chain(databases.clone().filter_map(held))
        .collect();
    let stores: Vec<_> = stores.filter(|s| !stay(bare(s))).collect();
    let databases: Vec<_> = databases.filter(|d| !stay(lacks(d))).collect();
    let alone = stores.len() + databases.len() == 1;

    let company = if alone { Restored::Alone } else { Restored::Others };
    let of_database = |target| of_database(target, project, company);

    let parts = stores
        .into_iter()
        .map(of_store)
        .chain(databases.into_iter().map(of_database))
        .collect::<Result<Vec<_>>>()?;

    let headline = parts.iter().map(|p| p.headline.clone()).collect::<Vec<_>>().join(", ");
    let stakes: Vec<Stake> = parts.iter().filter_map(|p| p.stake.clone()).collect();
    let pins = project.guards.pins_of("undo");
    let recovery = Some(Recovery { of: "undo".into(), drops: Vec::new() });

    let risk = if stakes.is_empty() {
        Risk::Adds
    } else {
        Risk::ReplacesData { stakes, answer: "yes".into(), pins, recovery }
    };

    let together = || {
        vec!["everything that was live is kept now: run `db-undo` again to swap it back".to_owned()]
    };
    let (mut steps, mut swaps, mut back, mut afterwards) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut let_go = Vec::new();

    for part in parts {
        steps.extend(part.checks.into_iter().map(Step::Act));
        swaps.push(Step::Act(part.swap));
        let_go.extend(part.let_go.into_iter().map(Step::Act));
        back.splice(0..0, part.back);
        afterwards.extend(part.afterwards);
    }

    swaps.extend(let_go);
    // a single one is swapped in one step
    let swaps = if alone {
        swaps
    } else {
        vec![Step::Scope(Scope { body: swaps, on_failure: back, ..Scope::default() })]
    };

    steps.push(around_services(services, swaps));
    let finally: Vec<Act> = set.databases.iter().filter_map(unsubscribed).collect();
    steps.extend((!finally.is_empty()).then(|| Step::Scope(Scope { finally, ..Scope::default() })));

    let afterwards = if afterwards.len() > 1 { together() } else { afterwards };
    Ok(Plan { notes, steps, afterwards, ..Plan::bare(tasks::UNDO.name, headline, risk) })
}

fn of_database(target: &Surveyed, project: &Project, company: Restored) -> Result<Part> {
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
    let (aside, before) = (company.aside(tasks::UNDO.name, target, project), old.state().aside());
    // a killed run no longer holds it: a person has decided
    let let_go = [&aside, &before]
        .into_iter()
        .filter_map(|aside| admin::let_go(client, name, aside))
        .collect();
    // it belongs to the name, not to the data
    let template = live.map_or(old.template, |live| live.template);

    let swap = Swap {
        carries: None,
        live: name,
        incoming: kept.clone(),
        live_oid: live.map(|d| d.oid),
        older_oid: None,
        own: MarkFields { template, ..MarkFields::of(Some(old)) },
        kept: MarkFields::of(live),
        aside,
    };

    let back = live.map_or(Vec::new(), |live| {
        let again = Swap {
            live_oid: Some(old.oid),
            own: MarkFields::of(Some(live)),
            kept: swap.own,
            aside: before,
            ..swap.clone()
        };
        // a psql that outlived its run must not swap once the others are swapped back
        vec![end_sessions(target), admin::undo_back(client, &again, live.oid)]
    });

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
            .cure("nothing was changed")
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
