//! The psql that loads a dump: it gets its last statements only once everything is verified.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use super::child::{self, Child};
use super::key::new_key;
use super::later::Later;
use crate::bytes;
use crate::cmd::{Cmd, readable};
use crate::config::Secrets;
use crate::disk::wide_pipe;
use crate::door::Interrupt;
use crate::door::children::{self, Input, Outlet};
use crate::engine::postgres::catalog::counting::{Counts, read_counts};
use crate::engine::postgres::change::loading::{BEGUN, COUNTED, COUNTS, counted_as_dumped, keyed};
use crate::engine::postgres::change::statistics::{Bare, read_bare};
use crate::engine::postgres::client::failed_load;
use crate::engine::postgres::client::warnings::Warnings;
use crate::engine::postgres::script::{Again, Between, Scanner, Script, Withheld, proof};
use crate::plan::{By, Count, Load, Proof};
use crate::problem::{Problem, rolled_back};
use crate::value::{Spare, Trust};

/// Bytes that may wait for what decides whether psql gets them.
const MOST_HELD: usize = 4 << 20;

/// A load under way.
pub struct Loading {
    child: Child,
    stdin: PipeWriter,
    /// What psql said up to each of [`MARKS`]; it ends when psql does.
    marks: Receiver<String>,
    answer: JoinHandle<String>,
    load: Load,
    /// Unique to this load: no dump can know it.
    key: String,
    sent: u64,
    held: Vec<u8>,
    asides: Vec<Withheld>,
    again: Vec<Again>,
    /// What is sent after the loader role is gone.
    later: Later,
    /// The lines of the dump before which psql got a line of ours: its own line count is one higher
    /// for each.
    told: Vec<u64>,
}

/// What a load has made, as psql says.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Rows per table.
    pub counts: Counts,
    /// Tables of which it has no statistics.
    pub bare: Vec<Bare>,
    /// What the server warned of on the way.
    pub warnings: Warnings,
}

impl Loading {
    /// Starts psql and sends it its first statements.
    pub fn open(load: &Load, secrets: &Secrets, interrupt: &Interrupt) -> Result<Self> {
        let (reader, mut stdin) = wide_pipe()?;
        let (said, saying) = wide_pipe()?;

        let child =
            child::start(&load.cmd, Input::Pipe(reader), Outlet::Pipe(saying), secrets, interrupt)?;

        // a psql that can't connect closes its end: its own message comes later
        let (key, load) = (new_key(), load.clone());
        drop(stdin.write_all(&bytes::of(&keyed(&load.before, &key))));
        drop(stdin.write_all(load.fence.lines(&key)[0].as_bytes()));

        let (tell, marks) = sync_channel(2);
        let ends = [BEGUN, COUNTED].map(|mark| format!("{mark} {key}\n"));
        let answer = std::thread::spawn(move || listen(said, &ends, &tell));
        let (held, asides, again, later, told) = Default::default();

        Ok(Self {
            child,
            stdin,
            marks,
            answer,
            load,
            key,
            sent: 0,
            held,
            asides,
            again,
            later,
            told,
        })
    }

    /// Passes on what the scanner released.
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

        if self.held.len() < MOST_HELD { Ok(()) } else { held_up(scanner, proof) }
    }

    /// Sends what may be sent of `bytes`; returns how many were handled.
    fn pass_on(&mut self, bytes: &[u8], scanner: &mut Scanner, proof: &Proof) -> Result<usize> {
        let first = self.sent;
        let end = first + bytes.len() as u64;
        let released = scanner.released(proof.trust).min(end);
        let mut at = first;

        self.asides.extend(
            scanner.take_asides().into_iter().filter(|a| proof.leave_out.contains(&a.what)),
        );
        let again = scanner.take_again();
        self.again.extend(again.into_iter().filter(|_| proof.trust == Trust::Dump));

        // nothing beyond what is released is passed on, not even to get to what is left out
        let due = self.asides.iter().take_while(|a| a.at.end <= released).count();
        let told = self.again.iter().take_while(|a| a.at < released).count();
        let due: Vec<Withheld> = self.asides.drain(..due).collect();

        due.iter().try_for_each(|aside| {
            self.later.keep(aside.what, slice(bytes, first, aside.at.start, aside.at.end))
        })?;
        let gone = due.into_iter().filter(|aside| aside.what != Spare::Reading);
        let told =
            self.again.drain(..told).filter_map(|again| change(again, &self.load, &self.key));

        for change in changes(gone, told) {
            anyhow::ensure!(change.from >= at, "a command for psql comes too late");
            self.stdin.write_all(slice(bytes, first, at, change.from))?;

            // empty lines in the place of what is left out: psql counts lines for its messages
            let lines =
                slice(bytes, first, change.from, change.to).iter().filter(|b| **b == b'\n').count();
            self.stdin.write_all(&vec![b'\n'; lines])?;
            self.stdin.write_all(change.words.as_bytes())?;
            self.told.extend(
                change.line.into_iter().flat_map(|line| change.words.lines().map(move |_| line)),
            );
            at = change.to;
        }

        self.stdin.write_all(slice(bytes, first, at, released))?;
        let dealt_with = (released.max(at) - first) as usize;
        self.sent += dealt_with as u64;

        Ok(dealt_with)
    }

    /// psql gets our own statements again: whatever state the dump left it in, they are not part of
    /// it.
    fn say(&mut self, words: &str) {
        let free = &self.load.fence.lines(&self.key)[1];
        // a psql that died closes its end, and says why itself
        drop(self.stdin.write_all(&bytes::of(&(format!("\n{free}") + &keyed(words, &self.key)))));
    }

    /// Only now psql gets COMMIT. Returns what it said about what is there.
    ///
    /// # Errors
    /// psql's own, and rows that do not match the dump.
    pub fn finish(
        mut self,
        script: &Script,
        secrets: &Secrets,
        interrupt: &Interrupt,
    ) -> Result<Loaded> {
        let (fence, by, later) =
            (self.load.fence, self.load.by.clone(), std::mem::take(&mut self.later));
        let encoding = script.encoding.as_deref();
        let mut loaded = match self.load.count.clone() {
            Count::Shared(beside) => {
                let loaded = self.commit_then_count(&beside, encoding, secrets, interrupt)?;
                proof::loaded(script, &loaded.counts)?;
                loaded
            }
            Count::First(sql) => {
                self.count_then_commit(&counted_as_dumped(&sql, encoding), script)?
            }
            Count::Not => self.commit()?,
        };

        if let By::Loader(Some(handover)) = by {
            let warnings = later.give(&handover, fence, secrets, interrupt)?;
            loaded.warnings = loaded.warnings.and(warnings);
        }

        Ok(loaded)
    }

    fn commit(mut self) -> Result<Loaded> {
        self.say(&self.load.after.clone());
        drop(self.stdin);
        let has_begun = self.marks.recv().is_ok();
        let (_, said) = self
            .child
            .wait_and_hear()
            .map_err(|e| explained(e, &self.load, &self.told, has_begun))?;
        Ok(Loaded { warnings: Warnings::read(&said), ..Loaded::default() })
    }

    fn commit_then_count(
        mut self,
        beside: &Cmd,
        encoding: Option<&str>,
        secrets: &Secrets,
        interrupt: &Interrupt,
    ) -> Result<Loaded> {
        let words = |words: &str| counted_as_dumped(words, encoding);
        self.say(&words(&self.load.after));

        let Self { child, stdin, marks, answer, load, key, told, .. } = self;
        drop(stdin);

        let beside = Cmd {
            input: beside.input.as_deref().map(|said| keyed(&words(said), &key)),
            ..beside.clone()
        };
        // before that there is no lock to wait for, and perhaps no database
        let has_begun = marks.recv().is_ok();
        let beside =
            has_begun.then(|| child::start(&beside, Input::Text, Outlet::Kept, secrets, interrupt));
        let (_, heard) =
            child.wait_and_hear().map_err(|e| explained(e, &load, &told, has_begun))?;
        let helped = beside.map_or(Ok(String::new()), |helper| helper?.wait())?;

        let answer = answer
            .join()
            .map_err(|_| anyhow::anyhow!("the thread that listens to psql panicked"))?;
        let bare = [&answer, &helped].into_iter().flat_map(|said| read_bare(said)).collect();
        let counts = [answer, helped]
            .map(|said| counted(&said, &key))
            .into_iter()
            .collect::<Option<Vec<_>>>();

        let loaded = counts.map(|counts| Loaded {
            counts: counts.concat(),
            bare,
            warnings: Warnings::read(&heard),
        });
        loaded.ok_or_else(|| unheard("psql ended before it had counted").into())
    }

    fn count_then_commit(mut self, sql: &str, script: &Script) -> Result<Loaded> {
        self.say(sql);
        let has_begun = self.marks.recv().is_ok();

        let Ok(said) = self.marks.recv() else {
            drop(self.stdin);
            self.child
                .wait()
                .map_err(|e| rolled_back(explained(e, &self.load, &self.told, has_begun)))?;
            return Err(unheard("psql ended before it had counted").rolled_back().into());
        };

        let counts = counted(&said, &self.key).unwrap_or_default();
        if let Err(e) = proof::loaded(script, &counts) {
            self.abort();
            return Err(rolled_back(e));
        }

        drop(self.stdin.write_all(&bytes::of(&self.load.after)));
        drop(self.stdin);

        let (_, heard) = self
            .child
            .wait_and_hear()
            .map_err(|e| explained(e, &self.load, &self.told, has_begun))?;
        Ok(Loaded { counts, bare: read_bare(&said), warnings: Warnings::read(&heard) })
    }

    /// Abandons the load: psql is killed before it can read the end of its input, so that nothing
    /// is committed.
    pub fn abort(self) {
        self.child.kill();
        drop(self.stdin);
        drop(self.child.wait());
    }

    /// What a psql that died by itself says, before the load is abandoned.
    pub fn cause_of_death(self) -> Option<anyhow::Error> {
        std::thread::sleep(Duration::from_millis(20));
        self.child.kill();
        drop(self.stdin);
        let died = self.child.wait().err().filter(|e| !children::was_killed(e))?;
        Some(explained(died, &self.load, &self.told, self.marks.recv().is_ok()))
    }
}

/// Where psql gets something else than the dump: from one place to another, which may be the same.
struct Change {
    from: u64,
    to: u64,
    words: String,
    line: Option<u64>,
}

/// What is left out and what is added, in the order of the dump.
fn changes(
    asides: impl Iterator<Item = Withheld>,
    told: impl Iterator<Item = Change>,
) -> Vec<Change> {
    let gone = asides.map(|Withheld { at, .. }| Change {
        from: at.start,
        to: at.end,
        words: String::new(),
        line: None,
    });

    let mut all: Vec<Change> = gone.chain(told).collect();
    all.sort_by_key(|change| (change.from, change.to));

    all
}

/// What psql gets between two statements, if anything.
fn change(Again { at, line, what }: Again, load: &Load, key: &str) -> Option<Change> {
    let words = match what {
        Between::Reading(words) => words,
        Between::Border => {
            let [shut, open] = load.fence.lines(key);
            format!("{open}{}{shut}", load.between.as_ref()?)
        }
    };
    Some(Change { from: at, to: at, words, line: Some(line) })
}

/// Before the transaction began, no line was from the dump.
fn explained(error: anyhow::Error, load: &Load, told: &[u64], has_begun: bool) -> anyhow::Error {
    let error = if has_begun {
        failed_load::at_line(error, load.own_lines(), told)
    } else {
        failed_load::without_lines(error)
    };
    if matches!(load.by, By::Loader(_)) { failed_load::by_a_loader(error) } else { error }
}

/// What follows the mark of the counts.
fn counted(said: &str, key: &str) -> Option<Counts> {
    said.split_once(&format!("{COUNTS} {key}\n")).map(|(_, counts)| read_counts(counts))
}

/// psql did not read our statements as such: only a dump that ends within data can cause that.
fn unheard(what: &str) -> Problem {
    Problem::failed(what)
        .because("it took what follows the dump as a part of it")
        .cure("use another backup (`db-list`)")
}

/// Everything that psql said since its last mark.
fn listen(said: PipeReader, ends: &[String; 2], marks: &SyncSender<String>) -> String {
    let mut text = String::new();
    let mut said = BufReader::new(said);
    let mut line = Vec::new();

    while said.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        let words = readable(&line);
        if ends.contains(&words) {
            // if nobody waits for it any more, the load was abandoned
            drop(marks.try_send(std::mem::take(&mut text)));
        } else {
            text.push_str(&words);
        }
        line.clear();
    }

    text
}

fn slice(bytes: &[u8], base: u64, from: u64, to: u64) -> &[u8] {
    &bytes[(from - base) as usize..(to.max(from) - base) as usize]
}

/// This much is held back only if psql must not get any more.
fn held_up(scanner: &Scanner, proof: &Proof) -> Result<()> {
    proof::good(scanner.strange(), proof.trust)?;
    anyhow::bail!("a line or statement of the dump is too long to check before it runs")
}
