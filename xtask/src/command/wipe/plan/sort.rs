//! Which tables keep their rows, and what that requires of others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bundle::manifest::{LEDGER_SCHEMAS, LEDGERS};
use crate::config::TableName;
use crate::engine::postgres::catalog::inventory::{Inventory, Kind, Table, View};

/// Why a table keeps its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A migrator records in it what it has applied.
    Ledger,
    /// `guards.keep-tables` names it.
    Listed,
    /// It came with an extension.
    Extension(String),
    /// Its rows are on another server.
    Foreign,
    /// It is a partition or a child of a table that keeps its rows.
    Within(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ledger => f.write_str("a migration ledger"),
            Self::Listed => f.write_str("in `guards.keep-tables`"),
            Self::Extension(name) => write!(f, "of the extension {name}"),
            Self::Foreign => f.write_str("a foreign table"),
            Self::Within(parent) => write!(f, "part of {parent}"),
        }
    }
}

/// The tables of a database, sorted.
#[derive(Debug, Clone, Default)]
pub struct Sorted<'a> {
    /// Those that lose their rows.
    pub emptied: Vec<&'a Table>,
    /// Those that keep them.
    pub kept: Vec<(&'a Table, Why)>,
}

impl<'a> Sorted<'a> {
    /// Whether a table keeps its rows.
    fn keeps(&self, name: &str) -> bool {
        self.kept.iter().any(|(t, _)| t.name == name)
    }

    /// Those that have rows of their own, and lose them.
    pub fn with_rows(&self) -> impl Iterator<Item = &'a Table> + '_ {
        self.emptied.iter().copied().filter(|t| t.kind == Kind::Plain)
    }

    /// Those that TRUNCATE must name: partitions and children are included.
    pub fn named(&self) -> Vec<&'a Table> {
        let lost: BTreeSet<&str> = self.emptied.iter().map(|t| t.name.as_str()).collect();
        self.emptied
            .iter()
            .copied()
            .filter(|t| t.parents.iter().all(|p| !lost.contains(p.as_str())))
            .collect()
    }
}

/// Sorts the tables. Keeping a table includes its partitions and children: they are read through
/// it.
pub fn sort<'a>(inventory: &'a Inventory, keep: &[TableName]) -> Sorted<'a> {
    let mut kept: BTreeMap<&str, Why> =
        inventory.tables.iter().filter_map(|t| Some((t.name.as_str(), reason(t, keep)?))).collect();

    loop {
        let within = |t: &&Table| {
            !kept.contains_key(t.name.as_str())
                && t.parents.iter().any(|p| kept.contains_key(p.as_str()))
        };
        let Some(found) = inventory.tables.iter().find(within) else { break };
        let parent = found
            .parents
            .iter()
            .find(|p| kept.contains_key(p.as_str()))
            .cloned()
            .unwrap_or_default();

        kept.insert(&found.name, Why::Within(parent));
    }

    let mut sorted = Sorted::default();
    for table in &inventory.tables {
        match kept.remove(table.name.as_str()) {
            Some(why) => sorted.kept.push((table, why)),
            None => sorted.emptied.push(table),
        }
    }

    sorted
}

fn reason(table: &Table, keep: &[TableName]) -> Option<Why> {
    let is_ledger =
        LEDGERS.contains(&table.table.as_str()) || LEDGER_SCHEMAS.contains(&table.schema.as_str());
    match &table.extension {
        Some(extension) => Some(Why::Extension(extension.clone())),
        None if table.kind == Kind::Foreign => Some(Why::Foreign),
        None if is_ledger => Some(Why::Ledger),
        None => keep.iter().any(|k| k.fits(&table.schema, &table.table)).then_some(Why::Listed),
    }
}

/// What conflicts with keeping what is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ties {
    /// `kept -> a -> b`: each refers to the next, or is a part of it, and all except the first
    /// would lose their rows.
    pub chains: Vec<String>,
    /// What must be kept as well.
    pub also: Vec<String>,
}

/// Finds what a kept table needs of those that lose their rows. A TRUNCATE of them would empty the
/// kept one, too (CASCADE), or fail.
pub fn ties(sorted: &Sorted<'_>, inventory: &Inventory) -> Ties {
    let mut needs: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (from, to) in &inventory.references {
        needs.entry(from).or_default().push((to, " -> "));
    }

    for table in &inventory.tables {
        needs
            .entry(&table.name)
            .or_default()
            .extend(table.parents.iter().map(|p| (p.as_str(), " (part of) -> ")));
    }

    let mut way: BTreeMap<&str, String> =
        sorted.kept.iter().map(|(t, _)| (t.name.as_str(), t.name.clone())).collect();
    let mut queue: VecDeque<&str> = way.keys().copied().collect();
    let (mut also, mut passed) = (Vec::new(), BTreeSet::new());

    while let Some(name) = queue.pop_front() {
        for (to, link) in needs.get(name).into_iter().flatten() {
            if sorted.keeps(to) || way.contains_key(to) {
                continue;
            }
            let chain = format!("{}{link}{to}", way.get(name).map_or(name, String::as_str));
            passed.insert(name);
            way.insert(to, chain);
            also.push((*to).to_owned());
            queue.push_back(to);
        }
    }

    let chains = also
        .iter()
        .filter(|to| !passed.contains(to.as_str()))
        .filter_map(|to| way.get(to.as_str()).cloned())
        .collect();
    Ties { chains, also }
}

/// The materialised views with rows, each after those that it reads.
pub fn refresh_order(inventory: &Inventory) -> Vec<&View> {
    fn visit<'a>(
        name: &'a str,
        inventory: &'a Inventory,
        seen: &mut BTreeSet<&'a str>,
        order: &mut Vec<&'a View>,
    ) {
        if !seen.insert(name) {
            return;
        }
        for (_, read) in inventory.reads.iter().filter(|(reader, _)| reader == name) {
            visit(read, inventory, seen, order);
        }
        order.extend(inventory.views.iter().filter(|v| v.name == name && v.populated));
    }

    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for view in &inventory.views {
        visit(&view.name, inventory, &mut seen, &mut order);
    }

    order
}

#[cfg(test)]
mod tests;
