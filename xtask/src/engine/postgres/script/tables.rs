//! Row counts per table, in order of first appearance.

use std::collections::{BTreeMap, HashMap};

use super::name::TableName;
use super::report::Half;
use crate::value::TableRows;

#[derive(Default)]
pub(super) struct Tables {
    entries: Vec<(TableName, Entry)>,
    places: HashMap<TableName, usize>,
    last: usize,
}

struct Entry {
    rows: u64,
    bytes: u64,
    inexact: bool,
    partitioned: bool,
    created: bool,
    loaded: bool,
    parent: Option<TableName>,
}

impl Tables {
    pub(super) fn created(&mut self, name: &TableName, partitioned: bool) {
        let entry = self.entry(name);
        entry.partitioned |= partitioned;
        entry.created = true;
    }

    pub(super) fn loaded(&mut self, name: &TableName, rows: u64, bytes: u64, exact: bool) {
        let entry = self.entry(name);
        entry.rows += rows;
        entry.bytes += bytes;
        entry.inexact |= !exact;
        entry.loaded = true;
    }

    /// Rows usually go to the table the last ones went to.
    fn entry(&mut self, name: &TableName) -> &mut Entry {
        let same = self.entries.get(self.last).is_some_and(|e| e.0 == *name);
        if !same {
            self.last = match self.places.get(name) {
                Some(&place) => place,
                None => self.add(name),
            };
        }
        &mut self.entries[self.last].1
    }

    fn add(&mut self, name: &TableName) -> usize {
        let place = self.entries.len();
        self.places.insert(name.clone(), place);

        let entry = Entry {
            rows: 0,
            bytes: 0,
            inexact: false,
            partitioned: false,
            created: false,
            loaded: false,
            parent: None,
        };

        self.entries.push((name.clone(), entry));

        place
    }

    pub(super) fn attached(&mut self, name: &TableName, parent: &TableName) {
        if let Some(&place) = self.places.get(name) {
            self.entries[place].1.parent = Some(parent.clone());
        }
    }

    /// What the script has only the one half of, if it has tables.
    pub(super) fn half(&self) -> Option<Half> {
        let any = |of: fn(&Entry) -> bool| self.entries.iter().any(|(_, entry)| of(entry));
        match (any(|entry| entry.created), any(|entry| entry.loaded)) {
            (true, false) => Some(Half::Definitions),
            (false, true) => Some(Half::Rows),
            _ => None,
        }
    }

    /// The names that are not UTF-8: as they are listed, and as they are sent.
    pub(super) fn foreign(&self) -> BTreeMap<String, String> {
        let names = self.entries.iter().map(|(name, _)| (name.sql(), name.said()));
        names.filter(|(listed, said)| listed != said).collect()
    }

    /// A partitioned table holds no rows itself and is listed only if rows are loaded through it;
    /// its partitions are then listed only for rows of their own, and not exactly.
    pub(super) fn list(mut self) -> Vec<TableRows> {
        for place in 0..self.entries.len() {
            if self.is_loaded_from_above(place) {
                let entry = &mut self.entries[place].1;
                entry.partitioned |= !entry.loaded;
                entry.inexact = true;
            }
        }

        let listed = |entry: &Entry| entry.loaded || !entry.partitioned;
        let row = |(name, entry): (TableName, Entry)| TableRows {
            table: name.sql(),
            rows: entry.rows,
            bytes: entry.bytes,
            exact: !entry.inexact,
            partitioned: entry.partitioned,
        };

        let entries = self.entries.into_iter().filter(|(_, e)| listed(e));
        entries.map(row).collect()
    }

    fn is_loaded_from_above(&self, mut place: usize) -> bool {
        // A hostile script may attach partitions in a circle.
        for _ in 0..64 {
            let parent = self.entries[place].1.parent.as_ref();
            let Some(&above) = parent.and_then(|parent| self.places.get(parent)) else {
                return false;
            };
            if self.entries[above].1.loaded {
                return true;
            }
            place = above;
        }

        false
    }
}
