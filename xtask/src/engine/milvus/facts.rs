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
    /// As the server's statistics have it: with rows that were deleted, and without such as are not
    /// flushed yet. A collection that is not loaded can't be counted.
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
    /// Its number, which a rename leaves alone. Milvus Lite says 0 of all.
    pub id: i64,
    /// Its rows.
    pub rows: RowCount,
    /// How far it is loaded.
    pub load: Load,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Set when the collection is one of ours: on its way, or kept.
    pub mark: Option<Mark>,
}
