//! How to read a damaged database, table by table, and what pg_dump must leave out.

use serde::Deserialize;

use crate::engine::postgres::client::session::NEUTRAL;
use crate::engine::postgres::client::sql;

/// Relations with their own rows in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Kind {
    /// A table.
    #[serde(rename = "r")]
    Table,
    /// A sequence.
    #[serde(rename = "S")]
    Sequence,
}

/// All of those, in JSON.
pub const RELATIONS: &str = sql::statements(include_str!("salvage.sql"));

/// Where large objects are.
pub const OBJECTS: &str = "pg_catalog.pg_largeobject";

/// Asks whether the server answers.
pub const ALIVE: &str = "SELECT 1;\n";

/// Reads all large objects.
pub const LARGE_OBJECTS: &str = "SELECT count(length(data)) FROM pg_largeobject;\n";

/// Reads all of one, as a dump does: every row from the table itself, every value with its TOAST
/// data. The name is the server's own for the oid.
pub fn read(kind: Kind, oid: u32) -> String {
    let statement = match kind {
        Kind::Table => "SELECT count((r.*)::text) FROM ONLY %s r",
        Kind::Sequence => "SELECT count(last_value) FROM %s",
    };
    format!(
        "{NEUTRAL}SET row_security = off;\nSET enable_indexscan = off;\nSET enable_indexonlyscan \
         = off;\nSET enable_bitmapscan = off;\nSELECT format('{statement}', {oid}::oid::regclass) \
         \\gexec\n"
    )
}

/// One name as a pattern for pg_dump, without wildcards
/// (<https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-PATTERNS>).
pub fn pattern(schema: &str, name: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quoted(schema), quoted(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_one_name() {
        assert_eq!(pattern("public", "orders"), "\"public\".\"orders\"");
        assert_eq!(pattern("a.b", "x\"*?|$"), "\"a.b\".\"x\"\"*?|$\"");
    }
}
