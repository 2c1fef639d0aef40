//! A command to the maintenance database.

use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::session::DURABLE;
use crate::plan::{Deed, How};

/// What it does, in words, and its SQL, whose COMMITs are on the disk when they return.
pub(super) fn command(client: &Client, what: String, sql: String) -> Deed {
    let sql = if sql.starts_with(DURABLE) { sql } else { format!("{DURABLE}{sql}") };
    Deed { what, how: How::Command(client.psql(client.maintenance(), sql)) }
}
