//! Which tables keep their rows, and what that asks of others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bundle::manifest::{LEDGER_SCHEMAS, LEDGERS};
use crate::config::TableName;
use crate::engine::postgres::inventory::{Inventory, Kind, Table, View};

/// Why a table keeps its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A migrator wrote down in it what it has done.
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

/// The tables of a database, apart.
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

    /// Those that hold rows of their own, and lose them.
    pub fn with_rows(&self) -> impl Iterator<Item = &'a Table> + '_ {
        self.emptied.iter().copied().filter(|t| t.kind == Kind::Plain)
    }

    /// Those that TRUNCATE has to name: partitions and children go with their parents.
    pub fn named(&self) -> Vec<&'a Table> {
        let lost: BTreeSet<&str> = self.emptied.iter().map(|t| t.name.as_str()).collect();
        self.emptied
            .iter()
            .copied()
            .filter(|t| t.parents.iter().all(|p| !lost.contains(p.as_str())))
            .collect()
    }
}

/// Sorts the tables. Who keeps a table means its partitions and children, too: they are read
/// through it.
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

/// What stands against keeping what is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ties {
    /// `kept -> a -> b`: each refers to the next, or is a part of it, and all but the first would
    /// lose their rows.
    pub chains: Vec<String>,
    /// What would have to be kept as well.
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

/// The materialised views that hold rows, each after those that it reads.
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
mod tests {
    use super::*;

    /// `a`, `shop.b`, `a<p` for a part of `p`, `~f` for a foreign table, `+x` for one of an
    /// extension.
    fn inventory(tables: &[&str], references: &[(&str, &str)]) -> Inventory {
        let full = |name: &str| {
            if name.contains('.') { name.to_owned() } else { format!("public.{name}") }
        };
        let table = |text: &&str| {
            let (name, parents) = text
                .trim_start_matches(['~', '+'])
                .split_once('<')
                .unwrap_or((text.trim_start_matches(['~', '+']), ""));
            let name = full(name);
            let (schema, own) = name.split_once('.').unwrap();

            Table {
                schema: schema.into(),
                table: own.trim_matches('"').replace("\"\"", "\""),
                kind: if text.starts_with('~') { Kind::Foreign } else { Kind::Plain },
                extension: text.starts_with('+').then(|| "postgis".into()),
                parents: parents.split('<').filter(|p| !p.is_empty()).map(full).collect(),
                name,
                ..Table::default()
            }
        };

        let references = references.iter().map(|(a, b)| (full(a), full(b))).collect();
        Inventory { tables: tables.iter().map(table).collect(), references, ..Inventory::default() }
    }

    fn keep(names: &[&str]) -> Vec<TableName> {
        names.iter().map(|n| TableName::parse(n).unwrap()).collect()
    }

    #[test]
    fn ledgers_and_what_is_named_keep_their_rows() {
        let all = [
            "users",
            "alembic_version",
            "shop.schema_migrations",
            "sqitch.changes",
            "public.\"SequelizeMeta\"",
            "my_migrations",
            "public.\"Odd.Name\"",
            "+spatial_ref_sys",
            "~remote",
            "events",
            "events_1<events",
            "events_1a<events_1",
        ];

        let found = inventory(&all, &[]);

        for (named, kept) in [
            (
                &[][..],
                "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote",
            ),
            (
                &["Odd.Name"],
                "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote",
            ),
            (
                &["\"Odd.Name\"", "users"],
                "users alembic_version schema_migrations changes SequelizeMeta Odd.Name \
                 spatial_ref_sys remote",
            ),
            (
                &["public.\"Odd.Name\""],
                "alembic_version schema_migrations changes SequelizeMeta Odd.Name spatial_ref_sys \
                 remote",
            ),
            (
                &["shop.users"],
                "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote",
            ),
            (
                &["events"],
                "alembic_version schema_migrations changes SequelizeMeta spatial_ref_sys remote \
                 events events_1 events_1a",
            ),
        ] {
            let sorted = sort(&found, &keep(named));
            let names: Vec<&str> = sorted.kept.iter().map(|(t, _)| t.table.as_str()).collect();
            assert_eq!(names.join(" "), kept, "{named:?}");
            assert_eq!(sorted.emptied.len() + names.len(), all.len());
        }
    }

    #[test]
    fn partitions_and_children_go_with_their_parents() {
        let found = inventory(&["a", "b<a", "c<b", "d", "e<d<keep", "keep"], &[]);
        let named = |kept: &[&str]| -> String {
            let sorted = sort(&found, &keep(kept));
            sorted.named().iter().map(|t| t.table.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(named(&[]), "a d keep");
        assert_eq!(named(&["keep"]), "a d");
    }

    #[test]
    fn a_kept_table_needs_what_it_refers_to() {
        for (tables, references, kept, chains, also) in [
            (&["a", "b"][..], &[("a", "b")][..], &[][..], "", ""),
            (&["a", "b"], &[("a", "b")], &["b"], "", ""),
            (&["a", "b"], &[("a", "b")], &["a"], "public.a -> public.b", "public.b"),
            (&["a", "b"], &[("a", "b")], &["a", "b"], "", ""),
            (
                &["k", "a", "b"],
                &[("k", "a"), ("a", "b")],
                &["k"],
                "public.k -> public.a -> public.b",
                "public.a public.b",
            ),
            // a ring has an end
            (
                &["k", "a", "b"],
                &[("k", "a"), ("a", "b"), ("b", "a")],
                &["k"],
                "public.k -> public.a -> public.b",
                "public.a public.b",
            ),
            (
                &["k", "a", "b"],
                &[("k", "a"), ("a", "b"), ("b", "k")],
                &["k"],
                "public.k -> public.a -> public.b",
                "public.a public.b",
            ),
            (
                &["k", "a", "b"],
                &[("k", "a"), ("k", "b")],
                &["k"],
                "public.k -> public.a; public.k -> public.b",
                "public.a public.b",
            ),
            (
                &["k", "m", "a"],
                &[("k", "a"), ("m", "a")],
                &["k", "m"],
                "public.k -> public.a",
                "public.a",
            ),
            (
                &["part<whole", "whole"],
                &[],
                &["part"],
                "public.part (part of) -> public.whole",
                "public.whole",
            ),
            (
                &["~far<whole", "whole"],
                &[],
                &[],
                "public.far (part of) -> public.whole",
                "public.whole",
            ),
            (&["+geo", "a"], &[("geo", "a")], &[], "public.geo -> public.a", "public.a"),
            (
                &["alembic_version", "a"],
                &[("alembic_version", "a")],
                &[],
                "public.alembic_version -> public.a",
                "public.a",
            ),
            (
                &["part<whole", "whole", "x"],
                &[("whole", "x")],
                &["part"],
                "public.part (part of) -> public.whole -> public.x",
                "public.whole public.x",
            ),
            (
                &["shop.\"Odd.Name\"", "a"],
                &[("shop.\"Odd.Name\"", "a")],
                &["\"Odd.Name\""],
                "shop.\"Odd.Name\" -> public.a",
                "public.a",
            ),
        ] {
            let found = inventory(tables, references);
            let ties = ties(&sort(&found, &keep(kept)), &found);
            assert_eq!(
                (ties.chains.join("; ").as_str(), ties.also.join(" ").as_str()),
                (chains, also),
                "{references:?} {kept:?}"
            );
        }
    }

    #[test]
    fn views_are_filled_in_order() {
        let view = |name: &str, populated| View { name: name.into(), populated, ..View::default() };
        let found = Inventory {
            views: vec![view("a", true), view("b", true), view("c", true), view("empty", false)],
            reads: [("a", "plain"), ("plain", "c"), ("c", "b"), ("a", "b"), ("empty", "a")]
                .map(|(r, v)| (r.into(), v.into()))
                .into(),
            ..Inventory::default()
        };

        let order: Vec<&str> = refresh_order(&found).iter().map(|v| v.name.as_str()).collect();
        assert_eq!(order, ["b", "c", "a"]);
    }
}
