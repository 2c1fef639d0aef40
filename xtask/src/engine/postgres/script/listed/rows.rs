//! Rows: `COPY … FROM stdin` and `INSERT … VALUES`, into tables that are not the system's.

use super::literals::{Casts, Literals};
use super::{UNKNOWN, Why};
use crate::engine::postgres::script::token::Token;

const CATALOG: Why = "rows for a table of the system";
const VALUE: Why = "a value that is not a literal";
const DATA: Why = "COPY other than `COPY … FROM stdin;`";

/// The name of a table as it is read.
#[derive(Default)]
struct Target {
    parts: u8,
    after_dot: bool,
    catalog: bool,
}

impl Target {
    /// Takes a part of the name; false for anything else.
    fn token(&mut self, token: Token, text: &[u8]) -> bool {
        let name = matches!(token, Token::Word | Token::Name);

        if token == Token::Dot && self.parts > 0 && !self.after_dot {
            self.after_dot = true;
            return true;
        }
        if !name || (self.parts > 0 && !self.after_dot) {
            return false;
        }

        self.parts += 1;
        self.after_dot = false;
        // one without a schema is looked for in pg_catalog first
        self.catalog |= match self.parts {
            1 => text.starts_with(b"pg_") || text == b"information_schema",
            2 => false,
            _ => true,
        };

        true
    }

    fn is_whole(&self) -> bool {
        self.parts > 0 && !self.after_dot
    }
}

#[derive(Default)]
pub(in super::super) struct CopyRule {
    target: Target,
    at: CopyAt,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum CopyAt {
    #[default]
    Table,
    Columns,
    Source,
    /// `WITH OIDS`, which pg_dump 11 and older write.
    Oids,
    From,
    End,
}

impl CopyRule {
    pub(super) fn token(&mut self, token: Token, text: &[u8]) -> Result<(), Why> {
        let word = if token == Token::Word { text } else { b"" };
        self.at = match (self.at, token, word) {
            (CopyAt::Table, Token::Open, _) if self.target.is_whole() => CopyAt::Columns,
            (CopyAt::Columns, Token::Word | Token::Name | Token::Symbol(b','), _) => {
                CopyAt::Columns
            }
            (CopyAt::Columns, Token::Close, _) => CopyAt::Source,
            (CopyAt::Table | CopyAt::Source, _, b"with") if self.target.is_whole() => CopyAt::Oids,
            (CopyAt::Oids, _, b"oids") => CopyAt::Source,
            (CopyAt::Table | CopyAt::Source, _, b"from") if self.target.is_whole() => CopyAt::From,
            (CopyAt::From, _, b"stdin") => CopyAt::End,
            (CopyAt::Table, ..) if self.target.token(token, text) => CopyAt::Table,
            _ => return Err(DATA),
        };

        if self.target.catalog { Err(CATALOG) } else { Ok(()) }
    }

    pub(super) fn end(&self) -> Result<(), Why> {
        if self.at == CopyAt::End { Ok(()) } else { Err(DATA) }
    }
}

#[derive(Default)]
pub(in super::super) struct InsertRule {
    target: Target,
    at: InsertAt,
    literals: Literals,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum InsertAt {
    #[default]
    Into,
    Table,
    Columns,
    AfterColumns,
    /// `OVERRIDING`, `SYSTEM`, `VALUE`.
    Overriding,
    System,
    Value,
    /// `DEFAULT`, of a table without columns.
    Default,
    Values,
    Row,
    AfterRow,
    /// `ON CONFLICT DO NOTHING`.
    On,
    Conflict,
    Do,
    End,
}

impl InsertRule {
    #[inline]
    pub(super) fn token(&mut self, token: Token, text: &[u8]) -> Result<(), Why> {
        use InsertAt::*;

        if self.at == Row && token != Token::Close {
            return if self.literals.token(token, text, Casts::Refused) {
                Ok(())
            } else {
                Err(VALUE)
            };
        }

        let word = if token == Token::Word { text } else { b"" };
        self.at = match (self.at, token, word) {
            (Row, ..) if self.literals.may_end() => AfterRow,
            (Values, Token::Open, _) => {
                self.literals = Literals::Before;
                Row
            }
            (AfterRow, Token::Symbol(b','), _) => Values,
            (AfterRow | End, _, b"on") => On,
            (Into, _, b"into") => Table,
            (Table, Token::Open, _) if self.target.is_whole() => Columns,
            (Columns, Token::Word | Token::Name | Token::Symbol(b','), _) => Columns,
            (Columns, Token::Close, _) => AfterColumns,
            (Table | AfterColumns, _, b"overriding") if self.target.is_whole() => Overriding,
            (Overriding, _, b"system") => System,
            (System, _, b"value") => Value,
            (Table | AfterColumns | Value, _, b"values") if self.target.is_whole() => Values,
            (Table, _, b"default") if self.target.is_whole() => Default,
            (Default, _, b"values") => End,
            (On, _, b"conflict") => Conflict,
            (Conflict, _, b"do") => Do,
            (Do, _, b"nothing") => End,
            (Table, ..) if self.target.token(token, text) => Table,
            _ => return Err(UNKNOWN),
        };

        if self.target.catalog { Err(CATALOG) } else { Ok(()) }
    }

    pub(super) fn end(&self) -> Result<(), Why> {
        if matches!(self.at, InsertAt::AfterRow | InsertAt::End) { Ok(()) } else { Err(UNKNOWN) }
    }
}
