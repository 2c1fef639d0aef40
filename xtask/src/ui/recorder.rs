//! Records every act as it ends, and passes everything on to the watcher.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::json::{self, Ending};
use crate::plan::Act;
use crate::run::{Found, Progress, Watch};

/// Between a run and its watcher.
pub struct Recorder<'w> {
    watch: &'w mut dyn Watch,
    /// The acts that have ended.
    pub steps: Vec<Value>,
    /// What the running hook has said so far.
    said: VecDeque<String>,
}

/// How many lines of a hook are kept: the last ones, which say how it ended.
const LINES: usize = 1000;

impl<'w> Recorder<'w> {
    /// For one run.
    pub fn new(watch: &'w mut dyn Watch) -> Self {
        Self { watch, steps: Vec::new(), said: VecDeque::new() }
    }

    fn ended(&mut self, mut step: Value) {
        if !self.said.is_empty() {
            step["output"] = json!(std::mem::take(&mut self.said));
        }
        self.steps.push(step);
    }
}

impl Watch for Recorder<'_> {
    fn begin(&mut self, act: &Act) {
        self.watch.begin(act);
    }

    fn progress(&mut self, progress: &Progress) {
        self.watch.progress(progress);
    }

    fn done(&mut self, act: &Act, found: Option<&Found>, took: Duration) {
        self.ended(json::ran(act, found, took, Ending::Good));
        self.watch.done(act, found, took);
    }

    fn cleaned(&mut self, act: &Act, took: Duration) {
        self.ended(json::ran(act, None, took, Ending::Good));
        self.watch.cleaned(act, took);
    }

    fn line(&mut self, line: &str) {
        if self.said.len() == LINES {
            self.said.pop_front();
        }
        self.said.push_back(line.to_owned());
        self.watch.line(line);
    }

    fn told(&mut self, what: &str) {
        self.said.push_back(what.to_owned());
        self.watch.told(what);
    }

    fn failed(&mut self, act: &Act, took: Duration) {
        self.ended(json::ran(act, None, took, Ending::Bad));
        self.watch.failed(act, took);
    }
}
