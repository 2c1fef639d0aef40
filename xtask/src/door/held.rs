//! A command that is asked something and stays: what it holds (a lock, a snapshot) it holds until it is let go.

use std::io::{BufRead, BufReader, PipeWriter, Write};

use anyhow::Result;

use super::ask::not_started;
use super::interrupt::Asked;
use super::movers::prepared;
use crate::bytes;
use crate::cmd::{Cmd, readable};
use crate::config::Secrets;

/// A child that waits for more words; it is gone when this is dropped.
pub struct Held {
    handle: duct::Handle,
    stdin: Option<PipeWriter>,
}

/// Starts a command with its own text as its first words, and waits for the first line that it says. Where it ends before, the inner
/// error is what it said; a signal ends it as long as it has said nothing.
pub fn hold(cmd: &Cmd, secrets: &Secrets) -> Result<Result<(Held, String), String>> {
    let (reader, mut stdin) = std::io::pipe()?;
    let (said, saying) = std::io::pipe()?;
    let expression = prepared(cmd, secrets).stdin_file(reader).stdout_file(saying).stderr_capture();
    let asked = Asked::watched(expression.start().map_err(|e| not_started(cmd, &e))?);
    // the expression had ends of the pipes of its own
    drop(expression);
    // one that can't connect closes its end: its own words come later
    drop(stdin.write_all(&bytes::of(cmd.input.as_deref().unwrap_or_default())));

    let mut said = BufReader::new(said);
    let mut line = Vec::new();
    while said.read_until(b'\n', &mut line)? > 0 {
        let text = readable(&line);
        // the answer of a function without a result is an empty line
        if !text.trim().is_empty() {
            let handle = asked.unwatched()?;
            return Ok(Ok((Held { handle, stdin: Some(stdin) }, text.trim_end().to_owned())));
        }
        line.clear();
    }
    let output = asked.child().wait()?;
    asked.was_left_alone()?;
    Ok(Err(secrets.redact(&bytes::text(&output.stderr))))
}

impl Held {
    /// Lets it go, and tells whether it was held until now: a session that was ended holds nothing.
    pub fn was_held(mut self) -> bool {
        let said = self.stdin.as_mut().is_some_and(|stdin| stdin.write_all(b"COMMIT;\n").is_ok());
        drop(self.stdin.take());
        said && self.handle.wait().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // without a COMMIT, all of it is taken back; one that has ended already is no matter
        drop(self.stdin.take());
        drop(self.handle.wait());
    }
}
