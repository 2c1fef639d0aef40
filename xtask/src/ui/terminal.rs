//! The terminal: steps as they happen, questions, colour where it is wanted. All of it on standard error.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{human, told};
use crate::door::Interrupt;
use crate::gate::Ask;
use crate::plan::Act;
use crate::problem::{Exit, Problem};
use crate::run::{Found, Progress, Watch};

/// Whether colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Every step.
    Steps,
    /// Only what goes wrong.
    Quiet,
}

/// Standard error, and the person who reads it.
pub struct Terminal {
    colour: Colour,
    telling: Telling,
    live: bool,
    interrupt: Arc<Interrupt>,
    last_drawn: Option<Instant>,
    here: PathBuf,
}

impl Terminal {
    /// Looks at standard error, `NO_COLOR` (<https://no-color.org>) and `TERM`.
    pub fn new(env: &crate::config::Env, telling: Telling, interrupt: Arc<Interrupt>) -> Self {
        let live = std::io::stderr().is_terminal() && env.get("TERM") != Some("dumb");
        let colour = if live && env.get("NO_COLOR").is_none() { Colour::On } else { Colour::Off };
        let here = std::env::current_dir().unwrap_or_default();
        Self { colour, telling, live, interrupt, last_drawn: None, here }
    }

    /// Says something.
    pub fn say(&mut self, text: &str) {
        self.clear_line();
        // nobody to tell it to when standard error is closed
        drop(writeln!(std::io::stderr(), "{text}"));
    }

    /// Says something that a quiet run leaves out.
    pub fn tell(&mut self, text: &str) {
        if self.telling == Telling::Steps {
            self.say(text);
        }
    }

    /// A word in a colour (an SGR code).
    pub fn paint(&self, code: &str, text: &str) -> String {
        if self.colour == Colour::On { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A line that the next one replaces; only where somebody watches.
    fn draw(&mut self, text: &str) {
        if self.live && self.telling == Telling::Steps {
            let shown: String = text.chars().take(100).collect();
            drop(write!(std::io::stderr(), "\r\x1b[K  {} {shown}", self.paint("36", "·")));
            self.last_drawn = Some(Instant::now());
        }
    }

    fn clear_line(&mut self) {
        if self.last_drawn.take().is_some() {
            drop(write!(std::io::stderr(), "\r\x1b[K"));
        }
    }
}

impl Watch for Terminal {
    fn begin(&mut self, act: &Act) {
        self.draw(&told::doing(act, &self.here));
    }

    fn progress(&mut self, p: &Progress) {
        if self.last_drawn.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
            self.draw(&progress_line(p));
        }
    }

    fn done(&mut self, act: &Act, found: Option<&Found>, took: Duration) {
        let took = self.paint("2", &format!("({})", human::duration(took)));
        let line = format!("  {} {} {took}", self.paint("32", "✓"), told::done(act, found, &self.here));
        self.tell(&line);
    }

    fn line(&mut self, line: &str) {
        let line = format!("    {} {line}", self.paint("2", "│"));
        self.tell(&line);
    }

    fn failed(&mut self, act: &Act, took: Duration) {
        let took = self.paint("2", &format!("({})", human::duration(took)));
        let line = format!("  {} {} {took}", self.paint("31", "✗"), told::doing(act, &self.here));
        self.say(&line);
    }
}

/// Bytes, rate, and the time left where the size is known from the manifest or the server.
pub fn progress_line(p: &Progress) -> String {
    let seconds = p.elapsed.as_secs_f64().max(0.001);
    let rate = p.bytes as f64 / seconds;
    let mut line = format!("{}, {}/s, {}", human::bytes(p.bytes), human::bytes(rate as u64), human::counted(p.rows, "row"));
    if let Some(expected) = p.expected.filter(|e| *e > p.bytes) {
        let share = p.bytes as f64 / expected as f64;
        let left = (expected - p.bytes) as f64 / rate.max(1.0);
        let filled = (share * 20.0) as usize;
        line = format!(
            "[{}{}] {:>3.0} %  {line}, about {} left",
            "█".repeat(filled),
            "░".repeat(20 - filled),
            share * 100.0,
            human::duration(Duration::from_secs_f64(left.min(1e6)))
        );
    }
    line
}

impl Terminal {
    /// A line as typed; `None` at the end of input. A signal does not end a read, so that another thread reads.
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
                    return Err(Problem::new(Exit::Interrupted, "interrupted: nothing was changed").into());
                }
            }
        }
    }
}

impl Ask for Terminal {
    fn ask(&mut self, question: &str) -> Result<Option<String>> {
        self.clear_line();
        let mut err = std::io::stderr();
        write!(err, "{question}")?;
        err.flush()?;
        let line = self.read_line()?;
        if line.is_none() {
            writeln!(err)?;
        }
        Ok(line.map(|line| line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}
