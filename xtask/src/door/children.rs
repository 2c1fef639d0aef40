//! The door that moves data and changes things, through duct. Children never inherit our standard
//! output or input.

use std::io::{PipeReader, PipeWriter};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::ask::not_started;
use super::heard::Heard;
use super::{Interrupt, stopped};
use crate::bytes;
use crate::cmd::{Cmd, Ended, Value, readable, unshown};
use crate::config::{HIDDEN, Secrets};
use crate::problem::{Problem, Status};

/// What a child reads.
pub enum Input {
    /// The command's own text, or nothing.
    Text,
    /// A pipe.
    Pipe(PipeReader),
}

/// Where a child writes.
pub enum Outlet {
    /// Kept, for us to read at the end.
    Kept,
    /// A pipe.
    Pipe(PipeWriter),
    /// A pipe for both of its outputs, and a process group of its own: what it starts can be
    /// terminated with it.
    Both(PipeWriter),
}

/// A running child.
pub struct Child {
    handle: Arc<duct::Handle>,
    shown: String,
    secrets: Secrets,
    /// Values of its SQL that are never shown.
    unshown: Vec<String>,
    /// Its standard error, unless that is part of its output.
    err: Option<Heard>,
}

/// Starts a command.
pub fn start(
    cmd: &Cmd,
    input: Input,
    outlet: Outlet,
    secrets: &Secrets,
    interrupt: &Interrupt,
) -> Result<Child> {
    let mut expression = prepared(cmd, secrets);
    expression = match input {
        Input::Text => match &cmd.input {
            Some(text) => expression.stdin_bytes(bytes::of(text)),
            None => expression.stdin_null(),
        },
        Input::Pipe(reader) => expression.stdin_file(reader),
    };

    let is_grouped = matches!(outlet, Outlet::Both(_));
    let mut heard = None;
    let mut hear = |expression: duct::Expression| {
        let (reader, writer) = std::io::pipe()?;
        heard = Some(reader);
        Ok::<_, std::io::Error>(expression.stderr_file(writer))
    };

    expression = match outlet {
        Outlet::Kept => hear(expression)?.stdout_capture(),
        Outlet::Pipe(writer) => hear(expression)?.stdout_file(writer),
        Outlet::Both(writer) => expression.stderr_to_stdout().stdout_file(writer),
    };
    if is_grouped || interrupt.is_shielded() {
        expression = own_group(expression);
    }

    let handle = expression.start().map_err(|e| not_started(cmd, &e))?;
    // or its end would never come
    drop(expression);

    let err = heard.map(Heard::from);
    // who started a group ends it
    let handle = if is_grouped { Arc::new(handle) } else { interrupt.guard(handle) };
    let unshown = cmd.input.as_deref().map(unshown).unwrap_or_default();

    Ok(Child { handle, shown: without_variables(cmd), secrets: secrets.clone(), unshown, err })
}

impl Child {
    /// Terminates it with all that it started, which share a process group: SIGTERM first, SIGKILL
    /// after `patience`.
    pub fn end_group(&self, patience: Duration) {
        for pid in self.handle.pids() {
            end_group(pid, patience, || self.has_ended());
        }
        self.kill();
    }

    /// Its process, by which a later run can terminate it with all that it started.
    pub fn process(&self) -> Option<Process> {
        self.handle.pids().first().map(|pid| Process { pid: *pid, begun: begun(*pid) })
    }

    /// Whether the terminal stopped it, or something that it started: it asked a question there
    /// that nobody can answer.
    pub fn asks_at_terminal(&self) -> bool {
        self.handle.pids().into_iter().any(stopped::by_terminal)
    }

    /// Whether it ended by itself.
    pub fn has_ended(&self) -> bool {
        !matches!(self.handle.try_wait(), Ok(None))
    }

    /// Ends it at once.
    pub fn kill(&self) {
        // one that has ended already is no matter
        drop(self.handle.kill());
    }

    /// Waits for its end: what it answered, and what it said on standard error although it
    /// succeeded. If it ended badly, that is the inner error.
    ///
    /// # Errors
    /// Its end can't be waited for.
    pub fn wait(&self) -> Result<Result<(String, String), Ended>> {
        let output = self.handle.wait()?;
        let said = self.heard();
        if output.status.success() {
            return Ok(Ok((readable(&output.stdout), said)));
        }
        Ok(Err(Ended { shown: self.shown.clone(), status: status(output), said }))
    }

    /// What it said on standard error, without what is secret.
    fn heard(&self) -> String {
        let err = self.secrets.redact(&bytes::text(self.err.as_ref().map_or(&[], Heard::all)));
        self.unshown.iter().fold(err, |err, value| err.replace(value, HIDDEN))
    }
}

/// A process that leads a group, and when it began: process ids are reused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, as the system counts it; unknown without `/proc`.
    pub begun: Option<String>,
}

impl Process {
    /// Terminates the group, if it is certainly the same one. While any process of a group lives,
    /// its id is not reused.
    pub fn end(&self) {
        let now = begun(self.pid);
        if self.begun.is_some() && (now.is_none() || now == self.begun) {
            end_group(self.pid, Duration::from_secs(5), || begun(self.pid).is_none());
        }
    }
}

/// The 22nd field of `/proc/PID/stat` (proc_pid_stat(5)); the second one, in parentheses, may hold
/// spaces.
fn begun(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(String::from)
}

#[cfg(unix)]
fn end_group(pid: u32, patience: Duration, ended: impl Fn() -> bool) {
    use std::time::Instant;

    use rustix::process::{Pid, Signal, kill_process_group};

    let Some(group) = Pid::from_raw(pid.cast_signed()) else { return };
    // the group may have ended already
    let _ = kill_process_group(group, Signal::TERM);
    // a stopped process gets no signal before it continues
    let _ = kill_process_group(group, Signal::CONT);
    let asked = Instant::now();

    while asked.elapsed() < patience && !ended() {
        std::thread::sleep(Duration::from_millis(20));
    }

    let _ = kill_process_group(group, Signal::KILL);
}

#[cfg(not(unix))]
fn end_group(_pid: u32, _patience: Duration, _ended: impl Fn() -> bool) {}

/// Whether a child was killed, most likely by us.
pub fn was_killed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.ended == Some(Status::Signal))
}

/// Gives our own terminal to a command (`db-shell`) and waits; `None` if a signal ended it. A
/// command with a text to read, even an empty one, does not get our standard input: in a script's
/// loop, that belongs to the script.
pub fn hand_over(cmd: &Cmd, secrets: &Secrets, interrupt: &Interrupt) -> Result<Option<i32>> {
    let mut expression = prepared(cmd, secrets);
    if let Some(text) = &cmd.input {
        expression = expression.stdin_bytes(bytes::of(text));
    }
    let child = interrupt.guard_at_terminal(expression.start().map_err(|e| not_started(cmd, &e))?);
    Ok(child.wait()?.status.code())
}

/// The program with its arguments and its environment.
pub(super) fn prepared(cmd: &Cmd, secrets: &Secrets) -> duct::Expression {
    let args = cmd.args.iter().map(|arg| secrets.word(arg));
    let expression = duct::cmd(secrets.word(&cmd.program), args).unchecked();
    let expression = cmd.dir.iter().fold(expression, |expression, dir| expression.dir(dir));
    let expression =
        cmd.not_inherited().fold(expression, |expression, name| expression.env_remove(name));

    cmd.env.iter().fold(expression, |expression, (name, value)| match value {
        Value::Plain(text) => expression.env(name, text),
        Value::Secret(secret) => expression.env(name, secrets.reveal(secret).unwrap_or_default()),
    })
}

/// A process group of its own: a Ctrl-C at our terminal goes to our own group, and does not reach
/// it.
#[cfg(unix)]
pub(super) fn own_group(expression: duct::Expression) -> duct::Expression {
    use std::os::unix::process::CommandExt as _;
    expression.before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

#[cfg(not(unix))]
pub(super) fn own_group(expression: duct::Expression) -> duct::Expression {
    expression
}

fn status(output: &std::process::Output) -> Status {
    output.status.code().map_or(Status::Signal, Status::Code)
}

/// An error is short: the variables are in the dry run.
fn without_variables(cmd: &Cmd) -> String {
    Cmd { env: Vec::new(), ..cmd.clone() }.to_string()
}
