//! The wipe itself: one transaction, and what clears its way.

use serde_json::json;

use super::identity::Identity;
use crate::engine::postgres::catalog::inventory::Table;
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::literal;
use crate::engine::postgres::client::session::{DURABLE, NEUTRAL};
use crate::plan::{Act, Deed, How};

/// What a wipe of one database empties, and what it must keep.
#[derive(Debug, Clone)]
pub struct Wipe<'a> {
    /// The database that was looked at.
    pub database: Identity<'a>,
    /// Every table that is emptied, with the rows that were counted in it.
    pub emptied: Vec<&'a Table>,
    /// Those of them that TRUNCATE names: partitions and children are included.
    pub named: Vec<&'a str>,
    /// Tables that must keep their rows.
    pub kept: Vec<&'a str>,
    /// Materialised views to refresh, each after those it reads.
    pub views: Vec<&'a str>,
    /// The database has no PL/pgSQL: the wipe's transaction creates it temporarily.
    pub lacks_plpgsql: bool,
}

/// Fails if rows were added or removed since they were counted: you confirmed those that were
/// shown, and a backup made since then may lack others.
const UNCHANGED: &str = "DO $unchanged$
DECLARE
  t record;
  n bigint;
BEGIN
  FOR t IN SELECT key AS name, value::bigint AS rows FROM \
                         jsonb_each_text(current_setting('dbtasks.emptied')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    IF n <> t.rows THEN
      RAISE EXCEPTION '% had % row(s) when they were counted and has % now: somebody writes to \
                         it', t.name, t.rows, n;
    END IF;
  END LOOP;
END $unchanged$;
";

/// Counts what is kept.
const BEFORE: &str = "DO $before$
DECLARE
  t record;
  n bigint;
  found jsonb := '{}';
BEGIN
  FOR t IN SELECT value AS name FROM \
                      jsonb_array_elements_text(current_setting('dbtasks.kept')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    found := found || jsonb_build_object(t.name, n);
  END LOOP;
  PERFORM set_config('dbtasks.kept', found::text, true);
END $before$;
";

/// Fails if a row is left, or if a kept table has lost one.
const AFTER: &str = "DO $after$
DECLARE
  t record;
  n bigint;
BEGIN
  FOR t IN SELECT key AS name FROM jsonb_each_text(current_setting('dbtasks.emptied')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    IF n > 0 THEN
      RAISE EXCEPTION '% still has % row(s)', t.name, n;
    END IF;
  END LOOP;
  FOR t IN SELECT key AS name, value::bigint AS rows FROM \
                     jsonb_each_text(current_setting('dbtasks.kept')::jsonb) LOOP
    EXECUTE 'SELECT count(*) FROM ONLY ' || t.name INTO n;
    IF n < t.rows THEN
      RAISE EXCEPTION '% is kept, had % row(s) and would have %', t.name, t.rows, n;
    END IF;
  END LOOP;
END $after$;
";

/// In a transaction that has locked them: fails if rows of these tables were added or removed since
/// they were counted.
pub(super) fn unchanged<'a>(counted: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> String {
    let counted: serde_json::Map<_, _> =
        counted.into_iter().map(|(name, rows)| (name.to_owned(), json!(rows))).collect();
    format!(
        "SELECT set_config('dbtasks.emptied', {}, true);\n{UNCHANGED}",
        literal(&json!(counted).to_string())
    )
}

/// Empties tables in one transaction, or none of them. Their triggers and views get their usual
/// search path.
///
/// The locks are taken before anything is read, so that the transaction's one snapshot shows what
/// it then changes (<https://www.postgresql.org/docs/current/sql-lock.html>). A second psql
/// terminates the sessions that hold one of them, and only those.
pub fn wipe(client: &Client, wipe: &Wipe<'_>) -> Act {
    let named = wipe.named.join(", ");
    let mut sql = format!(
        "\\set VERBOSITY terse\n{DURABLE}SET lock_timeout = '15s';\nSET statement_timeout = \
         0;\nSET row_security = off;\nBEGIN ISOLATION LEVEL REPEATABLE READ;\nLOCK TABLE {named} \
         IN ACCESS EXCLUSIVE MODE;\n{plpgsql}{assertion}{unchanged}SELECT \
         set_config('dbtasks.kept', {kept}, true);\n{BEFORE}RESET search_path;\nTRUNCATE TABLE \
         {named} RESTART IDENTITY;\n{NEUTRAL}{AFTER}RESET search_path;\n",
        assertion = wipe.database.assertion_within(client),
        unchanged = unchanged(wipe.emptied.iter().map(|table| (table.name.as_str(), table.rows))),
        kept = literal(&json!(wipe.kept).to_string()),
        plpgsql = if wipe.lacks_plpgsql {
            "CREATE EXTENSION plpgsql WITH SCHEMA pg_catalog;\n"
        } else {
            ""
        },
    );

    sql.extend(wipe.views.iter().map(|view| format!("REFRESH MATERIALIZED VIEW {view};\n")));
    sql.push_str(if wipe.lacks_plpgsql {
        "DROP EXTENSION plpgsql;\nCOMMIT;\n"
    } else {
        "COMMIT;\n"
    });

    let database = wipe.database.name;
    let tables = match wipe.emptied.len() {
        1 => "1 table".into(),
        n => format!("{n} tables"),
    };
    // the session that clears the way needs it, too
    let way = wipe.emptied.first().filter(|_| !wipe.lacks_plpgsql).map(|witness| {
        let other = Client { app_name: format!("{}/way", client.app_name), ..client.clone() };
        other.psql(database, make_way(witness, &client.app_name))
    });
    let how = How::Live(client.psql_on_their_path(database, &sql), way);

    Act::Remove(Deed { what: format!("every row of {tables} in {database}"), how })
}

/// Terminates the sessions that the wipe waits for, until a table has its new file, which it gets
/// with the wipe's commit. A session that still blocks it after twelve seconds is named; three
/// seconds later the wipe itself gives up.
fn make_way(witness: &Table, app_name: &str) -> String {
    format!(
        "\\set VERBOSITY terse\nDO $way$\nDECLARE\n  holders text;\nBEGIN\n  FOR i IN 1..1200 \
         LOOP\n    EXIT WHEN (SELECT relfilenode::bigint FROM pg_class WHERE oid = {oid}) IS \
         DISTINCT FROM {file};\n    PERFORM pg_stat_clear_snapshot();\n    BEGIN\n      PERFORM \
         pg_terminate_backend(h.pid) FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS \
         b(pid)\n        JOIN pg_stat_activity h ON h.pid = b.pid AND h.backend_type = 'client \
         backend' WHERE w.application_name = {app};\n    EXCEPTION WHEN insufficient_privilege \
         THEN NULL;\n    END;\n    PERFORM pg_sleep(0.01);\n  END LOOP;\n  PERFORM \
         pg_stat_clear_snapshot();\n  SELECT string_agg(format('%s of the role %s, pid %s, %s', \
         coalesce(nullif(h.application_name, ''), h.backend_type), h.usename, h.pid, h.state), '; \
         ') INTO holders\n    FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS b(pid) \
         JOIN pg_stat_activity h ON h.pid = b.pid WHERE w.application_name = {app};\n  IF holders \
         IS NOT NULL THEN\n    RAISE EXCEPTION 'a lock is held, and % may not terminate its \
         holder: %', current_user, holders;\n  END IF;\nEND $way$;\n",
        oid = witness.oid,
        file = witness.file,
        app = literal(app_name),
    )
}
