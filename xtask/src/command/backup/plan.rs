//! `db-backup`: dump, verify, compress, seal; then remove what retention does not keep.

mod coming;
mod dumping;
mod encrypted;
mod latest;
mod manifest;
mod names;
mod notes;
mod ratchet;
mod unchanged;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use self::coming::{coming, expected};
use self::dumping::dump;
use self::manifest::manifest;
use self::names::{Names, Paths};
pub use self::ratchet::Ratchet;
pub use self::unchanged::Perhaps;
use crate::bundle::manifest::{Missing, Reason};
use crate::bundle::ratchet::Demand;
use crate::bundle::{Backup, Catalog, Sharing, name};
use crate::cmd::quoted;
use crate::command::cleanup::plan::{New, removals, unfinished};
use crate::config::{self, DumpArg, Form, Plain, Project};
use crate::engine::postgres::client::cures;
use crate::facts::salvage::Damage;
use crate::facts::{Set, Surveyed, SurveyedStore};
use crate::plan::{Act, Deed, How, Newest, Plan, Risk, Scope, Seal, Step};
use crate::planning::Moment;
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::stream::{Compression, Locking};
use crate::value::{Format, RowOrder, Stable, TableKey};
use crate::{human, tasks};

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder, template and rules in force, including the command line.
    pub backup: config::Backup,
    /// Your note on it.
    pub label: Option<String>,
    /// Why it is made.
    pub reason: Reason,
    /// `--salvage`: what can't be read, by the databases' keys.
    pub salvage: Option<Salvage>,
    /// How many records it must hold, if anything says so.
    pub ratchet: Option<Ratchet>,
    /// The primary keys of tables, by the databases' keys, if rows are sorted.
    pub keys: BTreeMap<String, Vec<TableKey>>,
}

/// What can't be read of damaged databases, by their keys.
pub type Salvage = BTreeMap<String, Damage>;

impl Request {
    /// The same, but whole and private if it must bring everything back, also what others may not
    /// read.
    fn as_it_must_be(&self) -> Self {
        let mut request = self.clone();
        if self.reason.is_safety() || self.salvage.is_some() {
            request.backup.plain = Plain::default();
        }
        request
    }

    fn damage(&self, key: &str) -> Option<&Damage> {
        self.salvage.as_ref()?.get(key).filter(|damage| !damage.is_none())
    }

    /// What is done to the dump of a database.
    fn stable(&self, key: &str) -> Option<Stable> {
        let plain = &self.backup.plain;
        let keys = self.keys.get(key).cloned().unwrap_or_default();
        let order = RowOrder { meant: plain.key_order.clone(), keys };
        let stable = Stable { form: plain.form, order };
        (plain.form == Form::Stable || !plain.key_order.is_none()).then_some(stable)
    }

    /// What the project leaves out of the backup of a database.
    fn left_out(&self, key: &str) -> Vec<Missing> {
        let whys = self.backup.plain.args.iter().filter_map(DumpArg::lacks_rows);
        whys.map(|why| Missing { store: key.to_owned(), why, table: None }).collect()
    }

    /// What is missing from the backup of a damaged database.
    fn missing(&self, key: &str) -> Vec<Missing> {
        let told = self.damage(key).map_or(Vec::new(), Damage::told);
        told.into_iter()
            .map(|(table, why)| Missing { store: key.to_owned(), why, table: Some(table) })
            .collect()
    }
}

/// What all sets of one run have in common.
struct All<'a> {
    project: &'a Project,
    request: &'a Request,
    catalog: &'a Catalog,
    compression: Compression,
    moment: &'a Moment,
    missing: &'a [Missing],
    locking: Option<&'a Locking>,
}

/// A database or a store, as a backup sees it.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Database(&'a Surveyed),
    Store(&'a SurveyedStore),
}

impl Subject<'_> {
    fn key(&self) -> &str {
        match self {
            Self::Database(d) => &d.spec.key,
            Self::Store(s) => s.key(),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Database(d) => d.name(),
            Self::Store(s) => s.key(),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Database(_) => Format::Script,
            Self::Store(s) => s.address.format(),
        }
    }

    /// `app` (localhost, 12 MB)
    fn shown(&self) -> String {
        let (at, size) = match self {
            Self::Database(d) => (d.at(), d.live().and_then(|l| l.size)),
            Self::Store(s) => (s.address.to_string(), s.held.bytes),
        };
        let size = size.map_or(String::new(), |n| format!(", {}", human::bytes(n)));
        format!("`{}` ({at}{size})", self.name())
    }
}

/// Plans a backup of these databases and stores.
pub fn plan(
    project: &Project,
    set: &Set,
    catalog: &Catalog,
    request: &Request,
    moment: &Moment,
) -> Result<Plan> {
    let request = &request.as_it_must_be();
    let compression = Compression::parse(&request.backup.compress, request.backup.level)
        .map_err(Problem::usage)?;
    set.databases.iter().try_for_each(dumpable)?;

    let databases = set.databases.iter().map(Subject::Database);
    let subjects: Vec<Subject<'_>> =
        databases.chain(set.stores.iter().map(Subject::Store)).collect();

    if subjects.is_empty() || (request.reason.is_safety() && !set.missing.is_empty()) {
        return Err(not_whole(&set.missing).into());
    }

    encrypted::may_be_made(project, set, request)?;

    let (missing, locking) = (&set.missing, set.locking.as_ref());
    let all = All { project, request, catalog, compression, moment, missing, locking };
    let mut steps = first(request, catalog);
    let made = sets(&all, &subjects);
    let unnamed = latest::note(&all, set, made.newest.len());
    let removals = last_of_all(set, &all, &made);
    let Made { steps: own, result, demands, newest, afterwards, .. } = made;
    steps.extend(own);
    steps.extend(ratchet::counted(request, demands));
    steps.extend(latest::steps(newest));
    steps.extend(removals);

    let list = subjects.iter().map(Subject::shown).collect::<Vec<_>>().join(", ");
    let headline = format!("back up {list} to {}", request.backup.dir.display());

    Ok(Plan {
        notes: notes::of(set, request)
            .into_iter()
            .chain(encrypted::notes(&all, set))
            .chain(unnamed)
            .collect(),
        steps,
        afterwards,
        backup: result.first().cloned(),
        result,
        ..Plan::bare(tasks::BACKUP.name, headline, Risk::Adds)
    })
}

/// The folder, and what an interrupted run left in it.
fn first(request: &Request, catalog: &Catalog) -> Vec<Step> {
    let folder =
        Deed { what: "backup folder".into(), how: How::Folder(request.backup.dir.clone()) };
    let folder = (!request.backup.dir.is_dir()).then_some(Step::Act(Act::Create(folder)));
    let is_own = catalog.ground == Sharing::Own;
    let left = is_own.then(|| unfinished(catalog));

    folder.into_iter().chain(left.into_iter().flatten()).collect()
}

/// The steps that make backups.
#[derive(Default)]
struct Made {
    steps: Vec<Step>,
    /// Where each backup is.
    result: Vec<PathBuf>,
    /// Those that will count, as far as they are known.
    coming: Vec<Backup>,
    /// What their databases must hold.
    demands: Vec<Demand>,
    /// What is to name them.
    newest: Vec<Newest>,
    /// The manifests of those that stay in place of new ones, if nothing has changed.
    kept: Vec<PathBuf>,
    /// How to restore those that are surely kept.
    afterwards: Vec<String>,
}

/// All in one folder, or each by itself.
fn sets(all: &All<'_>, subjects: &[Subject<'_>]) -> Made {
    let All { project, request, .. } = *all;
    let mut names = Names::new(all);
    let size = if name::is_folder(&all.request.backup.name) { subjects.len() } else { 1 };
    let mut made = Made::default();

    for group in subjects.chunks(size) {
        let paths = names.next(all.project, group, all.compression);
        let manifest = manifest(all, group, &paths);
        let held_to = ratchet::held_to(all.request, group, &paths);

        made.coming.extend(coming(&manifest, &paths, expected(all, group)));
        made.demands.extend(held_to.iter().flat_map(|to| to.demands.clone()));
        let kept = unchanged::kept(all, group, &paths, &manifest);
        made.newest.extend(latest::newest(all, group, &paths, &manifest, kept.as_ref()));
        made.kept.extend(kept.iter().map(|kept| kept.manifest.clone()));
        if kept.is_none() {
            made.afterwards.push(way_back(&paths.shown(), project, request));
        }
        made.result.push(paths.shown());

        let seal = Seal::Backup {
            manifest: Box::new(manifest),
            manifest_path: paths.manifest.clone(),
            names: paths.names(),
            mode: all.request.backup.plain.mode,
            form: all.request.backup.plain.form,
            kept,
            held_to: held_to.map(Box::new),
        };
        made.steps.push(one_set(group, &paths, all, seal));
    }

    made
}

/// What the new backups make superfluous. A salvage does not replace a good one.
fn last_of_all(set: &Set, all: &All<'_>, made: &Made) -> Vec<Step> {
    if all.request.salvage.is_some() {
        return Vec::new();
    }

    let keep = &all.request.backup.keep;
    let new = New { of: &set.keys(), coming: &made.coming, kept: &made.kept };
    removals(all.catalog, keep, all.moment, &new)
}

/// How to restore a backup.
pub fn way_back(path: &Path, project: &Project, request: &Request) -> String {
    let how = if request.backup.dir == project.backup.dir {
        quoted(&path.file_name().unwrap_or_default().to_string_lossy())
    } else {
        format!("--file {}", quoted(&path.to_string_lossy()))
    };
    format!("to restore it: db-restore {how}")
}

fn not_whole(missing: &[Missing]) -> Problem {
    let why: Vec<String> = missing.iter().map(|m| format!("{}: {}", m.store, m.why)).collect();
    let cure = "start it, or choose parts with `--only`; no data is replaced on the strength of a \
                partial backup";

    Problem::failed("a complete backup can't be made: a store is down")
        .code(Code::BackupIncomplete)
        .because(why.join("\n"))
        .cure(cure)
}

/// What prevents a dump of a database, before anything begins.
pub fn dumpable(database: &Surveyed) -> Result<()> {
    if database.live().is_none() {
        return Err(Problem::failed(format!(
            "there is no database `{}` on the server ({})",
            database.name(),
            database.at()
        ))
        .code(Code::NoSuchDatabase)
        .cure("check its name (`db-config` shows where it comes from), or create it")
        .into());
    }

    let server = database.server.version.major();
    if let Some(own) = database.dump_major.filter(|own| *own < server) {
        return Err(Problem::failed(format!(
            "this pg_dump ({own}) can\'t read the server of `{}` ({server})",
            database.name()
        ))
        .code(Code::Unsupported)
        .because("pg_dump refuses a server of a newer version than its own")
        .cure(format!(
            "{}; `db-doctor` shows the installed ones",
            cures::for_text("server version mismatch").unwrap_or_default()
        ))
        .into());
    }

    Ok(())
}

/// Dumps of a group, sealed as one backup.
fn one_set(group: &[Subject<'_>], paths: &Paths, all: &All<'_>, seal: Seal) -> Step {
    let folder = paths.folder.as_ref().map(|(from, _)| {
        let how = How::Folder(from.clone());
        Act::Create(Deed { what: "folder of the set".into(), how })
    });
    let dumps = group
        .iter()
        .zip(&paths.partials)
        .map(|(subject, partial)| dump(*subject, partial, all.compression, all));

    let seal = Act::Seal(Box::new(seal));
    let body = folder.into_iter().chain(dumps).chain([seal]).map(Step::Act).collect();

    let sessions = group.iter().filter_map(|subject| match subject {
        Subject::Database(database) => Some(end_sessions(database)),
        Subject::Store(_) => None,
    });
    let on_failure = sessions.chain(paths.removed()).collect();

    Step::Scope(Scope { body, on_failure, ..Scope::default() })
}
