//! Databases to back up, the same on every run. The SQL is in `tests/data`, fit for `psql -v
//! scale=N -f FILE` too.

use super::server::Server;

/// Everything that a dump can carry, a few rows each, in schemas of its own.
pub const RICH: &str = include_str!("../data/rich.sql");
/// 50 tables, some 5 MB at scale 1.
pub const SMALL: &str = include_str!("../data/small.sql");
/// 60 tables, some 150 MB at scale 1: text, jsonb, bytea, foreign keys, indexes.
pub const MIXED: &str = include_str!("../data/mixed.sql");

/// Needs a superuser. Makes the role `dbt_rich_reader`, which is the server's, not the database's.
#[track_caller]
pub fn rich(server: &Server, db: &str) {
    load(server, db, RICH, "1");
}

#[track_caller]
pub fn small(server: &Server, db: &str) {
    load(server, db, SMALL, "1");
}

#[track_caller]
pub fn mixed(server: &Server, db: &str, scale: f64) {
    load(server, db, MIXED, &scale.to_string());
}

#[track_caller]
fn load(server: &Server, db: &str, sql: &str, scale: &str) {
    server.psql(db, sql, &[("scale", scale)]).unwrap_or_else(|e| panic!("{db}: {e}"));
}
