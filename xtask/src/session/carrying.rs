//! From a plan to its end: shown, or cleared, run and reported.

use std::io::IsTerminal;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{CLOCK, Intent, Output, Session};
use crate::config::{Env, Project};
use crate::door::held::Held;
use crate::engine::postgres::client::RELEASE;
use crate::gate::{self, Agent, Circumstances, Cleared, Consent, Judgement, Verdict};
use crate::plan::{Act, Plan, Risk, Seal};
use crate::planning::repair;
use crate::problem::{Code, Exit, Problem};
use crate::run::{self, Audit, Caller, Entry, Journal, Listeners, Report, World};
use crate::tasks;
use crate::ui::banner;
use crate::ui::describe::{self, Detail};
use crate::ui::person::Person;
use crate::ui::recorder::Recorder;
use crate::ui::typed::Typed;
use crate::value::Anchor;

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

/// Who runs this.
fn caller<'a>(
    project: &'a Project,
    env: &'a Env,
    words: &'a [String],
    began: DateTime<Utc>,
) -> Caller<'a> {
    Caller { project, env, words, began, now: CLOCK }
}

/// Whether a plan writes manifests.
fn makes_backups(plan: &Plan) -> bool {
    let seals = |act: &&Act| {
        matches!(act, Act::Seal(seal)
            if matches!(**seal, Seal::Backup { .. } | Seal::Adopted { .. }))
    };
    plan.acts().iter().any(seals)
}

impl Session {
    /// Refuses early what no plan could be cleared for, before an expensive question.
    pub fn refuse_early(&mut self, task: &'static str, risk: Risk, consent: Consent) -> Result<()> {
        let plan = Plan::bare(task, String::new(), risk);
        let verdicts = gate::judge(&plan, &circumstances(&self.project, &self.env, consent));
        gate::refuse(task, &verdicts)
            .inspect_err(|_| self.record.planned(&plan, &verdicts, &self.project.secrets))
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
        self.record.planned(&plan, &verdicts, &self.project.secrets);

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
        let judged = self.record.judged(cleared.plan().task);
        let servers = self.servers();
        let anchor = makes_backups(cleared.plan()).then(|| run::audit::head(&self.project));
        let caller = caller(&self.project, &self.env, &self.words, self.moment.now);
        let (mut recorder, mut audit) =
            (Recorder::default(), Audit::of(caller).about(judged, servers));

        let mut world = World {
            secrets: &self.project.secrets,
            interrupt: &self.interrupt,
            now: CLOCK,
            listeners: Listeners(vec![&mut *self.person, &mut recorder, &mut audit]),
            journal,
            idle: &self.idle,
            audit: anchor.flatten(),
        };

        let report = run::run(cleared, &mut world);
        let logged = audit.logged;
        self.record.ran(recorder.steps, &report);
        logged.into_iter().for_each(|logged| self.note_logged(logged));

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
            self.say_afterwards(afterwards);
        }

        if let Some(problem) = report.problem.take() {
            if Exit::of(&problem) != Exit::FinishedBut || self.but.is_some() {
                return Err(problem);
            }
            self.but = Some(problem);
        }

        Ok(report)
    }

    /// Says what may come next.
    pub fn say_afterwards(&mut self, lines: Vec<String>) {
        let told: Vec<String> = lines.iter().map(|line| self.typed.text(line)).collect();
        self.person.tell_all("  ", "", &told);
        self.record.afterwards(lines);
    }

    /// Logs that the command was stopped: by a guard, by the person, by another run, or by a signal
    /// before its own plan was run. The line of a plan that was run is written by then.
    pub fn audit_refusal(&mut self, task: &str, error: &anyhow::Error) {
        // nothing of such a repository is used, and the place of its log least of all
        let is_strange = error.downcast_ref::<Problem>().is_some_and(|p| p.code == Code::Untrusted);
        let was_stopped = match Exit::of(error) {
            Exit::Refused | Exit::Declined | Exit::Locked => true,
            Exit::Interrupted => !self.record.has_run(task),
            _ => false,
        };

        if was_stopped && !(is_strange && self.project.audit.is_some()) {
            self.write_down(task, Some(error));
        }
    }

    /// Writes an entry of the audit log about what was not a run; says so if it can't.
    pub fn write_down(&mut self, task: &str, problem: Option<&anyhow::Error>) {
        let (judged, servers) = (self.record.judged(task), self.servers());
        let entry = Entry { task, judged, servers, problem, ..Entry::default() };
        let caller = caller(&self.project, &self.env, &self.words, self.moment.now);
        let logged = Audit::of(caller).write(&entry);
        self.note_logged(logged);
    }

    /// The databases that answered so far.
    fn servers(&self) -> Vec<Value> {
        self.seen.all().iter().map(|one| json!(one)).collect()
    }

    /// A command may have several plans: to say once that they are not logged is enough.
    fn note_logged(&mut self, logged: Result<Anchor>) {
        let e = match logged {
            Ok(head) => return self.record.logged(head),
            Err(_) if self.unlogged => return,
            Err(e) => e,
        };
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
