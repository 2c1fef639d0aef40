//! Statistics of a database's tables for the planner, by two sessions that share them.

use crate::engine::postgres::catalog::counting::Half;
use crate::engine::postgres::client::name::literal;

/// Tables with a part on another server: a foreign table is a partition of them, or inherits from
/// them, at any depth.
const REACHING: &str = "WITH RECURSIVE reaching AS (
    SELECT i.inhparent AS oid FROM pg_inherits i JOIN pg_class f ON f.oid = i.inhrelid WHERE \
                        f.relkind = 'f'
    UNION SELECT i.inhparent FROM pg_inherits i JOIN reaching r ON r.oid = i.inhrelid)";

/// The tables to ANALYZE, shared between two sessions. A partitioned one includes its partitions;
/// autovacuum does the catalogs. For a table with a part on another server ANALYZE would ask that
/// server: so only its other parts are analysed.
fn shared(half: Half) -> String {
    format!(
        r"(
  SELECT nspname, relname, c.oid, row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND c.oid NOT IN (SELECT oid FROM reaching)
    AND (NOT c.relispartition OR (SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid) IN (SELECT oid FROM reaching))
) tables WHERE nth % 2 = {}",
        half as u8
    )
}

/// Collects statistics for half of the user's tables: without them the first queries after a
/// restore get bad plans. Each ANALYZE commits by itself if no transaction is open; the swap's
/// commit flushes them all to disk. One that fails (it calls the functions of indexes and of
/// extended statistics) is named, and does no harm: no data depends on it, and autovacuum would
/// fail as well.
pub fn analyze(half: Half) -> String {
    let tables = shared(half);
    format!(
        "SET synchronous_commit = off;\n\\set ON_ERROR_ROLLBACK on\n\\set ON_ERROR_STOP \
         off\n{REACHING} SELECT format('ANALYZE %I.%I', nspname, relname) FROM {tables} \
         \\gexec\n\\set ON_ERROR_STOP on\n\\set ON_ERROR_ROLLBACK off\n{REACHING} SELECT {} || \
         {NAMED} FROM {tables} AND pg_relation_size(oid) > 0\n  AND NOT EXISTS (SELECT FROM \
         pg_stats s WHERE s.schemaname = nspname AND s.tablename = relname)\n  AND EXISTS (SELECT \
         FROM pg_attribute a WHERE attrelid = oid AND attnum > 0 AND NOT attisdropped AND \
         attstattarget IS DISTINCT FROM 0)\n  ORDER BY 1;\n",
        literal(FAILED)
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
