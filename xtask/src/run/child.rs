//! The run's children: what a failed one said becomes a problem that a person can act on.

use std::ops::Deref;

use anyhow::Result;

use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::door::children::{self, Input, Outlet};
use crate::engine::postgres::client::said::explained;

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

impl Deref for Child {
    type Target = children::Child;

    fn deref(&self) -> &children::Child {
        &self.0
    }
}
