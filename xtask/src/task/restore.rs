//! `db-restore`: load beside the live database, prove, then swap the names.

use anyhow::Result;

use super::services::around_services;
use crate::config::{Pin, Project};
use crate::engine::postgres::DatabaseFacts;
use crate::engine::postgres::admin::{self, Identity, Own, Swap};
use crate::engine::postgres::facts::{COUNT_ROWS, Half, LOADED, LOADING, analyze};
use crate::engine::postgres::name::{beside, connect, previous};
use crate::engine::postgres::proof::{BEGUN, COUNTS};
use crate::engine::postgres::version::misfit;
use crate::facts::dumps::Dump;
use crate::facts::{ContainerFacts, Surveyed};
use crate::plan::{Act, Deed, How, Load, Pipe, Plan, Proof, Restrict, Risk, Scope, Sink, Step, Trust};
use crate::problem::Problem;
use crate::ui::human::{self, counted};

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Another database's name to restore into, which must not exist yet.
    pub into: Option<String>,
    /// How far the file is trusted.
    pub trust: Trust,
    /// Bytes left on the server's disk, where it is this machine's.
    pub disk_left: Option<u64>,
    /// Which differences between the backup and its target the person has accepted.
    pub accept: Vec<Difference>,
}

/// A difference that is refused unless it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// `--any-database`: the backup is of another database.
    Database,
    /// `--any-version`: the dump is of a newer version.
    Version,
}

/// Plans a restore over the live database, or beside it with `--as`.
pub fn plan(project: &Project, target: &Surveyed, dump: &Dump, services: &[ContainerFacts], request: &Request) -> Result<Plan> {
    suits(target, dump, request)?;
    may_create(target)?;
    fits_the_disk(dump, request.disk_left)?;
    match &request.into {
        Some(name) => beside_live(target, dump, request, name),
        None => over_live(project, target, dump, services, request),
    }
}

fn over_live(project: &Project, target: &Surveyed, dump: &Dump, services: &[ContainerFacts], request: &Request) -> Result<Plan> {
    let name = target.name();
    swappable(target)?;
    let live = target.live();
    let staged = beside(name, "staged");
    let older = live.and(target.server.database(&previous(name)));
    let recorded = dump.artifact.as_ref().map(|a| &a.database);
    let swap = Swap {
        carries: live.cloned().or_else(|| recorded.map(|d| brought_along(d, target))),
        live: name,
        incoming: &staged,
        live_oid: live.map(|d| d.oid),
        older_oid: older.map(|d| d.oid),
        own: Own::of(live.or(recorded)),
        kept: Own::of(live),
    };
    let mut steps = leftovers(target, &[&staged, &swap.discard()])?;
    older.map_or(Ok(()), ours)?;
    let mut body = vec![Step::Act(load(target, dump, request.trust, &staged))];
    body.push(around_services(services, vec![Step::Act(admin::swap(&target.client, &swap))]));
    // once the names have changed the restore is done: an interruption must not leave the older one, nor its drop fail the run
    let finally = older.map(|_| admin::drop(&target.client, &swap.discard())).into_iter().collect();
    steps.push(Step::Scope(Scope { body, on_failure: unstage(target, &staged), finally }));
    let mut afterwards = Vec::new();
    if live.is_some() {
        afterwards.push(format!("the data that was there is kept as the database `{}`: `db-undo` swaps it back", previous(name)));
    }
    afterwards.extend(project.after_restore.iter().cloned());
    Ok(Plan {
        task: "db-restore",
        headline: headline(dump, name, target),
        risk: risk(target, project.guards.pins.get("restore")),
        notes: notes(target, dump).into_iter().chain(older_goes(target)).collect(),
        steps,
        afterwards,
        result: Vec::new(),
        backup: Some(dump.backup.path.clone()),
    })
}

/// One old database is kept: the one of the time before goes for good.
pub(super) fn older_goes(target: &Surveyed) -> Option<String> {
    let older = target.live().and(target.server.database(&previous(target.name())))?;
    Some(format!("`{}`, which the last restore or reset kept, goes for good: only one old database is kept", older.name))
}

/// What is at stake when a database takes the live name.
pub(super) fn risk(target: &Surveyed, pin: Option<&Pin>) -> Risk {
    match target.live() {
        Some(_) => Risk::ReplacesData { stakes: vec![target.stake()], answer: "yes".into(), pin: pin.cloned() },
        None => Risk::Adds,
    }
}

fn beside_live(target: &Surveyed, dump: &Dump, request: &Request, name: &str) -> Result<Plan> {
    if target.server.database(name).is_some() || name == target.name() {
        return Err(Problem::refused(format!("there is a database `{name}` already"))
            .cure("`--as` takes a name that is free; without it, the live database is replaced")
            .into());
    }
    let mut body = vec![Step::Act(load(target, dump, request.trust, name))];
    let own = Own::of(dump.artifact.as_ref().map(|a| &a.database));
    let carries = dump.artifact.as_ref().map(|a| brought_along(&a.database, target));
    body.push(Step::Act(admin::release(&target.client, name, own, carries.as_ref())));
    let steps = vec![Step::Scope(Scope { body, on_failure: unstage(target, name), finally: Vec::new() })];
    let afterwards = vec![format!("the live database `{}` was not touched", target.name())];
    Ok(Plan {
        task: "db-restore",
        headline: headline(dump, name, target),
        risk: Risk::Adds,
        notes: notes(target, dump),
        steps,
        afterwards,
        result: Vec::new(),
        backup: Some(dump.backup.path.clone()),
    })
}

fn headline(dump: &Dump, name: &str, target: &Surveyed) -> String {
    format!("restore `{name}` ({}) from {}", target.at(), dump.backup.name)
}

/// The dump into a new database of this name, with all that it has to prove.
pub(super) fn load(target: &Surveyed, dump: &Dump, trust: Trust, name: &str) -> Act {
    let client = &target.client;
    let recorded = dump.artifact.as_ref().map(|a| &a.database);
    let identity = Identity { name: target.name(), oid: target.live().map(|d| d.oid) };
    let create = admin::creation(name, recorded.or(target.live()), target.server.version, &identity);
    // the commit that gives the database its name flushes this one to disk, too
    let begin = format!("SET synchronous_commit = off;\nBEGIN;\n{LOADING}\n\\echo '{}'\n", BEGUN.trim_end());
    Act::Pipe(Box::new(Pipe {
        store: target.spec.key.clone(),
        from: dump.source.clone(),
        to: Sink::Psql(Load {
            cmd: client.load(client.maintenance()),
            // names are in UTF-8, whatever the server's own is; the dump says itself what it is in
            before: format!("SET client_encoding = UTF8;\n{create}{}{begin}", connect(name)),
            after: format!("\nCOMMIT;\nRESET ALL;\n{}\\echo '{}'\n{COUNT_ROWS}", analyze(Half::One), COUNTS.trim_end()),
            beside: client.psql(name, format!("{LOADED}\n{}", analyze(Half::Other))),
        }),
        proof: Proof {
            sha256: dump.artifact.as_ref().map(|a| a.sha256.clone()),
            rows: dump.artifact.as_ref().map(|a| a.tables.clone()),
            restrict: if target.server.client.knows_restrict() { Restrict::Keep } else { Restrict::Drop },
            trust,
            expected_bytes: dump.artifact.as_ref().map(|a| a.plain_bytes),
        },
    }))
}

/// What a manifest's settings mean on this server: roles that are not here are left out, and the marker never travels.
fn brought_along(recorded: &DatabaseFacts, target: &Surveyed) -> DatabaseFacts {
    let here = |role: &str| target.server.roles.iter().any(|r| r == role);
    let mut facts = recorded.clone();
    if !here(&facts.owner) {
        facts.owner = target.server.role.name.clone();
    }
    facts.settings.retain(|s| s.name != admin::MARKER && s.role.as_deref().is_none_or(here));
    if let Some(acl) = &mut facts.acl {
        acl.retain(|grant| grant.grantee.as_deref().is_none_or(here));
    }
    facts
}

pub(super) fn unstage(target: &Surveyed, name: &str) -> Vec<Act> {
    vec![end_sessions(target), admin::drop(&target.client, name)]
}

/// Ends what this run has left on the server.
fn end_sessions(target: &Surveyed) -> Act {
    Act::Remove(Deed { what: "sessions of this run".into(), how: How::Command(target.client.end_sessions()) })
}

/// Databases that a killed run left: they are nobody's, and their names are needed.
pub(super) fn leftovers(target: &Surveyed, names: &[&str]) -> Result<Vec<Step>> {
    let left = names.iter().filter_map(|name| target.server.database(name));
    left.map(|database| ours(database).map(|()| Step::Act(admin::drop(&target.client, &database.name)))).collect()
}

/// Refuses to touch a database that only looks like one of ours.
pub(super) fn ours(database: &DatabaseFacts) -> Result<()> {
    if database.is_ours() {
        return Ok(());
    }
    Err(Problem::refused(format!("the database `{}` is in the way, and db-tasks did not make it", database.name))
        .cure(format!(
            "if it is of no use, drop it; else give it another name: `ALTER DATABASE \"{}\" RENAME TO …`",
            database.name
        ))
        .into())
}

fn notes(target: &Surveyed, dump: &Dump) -> Vec<String> {
    let mut notes = Vec::new();
    let backup = &dump.backup;
    match &dump.artifact {
        Some(artifact) => notes.push(format!(
            "the backup holds {} in {}",
            counted(artifact.rows, "row"),
            counted(artifact.tables.len() as u64, "table")
        )),
        None => notes.push(format!("`{}` is a foreign file: no manifest says what it must hold", backup.name)),
    }
    notes.push(format!("it was made {}", backup.created.format("%Y-%m-%d %H:%M:%S UTC")));
    if backup.manifest().is_some_and(|m| m.partial) {
        notes.push("the backup is partial: something is missing from it".into());
    }
    if !target.server.client.knows_restrict() {
        notes.push(format!(
            "this psql ({}) does not know `\\restrict`: those lines are left out on the way",
            target.server.client
        ));
    }
    notes
}

/// Refuses what would not fit, before anything is touched.
fn suits(target: &Surveyed, dump: &Dump, request: &Request) -> Result<()> {
    if let Some(artifact) = &dump.artifact {
        let same = artifact.database.name == target.name() || artifact.store == target.spec.key;
        if !same && request.into.is_none() && !request.accept.contains(&Difference::Database) {
            return Err(Problem::refused(format!(
                "the backup is of the database `{}`, not of `{}`",
                artifact.database.name,
                target.name()
            ))
            .cure("choose the other with `--database`, restore beside it with `--as NAME`, or accept it with `--any-database`")
            .into());
        }
    }
    match misfit(dump.dumped_from, dump.dumped_by, target.server.version) {
        Some(why) if !request.accept.contains(&Difference::Version) => Err(Problem::refused(format!("`{}` does not fit this server", dump.backup.name))
            .because(why)
            .cure("restore into a newer server, or try it with `--any-version` (the live database stays until the new one has proved good)")
            .into()),
        _ => Ok(()),
    }
}

/// The new database stands beside the live one for a while: there must be room for it.
fn fits_the_disk(dump: &Dump, disk_left: Option<u64>) -> Result<()> {
    let needed = dump.artifact.as_ref().map(|a| a.database.size.unwrap_or(0).max(a.plain_bytes));
    if let (Some(left), Some(needed)) = (disk_left, needed)
        && left < needed
    {
        return Err(Problem::refused("the server's disk has no room for a second copy of the database")
            .because(format!("about {} are needed, {} are left", human::bytes(needed), human::bytes(left)))
            .cure("free some space there: a restore loads beside the live database, so that a failure loses nothing")
            .into());
    }
    Ok(())
}

pub(super) fn may_create(target: &Surveyed) -> Result<()> {
    if target.server.role.createdb {
        return Ok(());
    }
    Err(Problem::refused(format!("the role `{}` may not create databases", target.server.role.name))
        .because("a restore loads into a new database beside the live one, and swaps when all has proved good")
        .cure(format!(
            "an administrator runs `ALTER ROLE \"{}\" CREATEDB`, or another role is given in the connection",
            target.server.role.name
        ))
        .into())
}

/// What holds a database so that no rename can be had.
pub(super) fn swappable(target: &Surveyed) -> Result<()> {
    let s = &target.server;
    if let Some(live) = target.live().filter(|d| !s.role.superuser && d.owner != s.role.name) {
        return Err(Problem::refused(format!(
            "the role `{}` does not own `{}`, so it may not rename it",
            s.role.name, live.name
        ))
        .cure(format!("connect as `{}` or as a superuser", live.owner))
        .into());
    }
    unheld(target)
}

/// What no session's end makes way for.
pub(super) fn unheld(target: &Surveyed) -> Result<()> {
    let s = &target.server;
    if s.prepared > 0 {
        return Err(Problem::refused(format!(
            "`{}` is held by {}",
            target.name(),
            counted(s.prepared.into(), "prepared transaction")
        ))
        .cure("end what is prepared with COMMIT PREPARED or ROLLBACK PREPARED (`SELECT * FROM pg_prepared_xacts`)")
        .into());
    }
    if s.slots > 0 {
        return Err(Problem::refused(format!("`{}` is held by {}", target.name(), counted(s.slots.into(), "logical replication slot")))
            .cure("drop what is not needed (`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`), or stop what replicates")
            .into());
    }
    Ok(())
}
