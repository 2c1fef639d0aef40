//! Restores and what takes them back.

use std::path::Path;

use anyhow::Result;

use super::alone;
use super::author::{Way, attended, trust};
use super::cluster::Wants;
use super::fitting::{self, Loading, fitted};
use super::meant::Meant;
use super::resetting::safety_backup;
use super::services::Services;
use super::session::{Intent, Session};
use super::writing::{consent, dump_of, latest_of};
use crate::bundle::{Backup, Catalog, Names, Reason, catalog};
use crate::cli;
use crate::cmd::quoted;
use crate::config::Database;
use crate::engine::postgres::facts::Depth;
use crate::engine::postgres::name::is_nobodys;
use crate::engine::store::Format;
use crate::facts::dumps::Dump;
use crate::facts::{Kept, Set, Surveyed, health};
use crate::plan::{Trust, Whereabouts};
use crate::problem::{Exit, Problem};
use crate::task::restore::{Aim, Difference, Request, Subject, beside_live, in_place, plan};
use crate::task::undo as undo_task;

/// `db-restore`
pub fn restore(session: &mut Session, args: &cli::Restore) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let chosen = match choose(session, args)? {
        Some(chosen) => chosen,
        None => {
            return Err(
                Problem::new(Exit::Declined, "no backup was chosen: nothing was changed").into()
            );
        }
    };

    if args.in_place && trust(args.trust) > Trust::Dump {
        return Err(Problem::usage(
            "`--in-place` loads dumps alone, whose every statement is understood",
        )
        .cure("leave `--trust` out, or restore beside the live database (without `--in-place`)")
        .into());
    }

    if let Some(name) = &args.into {
        is_free_to_use(name)?;
    }
    if args.info {
        return super::reading::show(session, &chosen);
    }

    let meant = put_back_where(session, args, &chosen)?;
    session.lock("db-restore", intent)?;

    session.with_servers(&meant.databases, Wants::Made, intent, |session| {
        put_back(session, args, &meant, &chosen)
    })
}

/// Where a backup goes: each of its parts to the database or store that it is of.
fn put_back_where(session: &Session, args: &cli::Restore, chosen: &Backup) -> Result<Meant> {
    if !args.only.is_empty() {
        return session.meant(&args.only);
    }

    let held = chosen
        .manifest()
        .map_or(Vec::new(), |m| m.artifacts.iter().map(|a| a.store.clone()).collect());
    let is_known = |key: &&String| {
        session.project.databases.iter().any(|d| d.key == **key)
            || session.project.stores.iter().any(|s| s.key == **key)
    };
    let known: Vec<String> = held.iter().filter(is_known).cloned().collect();

    match held.iter().find(|key| !is_known(key)) {
        Some(unknown) if !known.is_empty() => Err(Problem::refused(format!(
            "the backup holds `{unknown}`, which `db-tasks.toml` has not"
        ))
        .cure(format!(
            "say what is to be restored: {}",
            known.iter().map(|k| format!("`--only {k}`")).collect::<Vec<_>>().join(" ")
        ))
        .into()),
        None if !known.is_empty() && args.into.is_none() => session.meant(&known),
        _ => Ok(Meant { databases: vec![session.database(None)?], stores: Vec::new() }),
    }
}

fn put_back(
    session: &mut Session,
    args: &cli::Restore,
    meant: &Meant,
    chosen: &Backup,
) -> Result<Exit> {
    let depth = if args.in_place { Depth::Rows } else { Depth::Database };
    let set = session.surveyor().set(&meant.databases, &[], depth)?.distinct()?;
    let stores =
        meant.stores.iter().map(|s| session.surveyor().store(s)).collect::<Result<Vec<_>>>()?;
    let set = Set { stores, ..set };
    let services =
        if args.into.is_some() { Services::default() } else { session.services("restore")? };

    let accept =
        [(args.any_database, Difference::Database), (args.any_version, Difference::Version)];
    let request = Request {
        aim: if args.into.is_some() { Aim::Beside } else { Aim::Live },
        trust: trust(args.trust),
        accept: accept
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, difference)| difference)
            .collect(),
    };

    let how = if args.in_place { Way::InPlace } else { Way::Beside };
    let databases = set.databases.iter().map(|d| {
        let dump = dump_of(session, chosen, Some(&d.spec.key), Format::Script)?;
        let dump = attended(session, d, dump, args.trust, how)?;

        let loading = Loading {
            way: how,
            leave: &args.leave,
            trust: trust(args.trust),
            otherwise: again(args, chosen),
        };
        Ok((d, if is_refused_anyway(args, d) { dump } else { fitted(session, d, dump, loading)? }))
    });

    let databases: Vec<(&Surveyed, Dump)> = databases.collect::<Result<_>>()?;
    let plan = match (&args.into, databases.as_slice(), set.stores.as_slice()) {
        (Some(name), [(target, dump)], []) => {
            // the names beside `--as` matter, too
            let target = session.with_neighbour((*target).clone(), name)?;
            beside_live(&target, dump, disk_left(&target), &request, name)?
        }
        (Some(_), ..) => {
            return Err(Problem::usage("`--as` takes one database to another name")
                .cure("say which with `--only`")
                .into());
        }
        (None, [(target, dump)], []) if args.in_place => {
            let safety = safety_backup(session, target, Reason::PreRestore)?;
            in_place::plan(&session.project, target, dump, &services.found, &request, safety)?
        }
        (None, ..) if args.in_place => {
            return Err(Problem::usage("`--in-place` restores one database")
                .cure("say which with `--only`")
                .into());
        }
        (None, databases, stores) => {
            let artifacts =
                stores.iter().map(|s| dump_of(session, chosen, Some(s.key()), s.address.format()));
            let artifacts = artifacts.collect::<Result<Vec<_>>>()?;
            let stores =
                stores.iter().zip(&artifacts).map(|(target, dump)| Subject::Store { target, dump });

            let databases = databases.iter().map(|(target, dump)| Subject::Database {
                target,
                dump,
                disk_left: disk_left(target),
            });

            let subjects: Vec<Subject<'_>> = stores.chain(databases).collect();
            plan(&session.project, &subjects, chosen, &services.found, &request)?
        }
    };

    let plan = session.hooked(services.noted(plan), &set.databases.iter().collect::<Vec<_>>())?;
    let plan = match (&args.into, set.databases.as_slice()) {
        (Some(name), [beside, ..]) => alone::with_other(plan, beside, name),
        _ => alone::with(session.filling(plan, &set.keys())?, &set.databases),
    };
    let done = session.carry_out(plan, consent(&args.consent), Intent::of(&args.consent))?;
    let restored = args.into.clone().unwrap_or_else(|| names(&set));
    if done.is_some() { session.print(&restored) } else { Ok(Exit::Done) }
}

/// Whether the plan refuses it whatever the dump holds: that comes first.
fn is_refused_anyway(args: &cli::Restore, target: &Surveyed) -> bool {
    let role = &target.server.role;
    let owns = target.live().is_none_or(|live| role.superuser || live.owner == role.name);
    !args.in_place && (!role.createdb || args.into.is_none() && !owns)
}

fn is_free_to_use(name: &str) -> Result<(), Problem> {
    let wrong = |why| {
        Problem::usage(format!("`--as {}`: {why}", quoted(name)))
            .cure("give another name, like `--as app_copy`")
    };
    is_nobodys(name).map_err(wrong)
}

/// The same once more, without owners and rights: a line that can be pasted.
fn again(args: &cli::Restore, chosen: &Backup) -> String {
    let mut words = vec!["db-restore".to_owned()];
    match &args.file {
        Some(path) => words.extend(["--file".into(), path.to_string_lossy().into_owned()]),
        None => words.push(chosen.name.clone()),
    }

    words.extend(args.into.iter().flat_map(|name| ["--as".into(), name.clone()]));
    words.extend(args.only.iter().flat_map(|name| ["--only".into(), name.clone()]));

    let flags = [
        (args.in_place, "--in-place"),
        (args.any_database, "--any-database"),
        (args.any_version, "--any-version"),
        (args.trust == Some(cli::Trusted::Role), "--trust=role"),
        (args.trust == Some(cli::Trusted::Sql), "--trust"),
        (args.trust == Some(cli::Trusted::Psql), "--trust=psql"),
    ];

    words.extend(flags.iter().filter(|(given, _)| *given).map(|(_, flag)| (*flag).to_owned()));
    fitting::line(&words)
}

fn names(set: &Set) -> String {
    let databases = set.databases.iter().map(Surveyed::name);
    databases.chain(set.stores.iter().map(|s| s.key())).collect::<Vec<_>>().join("\n")
}

/// Bytes left on the server's disk, where it is this machine's.
pub(super) fn disk_left(target: &Surveyed) -> Option<u64> {
    let ours = target.container.is_none() && target.whereabouts() == Whereabouts::Here;
    let data = target.server.data_directory.as_deref().filter(|_| ours)?;
    Some(Path::new(data)).filter(|d| d.is_dir()).and_then(health::disk_left)
}

/// The backup that is meant: by path, by name, the newest, or chosen by a person from a list.
fn choose(session: &mut Session, args: &cli::Restore) -> Result<Option<Backup>> {
    if let Some(path) = &args.file {
        let beside = session.project.backup.dir.join(path);
        let path = if path.exists() || !beside.exists() { path } else { &beside };
        return catalog::at(path, &session.project).map(Some);
    }

    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    if let Some(name) = &args.name {
        return catalog.meant(name, &session.project).map(Some);
    }

    if args.latest {
        let meant =
            if args.only.is_empty() { Meant::default() } else { session.meant(&args.only)? };
        let keys = meant
            .databases
            .iter()
            .map(|d| d.key.as_str())
            .chain(meant.stores.iter().map(|s| s.key.as_str()));

        let all = if args.only.is_empty() { &session.project.databases } else { &meant.databases };
        // beside the live database nothing is replaced, and the plan says whose data it is
        let names = if args.any_database || args.into.is_some() {
            Names::new()
        } else {
            session.names(all)
        };
        return latest_of(session, &catalog, &keys.collect::<Vec<_>>(), &names).map(Some);
    }

    super::reading::pick(session, &catalog)
}

/// `db-undo`
pub fn undo(session: &mut Session, args: &cli::Undo) -> Result<Exit> {
    let intent = Intent::of(&args.consent);
    let meant = undo_what(session, args)?;
    session.lock("db-undo", intent)?;
    session.with_servers(&meant.databases.clone(), Wants::Made, intent, |session| {
        swap_back(session, args, &meant)
    })
}

/// What the last restore or reset replaced, all of it, where no name is given.
fn undo_what(session: &Session, args: &cli::Undo) -> Result<Meant> {
    if !args.only.is_empty() {
        return session.meant(&args.only);
    }

    match Kept::read(&session.project)? {
        Some(kept) => session.meant(&kept.together),
        None if session.project.stores.is_empty() => {
            Ok(Meant { databases: vec![session.database(None)?], stores: Vec::new() })
        }
        None => Err(Problem::failed("there is nothing to undo: no restore has been done here")
            .cure("`db-restore` restores a backup; `--only NAME` undoes one by itself")
            .into()),
    }
}

fn swap_back(session: &mut Session, args: &cli::Undo, meant: &Meant) -> Result<Exit> {
    let databases: &[Database] = &meant.databases;
    let set = session.surveyor().set(databases, &[], Depth::Database)?.distinct()?;
    let stores =
        meant.stores.iter().map(|s| session.surveyor().store(s)).collect::<Result<Vec<_>>>()?;
    let set = Set { stores, ..set };
    let services = session.services("undo")?;

    let plan = undo_task::plan(&session.project, &set, &services.found)?;
    let plan = session.hooked(services.noted(plan), &set.databases.iter().collect::<Vec<_>>())?;
    let plan = session.filling(plan, &set.keys())?;
    let plan = alone::with(plan, &set.databases);
    let done = session.carry_out(plan, consent(&args.consent), Intent::of(&args.consent))?;

    if done.is_some() { session.print(&names(&set)) } else { Ok(Exit::Done) }
}
