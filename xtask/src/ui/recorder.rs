//! Records every step as it ends, for the document that `--json` prints.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::json;
use crate::run::{Event, Listener};

/// How many lines of a hook are kept: the last ones, which say how it ended.
const LINES: usize = 1000;

/// What a run has done so far.
#[derive(Default)]
pub struct Recorder {
    /// The steps that have ended.
    pub steps: Vec<Value>,
    /// What the running step has said so far.
    said: VecDeque<String>,
}

impl Recorder {
    fn ended(&mut self, mut step: Value) {
        if !self.said.is_empty() {
            step["output"] = json!(std::mem::take(&mut self.said));
        }
        self.steps.push(step);
    }
}

impl Listener for Recorder {
    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Printed(line) => {
                if self.said.len() == LINES {
                    self.said.pop_front();
                }
                self.said.push_back((*line).to_owned());
            }
            Event::Reported(what) => self.said.push_back((*what).to_owned()),
            Event::Ended { step, end, took } => self.ended(json::ran(*step, *end, *took)),
            Event::Started(_) | Event::Begun(_) | Event::Moved(_) | Event::Over(_) => {}
        }
    }
}
