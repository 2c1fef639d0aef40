//! What every task has: the project, the environment, the clock, the terminal, and the way from a
//! plan to its report.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::record::Record;
use crate::bundle::name;
use crate::cli;
use crate::config::{self, Database, Dotenv, Env, Project};
use crate::door::held::Held;
use crate::door::{Idle, Interrupt, waits::Waits};
use crate::facts::Surveyor;
use crate::gate::{self, Agent, Circumstances, Consent, Judgement, Person, Verdict};
use crate::plan::{Plan, Risk};
use crate::problem::{Exit, Problem};
use crate::run::journal::{self, Found, Unfinished};
use crate::run::{self, Journal, Lock, Own, Report, World};
use crate::task::{Moment, repair};
use crate::ui::describe::Detail;
use crate::ui::recorder::Recorder;
use crate::ui::terminal::{self, Telling, Terminal};
use crate::ui::typed::{self, Typed};
use crate::ui::{banner, describe, shown, told};

/// The clock.
pub(super) const CLOCK: fn() -> DateTime<Utc> = Utc::now;

/// One run of the program.
pub struct Session {
    /// The project.
    pub project: Project,
    /// The environment it was read with.
    pub env: Env,
    /// The clock and this run's name, read once.
    pub moment: Moment,
    /// Standard error.
    pub terminal: Terminal,
    /// What was done so far.
    pub record: Record,
    /// What standard output is for.
    output: Output,
    /// How much of a plan a dry run shows.
    detail: Detail,
    /// How this run was begun.
    pub typed: Typed,
    /// The project's lock, once it is held.
    lock: Option<Lock>,
    /// What this user has outside of the project.
    pub own: Own,
    interrupt: Arc<Interrupt>,
    /// Why what followed the work was not done.
    pub but: Option<anyhow::Error>,
    waits: Waits,
    /// The session in which the first database was looked at, where a dump of it comes next.
    pub idle: Idle,
}

/// What standard output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// What people read, as it comes.
    Text,
    /// One document, at the end.
    Document,
}

/// What is done with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It is run.
    Run,
    /// `--dry-run`: it is printed.
    Show,
}

impl Intent {
    /// From the options of a command that is asked for.
    pub fn of(consent: &cli::Consent) -> Self {
        Self::by_flag(consent.dry_run)
    }

    /// From `--dry-run`.
    pub fn by_flag(dry_run: bool) -> Self {
        if dry_run { Self::Show } else { Self::Run }
    }
}

impl Session {
    /// Finds and reads the project.
    pub fn open(global: &cli::Global) -> Result<Self> {
        let path = match &global.config {
            Some(path) => std::path::absolute(path)?,
            None => config::find(&std::env::current_dir().context("the current folder is gone")?)?,
        };
        let dotenv = if global.no_dotenv { Dotenv::Ignore } else { Dotenv::Read };
        let (mut project, env) = config::load(&path, Env::of_process(), dotenv)?;
        let own = Own::look(&project.root, &env);

        project.state = run::state::place(&path, project.state_dir(), own.state_dir());
        name::check(&project.backup).map_err(|why| {
            Problem::usage("`[backup]` in `db-tasks.toml` is wrong").because(why).cure(
                "correct it in the file, or leave it out: there is a default for each of them",
            )
        })?;

        let telling = if global.quiet { Telling::Quiet } else { Telling::Steps };
        let now = Utc::now();
        let run = format!("{:x}{:04x}", now.timestamp(), std::process::id() & 0xffff);
        let interrupt = Interrupt::listen()?;
        let mut terminal = Terminal::new(&env, telling, Arc::clone(&interrupt));

        terminal.hide(&project.secrets);
        let record = Record::of(&project, now);
        let output = if global.json { Output::Document } else { Output::Text };
        let detail = if global.verbose { Detail::Commands } else { Detail::Steps };
        let typed = Typed::of(&env, global.config.as_deref(), typed::program().as_deref());

        let (waits, idle) =
            (Waits::new(terminal::aside, project.guards.wait_for_locks), Idle::default());
        let (moment, lock, but) = (Moment { now, run }, None, None);

        Ok(Self {
            project,
            env,
            moment,
            terminal,
            record,
            output,
            detail,
            typed,
            lock,
            own,
            interrupt,
            but,
            waits,
            idle,
        })
    }

    /// Somebody to ask servers with.
    pub fn surveyor(&self) -> Surveyor<'_> {
        let app_name = format!("db-tasks/{}", self.moment.run);
        Surveyor {
            project: &self.project,
            env: &self.env,
            app_name,
            waits: &self.waits,
            idle: None,
        }
    }

    /// The databases that are meant: one by its key or name, or all.
    pub fn databases(&self, wanted: Option<&str>) -> Result<Vec<Database>> {
        let all = &self.project.databases;
        let Some(wanted) = wanted else { return Ok(all.clone()) };
        // a key is unique, a name need not be
        let mut found: Vec<Database> = all.iter().filter(|d| d.key == wanted).cloned().collect();

        if found.is_empty() {
            found = all
                .iter()
                .filter(|d| d.connection.database.as_deref() == Some(wanted))
                .cloned()
                .collect();
        }

        if found.is_empty() {
            let known: Vec<String> = all.iter().map(|d| format!("`{}`", d.key)).collect();
            return Err(Problem::usage(format!("`db-tasks.toml` has no database `{wanted}`"))
                .cure(format!("known are {}", known.join(", ")))
                .into());
        }

        Ok(found)
    }

    /// The one database that is meant.
    pub fn database(&self, wanted: Option<&str>) -> Result<Database> {
        let mut found = self.databases(wanted)?;
        if found.len() > 1 {
            let known: Vec<String> = found.iter().map(|d| format!("`{}`", d.key)).collect();
            return Err(Problem::usage("the project has more than one database")
                .cure(format!("say which with `--database`: {}", known.join(", ")))
                .into());
        }
        found.pop().context("a project has a database")
    }

    /// Takes the project's lock, where something is going to be changed.
    pub fn lock(&mut self, task: &str, intent: Intent) -> Result<()> {
        if intent == Intent::Run && self.lock.is_none() {
            self.lock = Some(Lock::take(&self.project.state_dir(), task, self.moment.now)?);
            self.set_unsafe_aside()?;
        }
        Ok(())
    }

    /// A journal that may be anybody's is done by nobody, and stands in no run's way.
    fn set_unsafe_aside(&mut self) -> Result<()> {
        let Found::Unsafe(why) = journal::read(&self.project.state_dir(), &self.own) else {
            return Ok(());
        };
        let aside = journal::set_aside(&self.project.state_dir(), self.moment.now)?;

        self.terminal.say(&format!(
            "warning: `{}` was not run: {why}\n  it is `{}` now; read what it would have cleaned \
             up, do by hand what is to be done, and remove it",
            journal::NAME,
            Self::short(&aside)
        ));

        Ok(())
    }

    /// Whether this run holds the project's lock.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// What a killed run of ours has left to be cleaned up.
    pub fn unfinished(&self) -> Option<Unfinished> {
        match journal::read(&self.project.state_dir(), &self.own) {
            Found::Left(left) => Some(left),
            Found::Nothing | Found::Unsafe(_) => None,
        }
    }

    /// Why a journal that is there is nobody's word.
    pub fn unsafe_journal(&self) -> Option<String> {
        match journal::read(&self.project.state_dir(), &self.own) {
            Found::Unsafe(why) => {
                Some(format!("`{}` is not to be trusted, and is not run: {why}", journal::NAME))
            }
            Found::Nothing | Found::Left(_) => None,
        }
    }

    /// Whether somebody reads what is told.
    pub fn is_watched(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Whether a signal came.
    pub fn interrupted(&self) -> bool {
        self.interrupt.hit()
    }

    /// What a command came to, unless a signal cut short what it asked: it may have shown less than
    /// there is.
    pub fn whole(&self, exit: Exit) -> Result<Exit> {
        let cut =
            || Problem::new(Exit::Interrupted, "interrupted: not everything could be asked").into();
        if self.interrupt.has_cut_a_question() { Err(cut()) } else { Ok(exit) }
    }

    /// The signals and the terminal, for a wait.
    pub fn signals(&mut self) -> (Arc<Interrupt>, &mut Terminal) {
        (Arc::clone(&self.interrupt), &mut self.terminal)
    }

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

    /// Refuses what no plan could be cleared for, before a costly question is asked for it.
    pub fn refuse_early(&mut self, task: &'static str, risk: Risk, consent: Consent) -> Result<()> {
        let plan = Plan::bare(task, String::new(), risk);
        let verdicts = gate::judge(&plan, &self.circumstances(consent));
        gate::refuse(task, &verdicts).inspect_err(|_| self.record.planned(&plan, &verdicts))
    }

    /// From a plan to its end: shown, or cleared, run and reported. `None` when it was only shown.
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
            // a question may stand for hours
            self.idle.let_go();
        }

        if intent == Intent::Show {
            if self.output == Output::Text {
                self.put(&describe::plan(&plan, &verdicts, self.detail))?;
            }
            return Ok(None);
        }

        // hooks and loaders have brought secrets of their own since
        self.terminal.hide(&self.project.secrets);
        self.announce(&plan, &verdicts);
        self.terminal.note(&describe::plan(&plan, &verdicts, Detail::Commands));

        let circumstances = self.circumstances(consent);
        // the terminal is lent to the question while the circumstances still borrow the project
        let mut terminal = Terminal::new(&self.env, Telling::Steps, Arc::clone(&self.interrupt));
        terminal.hide(&self.project.secrets);
        terminal.keep(self.terminal.log());

        let cleared = gate::clear(plan, &circumstances, &mut terminal)
            .inspect_err(|e| self.record.stopped(e))?;
        // a question may stand for hours: nobody else is kept out for it
        let alone = self.hold(cleared.plan()).inspect_err(|e| self.record.stopped(e))?;
        let (task, afterwards) = (cleared.plan().task, cleared.plan().afterwards.clone());
        // the repair itself takes over what an earlier run has left; any other run leaves it on the
        // list
        let left = self.unfinished();
        let behalf = left.clone().filter(|_| task == repair::TASK);

        let inherited = if task == repair::TASK {
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
                "warning: the session that kept other runs away was ended meanwhile: another run \
                 may have worked on the same database; look at what is there, and at `db-status`",
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
            // the result of what is done is told, and the error at the end
            if !is_done(&problem) || self.but.is_some() {
                return Err(problem);
            }
            self.but = Some(problem);
        }

        Ok(Some(report))
    }

    /// Writes down that a plan was run.
    fn audit(&self, task: &str, report: &Report) {
        self.write_down(task, report.problem.as_ref(), report);
    }

    /// Writes down that the command was not let through: by a guard, by the person, or by another
    /// run.
    pub fn audit_refusal(&self, task: &str, error: &anyhow::Error) {
        if matches!(Exit::of(error), Exit::Refused | Exit::Declined | Exit::Locked) {
            self.write_down(task, Some(error), &Report::default());
        }
    }

    pub(super) fn write_down(&self, task: &str, problem: Option<&anyhow::Error>, report: &Report) {
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

        run::audit(&self.project.state_dir(), &self.project, &entry, Utc::now());
    }

    fn announce(&mut self, plan: &Plan, verdicts: &[Verdict]) {
        self.terminal.tell_all("", "1", std::slice::from_ref(&plan.headline));
        self.terminal.tell_all("  ", "", &banner::notes(plan));

        let mut stakes = banner::stakes(plan);
        // who is connected stands there already
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

    /// A result: lines on standard output.
    pub fn print(&mut self, text: &str) -> Result<Exit> {
        self.record.result(text);
        if self.output == Output::Text { self.put(text) } else { Ok(Exit::Done) }
    }

    /// A text on standard output, as it may be shown.
    fn put(&self, text: &str) -> Result<Exit> {
        print(&shown::text(&self.project.secrets.cover(text)))
    }

    /// An error without what is secret.
    pub fn covered(&self, error: anyhow::Error) -> anyhow::Error {
        let cover = |text: &str| self.project.secrets.cover(text);

        match error.downcast::<Problem>() {
            Ok(mut problem) => {
                problem.cure = problem.cure.map(|cure| self.typed.text(&cure));
                problem.map(cover).into()
            }
            // its causes are words of the system, which has no secrets
            Err(error) if cover(&format!("{error:#}")) == format!("{error:#}") => error,
            Err(error) => anyhow::anyhow!(cover(&format!("{error:#}"))),
        }
    }

    /// What a looking command shows: a text for people, fields for programs.
    pub fn show(&mut self, text: &str, fields: serde_json::Value) -> Result<Exit> {
        self.record.fields(fields);
        if self.output == Output::Text { self.put(text) } else { Ok(Exit::Done) }
    }

    /// Whether another program may have our standard output: a document has it for itself.
    pub fn lends_output(&self) -> bool {
        self.output == Output::Text
    }

    /// A path as short as it can be said from here.
    pub fn short(path: &Path) -> String {
        told::short(path, &std::env::current_dir().unwrap_or_default())
    }
}

/// A text on standard output, as it is; tasks print through the session, which knows what may be
/// shown, and whether it is theirs.
pub(super) fn print(text: &str) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        // whoever reads has seen enough (`db-list | head`)
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(e) => Err(e).context("could not write to standard output"),
        Ok(()) => Ok(Exit::Done),
    }
}

/// An error, on standard error.
pub fn complain(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    // nobody to tell it to when standard error is closed
    let declined = error.downcast_ref::<Problem>().is_some_and(|p| p.exit == Exit::Declined);

    drop(writeln!(
        err,
        "{}{}",
        if declined { "" } else { "error: " },
        shown::text(&format!("{error:#}"))
    ));
}
