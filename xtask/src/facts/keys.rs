//! The primary keys of a database's tables, for a dump with sorted rows.

use anyhow::{Result, ensure};

use super::Surveyed;
use crate::config::Secrets;
use crate::door::ask::ask;
use crate::engine::postgres::catalog::keys::{KEYS, keys};
use crate::problem::Problem;
use crate::value::TableKey;

/// Asks for them.
///
/// # Errors
/// The server does not answer, or not with keys.
pub fn look(database: &Surveyed, secrets: &Secrets) -> Result<Vec<TableKey>> {
    let client = &database.client;
    let answer = ask(&client.psql(client.database(), KEYS), secrets)?;
    ensure!(
        answer.good,
        Problem::failed(format!("could not read the primary keys of `{}`", database.name()))
            .because(answer.err)
            .cure("leave `backup.key-order` out, or see what the server says of it")
    );
    keys(&answer.out)
}
