//! What every command has: the project, the environment, the clock, the terminal. Below it, the ways
//! that several commands go: to their servers, to the databases that are meant, to the backup that is
//! meant, and from a plan to its report.

pub mod alone;
pub mod author;
mod carrying;
pub mod choosing;
pub mod fitting;
mod hooks;
mod logging;
mod meeting;
mod notices;
pub mod record;
pub mod repairing;
pub mod selection;
pub mod servers;
pub mod services;
mod strangers;
mod waiting;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use self::record::Record;
use crate::bundle::name;
use crate::config::{self, Database, Dotenv, Env, Project};
use crate::door::{Idle, Interrupt};
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::seen::Seen;
use crate::facts::waits::Waits;
use crate::facts::{Surveyed, Surveyor};
use crate::options::{self, Global};
use crate::planning::Moment;
use crate::problem::{Code, Exit, Problem};
use crate::run::journal::{self, Found, Unfinished};
use crate::run::{self, Lock, UserState};
use crate::ui::describe::Detail;
use crate::ui::person::Person;
use crate::ui::person::Telling;
use crate::ui::terminal::{self, Terminal};
use crate::ui::typed::{self, Typed};
use crate::ui::{outcome, shown};

/// The clock.
pub const CLOCK: fn() -> DateTime<Utc> = Utc::now;

/// One run of the program.
pub struct Session {
    /// The project.
    pub project: Project,
    /// The environment it was read with.
    pub env: Env,
    /// The clock and this run's name, read once.
    pub moment: Moment,
    /// Whom it tells and asks.
    pub person: Box<dyn Person>,
    /// What was done so far.
    pub record: Record,
    /// What standard output is for.
    output: Output,
    /// How much of a plan a dry run shows.
    detail: Detail,
    /// How this run was started.
    pub typed: Typed,
    /// The project's lock, once it is held.
    lock: Option<Lock>,
    /// What this user keeps outside the project.
    pub own: UserState,
    interrupt: Arc<Interrupt>,
    /// Whether it was said that this run can't be logged.
    unlogged: bool,
    /// Whether what this repository brings may run and be told something, now.
    trusted: bool,
    /// Why the part after the work was not done.
    pub but: Option<anyhow::Error>,
    waits: Waits,
    seen: Seen,
    /// The command line.
    words: Vec<String>,
    /// The session in which the first database was surveyed, if a dump of it comes next.
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

/// What to do with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It is run.
    Run,
    /// `--dry-run`: it is printed.
    Show,
}

impl Intent {
    /// From the options of a command.
    pub fn of(consent: &options::Consent) -> Self {
        Self::by_flag(consent.dry_run)
    }

    /// From `--dry-run`.
    pub fn by_flag(dry_run: bool) -> Self {
        if dry_run { Self::Show } else { Self::Run }
    }
}

/// Finds and reads the project, with its environment and what this user keeps outside it.
fn read(global: &Global) -> Result<(Project, Env, UserState)> {
    let path = match &global.config {
        Some(path) => std::path::absolute(path)?,
        None => config::find(&std::env::current_dir().context("the current folder is gone")?)?,
    };
    let dotenv = if global.no_dotenv { Dotenv::Ignore } else { Dotenv::Read };
    let (mut project, env) = config::load(&path, Env::of_process(), dotenv)?;
    let own = UserState::look(&project.root, &env);

    project.state = run::state::place(&path, project.state_dir(), own.state_dir());
    name::check(&project.backup).map_err(|why| {
        Problem::usage("`[backup]` in `db-tasks.toml` is wrong")
            .code(Code::Config)
            .because(why)
            .cure("correct it in the file, or remove it: each of these has a default")
    })?;

    Ok((project, env, own))
}

impl Session {
    /// Finds and reads the project, and listens for interrupts.
    pub fn open(global: &Global) -> Result<Self> {
        let (project, env, own) = read(global)?;
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
            person: Box::new(terminal),
            record,
            output,
            detail,
            typed,
            lock,
            own,
            interrupt,
            but,
            unlogged: false,
            trusted: false,
            waits,
            seen: Seen::default(),
            words: Vec::new(),
            idle,
        })
    }

    /// What asks servers.
    pub fn surveyor(&self) -> Surveyor<'_> {
        let app_name = format!("db-tasks/{}", self.moment.run);
        Surveyor {
            project: &self.project,
            env: &self.env,
            app_name,
            waits: &self.waits,
            seen: &self.seen,
            idle: None,
        }
    }

    /// The selected databases: one by its key or name, or all.
    pub fn databases(&self, wanted: Option<&str>) -> Result<Vec<Database>> {
        let all = &self.project.databases;
        let Some(wanted) = wanted else { return Ok(all.clone()) };
        // a key is unique, a name may not be
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
                .code(Code::NoSuchDatabase)
                .cure(format!("known are {}", known.join(", ")))
                .into());
        }

        Ok(found)
    }

    /// The one database to use.
    pub fn database(&self, wanted: Option<&str>) -> Result<Database> {
        let mut found = self.databases(wanted)?;
        if found.len() > 1 {
            let known: Vec<String> = found.iter().map(|d| format!("`{}`", d.key)).collect();
            return Err(Problem::usage("the project has more than one database")
                .cure(format!("select one with `--database`: {}", known.join(", ")))
                .into());
        }
        found.pop().context("a project has a database")
    }

    /// Takes the project's lock, if something will be changed.
    pub fn lock(&mut self, task: &str, intent: Intent) -> Result<()> {
        if intent == Intent::Run && self.lock.is_none() {
            self.lock = Some(Lock::take(&self.project.state_dir(), task, self.moment.now)?);
            self.set_unsafe_aside()?;
        }
        Ok(())
    }

    /// An untrusted journal is not run, and blocks no run.
    fn set_unsafe_aside(&mut self) -> Result<()> {
        let Found::Unsafe(why) = journal::read(&self.project.state_dir(), &self.own) else {
            return Ok(());
        };
        let aside = journal::set_aside(&self.project.state_dir(), self.moment.now)?;

        self.person.say(&format!(
            "warning: `{}` was not run: {why}\n  it is now `{}`; read what it would have cleaned \
             up, do what is needed by hand, and remove it",
            journal::NAME,
            Self::short(&aside)
        ));

        Ok(())
    }

    /// Whether this run holds the project's lock.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// What a killed run of ours left to be cleaned up.
    pub fn unfinished(&self) -> Option<Unfinished> {
        match journal::read(&self.project.state_dir(), &self.own) {
            Found::Left(left) => Some(left),
            Found::Nothing | Found::Unsafe(_) => None,
        }
    }

    /// Why an existing journal is not trusted.
    pub fn unsafe_journal(&self) -> Option<String> {
        match journal::read(&self.project.state_dir(), &self.own) {
            Found::Unsafe(why) => {
                Some(format!("`{}` is not trusted, and is not run: {why}", journal::NAME))
            }
            Found::Nothing | Found::Left(_) => None,
        }
    }

    /// Whether somebody reads the output.
    pub fn is_watched(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Whether a signal came.
    pub fn interrupted(&self) -> bool {
        self.interrupt.hit()
    }

    /// A command's result, with what a signal means for it. One that ended a question makes it
    /// incomplete. One that came before the run caused its error; what the run itself says of a
    /// signal is true, and a later one has interrupted nothing.
    pub fn after_signals(&self, task: &str, result: Result<Exit>) -> Result<Exit> {
        let cut = self.interrupt.has_cut_a_question();
        let caused = self.interrupted() && (cut || !self.record.has_run(task));

        match result {
            Ok(_) if cut => {
                let what = "interrupted: the result is incomplete";
                Err(Problem::new(Exit::Interrupted, what).into())
            }
            Err(e) if caused => Err(run::interrupted(e)),
            result => result,
        }
    }

    /// The signals, and whom to tell, for a wait.
    pub fn signals(&mut self) -> (Arc<Interrupt>, &mut dyn Person) {
        (Arc::clone(&self.interrupt), &mut *self.person)
    }

    /// Clears the screen, if standard output is one; otherwise an empty line parts two results.
    pub fn clear_screen(&self) {
        let parts = if std::io::stdout().is_terminal() { "\x1b[H\x1b[2J\x1b[3J" } else { "\n" };
        // a reader that is gone is noticed by what comes next
        drop(std::io::stdout().write_all(parts.as_bytes()));
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
            // its causes are texts of the system, which has no secrets
            Err(error) if cover(&format!("{error:#}")) == format!("{error:#}") => error,
            Err(error) => anyhow::anyhow!(cover(&format!("{error:#}"))),
        }
    }

    /// What a reading command shows: a text for people, fields for programs.
    pub fn show(&mut self, text: &str, fields: serde_json::Value) -> Result<Exit> {
        self.record.fields(fields);
        if self.output == Output::Text { self.put(text) } else { Ok(Exit::Done) }
    }

    /// Whether another program may use our standard output: with a document it can't.
    pub fn lends_output(&self) -> bool {
        self.output == Output::Text
    }

    /// A path, as short as possible from here.
    pub fn short(path: &Path) -> String {
        outcome::short(path, &std::env::current_dir().unwrap_or_default())
    }
}

/// A text on standard output, unchanged; tasks print through the session, which knows what may be
/// shown, and where.
pub fn print(text: &str) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        // the reader has seen enough (`db-list | head`)
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(e) => Err(e).context("could not write to standard output"),
        Ok(()) => Ok(Exit::Done),
    }
}

/// An error, on standard error.
pub fn complain(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    // there is nobody to tell if standard error is closed
    let declined = error.downcast_ref::<Problem>().is_some_and(|p| p.exit == Exit::Declined);

    drop(writeln!(
        err,
        "{}{}",
        if declined { "" } else { "error: " },
        shown::text(&format!("{error:#}"))
    ));
}

/// What the servers say of these databases.
pub fn survey(session: &Session, databases: &[Database]) -> Result<Vec<Surveyed>> {
    let surveyor = session.surveyor();
    databases.iter().map(|d| surveyor.survey(d, Depth::Database)).collect()
}
