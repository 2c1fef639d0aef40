//! What names the newest good backup, once all of them are sealed.

use std::path::Path;

use super::names::Paths;
use super::{All, Subject};
use crate::bundle::{Manifest, ending, latest, name};
use crate::config::Keys;
use crate::facts::Set;
use crate::plan::{Act, Deed, How, Newest, Part, Scope, Sealed, Step};

/// What is to name this backup. A partial one is not named, nor a set of which a part was left out
/// on the command line.
pub(super) fn newest(
    all: &All<'_>,
    group: &[Subject<'_>],
    paths: &Paths,
    manifest: &Manifest,
    kept: Option<&Sealed>,
) -> Option<Newest> {
    let by = all.request.backup.plain.latest?;
    if manifest.partial || is_less(all, group.len()) {
        return None;
    }

    let is_one_of_several = paths.folder.is_none() && all.project.databases.len() > 1;
    let key = group.first().map(Subject::key).filter(|_| is_one_of_several);
    let (backup, manifest) = (paths.shown(), paths.manifest.clone());
    let sealed = Sealed { backup, manifest, keys: Keys::default() };
    let path = latest::path(by, &sealed.backup, key);

    let is_older = |link: &Path| link != path && latest::are_alike(link, &path);
    let links = all.catalog.links.iter().map(|(link, _)| link);
    let others = links.filter(|link| is_older(link)).cloned().collect();
    let candidates = [sealed].into_iter().chain(kept.cloned()).collect();

    Some(Newest { path, by, candidates, others })
}

/// Whether a set would lack a part of the project.
fn is_less(all: &All<'_>, parts: usize) -> bool {
    let project = all.project.databases.len() + all.project.stores.len();
    name::is_folder(&all.request.backup.name) && parts < project
}

/// What is said if a backup will not be named.
pub(super) fn note(all: &All<'_>, set: &Set, named: usize) -> Option<String> {
    let wanted = all.request.backup.plain.latest.is_some() && !set.keys().is_empty();
    (wanted && named == 0).then(|| "`latest` stays as it is: the backup is not a whole one".into())
}

/// Names them. Whatever prevents that, the backups are done.
pub(super) fn steps(newest: Vec<Newest>) -> impl Iterator<Item = Step> {
    newest.into_iter().map(|newest| {
        let partial = How::File(ending::partial(&newest.path));
        let unfinished = Act::Remove(Deed { what: "the unfinished name".into(), how: partial });
        let what = "name the newest good backup".into();
        let name = Act::Write(Deed { what, how: How::Latest(Box::new(newest)) });

        Step::Scope(Scope {
            body: vec![Step::Act(name)],
            on_failure: vec![unfinished],
            part: Part::Sequel,
            ..Scope::default()
        })
    })
}
