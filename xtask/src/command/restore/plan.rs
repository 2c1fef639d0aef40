//! `db-restore`: load next to the live database, verify, then swap the names.

mod checks;
mod holds;
pub mod in_place;
mod part;
mod staging;
mod stranger;

use anyhow::Result;

use self::checks::suits;
pub use self::checks::{
    carriable, crowded, fits_server, fits_the_disk, is_a_database, may_create, overrides,
    stands_beside, swappable, unheld, unusual,
};
use self::holds::{elsewhere, holds, made};
use self::part::Part;
pub use self::part::{Restored, Subject};
pub use self::staging::{Staging, Use, contained, stage};
use self::stranger::OTHERS;
pub use self::stranger::{author, author_may, stranger};
use crate::bundle::Backup;
use crate::config::Project;
use crate::engine::postgres::catalog::marker::{MARKER, unmarked};
use crate::engine::postgres::catalog::marks::MarkFields;
use crate::engine::postgres::change::{admin, subscriptions};
use crate::engine::postgres::client::name::previous;
use crate::engine::postgres::client::version::sets_unknown;
use crate::facts::dumps::Dump;
use crate::facts::{ContainerFacts, ReplacedTogether, Surveyed};
use crate::human::counted;
use crate::plan::{Act, Fence, Plan, Proof, Purpose, Recovery, Risk, Scope, Stake, Step};
use crate::planning::replacing::older;
use crate::planning::services::around_services;
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::value::{Claim, DatabaseFacts, Setting, Spare, Trust};
use crate::{bytes, tasks};

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it goes.
    pub aim: Aim,
    /// How far the file is trusted.
    pub trust: Trust,
    /// Which differences between the backup and its target you have accepted.
    pub accept: Vec<Difference>,
}

/// Where a restore goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// In place of the live one.
    Live,
    /// `--as`: next to it.
    Beside,
}

/// A difference that is refused unless it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// `--any-database`: the backup is of another database.
    Database,
    /// `--any-version`: the dump is of a newer version.
    Version,
}

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

/// One old database is kept: the one before it is dropped for good.
pub fn older_goes(target: &Surveyed) -> Option<String> {
    Some(format!(
        "`{}`, kept by the last restore or reset, will be dropped: only one previous database is \
         kept",
        older(target)?.name
    ))
}

/// What a failed or killed run left for you to look at, and is dropped now.
pub fn failed_goes(target: &Surveyed) -> Option<String> {
    let failed = target.server.database(&admin::failed(target.name()))?;
    Some(format!("`{}`, left by a failed run for you to look at, will be dropped", failed.name))
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
    let carries = dump.postgresql().map(|known| brought_along(&known.database, dump, target));

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

fn headline(dump: &Dump, name: &str, target: &Surveyed) -> String {
    format!("restore `{name}` ({}) from {}", target.at(), dump.backup.name)
}

/// What to check in the dump on the way.
pub fn proof(target: &Surveyed, dump: &Dump, trust: Trust) -> Proof {
    let artifact = dump.artifact.as_ref();
    Proof {
        sum: artifact.map(|a| a.checksum.clone()),
        rows: artifact.map(|a| a.tables().to_vec()),
        leave_out: spared(target, dump, trust),
        without: dump.fit.without.clone(),
        otherwise: dump.fit.otherwise.clone(),
        trust,
        contents: None,
        expected_bytes: artifact.map(|a| a.plain_bytes),
    }
}

/// psql restricts itself to SQL, if it knows how.
fn fence(target: &Surveyed, trust: Trust) -> Fence {
    if trust < Trust::Psql && target.server.client.knows_restrict() {
        Fence::Restricted
    } else {
        Fence::Open
    }
}

/// What psql does not get. A pair of `\restrict` in a dump would end ours, and without ours psql
/// does not need it.
fn spared(target: &Surveyed, dump: &Dump, trust: Trust) -> Vec<Spare> {
    let (server, client) = (target.server.version, target.server.client);
    let timeout = trust <= Trust::Repository && sets_unknown(dump.dumped_by, server);

    [
        (Spare::Transaction, trust < Trust::Psql),
        (Spare::Restrict, trust < Trust::Psql || !client.knows_restrict()),
        (Spare::TransactionTimeout, timeout),
        (Spare::Tablespace, target.server.shape.has_no_tablespaces()),
        (Spare::ByteOrderMark, true),
        (Spare::OwnDatabase, trust < Trust::Psql),
    ]
    .into_iter()
    .chain(OTHERS.map(|what| (what, dump.loader().is_some())))
    .chain(
        [Spare::Owner, Spare::Right, Spare::Extension, Spare::EventTrigger, Spare::Reference]
            .map(|what| (what, true)),
    )
    .filter_map(|(what, is)| is.then_some(what))
    .collect()
}

/// What a manifest's settings mean on this server: roles that do not exist here are left out, and
/// the marker is never copied.
fn brought_along(recorded: &DatabaseFacts, dump: &Dump, target: &Surveyed) -> DatabaseFacts {
    let here =
        |role: &str| target.server.roles.iter().any(|r| r == role) && !bytes::has_foreign(role);
    let mut facts = recorded.clone();
    let left_out = |claim| dump.fit.without.claims.contains(&claim);

    if !here(&facts.owner) || left_out(Claim::Owners) {
        facts.owner = target.server.role.name.clone();
    }

    // a server in UTF-8 does not accept other bytes
    facts.comment =
        facts.own_comment().and_then(unmarked).filter(|comment| !bytes::has_foreign(comment));
    facts.settings.retain(|s| !bytes::has_foreign(&s.value));
    facts
        .settings
        .retain(|s| !s.name.eq_ignore_ascii_case(MARKER) && s.role.as_deref().is_none_or(here));
    facts.settings.retain(|s| !loads_a_library(s, target) && dump.loader().is_none());
    facts.settings.retain(|s| may_give(s, target));

    if left_out(Claim::Rights) {
        facts.acl = None;
        facts.settings.retain(|s| s.role.is_none());
    }
    if let Some(acl) = &mut facts.acl {
        acl.retain(|grant| grant.grantee.as_deref().is_none_or(here));
    }

    facts
}

/// A plain role can't set what another role set for itself in the database.
fn may_give(setting: &Setting, target: &Surveyed) -> bool {
    let own = &target.server.role;
    own.superuser || setting.role.as_ref().is_none_or(|role| *role == own.name)
}

/// What is left out because of that.
fn settings_of_others(target: &Surveyed, dump: &Dump) -> Option<String> {
    let settings = dump.postgresql().into_iter().flat_map(|known| &known.database.settings);
    let here = |role: &String| target.server.roles.contains(role);
    let count =
        settings.filter(|s| !may_give(s, target) && s.role.as_ref().is_some_and(here)).count();

    (count > 0).then(|| {
        format!(
            "{} of other roles in the database, which this role can't set, are left out",
            counted(count as u64, "setting")
        )
    })
}

/// Whether a setting in a manifest makes the server load a library into every session: the
/// manifest's author may name their own. A setting that the live database already has is fine.
fn loads_a_library(setting: &Setting, target: &Surveyed) -> bool {
    let name = setting.name.to_ascii_lowercase();
    let loads = name.ends_with("_preload_libraries") || name == "dynamic_library_path";
    loads && !target.live().is_some_and(|live| live.settings.contains(setting))
}

/// The end of the old live database: its subscriptions do not continue under its new name.
pub fn unsubscribed(target: &Surveyed) -> Option<Act> {
    let subscribes = !target.server.shape.subscriptions.is_empty();
    subscribes.then(|| subscriptions::disabled(&target.client, &previous(target.name())))
}

/// Takes a staged database away.
pub fn unstage(target: &Surveyed, name: &str) -> Vec<Act> {
    vec![end_sessions(target), admin::drop(&target.client, name)]
}
