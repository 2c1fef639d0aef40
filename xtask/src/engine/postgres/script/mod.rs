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
mod head;
mod held;
mod lexer;
mod listed;
mod meta;
mod name;
mod quotes;
mod reading;
mod report;
mod settings;
mod statement;
mod tables;
#[cfg(test)]
mod tests;
mod token;

use claims::Watch;
use copy::Block;
use copy_statement::Copy;
use database::OwnDatabase;
use duties::Duties;
use head::Head;
use held::Frozen;
use lexer::{Lexer, Mode};
use listed::List;
use name::TableName;
use reading::Reading;
pub use reading::{Again, PIECE, Told};
pub use report::{
    Aside, Begun, Construct, Definition, Fault, Meta, Obstacle, Other, Refused, Restrict, Script,
    Unclear, Unterminated,
};
use statement::{Alter, Kind, Setting, Statement};
use tables::Tables;
use token::Token;

use crate::value::{Spare, Trust, Without};

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
            self.script.asides.push(Aside { at: 0..BOM.len() as u64, what: Spare::ByteOrderMark });
            self.read(&chunk[same..]);
        } else if same == chunk.len() {
            self.bom = Some(seen + same);
        } else {
            self.bom = None;
            self.read(&BOM[..seen]);
            self.read(chunk);
        }
    }

    fn read(&mut self, chunk: &[u8]) {
        let base = self.script.bytes;
        self.lexer.base = base;

        let mut at = 0;
        while at < chunk.len() {
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

        self.script.bytes += chunk.len() as u64;
        self.head.take(&self.lexer, chunk);
    }

    /// What has ended since the last call and psql may have to be spared.
    pub fn take_asides(&mut self) -> Vec<Aside> {
        std::mem::take(&mut self.script.asides)
    }

    /// Rows seen so far.
    pub fn rows(&self) -> u64 {
        let block = self.block.as_ref().map_or(0, |(block, _)| block.rows);
        self.rows + block
    }

    /// The end of the script.
    pub fn finish(mut self) -> Script {
        if let Some(seen) = self.bom {
            self.read(&BOM[..seen]);
        }

        if let Some((block, _)) = &self.block
            && block.is_ended_by_eof()
        {
            self.end_block();
        }

        if let Some(token) = self.lexer.finish() {
            self.token(token, self.script.bytes);
        }

        self.script.unterminated = self.unterminated();
        if self.has_not_entered() {
            self.script.other.get_or_insert(Other::Databases);
        }
        if self.block.is_some() {
            self.end_block();
        }

        self.script.lines = self.lexer.line - 1 + u64::from(self.head.in_line());
        self.script.released = self.released(Trust::Repository);
        self.script.nul = self.lexer.nul.map(|(line, _)| line);
        self.script.first_crlf = self.lexer.crlf;
        self.script.last = self.head.begun(&self.lexer);

        self.script.foreign = self.tables.foreign();
        self.script.tables = self.tables.list();
        self.script.encoding = self.reading.encoding();

        if let Some(duties) = self.duties {
            (self.script.definitions, self.script.obstacle) = (duties.definitions, duties.obstacle);
        }

        (self.script.claims, self.script.left_out) = (self.watch.found, self.watch.left);

        self.script
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

    fn end_block(&mut self) {
        let Some((block, exact)) = self.block.take() else {
            return;
        };
        self.rows += block.rows;
        self.tables.loaded(&self.copy_table, block.rows, block.bytes, exact);
        self.lexer.line = block.line;
        self.lexer.crlf = self.lexer.crlf.or(block.crlf);
        self.lexer.nul = self.lexer.nul.or(block.nul);
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

    fn end_statement(&mut self, end: u64) {
        if !self.lexer.between {
            self.script.statements += 1;
            self.spoil_marker(self.lexer.statement_line);
            let spared = self.script.asides.len();
            self.judge_statement(end);
            self.tell_duty(end, spared);
        }

        self.lexer.between = true;
        match self.statement.kind {
            Kind::Create(create) if !create.from_query && !self.statement.name.is_empty() => {
                self.qualify();
                self.tables.created(&self.statement.name, create.partitioned);
                if !self.statement.parent.is_empty() {
                    self.tables.attached(&self.statement.name, &self.statement.parent);
                }
            }
            Kind::Alter(Alter::Partition) => {
                self.qualify();
                let parent = &self.statement.parent;
                self.tables.attached(&self.statement.name, parent);
            }
            Kind::Insert(insert) if !self.statement.name.is_empty() => {
                self.qualify();
                self.mark_root();
                let exact = insert.is_exact();
                self.tables.loaded(&self.statement.name, insert.rows, 0, exact);
                self.rows += insert.rows;
            }
            Kind::Copy(copy) if copy.format().is_some() => self.await_data(copy, end),
            Kind::Select(statement::Select::CreateLargeObject) => self.script.large_objects += 1,
            Kind::Set(set) if set.key == Some(Setting::TransactionTimeout) => {
                self.aside(Spare::TransactionTimeout, end)
            }
            Kind::Set(set) if set.key == Some(Setting::DefaultTablespace) => self.place(set, end),
            Kind::Set(set) => self.apply(set, end),
            Kind::Bound => {
                self.reading.is_bound();
                self.aside(Spare::Transaction, end);
            }
            Kind::Transaction => self.unclear("a statement that begins or ends a transaction", end),
            _ => {}
        }

        self.statement.clear();
        self.lexer.quiet = false;
    }

    /// What nobody gets, as one of the asides from `spared` on says, is neither a duty nor a claim.
    fn tell_duty(&mut self, end: u64, spared: usize) {
        if self.script.asides.len() > spared {
            self.watch.forget();
            self.duties.iter_mut().for_each(Duties::forget);
            return;
        }

        let left = self.watch.end();
        if let Some(what) = left {
            // whoever would have run it otherwise
            self.duties.iter_mut().for_each(Duties::forget);
            return self.aside(what, end);
        }

        let duty = self.duties.as_mut().and_then(|duties| duties.end(self.lexer.statement_line));
        duty.into_iter().for_each(|what| self.aside(what, end));
    }

    fn aside(&mut self, what: Spare, end: u64) {
        self.script.asides.push(Aside { at: self.lexer.statement..end, what });
    }

    fn qualify(&mut self) {
        let statement = &mut self.statement;
        for name in [&mut statement.name, &mut statement.parent] {
            if name.schema.is_empty() {
                name.schema.extend_from_slice(&self.search_path);
            }
        }
    }

    fn mark_root(&mut self) {
        if std::mem::take(&mut self.via_root) {
            self.tables.created(&self.statement.name, true);
        }
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

    fn unterminated(&self) -> Option<Unterminated> {
        let (what, line) = match (&self.block, self.lexer.mode) {
            (Some((block, _)), _) => {
                let table = self.copy_table.sql();
                (Construct::Copy { table }, block.start_line)
            }
            _ if self.pending.is_some() => {
                let table = self.copy_table.sql();
                (Construct::Copy { table }, self.lexer.line)
            }
            (_, Mode::Quote { .. } | Mode::QuoteEscape) => {
                (Construct::String, self.lexer.start_line)
            }
            (_, Mode::Name) => (Construct::Name, self.lexer.start_line),
            (_, Mode::DollarBody { .. }) => (Construct::DollarQuote, self.lexer.start_line),
            (_, Mode::BlockComment { .. }) => (Construct::Comment, self.lexer.start_line),
            _ if !self.lexer.between => (Construct::Statement, self.lexer.statement_line),
            _ => return None,
        };
        Some(Unterminated { what, line })
    }
}
