//! The functions that pg_dump calls, only with literals.

use super::Why;
use super::literals::{Casts, Literals};
use crate::engine::postgres::script::token::Token;

const OTHER: Why = "a SELECT that pg_dump never writes";

#[derive(Default)]
pub(in super::super) struct SelectRule {
    at: At,
    function: Function,
    literals: Literals,
    commas: u8,
    /// How much of [`UNLINK`] has been read.
    tail: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Begin,
    /// `SELECT *`, which `FROM` follows.
    Star,
    Schema,
    Dot,
    Function,
    Open,
    Arguments,
    End,
    Tail,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Function {
    #[default]
    Plain,
    SetConfig,
    Unlink,
    Statistics,
}

/// `SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '…'`, of
/// `--clean --if-exists` (`pg_backup_db.c`, `DropLOIfExists`).
const UNLINK: [(Token, &[u8]); 7] = [
    (Token::Word, b"from"),
    (Token::Word, b"pg_catalog"),
    (Token::Dot, b""),
    (Token::Word, b"pg_largeobject_metadata"),
    (Token::Word, b"where"),
    (Token::Word, b"oid"),
    (Token::Symbol(b'='), b""),
];

impl SelectRule {
    pub(super) fn token(&mut self, token: Token, text: &[u8]) -> Result<(), Why> {
        let word = if token == Token::Word { text } else { b"" };
        self.at = match (self.at, token, word) {
            (At::Begin, Token::Symbol(b'*'), _) => At::Star,
            (At::Star, _, b"from") => At::Schema,
            (At::Begin | At::Schema, _, b"pg_catalog") => {
                self.function =
                    if self.at == At::Schema { Function::Statistics } else { Function::Plain };
                At::Dot
            }
            (At::Dot, Token::Dot, _) => At::Function,
            (At::Function, Token::Word, _) => {
                self.function = self.function.named(word).ok_or(OTHER)?;
                At::Open
            }
            (At::Open, Token::Open, _) => At::Arguments,
            (At::Arguments, Token::Close, _) if self.literals.may_end() && self.is_complete() => {
                At::End
            }
            (At::Arguments, ..) if self.argument(token, text) => At::Arguments,
            (At::End, ..) if self.function == Function::Unlink && self.unlinks(token, text) => {
                At::Tail
            }
            (At::Tail, ..) if self.unlinks(token, text) => At::Tail,
            _ => return Err(OTHER),
        };

        Ok(())
    }

    fn argument(&mut self, token: Token, text: &[u8]) -> bool {
        if self.function == Function::Unlink
            && (token, text) == (Token::Word, b"oid")
            && self.literals == Literals::Before
        {
            self.literals = Literals::After;
            self.tail = 1;
            return true;
        }

        let first = self.function == Function::SetConfig && self.commas == 0 && token == Token::Str;
        if first && text != b"search_path" {
            return false;
        }

        self.commas = self.commas.saturating_add(u8::from(token == Token::Symbol(b',')));
        let casts =
            if self.function == Function::Statistics { Casts::Taken } else { Casts::Refused };

        self.literals.token(token, text, casts)
    }

    /// Only the search path is configured.
    fn is_complete(&self) -> bool {
        self.function != Function::SetConfig || self.commas == 2
    }

    fn unlinks(&mut self, token: Token, text: &[u8]) -> bool {
        let wanted = self.tail.checked_sub(1).and_then(|at| UNLINK.get(at));
        let fits = match wanted {
            Some((want, word)) => *want == token && (token != Token::Word || *word == text),
            None => self.tail == UNLINK.len() + 1 && matches!(token, Token::Str | Token::Number),
        };
        self.tail += 1;
        fits
    }

    pub(super) fn end(&self) -> Result<(), Why> {
        let whole = match self.at {
            At::End => self.tail == 0,
            At::Tail => self.tail == UNLINK.len() + 2,
            _ => false,
        };
        if whole { Ok(()) } else { Err(OTHER) }
    }
}

impl Function {
    fn named(self, name: &[u8]) -> Option<Self> {
        match (self, name) {
            (
                Function::Statistics,
                b"pg_restore_relation_stats"
                | b"pg_restore_attribute_stats"
                | b"pg_restore_extended_stats",
            ) => Some(Function::Statistics),
            (Function::Statistics, _) => None,
            (_, b"set_config") => Some(Function::SetConfig),
            (_, b"lo_unlink") => Some(Function::Unlink),
            (_, b"setval" | b"lo_create" | b"lo_open" | b"lowrite" | b"lo_close") => {
                Some(Function::Plain)
            }
            _ => None,
        }
    }
}
