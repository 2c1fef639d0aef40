//! Whether a loader role can be created, and whether it could log in.

use serde::Deserialize;

use crate::engine::postgres::client::sql;

/// What the project's role may do.
#[derive(Deserialize)]
pub struct Rights {
    /// It is a superuser.
    pub superuser: bool,
    /// It may create roles.
    pub createrole: bool,
    /// Whether the server lets a new role log in with its password on our way; only a superuser can
    /// know.
    pub admits: Option<bool>,
}

/// The first rule of pg_hba.conf that fits a new role connecting as this session did
/// (<https://www.postgresql.org/docs/current/view-pg-hba-file-rules.html>). A function keeps the
/// answer in a setting, so that a missing right is not an error. Since 16 a file may include
/// others, and the order of their lines is separate.
pub const QUESTION: &str = sql::statements(include_str!("admission.sql"));
