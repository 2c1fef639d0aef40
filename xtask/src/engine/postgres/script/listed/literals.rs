//! A list of literals between parentheses: values of rows, and arguments of the few functions that
//! pg_dump calls.

use crate::engine::postgres::script::token::Token;

/// Whether a literal may be followed by the name of its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Casts {
    /// `'…'::text`, as the statistics of pg_dump 18 have it.
    Taken,
    /// The values of rows have none.
    Refused,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Literals {
    /// One must follow.
    #[default]
    Before,
    Sign,
    Number,
    /// `1e`, of `1e+20`.
    Exponent,
    ExponentSign,
    /// One was read.
    After,
    /// A type, or the next part of its name, must follow.
    Cast,
    Type,
}

impl Literals {
    /// Takes the next token between the parentheses; false if that is not a list of literals.
    #[inline]
    pub(super) fn token(&mut self, token: Token, text: &[u8], casts: Casts) -> bool {
        use Literals::*;

        *self = match (*self, token) {
            (Before, Token::Str) => After,
            (Before | Sign, Token::Number) => Number,
            (Before, Token::Symbol(b'-' | b'+')) => Sign,
            (Before, Token::Word) if matches!(text, b"null" | b"true" | b"false" | b"default") => {
                After
            }
            (Number, Token::Word) if text == b"e" => Exponent,
            (Number, Token::Word)
                if text[0] == b'e' && text[1..].iter().all(u8::is_ascii_digit) =>
            {
                After
            }
            (Exponent, Token::Symbol(b'-' | b'+')) => ExponentSign,
            (ExponentSign, Token::Number) => After,
            (Number | After | Type, Token::Symbol(b',')) => Before,
            (Number | After | Type, Token::Cast) if casts == Casts::Taken => Cast,
            (Cast | Type, Token::Word | Token::Name) => Type,
            (Type, Token::Dot) => Cast,
            (Type, Token::Symbol(b'[' | b']')) => Type,
            _ => return false,
        };

        true
    }

    /// Whether the parenthesis may be closed here.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Literals::Number | Literals::After | Literals::Type)
    }
}
