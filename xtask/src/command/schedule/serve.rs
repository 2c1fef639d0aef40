//! Starts what is due, one command after the other, each in a process of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Local, Utc};

use super::due::{self, Known, Next, Why};
use super::{Schedule, known, remembered, seed, view};
use crate::bundle::ending;
use crate::cmd::Cmd;
use crate::config::Schedule as Times;
use crate::disk;
use crate::human::duration;
use crate::problem::{Problem, Status};
use crate::run::memory::Memory;
use crate::run::program::{self, Onlooker};
use crate::session::{CLOCK, Session};

/// How long it sleeps at most. A machine that slept, or whose clock was set, is noticed then.
const GLANCE: Duration = Duration::from_secs(60);

/// What is started, and when.
pub struct Orders {
    /// The rhythms.
    pub times: Times,
    /// This program, for this project.
    pub words: Vec<String>,
    /// The options to hand on.
    pub args: Schedule,
}

/// Another scheduler of this project is at work.
pub fn already(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Problem>() {
        Ok(problem) => problem
            .told_as("a scheduler of this project is running")
            .cure("one is enough; `db-schedule` shows what it does")
            .into(),
        Err(error) => error,
    }
}

/// Starts all that is due, and returns.
///
/// # Errors
/// It can't remember what it did. A command that fails is no error: that is remembered, and tried
/// again.
pub fn what_is_due(session: &mut Session, orders: &Orders) -> Result<()> {
    let mut served = Served::begin(session, orders)?;
    served.memory.looked = Some(CLOCK());
    served.keep(session)?;
    served.rounds(session)
}

/// The same, until a signal comes.
///
/// # Errors
/// It can't remember what it did.
pub fn until_a_signal(session: &mut Session, orders: &Orders) -> Result<()> {
    let mut served = Served::begin(session, orders)?;
    served.keep(session)?;
    session.person.tell(&view::begins(&session.project, &orders.times));

    let mut told = Vec::new();
    while !session.interrupted() {
        served.rounds(session)?;

        let coming = due::coming(&served.known(session), CLOCK());
        if coming != told {
            session.person.tell(&view::coming_text(&coming, CLOCK()));
            told = coming;
        }

        let (interrupt, _) = session.signals();
        interrupt.wait(pause(&told, CLOCK()));
        served.beat(session);
    }

    served.health.remove();
    session.person.tell("the scheduler has ended: a signal came");
    Ok(())
}

/// How long it sleeps: until the next one is due, and no longer than [`GLANCE`].
fn pause(coming: &[Next], now: DateTime<Utc>) -> Duration {
    let next = coming.iter().map(|next| next.at).min();
    let until = next.map_or(GLANCE, |next| (next - now).to_std().unwrap_or_default());
    // to the next whole second, or it would wake a moment too early
    until.saturating_add(Duration::from_millis(5)).min(GLANCE)
}

struct Served<'a> {
    orders: &'a Orders,
    memory: Memory,
    seed: String,
    health: Health,
}

impl<'a> Served<'a> {
    fn begin(session: &Session, orders: &'a Orders) -> Result<Self> {
        let mut memory = remembered(session, orders.args.backup_dir.as_ref())?;
        memory.since.get_or_insert_with(CLOCK);
        let health = Health { file: orders.times.health_file.clone(), written: None };
        Ok(Self { orders, memory, seed: seed(session), health })
    }

    fn known(&self, session: &Session) -> Known<'_, Local> {
        known(&self.orders.times, &self.memory, &self.seed, session)
    }

    fn keep(&self, session: &Session) -> Result<()> {
        self.memory.write(&session.project.state_dir())
    }

    /// All that is due now. One that fails comes again later, so this ends.
    fn rounds(&mut self, session: &mut Session) -> Result<()> {
        while !session.interrupted() {
            let Some(next) = due::due(&self.known(session), CLOCK()) else { break };
            self.one(session, next)?;
        }
        Ok(())
    }

    fn one(&mut self, session: &mut Session, next: Next) -> Result<()> {
        let (began, watch) = (CLOCK(), Instant::now());
        let past = self.memory.chores.entry(next.chore).or_default().clone();
        let begun = crate::run::memory::Past { began: Some(began), ended: None, ..past.clone() };
        self.memory.chores.insert(next.chore, begun);
        self.keep(session)?;

        let status = self.start(session, next)?;
        let exit = match status {
            Status::Code(code) => Some(code),
            Status::Signal => None,
        };

        self.memory.chores.insert(next.chore, past.after(began, CLOCK(), exit));
        self.keep(session)?;
        session.person.tell(&format!(
            "{} {}: {} ({})",
            view::clock(CLOCK()),
            next.chore.word(),
            view::outcome(exit),
            duration(watch.elapsed())
        ));
        self.health.written = None;
        self.beat(session);

        Ok(())
    }

    fn start(&mut self, session: &mut Session, next: Next) -> Result<Status> {
        let typed = self.orders.args.command(next.chore);
        let why = match next.why {
            Why::Retry(failures) => format!(", again after {}", view::failures(failures)),
            Why::First | Why::Regular => String::new(),
        };
        session.person.tell(&format!(
            "{} {}: {}{why}",
            view::clock(CLOCK()),
            next.chore.word(),
            typed
        ));

        let mut words = self.orders.words.iter().cloned();
        let cmd = Cmd {
            program: words.next().unwrap_or_default(),
            args: words.chain([typed.program]).chain(typed.args).collect(),
            ..typed
        };
        let cmd = cmd.dir(std::path::absolute(&session.project.root)?);

        let secrets = session.project.secrets.clone();
        let wrong = self.wrong(session);
        let (interrupt, person) = session.signals();
        let mut told = Told { person, health: &mut self.health, wrong };
        program::run(&cmd, &secrets, &interrupt, &mut told)
    }

    fn wrong(&self, session: &Session) -> Vec<String> {
        let starter = view::Starter { running: true, looked: None };
        view::wrong(&self.known(session), starter, CLOCK())
    }

    fn beat(&mut self, session: &mut Session) {
        let wrong = self.wrong(session);
        if let Some(why) = self.health.beat(&wrong) {
            session.person.say(&format!("warning: the health file was not written: {why}"));
        }
    }
}

/// The file that says that it is at work.
struct Health {
    file: Option<PathBuf>,
    written: Option<Instant>,
}

impl Health {
    /// Writes it, at most once a minute; why it could not.
    fn beat(&mut self, wrong: &[String]) -> Option<String> {
        let file = self.file.as_ref()?;
        if self.written.is_some_and(|written| written.elapsed() < GLANCE) {
            return None;
        }

        self.written = Some(Instant::now());
        let text = if wrong.is_empty() { "ok".into() } else { wrong.join("\n") };
        let written = disk::replace(file, &ending::partial(file), format!("{text}\n").as_bytes());
        written.err().map(|why| format!("{why:#}"))
    }

    /// A scheduler that has ended is not at work.
    fn remove(&self) {
        if let Some(file) = &self.file {
            // it may never have been written
            drop(std::fs::remove_file(file));
        }
    }
}

/// Passes on what a command says.
struct Told<'a> {
    person: &'a mut dyn crate::ui::person::Person,
    health: &'a mut Health,
    wrong: Vec<String>,
}

impl Onlooker for Told<'_> {
    fn said(&mut self, line: &str) {
        self.person.tell(&format!("  {line}"));
    }

    fn at_work(&mut self) {
        // what can't be written is said when the command has ended
        drop(self.health.beat(&self.wrong));
    }
}
