//! Checks the chain of a log, and compares it with anchors.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead};

use super::chain::{Before, Link};
use super::walk::Walk;
use crate::stream::Sum;
use crate::value::Anchor;

/// How many faults, and how many notes, are told.
const MOST: usize = 20;

/// An anchor, and what has it: a backup, or whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What has it, to be read.
    pub by: String,
    /// Where it comes from.
    pub giver: Giver,
    /// The anchor.
    pub anchor: Anchor,
}

/// Where an anchor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giver {
    /// The caller, who means this log.
    Caller,
    /// A backup, which may have been made by another clone, with a log of its own.
    Backup,
}

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This line does not have the hash of what is before it: of so many lines.
    Changed(u64, u64),
    /// So many lines are missing before this one.
    Missing(u64, u64),
    /// This line says that it is another one, which comes earlier.
    Moved(u64, u64),
    /// This line is of another log.
    OtherLog(u64),
    /// From this line on, so many lines have no link, and none after them vouches for them.
    Unchained(u64, u64),
    /// This line is not the one that an anchor knows.
    Replaced(u64, String),
    /// The log ends at this line, but an anchor knows a later one.
    Cut(u64, u64, String),
    /// The anchor that the caller gave is of a log with another id.
    NotThatLog(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(line, 0) => {
                write!(f, "line {line} says that something was before it, which was removed")
            }
            Self::Changed(line, 1) => write!(
                f,
                "line {line} does not follow line {}: one of the two was changed",
                line - 1
            ),
            Self::Changed(line, count) => write!(
                f,
                "line {line} does not follow lines {} to {}: one of these was changed",
                line - count,
                line - 1
            ),
            Self::Missing(line, 1) => write!(f, "1 line is missing before line {line}"),
            Self::Missing(line, count) => {
                write!(f, "{count} lines are missing before line {line}")
            }
            Self::Moved(line, says) => write!(
                f,
                "line {line} says that it is line {says}: it was moved, or lines were added \
                 before it"
            ),
            Self::OtherLog(line) => write!(f, "line {line} is of another log"),
            Self::Unchained(line, 1) => write!(
                f,
                "line {line} is not part of the chain: an older db-tasks, or somebody else, wrote \
                 it"
            ),
            Self::Unchained(line, count) => write!(
                f,
                "lines {line} to {} are not part of the chain: an older db-tasks, or somebody \
                 else, wrote them",
                line + count - 1
            ),
            Self::Replaced(line, by) => {
                write!(f, "line {line} is not the one that {by} knew")
            }
            Self::NotThatLog(log) => write!(
                f,
                "the anchor that you gave is of the log {log}, and this is another one: that log \
                 was removed or replaced, or the anchor is of another clone"
            ),
            Self::Cut(line, known, by) => {
                write!(f, "the log ends at line {line}, but {by} knew line {known}")
            }
        }
    }
}

/// What to know of a log whose chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The chain begins after so many older lines, which are in it as one, with this digest.
    Begins(u64, String),
    /// No line is part of a chain yet.
    OnlyOlder(u64),
    /// This line is torn.
    Torn(u64),
    /// From this line on, so many lines have no link; a later one vouches for them.
    Loose(u64, u64),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins(count, digest) => write!(
                f,
                "the chain begins after {}, which are in it as one (digest {digest})",
                older(*count)
            ),
            Self::OnlyOlder(count) => {
                write!(f, "it has {}; the chain begins with the next run", older(*count))
            }
            Self::Torn(line) => write!(
                f,
                "line {line} is torn: a run was killed, or the disk was full, while it was \
                 written; nothing after it is missing"
            ),
            Self::Loose(line, 1) => write!(
                f,
                "line {line} has no link: an older db-tasks, or somebody else, wrote it; it is as \
                 the next run found it"
            ),
            Self::Loose(line, count) => write!(
                f,
                "lines {line} to {} have no link: an older db-tasks, or somebody else, wrote \
                 them; they are as the next run found them",
                line + count - 1
            ),
        }
    }
}

fn older(count: u64) -> String {
    format!("{count} older line{}", if count == 1 { "" } else { "s" })
}

/// The first of many, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// The first of them.
    pub first: Vec<T>,
    /// All of them.
    pub count: usize,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { first: Vec::new(), count: 0 }
    }
}

impl<T> Told<T> {
    fn tell(&mut self, one: T) {
        self.count += 1;
        if self.first.len() < MOST {
            self.first.push(one);
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// All lines.
    pub lines: u64,
    /// The last line of the chain.
    pub head: Option<Anchor>,
    /// What is wrong.
    pub faults: Told<Fault>,
    /// What to know.
    pub notes: Told<Note>,
    /// How many anchors agree.
    pub agree: usize,
    /// The anchors of other logs.
    pub of_others: usize,
}

/// Checks a log.
///
/// # Errors
/// It can't be read.
pub fn verify(log: impl BufRead, known: &[Known]) -> io::Result<Verified> {
    let mut found = Verified::default();
    let mut anchors: HashMap<(String, u64), Vec<&Known>> = HashMap::new();
    for one in known {
        anchors.entry(key(&one.anchor)).or_default().push(one);
    }

    let (mut walk, mut last) = (Walk::new(log), Vec::new());
    while let Some(line) = walk.next_line()? {
        found.lines = line.number;
        let Some((link, before)) = line.link else { continue };

        compare(&link, &before, line.number, &mut found);
        last.clear();
        last.extend_from_slice(line.text);
        last.push(b'\n');

        for one in anchors.remove(&(link.log, link.line)).into_iter().flatten() {
            if Sum::of(&last).hex() == one.anchor.digest {
                found.agree += 1;
            } else {
                found.faults.tell(Fault::Replaced(line.number, one.by.clone()));
            }
        }
    }

    let end = walk.end()?;
    if let Some((log, line)) = end.last.clone() {
        let digest = Sum::of(&last).hex();
        found.head = Some(Anchor { log, line, digest });
    }
    at_the_end(&end, &mut found);
    let unmet = known.iter().filter(|one| anchors.contains_key(&key(&one.anchor)));
    unmet.for_each(|one| not_met(one, &mut found));

    Ok(found)
}

fn key(anchor: &Anchor) -> (String, u64) {
    (anchor.log.clone(), anchor.line)
}

/// Whether a line is where it says, after what it says.
fn compare(link: &Link, before: &Before, number: u64, found: &mut Verified) {
    let wanted = before.next(|| link.log.clone());

    if link.log != wanted.log {
        return found.faults.tell(Fault::OtherLog(number));
    }
    if link.line > wanted.line {
        return found.faults.tell(Fault::Missing(number, link.line - wanted.line));
    }
    if link.line < wanted.line {
        return found.faults.tell(Fault::Moved(number, link.line));
    }
    if (&link.previous, link.unchained) != (&wanted.previous, wanted.unchained) {
        let before = before.unchained + u64::from(before.last.is_some());
        return found.faults.tell(Fault::Changed(number, before));
    }

    let first = number - link.unchained;
    let loose = link.unchained.saturating_sub(u64::from(link.torn));
    match &link.previous {
        Some(digest) if before.last.is_none() => {
            found.notes.tell(Note::Begins(link.unchained, digest.clone()));
        }
        _ if loose > 0 => found.notes.tell(Note::Loose(first, loose)),
        _ => {}
    }
    if link.torn {
        found.notes.tell(Note::Torn(number - 1));
    }
}

/// What follows the last line of the chain.
fn at_the_end(end: &Before, found: &mut Verified) {
    let whole = end.unchained.saturating_sub(u64::from(end.torn));

    if end.last.is_none() && whole > 0 {
        found.notes.tell(Note::OnlyOlder(whole));
    } else if whole > 0 {
        found.faults.tell(Fault::Unchained(found.lines - end.unchained + 1, whole));
    }
    if end.torn {
        found.notes.tell(Note::Torn(found.lines));
    }
}

/// An anchor whose line was not there.
fn not_met(one: &Known, found: &mut Verified) {
    let Known { by, giver, anchor } = one;
    match &found.head {
        Some(head) if head.log == anchor.log && anchor.line > head.line => {
            found.faults.tell(Fault::Cut(head.line, anchor.line, by.clone()));
        }
        Some(head) if head.log == anchor.log => {
            found.faults.tell(Fault::Replaced(anchor.line, by.clone()));
        }
        _ if *giver == Giver::Caller => found.faults.tell(Fault::NotThatLog(anchor.log.clone())),
        _ => found.of_others += 1,
    }
}

#[cfg(test)]
mod tests;
