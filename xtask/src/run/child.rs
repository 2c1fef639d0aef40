//! The run's children: what a failed one said becomes a problem that a person can act on.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::ops::Deref;

use anyhow::Result;

use crate::bytes;
use crate::cmd::{Cmd, readable};
use crate::config::Secrets;
use crate::disk::wide_pipe;
use crate::door::Interrupt;
use crate::door::children::{self, Input, Outlet};
use crate::engine::postgres::client::said::explained;
use crate::engine::postgres::client::{CONNECTED, GREETING};
use crate::problem::Problem;

/// A running child of the run.
pub struct Child(children::Child);

/// Starts a command.
pub fn start(
    cmd: &Cmd,
    input: Input,
    outlet: Outlet,
    secrets: &Secrets,
    interrupt: &Interrupt,
) -> Result<Child> {
    children::start(cmd, input, outlet, secrets, interrupt).map(Child)
}

/// Runs a command to its end and returns what it said.
pub fn command(cmd: &Cmd, secrets: &Secrets, interrupt: &Interrupt) -> Result<String> {
    start(cmd, Input::Text, Outlet::Kept, secrets, interrupt)?.wait()
}

impl Child {
    /// Waits for its end.
    ///
    /// # Errors
    /// It ended badly: with its last lines.
    pub fn wait(&self) -> Result<String> {
        self.wait_and_hear().map(|(out, _)| out)
    }

    /// The same, with what it said on standard error although it succeeded.
    ///
    /// # Errors
    /// It ended badly.
    pub fn wait_and_hear(&self) -> Result<(String, String)> {
        Ok(self.0.wait()?.map_err(|ended| explained(&ended))?)
    }
}

/// A psql that is connected, and does not know yet what to do.
pub struct Connected {
    child: Child,
    sql: Vec<u8>,
    stdin: PipeWriter,
    said: BufReader<PipeReader>,
}

impl Connected {
    /// Starts a command, and waits until it says that it is connected, if it is one that says so.
    ///
    /// # Errors
    /// It ended before that.
    pub fn start(cmd: &Cmd, secrets: &Secrets, interrupt: &Interrupt) -> Result<Self> {
        let input = cmd.input.as_deref().unwrap_or_default();
        let (greeting, sql) = match input.find(GREETING) {
            Some(at) => input.split_at(at + GREETING.len()),
            None => ("", input),
        };

        let (reader, mut stdin) = wide_pipe()?;
        let (said, saying) = std::io::pipe()?;
        let child = start(cmd, Input::Pipe(reader), Outlet::Pipe(saying), secrets, interrupt)?;

        // one that can't connect closes its end, and says why itself
        drop(stdin.write_all(greeting.as_bytes()));
        let mut this =
            Self { child, sql: bytes::of(sql).into_owned(), stdin, said: BufReader::new(said) };

        if greeting.is_empty() || this.is_connected()? {
            return Ok(this);
        }

        drop(this.stdin);
        this.child.wait()?;

        Err(Problem::failed(format!("`{}` ended before it was told what to do", cmd.program))
            .because("nothing was changed")
            .into())
    }

    fn is_connected(&mut self) -> Result<bool> {
        let mut line = Vec::new();
        while self.said.read_until(b'\n', &mut line)? > 0 {
            if readable(&line).trim_end() == CONNECTED {
                return Ok(true);
            }
            line.clear();
        }
        Ok(false)
    }

    /// Tells it what to do, and waits for its end: what it answered.
    ///
    /// # Errors
    /// It ended badly: with its last lines.
    pub fn told(mut self) -> Result<String> {
        // one that was terminated closes its end, and says why itself
        drop(self.stdin.write_all(&self.sql));
        drop(self.stdin);

        let mut answer = Vec::new();
        self.said.read_to_end(&mut answer)?;
        self.child.wait()?;

        Ok(readable(&answer))
    }
}

impl Deref for Child {
    type Target = children::Child;

    fn deref(&self) -> &children::Child {
        &self.0
    }
}
