//! `db-backup`: dump, prove, compress, seal; then what retention lets go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Moment;
use crate::bundle::Catalog;
use crate::bundle::manifest::{Artifact, FORMAT, Manifest, Reason};
use crate::bundle::name::{self, Words};
use crate::config::{self, Project};
use crate::engine::postgres::cures;
use crate::facts::Surveyed;
use crate::plan::{Act, Deed, How, Pipe, Plan, Proof, Risk, Scope, Seal, Sink, Source, Step};
use crate::problem::Problem;
use crate::stream::Compression;
use crate::ui::human;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder, template and rules in force, command line included.
    pub backup: config::Backup,
    /// The person's words for it.
    pub label: Option<String>,
    /// Why it is made.
    pub reason: Reason,
}

/// Plans a backup of these databases.
pub fn plan(project: &Project, databases: &[Surveyed], catalog: &Catalog, request: &Request, moment: &Moment) -> Result<Plan> {
    let compression = Compression::parse(&request.backup.compress, request.backup.level).map_err(Problem::usage)?;
    databases.iter().try_for_each(dumpable)?;
    let mut names = Names::new(request, catalog, moment);
    let mut steps = Vec::new();
    if !request.backup.dir.is_dir() {
        steps.push(Step::Act(Act::Create(Deed { what: "backup folder".into(), how: How::Folder(request.backup.dir.clone()) })));
    }
    steps.extend(super::cleanup::unfinished(catalog));
    let mut result = Vec::new();
    let groups: Vec<&[Surveyed]> =
        if name::is_folder(&request.backup.name) { vec![databases] } else { databases.chunks(1).collect() };
    for group in groups {
        let paths = names.next(project, group, compression);
        result.push(paths.shown());
        steps.push(one_set(project, group, &paths, request, compression, moment));
    }
    let gone = super::cleanup::removals(catalog, &request.backup.keep, moment, databases);
    if !gone.is_empty() {
        // an old one that can't be removed is no fault of the new one, which is sealed by then
        steps.push(Step::Scope(Scope { finally: gone, ..Scope::default() }));
    }
    let size = |d: &Surveyed| d.live().and_then(|l| l.size).map_or(String::new(), |n| format!(", {}", human::bytes(n)));
    let list = databases.iter().map(|d| format!("`{}` ({}{})", d.name(), d.at(), size(d))).collect::<Vec<_>>().join(", ");
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let afterwards = result.iter().map(|path| format!("to restore it: db-restore {}", name(path))).collect();
    Ok(Plan {
        task: "db-backup",
        headline: format!("back up {list} to {}", request.backup.dir.display()),
        risk: Risk::Adds,
        notes: Vec::new(),
        steps,
        afterwards,
        backup: result.first().cloned(),
        result,
    })
}

/// What keeps a database from being dumped, before anything is begun.
pub(super) fn dumpable(database: &Surveyed) -> Result<()> {
    if database.live().is_none() {
        return Err(Problem::failed(format!("there is no database `{}` on the server ({})", database.name(), database.at()))
            .cure("check its name (`db-config` shows where it comes from), or create it")
            .into());
    }
    let server = database.server.version.major();
    if let Some(own) = database.dump_major.filter(|own| *own < server) {
        return Err(Problem::failed(format!("this pg_dump ({own}) can\'t read the server of `{}` ({server})", database.name()))
            .because("pg_dump refuses a server of a newer version than its own")
            .cure(format!(
                "{}; `db-doctor` shows which there are",
                cures::for_text("server version mismatch").unwrap_or_default()
            ))
            .into());
    }
    Ok(())
}

struct Names<'a> {
    request: &'a Request,
    moment: &'a Moment,
    taken: BTreeSet<PathBuf>,
}

/// Where a set's files go: by their final names, and by those they have until they are whole.
struct Paths {
    artifacts: Vec<PathBuf>,
    partials: Vec<PathBuf>,
    manifest: PathBuf,
    folder: Option<(PathBuf, PathBuf)>,
}

impl Paths {
    /// What a person restores by.
    fn shown(&self) -> PathBuf {
        self.folder.as_ref().map_or_else(|| self.artifacts.first().cloned().unwrap_or_default(), |(_, folder)| folder.clone())
    }
}

impl<'a> Names<'a> {
    fn new(request: &'a Request, catalog: &Catalog, moment: &'a Moment) -> Self {
        let known = catalog.backups.iter().flat_map(|b| [Some(b.path.clone()), b.manifest_path.clone()]);
        Self { request, moment, taken: known.flatten().collect() }
    }

    /// The first names that nobody has: two backups in one second get a counter.
    fn next(&mut self, project: &Project, group: &[Surveyed], compression: Compression) -> Paths {
        let free = |paths: &Paths, taken: &BTreeSet<PathBuf>| {
            let whole = paths.artifacts.iter().chain([&paths.manifest]).chain(paths.folder.iter().map(|(_, to)| to));
            whole.into_iter().all(|p| !taken.contains(p))
        };
        let mut counter = 1;
        let mut paths = self.paths(project, group, compression, counter);
        while !free(&paths, &self.taken) {
            counter += 1;
            paths = self.paths(project, group, compression, counter);
        }
        self.taken.extend(paths.artifacts.iter().cloned().chain([paths.manifest.clone()]));
        paths
    }

    fn paths(&self, project: &Project, group: &[Surveyed], compression: Compression, counter: u32) -> Paths {
        let dir = &self.request.backup.dir;
        let ext = match compression.codec().extension() {
            "" => "sql".to_owned(),
            ext => format!("sql.{ext}"),
        };
        let relative: Vec<PathBuf> = group
            .iter()
            .map(|d| {
                let words = Words {
                    project: &project.name,
                    environment: &project.environment,
                    database: d.name(),
                    store: &d.spec.key,
                    label: self.request.label.as_deref(),
                };
                name::artifact(&self.request.backup, &words, &ext, self.moment.now, counter)
            })
            .collect();
        let manifest = dir.join(name::manifest(&relative[0]));
        let artifacts: Vec<PathBuf> = relative.iter().map(|r| dir.join(r)).collect();
        let folder = name::is_folder(&self.request.backup.name).then(|| {
            let to = artifacts[0].parent().unwrap_or(dir).to_path_buf();
            (name::partial(&to), to)
        });
        let partials = match &folder {
            Some((from, to)) => artifacts.iter().map(|a| from.join(a.strip_prefix(to).unwrap_or(a))).collect(),
            None => artifacts.iter().map(|a| name::partial(a)).collect(),
        };
        Paths { artifacts, partials, manifest, folder }
    }
}

fn one_set(
    project: &Project,
    group: &[Surveyed],
    paths: &Paths,
    request: &Request,
    compression: Compression,
    moment: &Moment,
) -> Step {
    let mut body = Vec::new();
    let mut on_failure = Vec::new();
    if let Some((from, _)) = &paths.folder {
        body.push(Step::Act(Act::Create(Deed { what: "folder of the set".into(), how: How::Folder(from.clone()) })));
    }
    for (database, partial) in group.iter().zip(&paths.partials) {
        body.push(Step::Act(dump(database, partial, compression)));
        on_failure
            .push(Act::Remove(Deed { what: "sessions of this run".into(), how: How::Command(database.client.end_sessions()) }));
    }
    let names = match &paths.folder {
        Some((from, to)) => {
            on_failure.push(Act::Remove(Deed { what: "the unfinished set".into(), how: How::Folder(from.clone()) }));
            vec![(from.clone(), to.clone())]
        }
        None => {
            on_failure.extend(
                paths
                    .partials
                    .iter()
                    .map(|p| Act::Remove(Deed { what: "the unfinished dump".into(), how: How::File(p.clone()) })),
            );
            let manifest = How::File(name::partial(&paths.manifest));
            on_failure.push(Act::Remove(Deed { what: "the unfinished manifest".into(), how: manifest }));
            paths.partials.iter().cloned().zip(paths.artifacts.iter().cloned()).collect()
        }
    };
    let artifacts = group.iter().zip(&paths.artifacts).map(|(d, path)| artifact(d, path, compression)).collect();
    let manifest = Manifest {
        format: FORMAT,
        tool: format!("db-tasks {}", env!("CARGO_PKG_VERSION")),
        created: moment.now,
        reason: request.reason,
        label: request.label.clone(),
        project: project.name.clone(),
        environment: project.environment.clone(),
        partial: false,
        artifacts,
        verified: Vec::new(),
    };
    let seal = Seal::Backup { manifest, manifest_path: paths.manifest.clone(), names };
    body.push(Step::Act(Act::Seal(Box::new(seal))));
    Step::Scope(Scope { body, on_failure, finally: Vec::new() })
}

fn dump(database: &Surveyed, partial: &Path, compression: Compression) -> Act {
    Act::Pipe(Box::new(Pipe {
        store: database.spec.key.clone(),
        from: Source::Command(database.dumper.dump()),
        to: Sink::File { path: partial.to_path_buf(), compression },
        proof: Proof { expected_bytes: database.live().and_then(|d| d.size), ..Proof::default() },
    }))
}

fn artifact(database: &Surveyed, path: &Path, compression: Compression) -> Artifact {
    Artifact {
        store: database.spec.key.clone(),
        kind: "postgres".into(),
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: 0,
        sha256: String::new(),
        codec: compression.codec(),
        plain_bytes: 0,
        started: chrono::DateTime::UNIX_EPOCH,
        seconds: 0.0,
        database: database.live().cloned().unwrap_or_default(),
        server_version: database.server.version_text.clone(),
        dump_version: None,
        extensions: database.server.extensions.clone(),
        migrations: Vec::new(),
        rows: 0,
        large_objects: 0,
        tables: Vec::new(),
    }
}
