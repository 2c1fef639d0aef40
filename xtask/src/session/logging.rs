//! The log of a run (`project.logs`): how it begins, and how it ends.

use std::rc::Rc;

use anyhow::Result;

use super::{CLOCK, Session};
use crate::cmd::quoted;
use crate::config::password_in;
use crate::problem::Exit;
use crate::run::{Logbook, who_and_where};

impl Session {
    /// People sometimes give an address instead of a name: its password must not be shown.
    pub fn cover_words(&mut self, words: &[String]) {
        self.words = words.to_vec();
        words
            .iter()
            .filter_map(|word| password_in(word))
            .for_each(|p| self.project.secrets.also_hide(p.to_owned()));
        self.person.hide(&self.project.secrets);
    }

    /// Begins the log, if the project wants one. If that fails, it is reported, but the work
    /// continues.
    pub fn begin_log(&mut self, task: &str, words: &[String]) {
        let Some(folder) = &self.project.logs else { return };
        // a stranger's file may name any folder
        if !self.trusted && !folder.starts_with(&self.project.root) {
            return;
        }

        let log = match Logbook::begin(folder, task, &self.moment.run, CLOCK) {
            Err(why) => return self.person.say(&format!("warning: this run has no log: {why}")),
            Ok(log) => log,
        };

        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let (project, environment, who) =
            (&self.project.name, &self.project.environment, who_and_where());
        self.person.keep(Rc::new(log));
        self.person.note(&format!(
            "{task} of `{project}` ({environment}), by {who}\n$ {}",
            words.join(" ")
        ));
    }

    /// Logs how the run ended.
    pub fn end_log(&self, result: &Result<Exit>) {
        let exit = result.as_ref().map_or_else(Exit::of, |exit| *exit);
        if let Err(e) = result {
            self.person.note(&format!("error: {e:#}"));
        }
        self.person.note(&format!("ended: {} (exit code {})", exit.word(), exit as u8));
    }
}
