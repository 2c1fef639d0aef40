//! The catalog: every backup in a folder, foreign and broken ones included.

mod backup;
mod listing;
mod place;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

pub use self::backup::{Backup, Kind};
use self::listing::{foreign, is_an_archive, modified};
pub use self::place::{at, is_a_folder_of_dumps};
use super::manifest::Manifest;
use super::named::fault;
use super::owner::Sharing;
use super::{ending, latest};
use crate::config::{Project, Retention};
use crate::problem::{Code, Problem};

/// What a folder holds, newest first.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The folder.
    pub dir: PathBuf,
    /// Whether others may use it, too.
    pub ground: Sharing,
    /// Its backups.
    pub backups: Vec<Backup>,
    /// Files that an interrupted run left, or, in a shared folder, that another project is writing:
    /// never backups, whatever they hold.
    pub unfinished: Vec<PathBuf>,
    /// What names a backup here (see [`latest`]), each with that.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// All existing paths: names that nothing new can have.
    pub taken: HashSet<PathBuf>,
}

/// What is in a folder, not yet read.
#[derive(Default)]
struct Listing {
    files: Vec<(String, PathBuf)>,
    /// With the folder of a set.
    manifests: Vec<(PathBuf, Option<PathBuf>)>,
}

/// How many of the newest manifests are read to know what to expect of a new backup.
const NEWEST: usize = 16;

impl Catalog {
    /// Reads a folder as this project sees it; one that does not exist holds no backups.
    pub fn read(dir: &Path, project: &Project) -> Result<Self> {
        Self::read_some(dir, project, |_| {})
    }

    /// What a new backup must know about a folder: which names are taken, what an interrupted run
    /// left, and the newest backups. If retention removes old ones, all of them.
    pub fn beside_a_new_one(dir: &Path, project: &Project, retention: &Retention) -> Result<Self> {
        if retention.remove() {
            return Self::read(dir, project);
        }

        Self::read_some(dir, project, |listing| {
            let age = |(manifest, _): &(PathBuf, _)| {
                Reverse(fs::metadata(manifest).and_then(|m| m.modified()).ok())
            };
            listing.manifests.sort_by_cached_key(age);
            listing.manifests.truncate(NEWEST);
            // which of them have a manifest is not known here, and does not matter
            listing.files.clear();
        })
    }

    fn read_some(dir: &Path, project: &Project, choose: impl Fn(&mut Listing)) -> Result<Self> {
        let ground = Sharing::of(dir, project);
        let mut catalog = Self { dir: dir.to_path_buf(), ground, ..Self::default() };
        let read = catalog.list(dir).and_then(|mut listing| {
            choose(&mut listing);
            catalog.look_into(dir, listing)
        });

        read.map_err(|e| {
            Problem::failed(format!("could not read the backup folder `{}`", dir.display()))
                .code(Code::FileError)
                .because(format!("{e:#}"))
                .cure("choose another folder (`backup.dir`, BACKUP_DIR), or fix its permissions")
        })?;

        catalog.backups = catalog.backups.into_iter().map(|b| b.seen_by(project, ground)).collect();
        catalog.sort();

        Ok(catalog)
    }

    /// The folder as it will be, with these backups of this project in it.
    pub fn with(&self, coming: &[Backup]) -> Self {
        let mut then = self.clone();
        then.backups.extend_from_slice(coming);
        then.sort();
        then
    }

    /// Newest first.
    fn sort(&mut self) {
        self.backups.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
    }

    fn list(&mut self, dir: &Path) -> Result<Listing> {
        let mut listing = Listing::default();
        let entries = match fs::read_dir(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(listing),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name().to_string_lossy().into_owned();

            self.taken.insert(path.clone());
            if ending::is_partial(&name) {
                self.unfinished.push(path);
            } else if let Some(backup) = latest::named_by(&path) {
                self.links.push((path, backup));
            } else if kind.is_dir() && ending::manifest_of_set(&path).is_file() {
                listing.manifests.push((ending::manifest_of_set(&path), Some(path)));
            } else if kind.is_file() && ending::is_manifest(&name) {
                listing.manifests.push((path, None));
            } else if (kind.is_file() && ending::is_dump(&name))
                || (kind.is_dir() && is_an_archive(&path))
            {
                listing.files.push((name, path));
            }
        }

        Ok(listing)
    }

    fn look_into(&mut self, dir: &Path, listing: Listing) -> Result<()> {
        let Listing { files, manifests } = listing;
        let mut claimed = BTreeSet::new();
        let mut beside: BTreeMap<PathBuf, Vec<(String, PathBuf)>> = BTreeMap::new();

        for (name, path) in files.iter().filter(|_| !manifests.is_empty()) {
            beside
                .entry(ending::manifest_beside(path))
                .or_default()
                .push((name.clone(), path.clone()));
        }

        let ours = read_all(&manifests)?.into_iter().filter(|b| !is_of_another_tool(b));
        for mut backup in ours {
            let flat = backup.manifest_path.as_ref().is_some_and(|m| m.parent() == Some(dir));

            if let Kind::Broken { manifest, .. } = &backup.kind {
                // files next to a broken manifest do not count as files without one
                let beside = backup
                    .manifest_path
                    .as_ref()
                    .and_then(|m| beside.get(m))
                    .map_or(&[][..], Vec::as_slice);

                claimed.extend(beside.iter().map(|(name, _)| name.clone()));

                if let ([(_, path)], None) = (beside, manifest) {
                    backup = backup.under_the_name_of(path);
                }
            }

            claimed.extend(
                backup
                    .manifest()
                    .iter()
                    .filter(|_| flat)
                    .flat_map(|m| &m.artifacts)
                    .map(|a| a.file.clone()),
            );

            self.backups.push(backup);
        }

        for (name, path) in files.into_iter().filter(|(name, _)| !claimed.contains(name)) {
            self.backups.push(foreign(name, path)?);
        }

        Ok(())
    }

    /// The backup with this name: its name, its name without extensions, or a beginning that only
    /// one has.
    pub fn find(&self, wanted: &str) -> Result<&Backup> {
        let is_manifest = |b: &Backup| {
            b.manifest_path
                .as_ref()
                .is_some_and(|m| m.file_name().is_some_and(|name| name == wanted))
        };

        let named = |b: &&Backup| b.name == wanted || ending::stem(&b.name) == wanted;
        let exact = self
            .backups
            .iter()
            .find(named)
            .or_else(|| self.backups.iter().find(|b| is_manifest(b)))
            .or_else(|| self.linked(wanted));

        if let Some(found) = exact {
            return Ok(found);
        }

        // an empty variable of a script names nothing, although every name begins with it
        let mut like =
            self.backups.iter().filter(|b| !wanted.is_empty() && b.name.starts_with(wanted));

        match (like.next(), like.next()) {
            (Some(one), None) => Ok(one),
            (Some(a), Some(b)) => Err(Problem::usage(format!(
                "`{wanted}` fits more than one backup: `{}`, `{}` …",
                a.name, b.name
            ))
            .code(Code::NoSuchBackup)
            .cure("give more of the name")
            .into()),
            (None, _) => Err(Problem::usage(format!(
                "there is no backup `{wanted}` in `{}`",
                self.dir.display()
            ))
            .code(Code::NoSuchBackup)
            .cure("`db-list` shows their names; `--file PATH` takes a file from anywhere")
            .into()),
        }
    }

    /// The backup that a link of this name leads to.
    fn linked(&self, wanted: &str) -> Option<&Backup> {
        let is_it = |link: &Path| link.ends_with(wanted) || latest::key(link) == wanted;
        let (_, to) = self.links.iter().find(|(link, _)| is_it(link))?;
        self.backups.iter().find(|b| b.path == *to)
    }

    /// The named backup: one of the catalog, or a path.
    pub fn meant(&self, name: &str, project: &Project) -> Result<Backup> {
        let path = Path::new(name);
        match self.find(name) {
            Err(_) if path.exists() => at(path, project),
            found => found.cloned(),
        }
    }

    /// The newest complete backup of this project that has all of these databases and stores;
    /// broken ones are skipped.
    pub fn latest(&self, keys: &[&str]) -> Option<&Backup> {
        self.backups.iter().find(|b| b.is_good_with(keys))
    }

    /// Backups that are newer than the chosen one, or all of them if none was chosen, and that are
    /// skipped: what is wrong with each, and why.
    pub fn skipped_before(&self, taken: Option<&Backup>) -> Vec<(&str, &'static str, String)> {
        let newer = self.backups.iter().filter(|b| {
            b.other_project.is_none() && taken.is_none_or(|taken| b.created >= taken.created)
        });
        newer
            .filter_map(|b| match &b.kind {
                Kind::Broken { why, .. } => Some((b.name.as_str(), "broken", why.clone())),
                Kind::Ours(manifest) => {
                    let shrunken = manifest.shrink().map(|why| ("shrunken", why));
                    let doubtful = || manifest.doubt().map(|why| ("in doubt", why));
                    let (word, why) = shrunken.or_else(doubtful)?;
                    Some((b.name.as_str(), word, why))
                }
                Kind::Foreign => None,
            })
            .collect()
    }

    /// Files without a manifest.
    pub fn foreign(&self) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(|b| matches!(b.kind, Kind::Foreign))
    }

    /// The other projects that have backups here.
    pub fn other_projects(&self) -> BTreeSet<&str> {
        self.backups.iter().filter_map(|b| b.other_project.as_deref()).collect()
    }
}

/// Backups by their manifests, read by as many threads as there are cores, because somebody waits
/// for `db-list`.
fn read_all(manifests: &[(PathBuf, Option<PathBuf>)]) -> Result<Vec<Backup>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = manifests.len().div_ceil(cores).max(16);
    let read = |part: &[(PathBuf, Option<PathBuf>)]| {
        part.iter().map(|(m, folder)| ours(m, folder.as_deref())).collect::<Vec<_>>()
    };

    std::thread::scope(|scope| {
        let parts: Vec<_> =
            manifests.chunks(share).map(|part| scope.spawn(move || read(part))).collect();
        let parts = parts
            .into_iter()
            .map(|part| part.join().map_err(|_| anyhow::anyhow!("a reading thread panicked")));
        Ok(parts.collect::<Result<Vec<_>>>()?.concat())
    })
}

/// A backup of ours by its manifest; `folder` if it is a set.
fn ours(manifest_path: &Path, folder: Option<&Path>) -> Backup {
    let base = manifest_path.parent().unwrap_or(Path::new("."));
    let fallback = |why: String, manifest| {
        let shown = folder.unwrap_or(manifest_path);
        Backup {
            name: shown.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: shown.to_path_buf(),
            manifest_path: Some(manifest_path.to_path_buf()),
            created: modified(manifest_path),
            bytes: 0,
            other_project: None,
            kind: Kind::Broken { why, manifest },
        }
    };

    let manifest = match Manifest::read(manifest_path) {
        Ok(manifest) => manifest,
        Err(e) => return fallback(format!("its manifest can't be used: {e:#}"), None),
    };
    let Some(first) = manifest.artifacts.first() else {
        return fallback("its manifest names no file".into(), Some(Box::new(manifest)));
    };
    let path = folder.map_or_else(|| base.join(&first.file), Path::to_path_buf);

    Backup {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        manifest_path: Some(manifest_path.to_path_buf()),
        created: manifest.created,
        bytes: manifest.bytes(),
        other_project: None,
        kind: match fault(base, &manifest) {
            Some(why) => Kind::Broken { why, manifest: Some(Box::new(manifest)) },
            None => Kind::Ours(Box::new(manifest)),
        },
        path,
    }
}

/// Whether a manifest that can't be read isn't one of a backup.
fn is_of_another_tool(backup: &Backup) -> bool {
    matches!(backup.kind, Kind::Broken { manifest: None, .. })
        && backup.manifest_path.as_deref().is_some_and(Manifest::is_of_another_tool)
}
