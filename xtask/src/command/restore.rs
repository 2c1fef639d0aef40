//! `db-restore`: restore a backup: load and verify it next to the live database, then swap it in.

pub mod plan;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use self::plan::{Aim, Difference, Request, Subject, beside_live, in_place};
use super::Command;
use crate::bundle::{Backup, Catalog, Names, Reason, catalog};
use crate::cmd::quoted;
use crate::command::backup::safety::safety_backup;
use crate::engine::postgres::catalog::facts::Depth;
use crate::engine::postgres::client::name::is_nobodys;
use crate::facts::dumps::Dump;
use crate::facts::health::server_disk_left;
use crate::facts::{Set, Surveyed};
use crate::gate::Consent;
use crate::options::{self, Leave, Trusted};
use crate::plan::Plan;
use crate::problem::{Code, Exit, Problem};
use crate::session::author::{Way, attended, trust};
use crate::session::choosing::{self, dump_of, latest_of};
use crate::session::fitting::{self, Loading, fitted};
use crate::session::selection::Selection;
use crate::session::servers::Wants;
use crate::session::services::Services;
use crate::session::{Intent, Session, alone};
use crate::tasks::{self, Task, Touches};
use crate::value::{Format, Trust};

/// `db-restore`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Restore {
    /// The backup's name, as `db-list` shows it
    pub name: Option<String>,
    /// The newest good backup
    #[arg(long, conflicts_with_all = ["name", "file"])]
    pub latest: bool,
    /// A dump, wherever the file is
    #[arg(long, value_name = "PATH", conflicts_with = "name")]
    pub file: Option<PathBuf>,
    /// Show what the backup holds, and restore nothing
    #[arg(long)]
    pub info: bool,
    /// Restore into a new database of this name, next to the live one
    #[arg(long = "as", value_name = "OTHER_DATABASE")]
    pub into: Option<String>,
    /// Back up, then empty and load the live database itself in one transaction: for a role that
    /// can't create databases, or a disk without room for a second copy
    #[arg(long, conflicts_with = "into")]
    pub in_place: bool,
    /// Only this database or store (its key, or a database's name); repeat for more
    #[arg(long, visible_alias = "database", value_name = "NAME")]
    pub only: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
    /// Run a file that pg_dump did not write, whatever its SQL does, even without an end marker.
    /// psql commands in it run only with `--trust=psql`. `--trust=role` allows less: the functions
    /// of an untrusted dump run as your role if no loader role can be made
    #[arg(long, value_name = "role|psql", num_args = 0..=1, require_equals = true, default_missing_value = "sql", hide_possible_values = true)]
    pub trust: Option<Trusted>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub leave: Leave,
    /// Accept a backup of another database or store, or of another project; with `--latest`, also
    /// of a database with another name
    #[arg(long)]
    pub any_database: bool,
    /// Try a dump of a newer PostgreSQL
    #[arg(long)]
    pub any_version: bool,
}

const EXAMPLES: &str = "Examples:
  db-restore                          choose from a numbered list
  db-restore --latest --yes           for scripts
  db-restore --file ~/prod.sql.gz --as app_copy   next to the live database
  db-restore --latest --in-place      in the live database itself, after a backup of it
  db-restore --latest --no-owner --no-privileges  production's data, without its roles
  db-restore --latest --dry-run       every step and command; nothing changes

Production can be restored, and a restore of it undone: type `restore production NAME` when asked.
A script sets DB_TASKS_RESTORE_PRODUCTION='NAME BACKUP' for that one run.";

impl Command for Restore {
    fn task(&self) -> &'static Task {
        &tasks::RESTORE
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn touches(&self) -> Touches {
        if self.info { Touches::Files } else { self.task().touches }
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let chosen = match choose(session, self)? {
            Some(chosen) => chosen,
            None => {
                return Err(Problem::new(
                    Exit::Declined,
                    "no backup was chosen: nothing was changed",
                )
                .into());
            }
        };

        if self.in_place && trust(self.trust) > Trust::Dump {
            return Err(Problem::usage(
                "`--in-place` only loads dumps whose every statement is understood",
            )
            .cure(
                "leave out `--trust`, or restore next to the live database (without `--in-place`)",
            )
            .into());
        }

        if let Some(name) = &self.into {
            is_free_to_use(name)?;
        }
        if self.info {
            return super::info::show(session, &chosen);
        }

        let meant = put_back_where(session, self, &chosen)?;
        session.lock(self.task().name, intent)?;

        session.with_servers(&meant.databases, Wants::Made, intent, |session| {
            put_back(session, self, &meant, &chosen)
        })
    }
}

/// Where a backup goes: each of its parts to its database or store.
fn put_back_where(session: &Session, args: &Restore, chosen: &Backup) -> Result<Selection> {
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
            "the backup has `{unknown}`, which is not in `db-tasks.toml`"
        ))
        .code(Code::BackupUnfit)
        .cure(format!(
            "say what to restore: {}",
            known.iter().map(|k| format!("`--only {k}`")).collect::<Vec<_>>().join(" ")
        ))
        .into()),
        None if !known.is_empty() && args.into.is_none() => session.meant(&known),
        _ => Ok(Selection { databases: vec![session.database(None)?], stores: Vec::new() }),
    }
}

fn put_back(
    session: &mut Session,
    args: &Restore,
    meant: &Selection,
    chosen: &Backup,
) -> Result<Exit> {
    let depth = if args.in_place { Depth::Rows } else { Depth::Database };
    let set = session.surveyor().set(&meant.databases, &[], depth)?.distinct()?;
    let stores =
        meant.stores.iter().map(|s| session.surveyor().store(s)).collect::<Result<Vec<_>>>()?;
    let set = Set { stores, ..set };
    let services =
        if args.into.is_some() { Services::default() } else { session.services("restore")? };

    let dumps = set.databases.iter().map(|d| dump_for(session, args, chosen, d));
    let dumps: Vec<Dump> = dumps.collect::<Result<_>>()?;
    let plan = planned(session, args, chosen, &set, &dumps, &services)?;

    let plan = session.hooked(services.noted(plan), &set.databases.iter().collect::<Vec<_>>())?;
    let plan = match (&args.into, set.databases.as_slice()) {
        (Some(name), [beside, ..]) => alone::with_other(plan, beside, name),
        _ => alone::with(session.filling(plan, &set.keys())?, &set.databases),
    };

    let done = session.carry_out(plan, Consent::from(&args.consent), args.intent())?;
    let restored = args.into.clone().unwrap_or_else(|| set.names());
    if done.is_some() { session.print(&restored) } else { Ok(Exit::Done) }
}

/// The part of the backup for one database, with what is left out of it, and who loads it.
fn dump_for(
    session: &mut Session,
    args: &Restore,
    chosen: &Backup,
    target: &Surveyed,
) -> Result<Dump> {
    let way = if args.in_place { Way::InPlace } else { Way::Beside };
    let dump = dump_of(session, chosen, Some(&target.spec.key), Format::Script)?;
    let dump = attended(session, target, dump, args.trust, way)?;
    if is_refused_anyway(args, target) {
        return Ok(dump);
    }

    let otherwise = again(args, chosen);
    let loading = Loading { way, leave: &args.leave, trust: trust(args.trust), otherwise };
    fitted(session, target, dump, loading)
}

/// What the command line says of how it is restored.
fn request(args: &Restore) -> Request {
    let accept =
        [(args.any_database, Difference::Database), (args.any_version, Difference::Version)];
    let accept = accept.into_iter().filter(|(given, _)| *given);

    Request {
        aim: if args.into.is_some() { Aim::Beside } else { Aim::Live },
        trust: trust(args.trust),
        accept: accept.map(|(_, difference)| difference).collect(),
    }
}

/// One of the three ways: next to the live database, in its place, or all parts swapped in.
fn planned(
    session: &mut Session,
    args: &Restore,
    chosen: &Backup,
    set: &Set,
    dumps: &[Dump],
    services: &Services,
) -> Result<Plan> {
    let request = request(args);
    let only_one = |option: &str| {
        Problem::usage(format!("`{option}` restores only one database"))
            .cure("select it with `--only`")
    };

    match (&args.into, set.databases.as_slice(), dumps, set.stores.as_slice()) {
        (Some(name), [target], [dump], []) => {
            // the names used with `--as` matter, too
            let target = session.with_neighbour(target.clone(), name)?;
            beside_live(&target, dump, server_disk_left(&target), &request, name)
        }
        (Some(_), ..) => Err(only_one("--as").into()),
        (None, [target], [dump], []) if args.in_place => {
            let safety = safety_backup(session, target, Reason::PreRestore)?;
            in_place::plan(&session.project, target, dump, &services.found, &request, safety)
        }
        (None, ..) if args.in_place => Err(only_one("--in-place").into()),
        (None, databases, _, stores) => {
            let artifacts =
                stores.iter().map(|s| dump_of(session, chosen, Some(s.key()), s.address.format()));
            let artifacts = artifacts.collect::<Result<Vec<_>>>()?;
            let stores =
                stores.iter().zip(&artifacts).map(|(target, dump)| Subject::Store { target, dump });

            let databases = databases.iter().zip(dumps).map(|(target, dump)| Subject::Database {
                target,
                dump,
                disk_left: server_disk_left(target),
            });

            let subjects: Vec<Subject<'_>> = stores.chain(databases).collect();
            plan::plan(&session.project, &subjects, chosen, &services.found, &request)
        }
    }
}

/// Whether the plan refuses it whatever the dump has: that comes first.
fn is_refused_anyway(args: &Restore, target: &Surveyed) -> bool {
    let role = &target.server.role;
    let owns = target.live().is_none_or(|live| role.superuser || live.owner == role.name);
    !args.in_place && (!role.createdb || args.into.is_none() && !owns)
}

fn is_free_to_use(name: &str) -> Result<(), Problem> {
    let wrong = |why| {
        Problem::usage(format!("`--as {}`: {why}", quoted(name)))
            .cure("use another name, like `--as app_copy`")
    };
    is_nobodys(name).map_err(wrong)
}

/// The same command without owners and rights, which can be pasted.
fn again(args: &Restore, chosen: &Backup) -> String {
    let mut words = vec![tasks::RESTORE.name.to_owned()];
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
        (args.trust == Some(Trusted::Role), "--trust=role"),
        (args.trust == Some(Trusted::Sql), "--trust"),
        (args.trust == Some(Trusted::Psql), "--trust=psql"),
    ];

    words.extend(flags.iter().filter(|(given, _)| *given).map(|(_, flag)| (*flag).to_owned()));
    fitting::line(&words)
}

/// The backup to use: by path, by name, the newest, or chosen from a list.
fn choose(session: &mut Session, args: &Restore) -> Result<Option<Backup>> {
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
            if args.only.is_empty() { Selection::default() } else { session.meant(&args.only)? };
        let keys = meant
            .databases
            .iter()
            .map(|d| d.key.as_str())
            .chain(meant.stores.iter().map(|s| s.key.as_str()));

        let all = if args.only.is_empty() { &session.project.databases } else { &meant.databases };
        // next to the live database nothing is replaced, and the plan says whose data it is
        let names = if args.any_database || args.into.is_some() {
            Names::new()
        } else {
            session.names(all)
        };
        return latest_of(session, &catalog, &keys.collect::<Vec<_>>(), &names).map(Some);
    }

    choosing::pick(session, &catalog)
}
