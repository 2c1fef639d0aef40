//! What every task has: the project, the environment, the clock, the terminal, and the way from a plan to its report.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::Utc;

use crate::bundle::name;
use crate::cli;
use crate::config::{self, Database, Dotenv, Env, Project};
use crate::door::Interrupt;
use crate::facts::{ContainerFacts, Surveyor, containers};
use crate::gate::{self, Agent, Circumstances, Consent, Judgement, Person};
use crate::plan::{Plan, Risk, Stake};
use crate::problem::{Exit, Problem};
use crate::run::journal::{self, Unfinished};
use crate::run::{self, Journal, Lock, Report, World};
use crate::task::{Moment, repair};
use crate::ui::terminal::{Telling, Terminal};
use crate::ui::{describe, told};

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
    /// The project's lock, once it is held.
    lock: Option<Lock>,
    interrupt: Arc<Interrupt>,
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
    /// From the flag.
    pub fn of(consent: &cli::Consent) -> Self {
        if consent.dry_run { Self::Show } else { Self::Run }
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
        let (project, env) = config::load(&path, Env::of_process(), dotenv)?;
        name::check(&project.backup).map_err(|why| {
            Problem::usage("`[backup]` in `db-tasks.toml` is wrong")
                .because(why)
                .cure("correct it in the file, or leave it out: there is a default for each of them")
        })?;
        let telling = if global.quiet { Telling::Quiet } else { Telling::Steps };
        let now = Utc::now();
        let run = format!("{:x}{:04x}", now.timestamp(), std::process::id() & 0xffff);
        let interrupt = Interrupt::listen()?;
        let terminal = Terminal::new(&env, telling, Arc::clone(&interrupt));
        Ok(Self { project, env, moment: Moment { now, run }, terminal, lock: None, interrupt })
    }

    /// Somebody to ask servers with.
    pub fn surveyor(&self) -> Surveyor<'_> {
        Surveyor { project: &self.project, env: &self.env, app_name: format!("db-tasks/{}", self.moment.run) }
    }

    /// The databases that are meant: one by its key or name, or all.
    pub fn databases(&self, wanted: Option<&str>) -> Result<Vec<Database>> {
        let all = &self.project.databases;
        let Some(wanted) = wanted else { return Ok(all.clone()) };
        // a key is unique, a name need not be
        let mut found: Vec<Database> = all.iter().filter(|d| d.key == wanted).cloned().collect();
        if found.is_empty() {
            found = all.iter().filter(|d| d.connection.database.as_deref() == Some(wanted)).cloned().collect();
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

    /// The containers that a task stops while it works.
    pub fn services(&self, task: &str) -> Result<Vec<ContainerFacts>> {
        let concerned = self.project.containers.iter().filter(|c| c.stop_during.iter().any(|t| t == task));
        concerned.map(|c| containers::inspect(c, &self.env)).collect()
    }

    /// Takes the project's lock, where something is going to be changed.
    pub fn lock(&mut self, task: &str, intent: Intent) -> Result<()> {
        if intent == Intent::Run && self.lock.is_none() {
            self.lock = Some(Lock::take(&self.project.state_dir(), task, self.moment.now)?);
        }
        Ok(())
    }

    /// Whether this run holds the project's lock.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// What a killed run has left to be cleaned up.
    pub fn unfinished(&self) -> Result<Option<Unfinished>> {
        journal::read(&self.project.state_dir())
    }

    /// Cleans up after a killed run. What can't be done stays on the list, and holds nobody up.
    pub fn repair(&mut self, intent: Intent) -> Result<()> {
        let Some(left) = self.unfinished()? else { return Ok(()) };
        if let (Intent::Run, Some(hook)) = (intent, &left.hook) {
            hook.end();
        }
        if let Err(e) = self.carry_out(repair::plan(&left), Consent::Yes, intent) {
            self.terminal.say(&format!("{e:#}"));
        }
        Ok(())
    }

    /// Whether a signal came.
    pub fn interrupted(&self) -> bool {
        self.interrupt.hit()
    }

    /// The signals and the terminal, for a wait.
    pub fn signals(&mut self) -> (Arc<Interrupt>, &mut Terminal) {
        (Arc::clone(&self.interrupt), &mut self.terminal)
    }

    fn circumstances(&self, consent: Consent) -> Circumstances<'_> {
        let person = if std::io::stdin().is_terminal() { Person::AtTerminal } else { Person::Absent };
        let agent = Agent::detect(&self.env, &self.project.guards.agent_variable);
        Circumstances {
            guards: &self.project.guards,
            environment: &self.project.environment,
            consent,
            person,
            agent,
            env: &self.env,
        }
    }

    /// Refuses what no plan could be cleared for, before a costly question is asked for it.
    pub fn refuse_early(&self, task: &str, risk: &Risk, consent: Consent) -> Result<()> {
        gate::refuse(task, &gate::judge(risk, &self.circumstances(consent)))
    }

    /// From a plan to its end: shown, or cleared, run and reported. `None` when it was only shown.
    pub fn carry_out(&mut self, plan: Plan, consent: Consent, intent: Intent) -> Result<Option<Report>> {
        if intent == Intent::Show {
            let verdicts = gate::judge(&plan.risk, &self.circumstances(consent));
            print(&describe::plan(&plan, &verdicts))?;
            return Ok(None);
        }
        let verdicts = gate::judge(&plan.risk, &self.circumstances(consent.clone()));
        let warnings: Vec<String> = verdicts.into_iter().filter(|v| v.judgement == Judgement::Warned).map(|v| v.why).collect();
        self.announce(&plan, &warnings);
        let circumstances = self.circumstances(consent);
        // the terminal is lent to the question while the circumstances still borrow the project
        let mut terminal = Terminal::new(&self.env, Telling::Steps, Arc::clone(&self.interrupt));
        let cleared = gate::clear(plan, &circumstances, &mut terminal)?;
        let (task, afterwards) = (cleared.plan().task, cleared.plan().afterwards.clone());
        // the repair itself takes over what an earlier run has left; any other run leaves it on the list
        let inherited = if task == repair::TASK { None } else { self.unfinished()? };
        let journal = Journal::new(self.lock.as_ref().map(|_| self.project.state_dir()), task, self.moment.now, inherited);
        let mut world = World {
            secrets: &self.project.secrets,
            interrupt: &self.interrupt,
            now: Utc::now,
            watch: &mut self.terminal,
            journal,
        };
        let mut report = run::run(cleared, &mut world);
        let done = report.problem.is_none();
        if done {
            report.problem = unfinished(&report.left_behind);
        } else {
            report.left_behind.iter().for_each(|left| self.terminal.say(&format!("  left behind: {left}")));
        }
        run::audit(&self.project.state_dir(), task, &self.project, &report, Utc::now());
        for line in afterwards.iter().filter(|_| done) {
            self.terminal.tell(&format!("  {line}"));
        }
        if let Some(problem) = report.problem.take() {
            return Err(problem);
        }
        Ok(Some(report))
    }

    fn announce(&mut self, plan: &Plan, warnings: &[String]) {
        let headline = self.terminal.paint("1", &plan.headline);
        self.terminal.tell(&headline);
        for note in &plan.notes {
            self.terminal.tell(&format!("  {note}"));
        }
        let mut loud: Vec<String> = Vec::new();
        if let Risk::ReplacesData { stakes, .. } = &plan.risk {
            let verb = |stake: &Stake| if stake.is_kept() { "replaces" } else { "deletes" };
            loud.extend(stakes.iter().map(|s| format!("this {} the live data of `{}` ({})", verb(s), s.database, s.at)));
        }
        for line in loud.iter().chain(warnings) {
            let painted = self.terminal.paint("1;33", &format!("  {line}"));
            self.terminal.tell(&painted);
        }
    }

    /// A path as short as it can be said from here.
    pub fn short(path: &Path) -> String {
        told::short(path, &std::env::current_dir().unwrap_or_default())
    }
}

/// The work is done, and a service is still stopped or a scratch database still there: somebody has to know.
fn unfinished(left_behind: &[String]) -> Option<anyhow::Error> {
    let problem = Problem::failed("the work itself is done, but not all that belongs to it").because(left_behind.join("\n"));
    (!left_behind.is_empty()).then(|| problem.cure("do by hand what is named above; do not run the command again for it").into())
}

/// A result, on standard output.
pub fn print(text: &str) -> Result<Exit> {
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
    drop(writeln!(err, "{}{error:#}", if declined { "" } else { "error: " }));
}
