//! Which databases a backup is of: a key may have named another database when the backup was made.

use std::collections::BTreeMap;

use super::{Backup, Catalog, Kind, Manifest, Reason};
use crate::stream::Checksum;

/// The names that databases have now, by their keys; a key that is not here is unknown, and matches
/// anything.
pub type Names = BTreeMap<String, String>;

impl Backup {
    /// The databases it is of, each by its key in the file and its own name.
    pub fn databases(&self) -> impl Iterator<Item = (&str, &str)> {
        let artifacts = self.manifest().into_iter().flat_map(|m| &m.artifacts);
        artifacts.filter_map(|a| Some((a.store.as_str(), a.database()?)))
    }

    /// Whether it is this project's, has all of these databases and stores, and is complete; and
    /// nothing that may have been noted of it says otherwise.
    pub(super) fn is_good_with(&self, keys: &[&str]) -> bool {
        match &self.kind {
            Kind::Ours(m) if self.other_project.is_none() => {
                !m.partial
                    && m.doubt().is_none()
                    && m.last_verified().is_none_or(|v| v.good)
                    && keys.iter().all(|key| m.artifacts.iter().any(|a| a.store == *key))
            }
            _ => false,
        }
    }

    /// The same for the database or the store of this key.
    pub fn is_good_of(&self, key: &str) -> bool {
        self.is_good_with(&[key])
    }

    /// A database in it that had another name: the old name, and the current one.
    pub fn of_another<'a>(&'a self, names: &'a Names) -> Option<(&'a str, &'a str)> {
        let mut both =
            self.databases().filter_map(|(key, then)| Some((then, names.get(key)?.as_str())));
        both.find(|(then, now)| !then.is_empty() && then != now)
    }
}

impl Catalog {
    /// The newest good backup of databases that have these names.
    pub fn latest_of(&self, keys: &[&str], names: &Names) -> Option<&Backup> {
        self.backups.iter().find(|b| b.is_good_with(keys) && b.of_another(names).is_none())
    }

    /// The same without safety backups.
    pub fn latest_wanted(&self, keys: &[&str], names: &Names) -> Option<&Backup> {
        let wanted = |b: &&Backup| b.manifest().is_some_and(|m| !m.reason.is_safety());
        let mut all = self.backups.iter().filter(|b| b.is_good_with(keys)).filter(wanted);
        all.find(|b| b.of_another(names).is_none())
    }

    /// The newest backup of the same databases and stores that is as good as this one and was also
    /// asked for without a label. If another state was backed up since, there is none: it would not
    /// be the newest.
    pub fn newest_like(&self, manifest: &Manifest, names: &Names) -> Option<&Backup> {
        let keys = |m: &Manifest| m.artifacts.iter().map(|a| a.store.clone()).collect::<Vec<_>>();
        let wanted = keys(manifest);
        let is_like = |m: &Manifest| {
            let asked_for = matches!(m.reason, Reason::Manual | Reason::Scheduled);
            let as_whole = (m.partial, &m.missing) == (manifest.partial, &manifest.missing);
            asked_for && as_whole && m.label.is_none() && m.is_sound() && keys(m) == wanted
        };
        let of_these = |b: &&Backup| {
            let holds = |m: &Manifest| m.artifacts.iter().any(|a| wanted.contains(&a.store));
            b.other_project.is_none() && b.manifest().is_some_and(holds)
        };
        let is_meant = |b: &Backup| match &b.kind {
            Kind::Ours(m) => is_like(m) && b.of_another(names).is_none(),
            Kind::Foreign | Kind::Broken { .. } => false,
        };
        let sums = |b: &Backup| -> Vec<Checksum> {
            let parts = b.manifest().into_iter().flat_map(|m| &m.artifacts);
            parts.map(|part| part.checksum.clone()).collect()
        };

        let all: Vec<&Backup> = self.backups.iter().filter(of_these).collect();
        let at = all.iter().position(|b| is_meant(b))?;
        all[..at].iter().all(|newer| sums(newer) == sums(all[at])).then(|| all[at])
    }

    /// The newest good backup of a database by its key and its name.
    pub fn latest_named(&self, key: &str, name: &str) -> Option<&Backup> {
        self.latest_of(&[key], &Names::from([(key.to_owned(), name.to_owned())]))
    }
}
