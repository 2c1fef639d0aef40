//! What the end of a statement, of a block and of the script says.

use super::duties::Duties;
use super::lexer::Mode;
use super::report::{Construct, Other, Script, Unterminated};
use super::statement::{Alter, Kind, Setting};
use super::{BOM, Scanner};
use crate::value::{Spare, Trust};

impl Scanner {
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

        self.script.half = self.tables.half();
        self.script.foreign = self.tables.foreign();
        self.script.tables = self.tables.list();
        self.script.encoding = self.reading.encoding();

        if let Some(duties) = self.duties {
            (self.script.definitions, self.script.obstacle) = (duties.definitions, duties.obstacle);
        }

        (self.script.claims, self.script.left_out) = (self.watch.found, self.watch.left);

        self.script
    }

    pub(super) fn end_block(&mut self) {
        let Some((block, exact)) = self.block.take() else {
            return;
        };
        self.rows += block.rows;
        self.tables.loaded(&self.copy_table, block.rows, block.bytes, exact);
        self.lexer.line = block.line;
        self.lexer.crlf = self.lexer.crlf.or(block.crlf);
        self.lexer.nul = self.lexer.nul.or(block.nul);
    }

    pub(super) fn end_statement(&mut self, end: u64) {
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
            Kind::Select(super::statement::Select::CreateLargeObject) => {
                self.script.large_objects += 1
            }
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
    pub(super) fn tell_duty(&mut self, end: u64, spared: usize) {
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

    pub(super) fn qualify(&mut self) {
        let statement = &mut self.statement;
        for name in [&mut statement.name, &mut statement.parent] {
            if name.schema.is_empty() {
                name.schema.extend_from_slice(&self.search_path);
            }
        }
    }

    pub(super) fn mark_root(&mut self) {
        if std::mem::take(&mut self.via_root) {
            self.tables.created(&self.statement.name, true);
        }
    }

    pub(super) fn unterminated(&self) -> Option<Unterminated> {
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
