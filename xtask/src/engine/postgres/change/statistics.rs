//! Statistics of a database's tables for the planner, by two sessions that share them.

use crate::engine::postgres::catalog::counting::Half;
use crate::engine::postgres::client::name::literal;
use crate::engine::postgres::client::sql;

/// Tables with a part on another server: a foreign table is a partition of them, or inherits from
/// them, at any depth.
const REACHING: &str = sql::part(include_str!("statistics/reaching.sql"));

/// The tables to ANALYZE, shared between two sessions. A partitioned one includes its partitions;
/// autovacuum does the catalogs. For a table with a part on another server ANALYZE would ask that
/// server: so only its other parts are analysed.
fn shared(half: Half) -> String {
    const TABLES: &str = sql::part(include_str!("statistics/shared.sql"));
    sql::filled(TABLES, &[("half", &(half as u8).to_string())])
}

/// Collects statistics for half of the user's tables: without them the first queries after a
/// restore get bad plans. Each ANALYZE commits by itself if no transaction is open; the swap's
/// commit flushes them all to disk. One that fails (it calls the functions of indexes and of
/// extended statistics) is named, and does no harm: no data depends on it, and autovacuum would
/// fail as well. `pg_stats` is read once: for each table by itself, 5,000 tables took minutes.
pub fn analyze(half: Half) -> String {
    const ANALYZE: &str = sql::statements(include_str!("statistics/analyze.sql"));
    sql::filled(
        ANALYZE,
        &[
            ("reaching", REACHING),
            ("tables", &shared(half)),
            ("failed", &literal(FAILED)),
            ("named", NAMED),
        ],
    )
}

/// How a line begins that names a table with a part on another server, which [`analyze`] leaves
/// out.
const FAR: &str = "-- db-tasks asks no other server for statistics of ";

/// How one begins that names a table on which ANALYZE failed.
const FAILED: &str = "-- db-tasks could collect no statistics of ";

/// A table's name in one line.
const NAMED: &str = r"replace(format('%I.%I', nspname, relname), E'\n', ' ')";

/// Names those that are left out.
pub fn far_tables() -> String {
    format!(
        "{REACHING} SELECT {} || {NAMED} FROM pg_class c\n  JOIN reaching USING (oid) JOIN \
         pg_namespace n ON n.oid = c.relnamespace ORDER BY 1;\n",
        literal(FAR),
    )
}

/// A table without statistics for the planner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bare {
    /// A part of it is on another server.
    Far(String),
    /// ANALYZE failed on it.
    Failed(String),
}

/// Reads which they are.
pub fn read_bare(said: &str) -> Vec<Bare> {
    let bare = |line: &str| {
        let named = |mark| line.strip_prefix(mark).map(String::from);
        named(FAR).map(Bare::Far).or_else(|| named(FAILED).map(Bare::Failed))
    };
    said.lines().filter_map(bare).collect()
}
