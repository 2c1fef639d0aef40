//! The names of a backup's files.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use super::{All, Request, Subject};
use crate::bundle::name::Words;
use crate::bundle::{ending, name};
use crate::config::Project;
use crate::plan::{Act, Deed, How};
use crate::planning::Moment;
use crate::stream::{Compression, Locking};

pub(super) struct Names<'a> {
    pub(super) request: &'a Request,
    pub(super) locking: Option<&'a Locking>,
    pub(super) moment: &'a Moment,
    /// By what exists already.
    pub(super) taken: &'a HashSet<PathBuf>,
    /// To what this run creates.
    pub(super) given: BTreeSet<PathBuf>,
}

/// Where a set's files go: their final names, and the ones they have until they are complete.
pub(super) struct Paths {
    pub(super) artifacts: Vec<PathBuf>,
    pub(super) partials: Vec<PathBuf>,
    pub(super) manifest: PathBuf,
    pub(super) folder: Option<(PathBuf, PathBuf)>,
}

impl Paths {
    /// The name used to restore it.
    pub(super) fn shown(&self) -> PathBuf {
        self.folder.as_ref().map_or_else(
            || self.artifacts.first().cloned().unwrap_or_default(),
            |(_, folder)| folder.clone(),
        )
    }

    /// The same with the final names of a backup that holds too few records.
    pub(super) fn shrunken(&self) -> Self {
        let folder = self.folder.clone().map(|(from, to)| (from, ending::shrunken(&to)));
        let renamed = |path: &PathBuf| match (&self.folder, &folder) {
            (Some((_, old)), Some((_, new))) => {
                path.strip_prefix(old).map_or_else(|_| path.clone(), |inner| new.join(inner))
            }
            _ => ending::shrunken(path),
        };

        let artifacts: Vec<PathBuf> = self.artifacts.iter().map(renamed).collect();
        let manifest = match (&folder, artifacts.first()) {
            (None, Some(first)) => ending::manifest_beside(first),
            _ => renamed(&self.manifest),
        };
        Self { artifacts, partials: self.partials.clone(), manifest, folder }
    }

    /// The names that are sealed, each with its final one.
    pub(super) fn names(&self) -> Vec<(PathBuf, PathBuf)> {
        match &self.folder {
            Some(folder) => vec![folder.clone()],
            None => self.partials.iter().cloned().zip(self.artifacts.iter().cloned()).collect(),
        }
    }

    /// Removes what is not complete.
    pub(super) fn removed(&self) -> Vec<Act> {
        let remove = |what: &str, how| Act::Remove(Deed { what: what.into(), how });
        if let Some((from, _)) = &self.folder {
            return vec![remove("the unfinished set", How::Folder(from.clone()))];
        }

        let dumps = self.partials.iter().cloned().map(How::File);
        let manifest = How::File(ending::partial(&self.manifest));

        dumps
            .map(|dump| remove("the unfinished dump", dump))
            .chain([remove("the unfinished manifest", manifest)])
            .collect()
    }
}

impl<'a> Names<'a> {
    pub(super) fn new(all: &All<'a>) -> Self {
        let All { request, locking, moment, catalog, .. } = *all;
        Self { request, locking, moment, taken: &catalog.taken, given: BTreeSet::new() }
    }

    /// The first free names: two backups in one second get a counter.
    pub(super) fn next(
        &mut self,
        project: &Project,
        group: &[Subject<'_>],
        compression: Compression,
    ) -> Paths {
        let free = |paths: &Paths| {
            // notes that were left there are not of the new one
            let notes = ending::notes(&paths.manifest);
            let mut whole = paths
                .artifacts
                .iter()
                .chain([&paths.manifest, &notes])
                .chain(paths.folder.iter().map(|(_, to)| to));
            whole.all(|path| !self.taken.contains(path) && !self.given.contains(path))
        };
        let free = |paths: &Paths| free(paths) && free(&paths.shrunken());

        let mut counter = 1;
        let mut paths = self.paths(project, group, compression, counter);
        while !free(&paths) {
            counter += 1;
            paths = self.paths(project, group, compression, counter);
        }

        self.given.extend(paths.artifacts.iter().cloned().chain([paths.manifest.clone()]));

        paths
    }

    pub(super) fn paths(
        &self,
        project: &Project,
        group: &[Subject<'_>],
        compression: Compression,
        counter: u32,
    ) -> Paths {
        let dir = &self.request.backup.dir;
        let relative: Vec<PathBuf> = group
            .iter()
            .map(|d| {
                let words = Words {
                    project: &project.name,
                    environment: &project.environment,
                    database: d.name(),
                    store: d.key(),
                    label: self.request.label.as_deref(),
                };

                name::artifact(
                    &self.request.backup,
                    &words,
                    &ending::artifact(d.format(), compression.codec(), self.locking),
                    self.moment.now,
                    counter,
                )
            })
            .collect();

        let manifest = dir.join(ending::manifest(&relative[0]));
        let artifacts: Vec<PathBuf> = relative.iter().map(|r| dir.join(r)).collect();
        let folder = name::is_folder(&self.request.backup.name).then(|| {
            let to = artifacts[0].parent().unwrap_or(dir).to_path_buf();
            (ending::partial(&to), to)
        });

        let partials = match &folder {
            Some((from, to)) => {
                artifacts.iter().map(|a| from.join(a.strip_prefix(to).unwrap_or(a))).collect()
            }
            None => artifacts.iter().map(|a| ending::partial(a)).collect(),
        };
        Paths { artifacts, partials, manifest, folder }
    }
}
