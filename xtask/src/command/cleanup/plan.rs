//! `db-cleanup`: what the keep rules remove, each with its reason.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::bundle::ending;
use crate::bundle::keep::{Candidate, Verdict, decide};
use crate::bundle::manifest::Noted;
use crate::bundle::{Backup, Catalog, Manifest};
use crate::config::KeepRules;
use crate::plan::{Act, Deed, How, Plan, Risk, Step};
use crate::planning::Moment;
use crate::tasks;

/// What happens to every backup of this project.
pub fn verdicts<'a>(
    catalog: &'a Catalog,
    rules: &KeepRules,
    moment: &Moment,
) -> Vec<(&'a Backup, Verdict)> {
    let mut groups: BTreeMap<Vec<&str>, Vec<&Backup>> = BTreeMap::new();

    for backup in catalog.backups.iter().filter(|b| b.other_project.is_none()) {
        if let Some(manifest) = backup.manifest() {
            let mut stores: Vec<&str> =
                manifest.artifacts.iter().map(|a| a.store.as_str()).collect();
            stores.sort_unstable();
            groups.entry(stores).or_default().push(backup);
        }
    }

    let named = names(catalog);
    let mut all: Vec<(&Backup, Verdict)> = groups
        .into_values()
        .flat_map(|group| {
            let candidates: Vec<Candidate> = group.iter().map(|b| candidate(b)).collect();
            let verdicts = decide(&candidates, rules, moment.now);
            group
                .into_iter()
                .zip(verdicts)
                .map(|(backup, verdict)| (backup, unless_in_doubt(backup, verdict, &named)))
        })
        .collect();

    all.sort_by(|a, b| (b.0.created, &b.0.name).cmp(&(a.0.created, &a.0.name)));
    all
}

/// The manifests that name each file.
fn names(catalog: &Catalog) -> HashMap<PathBuf, Vec<&Path>> {
    let mut names: HashMap<PathBuf, Vec<&Path>> = HashMap::new();

    for (backup, manifest) in
        catalog.backups.iter().filter_map(|b| Some((b, b.manifest_path.as_deref()?)))
    {
        for file in files_of(backup) {
            names.entry(file).or_default().push(manifest);
        }
    }

    names
}

/// What a rule would remove stays where something about it is not known.
///
/// A file elsewhere that a manifest names is not part of its backup. A file is removed only with
/// the last manifest that names it: a copy of an old manifest would otherwise remove the file of a
/// good backup.
fn unless_in_doubt(
    backup: &Backup,
    verdict: Verdict,
    named: &HashMap<PathBuf, Vec<&Path>>,
) -> Verdict {
    if let Verdict::Keep(_) = verdict {
        return verdict;
    }

    if backup.manifest().is_some_and(Manifest::is_saved) {
        return Verdict::Keep(
            "it is a salvage of a damaged database: remove it by hand when nobody needs it".into(),
        );
    }

    // it may be the best there is: that is not known before somebody looks
    if backup.manifest().is_some_and(|manifest| manifest.doubt().is_some()) {
        return Verdict::Keep(
            "its notes can't be used: `db-verify` tells whether it is good".into(),
        );
    }

    if let Some(file) = backup.names_what_is_not_its_own() {
        return Verdict::Keep(format!(
            "its manifest names `{file}`, which is not its own: check it, and remove it by hand"
        ));
    }

    let files = files_of(backup);
    let all = files.iter().filter_map(|file| named.get(file)).flatten();
    let other =
        all.into_iter().find(|manifest| Some(**manifest) != backup.manifest_path.as_deref());

    other.map_or(verdict, |other| {
        Verdict::Keep(format!("`{}` also names its file", other.display()))
    })
}

fn files_of(backup: &Backup) -> Vec<PathBuf> {
    backup
        .manifest()
        .into_iter()
        .flat_map(|m| &m.artifacts)
        .map(|a| backup.folder().join(&a.file))
        .collect()
}

fn candidate(backup: &Backup) -> Candidate {
    let whole = matches!(backup.kind, crate::bundle::Kind::Ours(_));
    Candidate {
        name: backup.name.clone(),
        created: backup.created,
        good: whole && backup.manifest().is_some_and(|m| m.is_good()),
    }
}

/// Plans a cleanup.
pub fn plan(catalog: &Catalog, rules: &KeepRules, moment: &Moment) -> Plan {
    let verdicts = verdicts(catalog, rules, moment);
    let kept = verdicts.iter().filter_map(|(b, v)| match v {
        Verdict::Keep(why) => Some(format!("keeps {}: {why}", b.name)),
        Verdict::Remove(_) => None,
    });

    let not_ours = catalog.backups.iter().filter_map(|b| match (&b.other_project, b.manifest()) {
        (Some(other), _) => Some(format!("keeps {}: it belongs to the project `{other}`", b.name)),
        (None, None) => Some(format!("keeps {}: it is not one of ours", b.name)),
        _ => None,
    });

    let notes = kept.chain(not_ours).collect();
    let mut steps: Vec<Step> = unfinished(catalog).collect();
    steps.extend(acts(&verdicts).into_iter().map(Step::Act));

    let risk = if steps.is_empty() { Risk::Nothing } else { Risk::RemovesBackups };

    Plan {
        notes,
        steps,
        ..Plan::bare(
            tasks::CLEANUP.name,
            format!("remove old backups from {}", catalog.dir.display()),
            risk,
        )
    }
}

/// Removes what an interrupted run left before anything else is created or removed.
pub fn unfinished(catalog: &Catalog) -> impl Iterator<Item = Step> {
    catalog.unfinished.iter().map(|path| {
        let how = if path.is_dir() { How::Folder(path.clone()) } else { How::File(path.clone()) };
        Step::Act(Act::Remove(Deed { what: "what an interrupted run left".into(), how }))
    })
}

/// What is removed after a new backup, by the keep rules: without a rule, nothing.
pub fn removals(catalog: &Catalog, rules: &KeepRules, moment: &Moment, made: &[&str]) -> Vec<Act> {
    if rules.days.is_none() {
        return Vec::new();
    }

    let concerned: HashSet<_> = with_any(catalog, made).map(|b| &b.path).collect();
    let verdicts: Vec<_> = verdicts(catalog, rules, moment)
        .into_iter()
        .filter(|(b, _)| concerned.contains(&b.path))
        .collect();

    acts(&verdicts)
}

/// The backups that hold one of these databases or stores, by their keys.
fn with_any<'a>(catalog: &'a Catalog, keys: &'a [&str]) -> impl Iterator<Item = &'a Backup> {
    let holds = |b: &&Backup| {
        b.manifest().is_some_and(|m| m.artifacts.iter().any(|a| keys.contains(&a.store.as_str())))
    };
    catalog.backups.iter().filter(holds)
}

/// The notes beside its manifest, if there are any.
fn notes_of(backup: &Backup) -> Option<PathBuf> {
    let noted = backup.manifest().is_some_and(|m| m.noted != Noted::Nothing);
    backup.manifest_path.as_deref().filter(|_| noted).map(ending::notes)
}

/// A backup's files and its notes are removed before its manifest: after a crash the rest counts as
/// broken, and is removed next time.
fn acts(verdicts: &[(&Backup, Verdict)]) -> Vec<Act> {
    let mut acts = Vec::new();

    for (backup, verdict) in verdicts {
        let Verdict::Remove(why) = verdict else { continue };
        let remove = |how| Act::Remove(Deed { what: format!("backup, {why}"), how });

        match &backup.manifest_path {
            Some(manifest) if manifest.starts_with(&backup.path) => {
                let files = files_of(backup).into_iter().chain(notes_of(backup));
                let files = files.chain([manifest.clone()]).collect();
                acts.push(remove(How::Set(backup.path.clone(), files)));
            }
            Some(manifest) => {
                let files = files_of(backup).into_iter().chain(notes_of(backup));
                acts.extend(files.map(|f| remove(How::File(f))));
                acts.push(remove(How::File(manifest.clone())));
            }
            None => {}
        }
    }

    acts
}
