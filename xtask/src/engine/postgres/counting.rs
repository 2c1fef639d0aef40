//! Statistics and rows of a database's tables, by two sessions that share them.

use super::members::{COUNTED, MEMBERSHIP};
use super::name::literal;

/// One of two sessions that share the tables.
#[derive(Debug, Clone, Copy)]
pub enum Half {
    /// Takes the largest, the third, …
    One = 1,
    /// Takes the second, the fourth, …
    Other = 0,
}

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

/// Counts the rows of half of the tables that have rows of their own: psql runs each row of the
/// first answer as a query. Of an extension's table, only those in a dump.
pub fn count_rows(half: Half) -> String {
    format!(
        r"SELECT question FROM (
  SELECT format('SELECT %L, count(*) FROM ONLY %I.%I %s', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, m.condition) AS question,
    row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {MEMBERSHIP}
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND {COUNTED}
) tables WHERE nth % 2 = {} \gexec
",
        half as u8
    )
}

/// Rows per table.
pub type Counts = Vec<(String, u64)>;

/// Reads the answers to [`count_rows`]: `table|rows`; a table's name may have line breaks.
pub fn read_counts(answer: &str) -> Counts {
    let mut counts = Vec::new();
    let mut name = String::new();

    for line in answer.split('\n') {
        let ended =
            line.rsplit_once('|').and_then(|(head, rows)| Some((head, rows.trim().parse().ok()?)));

        if let Some((head, rows)) = ended {
            name.push_str(head);
            counts.push((std::mem::take(&mut name), rows));
        } else {
            name.push_str(line);
            name.push('\n');
        }
    }

    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_names_of_any_kind() {
        let answer = "public.a|3\npublic.\"a|b\"|0\napp.\"line\nbreak\"|1\n";
        let want = [("public.a", 3), ("public.\"a|b\"", 0), ("app.\"line\nbreak\"", 1)];
        assert_eq!(read_counts(answer), want.map(|(table, rows)| (table.to_owned(), rows)));
    }
}
