//! The psql that a dump is loaded by: it gets its last words only when all has proved good.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use super::pipe::{CHUNK, wide_pipe};
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::door::movers::{self, Child, Input, Outlet};
use crate::engine::postgres::proof::{self, BEGUN};
use crate::engine::postgres::script::Scanner;
use crate::plan::{Load, Proof, Restrict, Trust};
use crate::problem::Problem;

/// A load under way.
pub struct Loading {
    child: Child,
    stdin: PipeWriter,
    /// Told, once, when the transaction has begun; it ends without that when psql does.
    begun: Receiver<()>,
    answer: JoinHandle<String>,
    load: Load,
    sent: u64,
    held: Vec<u8>,
}

impl Loading {
    /// Starts psql and gives it its first words.
    pub fn open(load: &Load, secrets: &Secrets, interrupt: &Interrupt) -> Result<Self> {
        let (reader, mut stdin) = wide_pipe()?;
        let (said, saying) = wide_pipe()?;
        let child = movers::start(&load.cmd, Input::Pipe(reader), Outlet::Pipe(saying), secrets, interrupt)?;
        // a psql that can't connect closes its end: its own words come later
        drop(stdin.write_all(load.before.as_bytes()));
        let (tell, begun) = sync_channel(1);
        let answer = std::thread::spawn(move || listen(said, &tell));
        Ok(Self { child, stdin, begun, answer, load: load.clone(), sent: 0, held: Vec::new() })
    }

    /// Passes on what the scanner has let go.
    pub fn take(&mut self, chunk: &[u8], scanner: &mut Scanner, proof: &Proof) -> Result<()> {
        if self.held.is_empty() {
            let kept = self.pass_on(chunk, scanner, proof)?;
            self.held.extend_from_slice(&chunk[kept..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(chunk);
            let kept = self.pass_on(&held, scanner, proof)?;
            held.drain(..kept);
            self.held = held;
        }
        anyhow::ensure!(self.held.len() < 16 * CHUNK, refused_line(scanner));
        Ok(())
    }

    /// Sends what may be sent of `bytes`; returns how many were dealt with.
    fn pass_on(&mut self, bytes: &[u8], scanner: &mut Scanner, proof: &Proof) -> Result<usize> {
        let first = self.sent;
        let end = first + bytes.len() as u64;
        let released = match proof.trust {
            Trust::Dump => scanner.released().min(end),
            Trust::Script => end,
        };
        let mut at = first;
        for line in scanner.take_restrict_lines() {
            if proof.restrict == Restrict::Drop {
                self.stdin.write_all(slice(bytes, first, at, line.start))?;
                // an empty line in its place: psql counts lines for its messages
                self.stdin.write_all(b"\n")?;
                at = line.end;
            }
        }
        self.stdin.write_all(slice(bytes, first, at, released))?;
        let dealt_with = (released.max(at) - first) as usize;
        self.sent += dealt_with as u64;
        Ok(dealt_with)
    }

    /// Only now does psql get to hear COMMIT. Returns what it and its helper say.
    pub fn finish(self, secrets: &Secrets, interrupt: &Interrupt) -> Result<[String; 2]> {
        let Self { child, mut stdin, begun, answer, load, .. } = self;
        // a psql that has died closes its end, and says why itself
        drop(stdin.write_all(load.after.as_bytes()));
        drop(stdin);
        // before that there is no lock to wait for, and perhaps no database
        let has_begun = begun.recv().is_ok();
        let beside = has_begun.then(|| movers::start(&load.beside, Input::Text, Outlet::Kept, secrets, interrupt));
        child.wait().map_err(|e| explained(e, &load, has_begun))?;
        let helped = beside.map_or(Ok(String::new()), |helper| helper?.wait())?;
        let answer = answer.join().map_err(|_| anyhow::anyhow!("the thread that listens to psql broke down"))?;
        Ok([answer, helped])
    }

    /// Gives the load up: psql is killed before it can read the end of its input, so that nothing is committed.
    pub fn abort(self) {
        self.child.kill();
        drop(self.stdin);
        drop(self.child.wait());
    }

    /// What a psql that died by itself says, before it is given up.
    pub fn cause_of_death(self) -> Option<anyhow::Error> {
        std::thread::sleep(Duration::from_millis(20));
        self.child.kill();
        drop(self.stdin);
        let died = self.child.wait().err().filter(|e| !movers::was_killed(e))?;
        Some(explained(died, &self.load, self.begun.recv().is_ok()))
    }
}

/// Before the transaction began, no line was of the dump.
fn explained(error: anyhow::Error, load: &Load, has_begun: bool) -> anyhow::Error {
    if has_begun { proof::at_line(error, load.before.lines().count() as u64) } else { proof::without_lines(error) }
}

/// All that psql says.
fn listen(said: PipeReader, begun: &SyncSender<()>) -> String {
    let mut text = String::new();
    let mut said = BufReader::new(said);
    let mut line = Vec::new();
    while said.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        let words = String::from_utf8_lossy(&line);
        // whoever does not wait for it any more has given the load up
        if words != BEGUN || begun.try_send(()).is_err() {
            text.push_str(&words);
        }
        line.clear();
    }
    text
}

fn slice(bytes: &[u8], base: u64, from: u64, to: u64) -> &[u8] {
    &bytes[(from - base) as usize..(to.max(from) - base) as usize]
}

fn refused_line(scanner: &Scanner) -> Problem {
    Problem::failed(format!("the dump holds a psql meta-command after {} bytes; it was not run", scanner.released()))
        .cure("look at that line; `--trust` runs the file as a script of your own")
}
