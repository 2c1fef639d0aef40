//! The wipe itself: one transaction, and what clears its way.

use serde_json::json;

use super::command::live;
use super::identity::Identity;
use crate::engine::postgres::catalog::inventory::Table;
use crate::engine::postgres::client::name::{block, literal};
use crate::engine::postgres::client::session::{DURABLE, NEUTRAL};
use crate::engine::postgres::client::sql;
use crate::engine::postgres::client::{Client, GREETING};
use crate::plan::{Act, Deed};

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
const UNCHANGED: &str = sql::statements(include_str!("wiping/unchanged.sql"));

/// Counts what is kept.
const BEFORE: &str = sql::statements(include_str!("wiping/before.sql"));

/// Fails if a row is left, or if a kept table has lost one.
const AFTER: &str = sql::statements(include_str!("wiping/after.sql"));

/// In a transaction that has locked them: fails if rows of these tables were added or removed since
/// they were counted.
pub(super) fn unchanged<'a>(tables: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> String {
    counted(tables) + UNCHANGED
}

/// Its first statement, which says how many rows were counted.
pub(super) fn counted<'a>(tables: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> String {
    let tables: serde_json::Map<_, _> =
        tables.into_iter().map(|(name, rows)| (name.to_owned(), json!(rows))).collect();
    let tables = literal(&json!(tables).to_string());
    format!("SELECT set_config('dbtasks.emptied', {tables}, true);\n")
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
         0;\nSET row_security = off;\nBEGIN ISOLATION LEVEL REPEATABLE READ;\n{GREETING}LOCK TABLE {named} \
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
    let how = live(client.psql_on_their_path(database, &sql), way);

    Act::Remove(Deed { what: format!("every row of {tables} in {database}"), how })
}

/// Terminates the sessions that the wipe waits for, until a table has its new file, which it gets
/// with the wipe's commit, or the session that wipes is gone. A session that still blocks it after
/// twelve seconds is named; three seconds later the wipe itself gives up.
fn make_way(witness: &Table, app_name: &str) -> String {
    const BODY: &str = sql::statements(include_str!("wiping/make_way.sql"));
    let (oid, file) = (witness.oid.to_string(), witness.file.to_string());
    let body = sql::filled(BODY, &[("oid", &oid), ("file", &file), ("app", &literal(app_name))]);
    format!("\\set VERBOSITY terse\n{}", block("way", &body))
}
