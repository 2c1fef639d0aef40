//! What a database holds, and how its tables depend on each other: what a wipe must know before it
//! changes one.

use std::collections::BTreeMap;

use crate::engine::postgres::client::sql;

use serde::Deserialize;

/// Tables, references, views and what is related to them. Names are quoted if SQL needs it:
/// `public.orders`, `shop."Odd.Name"`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Inventory {
    /// Tables outside the system's schemas, those of extensions and foreign ones too.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Foreign keys: which table refers to which.
    #[serde(default)]
    pub references: Vec<(String, String)>,
    /// Materialised views.
    #[serde(default)]
    pub views: Vec<View>,
    /// Views of both kinds, and the views of both kinds that they read.
    #[serde(default)]
    pub reads: Vec<(String, String)>,
    /// Sequences that belong to no column.
    #[serde(default)]
    pub sequences: Vec<String>,
    /// Large objects.
    #[serde(default)]
    pub large_objects: u64,
    /// The database has no PL/pgSQL, which our blocks need: somebody dropped it.
    #[serde(default)]
    pub lacks_plpgsql: bool,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Table {
    /// Its name with its schema, quoted if SQL needs it.
    pub name: String,
    /// Its schema, as it is.
    pub schema: String,
    /// Its own name, as it is.
    pub table: String,
    /// How it holds rows.
    pub kind: Kind,
    /// Its owner.
    pub owner: String,
    /// Its oid.
    pub oid: u32,
    /// The number of its file, which changes when it is emptied.
    #[serde(default)]
    pub file: u32,
    /// The extension that it belongs to.
    #[serde(default)]
    pub extension: Option<String>,
    /// Whether a dump has rows for it although it belongs to an extension.
    #[serde(default)]
    pub configured: bool,
    /// Tables that it is a partition or a child of.
    #[serde(default)]
    pub parents: Vec<String>,
    /// What our role lacks to empty it: `TRUNCATE`, or ownership of a sequence.
    #[serde(default)]
    pub lacks: Option<String>,
    /// Its own rows; `None` if it has none of its own, or if they can't be counted.
    #[serde(skip)]
    pub rows: Option<u64>,
}

/// How a table holds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Kind {
    /// By itself.
    #[default]
    #[serde(rename = "r")]
    Plain,
    /// In its partitions.
    #[serde(rename = "p")]
    Partitioned,
    /// On another server.
    #[serde(rename = "f")]
    Foreign,
}

/// A materialised view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct View {
    /// Its name with its schema, quoted if SQL needs it.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Whether it can be read: a refresh fills it.
    pub populated: bool,
    /// Whether our role may refresh it.
    pub ours: bool,
}

impl Inventory {
    /// Adds the counts.
    pub fn count(&mut self, counts: Vec<(String, u64)>) {
        let counts: BTreeMap<String, u64> = counts.into_iter().collect();
        for table in &mut self.tables {
            table.rows = counts.get(&table.name).copied();
        }
    }
}

/// Part of the question for all facts. It asks for the rights that TRUNCATE and RESTART IDENTITY
/// need: the right of that name on the table, and ownership of every sequence of its columns.
pub const QUESTION: &str = sql::part(include_str!("inventory/tables.sql"));

/// Counts the rows of every table that we may read; one that hides rows from us (row-level
/// security) is an error, not a smaller count.
pub const ROWS: &str = sql::statements(include_str!("inventory/rows.sql"));
