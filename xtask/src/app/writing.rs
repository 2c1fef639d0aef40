//! Tasks that change something: each gathers facts, plans, and has the plan carried out.

use std::path::Path;

use anyhow::Result;

use super::cluster::Wants;
use super::session::{Intent, Session};
use crate::bundle::{Backup, Catalog, Kind, Reason, catalog};
use crate::cli;
use crate::config;
use crate::engine::postgres::facts::Depth;
use crate::facts::dumps::{self, Dump};
use crate::facts::{Surveyed, health};
use crate::gate::Consent;
use crate::plan::Trust;
use crate::problem::{Exit, Problem};
use crate::task::restore::Difference;
use crate::task::{backup, cleanup as cleanup_task, restore as restore_task, undo as undo_task, verify as verify_task};

pub(super) fn consent(args: &cli::Consent) -> Consent {
    match (&args.confirm, args.yes) {
        (Some(name), _) => Consent::Confirmed(name.clone()),
        (None, true) => Consent::Yes,
        (None, false) => Consent::Ask,
    }
}

pub(super) fn survey(session: &Session, databases: &[config::Database]) -> Result<Vec<Surveyed>> {
    let surveyor = session.surveyor();
    databases.iter().map(|d| surveyor.survey(d, Depth::Database)).collect()
}

/// `db-backup`
pub fn backup(session: &mut Session, args: &cli::Backup) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    session.lock("db-backup", intent)?;
    let mut settings = session.project.backup.clone();
    if let Some(dir) = &args.output_dir {
        settings.dir = std::path::absolute(dir)?;
    }
    if let Some(codec) = &args.compress {
        settings.level = settings.level.filter(|_| *codec == settings.compress);
        settings.compress.clone_from(codec);
    }
    settings.level = args.level.or(settings.level);
    let databases = session.databases(args.database.as_deref())?;
    let request = backup::Request { backup: settings, label: args.label.clone(), reason: Reason::Manual };
    session.with_servers(&databases, Wants::Made, intent, |session| back_up(session, args, &databases, &request))
}

fn back_up(session: &mut Session, args: &cli::Backup, databases: &[config::Database], request: &backup::Request) -> Result<Exit> {
    let surveyed = survey(session, databases)?;
    let catalog = Catalog::read(&request.backup.dir)?;
    let plan = backup::plan(&session.project, &surveyed, &catalog, request, &session.moment)?;
    let plan = session.hooked(plan, &surveyed.iter().collect::<Vec<_>>())?;
    let result = plan.result.clone();
    let consent = if args.auto || session.env.says_yes("SKIP_BACKUP_PROMPT") { Consent::Yes } else { consent(&args.consent) };
    if session.carry_out(plan, consent, Intent::of(&args.consent))?.is_none() {
        return Ok(Exit::Done);
    }
    // a hook may have moved it on: that spoils no backup
    let backups: Vec<_> = result.iter().filter_map(|p| catalog::at(p).ok()).map(|b| crate::view::backups::json(&b)).collect();
    session.record.fields(serde_json::json!({ "backups": backups }));
    session.print(&result.iter().map(|p| Session::short(p)).collect::<Vec<_>>().join("\n"))
}

/// The dump of one database in a backup, with its file looked at.
pub(super) fn dump_of(session: &Session, backup: &Backup, key: Option<&str>) -> Result<Dump> {
    if let Kind::Broken { why, .. } = &backup.kind {
        return Err(Problem::failed(format!("the backup `{}` is broken", backup.name))
            .because(why)
            .cure("use another one (`db-list`)")
            .into());
    }
    dumps::look(backup, key, session.surveyor().project)
}

/// `db-restore`
pub fn restore(session: &mut Session, args: &cli::Restore) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let chosen = match choose(session, args)? {
        Some(chosen) => chosen,
        None => return Err(Problem::new(Exit::Declined, "no backup was chosen: nothing was changed").into()),
    };
    if args.info {
        return super::reading::show(session, &chosen);
    }
    let database = match (&args.database, chosen.manifest()) {
        // a flat backup says itself which database it is of
        (None, Some(m)) if m.artifacts.len() == 1 && session.databases(Some(&m.artifacts[0].store)).is_ok() => {
            session.database(Some(&m.artifacts[0].store))?
        }
        (wanted, _) => session.database(wanted.as_deref())?,
    };
    session.lock("db-restore", intent)?;
    let databases = std::slice::from_ref(&database);
    session.with_servers(databases, Wants::Made, intent, |session| put_back(session, args, &database, &chosen))
}

fn put_back(session: &mut Session, args: &cli::Restore, database: &config::Database, chosen: &Backup) -> Result<Exit> {
    let target = session.surveyor().survey(database, Depth::Database)?;
    let target = match &args.into {
        // the names beside `--as` matter, too
        Some(name) => session.with_neighbour(target, name)?,
        None => target,
    };
    let dump = dump_of(session, chosen, Some(&database.key))?;
    let data =
        target.server.data_directory.as_deref().filter(|_| target.container.is_none() && target.stake().remote_host.is_none());
    let accept = [(args.any_database, Difference::Database), (args.any_version, Difference::Version)];
    let request = restore_task::Request {
        into: args.into.clone(),
        disk_left: data.map(Path::new).filter(|d| d.is_dir()).and_then(health::disk_left),
        trust: if args.trust { Trust::Script } else { Trust::Dump },
        accept: accept.into_iter().filter(|(given, _)| *given).map(|(_, difference)| difference).collect(),
    };
    let services = if args.into.is_some() { Vec::new() } else { session.services("restore")? };
    let plan = restore_task::plan(&session.project, &target, &dump, &services, &request)?;
    let plan = session.hooked(plan, &[&target])?;
    let done = session.carry_out(plan, consent(&args.consent), Intent::of(&args.consent))?;
    let restored = args.into.clone().unwrap_or_else(|| target.name().to_owned());
    if done.is_some() { session.print(&restored) } else { Ok(Exit::Done) }
}

/// The backup that is meant: by path, by name, the newest, or chosen by a person from a list.
fn choose(session: &mut Session, args: &cli::Restore) -> Result<Option<Backup>> {
    if let Some(path) = &args.file {
        let beside = session.project.backup.dir.join(path);
        return catalog::at(if path.exists() || !beside.exists() { path } else { &beside }).map(Some);
    }
    let catalog = Catalog::read(&session.project.backup.dir)?;
    if let Some(name) = &args.name {
        return catalog.meant(name).map(Some);
    }
    if args.latest {
        let key = args.database.as_deref().map(|d| session.database(Some(d))).transpose()?.map(|d| d.key);
        return latest(&catalog, key.as_deref()).map(Some);
    }
    super::reading::pick(session, &catalog)
}

/// The newest backup that has proved good.
pub fn latest(catalog: &Catalog, key: Option<&str>) -> Result<Backup> {
    catalog.latest(key).cloned().ok_or_else(|| {
        Problem::failed(format!("there is no good backup in `{}`", catalog.dir.display()))
            .cure("`db-backup` makes one; `--file PATH` takes a file from anywhere")
            .into()
    })
}

/// `db-undo`
pub fn undo(session: &mut Session, args: &cli::Undo) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let database = session.database(args.database.as_deref())?;
    session.lock("db-undo", intent)?;
    session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
        let target = session.surveyor().survey(&database, Depth::Database)?;
        let services = session.services("undo")?;
        let plan = undo_task::plan(&session.project, &target, &services)?;
        let plan = session.hooked(plan, &[&target])?;
        let done = session.carry_out(plan, consent(&args.consent), intent)?;
        if done.is_some() { session.print(target.name()) } else { Ok(Exit::Done) }
    })
}

/// `db-verify`
pub fn verify(session: &mut Session, args: &cli::Verify) -> Result<Exit> {
    let intent = if args.dry_run { Intent::Show } else { Intent::Run };
    let catalog = Catalog::read(&session.project.backup.dir)?;
    let key = args.database.as_deref().map(|d| session.database(Some(d))).transpose()?.map(|d| d.key);
    let backup = match &args.name {
        Some(name) => catalog.meant(name)?,
        None => latest(&catalog, key.as_deref())?,
    };
    session.lock("db-verify", intent)?;
    if args.deep {
        return deep(session, &backup, key, intent);
    }
    let keys: Vec<Option<String>> = match backup.manifest() {
        Some(m) => m.artifacts.iter().map(|a| Some(a.store.clone())).collect(),
        None => vec![None],
    };
    let dumps = keys.iter().map(|key| dump_of(session, &backup, key.as_deref())).collect::<Result<Vec<_>>>()?;
    let plan = session.hooked(verify_task::quick(&dumps), &[])?;
    finish_verify(session, &backup, plan, intent)
}

fn deep(session: &mut Session, backup: &Backup, key: Option<String>, intent: Intent) -> Result<Exit> {
    let own = backup.manifest().filter(|m| m.artifacts.len() == 1).map(|m| m.artifacts[0].store.clone());
    let database = session.database(key.or(own.filter(|k| session.databases(Some(k)).is_ok())).as_deref())?;
    session.with_servers(std::slice::from_ref(&database), Wants::Made, intent, |session| {
        let target = session.surveyor().survey(&database, Depth::Database)?;
        let dump = dump_of(session, backup, Some(&database.key))?;
        let plan = session.hooked(verify_task::deep(&target, &dump)?, &[&target])?;
        finish_verify(session, backup, plan, intent)
    })
}

fn finish_verify(session: &mut Session, backup: &Backup, plan: crate::plan::Plan, intent: Intent) -> Result<Exit> {
    match session.carry_out(plan, Consent::Ask, intent)? {
        Some(_) => session.print(&format!("{} is good", backup.name)),
        None => Ok(Exit::Done),
    }
}

/// `db-cleanup`
pub fn cleanup(session: &mut Session, args: &cli::Cleanup) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    session.lock("db-cleanup", intent)?;
    let mut rules = session.project.backup.keep.clone();
    rules.days = args.keep_days.or(rules.days).or(Some(30));
    rules.min = args.min_keep.unwrap_or(rules.min);
    let dir = args.backup_dir.clone().unwrap_or_else(|| session.project.backup.dir.clone());
    let catalog = Catalog::read(&dir)?;
    let plan = cleanup_task::plan(&catalog, &rules, &session.moment);
    let removed = plan.steps.len();
    let plan = session.hooked(plan, &[])?;
    match session.carry_out(plan, consent(&args.consent), intent)? {
        Some(_) if removed == 0 => session.print("nothing to remove"),
        _ => Ok(Exit::Done),
    }
}
