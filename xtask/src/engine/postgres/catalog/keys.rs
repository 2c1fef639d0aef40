//! The primary keys of tables, by which a dump's rows are sorted.

use anyhow::{Context, Result};

use crate::engine::postgres::client::sql;
use crate::value::TableKey;

/// Asks for all of them.
pub const KEYS: &str = sql::statements(include_str!("keys.sql"));

/// The answer.
///
/// # Errors
/// It is not one.
pub fn keys(answer: &str) -> Result<Vec<TableKey>> {
    serde_json::from_str(answer.trim()).context("the primary keys could not be read")
}
