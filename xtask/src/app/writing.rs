//! Tasks that change something: each gathers facts, plans, and has the plan carried out.

use anyhow::Result;

use super::alone;
use super::author::{Way, trust};
use super::cluster::Wants;
use super::fitting::{self, Loading, fitted};
use super::meant::Meant;
use super::restoring::disk_left;
use super::session::{Intent, Session};
use super::trying;
use crate::bundle::{Backup, Catalog, Kind, Names, Reason, Untried, catalog};
use crate::cli;
use crate::cmd::quoted;
use crate::config::{self, KeepRules};
use crate::engine::postgres::facts::Depth;
use crate::engine::store::{Address, Format};
use crate::facts::dumps::{self, Dump};
use crate::facts::{Surveyed, Surveyor};
use crate::gate::Consent;
use crate::problem::{Exit, Problem, first_line};
use crate::run::record_untried;
use crate::task::verify::{self as verify_task, Ground, StoreTrial, Trial};
use crate::task::{backup, cleanup as cleanup_task};

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
    for ignored in session.env.ignored() {
        session.terminal.tell(&format!("note: {ignored}"));
    }

    let mut settings = session.project.backup.clone();
    if let Some(dir) = &args.output_dir {
        settings.dir = std::path::absolute(dir)?;
        config::apart::check(&session.project, &settings.dir)?;
    }
    if let Some(codec) = &args.compress {
        settings.level = settings.level.filter(|_| *codec == settings.compress);
        settings.compress.clone_from(codec);
    }

    settings.level = args.level.or(settings.level);
    let mut meant = session.meant(&args.only)?;
    let label = args.label.clone().or_else(|| args.salvage.then(|| "salvage".into()));
    let mut request =
        backup::Request { backup: settings, label, reason: Reason::Manual, salvage: None };

    if args.salvage {
        // what is damaged in a tree or a collection is told by a usual backup of it
        meant.stores.clear();
    }

    session.with_servers(&meant.databases.clone(), Wants::Made, intent, |session| {
        if args.salvage {
            request.salvage = Some(session.salvage(&meant)?);
        }
        back_up(session, args, &meant, &request)
    })
}

fn back_up(
    session: &mut Session,
    args: &cli::Backup,
    meant: &Meant,
    request: &backup::Request,
) -> Result<Exit> {
    let surveyor = Surveyor { idle: Some(&session.idle), ..session.surveyor() };
    let set = surveyor.set(&meant.databases, &meant.stores, Depth::Database)?;
    let catalog =
        Catalog::beside_a_new_one(&request.backup.dir, &session.project, &request.backup.keep)?;
    let plan = backup::plan(&session.project, &set, &catalog, request, &session.moment)?;
    let plan = session.hooked(plan, &set.databases.iter().collect::<Vec<_>>())?;

    let result = plan.result.clone();
    let unasked = args.auto || session.env.says_yes("SKIP_BACKUP_PROMPT");
    let consent = match consent(&args.consent) {
        _ if unasked => Consent::Yes,
        Consent::Ask if !request.backup.ask => Consent::Unasked,
        given => given,
    };

    if session.carry_out(plan, consent, Intent::of(&args.consent))?.is_none() {
        return Ok(Exit::Done);
    }

    // a hook may have moved it on: that spoils no backup
    let backups: Vec<_> = result
        .iter()
        .filter_map(|p| catalog::at(p, &session.project).ok())
        .map(|b| crate::view::backups::json(&b))
        .collect();

    session.record.fields(serde_json::json!({ "backups": backups }));
    say_recent(session, request);

    session.print(&result.iter().map(|p| Session::short(p)).collect::<Vec<_>>().join("\n"))
}

/// So many are listed after a backup.
const RECENT: usize = 3;

/// The newest backups, for a person who has just made one: whoever reads a pipe has `db-list`.
fn say_recent(session: &mut Session, request: &backup::Request) {
    let read =
        || Catalog::beside_a_new_one(&request.backup.dir, &session.project, &KeepRules::default());
    // what was made is made, whether the folder can be read or not
    let Some(catalog) = session.is_watched().then(read).and_then(Result::ok) else { return };
    let recent = &catalog.backups[..catalog.backups.len().min(RECENT)];
    session.terminal.tell(&crate::view::backups::recent(recent, session.moment.now));
}

/// The part of a backup that is of one database or store, with its file looked at.
pub(super) fn dump_of(
    session: &Session,
    backup: &Backup,
    key: Option<&str>,
    format: Format,
) -> Result<Dump> {
    if let Kind::Broken { why, .. } = &backup.kind {
        return Err(Problem::failed(format!("the backup `{}` is broken", backup.name))
            .because(why)
            .cure(match &backup.kind {
                Kind::Broken { manifest: None, .. } => {
                    "use another one (`db-list`); where there is none, move its manifest out of \
                     the folder and name the file: it is a foreign one then, of which nothing is \
                     proved"
                }
                _ => "use another one (`db-list`)",
            })
            .into());
    }

    dumps::look(backup, key, format, &session.project, &session.env)
}

/// A broken backup is newer than the one that is taken, or there is no other: somebody should know.
pub(super) fn say_passed_over(session: &mut Session, catalog: &Catalog, taken: Option<&Backup>) {
    for (name, why) in catalog.broken_before(taken) {
        session.terminal.say(&format!("warning: `{name}` is broken, and passed over: {why}"));
    }
}

/// The newest backup that has proved good, with all of these databases and stores in it.
pub fn latest(session: &mut Session, catalog: &Catalog, keys: &[&str]) -> Result<Backup> {
    let found = catalog.latest(keys);
    say_passed_over(session, catalog, found);

    found.cloned().ok_or_else(|| {
        let in_ticks = |names: &[&str]| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
        };
        let of = if keys.is_empty() { String::new() } else { format!(" with {}", in_ticks(keys)) };
        let missing =
            Problem::failed(format!("there is no good backup{of} in `{}`", catalog.dir.display()));
        let others: Vec<&str> = catalog.other_projects().into_iter().collect();
        let foreign: Vec<&str> = catalog.foreign().map(|b| b.name.as_str()).collect();

        if let (true, Some(first)) = (others.is_empty(), foreign.first()) {
            let which = if foreign.len() == 1 {
                String::new()
            } else {
                format!("{} files, the newest ", foreign.len())
            };

            return missing
                .because(format!("what has no manifest is passed over: {which}`{first}`"))
                .cure(format!(
                    "name the file (`db-restore {first}`); `db-backup` makes one that is proved"
                ))
                .into();
        }

        if others.is_empty() {
            return missing
                .cure("`db-backup` makes one; `--file PATH` takes a file from anywhere")
                .into();
        }

        missing
            .because(format!("those of other projects are passed over: {}", in_ticks(&others)))
            .cure(
                "`db-backup` makes one; another project's is restored by its name, with \
                 `--any-database`",
            )
            .into()
    })
}

/// The newest backup that has proved good, of databases that have these names: one of the same key
/// may be another database's.
pub fn latest_of(
    session: &mut Session,
    catalog: &Catalog,
    keys: &[&str],
    names: &Names,
) -> Result<Backup> {
    let newest = latest(session, catalog, keys)?;
    let Some((then, now)) = newest.of_another(names) else { return Ok(newest) };
    if let Some(found) = catalog.latest_of(keys, names) {
        session.terminal.say(&format!(
            "`{}` is newer, but of the database `{then}`: it is passed over",
            newest.name
        ));
        return Ok(found.clone());
    }

    Err(Problem::refused(format!(
        "the newest backup is of the database `{then}`, and not of `{now}`"
    ))
    .because(format!("it is `{}`; there is none of `{now}`", newest.name))
    .cure(format!(
        "if `{now}` is to get the data of `{then}`, say so: `db-restore --latest --any-database`, \
         or name the backup: `db-restore {}`",
        quoted(&newest.name)
    ))
    .into())
}

/// `db-verify`
pub fn verify(session: &mut Session, args: &cli::Verify) -> Result<Exit> {
    let intent = Intent::by_flag(args.dry_run);
    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let key =
        args.database.as_deref().map(|d| session.database(Some(d))).transpose()?.map(|d| d.key);
    let backup = match &args.name {
        Some(name) => catalog.meant(name, &session.project)?,
        None => latest(session, &catalog, key.as_deref().as_slice())?,
    };

    session.lock("db-verify", intent)?;
    if args.deep {
        let consent = if args.yes { Consent::Yes } else { Consent::Ask };
        return deep(session, &backup, key, args, consent, intent);
    }

    let keys: Vec<Option<String>> = match backup.manifest() {
        Some(m) => m.artifacts.iter().map(|a| Some(a.store.clone())).collect(),
        None => vec![None],
    };
    let dumps = keys
        .iter()
        .map(|key| dump_of(session, &backup, key.as_deref(), Format::Script))
        .collect::<Result<Vec<_>>>()?;
    let plan = session.hooked(verify_task::quick(&dumps), &[])?;

    finish_verify(session, &backup, plan, Consent::Ask, intent)
}

/// A tree that is there is tried where it would be restored. What a trial can't be made of is read.
fn store_trial(
    session: &mut Session,
    backup: &Backup,
    key: &str,
    format: Format,
) -> Result<StoreTrial> {
    let dump = dump_of(session, backup, Some(key), format)?;
    let spec = session.project.stores.iter().find(|store| store.key == key);
    let place = match spec.map(|spec| session.surveyor().store(spec)) {
        None => Err("`db-tasks.toml` has no such store".into()),
        Some(Err(e)) => Err(first_line(&e)),
        Some(Ok(found)) => match (&found.held.stuck, &found.address) {
            (Some(why), _) => Err(why.clone()),
            (None, Address::Milvus { .. }) => Err("collections are proved by reading them".into()),
            (None, address) if found.held.id.is_empty() => {
                Err(format!("there is nothing at {address}"))
            }
            (None, address) if address.format() != format => {
                Err("it is a store of another kind".into())
            }
            (None, address) => Ok(address.clone()),
        },
    };
    Ok(StoreTrial { dump, place })
}

fn deep(
    session: &mut Session,
    backup: &Backup,
    key: Option<String>,
    args: &cli::Verify,
    consent: Consent,
    intent: Intent,
) -> Result<Exit> {
    let held: Vec<(String, Format)> = backup.manifest().map_or(Vec::new(), |m| {
        m.artifacts.iter().map(|a| (a.store.clone(), a.format())).collect()
    });
    let known = |key: &String| session.project.databases.iter().any(|d| d.key == *key);
    let wanted = |entry: &&(String, Format)| {
        entry.1 == Format::Script && key.as_ref().map_or(known(&entry.0), |k| *k == entry.0)
    };
    let mut keys: Vec<String> = held.iter().filter(wanted).map(|(key, _)| key.clone()).collect();

    if keys.is_empty() {
        // a foreign file, or one of another project: by the server that is named, or the only one
        keys = vec![session.database(key.as_deref())?.key];
    }

    let databases =
        keys.iter().map(|key| session.database(Some(key))).collect::<Result<Vec<_>>>()?;

    session.with_servers(&databases.clone(), Wants::Made, intent, |session| {
        let loads = databases.iter().enumerate().map(|(number, database)| {
            let target = session.surveyor().survey(database, Depth::Database)?;
            let dump = dump_of(session, backup, Some(&database.key), Format::Script)?;
            let (dump, ground) = trying::ground(session, &target, dump, args, number)?;
            let otherwise = fitting::line(&["db-verify", &backup.name, "--deep"].map(String::from));
            let trust = trust(args.trust);

            let loading = Loading { way: Way::Beside, leave: &args.leave, trust, otherwise };
            let dump = fitted(session, &target, dump, loading)
                .map_err(|e| untried(session, backup, e, intent))?;

            Ok(Trial { disk_left: disk_left(&target), target, dump, trust, ground })
        });

        let loads = loads.collect::<Result<Vec<_>>>()?;
        let others = held.iter().filter(|(key, _)| !keys.contains(key) && held.len() > 1);
        let others = others
            .map(|(key, format)| store_trial(session, backup, key, *format))
            .collect::<Result<Vec<_>>>()?;
        let plan = verify_task::deep(&session.project.guards, &loads, &others)?;
        let plan =
            session.hooked(plan, &loads.iter().map(|trial| &trial.target).collect::<Vec<_>>())?;

        let (on_server, apart): (Vec<&Trial>, Vec<&Trial>) =
            loads.iter().partition(|trial| matches!(trial.ground, Ground::Server(_)));
        let plan = alone::with(plan, on_server.iter().map(|trial| &trial.target));
        let done = finish_verify(session, backup, plan, consent, intent);
        if apart.is_empty() { done } else { done.map_err(trying::apart) }
    })
}

/// What the role lacks for a trial says nothing against the backup: that is noted, as where a trial
/// came to no end.
fn untried(
    session: &Session,
    backup: &Backup,
    error: anyhow::Error,
    intent: Intent,
) -> anyhow::Error {
    let Some(problem) =
        error.downcast_ref::<Problem>().filter(|problem| problem.exit == Exit::Refused)
    else {
        return error;
    };

    let mut problem = problem.clone();
    let why = problem.happened.first().unwrap_or(&problem.tried).clone();
    problem.happened.insert(0, std::mem::take(&mut problem.tried));
    problem.tried = "the backup could not be tried here, and nothing is said against it".into();

    if let Some(manifest) = backup.manifest_path.as_deref().filter(|_| intent == Intent::Run) {
        let noted =
            record_untried(manifest, Untried { when: session.moment.now, how: "deep".into(), why });
        problem.happened.extend(noted.err().map(|e| format!("its manifest does not say so: {e}")));
    }

    problem.into()
}

fn finish_verify(
    session: &mut Session,
    backup: &Backup,
    plan: crate::plan::Plan,
    consent: Consent,
    intent: Intent,
) -> Result<Exit> {
    match session.carry_out(plan, consent, intent)? {
        Some(_) => session.print(&word(backup)),
        None => Ok(Exit::Done),
    }
}

/// What a verification has found: what is missing from a partial backup is no part of what is good.
fn word(backup: &Backup) -> String {
    match backup.manifest().filter(|m| m.partial) {
        None => format!("{} is good", backup.name),
        Some(manifest) => {
            format!(
                "{} is PARTIAL: {}; what it holds is as it was written",
                backup.name,
                manifest.without()
            )
        }
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
    let catalog = Catalog::read(&dir, &session.project)?;
    let plan = cleanup_task::plan(&catalog, &rules, &session.moment);
    let removed = plan.steps.len();
    let plan = session.hooked(plan, &[])?;

    match session.carry_out(plan, consent(&args.consent), intent)? {
        Some(_) if removed == 0 => session.print("nothing to remove"),
        _ => Ok(Exit::Done),
    }
}
