//! Stores next to PostgreSQL, as values: where one is, what it holds, how it changes.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::tree;
use crate::config::{Rights, SecretName, Wiping};
use crate::stream::Method;

/// How a store changes. An `id` is a [`Holding::id`]: what was live when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Change {
    /// What is staged becomes live; what was live is kept for an undo.
    Swap {
        /// What is still live.
        live: String,
    },
    /// What is kept becomes live, and what was live is kept.
    Undo {
        /// What is still live.
        live: String,
    },
    /// After a swap or an undo whose other parts failed: `live` is live again. What a swap brought
    /// is removed, unless it was used.
    Back {
        /// What will be live.
        live: String,
        /// What is undone.
        from: Swapped,
    },
    /// Removes what is staged.
    Unstage,
    /// Removes what the swap before the last one kept.
    Settle,
    /// Empties it: what was looked at, and nothing that came later.
    Wipe {
        /// What is still live.
        live: String,
        /// How many items there were.
        items: u64,
    },
}

/// What is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swapped {
    /// A swap of this run: nobody needs what it brought.
    In,
    /// A swap of a killed run: what it brought has been live since, and may be in use.
    Since,
    /// An undo: both may be needed.
    Undone,
}

/// Where a store is. It is a value: plans show it, and the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Address {
    /// A tree of files on this machine.
    Files {
        /// Its root.
        path: PathBuf,
        /// Globs of what is left out of a backup.
        #[serde(default)]
        exclude: Vec<String>,
        /// Whether an archive's owners and set-id bits are restored.
        #[serde(default)]
        rights: Rights,
    },
    /// A tree of files in a container, or in a volume of one.
    FilesInContainer {
        /// `docker` or `podman`.
        engine: String,
        /// The container's name.
        container: String,
        /// The tree's root, from the container's.
        path: String,
        /// Our folder next to it or, if it is a mount point, in it.
        own: String,
        /// Globs of what is left out of a backup.
        #[serde(default)]
        exclude: Vec<String>,
    },
    /// The collections of a Milvus database.
    Milvus {
        /// Where the server is.
        url: String,
        /// The database.
        database: String,
        /// `user:password`, or an API key.
        token: Option<SecretName>,
        /// What a wipe does.
        wipe: Wiping,
    },
}

impl Address {
    /// What its artifacts are.
    pub fn format(&self) -> Format {
        match self {
            Self::Files { .. } | Self::FilesInContainer { .. } => Format::Tar,
            Self::Milvus { .. } => Format::Milvus,
        }
    }

    /// Words for what a change does, with the names it changes.
    pub fn change(&self, change: &Change) -> String {
        let (beside, on_its_way) = match self {
            Self::Files { .. } => (format!("{self}.db-tasks/"), "staged"),
            Self::FilesInContainer { container, own, .. } => {
                (format!("{container}:{own}/"), "coming")
            }
            Self::Milvus { .. } => ("COLLECTION__".into(), "staged"),
        };

        match change {
            Change::Swap { .. } => {
                format!("{self} -> {beside}previous, {beside}{on_its_way} -> {self}")
            }
            Change::Undo { .. } => format!("{self} <-> {beside}previous"),
            Change::Back { .. } => format!("{beside}previous -> {self}, as it was before"),
            Change::Unstage => format!("{beside}{on_its_way}"),
            Change::Settle => format!("{beside}discard"),
            Change::Wipe { .. } => match self {
                Self::Milvus { wipe: Wiping::Drop, .. } => format!("every collection of {self}"),
                Self::Milvus { wipe: Wiping::Empty, .. } => format!("every entity in {self}"),
                _ => format!("all that is in {self}"),
            },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { path, .. } => write!(f, "{}", path.display()),
            Self::FilesInContainer { container, path, .. } => write!(f, "{container}:{path}"),
            Self::Milvus { url, database, .. } => write!(f, "{url}/{database}"),
        }
    }
}

/// What an artifact is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A psql script.
    #[default]
    Script,
    /// A tar.
    Tar,
    /// Messages of Milvus: see `docs/milvus-format.md`.
    Milvus,
}

impl Format {
    /// The format of a kind of store, as manifests name it.
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "files" => Self::Tar,
            "milvus" => Self::Milvus,
            _ => Self::Script,
        }
    }

    /// How the checksum of its files is computed. `sha256sum` is available everywhere, which suits
    /// a dump; a tree may have gigabytes that do not compress, and SHA-256 takes longer than
    /// everything else on processors without instructions for it.
    pub fn sum(self) -> Method {
        match self {
            Self::Tar => Method::Blake3,
            Self::Script | Self::Milvus => Method::Sha256,
        }
    }

    /// The kind of store.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Script => "postgres",
            Self::Tar => "files",
            Self::Milvus => "milvus",
        }
    }
}

/// A store as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding {
    /// What identifies this content; empty if there is none.
    pub id: String,
    /// Its parts (collections) by name, with what is in each; a tree is one part.
    pub parts: Vec<(String, u64)>,
    /// Bytes, if known.
    pub bytes: Option<u64>,
    /// The server's version.
    pub version: Option<String>,
    /// Whether there is something to undo to.
    pub can_undo: bool,
    /// Why it can't be replaced, if it can't.
    pub stuck: Option<String>,
    /// What backups of it will lack, or restore only with an option.
    pub notes: Vec<String>,
    /// Why it can't be emptied, if something in it can't be removed.
    pub fixed: Option<String>,
}

impl Holding {
    /// Everything in it, in all parts.
    pub fn items(&self) -> u64 {
        self.parts.iter().map(|(_, items)| items).sum()
    }
}

/// What an artifact holds, which is kept in its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// A tree of files: every entry, with a digest of each file. Manifests of format 2 hold this.
    Files(tree::Census),
    /// A summary of a tree, with one digest of everything: what newer manifests hold.
    Tree(tree::Roll),
    /// Collections.
    Collections(Collections),
}

/// The collections of an artifact, and what was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Collections {
    /// Each, by its name.
    pub collections: Vec<Collection>,
    /// What changed while it was read, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// A collection of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Its entities.
    pub entities: u64,
    /// sha256 of its entities in the order of their keys.
    pub sha256: String,
    /// Whether the server generates its keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_ids: bool,
}

/// Whether a Milvus accepts keys that it generated before, and keeps generating others: 2.6 and
/// newer (`allow_insert_auto_id`).
pub fn keeps_auto_ids(version: &str) -> bool {
    let mut numbers =
        version.trim_start_matches('v').split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(2), Some(6))
}

impl Contents {
    /// What an artifact with this is made of.
    pub fn format(&self) -> Format {
        match self {
            Self::Files(_) | Self::Tree(_) => Format::Tar,
            Self::Collections(_) => Format::Milvus,
        }
    }

    /// Everything in it: entries of a tree, entities of all collections.
    pub fn items(&self) -> u64 {
        match self {
            Self::Files(census) => census.entries.len() as u64,
            Self::Tree(roll) => roll.entries,
            Self::Collections(all) => {
                all.collections.iter().fold(0, |all, c| all.saturating_add(c.entities))
            }
        }
    }

    /// What changed while it was read: it mixes states of different times.
    pub fn changed(&self) -> Vec<String> {
        match self {
            Self::Collections(all) => all.changed.clone(),
            _ => self
                .remarks()
                .iter()
                .filter(|remark| remark.what.spoils())
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// What a restore of this will not bring back, or only with an option.
    pub fn lost(&self) -> Vec<String> {
        tree::lost(self.remarks())
    }

    /// What was noticed of a tree's entries.
    pub fn remarks(&self) -> &[tree::Remark] {
        match self {
            Self::Files(census) => &census.remarks,
            Self::Tree(roll) => &roll.remarks,
            Self::Collections(_) => &[],
        }
    }

    /// As a summary for a manifest.
    pub fn in_few_words(self) -> Self {
        match self {
            Self::Files(census) => Self::Tree(census.roll()),
            other => other,
        }
    }

    /// Which hash to use for the contents of files to compare them with this.
    pub fn method(&self) -> Method {
        if matches!(self, Self::Files(_)) { Method::Sha256 } else { Method::Blake3 }
    }

    /// All differences of `found` from this.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        match (self, found) {
            (Self::Files(wanted), Self::Files(found)) => {
                tree::differences(wanted, found).iter().map(ToString::to_string).collect()
            }
            (Self::Tree(wanted), Self::Files(found)) => wanted.differences(&found.roll()),
            (Self::Collections(wanted), Self::Collections(found)) => wanted.differences(found),
            _ => vec!["it is of another kind".into()],
        }
    }
}

impl Collections {
    fn differences(&self, found: &Self) -> Vec<String> {
        let other = |name: &str| found.collections.iter().find(|c| c.name == name);
        let differing = self.collections.iter().filter_map(|c| match other(&c.name) {
            None => Some(format!("the collection `{}` is missing", c.name)),
            Some(f) if f.entities != c.entities => Some(format!(
                "the collection `{}` has {} entities instead of {}",
                c.name, f.entities, c.entities
            )),
            Some(f) if f.sha256 != c.sha256 => {
                Some(format!("the entities of the collection `{}` differ", c.name))
            }
            Some(_) => None,
        });

        let more =
            found.collections.iter().filter(|f| self.collections.iter().all(|c| c.name != f.name));

        differing
            .chain(more.map(|f| format!("the collection `{}` should not be there", f.name)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
