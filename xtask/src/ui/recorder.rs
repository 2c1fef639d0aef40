//! Writes down every act as it ends, and passes all on to whoever watches.

use std::time::Duration;

use serde_json::Value;

use super::json::{self, Ending};
use crate::plan::Act;
use crate::run::{Found, Progress, Watch};

/// Between a run and its watcher.
pub struct Recorder<'w> {
    watch: &'w mut dyn Watch,
    /// The acts that have ended.
    pub steps: Vec<Value>,
}

impl<'w> Recorder<'w> {
    /// For one run.
    pub fn new(watch: &'w mut dyn Watch) -> Self {
        Self { watch, steps: Vec::new() }
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
        self.steps.push(json::ran(act, found, took, Ending::Good));
        self.watch.done(act, found, took);
    }

    fn line(&mut self, line: &str) {
        self.watch.line(line);
    }

    fn failed(&mut self, act: &Act, took: Duration) {
        self.steps.push(json::ran(act, None, took, Ending::Bad));
        self.watch.failed(act, took);
    }
}
