//! The statements around a dump that is loaded: how its transaction begins, goes on and ends.

use crate::engine::postgres::client::failed_load::ENDED;
use crate::engine::postgres::client::session::{NEUTRAL, PATIENT};
use crate::engine::postgres::client::version::Version;

/// Comes before the counts in psql's answer to a load. A load adds its key to each of these marks:
/// no dump can print them.
pub const COUNTS: &str = "-- db-tasks counts";

/// Comes after them if they are wanted before COMMIT.
pub const COUNTED: &str = "-- db-tasks has counted";

/// What psql prints when the transaction of a load has begun.
pub const BEGUN: &str = "-- db-tasks begins";

/// The statements of a load, its marks with its key.
pub fn keyed(words: &str, key: &str) -> String {
    [BEGUN, COUNTS, COUNTED]
        .iter()
        .fold(words.to_owned(), |words, mark| words.replace(mark, &format!("{mark} {key}")))
}

/// The statements of a load with names as the dump writes them: rows are compared by name.
pub fn counted_as_dumped(words: &str, encoding: Option<&str>) -> String {
    let Some(encoding) = encoding.filter(|name| !["utf8", "unicode"].contains(name)) else {
        return words.to_owned();
    };
    let mark = format!("\\echo '{COUNTS}'\n");
    words.replace(&mark, &format!("SET client_encoding = {encoding};\n{mark}"))
}

/// Keeps the id of the transaction that has begun.
/// <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>
pub fn begun(server: Version) -> String {
    format!(
        "SELECT pg_catalog.{}()::pg_catalog.text AS db_tasks_began \\gset\n",
        transaction(server)
    )
}

/// The first statements after a dump: nothing that it set or created affects what follows, and the
/// transaction is still the original one, or the load has failed.
pub fn ended(server: Version) -> String {
    format!(
        "{SETTLED}RESET SESSION AUTHORIZATION;\nRESET ALL;\n{NEUTRAL}{PLAIN}{PATIENT}{}",
        still_ours(server)
    )
}

/// Sent between two pieces of a dump, whatever it has set or created so far: its settings count for
/// the next piece, too.
pub fn between(server: Version) -> String {
    format!("{}COMMIT;\nBEGIN;\n{}", still_ours(server), begun(server))
}

/// The transaction is still the original one, or the load has failed.
fn still_ours(server: Version) -> String {
    format!(
        "SELECT pg_catalog.{}()::pg_catalog.text OPERATOR(pg_catalog.=) :'db_tasks_began' AS \
         db_tasks_same \\gset\n\\if :db_tasks_same\n\\else\nDO $ended$ BEGIN\n  RAISE EXCEPTION \
         '{ENDED}';\nEND $ended$;\n\\endif\n",
        transaction(server)
    )
}

/// What a dump deferred until COMMIT happens now, with its own settings: a trigger after the count
/// would make it wrong.
const SETTLED: &str = "SET CONSTRAINTS ALL IMMEDIATE;\n";

/// Names are returned as they are stored, whatever the database's settings: they are compared with
/// those of a dump.
const PLAIN: &str = "SET quote_all_identifiers = off;\n";

/// Held by the session that loads a dump; the one that helps with what follows waits for it.
pub const LOADING: &str = "SELECT pg_catalog.pg_advisory_lock(1684173683, 1);";

/// The end of [`LOADING`]: everything is committed.
pub const HAS_LOADED: &str =
    "SELECT pg_catalog.pg_advisory_unlock(1684173683, 1) AS db_tasks_let_go \\gset\n";

/// Waits for the end of [`LOADING`].
pub const LOADED: &str = LOADING;

/// Servers before 13 know it by another name.
fn transaction(server: Version) -> &'static str {
    if server.major() >= 13 { "pg_current_xact_id" } else { "txid_current" }
}
