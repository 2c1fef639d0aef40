//! A command to the maintenance database.

use crate::cmd::Cmd;
use crate::engine::postgres::client::session::DURABLE;
use crate::engine::postgres::client::{Client, GREETING};
use crate::plan::{Deed, How};

/// What it does, in words, and its SQL, whose COMMITs are on the disk when they return.
pub(super) fn command(client: &Client, what: String, sql: String) -> Deed {
    let sql = if sql.starts_with(DURABLE) { sql } else { format!("{DURABLE}{sql}") };
    Deed { what, how: How::Command(client.psql(client.maintenance(), sql)) }
}

/// A change of live data, and what clears its way.
pub(super) fn live(cmd: Cmd, way: Option<Cmd>) -> How {
    How::Live(connected(cmd), way)
}

/// The same command, which first says that it is connected: only then it is told what to do. A psql
/// that outlives its run is a session on the server by then, which a clean-up can terminate, or
/// never learns what it was for. What is done in a transaction says so after its `BEGIN`: a pooler
/// has no session of the server for it before.
pub(super) fn connected(cmd: Cmd) -> Cmd {
    let sql = cmd.input.clone().unwrap_or_default();
    if sql.contains(GREETING) { cmd } else { cmd.input(format!("{GREETING}{sql}")) }
}
