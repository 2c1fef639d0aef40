//! From a plan to its end: shown, or cleared, run and reported.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Result;
use chrono::Utc;

use super::{Intent, Output, Session};
use crate::door::held::Held;
use crate::gate::{self, Agent, Circumstances, Consent, Judgement, Person, Verdict};
use crate::plan::{Plan, Risk};
use crate::planning::repair;
use crate::problem::{Exit, Problem};
use crate::run::{self, Journal, Report, World};
use crate::tasks;
use crate::ui::banner;
use crate::ui::describe::{self, Detail};
use crate::ui::recorder::Recorder;
use crate::ui::terminal::{Telling, Terminal};

impl Session {
    fn circumstances(&self, consent: Consent) -> Circumstances<'_> {
        let person =
            if std::io::stdin().is_terminal() { Person::AtTerminal } else { Person::Absent };
        let agent = Agent::detect(&self.env, &self.project.guards.agent_variable);

        Circumstances {
            guards: &self.project.guards,
            environment: &self.project.environment,
            said_by: self.project.said_by,
            consent,
            person,
            agent,
            env: &self.env,
        }
    }

    /// Refuses early what no plan could be cleared for, before an expensive question.
    pub fn refuse_early(&mut self, task: &'static str, risk: Risk, consent: Consent) -> Result<()> {
        let plan = Plan::bare(task, String::new(), risk);
        let verdicts = gate::judge(&plan, &self.circumstances(consent));
        gate::refuse(task, &verdicts).inspect_err(|_| self.record.planned(&plan, &verdicts))
    }

    /// From a plan to its end: shown, or cleared, run and reported. `None` if it was only shown.
    pub fn carry_out(
        &mut self,
        mut plan: Plan,
        consent: Consent,
        intent: Intent,
    ) -> Result<Option<Report>> {
        plan.notes.extend(crate::facts::health::tight(&plan));
        let verdicts = gate::judge(&plan, &self.circumstances(consent.clone()));
        self.record.planned(&plan, &verdicts);

        if verdicts.iter().any(|verdict| verdict.judgement == Judgement::Ask) {
            // a question may wait for hours
            self.idle.let_go();
        }

        if intent == Intent::Show {
            if self.output == Output::Text {
                self.put(&describe::plan(&plan, &verdicts, self.detail))?;
            }
            return Ok(None);
        }

        // hooks and loader roles have added their secrets since
        self.terminal.hide(&self.project.secrets);
        self.announce(&plan, &verdicts);
        self.terminal.note(&describe::plan(&plan, &verdicts, Detail::Commands));

        let circumstances = self.circumstances(consent);
        // the question borrows the terminal while the circumstances still borrow the project
        let mut terminal = Terminal::new(&self.env, Telling::Steps, Arc::clone(&self.interrupt));
        terminal.hide(&self.project.secrets);
        terminal.keep(self.terminal.log());

        let cleared = gate::clear(plan, &circumstances, &mut terminal)
            .inspect_err(|e| self.record.stopped(e))?;
        // a question may wait for hours: it does not lock out anybody
        let alone = self.hold(cleared.plan()).inspect_err(|e| self.record.stopped(e))?;
        let (task, afterwards) = (cleared.plan().task, cleared.plan().afterwards.clone());
        // the repair itself takes over what an earlier run left; any other run leaves it on the
        // list
        let left = self.unfinished();
        let behalf = left.clone().filter(|_| task == tasks::REPAIR.name);

        let inherited = if task == tasks::REPAIR.name {
            left.and_then(|left| repair::put_off(left, cleared.plan()))
        } else {
            left
        };

        let state_dir = self.lock.as_ref().map(|_| self.project.state_dir());
        let journal =
            Journal::new(state_dir, self.own.clone(), cleared.plan(), self.moment.now, inherited);
        let journal = behalf.iter().fold(journal, Journal::on_behalf_of);
        let mut recorder = Recorder::new(&mut self.terminal);
        let (secrets, watch) = (&self.project.secrets, &mut recorder);

        let mut world = World {
            secrets,
            interrupt: &self.interrupt,
            now: Utc::now,
            watch,
            journal,
            idle: &self.idle,
        };

        let mut report = run::run(cleared, &mut world);
        let steps = recorder.steps;
        let is_done = |problem: &anyhow::Error| Exit::of(problem) == Exit::FinishedBut;
        let done = report.problem.as_ref().is_none_or(is_done);
        let held: Vec<bool> = alone.into_iter().map(Held::was_held).collect();

        if held.contains(&false) {
            self.terminal.say(
                "warning: the session with this run's lock was terminated meanwhile: another run \
                 may have worked on the same database; check your data, and `db-status`",
            );
        }

        report.problem = run::conclude(report.problem.take(), &report.left_behind);
        self.record.ran(steps, &report);
        self.audit(task, &report);

        if done {
            let told: Vec<String> = afterwards.iter().map(|line| self.typed.text(line)).collect();
            self.terminal.tell_all("  ", "", &told);
            self.record.afterwards(afterwards);
        }

        if let Some(problem) = report.problem.take() {
            // the result of what is done is shown, and the error at the end
            if !is_done(&problem) || self.but.is_some() {
                return Err(problem);
            }
            self.but = Some(problem);
        }

        Ok(Some(report))
    }

    /// Logs that a plan was run.
    fn audit(&mut self, task: &str, report: &Report) {
        self.write_down(task, report.problem.as_ref(), report);
    }

    /// Logs that the command was stopped: by a guard, by the person, or by another run.
    pub fn audit_refusal(&mut self, task: &str, error: &anyhow::Error) {
        if matches!(Exit::of(error), Exit::Refused | Exit::Declined | Exit::Locked) {
            self.write_down(task, Some(error), &Report::default());
        }
    }

    /// Writes an entry of the audit log; says so if it can't.
    pub fn write_down(&mut self, task: &str, problem: Option<&anyhow::Error>, report: &Report) {
        let (databases, refused_by) = self.record.concerned(task);
        let words = &self.project.guards.agent_variable;
        let agent = Agent::detect(&self.env, words);
        let words = self.env.given(words);
        let left_out = report.found.values().filter_map(run::Found::left_out).cloned().collect();

        let (left_behind, took) = (report.left_behind.as_slice(), report.took);
        let entry = run::Entry {
            task,
            databases,
            agent: &agent,
            words,
            refused_by,
            problem,
            left_behind,
            left_out,
            took,
        };

        let logged = run::audit(&self.project.state_dir(), &self.project, &entry, Utc::now());
        if let Err(e) = logged {
            let why = e
                .downcast_ref::<Problem>()
                .map_or_else(|| format!("{e:#}"), |problem| problem.happened.join("; "));
            self.terminal.say(&format!("warning: this run is not in the audit log: {why}"));
        }
    }

    fn announce(&mut self, plan: &Plan, verdicts: &[Verdict]) {
        self.terminal.tell_all("", "1", std::slice::from_ref(&plan.headline));
        self.terminal.tell_all("  ", "", &banner::notes(plan));

        let mut stakes = banner::stakes(plan);
        // who is connected is already shown there
        let loud = |v: &&Verdict| v.judgement == Judgement::Warned && v.guard != "sessions";
        stakes.extend(verdicts.iter().filter(loud).map(|v| v.why.clone()));

        let stakes: Vec<String> = stakes.iter().map(|line| self.typed.text(line)).collect();
        if !stakes.is_empty() && verdicts.iter().any(|v| v.judgement == Judgement::Ask) {
            self.terminal.warn_and_list(
                &stakes,
                &banner::steps(plan, &std::env::current_dir().unwrap_or_default()),
            );
        } else {
            self.terminal.warn(&stakes);
        }
    }
}
