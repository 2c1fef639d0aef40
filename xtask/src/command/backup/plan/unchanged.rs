//! The backup that stays if nothing has changed since it was made.

use std::path::PathBuf;

use super::names::Paths;
use super::{All, Subject};
use crate::bundle::{Manifest, Names, ending};
use crate::config::Form;
use crate::plan::{Act, Plan, Seal, Sealed};

/// The newest one like it, if their form is stable. Of a backup with a label there is always a new
/// one.
pub(super) fn kept(
    all: &All<'_>,
    group: &[Subject<'_>],
    paths: &Paths,
    new: &Manifest,
) -> Option<Sealed> {
    let request = all.request;
    // without a key nobody can compare them
    let is_shut = all.locking.is_some_and(|locking| locking.keys.is_none());
    if request.backup.plain.form != Form::Stable || request.label.is_some() || is_shut {
        return None;
    }

    let databases = group.iter().filter(|subject| matches!(subject, Subject::Database(_)));
    let names: Names = databases.map(|d| (d.key().to_owned(), d.name().to_owned())).collect();
    let backup = all.catalog.newest_like(new, &names)?;

    let manifest = backup.manifest_path.clone()?;
    let is_alike = backup.is_set() == paths.folder.is_some();
    is_alike.then(|| Sealed {
        backup: backup.path.clone(),
        manifest,
        keys: all.locking.and_then(|locking| locking.keys.clone()).unwrap_or_default(),
    })
}

/// A backup that a plan makes, unless nothing has changed since another.
pub struct Perhaps {
    new: PathBuf,
    kept: Option<PathBuf>,
}

impl Perhaps {
    /// Those of a plan, in their order.
    pub fn of(plan: &Plan) -> Vec<Self> {
        let seals = plan.acts().into_iter().filter_map(|act| match act {
            Act::Seal(seal) => Some(&**seal),
            _ => None,
        });
        let kept = seals.filter_map(|seal| match seal {
            Seal::Backup { kept, .. } => Some(kept.as_ref().map(|kept| kept.backup.clone())),
            _ => None,
        });
        plan.result.iter().cloned().zip(kept).map(|(new, kept)| Self { new, kept }).collect()
    }

    /// The one that is there once the plan is done; a shrunken one has another name.
    pub fn there(&self) -> &PathBuf {
        match &self.kept {
            Some(kept) if !self.new.exists() && !ending::shrunken(&self.new).exists() => kept,
            _ => &self.new,
        }
    }

    /// Whether it was not known before whether there would be a new one.
    pub fn was_open(&self) -> bool {
        self.kept.is_some()
    }
}
