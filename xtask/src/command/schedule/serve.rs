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
use crate::problem::{Code, Problem, Status, one_line};
use crate::run::memory::{Memory, Past};
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
    served.health.is_ours()?;
    session.person.tell(&view::begins(&session.project, &orders.times));

    let ended = served.serve(session);
    served.health.remove();
    ended?;

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
        let since = memory.since.filter(|since| !due::is_of_the_future(*since, CLOCK()));
        memory.since = since.or(Some(CLOCK()));
        let health = Health { file: orders.times.health_file.clone(), written: None };
        Ok(Self { orders, memory, seed: seed(session), health })
    }

    fn known(&self, session: &Session) -> Known<'_, Local> {
        known(&self.orders.times, &self.memory, &self.seed, session)
    }

    fn keep(&self, session: &Session) -> Result<()> {
        self.memory.write(&session.project.state_dir())
    }

    /// The same where nothing ends for it, such as a full disk that the next cleanup frees: what it
    /// did is known for as long as it runs.
    fn keep_or_say(&mut self, session: &mut Session) {
        if let Err(e) = self.keep(session) {
            let why = one_line(&e.to_string());
            session.person.say(&format!("warning: the schedule was not noted: {why}"));
        }
    }

    /// What is due, and then what comes next, until a signal comes.
    fn serve(&mut self, session: &mut Session) -> Result<()> {
        let mut told = Vec::new();

        while !session.interrupted() {
            self.rounds(session)?;

            let coming = due::coming(&self.known(session), CLOCK());
            if coming != told {
                session.person.tell(&view::coming_text(&coming, CLOCK()));
                told = coming;
            }

            let (interrupt, _) = session.signals();
            interrupt.wait(pause(&told, CLOCK()));
            self.beat(session);
        }

        Ok(())
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
        let begun = Past { began: Some(began), ended: None, ..past.clone() };
        self.memory.chores.insert(next.chore, begun);
        self.keep_or_say(session);

        let status = self.start(session, next)?;
        let exit = match status {
            Status::Code(code) => Some(code),
            Status::Signal => None,
        };

        self.memory.chores.insert(next.chore, past.after(began, CLOCK(), exit));
        self.keep_or_say(session);
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

/// How it begins, so that no other file is taken for it.
const MARK: &str = "db-tasks: ";

impl Health {
    /// It is written over and removed, so what is there must be one of these.
    fn is_ours(&self) -> Result<(), Problem> {
        let Some(file) = &self.file else { return Ok(()) };
        if std::fs::symlink_metadata(file).is_err() || self.is_there() {
            return Ok(());
        }

        Err(Problem::refused(format!("`{}` is not a health file", file.display()))
            .code(Code::FileError)
            .because("it is as it was: a scheduler would write over it, and remove it at its end")
            .cure("name another file in `schedule.health-file`, or move this one away"))
    }

    fn is_there(&self) -> bool {
        let is_file = |file: &&PathBuf| std::fs::symlink_metadata(file).is_ok_and(|m| m.is_file());
        let text = self.file.as_ref().filter(is_file).and_then(|file| std::fs::read(file).ok());
        text.is_some_and(|text| text.starts_with(MARK.as_bytes()))
    }

    /// Writes it, at most once a minute; why it could not.
    fn beat(&mut self, wrong: &[String]) -> Option<String> {
        let file = self.file.as_ref()?;
        if self.written.is_some_and(|written| written.elapsed() < GLANCE) {
            return None;
        }

        self.written = Some(Instant::now());
        let text = if wrong.is_empty() { "ok".into() } else { wrong.join("\n") };
        let text = format!("{MARK}{text}\n");
        let written = disk::replace(file, &ending::partial(file), text.as_bytes());
        written.err().map(|why| format!("{why:#}"))
    }

    /// A scheduler that has ended is not at work.
    fn remove(&self) {
        if self.is_there() {
            self.file.iter().for_each(|file| drop(std::fs::remove_file(file)));
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
