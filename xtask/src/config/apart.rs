//! Checks that the paths of the file do not overlap: a tree with the backups in it would be wiped
//! with them, and of two nested trees neither can be restored.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::project::{At, Project, Store, StoreKind};
use crate::problem::{Code, Problem};

/// How many links to follow, one after the other.
const DEPTH: u32 = 40;

/// Refuses trees that overlap with the backups (in `backups`), the project or its state, or with
/// each other.
///
/// # Errors
/// Which two overlap, and how to separate them.
pub fn check(project: &Project, backups: &Path) -> Result<(), Problem> {
    let places = places(project, backups);
    for (at, store) in project.stores.iter().enumerate() {
        if let StoreKind::Files { path, .. } = &store.kind {
            places.iter().try_for_each(|place| place.apart(store, path))?;
        }
        project.stores[at + 1..]
            .iter()
            .try_for_each(|other| stores_apart(project, store, other))?;
    }

    Ok(())
}

/// Something that no tree may hold, or be in.
struct Place {
    what: String,
    path: PathBuf,
    /// What would happen.
    why: &'static str,
    cure: String,
    /// Whether a tree may lie in it.
    room: Room,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    ForTrees,
    ForNone,
}

fn places(project: &Project, backups: &Path) -> Vec<Place> {
    let cure = "name another folder: `backup.dir`, or the store's `path`".to_owned();
    let why = "a wipe of the tree would delete the backups, a restore would hide them, and each \
               backup would include the ones before it";

    let backups = Place {
        what: "the backup folder".into(),
        path: backups.into(),
        why,
        cure,
        room: Room::ForNone,
    };

    let cure = "name the folder in the project that holds the files".to_owned();
    let why = "a wipe or a restore of the tree would remove the project itself";

    let root = Place {
        what: "the project".into(),
        path: project.root.clone(),
        why,
        cure,
        room: Room::ForTrees,
    };

    let cure = "name another folder for the store".to_owned();
    let why = "only `db-tasks` may keep files there";

    let state = Place {
        what: "the folder of db-tasks' own state".into(),
        path: project.state_dir(),
        why,
        cure,
        room: Room::ForNone,
    };

    let places = [root, backups, state].into_iter().chain(clusters(project));
    places.chain(logs(project)).chain(audit(project)).collect()
}

fn clusters(project: &Project) -> impl Iterator<Item = Place> {
    project.databases.iter().filter_map(|database| match &database.at {
        At::Cluster { folder, .. } => Some(Place {
            what: format!("the cluster of `databases.{}`", database.key),
            path: folder.clone(),
            why: "the files of a running server can't be backed up or swapped one by one",
            cure: "name another folder: the database's `cluster`, or the store's `path`".into(),
            room: Room::ForNone,
        }),
        _ => None,
    })
}

fn logs(project: &Project) -> Option<Place> {
    Some(Place {
        what: "the log folder".into(),
        path: project.logs.clone()?,
        why: "each run would change the tree while reading it",
        cure: "name another folder: `project.logs`, or the store's `path`".into(),
        room: Room::ForTrees,
    })
}

fn audit(project: &Project) -> Option<Place> {
    Some(Place {
        what: "the audit log".into(),
        path: project.audit.clone()?,
        why: "a wipe or a restore of the tree would remove it",
        cure: "name another file: `audit.file`, or the store's `path`".into(),
        room: Room::ForTrees,
    })
}

impl Place {
    fn apart(&self, store: &Store, tree: &Path) -> Result<(), Problem> {
        let (aside, key) = (beside(tree), &store.key);
        let tree_is = format!("the tree of `stores.{key}` (`{}`)", tree.display());
        let place_is = format!("{} (`{}`)", self.what, self.path.display());

        let what = if is_within(&self.path, tree) {
            format!("{place_is} is inside {tree_is}")
        } else if self.room == Room::ForNone && is_within(tree, &self.path) {
            format!("{tree_is} is inside {place_is}")
        } else if is_within(&self.path, &aside) {
            format!("{place_is} is where a restore keeps {tree_is}: `{}`", aside.display())
        } else {
            return Ok(());
        };
        Err(Problem::usage(what).code(Code::Config).because(self.why).cure(self.cure.clone()))
    }
}

fn stores_apart(project: &Project, one: &Store, other: &Store) -> Result<(), Problem> {
    let container = |key: &str| project.container(key).map(|c| &c.by);
    let (nested, places) = match (&one.kind, &other.kind) {
        (StoreKind::Files { path: a, .. }, StoreKind::Files { path: b, .. }) => {
            let nested = is_within(a, b)
                || is_within(b, a)
                || is_within(a, &beside(b))
                || is_within(b, &beside(a));
            (nested, [a.display().to_string(), b.display().to_string()])
        }
        (
            StoreKind::FilesInContainer { container: a, path: of_a, .. },
            StoreKind::FilesInContainer { container: b, path: of_b, .. },
        ) if a == b || container(a) == container(b) => {
            let (a, b) = (plain(Path::new(of_a)), plain(Path::new(of_b)));
            let nested = a.starts_with(&b)
                || b.starts_with(&a)
                || a.starts_with(beside(&b))
                || b.starts_with(beside(&a));
            (nested, [of_a.clone(), of_b.clone()])
        }
        (
            StoreKind::Milvus { url: a, database: of_a, .. },
            StoreKind::Milvus { url: b, database: of_b, .. },
        ) => {
            let same = a.trim_end_matches('/') == b.trim_end_matches('/') && of_a == of_b;
            (same, [format!("{a}/{of_a}"), format!("{b}/{of_b}")])
        }
        _ => return Ok(()),
    };

    if !nested {
        return Ok(());
    }

    let [a, b] = places;
    Err(Problem::usage(format!(
        "`stores.{}` (`{a}`) and `stores.{}` (`{b}`) overlap",
        one.key, other.key
    ))
    .code(Code::Config)
    .because(
        "what is in both would be backed up twice, and restoring one would lose the other's data",
    )
    .cure("keep one of them, or name two folders, neither inside the other"))
}

/// Our own folder next to a tree.
fn beside(tree: &Path) -> PathBuf {
    let mut path = real(tree, DEPTH).into_os_string();
    path.push(".db-tasks");
    path.into()
}

/// Whether a path is a folder or leads into it, through links and `..` too.
fn is_within(path: &Path, folder: &Path) -> bool {
    let (path, folder) = (real(path, DEPTH), real(folder, DEPTH));
    path.starts_with(&folder)
        || number(&folder).is_some_and(|n| path.ancestors().any(|above| number(above) == Some(n)))
}

/// What identifies a folder under any name: mounts and file systems that ignore case give it
/// several.
#[cfg(unix)]
fn number(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn number(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Where a path leads, even if it does not exist yet.
fn real(path: &Path, depth: u32) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }

    let parent = path.parent().map(|parent| real(parent, depth)).unwrap_or_default();
    match path.components().next_back() {
        Some(Component::Normal(name)) => match fs::read_link(parent.join(name)) {
            Ok(to) if depth > 0 => real(&parent.join(to), depth - 1),
            _ => parent.join(name),
        },
        Some(Component::ParentDir) => parent.parent().unwrap_or(&parent).to_path_buf(),
        Some(Component::CurDir) => parent,
        _ => path.to_path_buf(),
    }
}

/// A path in a container, resolved as far as possible without the container.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }

    plain
}

#[cfg(test)]
mod tests;
