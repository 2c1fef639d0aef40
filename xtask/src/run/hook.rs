//! Runs a hook: its output is passed on as it comes, and it has a timeout.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Journal;
use super::child::{self, Child};
use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::door::children::{Input, Outlet};
use crate::human::bytes;
use crate::plan::Hook;
use crate::problem::{Code, Problem};

/// How long a hook has to end by itself after it is told to.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to check whether a hook was stopped.
const GLANCE: Duration = Duration::from_millis(300);
/// How long to wait for the last output of a hook that has ended.
pub(super) const LINGER: Duration = Duration::from_millis(250);
/// How often to try to terminate what a hook started in a container.
const LOOKS: u32 = 4;
/// Lines that an error shows.
const LAST: usize = 12;
/// How many bytes of a line are kept: a migrator shows a statement, and a program may print
/// anything.
const LINE: usize = 16 * 1024;
/// How long a secret may be.
const LONGEST_SECRET: usize = 8 * 1024;
/// How many lines are read ahead.
const AHEAD: usize = 64;

/// Runs a hook until it ends or times out.
pub fn run(
    what: &str,
    hook: &Hook,
    secrets: &Secrets,
    interrupt: &Interrupt,
    journal: &mut Journal,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    let child = begin(hook, writer, secrets, interrupt, journal)?;

    let mut last = VecDeque::new();
    let followed = follow(&child, &lines(reader), hook.timeout, interrupt, &mut |line| {
        let line = line.shown(secrets);
        say(&line);
        last.push_back(line);
        if last.len() > LAST {
            last.pop_front();
        }
    });

    let said = last.make_contiguous().join("\n");

    if followed.is_err() {
        // there first, so that its last output still comes; the check after the client's end counts
        hook.end.iter().for_each(|end| drop(end_inside(end)));
        child.end_group(PATIENCE);
    }

    let ended = followed.and_then(|()| child.wait().map(drop));
    // a client that failed may have left it running
    let inside = hook.end.iter().filter(|_| ended.is_err()).try_for_each(end_inside);
    let alive = inside.as_ref().err().map_or(String::new(), ToString::to_string);

    let ended = ended.map_err(|e| failed(e, what, &[said, alive]));

    journal.hook(None)?;
    if inside.is_ok() {
        hook.end.iter().try_for_each(|end| journal.has_ended_inside(end))?;
    }

    ended
}

/// Starts a hook, which is in the journal before it begins: otherwise nobody could find and
/// terminate it.
fn begin(
    hook: &Hook,
    writer: PipeWriter,
    secrets: &Secrets,
    interrupt: &Interrupt,
    journal: &mut Journal,
) -> Result<Child> {
    hook.end.iter().try_for_each(|end| journal.begins_inside(end))?;

    let started = child::start(&hook.cmd, Input::Text, Outlet::Both(writer), secrets, interrupt);
    if started.is_err() {
        hook.end.iter().try_for_each(|end| journal.has_ended_inside(end))?;
    }

    let child = started?;
    journal.hook(child.process())?;

    Ok(child)
}

/// What it said last, and whether it may still be running.
fn failed(error: anyhow::Error, what: &str, happened: &[String]) -> anyhow::Error {
    let problem = match error.downcast::<Problem>() {
        Ok(problem) => problem,
        Err(e) => return e,
    };
    let how = match problem.ended {
        Some(ended) => format!("it ended with {ended}"),
        None => problem.tried.clone(),
    };

    problem
        .told_as(format!("{what} failed: {how}"))
        .code(Code::HookFailed)
        .because(happened.join("\n"))
        .cure("see its output above; `--dry-run --verbose` shows how to run it by hand")
        .into()
}

/// Terminates what a hook started in a container. If the container itself is gone or stopped, so is
/// everything in it.
///
/// # Errors
/// It is still running there, or that is not known.
pub fn end_inside(end: &Cmd) -> Result<()> {
    let mut looks = 1;
    loop {
        let ended = look_inside(end);
        if ended.is_ok() || looks == LOOKS {
            return ended;
        }
        looks += 1;
        std::thread::sleep(GLANCE);
    }
}

/// One try. In a container that is stopping, our command may be killed silently, too: so the next
/// try tells.
fn look_inside(end: &Cmd) -> Result<()> {
    // a signal is a reason to terminate it, not to give up
    let Err(e) = child::command(end, &Secrets::default(), &Interrupt::default()) else {
        return Ok(());
    };
    let said = e.to_string().to_lowercase();
    let gone = ["no such container", "is not running", "is restarting", "container state improper"];

    if gone.iter().any(|words| said.contains(words)) {
        return Ok(());
    }

    let why =
        e.downcast::<Problem>().map_or_else(|e| vec![e.to_string()], |problem| problem.happened);

    Err(Problem::failed(
        "a hook could not be terminated in its container, and may still be running there",
    )
    .code(Code::HookFailed)
    .because(why.join("\n"))
    .cure("terminate it there, or stop the container; then run `db-repair`")
    .into())
}

/// Passes lines on until there are no more, it times out, or a signal comes. A program that leaves
/// a child behind leaves it the pipe, too: so it is over when the program itself has ended and
/// nothing has come for a while.
fn follow(
    child: &Child,
    lines: &Receiver<Line>,
    timeout: u64,
    interrupt: &Interrupt,
    say: &mut dyn FnMut(&Line),
) -> Result<()> {
    let begun = Instant::now();
    let mut looked = begun;

    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => say(&line),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) if child.has_ended() => {
                // on a busy machine its last output may come after its end
                while let Ok(line) = lines.recv_timeout(LINGER) {
                    say(&line);
                }
                return Ok(());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }

        if interrupt.strikes() {
            return Err(Problem::failed("it was terminated because a signal came")
                .code(Code::HookFailed)
                .into());
        }

        if looked.elapsed() >= GLANCE {
            looked = Instant::now();
            if child.asks_at_terminal() {
                return Err(asked().into());
            }
        }

        if begun.elapsed() >= Duration::from_secs(timeout) {
            return Err(Problem::failed(format!(
                "the hook timed out after {timeout} s and was terminated"
            ))
            .code(Code::HookFailed)
            .into());
        }
    }
}

fn asked() -> Problem {
    Problem::failed(
        "it asked a question at the terminal, which a hook can't do, and was terminated",
    )
    .code(Code::HookFailed)
    .because(
        "provide what it asks for beforehand: a password in a variable or a file (PGPASSWORD, \
         ~/.pgpass), `sudo -n`, an ssh agent",
    )
}

/// A line of a program, as much of it as is kept.
pub(super) struct Line {
    text: String,
    /// Bytes that are not.
    left_out: u64,
}

impl Line {
    /// As it may be shown. What was cut off may be the rest of a secret, so the end is removed,
    /// too, after all complete secrets are.
    pub(super) fn shown(&self, secrets: &Secrets) -> String {
        let text = secrets.redact_hook(&self.text);
        if self.left_out == 0 {
            return text;
        }
        let end = text.len().saturating_sub(LONGEST_SECRET);
        let end = (0..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        format!("{} [... {} more]", &text[..end], bytes(self.left_out + (text.len() - end) as u64))
    }
}

/// Lines as they come, read by a separate thread: a program may leave a child behind that holds the
/// pipe. It reads no faster than its listener, and does not keep endless lines.
pub(super) fn lines(reader: PipeReader) -> Receiver<Line> {
    let (send, lines) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        while let Ok(Some(line)) = next(&mut reader) {
            // nobody listens any more once the hook is abandoned
            if send.send(line).is_err() {
                return;
            }
        }
    });

    lines
}

/// The next line; none at the end.
fn next(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut kept = Vec::new();
    let most = (LINE + LONGEST_SECRET) as u64;
    if reader.by_ref().take(most).read_until(b'\n', &mut kept)? == 0 {
        return Ok(None);
    }

    let is_whole = kept.ends_with(b"\n") || (kept.len() as u64) < most;
    let left_out = if is_whole { 0 } else { skip_line(reader)? };

    Ok(Some(Line {
        text: String::from_utf8_lossy(&kept).trim_end_matches(['\n', '\r']).to_owned(),
        left_out,
    }))
}

/// Reads to the end of a line, and returns its length.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;

    loop {
        let chunk = reader.fill_buf()?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (read, text) = end.map_or((chunk.len(), chunk.len()), |at| (at + 1, at));
        reader.consume(read);
        skipped += text as u64;
        if end.is_some() || read == 0 {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests;
