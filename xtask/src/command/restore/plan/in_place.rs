//! `db-restore --in-place`: for a role that can't create databases, or a disk without room for a
//! second copy. A verified backup comes first, because there is no old database to swap back.

use anyhow::Result;

use super::checks::{suits, unheld};
use super::holds::{elsewhere, headline, holds, made};
use super::proof::{fence, proof};
use super::request::Request;
use super::stranger::author;
use crate::config::Project;
use crate::engine::postgres::catalog::locks::Shortage;
use crate::engine::postgres::catalog::marks::{MarkFields, State, Use};
use crate::engine::postgres::catalog::members::alone;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::in_place::{arrived, end_others, load};
use crate::engine::postgres::client::name::previous;
use crate::facts::dumps::Dump;
use crate::facts::{ContainerFacts, Surveyed};
use crate::human::count;
use crate::plan::{Act, Load, Pipe, Plan, Risk, Safety, Scope, Sink, Stake, Step};
use crate::planning::marked::live_is;
use crate::planning::services::around_services;
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::tasks;
use crate::value::{DatabaseFacts, Format};

/// Plans it; `safety` is the plan of the backup that comes first. The dump is read to its end
/// before anything is changed, and the services are stopped before the backup.
pub fn plan(
    project: &Project,
    target: &Surveyed,
    dump: &Dump,
    services: &[ContainerFacts],
    request: &Request,
    safety: Plan,
) -> Result<Plan> {
    let (name, client) = (target.name(), &target.client);
    suits(target, dump, request)?;

    let live = target.live().ok_or_else(|| nothing_there(name))?;
    live_is(target, Use::Replace, &project.guards)?;
    unheld(target)?;

    let filled = Sink::Psql(Box::new(filling(target, live, request)));
    let filled = Step::Scope(Scope {
        body: vec![Step::Act(end_others(client, name)), read_into(filled, target, dump, request)],
        on_failure: vec![end_sessions(target)],
        ..Scope::default()
    });

    let steps = vec![
        Step::Act(admin::still(client, name, Some(live))),
        read_into(Sink::Nowhere, target, dump, request),
        around_services(services, safety.steps.into_iter().chain([filled]).collect()),
    ];

    let backup = safety.result.first().and_then(|path| path.file_name()).unwrap_or_default();
    let backup = backup.to_string_lossy();
    let back = format!("the old data is in the backup: db-restore {backup} --in-place");
    let stake = Stake { safety: Safety::BackedUp, ..target.stake() };
    let pins = project.guards.pins_of("restore");

    Ok(Plan {
        notes: notes(project, target, dump),
        steps,
        afterwards: std::iter::once(back).chain(project.after_restore.iter().cloned()).collect(),
        backup: Some(dump.backup.path.clone()),
        author: author(target, dump),
        ..Plan::bare(
            tasks::RESTORE.name,
            format!("{}, in place", headline(dump, name, target)),
            Risk::ReplacesData { stakes: vec![stake], answer: "yes".into(), pins, recovery: None },
        )
    })
}

/// What the backup holds, and what to know before it is loaded.
fn notes(project: &Project, target: &Surveyed, dump: &Dump) -> Vec<String> {
    holds(target, dump)
        .into_iter()
        .chain(told(target, dump))
        .chain(jobs(target, dump))
        .chain(made(&dump.backup))
        .chain(elsewhere(&dump.backup, &project.environment))
        .collect()
}

fn nothing_there(name: &str) -> Problem {
    Problem::refused(format!("there is no database `{name}` to restore in place"))
        .code(Code::NoSuchDatabase)
        .cure("have it created, or leave out `--in-place` if the role may create databases")
}

/// Reads the dump to its end, with all checks.
fn read_into(to: Sink, target: &Surveyed, dump: &Dump, request: &Request) -> Step {
    let pipe = Pipe {
        store: target.spec.key.clone(),
        format: Format::Script,
        from: dump.source.clone(),
        to,
        proof: proof(target, dump, request.trust),
    };
    Step::Act(Act::Pipe(Box::new(pipe)))
}

/// The transaction that empties the database and fills it.
fn filling(target: &Surveyed, live: &DatabaseFacts, request: &Request) -> Load {
    let identity = Identity { name: target.name(), oid: Some(live.oid) };
    let filled = load(
        &target.client,
        &identity,
        &target.server.inventory,
        fence(target, request.trust),
        target.server.version,
    );

    match live.state() {
        State::Emptied(_) | State::OnItsWay => {
            arrived(filled, &identity, MarkFields::of(Some(live)))
        }
        _ => filled,
    }
}

/// Jobs in a dump would start by themselves, wherever they come from.
fn jobs(target: &Surveyed, dump: &Dump) -> Option<String> {
    let held = dump
        .postgresql()
        .into_iter()
        .flat_map(|known| known.extensions.keys())
        .chain(target.server.extensions.keys());

    alone(held).map(|name| {
        format!(
            "the jobs of `{name}` are restored inactive: `UPDATE cron.job SET active = true WHERE \
             …` starts those you want"
        )
    })
}

/// How it differs from a normal restore.
fn told(target: &Surveyed, dump: &Dump) -> Vec<String> {
    let (tables, large_objects) =
        dump.postgresql().map_or((0, 0), |known| (known.tables.len() as u64, known.large_objects));
    let older = target.server.database(&previous(target.name()));

    let older = older.map(|d| {
        format!("`{}` is not changed: `db-undo` would restore it, not today's data", d.name)
    });

    let mut notes = vec![
        "in place: no old database is kept; today's data is only in the backup that comes first"
            .into(),
    ];

    notes.push("changes between that backup and the load are lost: stop what writes to it".into());
    notes.extend(older);
    notes.extend(target.server.locks.short_of(tables, large_objects).map(
        |Shortage { needed, room, each }| {
            format!(
                "one transaction needs about {} locks here, and the server has room for {}: if it \
                 fails because of that, nothing is changed; `max_locks_per_transaction = {each}` \
                 makes room (after a restart of the server)",
                count(needed),
                count(room)
            )
        },
    ));
    notes
}
