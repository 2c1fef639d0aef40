//! What a dump in its stable form is like.

use crate::config::{Form, KeyOrder};

/// What is done to a dump, so that the same data makes the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stable {
    /// Its form.
    pub form: Form,
    /// The order of its rows.
    pub order: RowOrder,
}

/// Whose rows are sorted, and by what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowOrder {
    /// The tables that the project names.
    pub meant: KeyOrder,
    /// The keys of those that have one.
    pub keys: Vec<TableKey>,
}

/// A table's primary key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct TableKey {
    /// The table, as `format('%I.%I', ...)` writes it.
    pub table: String,
    /// The partitioned table that it is a part of, or itself.
    pub root: String,
    /// The columns of its key, in their order; none if it has no key.
    pub columns: Vec<KeyColumn>,
}

/// A column of a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// Whether it holds whole numbers, which are sorted by value.
    pub whole: bool,
}

impl RowOrder {
    /// The key by which the rows of a table are sorted, if they are: without columns, whole rows are
    /// compared.
    pub fn of(&self, table: &str) -> Option<&[KeyColumn]> {
        let known = self.keys.iter().find(|key| key.table == table);
        let is_meant = self.meant.means(table) || known.is_some_and(|k| self.meant.means(&k.root));
        is_meant.then(|| known.map_or(&[][..], |key| &key.columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TableName;

    #[test]
    fn a_partition_is_sorted_with_its_table() {
        let key = |table: &str, root: &str| TableKey {
            table: table.into(),
            root: root.into(),
            columns: vec![KeyColumn { name: "id".into(), whole: true }],
        };
        let meant = KeyOrder::of(vec![TableName::parse("split").unwrap()]);
        let keys = vec![key("public.split_1", "public.split"), key("public.a", "public.a")];
        let order = RowOrder { meant, keys };
        assert_eq!(order.of("public.split_1").map(<[KeyColumn]>::len), Some(1));
        assert_eq!(order.of("other.split").map(<[KeyColumn]>::len), Some(0));
        assert_eq!(order.of("public.a"), None);
    }
}
