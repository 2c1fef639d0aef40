//! A person at a terminal: util-linux's `script` gives the tool one, and this types.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::{Bench, TOOL};
use crate::support::component::{output, quoted};

const PATIENCE: Duration = Duration::from_secs(20);

/// A run of the tool with a person before it.
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Receiver<Vec<u8>>,
    screen: String,
    /// Where the next look begins.
    looked: usize,
}

/// Whether there is a `script` that can run one command and give its exit code.
pub fn available() -> Result<(), String> {
    match output(Command::new("script").arg("--version"))?.contains("util-linux") {
        true => Ok(()),
        false => Err("it is not util-linux's".into()),
    }
}

impl Terminal {
    pub fn run(bench: &Bench, args: &[&str]) -> Self {
        let words: Vec<String> = [TOOL].iter().chain(args).map(quoted).collect();
        Self::line(bench, &format!("exec {}", words.join(" ")))
    }

    /// Runs a line of shell.
    pub fn line(bench: &Bench, line: &str) -> Self {
        Self::of(bench.command("script"), line)
    }

    /// The same in a `script` that somebody has prepared.
    pub fn of(mut script: Command, line: &str) -> Self {
        script.args(["-qec", line, "/dev/null"]).env("TERM", "dumb");
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();

        let (mut out, keys) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let (send, shown) = channel();

        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });

        Self { child, keys, shown, screen: String::new(), looked: 0 }
    }

    /// Waits for these words.
    #[track_caller]
    pub fn sees(&mut self, words: &str) -> &mut Self {
        while !self.screen[self.looked..].contains(words) {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(e) => panic!("{e}: no `{words}` on the screen:\n{}", self.screen),
            }
        }
        self.looked += self.screen[self.looked..].find(words).unwrap() + words.len();
        self
    }

    /// Types.
    pub fn types(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// Waits for the end; the exit code, and the whole screen.
    #[track_caller]
    pub fn ends(mut self, code: i32) -> String {
        loop {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(e) => {
                    // it is about to be told as a failure anyhow
                    drop(self.child.kill());
                    panic!("{e}: it goes on:\n{}", self.screen);
                }
            }
        }

        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{}", self.screen);

        self.screen
    }
}
