//! Runs a program of the project's own: its words are passed on as they come, its time is limited.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Journal;
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::door::movers::{self, Child, Input, Outlet};
use crate::plan::Hook;
use crate::problem::Problem;

/// How long a hook has to end by itself when it is told to.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines that an error shows.
const LAST: usize = 12;

/// Runs a hook to its end, or to the end of its time.
pub fn run(
    what: &str,
    hook: &Hook,
    secrets: &Secrets,
    interrupt: &Interrupt,
    journal: &mut Journal,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    let child = movers::start(&hook.cmd, Input::Text, Outlet::Both(writer), secrets, interrupt)?;
    journal.hook(child.process())?;
    let mut last = VecDeque::new();
    let ended = follow(&child, &lines(reader), hook.timeout, interrupt, &mut |line| {
        let line = secrets.redact(line);
        say(&line);
        last.push_back(line);
        if last.len() > LAST {
            last.pop_front();
        }
    });
    let said = last.make_contiguous().join("\n");
    let ended = ended.and_then(|()| child.wait().map(drop)).map_err(|e| match e.downcast::<Problem>() {
        Ok(problem) => {
            let tried = format!("{what} failed: {}", problem.tried);
            let problem = Problem { tried, ..problem.because(said) };
            problem.cure("look at what it says above; `--dry-run` shows how to run it by hand").into()
        }
        Err(e) => e,
    });
    journal.hook(None)?;
    ended
}

/// Passes lines on until there are no more, or the time is over, or a signal comes. A program that leaves a child behind leaves
/// it the pipe, too: so there are no more when the program itself has ended and nothing has come for a while.
fn follow(child: &Child, lines: &Receiver<String>, timeout: u64, interrupt: &Interrupt, say: &mut dyn FnMut(&str)) -> Result<()> {
    let begun = Instant::now();
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => say(&line),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) if child.has_ended() => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupt.strikes() {
            child.end_group(PATIENCE);
            return Ok(());
        }
        if begun.elapsed() >= Duration::from_secs(timeout) {
            child.end_group(PATIENCE);
            return Err(Problem::failed(format!("the hook was not done after {timeout} s, and was ended")).into());
        }
    }
}

/// Lines as they come, read by a thread of its own: a program may leave a child behind that holds the pipe.
fn lines(reader: PipeReader) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            // nobody listens any more when the hook was given up
            if send.send(text).is_err() {
                return;
            }
        }
    });
    lines
}
