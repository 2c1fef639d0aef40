//! The ratchet: whether a backup holds as many records as the ones before it did. A pure decision
//! that returns its reasons; what it remembers is in a file next to the backups (`file`).

mod file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::file::{File, NAME, Recorded, Slot};
use crate::config::Ratchet;
use crate::human::{count, counted};
use crate::value::TableRows;

/// What a database in a backup must hold.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Where its counts are recorded.
    pub slot: Slot,
    /// What is recorded of it.
    pub recorded: Recorded,
    /// The rules.
    pub rules: Ratchet,
    /// Who says that it may hold fewer.
    pub accepted: Option<String>,
    /// The backup, by the name that it gets if it does not hold that.
    pub aside: PathBuf,
}

/// Something of which a backup holds too little.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// The database's key.
    pub store: String,
    /// The table; none: all of them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// The most that it had, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub had: Option<u64>,
    /// The least that was wanted.
    pub wanted: u64,
    /// The same in words.
    pub why: String,
}

/// The decision over a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Of what there is too little. It is empty if all is well, or if it was accepted.
    pub shrunk: Vec<Shrunk>,
    /// What you should know all the same.
    pub remarks: Vec<String>,
    /// What to record if all is well.
    pub next: Recorded,
}

impl Demand {
    /// The least rows of all tables together.
    pub fn least(&self) -> u64 {
        let part = self.recorded.max_record_count.map_or(0, |had| self.rules.portion.of(had));
        part.max(self.rules.min_records)
    }

    /// Tables that must each keep a part of their rows: the rows they had, and the least.
    pub fn tables(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        let listed = self.recorded.tables.iter().filter(|(table, _)| self.lists(table));
        listed.map(|(table, had)| (table.as_str(), *had, self.rules.portion.of(*had)))
    }

    fn lists(&self, table: &str) -> bool {
        self.rules.tables.iter().any(|listed| listed.means(table))
    }

    /// Decides over what a dump holds.
    pub fn judge(&self, tables: &[TableRows]) -> Judgement {
        let mut held: BTreeMap<&str, u64> = BTreeMap::new();
        for table in tables {
            *held.entry(&table.table).or_default() += table.rows;
        }

        let shrunk: Vec<Shrunk> = self.in_all(&held).into_iter().chain(self.each(&held)).collect();
        let others = self.others(&held);

        match &self.accepted {
            Some(by) => {
                let accepted = shrunk.iter().map(|s| format!("accepted by {by}: {}", s.why));
                let remarks = accepted.chain(others).collect();
                Judgement { shrunk: Vec::new(), remarks, next: self.lowered(&held) }
            }
            None => Judgement { shrunk, remarks: others, next: self.raised(&held) },
        }
    }

    fn in_all(&self, held: &BTreeMap<&str, u64>) -> Option<Shrunk> {
        let rows = total(held);
        let (had, wanted) = (self.recorded.max_record_count, self.least());

        let why = match had.filter(|had| self.rules.portion.of(*had) == wanted) {
            Some(had) => format!(
                "`{}`: {} in all, it had {}; at least {} are wanted ({})",
                self.name,
                counted(rows, "row"),
                count(had),
                count(wanted),
                self.rules.portion.percent()
            ),
            None => format!(
                "`{}`: {} in all; at least {} are wanted (`min-records`)",
                self.name,
                counted(rows, "row"),
                count(wanted)
            ),
        };
        let shrunk = Shrunk { store: self.key.clone(), table: None, rows, had, wanted, why };
        (rows < wanted).then_some(shrunk)
    }

    /// The tables that are listed.
    fn each(&self, held: &BTreeMap<&str, u64>) -> Vec<Shrunk> {
        let one = |(table, had, wanted): (&str, u64, u64)| {
            let rows = held.get(table).copied();
            let is = rows.map_or("it is gone".into(), |rows| counted(rows, "row"));
            let why = format!(
                "`{table}`: {is}, it had {}; at least {} are wanted ({})",
                count(had),
                count(wanted),
                self.rules.portion.percent()
            );
            let (store, table, had) = (self.key.clone(), Some(table.to_owned()), Some(had));
            let rows = rows.unwrap_or_default();
            (rows < wanted).then_some(Shrunk { store, table, rows, had, wanted, why })
        };
        self.tables().filter_map(one).collect()
    }

    /// The tables that are not listed: they shrank by as much since the last backup.
    fn others(&self, held: &BTreeMap<&str, u64>) -> Vec<String> {
        let others = self.recorded.tables.iter().filter(|(table, _)| !self.lists(table));
        let one = |(table, had): (&String, &u64)| {
            let rows = held.get(table.as_str()).copied();
            let is = rows.map_or("it is gone".into(), |rows| counted(rows, "row"));
            let shrank = rows.unwrap_or_default() < self.rules.portion.of(*had);
            shrank.then(|| format!("`{table}`: {is}, it had {} in the last backup", count(*had)))
        };
        others.filter_map(one).collect()
    }

    /// What is recorded only grows. A table that is not listed is compared with the last backup, so
    /// that it is told once.
    fn raised(&self, held: &BTreeMap<&str, u64>) -> Recorded {
        let mut next = self.lowered(held);
        next.max_record_count = next.max_record_count.max(self.recorded.max_record_count);

        for (table, had, _) in self.tables() {
            let most = next.tables.entry(table.to_owned()).or_default();
            *most = had.max(*most);
        }

        next
    }

    /// What the backup holds.
    fn lowered(&self, held: &BTreeMap<&str, u64>) -> Recorded {
        Recorded {
            max_record_count: Some(total(held)),
            tables: held.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect(),
            ..Recorded::default()
        }
    }

    /// Names that are listed, and that neither the database nor the file has a table for.
    pub fn unknown(&self, tables: &[TableRows]) -> Vec<String> {
        let known: Vec<&str> = tables
            .iter()
            .map(|t| t.table.as_str())
            .chain(self.recorded.tables.keys().map(String::as_str))
            .collect();
        let listed = self.rules.tables.iter();
        let unknown = listed.filter(|listed| !known.iter().any(|table| listed.means(table)));
        unknown.map(ToString::to_string).collect()
    }
}

fn total(held: &BTreeMap<&str, u64>) -> u64 {
    held.values().fold(0, |sum, rows| sum.saturating_add(*rows))
}

#[cfg(test)]
mod tests;
