//! Whether a database holds anything.

use crate::engine::postgres::client::sql;

/// Whether the database has a user table, not counting those of extensions.
pub const HAS_TABLES: &str = sql::part(include_str!("contents/has_tables.sql"));

/// Whether the database has anything that initdb did not create (FirstNormalObjectId,
/// access/transam.h), an extension's included: a relation, a type, a function, a large object.
pub const HAS_OBJECTS: &str = sql::part(include_str!("contents/has_objects.sql"));
