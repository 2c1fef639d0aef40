//! Reads a plain psql script as a stream, the way psql itself does (`psqlscan.l`, `mainloop.c`,
//! `copy.c`), and reports what it would do: rows per table, meta-commands, whether it is complete.
//! Memory is constant except for the names of the tables and `\restrict` lines not taken.

mod begin;
mod bytes;
mod claims;
mod copy;
mod copy_statement;
mod database;
mod duties;
mod ends;
mod head;
mod held;
mod lexer;
mod listed;
mod meta;
mod name;
pub mod proof;
mod quotes;
mod reading;
mod report;
mod settings;
pub mod stable;
mod statement;
mod tables;
#[cfg(test)]
mod tests;
mod token;

use self::claims::Watch;
use self::copy::Block;
use self::copy_statement::Copy;
use self::database::OwnDatabase;
use self::duties::Duties;
use self::head::Head;
use self::held::Frozen;
use self::lexer::Lexer;
use self::listed::List;
use self::name::TableName;
use self::reading::Reading;
pub use self::reading::{Again, Between, PIECE};
pub use self::report::{
    Begun, Construct, Definition, Fault, Half, Meta, Obstacle, Other, Refused, Restrict, Script,
    Unclear, Unterminated, Withheld,
};
use self::statement::Statement;
use self::tables::Tables;
use self::token::Token;
use crate::value::{Spare, Without};

/// psql skips it at the start of a file.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A push scanner: [`Scanner::feed`] takes a script in chunks of any size, and
/// [`Scanner::finish`] gives the same [`Script`] for any of them.
pub struct Scanner {
    lexer: Lexer,
    statement: Statement,
    /// COPY data being read, and whether all of its rows are stored.
    block: Option<(Block, bool)>,
    copy_table: TableName,
    /// A COPY statement whose data begins with the next line.
    pending: Option<Copy>,
    /// The next rows are a partition's, loaded through the table it is a part of.
    via_root: bool,
    search_path: Vec<u8>,
    left_conforming: bool,
    tables: Tables,
    rows: u64,
    script: Script,
    list: List,
    own_database: OwnDatabase,
    /// The line that entered it.
    entered_by: String,
    /// Where a loader role gets the script.
    duties: Option<Duties>,
    watch: Watch,
    frozen: Frozen,
    reading: Reading,
    head: Head,
    /// How much of a byte order mark has been seen, until the file has begun.
    bom: Option<usize>,
}

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first byte of a table's rows.
    Begins(String),
    /// The first byte after them.
    Ends,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner at the start of a script.
    pub fn new() -> Self {
        Scanner {
            lexer: Lexer::new(),
            statement: Statement::new(),
            block: None,
            copy_table: TableName::default(),
            pending: None,
            via_root: false,
            search_path: Vec::new(),
            left_conforming: false,
            tables: Tables::default(),
            rows: 0,
            script: Script::default(),
            list: List::new(),
            own_database: OwnDatabase::default(),
            entered_by: String::new(),
            duties: None,
            watch: Watch::default(),
            frozen: Frozen::default(),
            reading: Reading::default(),
            head: Head::default(),
            bom: Some(0),
        }
    }

    /// The same, which also tells what a loader role may not do.
    pub fn for_loader() -> Self {
        Scanner { duties: Some(Duties::default()), ..Self::new() }
    }

    /// The same, which tells what is to be left out.
    pub fn without(mut self, without: Without) -> Self {
        self.watch.without = without;
        self
    }

    /// Reads the next chunk.
    pub fn feed(&mut self, chunk: &[u8]) {
        let Some(seen) = self.bom else {
            return self.read(chunk);
        };
        let same = chunk.iter().zip(&BOM[seen..]).take_while(|(a, b)| a == b);
        let same = same.count();

        if seen + same == BOM.len() {
            self.bom = None;
            self.script.bytes = BOM.len() as u64;
            self.script
                .asides
                .push(Withheld { at: 0..BOM.len() as u64, what: Spare::ByteOrderMark });
            self.read(&chunk[same..]);
        } else if same == chunk.len() {
            self.bom = Some(seen + same);
        } else {
            self.bom = None;
            self.read(&BOM[..seen]);
            self.read(chunk);
        }
    }

    /// Reads up to the next place where rows of COPY begin or end: how many bytes that is, and what
    /// is there.
    pub fn feed_to_edge(&mut self, chunk: &[u8]) -> (usize, Option<Edge>) {
        if self.bom.is_some() {
            let first = chunk.len().min(1);
            self.feed(&chunk[..first]);
            return (first, None);
        }

        let was_within = self.block.is_some();
        let length = self.read_some(chunk);
        let edge = match (was_within, self.block.is_some()) {
            (false, true) => Some(Edge::Begins(self.copy_table.sql())),
            (true, false) => Some(Edge::Ends),
            _ => None,
        };
        (length, edge)
    }

    fn read(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let length = self.read_some(chunk);
            chunk = &chunk[length..];
        }
    }

    /// Reads to the end, or to where rows begin or end.
    fn read_some(&mut self, chunk: &[u8]) -> usize {
        let base = self.script.bytes;
        self.lexer.base = base;

        let was_within = self.block.is_some();
        let mut at = 0;
        while at < chunk.len() && self.block.is_some() == was_within {
            if self.block.is_some() {
                self.copy_data(chunk, &mut at);
            } else if let Some(token) = self.lexer.next(chunk, &mut at) {
                let before = self.script.refused.len();
                self.token(token, base + at as u64);
                if self.script.refused.len() > before {
                    self.show_refused(chunk, base + at as u64);
                }
            }
        }

        self.script.bytes += at as u64;
        self.head.take(&self.lexer, &chunk[..at]);
        at
    }

    /// What has ended since the last call and psql may have to be spared.
    pub fn take_asides(&mut self) -> Vec<Withheld> {
        std::mem::take(&mut self.script.asides)
    }

    /// Rows seen so far.
    pub fn rows(&self) -> u64 {
        let block = self.block.as_ref().map_or(0, |(block, _)| block.rows);
        self.rows + block
    }

    fn nul(&self) -> Option<(u64, u64)> {
        let block = self.block.as_ref().and_then(|(block, _)| block.nul);
        self.lexer.nul.or(block)
    }

    fn copy_data(&mut self, chunk: &[u8], at: &mut usize) {
        let Some((block, _)) = &mut self.block else {
            return;
        };
        if block.feed(chunk, at) {
            self.end_block();
        }
    }

    /// Takes a token that ends at `end`.
    fn token(&mut self, token: Token, end: u64) {
        match token {
            Token::Comment => return self.comment(),
            Token::Newline => return self.begin_block(end),
            Token::Meta => return self.meta(end),
            Token::Unclear(doubt) => return self.unclear(doubt.why(), end),
            _ => {}
        }

        self.remark(token);
        if token == Token::Semicolon && self.statement.ends() {
            return self.end_statement(end);
        }

        let of_words = !matches!(token, Token::Number | Token::Cast | Token::Symbol(_));
        if of_words && let Some(why) = self.statement.token(token, &self.lexer.text) {
            self.unclear(why, end);
        }

        if !self.list.is_quiet() {
            self.list.token(token, &self.lexer.text);
            if self.list.refuses() {
                self.frozen.refused.get_or_insert(end);
            }
        }

        if let Some(duties) = self.duties.as_mut().filter(|duties| !duties.is_quiet()) {
            duties.token(token, &self.lexer.text);
        }
        if !self.watch.is_quiet() {
            self.watch.token(token, &self.lexer.text);
        }

        let knows = self.duties.as_ref().is_none_or(Duties::is_quiet) && self.watch.is_quiet();
        self.lexer.quiet = knows && self.statement.is_quiet() && self.list.is_quiet();
    }

    fn aside(&mut self, what: Spare, end: u64) {
        self.script.asides.push(Withheld { at: self.lexer.statement..end, what });
    }

    fn await_data(&mut self, copy: Copy, end: u64) {
        if copy.binary {
            return self.unclear("COPY of binary data", end);
        }
        self.qualify();
        self.mark_root();
        std::mem::swap(&mut self.copy_table, &mut self.statement.name);
        self.pending = Some(copy);
        self.lexer.stops_at_newline = true;
    }

    fn begin_block(&mut self, end: u64) {
        self.lexer.stops_at_newline = false;
        let Some(copy) = self.pending.take() else {
            return;
        };
        if let Some(format) = copy.format() {
            let block = Block::new(format, copy.header, self.lexer.line, end);
            self.block = Some((block, !copy.filtered));
        }
    }

    fn comment(&mut self) {
        // Most comments are others, and dumps are full of them.
        if !matches!(self.lexer.text.get(3), Some(b'D' | b'P' | b'l')) {
            return;
        }

        let text = String::from_utf8_lossy(&self.lexer.text);
        let text = text.trim_end();
        let script = &mut self.script;

        if let Some(version) = text.strip_prefix("-- Dumped from database version ") {
            script.server_version.get_or_insert(version.to_owned());
        } else if let Some(version) = text.strip_prefix("-- Dumped by pg_dump version ") {
            script.dump_version.get_or_insert(version.to_owned());
        } else if text.starts_with("-- load via partition root ") {
            self.via_root = true;
        } else if text == "-- PostgreSQL database cluster dump" {
            script.other = Some(Other::Cluster);
        } else if text == "-- PostgreSQL database dump complete"
            || text == "-- PostgreSQL database cluster dump complete"
        {
            script.end_marker = self.lexer.between;
            script.after_marker = None;
        }
    }

    fn spoil_marker(&mut self, line: u64) {
        if std::mem::take(&mut self.script.end_marker) {
            self.script.after_marker = Some(line);
        }
    }

    fn unclear(&mut self, why: &'static str, at: u64) {
        let line = self.lexer.start_line;
        self.frozen.unclear.get_or_insert(at);
        self.script.unclear.get_or_insert(Unclear { line, why });
    }
}
