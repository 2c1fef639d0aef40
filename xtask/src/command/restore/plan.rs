//! `db-restore`: load next to the live database, verify, then swap the names.

mod brought;
mod checks;
mod holds;
pub mod in_place;
mod part;
mod proof;
mod request;
mod staging;
mod stranger;

use anyhow::Result;

use self::brought::{brought_along, settings_of_others};
use self::checks::suits;
pub use self::checks::{
    carriable, crowded, fits_server, fits_the_disk, is_a_database, may_create, overrides,
    stands_beside, swappable, unheld, unusual,
};
use self::holds::{elsewhere, headline, holds, made};
pub use self::holds::{failed_goes, older_goes};
use self::part::Part;
pub use self::part::{Restored, Subject};
pub use self::proof::proof;
pub use self::request::{Aim, Difference, Request};
pub use self::staging::{Staging, Use, contained, stage, unstage};
pub use self::stranger::{author, author_may, stranger};
use crate::bundle::Backup;
use crate::config::Project;
use crate::engine::postgres::catalog::marks::MarkFields;
use crate::engine::postgres::change::admin;
use crate::facts::dumps::Dump;
use crate::facts::{ContainerFacts, ReplacedTogether, Surveyed};
use crate::plan::{Act, Plan, Purpose, Recovery, Risk, Scope, Stake, Step};
use crate::planning::services::around_services;
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::tasks;

/// Plans a restore over live data: every part is staged and verified first, then all are swapped
/// in, databases last, because a database is most likely to refuse. If one fails, those before it
/// are swapped back.
pub fn plan(
    project: &Project,
    subjects: &[Subject<'_>],
    backup: &Backup,
    services: &[ContainerFacts],
    request: &Request,
) -> Result<Plan> {
    let company = if subjects.len() > 1 { Restored::Others } else { Restored::Alone };
    let is_store = |s: &&Subject<'_>| matches!(s, Subject::Store { .. });
    let (stores, databases): (Vec<_>, Vec<_>) = subjects.iter().partition(is_store);
    let author = subjects.iter().find_map(Subject::author);

    let parts = stores
        .iter()
        .chain(&databases)
        .map(|s| Part::of(s, project, request, company))
        .collect::<Result<Vec<_>>>()?;

    let names = parts.iter().map(|p| p.name.clone()).collect::<Vec<_>>().join(", ");
    let drops = subjects.iter().filter_map(Subject::drops).collect();
    let risk = risk(project, &parts, Recovery { of: backup.name.clone(), drops });
    let notes = parts
        .iter()
        .flat_map(|p| p.notes.clone())
        .chain(made(backup))
        .chain(elsewhere(backup, &project.environment))
        .collect();

    let afterwards =
        kept(&parts).into_iter().chain(project.after_restore.iter().cloned()).collect();
    let keys: Vec<&str> = stores.iter().chain(&databases).map(|s| s.key()).collect();
    let steps = steps(parts, ReplacedTogether::note(project, &keys), services, company);

    Ok(Plan {
        notes,
        steps,
        afterwards,
        backup: Some(backup.path.clone()),
        author,
        ..Plan::bare(tasks::RESTORE.name, format!("restore {names} from {}", backup.name), risk)
    })
}

fn risk(project: &Project, parts: &[Part], recovery: Recovery) -> Risk {
    let stakes: Vec<Stake> = parts.iter().filter_map(|p| p.stake.clone()).collect();
    if stakes.is_empty() {
        return Risk::Adds;
    }

    let pins = project.guards.pins_of("restore");
    Risk::ReplacesData { stakes, answer: "yes".into(), pins, recovery: Some(recovery) }
}

/// Where the old data stays.
fn kept(parts: &[Part]) -> Vec<String> {
    let kept: Vec<String> = parts.iter().filter_map(|p| p.kept.clone()).collect();
    match kept.as_slice() {
        [_, _, ..] => vec!["everything replaced is kept: `db-undo` swaps it back".into()],
        _ => kept,
    }
}

fn steps(
    parts: Vec<Part>,
    kept: Option<Act>,
    services: &[ContainerFacts],
    company: Restored,
) -> Vec<Step> {
    let (mut steps, mut body, mut swaps) = (Vec::new(), Vec::new(), Vec::new());
    let (mut on_failure, mut finally) = (Vec::new(), Vec::new());
    let (mut back, mut at_once, mut let_go) = (Vec::new(), Vec::new(), Vec::new());

    for part in parts {
        steps.extend(part.before);
        body.extend(part.stage);
        swaps.push(Step::Act(part.swap));
        let_go.extend(part.let_go.map(Step::Act));
        on_failure.extend(part.unstage);

        // the last one is swapped back first
        back.splice(0..0, part.back);
        at_once.extend(part.at_once);
        finally.extend(part.settle);
    }

    swaps.extend(let_go.into_iter().chain(kept.map(Step::Act)));
    // a single part is swapped in one step: nothing could be half done
    let swaps = match company {
        Restored::Alone => swaps,
        Restored::Others => {
            vec![Step::Scope(Scope { body: swaps, on_failure: back, at_once, ..Scope::default() })]
        }
    };

    body.push(around_services(services, swaps));
    // once the names have changed the restore is done: an interruption must not leave the older
    // ones, and a failed removal must not fail the run
    steps.push(Step::Scope(Scope { body, on_failure, finally, ..Scope::default() }));

    steps
}

/// Plans a restore into a database of another name, next to the live one.
pub fn beside_live(
    target: &Surveyed,
    dump: &Dump,
    disk_left: Option<u64>,
    request: &Request,
    name: &str,
) -> Result<Plan> {
    suits(target, dump, request)?;
    may_create(target)?;
    fits_the_disk(dump, disk_left)?;

    is_free(target, name)?;

    let Staging { steps: mut body, finally } = stage(target, dump, request.trust, name, Use::Kept);
    let carries = dump.database().map(|database| brought_along(database, dump, target));

    body.push(Step::Act(admin::release(
        &target.client,
        name,
        MarkFields::of(carries.as_ref()),
        carries.as_ref(),
    )));

    let steps = vec![Step::Scope(Scope {
        body,
        on_failure: vec![end_sessions(target), admin::drop_unless_arrived(&target.client, name)],
        finally,
        ..Scope::default()
    })];

    let afterwards = vec![format!("the live database `{}` was not changed", target.name())];
    let risk = stranger(target, dump, Purpose::Restore).unwrap_or(Risk::Adds);

    Ok(Plan {
        notes: holds(target, dump)
            .into_iter()
            .chain(settings_of_others(target, dump).filter(|_| target.live().is_some()))
            .chain(made(&dump.backup))
            .collect(),
        steps,
        afterwards,
        backup: Some(dump.backup.path.clone()),
        author: author(target, dump),
        ..Plan::bare(tasks::RESTORE.name, headline(dump, name, target), risk)
    })
}

/// Refuses a name that a database has.
fn is_free(target: &Surveyed, name: &str) -> Result<()> {
    anyhow::ensure!(
        target.server.database(name).is_none() && name != target.name(),
        Problem::refused(format!("the database `{name}` exists already"))
            .code(Code::NameTaken)
            .cure("`--as` needs a free name; without it, the live database is replaced")
    );

    Ok(())
}
