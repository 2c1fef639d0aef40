//! The door that asks: commands that only read, through xshell. Nothing here changes the world.

use std::io::{self, Read};
use std::process::{Output, Stdio};
use std::sync::Arc;

use anyhow::Result;
use shared_child::SharedChild;

use super::heard::Heard;
use super::interrupt::{ASKED, ASKED_ASIDE, Children};
use crate::bytes;
use crate::cmd::{Cmd, Value};
use crate::config::Secrets;
use crate::problem::{Code, Problem};

/// What a command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it ended well.
    pub good: bool,
    /// Its exit code, where it had one.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error, without secrets.
    pub err: String,
}

impl Answer {
    pub(super) fn of(output: &Output, secrets: &Secrets) -> Self {
        Self {
            good: output.status.success(),
            code: output.status.code(),
            out: bytes::text(&output.stdout),
            err: secrets.redact(&bytes::text(&output.stderr)),
        }
    }
}

/// Runs a command that only reads, and takes its answer.
///
/// # Errors
/// The program can't be started, or a signal ended it. A command that fails is an answer, too.
pub fn ask(cmd: &Cmd, secrets: &Secrets) -> Result<Answer> {
    answer_of(cmd, own_text(cmd), secrets, &ASKED)
}

/// The same for a question beside the work: no result rests on its answer, so none is incomplete
/// if a signal ends it.
///
/// # Errors
/// Those of [`ask`].
pub fn ask_aside(cmd: &Cmd, secrets: &Secrets) -> Result<Answer> {
    answer_of(cmd, own_text(cmd), secrets, &ASKED_ASIDE)
}

/// The same for a command that reads bytes, as much of them as it wants.
///
/// # Errors
/// The program can't be started, or a signal ended it.
pub fn ask_fed(cmd: &Cmd, feed: impl Read + Send + 'static, secrets: &Secrets) -> Result<Answer> {
    answer_of(cmd, feed, secrets, &ASKED)
}

fn own_text(cmd: &Cmd) -> io::Cursor<Vec<u8>> {
    io::Cursor::new(bytes::of(cmd.input.as_deref().unwrap_or_default()).into_owned())
}

fn answer_of(
    cmd: &Cmd,
    mut feed: impl Read + Send + 'static,
    secrets: &Secrets,
    asked: &Children,
) -> Result<Answer> {
    let child = Arc::new(start(cmd, secrets).map_err(|e| not_started(cmd, &e))?);

    // it ends early if the command has read enough or can't connect, or if the bytes are damaged:
    // whoever reads all of them reports that
    let feeder = child
        .take_stdin()
        .map(|mut stdin| std::thread::spawn(move || drop(io::copy(&mut feed, &mut stdin))));
    let said = child.take_stdout().map(|stdout| std::thread::spawn(move || read_whole(stdout)));
    let err = child.take_stderr().map(Heard::from);

    // its own children may keep its pipes open, and nobody waits for those after a signal
    let status = asked.waiting_for(&child, || child.wait())?;
    let stdout = said.map_or(Ok(Vec::new()), |said| {
        said.join().unwrap_or_else(|_| Err(io::Error::other("unread")))
    })?;
    feeder.into_iter().for_each(|feeder| drop(feeder.join()));

    let stderr = err.as_ref().map_or(&[][..], Heard::all).to_vec();
    Ok(Answer::of(&Output { status, stdout, stderr }, secrets))
}

fn start(cmd: &Cmd, secrets: &Secrets) -> io::Result<SharedChild> {
    let shell = xshell::Shell::new().map_err(io::Error::other)?;
    cmd.dir.iter().for_each(|dir| shell.change_dir(dir));

    let command =
        shell.cmd(secrets.word(&cmd.program)).args(cmd.args.iter().map(|arg| secrets.word(arg)));
    let command = cmd.not_inherited().fold(command, |command, name| command.env_remove(name));
    let command = cmd.env.iter().fold(command, |command, (name, value)| match value {
        Value::Plain(text) => command.env(name, text),
        Value::Secret(secret) => command.env(name, secrets.reveal(secret).unwrap_or_default()),
    });

    let mut command = command.into();
    SharedChild::spawn(piped(&mut command))
}

fn read_whole(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn piped(command: &mut std::process::Command) -> &mut std::process::Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

pub(super) fn not_started(cmd: &Cmd, error: &dyn std::fmt::Display) -> Problem {
    Problem::failed(format!("could not start `{}`", cmd.program))
        .code(Code::ProgramMissing)
        .because(error.to_string())
        .cure(install_hint(&cmd.program))
}

/// What to install for a program, by its name.
pub fn install_hint(program: &str) -> String {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    match name {
        "psql" | "pg_dump" => "install the PostgreSQL client (Debian: `apt-get install \
                               postgresql-client`, macOS: `brew install libpq`, Windows: `choco \
                               install postgresql`), or name its folder in `programs`"
            .into(),
        "docker" | "podman" => "install docker or podman, or run where the containers are".into(),
        other => format!("install `{other}`, or put it on PATH"),
    }
}
