//! `db-cleanup`: what the keep rules remove, each with its reason.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::bundle::ending;
use crate::bundle::keep::{Candidate, Verdict, decide, over};
use crate::bundle::manifest::{Noted, Reason};
use crate::bundle::notes::Pinned;
use crate::bundle::{Backup, Catalog, Kind, Manifest};
use crate::cmd::quoted;
use crate::config::{Retention, Special};
use crate::human::bytes;
use crate::plan::{Act, Deed, How, Old, Part, Plan, Risk, Scope, Step};
use crate::planning::Moment;
use crate::tasks;

/// What happens to every backup of this project.
pub fn verdicts<'a>(
    catalog: &'a Catalog,
    retention: &Retention,
    moment: &Moment,
) -> Vec<(&'a Backup, Verdict)> {
    let named = names(catalog);
    let mut all: Vec<(&Backup, Verdict)> = by_the_rules(catalog, retention, moment)
        .into_iter()
        .map(|(backup, verdict)| match verdict {
            Verdict::Remove(_) => {
                (backup, in_doubt(backup, &named).map_or(verdict, Verdict::Protect))
            }
            stays => (backup, stays),
        })
        .collect();

    all.sort_by(|a, b| (b.0.created, &b.0.name).cmp(&(a.0.created, &a.0.name)));
    match retention.most {
        Some(most) => within_the_cap(all, most, &named),
        None => all,
    }
}

/// A backup stays if any of the rules that are for it keep it. Each set of rules counts the backups
/// of the same databases and stores.
fn by_the_rules<'a>(
    catalog: &'a Catalog,
    retention: &Retention,
    moment: &Moment,
) -> Vec<(&'a Backup, Verdict)> {
    let mut groups: BTreeMap<(Option<usize>, Vec<&str>), Vec<&Backup>> = BTreeMap::new();
    for backup in catalog.backups.iter().filter(|b| b.other_project.is_none()) {
        let Some(manifest) = backup.manifest() else { continue };
        let mut stores: Vec<&str> = manifest.artifacts.iter().map(|a| a.store.as_str()).collect();
        stores.sort_unstable();
        for rules in meant(retention, manifest) {
            groups.entry((rules, stores.clone())).or_default().push(backup);
        }
    }

    // a file may be named by two manifests, each of which is a backup
    let mut all: BTreeMap<_, (&Backup, Verdict)> = BTreeMap::new();
    for ((rules, _), group) in groups {
        let rules = rules.map_or(&retention.usual, |at| &retention.special[at].rules);
        let candidates: Vec<Candidate> = group.iter().map(|b| candidate(b, moment)).collect();

        for (backup, verdict) in group.into_iter().zip(decide(&candidates, rules, moment.now)) {
            let key = (&backup.path, &backup.manifest_path);
            let before = all.remove(&key).map(|(_, verdict)| verdict);
            let firmest = before.into_iter().chain([verdict]).min_by_key(Verdict::rank);
            all.extend(firmest.map(|verdict| (key, (backup, verdict))));
        }
    }

    all.into_values().collect()
}

/// The rules that are for a backup: special ones, by their place, or otherwise the usual ones.
fn meant(retention: &Retention, manifest: &Manifest) -> Vec<Option<usize>> {
    let is_for = |special: &Special| {
        special.is_for(manifest.label.as_deref(), manifest.artifacts.iter().map(|a| &*a.store))
    };
    let places = retention.special.iter().enumerate().filter(|(_, special)| is_for(special));
    let special: Vec<_> = places.map(|(at, _)| Some(at)).collect();

    if special.is_empty() { vec![None] } else { special }
}

/// The cap removes what only a keep rule keeps, the oldest first.
fn within_the_cap<'a>(
    mut all: Vec<(&'a Backup, Verdict)>,
    most: u64,
    named: &HashMap<PathBuf, Vec<&Path>>,
) -> Vec<(&'a Backup, Verdict)> {
    let taken = taken(&all);
    let why = format!("the backups take {}, at most {} may be taken", bytes(taken), bytes(most));
    let may_go = |(backup, verdict): &(&'a Backup, Verdict)| {
        let goes = matches!(verdict, Verdict::Keep(_)) && in_doubt(backup, named).is_none();
        goes.then_some(backup.bytes)
    };
    let sizes: Vec<Option<u64>> = all.iter().map(may_go).collect();

    for at in over(most, taken, &sizes) {
        all[at].1 = Verdict::Remove(why.clone());
    }

    all
}

/// The bytes of what stays.
fn taken(verdicts: &[(&Backup, Verdict)]) -> u64 {
    let stays = |verdict: &Verdict| !matches!(verdict, Verdict::Remove(_));
    verdicts.iter().filter(|(_, verdict)| stays(verdict)).map(|(backup, _)| backup.bytes).sum()
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

/// Why a backup that a rule would remove stays: something about it is not known.
///
/// A file elsewhere that a manifest names is not part of its backup. A file is removed only with
/// the last manifest that names it: a copy of an old manifest would otherwise remove the file of a
/// good backup.
fn in_doubt(backup: &Backup, named: &HashMap<PathBuf, Vec<&Path>>) -> Option<String> {
    if backup.manifest().is_some_and(Manifest::is_saved) {
        return Some(
            "it is a salvage of a damaged database: remove it by hand when nobody needs it".into(),
        );
    }

    // it may be the best there is: that is not known before somebody looks
    if backup.manifest().is_some_and(|manifest| manifest.doubt().is_some()) {
        return Some(match &backup.kind {
            Kind::Broken { .. } => "it is broken, and its notes can't be used: remove it by hand \
                                    when nobody needs it"
                .into(),
            _ => "its notes can't be used: `db-verify` tells whether it is good".into(),
        });
    }

    if let Some(file) = backup.names_what_is_not_its_own() {
        return Some(format!(
            "its manifest names `{file}`, which is not its own: check it, and remove it by hand"
        ));
    }

    let files = files_of(backup);
    let all = files.iter().filter_map(|file| named.get(file)).flatten();
    let other =
        all.into_iter().find(|manifest| Some(**manifest) != backup.manifest_path.as_deref());

    other.map(|other| format!("`{}` also names its file", other.display()))
}

fn files_of(backup: &Backup) -> Vec<PathBuf> {
    backup
        .manifest()
        .into_iter()
        .flat_map(|m| &m.artifacts)
        .map(|a| backup.folder().join(&a.file))
        .collect()
}

fn candidate(backup: &Backup, moment: &Moment) -> Candidate {
    let manifest = backup.manifest();
    let whole = matches!(backup.kind, Kind::Ours(_));
    Candidate {
        name: backup.name.clone(),
        created: backup.current_at(),
        good: whole && manifest.is_some_and(Manifest::is_good),
        of: manifest.filter(|m| m.reason != Reason::Adopted).map(|_| names_of(backup)),
        safety: manifest.is_some_and(|m| m.reason.is_safety()),
        pinned: manifest
            .and_then(|m| m.pinned.as_ref())
            .filter(|pin| pin.holds(moment.now))
            .map(|pin| pinned(backup, pin)),
    }
}

/// The names of its databases, in the order of their keys.
fn names_of(backup: &Backup) -> String {
    backup.databases().collect::<BTreeMap<_, _>>().into_values().collect::<Vec<_>>().join(", ")
}

fn pinned(backup: &Backup, pin: &Pinned) -> String {
    match &pin.doubt {
        None => format!("it is {pin}"),
        Some(why) => {
            let word = format!("{} {}", tasks::PIN.name, quoted(&backup.name));
            format!("it may be pinned ({why}): `{word}` or `{word} --unpin` decides")
        }
    }
}

/// Plans a cleanup.
pub fn plan(catalog: &Catalog, retention: &Retention, moment: &Moment) -> Plan {
    let verdicts = verdicts(catalog, retention, moment);
    let kept = verdicts.iter().filter_map(|(b, v)| match v {
        Verdict::Protect(why) | Verdict::Keep(why) => Some(format!("keeps {}: {why}", b.name)),
        Verdict::Remove(_) => None,
    });
    let left = taken(&verdicts);
    let too_much = retention.most.filter(|most| left > *most).map(|most| {
        format!("what must stay takes {}, more than the {} of `max-size`", bytes(left), bytes(most))
    });

    let not_ours = catalog.backups.iter().filter_map(|b| match (&b.other_project, b.manifest()) {
        (Some(other), _) => Some(format!("keeps {}: it belongs to the project `{other}`", b.name)),
        (None, None) => Some(format!("keeps {}: it is not one of ours", b.name)),
        _ => None,
    });

    let notes = too_much.into_iter().chain(kept).chain(not_ours).collect();
    let mut steps: Vec<Step> = unfinished(catalog).collect();
    steps.extend(verdicts.iter().filter_map(|one| removal(catalog, one, &[])).map(Step::Act));

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

/// What a backup is about to make.
pub struct New<'a> {
    /// The keys of its databases and stores.
    pub of: &'a [&'a str],
    /// What will be there.
    pub coming: &'a [Backup],
    /// The manifests of those that stay in their place, if nothing has changed.
    pub kept: &'a [PathBuf],
}

/// What is removed after new backups of these databases and stores, by the keep rules: nothing without
/// a rule that lets something go, or if nothing would be left but the last good one. `coming` are
/// those of the new ones that count, as they will be.
///
/// What can't be removed is no failure of the new backup, which is sealed by then. It is in no
/// journal: the next run decides anew, by the pins of that time.
pub fn removals(
    catalog: &Catalog,
    retention: &Retention,
    moment: &Moment,
    new: &New<'_>,
) -> Vec<Step> {
    let New { of: made, coming, kept } = *new;
    if !retention.remove_after_a_backup() {
        return Vec::new();
    }

    let concerned: HashSet<_> = with_any(catalog, made).map(|b| &b.path).collect();
    let counted: Vec<PathBuf> = coming.iter().filter_map(|b| b.manifest_path.clone()).collect();
    let anyway: HashSet<_> = verdicts(catalog, retention, moment)
        .into_iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Remove(_)))
        .map(|(b, _)| &b.manifest_path)
        .collect();

    let with_the_new = catalog.with(coming);
    let verdicts = verdicts(&with_the_new, retention, moment);
    let goes = verdicts.iter().filter(|(b, _)| concerned.contains(&b.path)).filter_map(|one| {
        // one that stays in place of a new one goes only if there is a new one
        let may_stay = one.0.manifest_path.as_ref().is_some_and(|path| kept.contains(path));
        let is_for_the_new = may_stay || !anyway.contains(&one.0.manifest_path);
        removal(catalog, one, if is_for_the_new { &counted } else { &[] })
    });

    let sequel = |act| {
        Step::Scope(Scope { body: vec![Step::Act(act)], part: Part::Sequel, ..Scope::default() })
    };
    goes.map(sequel).collect()
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

/// Removes what goes. `counted` are the new backups without which it would stay.
fn removal(
    catalog: &Catalog,
    (backup, verdict): &(&Backup, Verdict),
    counted: &[PathBuf],
) -> Option<Act> {
    let Verdict::Remove(why) = verdict else { return None };
    let manifest = backup.manifest_path.clone()?;
    let old = Old {
        folder: backup.is_set().then(|| backup.path.clone()),
        files: files_of(backup).into_iter().chain(notes_of(backup)).collect(),
        manifest,
        counted: counted.to_vec(),
        links: catalog
            .links
            .iter()
            .filter(|(_, to)| *to == backup.path)
            .map(|(l, _)| l.clone())
            .collect(),
    };

    Some(Act::Remove(Deed { what: format!("backup, {why}"), how: How::Old(Box::new(old)) }))
}
