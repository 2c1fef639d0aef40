//! `db-adopt`: reads each file to its end, and writes its manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::TimeDelta;

use crate::bundle::keep::Verdict;
use crate::bundle::manifest::{Holds, Noted, format_of};
use crate::bundle::{Artifact, Backup, Catalog, Kind, Manifest, Reason, Verification, ending};
use crate::command::cleanup::plan::verdicts;
use crate::config::{Project, Retention};
use crate::facts::dumps::{Dump, Form};
use crate::human;
use crate::plan::{Act, Deed, How, Part, Pipe, Plan, Proof, Risk, Scope, Seal, Sink, Source, Step};
use crate::planning::Moment;
use crate::problem::{Code, Problem};
use crate::stream::Coding;
use crate::tasks;
use crate::value::Format;

/// A file that may be adopted.
pub struct Choice {
    /// The file.
    pub file: Backup,
    /// What it is, or why it can't be read.
    pub dump: Result<Dump>,
}

/// What the manifests will say.
pub struct Request {
    /// The database that the files are of, by its key.
    pub key: String,
    /// A note.
    pub label: Option<String>,
}

/// A file that is adopted.
struct Adopted {
    file: Backup,
    source: Source,
    manifest: Manifest,
    path: PathBuf,
}

/// Plans it. What can't be adopted is said, and keeps nothing else from being adopted.
///
/// # Errors
/// None of the files can be adopted.
pub fn plan(
    catalog: &Catalog,
    choices: Vec<Choice>,
    request: &Request,
    project: &Project,
    moment: &Moment,
) -> Result<Plan> {
    let (mut all, mut unfit, mut taken) = (Vec::new(), Vec::new(), catalog.taken.clone());

    for choice in choices {
        let name = choice.file.name.clone();
        match adopted(choice, request, project, moment) {
            Ok(adopted) if !taken.insert(adopted.path.clone()) => {
                unfit.push(format!("leaves {name}: {}", names_another(&adopted.path)));
            }
            Ok(adopted) => all.push(adopted),
            Err(why) => unfit.push(format!("leaves {name}: {why}")),
        }
    }

    if all.is_empty() {
        return Err(Problem::failed("none of these files can be adopted")
            .code(Code::BackupUnfit)
            .because(unfit.join("\n"))
            .cure("`db-restore --file PATH` restores what it can read, adopted or not")
            .into());
    }

    let going = going(catalog, &all, project, moment);
    let risk = if going.is_empty() { Risk::Adds } else { Risk::RemovesBackups };
    let headline = format!(
        "adopt {} in {}, as backups of `{}`",
        human::counted(all.len() as u64, "file"),
        catalog.dir.display(),
        request.key
    );

    Ok(Plan {
        notes: unfit.into_iter().chain(going).collect(),
        steps: all.into_iter().map(|adopted| step(adopted, request)).collect(),
        ..Plan::bare(tasks::ADOPT.name, headline, risk)
    })
}

fn names_another(manifest: &Path) -> String {
    let name = manifest.file_name().unwrap_or_default().to_string_lossy();
    format!("`{name}`, where its manifest goes, is another file's: rename one of them")
}

/// A plain dump, and the beginning of its manifest.
fn adopted(
    choice: Choice,
    request: &Request,
    project: &Project,
    moment: &Moment,
) -> Result<Adopted, String> {
    let Choice { file, dump } = choice;
    // a manifest is text, and would name another file
    if file.path.file_name().and_then(|name| name.to_str()) != Some(&file.name) {
        return Err("its name is not UTF-8: rename it".into());
    }

    // it would be the newest one until then; a name does not tell its time zone
    if file.created > moment.now + TimeDelta::days(1) {
        return Err(format!(
            "it is dated in the future, {}: give it the time when it was made (`touch -d`)",
            file.created.format("%Y-%m-%d")
        ));
    }

    let dump = dump.map_err(|e| told(&Problem::of(e)))?;
    let (Source::File { coding, .. }, Form::Plain | Form::WithCreate) = (&dump.source, dump.form)
    else {
        return Err("it is an archive of pg_dump, and only plain dumps are adopted; `db-restore \
                    --file` restores it"
            .into());
    };

    let path = ending::manifest_beside(&file.path);
    let manifest = manifest(&file, coding, request, project);

    Ok(Adopted { source: dump.source, file, manifest, path })
}

/// What is wrong with it, and what to do.
fn told(problem: &Problem) -> String {
    let cure = problem.cure.iter().map(|cure| format!(" ({cure})"));
    [problem.tried.clone()].into_iter().chain(cure).collect()
}

/// What is known of it before it is read.
fn manifest(file: &Backup, coding: &Coding, request: &Request, project: &Project) -> Manifest {
    let holds = Holds::Postgresql(Box::default());
    let mut artifact = Artifact::begun(request.key.clone(), file.name.clone(), coding.codec, holds);
    artifact.encryption = coding.locked.as_ref().map(|locked| locked.by.clone());

    Manifest {
        format: format_of(&artifact),
        tool: format!("db-tasks {}", env!("CARGO_PKG_VERSION")),
        created: file.created,
        reason: Reason::Adopted,
        label: request.label.clone(),
        project: project.name.clone(),
        project_named: project.named,
        environment: "unknown".into(),
        host: None,
        audit: None,
        partial: false,
        missing: Vec::new(),
        shrunken: Vec::new(),
        artifacts: vec![artifact],
        verified: Vec::new(),
        untried: None,
        pinned: None,
        digest: None,
        noted: Noted::Nothing,
    }
}

/// What the keep rules of the project will remove because of them, of them or of others, unless
/// they turn out to be bad.
fn going(catalog: &Catalog, all: &[Adopted], project: &Project, moment: &Moment) -> Vec<String> {
    let rules = &project.backup.keep;
    if !rules.remove_after_a_backup() {
        return Vec::new();
    }

    let mut then = catalog.clone();
    for backup in &mut then.backups {
        if let Some(adopted) = all.iter().find(|adopted| adopted.file.path == backup.path) {
            let mut manifest = adopted.manifest.clone();
            let (when, how) = (moment.now, "quick".into());
            manifest.verified.push(Verification { when, how, good: true });

            backup.manifest_path = Some(adopted.path.clone());
            backup.kind = Kind::Ours(Box::new(manifest));
        }
    }

    let now = removed(catalog, rules, moment);
    let also = removed(&then, rules, moment).into_iter().filter(|(b, _)| !now.contains_key(b));
    let told = |(name, why)| {
        format!("by the keep rules, the next `db-backup` or `db-cleanup` removes {name}: {why}")
    };

    also.map(told).collect()
}

/// The names of what the keep rules remove, and why.
fn removed<'a>(
    catalog: &'a Catalog,
    rules: &Retention,
    moment: &Moment,
) -> BTreeMap<&'a str, String> {
    let goes = |(backup, verdict): (&'a Backup, Verdict)| match verdict {
        Verdict::Remove(why) => Some((backup.name.as_str(), why)),
        _ => None,
    };
    verdicts(catalog, rules, moment).into_iter().filter_map(goes).collect()
}

fn step(adopted: Adopted, request: &Request) -> Step {
    let Adopted { file, source, manifest, path } = adopted;
    let name = file.name;
    let unfinished = How::File(ending::partial(&path));

    let read = Act::Pipe(Box::new(Pipe {
        store: request.key.clone(),
        format: Format::Script,
        from: source,
        to: Sink::Nowhere,
        proof: Proof::default(),
    }));
    let seal = Seal::Adopted { manifest: Box::new(manifest), manifest_path: path };

    Step::Scope(Scope {
        body: vec![Step::Act(read), Step::Act(Act::Seal(Box::new(seal)))],
        on_failure: vec![Act::Remove(Deed {
            what: "the unfinished manifest".into(),
            how: unfinished,
        })],
        part: Part::Each(name),
        ..Scope::default()
    })
}
