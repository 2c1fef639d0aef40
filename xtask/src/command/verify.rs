//! `db-verify`: verify a backup by reading it to its end, or by restoring it into a scratch
//! database.

pub mod plan;
mod trying;

use anyhow::Result;
use clap::Args;

use self::plan::{StoreTrial, Trial, TrialPlace};
use super::Command;
use crate::bundle::{Backup, Catalog, Manifest, Untried};
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::dumps::{self, Dump};
use crate::facts::health::server_disk_left;
use crate::gate::Consent;
use crate::options::{Leave, Trusted};
use crate::problem::{Code, Exit, Problem, first_line};
use crate::run::record_untried;
use crate::session::author::{Way, trust};
use crate::session::choosing::{dump_of, latest};
use crate::session::fitting::{self, Loading, fitted};
use crate::session::servers::Wants;
use crate::session::{Intent, Session, alone};
use crate::tasks::{self, Task, Touches};
use crate::value::{Address, Format};

/// `db-verify`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// The backup's name or a path; without it, the newest
    pub name: Option<String>,
    /// The newest backup
    #[arg(long, conflicts_with = "name")]
    pub latest: bool,
    /// Restore into a scratch database and compare every table's rows
    #[arg(long)]
    pub deep: bool,
    /// Use this database's server for `--deep`, and its newest backup
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// With `--deep`: try an untrusted file on the database's server instead of in a throw-away
    /// cluster
    #[arg(long, requires = "deep")]
    pub on_server: bool,
    /// Load an untrusted file (`--deep`) without a question
    #[arg(long)]
    pub yes: bool,
    /// With `--deep`: let the functions of an untrusted file run as your role (`--trust=role`) if
    /// no loader role can be made; the other values as in `db-restore`
    #[arg(long, value_name = "role|psql", num_args = 0..=1, require_equals = true, default_missing_value = "sql", hide_possible_values = true, requires = "deep")]
    pub trust: Option<Trusted>,
    /// With `--deep`, as in `db-restore`
    #[command(flatten)]
    pub leave: Leave,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  db-verify                 reads the newest backup to its end, and checks checksum and rows
  db-verify --deep          also restores it into a scratch database, and removes that afterwards
  db-verify app_20260116_224500";

impl Command for Verify {
    fn task(&self) -> &'static Task {
        &tasks::VERIFY
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn touches(&self) -> Touches {
        if self.deep { Touches::Own } else { Touches::Programs }
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
        let key =
            self.database.as_deref().map(|d| session.database(Some(d))).transpose()?.map(|d| d.key);
        let backup = match &self.name {
            Some(name) => catalog.meant(name, &session.project)?,
            None => latest(session, &catalog, key.as_deref().as_slice())?,
        };

        session.lock(self.task().name, intent)?;
        if self.deep {
            let consent = if self.yes { Consent::Yes } else { Consent::Ask };
            return deep(session, &backup, key, self, consent, intent);
        }

        let keys: Vec<Option<String>> = match backup.manifest() {
            Some(m) => m.artifacts.iter().map(|a| Some(a.store.clone())).collect(),
            None => vec![None],
        };
        let dumps = keys
            .iter()
            .map(|key| {
                dump_of(session, &backup, key.as_deref(), Format::Script)
                    .or_else(|e| unread(&backup, key.as_deref(), e))
            })
            .collect::<Result<Vec<_>>>()?;
        let word = if dumps.iter().any(plan::is_sealed) { sealed_word } else { word };
        let plan = session.hooked(plan::quick(&dumps), &[])?;

        finish_verify(session, &word(&backup), plan, Consent::Ask, intent)
    }
}

/// What can't be decrypted here still has a checksum, if it has a manifest.
fn unread(backup: &Backup, key: Option<&str>, error: anyhow::Error) -> Result<Dump> {
    let code = error.downcast_ref::<Problem>().map(|problem| problem.code);
    let is_shut = matches!(code, Some(Code::NoKey | Code::Unsupported));
    match backup.manifest().and_then(Manifest::encryption) {
        Some(_) if is_shut => dumps::sealed(backup, key),
        _ => Err(error),
    }
}

/// An existing tree is tried where it would be restored. What can't be tried is read.
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
            (None, Address::Milvus { .. }) => {
                Err("collections are verified by reading them".into())
            }
            (None, address) if found.held.id.is_empty() => {
                Err(format!("there is nothing at {address}"))
            }
            (None, address) if address.format() != format => {
                Err("it is another kind of store".into())
            }
            (None, address) => Ok(address.clone()),
        },
    };
    Ok(StoreTrial { dump, place })
}

/// The databases whose dumps are loaded: the wanted one, or those that the project has.
fn tried(session: &Session, held: &[(String, Format)], key: Option<&str>) -> Result<Vec<String>> {
    let known = |key: &String| session.project.databases.iter().any(|d| d.key == *key);
    let wanted = |entry: &&(String, Format)| {
        entry.1 == Format::Script && key.map_or(known(&entry.0), |k| k == entry.0)
    };
    let keys: Vec<String> = held.iter().filter(wanted).map(|(key, _)| key.clone()).collect();

    // a foreign file, or one of another project: on the named server, or the only one
    if keys.is_empty() { Ok(vec![session.database(key)?.key]) } else { Ok(keys) }
}

fn deep(
    session: &mut Session,
    backup: &Backup,
    key: Option<String>,
    args: &Verify,
    consent: Consent,
    intent: Intent,
) -> Result<Exit> {
    let held: Vec<(String, Format)> = backup.manifest().map_or(Vec::new(), |m| {
        m.artifacts.iter().map(|a| (a.store.clone(), a.format())).collect()
    });
    let keys = tried(session, &held, key.as_deref())?;
    let databases =
        keys.iter().map(|key| session.database(Some(key))).collect::<Result<Vec<_>>>()?;

    session.with_servers(&databases.clone(), Wants::Made, intent, |session| {
        let loads = databases.iter().enumerate().map(|(number, database)| {
            let target = session.surveyor().survey(database, Depth::Database)?;
            let dump = dump_of(session, backup, Some(&database.key), Format::Script)?;
            let (dump, ground) = trying::ground(session, &target, dump, args, number)?;
            let otherwise =
                fitting::line(&[tasks::VERIFY.name, &backup.name, "--deep"].map(String::from));
            let trust = trust(args.trust);

            let loading = Loading { way: Way::Beside, leave: &args.leave, trust, otherwise };
            let dump = fitted(session, &target, dump, loading)
                .map_err(|e| untried(session, backup, e, intent))?;

            Ok(Trial { disk_left: server_disk_left(&target), target, dump, trust, ground })
        });

        let loads = loads.collect::<Result<Vec<_>>>()?;
        let others = held.iter().filter(|(key, _)| !keys.contains(key) && held.len() > 1);
        let others = others
            .map(|(key, format)| store_trial(session, backup, key, *format))
            .collect::<Result<Vec<_>>>()?;
        let plan = plan::deep(&session.project.guards, &loads, &others)?;
        let plan =
            session.hooked(plan, &loads.iter().map(|trial| &trial.target).collect::<Vec<_>>())?;

        let (on_server, apart): (Vec<&Trial>, Vec<&Trial>) =
            loads.iter().partition(|trial| matches!(trial.ground, TrialPlace::Server(_)));
        let plan = alone::with(plan, on_server.iter().map(|trial| &trial.target));
        let done = finish_verify(session, &word(backup), plan, consent, intent);
        if apart.is_empty() { done } else { done.map_err(trying::apart) }
    })
}

/// Missing rights of the role say nothing against the backup: they are recorded, like a trial that
/// did not finish.
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
    let mut problem =
        problem.told_as("the backup could not be tried here; that says nothing against it");

    if let Some(manifest) = backup.manifest_path.as_deref().filter(|_| intent == Intent::Run) {
        let noted =
            record_untried(manifest, Untried { when: session.moment.now, how: "deep".into(), why });
        problem
            .happened
            .extend(noted.err().map(|e| format!("its notes could not record that: {e}")));
    }

    problem.into()
}

fn finish_verify(
    session: &mut Session,
    word: &str,
    plan: crate::plan::Plan,
    consent: Consent,
    intent: Intent,
) -> Result<Exit> {
    match session.carry_out(plan, consent, intent)? {
        Some(_) => session.print(word),
        None => Ok(Exit::Done),
    }
}

/// The outcome where no key was at hand.
fn sealed_word(backup: &Backup) -> String {
    format!(
        "{} has the checksum of its manifest; what is in it was not checked: no key opens it here",
        backup.name
    )
}

/// The outcome of a verification: a partial or shrunken backup is good only in what it holds.
fn word(backup: &Backup) -> String {
    match backup.manifest().and_then(Manifest::flaws) {
        None => format!("{} is good", backup.name),
        Some(flaws) => format!("{} is {flaws}; what it holds is verified", backup.name),
    }
}
