//! Stores next to PostgreSQL: what this process itself reads, makes and changes. Each kind has one
//! file with a type that is a [`ReadStore`] and a [`WriteStore`]; an
//! [`Address`](crate::value::Address) is how a plan names one. Everybody may open one to read it;
//! only `run` can open one to change it.

use std::io::{Read, Write};

use anyhow::Result;

use crate::problem::{Code, Problem};
use crate::stream::Method;
use crate::value::{Change, Contents, Holding, Trust};

/// Gets the bytes of content so far.
pub type Tell<'a> = &'a mut dyn FnMut(u64);

/// A store that can be read.
pub trait ReadStore {
    /// What is there now. Changes nothing.
    fn look(&mut self) -> Result<Holding>;

    /// Writes all of it, and says what was written.
    fn dump(&mut self, out: &mut dyn Write, tell: Tell<'_>) -> Result<Contents>;
}

/// A store that can be changed, too. Only a cleared plan may do that, so only `run` has one.
pub trait WriteStore: ReadStore {
    /// Creates it from an artifact, next to the live one, and reads back the result.
    fn stage(
        &mut self,
        from: &mut dyn Read,
        trust: Trust,
        method: Method,
        tell: Tell<'_>,
    ) -> Result<Contents>;

    /// Changes it, and reports what you should know. Each of these may run twice, or late, after a
    /// killed run.
    fn change(&mut self, change: &Change) -> Result<Vec<String>>;
}

/// Before a wipe: you confirmed how much there was, and no more than that may go.
///
/// # Errors
/// There is more now. `what` and `unit` are for people: `Milvus`, `entities`.
pub fn holds_no_more(what: &str, unit: &str, confirmed: u64, now: u64) -> Result<()> {
    if now <= confirmed {
        return Ok(());
    }

    Err(Problem::refused(format!("{what} has changed since it was looked at"))
        .code(Code::ChangedMeanwhile)
        .because(format!(
            "it had {confirmed} {unit} and now has {now}; you confirmed the first number"
        ))
        .cure("stop what writes there (`stop-during`), and run the command again")
        .into())
}
