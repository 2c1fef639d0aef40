//! The new backup, as the keep rules count it before it is made.

use super::dumping::last;
use super::names::Paths;
use super::{All, Subject};
use crate::bundle::{Backup, Kind, Manifest, Verification};

/// A new backup as the keep rules will see it: a partial one does not count. If it turns out to be
/// partial, nothing is removed for it.
pub(super) fn coming(manifest: &Manifest, paths: &Paths, bytes: u64) -> Option<Backup> {
    let verified = Verification { when: manifest.created, how: "written".into(), good: true };
    let sealed = Manifest { verified: vec![verified], ..manifest.clone() };
    let path = paths.shown();

    (!manifest.partial).then(|| Backup {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path,
        manifest_path: Some(paths.manifest.clone()),
        created: manifest.created,
        bytes,
        other_project: None,
        kind: Kind::Ours(Box::new(sealed)),
    })
}

/// The bytes that it will take: as many as the last ones did.
pub(super) fn expected(all: &All<'_>, group: &[Subject<'_>]) -> u64 {
    group.iter().filter_map(|subject| last(all.catalog, *subject)).map(|last| last.bytes).sum()
}
