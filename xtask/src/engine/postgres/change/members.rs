//! Rows of extensions' tables that a dump brings.

use crate::engine::postgres::client::sql;

/// Removes the rows of extensions' tables that a dump brings: the extensions stay, and their rows
/// would conflict with those of the dump. They may refer to each other: rows that can't be deleted
/// yet are tried again after others.
pub(super) const EMPTY: &str = sql::statements(include_str!("members/empty.sql"));

/// The jobs of pg_cron are restored inactive: what ran elsewhere, or at another time, must not
/// start by itself. psql prints nothing.
pub(super) const PAUSE: &str = sql::statements(include_str!("members/pause.sql"));
