//! What shows that a hook worked in the right database: tables in the new one, and an unchanged
//! live one.

use crate::engine::postgres::catalog::contents;
use crate::engine::postgres::client::name::{ident, literal};
use crate::engine::postgres::client::{Client, sql};
use crate::plan::{Act, Check, Deed, How};

/// A value that changes when somebody changes the database's schema or its rows. The counters
/// include all sessions that have ended or are idle
/// (<https://www.postgresql.org/docs/current/monitoring-stats.html>); a TRUNCATE gives its table
/// another file.
const STATE: &str = sql::part(include_str!("witness.sql"));

/// Makes sure that a hook created tables in the database.
pub fn has_tables(client: &Client, database: &str, cure: String) -> Act {
    Act::Check(Check {
        what: format!("database {database} has tables now, as the old one had"),
        cmd: client.psql(database, contents::has_tables()),
        expect: "t".into(),
        cure,
    })
}

/// Stores the state of the live database, before hooks run next to it, in the comment of the staged
/// one: nobody uses that one yet, and the swap replaces its comment.
pub fn remember(client: &Client, live: &str, staged: &str) -> Act {
    let sql = format!(
        "SELECT {STATE} AS db_tasks_state \\gset\nCOMMENT ON DATABASE {} IS :'db_tasks_state';\n",
        ident(staged)
    );
    Act::Write(Deed {
        what: format!("note the state of {live}, to compare it afterwards"),
        how: How::Command(client.psql(live, sql)),
    })
}

/// Makes sure that the live database is as it was noted.
pub fn unchanged(client: &Client, live: &str, staged: &str, cure: String) -> Act {
    let kept = format!(
        "(SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database \
         WHERE datname = {})",
        literal(staged)
    );

    Act::Check(Check {
        what: format!("database {live} is as it was before the hooks ran next to it"),
        cmd: client.psql(live, format!("SELECT {STATE} IS NOT DISTINCT FROM {kept};\n")),
        expect: "t".into(),
        cure,
    })
}
