//! Which databases there are, and whether they hold anything.

use crate::engine::postgres::client::name::literal;
use crate::engine::postgres::client::sql;

/// Whether the database has a user table, not counting those of extensions.
pub const HAS_TABLES: &str = sql::part(include_str!("contents/has_tables.sql"));

/// Whether the database has anything that initdb did not create (FirstNormalObjectId,
/// access/transam.h), an extension's included: a relation, a type, a function, a large object.
pub const HAS_OBJECTS: &str = sql::part(include_str!("contents/has_objects.sql"));

/// Asks for that: `t` or `f`.
pub fn has_tables() -> String {
    format!("SELECT {HAS_TABLES};\n")
}

/// The server's other databases that we can connect to.
pub const OTHERS: &str = "SELECT coalesce(jsonb_agg(datname ORDER BY datname), '[]') FROM \
                      pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate AND datname \
                      <> current_database();\n";

/// Asks how many databases have this name.
pub fn how_many(name: &str) -> String {
    format!("SELECT count(*) FROM pg_database WHERE datname = {};\n", literal(name))
}
