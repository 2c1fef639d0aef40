//! Tells who wants to know how a command ended.

use std::time::Duration;

use anyhow::Result;

use super::{CLOCK, Session};
use crate::config::Notice;
use crate::config::notices::{On, Way};
use crate::planning::notices::{Course, Happened, Witness, begun, told, what_it_is};
use crate::problem::Exit;
use crate::run::key::new_key;
use crate::run::notices::{Parcel, Place, send};
use crate::run::who_and_where;
use crate::tasks::{self, Task};
use crate::view::notices::{Message, mail, message, post};

impl Session {
    /// Tells the pings that a command begins.
    pub fn tell_of_beginning(&mut self, task: &Task) {
        if !self.trusted {
            return;
        }
        let project = &self.project;
        let all: Vec<_> = begun(&project.notices, task.name, &project.environment)
            .map(|notice| (notice.clone(), Parcel::Post("/start", Vec::new(), String::new())))
            .collect();
        self.send(&all);
    }

    /// Tells how a command ended that may have changed something.
    pub fn tell_of_end(&mut self, task: &'static Task, result: &Result<Exit>, took: Duration) {
        if !self.may_tell() {
            return;
        }

        let exit = result.as_ref().map_or_else(Exit::of, |exit| *exit);
        let course = if self.record.has_run(task.name) { Course::Run } else { Course::Stopped };
        let witness = if self.is_watched() { Witness::Person } else { Witness::Nobody };
        let on = what_it_is(task, exit, course, witness);
        let problem = result.as_ref().err().map_or(String::new(), ToString::to_string);
        let happened =
            self.happened(task, on, exit, took, problem.lines().map(String::from).collect());
        self.tell_of(&happened);
    }

    /// Tells what `db-status --check` has found. A repository that is not trusted is told nothing.
    pub fn tell_of_findings(&mut self, task: &'static Task, found: Vec<String>, took: Duration) {
        if !self.may_tell() {
            return;
        }

        let happened = self.happened(task, vec![On::Stale], Exit::Failed, took, found);
        self.tell_of(&happened);
    }

    /// Whether there is somebody to tell, and the repository that says so is trusted: whoever only
    /// looks at a stranger's runs none of its programs, and sends nothing where it says.
    fn may_tell(&mut self) -> bool {
        if self.project.notices.is_empty() {
            return false;
        }
        if !self.trusted {
            self.person.say(
                "note: no notice is sent: this repository is not trusted on this machine \
                 (`--trust-repo`)",
            );
        }
        self.trusted
    }

    fn happened(
        &self,
        task: &'static Task,
        on: Vec<On>,
        exit: Exit,
        took: Duration,
        problem: Vec<String>,
    ) -> Happened {
        let cover = |text: &String| self.project.secrets.cover(text);
        Happened {
            on,
            task: task.name,
            exit,
            project: self.project.name.clone(),
            environment: self.project.environment.clone(),
            who: who_and_where(),
            when: self.moment.now,
            took,
            databases: self.record.judged(task.name).databases,
            problem: problem.iter().map(cover).collect(),
            result: self.record.printed().iter().map(cover).collect(),
            audit: self.record.head().cloned(),
        }
    }

    fn tell_of(&mut self, happened: &Happened) {
        let message = message(happened);
        let all: Vec<(Notice, Parcel)> = told(&self.project.notices, happened)
            .into_iter()
            .map(|notice| (notice.clone(), parcel(notice, &message, happened)))
            .collect();
        self.send(&all);
    }

    fn send(&mut self, all: &[(Notice, Parcel)]) {
        if all.is_empty() {
            return;
        }
        let state = self.project.state_dir();
        let place = Place { root: &self.project.root, state: &state };
        for (name, why) in send(all, &place, &self.project.secrets) {
            self.person.say(&format!("warning: the notice `{name}` was not sent: {why}"));
        }
    }
}

fn parcel(notice: &Notice, message: &Message, happened: &Happened) -> Parcel {
    match &notice.way {
        Way::Webhook { shape, .. } => {
            let (headers, body) = post(message, *shape);
            Parcel::Post("", headers, body)
        }
        Way::Ping(_) => {
            let end = if happened.exit == Exit::Done { "" } else { "/fail" };
            Parcel::Post(end, Vec::new(), message.text.clone())
        }
        Way::Mail { to, from, .. } => {
            let id = new_key();
            Parcel::Mail(mail(message, from, to, CLOCK(), &id))
        }
        Way::Command(_) => Parcel::Text(
            vec![
                ("DBTASKS_TASK", tasks::word(happened.task).to_owned()),
                ("DBTASKS_OUTCOME", happened.exit.word().to_owned()),
                ("DBTASKS_ENVIRONMENT", happened.environment.clone()),
            ],
            message.document.to_string(),
        ),
    }
}
