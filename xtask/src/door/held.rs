//! A command that answers and stays: it holds a lock or a snapshot until it is released.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ask::not_started;
use super::children::{own_group, prepared};
use super::interrupt::ASKED;
use crate::bytes;
use crate::cmd::{Cmd, readable};
use crate::config::Secrets;

/// How long a child may take to end, and how long we wait between two looks.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// A child that waits for more input; dropping this terminates it.
pub struct Held {
    handle: Arc<duct::Handle>,
    stdin: Option<PipeWriter>,
    said: BufReader<PipeReader>,
}

/// Starts a command with its own text as its first input, and waits for its first line. If it ends
/// before that, the inner error is what it said; a signal ends the wait.
pub fn hold(cmd: &Cmd, secrets: &Secrets) -> Result<Result<(Held, String), String>> {
    let mut held = Held::begin(cmd, secrets)?;
    match held.words()? {
        Some(line) => Ok(Ok((held, line))),
        None => Ok(Err(secrets.redact(&bytes::text(&held.ended()?.stderr)))),
    }
}

impl Held {
    /// Starts a command with its own text as its first input.
    pub(super) fn begin(cmd: &Cmd, secrets: &Secrets) -> Result<Self> {
        let (reader, stdin) = io::pipe()?;
        let (said, saying) = io::pipe()?;
        let expression =
            prepared(cmd, secrets).stdin_file(reader).stdout_file(saying).stderr_capture();
        // a Ctrl-C is for us to hear: what is held is kept until the clean-up is done
        let expression = own_group(expression);
        let handle = Arc::new(expression.start().map_err(|e| not_started(cmd, &e))?);

        // the expression kept its own ends of the pipes
        drop(expression);

        let mut held = Self { handle, stdin: Some(stdin), said: BufReader::new(said) };
        held.tell(cmd);

        Ok(held)
    }

    /// Sends a command's text. One that can't connect, or was terminated, closes its end: its own
    /// message comes later.
    pub(super) fn tell(&mut self, cmd: &Cmd) {
        let text = bytes::of(cmd.input.as_deref().unwrap_or_default());
        drop(self.stdin.as_mut().map(|stdin| stdin.write_all(&text)));
    }

    /// The next line that is not empty; none if it has ended.
    pub(super) fn words(&mut self) -> Result<Option<String>> {
        // the answer of a function without a result is an empty line
        while let Some(line) = self.line()? {
            let text = readable(&line);
            if !text.trim().is_empty() {
                return Ok(Some(text.trim_end().to_owned()));
            }
        }
        Ok(None)
    }

    /// The next line as it is; none if it has ended.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let got = ASKED.waiting_for(&self.handle, || self.said.read_until(b'\n', &mut line))?;
        Ok((got > 0).then_some(line))
    }

    /// How it ended.
    pub(super) fn ended(&self) -> Result<&Output> {
        ASKED.waiting_for(&self.handle, || self.handle.wait())
    }

    /// Releases it by these words, and tells whether it was held until now: a terminated session
    /// holds nothing, and one whose server no longer answers can't be trusted to.
    pub fn was_held(mut self, words: &str) -> bool {
        let said =
            self.stdin.as_mut().is_some_and(|stdin| stdin.write_all(words.as_bytes()).is_ok());
        drop(self.stdin.take());
        self.end();
        said && self.handle.wait().is_ok_and(|output| output.status.success())
    }

    /// Waits for its end, and kills it if its server does not answer.
    fn end(&self) {
        let begun = Instant::now();
        while matches!(self.handle.try_wait(), Ok(None)) {
            if begun.elapsed() >= PATIENCE {
                // it may have ended by now
                drop(self.handle.kill());
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // unless it was released, its server undoes what it did; it may have ended already
        drop(self.stdin.take());
        self.end();
    }
}
