//! The settings that pg_dump makes, with the values that it gives them (`_doSetFixedOutputState` in
//! `pg_backup_archiver.c`).

use super::Why;
use crate::engine::postgres::script::token::Token;

const OTHER: Why = "a setting that pg_dump never makes";
const ENCODING: Why = "a client encoding that psql may read differently";

#[derive(Default)]
pub(in super::super) struct SetRule {
    key: Vec<u8>,
    at: At,
    value: Vec<u8>,
    kind: Option<Token>,
    more: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Key,
    Session,
    Equals,
    Value,
    Comma,
}

impl SetRule {
    pub(super) fn token(&mut self, token: Token, text: &[u8]) -> Result<(), Why> {
        let word = if token == Token::Word { text } else { b"" };
        self.at = match (self.at, token, word) {
            (At::Key, _, b"session") => At::Session,
            (At::Session, _, b"authorization") => {
                self.key.extend_from_slice(text);
                At::Value
            }
            (At::Key, Token::Word, _) => {
                self.key.extend_from_slice(text);
                At::Equals
            }
            (At::Equals, Token::Symbol(b'='), _) | (At::Equals, _, b"to") => At::Value,
            (At::Value, Token::Word | Token::Name | Token::Str | Token::Number, _) => {
                self.value.extend_from_slice(text);
                self.kind = Some(token);
                At::Comma
            }
            (At::Comma, Token::Symbol(b','), _) => {
                self.more = true;
                At::Value
            }
            _ => return Err(OTHER),
        };

        Ok(())
    }

    pub(super) fn end(&self) -> Result<(), Why> {
        let (Some(kind), At::Comma) = (self.kind, self.at) else { return Err(OTHER) };

        if self.more && self.key != b"search_path" {
            return Err(OTHER);
        }

        let word = if kind == Token::Word { &self.value[..] } else { b"" };
        let fits = match &self.key[..] {
            b"statement_timeout"
            | b"lock_timeout"
            | b"idle_in_transaction_session_timeout"
            | b"transaction_timeout" => kind == Token::Number,
            b"client_encoding" => return if is_safe(&self.value) { Ok(()) } else { Err(ENCODING) },
            b"standard_conforming_strings"
            | b"check_function_bodies"
            | b"escape_string_warning"
            | b"row_security"
            | b"default_with_oids" => matches!(word, b"on" | b"off" | b"true" | b"false"),
            b"xmloption" => matches!(word, b"content" | b"document"),
            b"client_min_messages" => matches!(word, b"warning" | b"error"),
            // written with `--use-set-session-authorization`; our own statements after the dump
            // revert it
            b"authorization" => kind != Token::Number,
            b"search_path" | b"default_tablespace" | b"default_table_access_method" => {
                kind != Token::Number
            }
            _ => false,
        };

        if fits { Ok(()) } else { Err(OTHER) }
    }
}

/// The encodings of servers (`encnames.c`, up to `PG_ENCODING_BE_LAST`): every byte of a character
/// beyond ASCII has its highest bit set, so that no quote and no backslash is a part of one.
const SAFE: &[&str] = &[
    "utf8",
    "unicode",
    "sqlascii",
    "eucjp",
    "euccn",
    "euckr",
    "euctw",
    "eucjis2004",
    "muleinternal",
    "koi8",
    "koi8r",
    "koi8u",
    "win866",
    "windows866",
    "alt",
    "win874",
    "windows874",
    "abc",
    "tcvn",
    "tcvn5712",
    "vscii",
    "win",
];

fn is_safe(encoding: &[u8]) -> bool {
    let plain: String = encoding
        .iter()
        .filter(|b| b.is_ascii_alphanumeric())
        .map(|b| b.to_ascii_lowercase() as char)
        .collect();

    let odd = encoding.iter().any(|b| !b.is_ascii_alphanumeric() && !b"-_ ".contains(b));
    let family =
        ["latin", "iso8859", "win125", "windows125"].iter().any(|head| plain.starts_with(head));

    !odd && (SAFE.contains(&&*plain) || family)
}
