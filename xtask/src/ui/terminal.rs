//! The terminal: steps as they happen, questions, colour if wanted. All of it on standard error.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::person::{Person, Telling};
use super::{outcome, progress, shown};
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::gate::Ask;
use crate::human;
use crate::plan::StepId;
use crate::problem::{Exit, Problem, shorten};
use crate::run::{Ending, Event, Listener, Logbook, Progress, Ran};

/// Whether colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// Standard error, and the person who reads it.
pub struct Terminal {
    colour: Colour,
    telling: Telling,
    live: bool,
    interrupt: Arc<Interrupt>,
    last_drawn: Option<Instant>,
    doing: String,
    /// The steps that the person read, in their order: they are ticked off by number.
    listed: Vec<StepId>,
    here: PathBuf,
    secrets: Secrets,
    /// Where all of it is also logged, however much is shown.
    log: Option<Rc<Logbook>>,
}

impl Terminal {
    /// Looks at standard error, `NO_COLOR` (<https://no-color.org>) and `TERM`.
    pub fn new(env: &crate::config::Env, telling: Telling, interrupt: Arc<Interrupt>) -> Self {
        let live = std::io::stderr().is_terminal() && env.get("TERM") != Some("dumb");
        let colour = if live && env.get("NO_COLOR").is_none() { Colour::On } else { Colour::Off };
        let here = std::env::current_dir().unwrap_or_default();

        Self {
            colour,
            telling,
            live,
            interrupt,
            last_drawn: None,
            doing: String::new(),
            listed: Vec::new(),
            here,
            secrets: Secrets::default(),
            log: None,
        }
    }

    /// A line of which each part is safe, painted or not.
    fn put(&mut self, text: &str) {
        self.note(text);
        self.tell_at_once(text);
    }

    fn tell_at_once(&mut self, text: &str) {
        self.clear_line();
        // there is nobody to tell if standard error is closed
        drop(writeln!(std::io::stderr(), "{text}"));
    }

    fn put_step(&mut self, text: &str) {
        self.note(text);
        if self.telling == Telling::Steps {
            self.tell_at_once(text);
        }
    }

    /// As it may be shown: without secrets, and without what would control the terminal.
    fn safe(&self, text: &str) -> String {
        shown::text(&self.secrets.cover(text)).into_owned()
    }

    /// The same for one line.
    fn safe_line(&self, line: &str) -> String {
        shown::line(&self.secrets.cover(line)).into_owned()
    }

    /// A safe text in a colour (an SGR code).
    fn paint(&self, code: &str, text: &str) -> String {
        let text = self.safe(text);
        if self.colour == Colour::On { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }

    /// A line that the next one replaces; only at a terminal.
    fn draw(&mut self, text: &str) {
        if self.live && self.telling == Telling::Steps {
            // a line that is too long would wrap, and could not be replaced
            let shown: String = shown::line(&self.safe(text)).chars().take(width()).collect();
            drop(write!(std::io::stderr(), "\r\x1b[K  {} {shown}", self.paint("36", "·")));
            self.last_drawn = Some(Instant::now());
        }
    }

    /// A step's number in the list, if the person has seen one.
    fn number(&self, id: StepId) -> String {
        let at = self.listed.iter().position(|listed| *listed == id);
        at.map_or(String::new(), |at| format!("{}. ", at + 1))
    }

    fn clear_line(&mut self) {
        if self.last_drawn.take().is_some() {
            drop(write!(std::io::stderr(), "\r\x1b[K"));
        }
    }
}

impl Terminal {
    fn begun(&mut self, step: Ran<'_>) {
        self.doing = outcome::doing(step.act, &self.here);
        self.note(&format!("  · {}", self.doing));
        self.draw(&self.doing.clone());
    }

    fn moved(&mut self, p: &Progress) {
        let shown = self.live && self.telling == Telling::Steps;
        if shown && self.last_drawn.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
            self.draw(&progress::line(&self.doing, p, width()));
        }
    }

    fn ended(&mut self, Ran { id, act }: Ran<'_>, end: Ending<'_>, took: Duration) {
        let took = self.paint("2", &format!("({})", human::duration(took)));
        let found = if let Ending::Done(found) = end { found } else { None };
        let done = self.safe_line(&outcome::done(act, found, &self.here));

        let (good, bad) = (self.paint("32", "✓"), self.paint("31", "✗"));
        match end {
            Ending::Done(_) => self.put_step(&format!("  {good} {}{done} {took}", self.number(id))),
            Ending::CleanedUp => {
                self.put_step(&format!("  {good} clean-up, if needed: {done} {took}"));
            }
            Ending::Failed if self.telling == Telling::Nothing => {}
            Ending::Failed => {
                let doing = self.safe_line(&outcome::doing(act, &self.here));
                self.put(&format!("  {bad} {}{doing} {took}", self.number(id)));
            }
        }
    }
}

impl Listener for Terminal {
    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Begun(step) => self.begun(*step),
            Event::Moved(progress) => self.moved(progress),
            Event::Printed(line) => {
                let line = format!("    {} {}", self.paint("2", "│"), shown::program_line(line));
                self.put_step(&line);
            }
            Event::Reported(what) => self.say(&format!("    {}", shown::line(what))),
            Event::Ended { step, end, took } => self.ended(*step, *end, *took),
            // the list is of one plan
            Event::Over(_) => self.listed.clear(),
            Event::Started(_) => {}
        }
    }
}

/// Shows something from outside the run, in the middle of a step.
pub fn aside(text: &str) {
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    drop(writeln!(std::io::stderr(), "{clear}    {}", shown::text(text)));
}

/// Columns of the terminal, or those that COLUMNS says; unknown for a pipe or a file.
#[cfg(unix)]
pub fn width_of(stream: &impl std::os::fd::AsFd, env: &crate::config::Env) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
    Some(size).filter(|columns| *columns > 0).or_else(|| said_width(env))
}

/// Columns that COLUMNS says.
#[cfg(not(unix))]
pub fn width_of<T>(_: &T, env: &crate::config::Env) -> Option<usize> {
    said_width(env)
}

fn said_width(env: &crate::config::Env) -> Option<usize> {
    env.get("COLUMNS")?.parse().ok().filter(|columns| *columns > 0)
}

/// Columns for a text that is indented by four and leaves the last one free; 80 if unknown.
fn width() -> usize {
    #[cfg(unix)]
    let columns =
        rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    #[cfg(not(unix))]
    let columns = 0_usize;
    if columns == 0 { 75 } else { columns.saturating_sub(5) }
}

impl Terminal {
    /// A line as typed; `None` at the end of input. A signal does not end a read, so another thread
    /// reads.
    fn read_line(&self) -> Result<Option<String>> {
        let (send, answer) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            // nobody waits for it after a signal
            drop(send.send(read.map(|n| (n > 0).then_some(line))));
        });

        loop {
            match answer.recv_timeout(Duration::from_millis(50)) {
                Ok(read) => return Ok(read?),
                Err(RecvTimeoutError::Timeout) if !self.interrupt.hit() => {}
                Err(_) => {
                    drop(writeln!(std::io::stderr()));
                    return Err(Problem::new(
                        Exit::Interrupted,
                        "interrupted: nothing was changed",
                    )
                    .into());
                }
            }
        }
    }
}

impl Person for Terminal {
    fn keep(&mut self, log: Rc<Logbook>) {
        self.log = Some(log);
    }

    fn note(&self, text: &str) {
        if let Some(log) = &self.log {
            log.write(&shown::text(&self.secrets.redact(&shown::without_colours(text))));
        }
    }

    fn hide(&mut self, secrets: &Secrets) {
        self.secrets = secrets.clone();
    }

    fn turn(&mut self, telling: Telling) -> Telling {
        std::mem::replace(&mut self.telling, telling)
    }

    fn say(&mut self, text: &str) {
        let text = self.safe(text);
        self.put(&text);
    }

    fn tell(&mut self, text: &str) {
        let text = self.safe(text);
        self.put_step(&text);
    }

    fn tell_all(&mut self, begin: &str, style: &str, sentences: &[String]) {
        for sentence in sentences {
            let sentence = shown::line(&self.secrets.cover(sentence)).into_owned();
            let lines = if self.live { human::wrapped(&sentence, width()) } else { vec![sentence] };
            for line in lines {
                let painted =
                    if style.is_empty() { self.safe(&line) } else { self.paint(style, &line) };
                self.put_step(&format!("{begin}{painted}"));
            }
        }
    }

    fn warn(&mut self, stakes: &[String]) {
        let bar = format!("  {} ", self.paint("1;33", "┃"));
        self.tell_all(&bar, "33", stakes);
    }

    fn warn_and_list(&mut self, stakes: &[String], steps: &[(StepId, String)]) {
        let telling = std::mem::replace(&mut self.telling, Telling::Steps);
        self.say("");
        self.warn(stakes);
        self.say("");

        for (at, (_, step)) in steps.iter().enumerate() {
            self.say(&format!("  {:>2}. {}", at + 1, shorten(step, width().saturating_sub(3))));
        }

        self.say("");
        self.telling = telling;
        self.listed = steps.iter().map(|(id, _)| *id).collect();
    }
}

impl Ask for Terminal {
    fn ask(&mut self, question: &str) -> Result<Option<String>> {
        self.clear_line();
        self.note(&format!("asked: {question}"));

        let mut err = std::io::stderr();
        write!(err, "{}", self.safe(question))?;
        err.flush()?;

        let line = self.read_line()?;
        if line.is_none() {
            writeln!(err)?;
        }

        Ok(line.map(|line| line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}
