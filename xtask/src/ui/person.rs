//! The person who runs a command, as a session knows them: told, shown, asked.

use std::rc::Rc;

use crate::config::Secrets;
use crate::gate::Ask;
use crate::plan::StepId;
use crate::run::{Listener, Logbook};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Every step.
    Steps,
    /// Only what goes wrong.
    Quiet,
    /// No steps, because they were shown before.
    Nothing,
}

/// Whom a session tells and asks; at work that is the [`Terminal`](super::terminal::Terminal).
pub trait Person: Ask + Listener {
    /// Says something.
    fn say(&mut self, text: &str);

    /// Says something that a quiet run leaves out.
    fn tell(&mut self, text: &str);

    /// Shows sentences, each line with the same prefix, in a style (an SGR code).
    fn tell_all(&mut self, begin: &str, style: &str, sentences: &[String]);

    /// Shows what is at stake.
    fn warn(&mut self, stakes: &[String]);

    /// The same before a question, with the steps you agree to: a quiet run shows them, too.
    fn warn_and_list(&mut self, stakes: &[String], steps: &[(StepId, String)]);

    /// Logs something that is not shown.
    fn note(&self, text: &str);

    /// From now on logs what is shown, and what a quiet run leaves out.
    fn keep(&mut self, log: Rc<Logbook>);

    /// What is never shown.
    fn hide(&mut self, secrets: &Secrets);

    /// Shows more, or less, from now on; returns the old setting.
    fn turn(&mut self, telling: Telling) -> Telling;
}
