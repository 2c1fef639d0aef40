//! What is in a Milvus database, before anything is planned.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mark::Mark;

/// How far a collection is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// It is not.
    #[default]
    Not,
    /// All of it.
    Whole,
    /// These partitions only.
    Partitions(Vec<String>),
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowCount {
    /// Counted, at the time of the question.
    Exact(u64),
    /// From the server's statistics: they include deleted rows, and miss rows that are not flushed
    /// yet. A collection that is not loaded can't be counted.
    About(u64),
}

impl fmt::Display for RowCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(rows) => write!(f, "{rows}"),
            Self::About(rows) => write!(f, "about {rows}"),
        }
    }
}

/// One collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionFacts {
    /// Its name.
    pub name: String,
    /// Its id, which a rename keeps. Milvus Lite reports 0 for all.
    pub id: i64,
    /// Its rows.
    pub rows: RowCount,
    /// How far it is loaded.
    pub load: Load,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Set if the collection is one of ours: staged, or kept.
    pub mark: Option<Mark>,
}
