//! From a plan to its end: shown, or cleared, run and reported.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Result;
use chrono::Utc;

use super::{Intent, Output, Session};
use crate::door::held::Held;
use crate::engine::postgres::client::RELEASE;
use crate::gate::{self, Agent, Circumstances, Cleared, Consent, Judgement, Person, Verdict};
use crate::plan::{Plan, Risk};
use crate::planning::repair;
use crate::problem::{Exit, Problem};
use crate::run::{self, Journal, Report, World};
use crate::tasks;
use crate::ui::banner;
use crate::ui::describe::{self, Detail};
use crate::ui::recorder::Recorder;
use crate::ui::terminal::{Telling, Terminal};

/// A plan that was run.
struct Ran {
    report: Report,
    /// Whether the work itself is done, whatever followed.
    is_done: bool,
}

/// Whether the work is done, and only what follows it failed.
fn is_done(problem: &anyhow::Error) -> bool {
    Exit::of(problem) == Exit::FinishedBut
}

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

        let cleared = self.cleared(plan, consent).inspect_err(|e| self.record.stopped(e))?;
        // a question may wait for hours: it does not lock out anybody
        let locks = self.hold(cleared.plan()).inspect_err(|e| self.record.stopped(e))?;
        let (task, afterwards) = (cleared.plan().task, cleared.plan().afterwards.clone());

        let ran = self.run(cleared);
        self.say_lost_locks(locks);
        self.write_down(task, ran.report.problem.as_ref(), &ran.report);

        self.reported(ran, afterwards).map(Some)
    }

    /// The plan as the gate lets it pass; a person may be asked.
    fn cleared(&self, plan: Plan, consent: Consent) -> Result<Cleared> {
        // the question borrows the terminal while the circumstances still borrow the project
        let mut terminal = Terminal::new(&self.env, Telling::Steps, Arc::clone(&self.interrupt));
        terminal.hide(&self.project.secrets);
        terminal.keep(self.terminal.log());

        gate::clear(plan, &self.circumstances(consent), &mut terminal)
    }

    /// Runs it. What happened is in the record, too.
    fn run(&mut self, cleared: Cleared) -> Ran {
        let journal = self.journal(cleared.plan());
        let mut recorder = Recorder::new(&mut self.terminal);

        let mut world = World {
            secrets: &self.project.secrets,
            interrupt: &self.interrupt,
            now: Utc::now,
            watch: &mut recorder,
            journal,
            idle: &self.idle,
        };

        let mut report = run::run(cleared, &mut world);
        let is_done = report.problem.as_ref().is_none_or(is_done);
        let steps = recorder.steps;
        report.problem = run::conclude(report.problem.take(), &report.left_behind);
        self.record.ran(steps, &report);

        Ran { report, is_done }
    }

    /// The journal of a run. The repair itself takes over what an earlier run left; any other run
    /// leaves it on the list.
    fn journal(&self, plan: &Plan) -> Journal {
        let left = self.unfinished();
        let repairs = plan.task == tasks::REPAIR.name;
        let behalf = left.clone().filter(|_| repairs);
        let inherited =
            if repairs { left.and_then(|left| repair::put_off(left, plan)) } else { left };

        let state_dir = self.lock.as_ref().map(|_| self.project.state_dir());
        let journal = Journal::new(state_dir, self.own.clone(), plan, self.moment.now, inherited);

        behalf.iter().fold(journal, Journal::on_behalf_of)
    }

    /// Ends the sessions that kept other runs away, and says so if one was ended before.
    fn say_lost_locks(&mut self, locks: Vec<Held>) {
        let held: Vec<bool> = locks.into_iter().map(|lock| lock.was_held(RELEASE)).collect();

        if held.contains(&false) {
            self.terminal.say(
                "warning: the session with this run's lock was terminated meanwhile: another run \
                 may have worked on the same database; check your data, and `db-status`",
            );
        }
    }

    /// Says what to know when the work is done. The result of what is done is shown before an
    /// error about what followed.
    fn reported(&mut self, ran: Ran, afterwards: Vec<String>) -> Result<Report> {
        let mut report = ran.report;

        if ran.is_done {
            let told: Vec<String> = afterwards.iter().map(|line| self.typed.text(line)).collect();
            self.terminal.tell_all("  ", "", &told);
            self.record.afterwards(afterwards);
        }

        if let Some(problem) = report.problem.take() {
            if !is_done(&problem) || self.but.is_some() {
                return Err(problem);
            }
            self.but = Some(problem);
        }

        Ok(report)
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
        if let Err(e) = logged
            && !self.unlogged
        {
            // a command may have several plans: once is enough
            self.unlogged = true;
            let why = e.downcast_ref::<Problem>().and_then(|problem| problem.happened.first());
            let why = why.cloned().unwrap_or_else(|| format!("{e:#}"));
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
