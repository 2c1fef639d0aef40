//! Unusual facts about a server or a database that change what may be done with it.

use serde::Deserialize;

use crate::engine::postgres::client::name::literal;
use crate::engine::postgres::client::sql;

/// As it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Sessions of this role are read-only here by default (`default_transaction_read_only`).
    pub read_only: bool,
    /// The startup options of this run's sessions did not arrive: a pooler in between drops them.
    pub unheard: bool,
    /// A hot standby: nothing can be changed (<https://www.postgresql.org/docs/current/hot-standby.html>).
    pub standby: bool,
    /// The server's tablespaces.
    pub tablespaces: Vec<String>,
    /// Unlogged tables of a standby, which does not have their rows.
    pub unlogged: Vec<String>,
    /// Not all databases of the server are in UTF-8.
    pub several_encodings: bool,
    /// User mappings of the database whose options (usually a password) this role may not read: a
    /// dump lacks those.
    pub mappings: Vec<String>,
    /// Event triggers of the database that run on every login: they run in this run's sessions,
    /// too.
    pub login_triggers: Vec<String>,
    /// Subscriptions of the database that are enabled: they belong to it, not to its name.
    pub subscriptions: Vec<String>,
}

impl Shape {
    /// Whether the server has only the default ones.
    pub fn has_no_tablespaces(&self) -> bool {
        !self.tablespaces.is_empty() && self.tablespaces.iter().all(|name| name.starts_with("pg_"))
    }

    /// Whether the server lacks this one.
    pub fn lacks(&self, tablespace: &str) -> bool {
        !self.tablespaces.is_empty() && !self.tablespaces.iter().any(|name| name == tablespace)
    }
}

/// Asks for it, about the database of this name. `reset_val` is the session's value before we set
/// anything.
pub fn question(database: &str) -> String {
    sql::filled(QUESTION, &[("name", &literal(database))])
}

const QUESTION: &str = sql::part(include_str!("shape.sql"));
