//! From a plan to its end: shown, or cleared, run and reported.

use std::io::IsTerminal;

use anyhow::Result;

use super::{CLOCK, Intent, Output, Session};
use crate::config::{Env, Project};
use crate::door::held::Held;
use crate::engine::postgres::client::RELEASE;
use crate::gate::{self, Agent, Circumstances, Cleared, Consent, Judgement, Verdict};
use crate::plan::{Plan, Risk};
use crate::planning::repair;
use crate::problem::{Exit, Problem};
use crate::run::{self, Audit, Entry, Journal, Listeners, Report, World};
use crate::tasks;
use crate::ui::banner;
use crate::ui::describe::{self, Detail};
use crate::ui::person::Person;
use crate::ui::recorder::Recorder;
use crate::ui::typed::Typed;

/// What the guards judge by.
fn circumstances<'a>(project: &'a Project, env: &'a Env, consent: Consent) -> Circumstances<'a> {
    let person = if std::io::stdin().is_terminal() {
        gate::Presence::AtTerminal
    } else {
        gate::Presence::Absent
    };

    Circumstances {
        guards: &project.guards,
        environment: &project.environment,
        said_by: project.said_by,
        consent,
        person,
        agent: Agent::detect(env, &project.guards.agent_variable),
        env,
    }
}

impl Session {
    /// Refuses early what no plan could be cleared for, before an expensive question.
    pub fn refuse_early(&mut self, task: &'static str, risk: Risk, consent: Consent) -> Result<()> {
        let plan = Plan::bare(task, String::new(), risk);
        let verdicts = gate::judge(&plan, &circumstances(&self.project, &self.env, consent));
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
        let circumstances = circumstances(&self.project, &self.env, consent);
        let verdicts = gate::judge(&plan, &circumstances);
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
        self.person.hide(&self.project.secrets);
        announce(&mut *self.person, &self.typed, &plan, &verdicts);
        self.person.note(&describe::plan(&plan, &verdicts, Detail::Commands));

        let cleared = gate::clear(plan, &circumstances, &mut *self.person)
            .inspect_err(|e| self.record.stopped(e))?;
        // a question may wait for hours: it does not lock out anybody
        let locks = self.hold(cleared.plan()).inspect_err(|e| self.record.stopped(e))?;
        let afterwards = cleared.plan().afterwards.clone();

        let report = self.run(cleared);
        self.say_lost_locks(locks);

        self.reported(report, afterwards).map(Some)
    }

    /// Runs it. What happened is in the record, too.
    fn run(&mut self, cleared: Cleared) -> Report {
        let journal = self.journal(cleared.plan());
        let (mut recorder, mut audit) =
            (Recorder::default(), Audit::of(&self.project, &self.env, CLOCK));

        let mut world = World {
            secrets: &self.project.secrets,
            interrupt: &self.interrupt,
            now: CLOCK,
            listeners: Listeners(vec![&mut *self.person, &mut recorder, &mut audit]),
            journal,
            idle: &self.idle,
        };

        let report = run::run(cleared, &mut world);
        let unlogged = audit.unlogged;
        self.record.ran(recorder.steps, &report);
        self.say_unlogged(unlogged);

        report
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
            self.person.say(
                "warning: the session with this run's lock was terminated meanwhile: another run \
                 may have worked on the same database; check your data, and `db-status`",
            );
        }
    }

    /// Says what to know when the work is done. The result of what is done is shown before an
    /// error about what followed.
    fn reported(&mut self, mut report: Report, afterwards: Vec<String>) -> Result<Report> {
        if report.is_done {
            let told: Vec<String> = afterwards.iter().map(|line| self.typed.text(line)).collect();
            self.person.tell_all("  ", "", &told);
            self.record.afterwards(afterwards);
        }

        if let Some(problem) = report.problem.take() {
            if Exit::of(&problem) != Exit::FinishedBut || self.but.is_some() {
                return Err(problem);
            }
            self.but = Some(problem);
        }

        Ok(report)
    }

    /// Logs that the command was stopped: by a guard, by the person, or by another run.
    pub fn audit_refusal(&mut self, task: &str, error: &anyhow::Error) {
        if matches!(Exit::of(error), Exit::Refused | Exit::Declined | Exit::Locked) {
            self.write_down(task, Some(error));
        }
    }

    /// Writes an entry of the audit log about what was not a run; says so if it can't.
    pub fn write_down(&mut self, task: &str, problem: Option<&anyhow::Error>) {
        let (databases, refused_by) = self.record.concerned(task);
        let entry = Entry { task, databases, refused_by, problem, ..Entry::default() };
        let unlogged = Audit::of(&self.project, &self.env, CLOCK).write(&entry).err();
        self.say_unlogged(unlogged);
    }

    /// A command may have several plans: once is enough.
    fn say_unlogged(&mut self, unlogged: Option<anyhow::Error>) {
        let Some(e) = unlogged.filter(|_| !self.unlogged) else { return };
        self.unlogged = true;
        let why = e.downcast_ref::<Problem>().and_then(|problem| problem.happened.first());
        let why = why.cloned().unwrap_or_else(|| format!("{e:#}"));
        self.person.say(&format!("warning: this run is not in the audit log: {why}"));
    }
}

/// What is about to happen, what is at stake, and the steps if it is asked about.
fn announce(person: &mut dyn Person, typed: &Typed, plan: &Plan, verdicts: &[Verdict]) {
    person.tell_all("", "1", std::slice::from_ref(&plan.headline));
    person.tell_all("  ", "", &banner::notes(plan));

    let mut stakes = banner::stakes(plan);
    // who is connected is already shown there
    let loud = |v: &&Verdict| v.judgement == Judgement::Warned && v.guard != "sessions";
    stakes.extend(verdicts.iter().filter(loud).map(|v| v.why.clone()));

    let stakes: Vec<String> = stakes.iter().map(|line| typed.text(line)).collect();
    if !stakes.is_empty() && verdicts.iter().any(|v| v.judgement == Judgement::Ask) {
        let here = std::env::current_dir().unwrap_or_default();
        person.warn_and_list(&stakes, &banner::steps(plan, &here));
    } else {
        person.warn(&stakes);
    }
}
