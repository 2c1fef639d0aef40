//! What psql must not get, and how much of a script may be passed on meanwhile.

use super::duties::Duties;
use super::lexer::Mode;
use super::report::{Fault, Other, Refused, Restrict};
use super::{Scanner, listed};
use crate::value::Trust;

/// Statements that no pg_dump writes, listed in full; the others are counted.
const REFUSED: usize = 5;

/// Where psql must not get any more, for each reason.
#[derive(Default)]
pub(super) struct Frozen {
    pub(super) meta: Option<u64>,
    pub(super) unclear: Option<u64>,
    pub(super) refused: Option<u64>,
}

impl Scanner {
    /// How many bytes from the start may be passed on to psql now: everything except an unfinished
    /// backslash line, or a statement that may be an [`Aside`]; fixed for ever at the first refused
    /// meta-command or NUL byte and, unless `trust` lifts that, at an unclear place or a statement
    /// that pg_dump never writes.
    pub fn released(&self, trust: Trust) -> u64 {
        let Frozen { meta, unclear, refused } = self.frozen;
        let frozen = match trust {
            Trust::Dump => [meta, unclear, refused],
            Trust::Repository => [meta, unclear, None],
            Trust::Script => [meta, None, None],
            Trust::Psql => return self.script.bytes,
        };

        let line = (self.lexer.mode == Mode::Meta).then_some(self.lexer.start);
        let duty = self.duties.as_ref().is_some_and(Duties::may_be_spared);
        let spared = duty || self.watch.may_be_spared() || self.statement.may_be_spared();
        let spared = spared || (trust <= Trust::Script && self.list.may_be_on_database());
        let statement = (!self.lexer.between && spared).then_some(self.lexer.statement);

        let nul = self.nul().map(|(_, at)| at);
        [line, statement, nul].into_iter().chain(frozen).flatten().fold(self.script.bytes, u64::min)
    }

    /// What has been read so far that psql must not run.
    pub fn strange(&self) -> Vec<Fault> {
        self.script.strange()
    }

    /// Whether the statement whose `;` ends at `end` is one that pg_dump writes.
    pub(super) fn judge_statement(&mut self, end: u64) {
        let unicode = std::mem::take(&mut self.lexer.unicode)
            .then_some("a string or name with `U&`, which pg_dump never writes");
        let after = matches!(self.script.restrict, Restrict::Closed { .. })
            .then_some("it comes after \\unrestrict");
        let own = self.is_of_own_database(end);
        let Some(why) = self.list.end().filter(|_| !own).or(unicode).or(after) else { return };

        // psql acts upon the semicolon
        self.frozen.refused.get_or_insert(end - 1);
        self.script.refused_count += 1;
        if why == listed::OF_DATABASES {
            self.script.other.get_or_insert(Other::Databases);
        }

        if self.script.refused.len() < REFUSED {
            let text = String::new();
            self.script.refused.push(Refused { line: self.lexer.statement_line, text, why });
        }
    }

    /// Says how the last refused statement begins: it ends in `chunk`, at `end`.
    pub(super) fn show_refused(&mut self, chunk: &[u8], end: u64) {
        self.head.take(&self.lexer, chunk);
        if let Some(last) = self.script.refused.last_mut() {
            last.text = self.head.shown((end - self.lexer.statement) as usize);
        }
    }
}
