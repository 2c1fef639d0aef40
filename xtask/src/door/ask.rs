//! The door that asks: commands that only read, through xshell. Nothing here changes the world.

use std::io::Read;
use std::process::Output;

use anyhow::Result;

use super::movers;
use crate::bytes;
use crate::cmd::{Cmd, Value};
use crate::config::Secrets;
use crate::problem::Problem;

/// What a command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it ended well.
    pub good: bool,
    /// Its exit code, where it had one.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error, secrets left out.
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

/// A psql that can't connect may be gone before it was told its question. xshell takes that for its own failure and drops what
/// psql says of it; the next time psql is slower, or we are faster.
const ASKED_AGAIN: usize = 5;

/// Runs a command that only reads, and takes its answer.
///
/// # Errors
/// The program can't be started. A command that ends badly is an answer, too.
pub fn ask(cmd: &Cmd, secrets: &Secrets) -> Result<Answer> {
    let shell = xshell::Shell::new()?;
    let input = bytes::of(cmd.input.as_deref().unwrap_or_default());
    let mut command = shell.cmd(&cmd.program).args(&cmd.args).quiet().ignore_status().stdin(input);
    for name in cmd.not_inherited() {
        command = command.env_remove(name);
    }
    for (name, value) in &cmd.env {
        command = match value {
            Value::Plain(text) => command.env(name, text),
            Value::Secret(secret) => command.env(name, secrets.reveal(secret).unwrap_or_default()),
        };
    }
    let mut output = command.output();
    for _ in 0..ASKED_AGAIN {
        if !output.as_ref().is_err_and(|e| e.to_string().contains("failed to write to stdin")) {
            break;
        }
        output = command.output();
    }
    let output = output.map_err(|e| not_started(cmd, &e))?;
    Ok(Answer::of(&output, secrets))
}

/// The same for a command that reads bytes, as much of them as it wants.
///
/// # Errors
/// The program can't be started.
pub fn ask_fed(cmd: &Cmd, mut feed: impl Read + Send + 'static, secrets: &Secrets) -> Result<Answer> {
    let (reader, mut writer) = std::io::pipe()?;
    let command = movers::prepared(cmd, secrets).stdin_file(reader).stdout_capture().stderr_capture();
    let running = command.start().map_err(|e| not_started(cmd, &e))?;
    drop(command);
    // it ends early where the command has read enough, and where the bytes are damaged: what reads them whole says so
    let feeder = std::thread::spawn(move || drop(std::io::copy(&mut feed, &mut writer)));
    let output = running.wait()?;
    drop(feeder.join());
    Ok(Answer::of(output, secrets))
}

pub(super) fn not_started(cmd: &Cmd, error: &dyn std::fmt::Display) -> Problem {
    Problem::failed(format!("could not start `{}`", cmd.program)).because(error.to_string()).cure(install_hint(&cmd.program))
}

/// What to install for a program, by its name.
pub fn install_hint(program: &str) -> String {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    match name {
        "psql" | "pg_dump" => {
            "install the PostgreSQL client (Debian: `apt-get install postgresql-client`, macOS: `brew install libpq`, \
                               Windows: `choco install postgresql`), or name its folder in `programs`"
                .into()
        }
        "docker" | "podman" => "install docker or podman, or run where the containers are".into(),
        other => format!("install `{other}`, or put it on PATH"),
    }
}
