//! Subscriptions of logical replication: they belong to a database, not to its name, and one that
//! has some can't be dropped (<https://www.postgresql.org/docs/current/sql-dropsubscription.html>).

use super::command::command;
use crate::engine::postgres::catalog::marks::{INVALID, is_aside};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::{connect, literal};
use crate::engine::postgres::client::session::DURABLE;
use crate::engine::postgres::client::sql;
use crate::plan::Act;

/// The statements that drop all of the database's subscriptions, and leave the publishers' slots
/// alone: only then they need no publisher, and may be in a transaction.
pub(super) const DROPS: &str = sql::part(include_str!("subscriptions.sql"));

/// Connects to a database with subscriptions, and drops them. One whose DROP was interrupted can't
/// be opened, and has lost them.
pub(super) fn detached(client: &Client, name: &str) -> String {
    let has = format!("datname = {} AND datconnlimit <> {INVALID}", literal(name));
    let there =
        format!("{}{DURABLE}{DROPS} \\gexec\n{}", connect(name), connect(client.maintenance()));
    format!("{}{DURABLE}", where_there_is_one(&has, &there))
}

/// Disables those of a database that was live and is kept: they would continue under its new name,
/// while a dump brings them disabled. It does nothing if there is none, so it may run twice, or
/// late.
pub fn disabled(client: &Client, name: &str) -> Act {
    let kept = is_aside("d.oid");
    let enter = format!(
        "{}{DURABLE}SELECT format('ALTER SUBSCRIPTION %I DISABLE', subname) FROM pg_subscription \
         s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database() AND \
         subenabled \\gexec\n",
        connect(name)
    );

    let sql = where_there_is_one(
        &format!("datname = {} AND subenabled AND {kept}", literal(name)),
        &enter,
    );
    Act::Write(command(client, format!("subscriptions of {name} as disabled"), sql))
}

fn where_there_is_one(condition: &str, then: &str) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
         WHERE {condition}) AS db_tasks_subscribes \\gset\n\\if \
         :db_tasks_subscribes\n{then}\\endif\n"
    )
}
