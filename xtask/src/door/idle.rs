//! A session that stays open for the next question: starting psql takes 10 ms, a tenth of a small
//! backup.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use super::ask::Answer;
use super::held::{Held, hold};
use crate::bytes;
use crate::cmd::Cmd;
use crate::config::Secrets;

/// At most one. It has no open transaction and holds no locks; but while it is connected nobody can
/// drop or rename its database, so it is closed before anything that takes time.
#[derive(Default)]
pub struct Idle(Mutex<Option<(Cmd, Held)>>);

impl Idle {
    /// Whether there is room for one.
    pub fn is_free(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Asks a command whose answer ends with a line of its own, and keeps it if that line comes.
    /// One that ends before has answered, too.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn ask(&self, cmd: &Cmd, last: &str, secrets: &Secrets) -> Result<Answer> {
        let mut held = Held::begin(cmd, secrets)?;
        let mut out = Vec::new();

        while let Some(line) = held.line()? {
            if line.trim_ascii_end() == last.as_bytes() {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((unasked(cmd), held));
                return Ok(Answer {
                    good: true,
                    code: Some(0),
                    out: bytes::text(&out),
                    err: String::new(),
                });
            }

            out.extend(line);
        }

        let ended = held.ended()?;
        Ok(Answer { out: bytes::text(&out), ..Answer::of(ended, secrets) })
    }

    /// What [`hold`] does, in the kept session if it is of this same command and still alive.
    ///
    /// # Errors
    /// Those of [`hold`].
    pub fn hold(&self, cmd: &Cmd, secrets: &Secrets) -> Result<Result<(Held, String), String>> {
        if let Some((kept, mut held)) = self.take()
            && kept == unasked(cmd)
        {
            held.tell(cmd);
            if let Some(line) = held.words()? {
                return Ok(Ok((held, line)));
            }
        }

        hold(cmd, secrets)
    }

    /// Ends it.
    pub fn let_go(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<(Cmd, Held)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A command, whatever it is asked.
fn unasked(cmd: &Cmd) -> Cmd {
    Cmd { input: None, ..cmd.clone() }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    const LAST: &str = "that is all";

    /// A shell that is told this, by the names of its arguments.
    fn shell(name: &str, text: &str) -> Cmd {
        Cmd::new("sh").args(["-s", name]).input(text)
    }

    fn asked(idle: &Idle, text: &str) -> Answer {
        idle.ask(&shell("one", text), LAST, &Secrets::default()).unwrap()
    }

    /// The number of the shell that is held, and of the one that was asked before.
    fn held(first: &str, name: &str) -> (String, String) {
        let idle = Idle::default();
        let answer = asked(&idle, first);
        let (held, line) = idle
            .hold(&shell(name, "echo $$\n"), &Secrets::default())
            .unwrap()
            .unwrap_or_else(|e| panic!("{e}"));

        assert!(idle.is_free(), "one alone is there");
        drop(held);

        (line, answer.out.trim().to_owned())
    }

    #[test]
    fn what_was_asked_is_held_where_it_is_the_same_command() {
        let (held_by, asked_of) = held("echo $$\necho that is all\n", "one");
        assert_eq!(held_by, asked_of);
        let (held_by, asked_of) = held("echo $$\necho that is all\n", "another");
        assert_ne!(held_by, asked_of);
    }

    #[test]
    fn what_was_ended_meanwhile_is_begun_anew() {
        let (held_by, asked_of) = held("echo $$\necho that is all\nexit 1\n", "one");
        assert_ne!(held_by, asked_of);
        assert!(!held_by.is_empty());
    }

    #[test]
    fn what_ends_before_has_answered_too() {
        let idle = Idle::default();
        let answer = asked(&idle, "echo some\necho no such thing >&2\nexit 3\n");
        assert_eq!(
            (answer.good, answer.code, answer.out.as_str(), answer.err.trim()),
            (false, Some(3), "some\n", "no such thing")
        );
        assert!(idle.is_free());

        let answer = asked(&idle, "echo some\nexit 0\n");
        assert!(answer.good && idle.is_free(), "one that has ended is not kept");
    }

    #[test]
    fn what_is_let_go_has_ended() {
        let idle = Idle::default();
        let pid = asked(&idle, "echo $$\necho that is all\n").out.trim().to_owned();
        assert!(
            !idle.is_free()
                && std::path::Path::new("/proc").join(&pid).exists() == cfg!(target_os = "linux")
        );
        idle.let_go();
        assert!(idle.is_free() && !std::path::Path::new("/proc").join(&pid).exists());
    }
}
