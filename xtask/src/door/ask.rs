//! The door that asks: commands that only read, through xshell. Nothing here changes the world.

use std::io::Read;
use std::process::Output;
use std::time::Duration;

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
    /// Whether psql lost a session that it had (its manual, "Exit Status"): where it got none, it says so by its own name.
    fn was_cut_off(&self) -> bool {
        self.code == Some(2) && !self.err.lines().any(|line| line.starts_with("psql: "))
    }

    fn of(output: &Output, secrets: &Secrets) -> Self {
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

/// How often a question is asked again that was cut off, and how long it waits before.
const CUT_OFF: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// The same for a question to a server: another run's swap ends the sessions that are in its way, those that only look included.
///
/// # Errors
/// psql can't be started.
pub fn ask_server(cmd: &Cmd, secrets: &Secrets) -> Result<Answer> {
    let mut answer = ask(cmd, secrets)?;
    for _ in 0..CUT_OFF {
        if !answer.was_cut_off() {
            break;
        }
        std::thread::sleep(PAUSE);
        answer = ask(cmd, secrets)?;
    }
    Ok(answer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_was_lost_is_told_from_none() {
        let of = |code, err: &str| Answer { good: false, code: Some(code), out: String::new(), err: err.into() }.was_cut_off();
        assert!(of(2, "FATAL:  terminating connection due to administrator command\nconnection to server was lost\n"));
        assert!(of(2, "FEHLER:  Verbindung wird abgebrochen\n"));
        assert!(!of(2, "psql: error: connection to server at \"localhost\", port 1 failed: Connection refused\n"));
        assert!(!of(2, "psql: FATAL:  the database system is starting up\n"), "psql 11");
        assert!(!of(3, "ERROR:  permission denied\n"));
    }

    #[test]
    #[cfg(unix)]
    fn a_question_that_was_cut_off_is_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let asked = |times: u32| {
            let line = format!(
                "echo x >>said; [ $(wc -l <said) -gt {times} ] || {{ echo 'FATAL:  terminating' >&2; exit 2; }}; echo answer"
            );
            drop(std::fs::remove_file(dir.path().join("said")));
            let line = format!("cd '{}'; {line}", dir.path().display());
            ask_server(&Cmd::new("sh").args(["-c", &line]), &Secrets::default()).unwrap()
        };
        assert_eq!(asked(2).out, "answer\n");
        assert!(!asked(10).good, "not for ever");
    }
}
