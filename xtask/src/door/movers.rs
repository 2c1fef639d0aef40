//! The door that moves data and changes things, through duct. Children never inherit our standard output or input.

use std::io::PipeReader;
use std::io::PipeWriter;
use std::process::Output;
use std::sync::Arc;

use anyhow::Result;

use super::Interrupt;
use super::ask::not_started;
use crate::cmd::{Cmd, Value};
use crate::config::Secrets;
use crate::problem::Problem;

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
}

/// A running child.
pub struct Child {
    handle: Arc<duct::Handle>,
    shown: String,
    secrets: Secrets,
}

/// Starts a command.
pub fn start(cmd: &Cmd, input: Input, outlet: Outlet, secrets: &Secrets, interrupt: &Interrupt) -> Result<Child> {
    let mut expression = prepared(cmd, secrets).stderr_capture();
    expression = match input {
        Input::Text => match &cmd.input {
            Some(text) => expression.stdin_bytes(text.as_bytes()),
            None => expression.stdin_null(),
        },
        Input::Pipe(reader) => expression.stdin_file(reader),
    };
    expression = match outlet {
        Outlet::Kept => expression.stdout_capture(),
        Outlet::Pipe(writer) => expression.stdout_file(writer),
    };
    let handle = expression.start().map_err(|e| not_started(cmd, &e))?;
    Ok(Child { handle: interrupt.guard(handle), shown: without_variables(cmd), secrets: secrets.clone() })
}

impl Child {
    /// Ends it at once.
    pub fn kill(&self) {
        // one that has ended already is no matter
        drop(self.handle.kill());
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It ended badly: with its last lines.
    pub fn wait(&self) -> Result<String> {
        let output = self.handle.wait()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failure(output).into())
    }

    fn failure(&self, output: &Output) -> Problem {
        let err = self.secrets.redact(&String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = err.lines().filter(|l| !l.trim().is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(12)..].join("\n");
        let problem = Problem::failed(format!("`{}` ended with {}", shorten(&self.shown), status(output))).because(tail);
        let cure = crate::engine::postgres::cures::for_text(&err);
        problem.cure(cure.unwrap_or_else(|| "`db-doctor` looks for what is wrong with servers, roles and containers".into()))
    }
}

/// Whether a child ended because somebody killed it, most likely we ourselves.
pub fn was_killed(error: &anyhow::Error) -> bool {
    error.to_string().contains("ended with a signal")
}

/// Runs a command to its end and returns what it said.
pub fn command(cmd: &Cmd, secrets: &Secrets, interrupt: &Interrupt) -> Result<String> {
    start(cmd, Input::Text, Outlet::Kept, secrets, interrupt)?.wait()
}

/// Gives our own terminal to a command (`db-shell`) and waits; `None` where a signal ended it.
pub fn hand_over(cmd: &Cmd, secrets: &Secrets) -> Result<Option<i32>> {
    let mut expression = prepared(cmd, secrets);
    if let Some(text) = cmd.input.as_ref().filter(|text| !text.is_empty()) {
        expression = expression.stdin_bytes(text.as_bytes());
    }
    Ok(expression.run().map_err(|e| not_started(cmd, &e))?.status.code())
}

/// The program with its arguments and its environment.
fn prepared(cmd: &Cmd, secrets: &Secrets) -> duct::Expression {
    let expression = duct::cmd(&cmd.program, &cmd.args).unchecked();
    let expression = cmd.not_inherited().fold(expression, |expression, name| expression.env_remove(name));
    cmd.env.iter().fold(expression, |expression, (name, value)| match value {
        Value::Plain(text) => expression.env(name, text),
        Value::Secret(secret) => expression.env(name, secrets.reveal(secret).unwrap_or_default()),
    })
}

fn status(output: &Output) -> String {
    match output.status.code() {
        Some(code) => format!("exit code {code}"),
        None => "a signal".into(),
    }
}

/// An error is short: the variables are in the dry run.
fn without_variables(cmd: &Cmd) -> String {
    Cmd { env: Vec::new(), ..cmd.clone() }.to_string()
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 160 { text.to_owned() } else { text.chars().take(157).chain("...".chars()).collect() }
}
