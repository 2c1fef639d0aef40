//! The parts of a dump that a loader role can't do: the role that made it does them once everything
//! is loaded and verified. None of the file's own code runs then (see [`Spare::Handover`]); what
//! might run it, event triggers, comes last.

use std::io::Write;

use anyhow::Result;

use super::child;
use super::key::new_key;
use crate::bytes;
use crate::config::Secrets;
use crate::disk::wide_pipe;
use crate::door::Interrupt;
use crate::door::children::{Input, Outlet};
use crate::engine::postgres::change::loader::NOT_ITS_OWN;
use crate::engine::postgres::client::failed_load;
use crate::engine::postgres::client::warnings::Warnings;
use crate::plan::{Fence, Handover};
use crate::problem::Problem;
use crate::value::Spare;

/// How much of it is kept in memory: owners, rights and comments are a small part of any dump.
const ROOM: usize = 256 << 20;

/// The statements, as the dump has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Later {
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Later {
    /// Keeps a statement, if it is one of these.
    pub(super) fn keep(&mut self, what: Spare, statement: &[u8]) -> Result<()> {
        let (first, last) = match what {
            Spare::Handover => (true, false),
            Spare::Last => (false, true),
            Spare::Reading => (true, true),
            _ => (false, false),
        };

        for (text, wanted) in [(&mut self.first, first), (&mut self.last, last)] {
            if wanted {
                text.extend_from_slice(statement);
                text.push(b'\n');
            }
        }

        if self.first.len() + self.last.len() <= ROOM {
            return Ok(());
        }

        Err(Problem::failed(
            "the file has more owners, rights and comments than db-tasks keeps in memory",
        )
        .cure("if you trust its author, `--trust=role` loads it as the project's own role")
        .into())
    }

    /// Runs them; returns the server's warnings.
    pub(super) fn give(
        self,
        handover: &Handover,
        fence: Fence,
        secrets: &Secrets,
        interrupt: &Interrupt,
    ) -> Result<Warnings> {
        let (reader, mut stdin) = wide_pipe()?;
        let child =
            child::start(&handover.cmd, Input::Pipe(reader), Outlet::Kept, secrets, interrupt)?;
        let [shut, open] = fence.lines(&new_key());
        let [before, between, after] =
            [&handover.before, &handover.between, &handover.after].map(|words| bytes::of(words));

        let parts: [&[u8]; 9] = [
            &before,
            shut.as_bytes(),
            &self.first,
            open.as_bytes(),
            &between,
            shut.as_bytes(),
            &self.last,
            open.as_bytes(),
            &after,
        ];

        // a psql that died closes its end, and says why itself
        drop(parts.iter().try_for_each(|part| stdin.write_all(part)));
        drop(stdin);

        let (_, said) =
            child.wait_and_hear().map_err(|e| explained(failed_load::without_lines(e)))?;
        Ok(Warnings::read(&said))
    }
}

/// Our own role could not do it, except for what no loader role's file may contain.
fn explained(error: anyhow::Error) -> anyhow::Error {
    let is_not_its_own =
        |problem: &Problem| problem.happened.iter().any(|line| line.contains(NOT_ITS_OWN));
    if error.downcast_ref().is_some_and(is_not_its_own) {
        failed_load::by_a_loader(error)
    } else {
        error
    }
}
