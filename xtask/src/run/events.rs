//! What a run reports while it goes on. Progress for people, the steps of `--json` and the audit
//! log are listeners.

use std::time::Duration;

use super::{Found, Progress, Report};
use crate::plan::{Act, Plan, StepId};

/// Something that happened.
pub enum Event<'a> {
    /// A cleared plan is about to run.
    Started(&'a Plan),
    /// A step begins.
    Begun(Ran<'a>),
    /// Bytes have moved.
    Moved(&'a Progress),
    /// A hook printed a line.
    Printed(&'a str),
    /// A step reported something that a person must know.
    Reported(&'a str),
    /// A step has ended.
    Ended {
        /// Which one.
        step: Ran<'a>,
        /// How.
        end: Ending<'a>,
        /// How long it took.
        took: Duration,
    },
    /// The run is over.
    Over(&'a Report),
}

/// A step of the plan that runs.
#[derive(Clone, Copy)]
pub struct Ran<'a> {
    /// Which one.
    pub id: StepId,
    /// What it does.
    pub act: &'a Act,
}

/// How a step ended.
#[derive(Clone, Copy)]
pub enum Ending<'a> {
    /// It is done; with what was found, if it was a pipe.
    Done(Option<&'a Found>),
    /// A clean-up is done, whether there was anything to do for it or not.
    CleanedUp,
    /// It failed.
    Failed,
}

/// Told of every event as it happens.
pub trait Listener {
    /// Something happened.
    fn hear(&mut self, event: &Event<'_>);
}

/// All listeners of a run.
pub struct Listeners<'a>(pub Vec<&'a mut dyn Listener>);

impl Listeners<'_> {
    /// Tells each of them.
    pub fn tell(&mut self, event: &Event<'_>) {
        self.0.iter_mut().for_each(|listener| listener.hear(event));
    }
}
