//! How many rows the tables of a database have.

use anyhow::Result;

use super::Surveyed;
use crate::config::Secrets;
use crate::door::ask::ask;
use crate::engine::postgres::catalog::counting::{Counts, count_all_rows, read_counts};
use crate::problem::{Code, Problem};

/// Counts them, all in one snapshot.
///
/// # Errors
/// A table can't be read.
pub fn count(found: &Surveyed, secrets: &Secrets) -> Result<Counts> {
    let answer = ask(&found.client.psql(found.name(), count_all_rows()), secrets)?;
    if answer.good {
        return Ok(read_counts(&answer.out));
    }

    Err(Problem::said(&answer.err, format!("the rows of `{}` could not be counted", found.name()))
        .code(Code::ProgramFailed)
        .into())
}
