//! Statements that are recognised by their first words: definitions, comments, rights.

use super::{UNKNOWN, Why};
use crate::engine::postgres::script::token::Token;

/// The first words, until the statement is recognised.
pub(in super::super) struct Head {
    verb: Verb,
    /// A first word that takes a second one.
    half: Option<Half>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Alter,
    Drop,
    Comment,
    Label,
    Grant,
    Refresh,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    /// `USER MAPPING`.
    User,
    /// `ALTER DEFAULT PRIVILEGES`.
    Default,
    /// `COMMENT ON`, `SECURITY LABEL … ON`, `GRANT … ON`: a kind of object comes next.
    On,
}

/// What follows the first words.
pub(in super::super) enum Rest {
    /// A definition, which is not checked.
    Any,
    /// `CREATE TABLE`, which must not be filled by a query.
    Table,
    /// `CREATE SCHEMA`, which must not hold statements of its own.
    Schema,
    /// `CREATE FUNCTION` and `PROCEDURE`, with the library of one in C.
    Function(Function),
    /// `CREATE SUBSCRIPTION`, which must not connect; how much of `connect = false` was read.
    Subscription(Connects),
    /// `ALTER SUBSCRIPTION … OWNER TO`; whether that was read.
    SubscriptionOwner(bool),
    /// A statement on a database: whether it is allowed depends on its place.
    Database(OnDatabase),
}

/// What is done with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum OnDatabase {
    Dropped,
    Created,
    /// Altered, described, or given rights on.
    Changed,
}

#[derive(Default)]
pub(in super::super) struct Function {
    after: After,
    in_c: bool,
    outside: bool,
}

#[derive(Default, PartialEq, Eq)]
enum After {
    #[default]
    Other,
    Language,
    As,
}

#[derive(PartialEq, Eq)]
pub(in super::super) enum Connects {
    Unsaid,
    Connect,
    Equals,
    Never,
}

const CREATED: &[&str] = &[
    "access",
    "aggregate",
    "cast",
    "collation",
    "conversion",
    "domain",
    "event",
    "extension",
    "foreign",
    "function",
    "index",
    "language",
    "materialized",
    "operator",
    "policy",
    "procedure",
    "publication",
    "rule",
    "schema",
    "sequence",
    "server",
    "statistics",
    "subscription",
    "table",
    "text",
    "transform",
    "trigger",
    "type",
    "view",
];

/// Words between CREATE and what is created.
const BETWEEN: &[&str] = &[
    "constraint",
    "default",
    "or",
    "procedural",
    "recursive",
    "replace",
    "trusted",
    "unique",
    "unlogged",
];

const ALTERED: &[&str] = &[
    "aggregate",
    "collation",
    "conversion",
    "domain",
    "event",
    "foreign",
    "function",
    "index",
    "language",
    "large",
    "materialized",
    "operator",
    "policy",
    "procedural",
    "procedure",
    "publication",
    "routine",
    "schema",
    "sequence",
    "server",
    "statistics",
    "subscription",
    "table",
    "text",
    "trigger",
    "type",
    "view",
];

const DROPPED: &[&str] = &["procedural", "routine"];

/// What is commented and labelled, in addition to what is altered.
const DESCRIBED: &[&str] =
    &["access", "cast", "column", "constraint", "extension", "rule", "transform"];

/// What rights are granted on; those on databases, parameters and tablespaces are not in a dump of
/// one database.
const GRANTED: &[&str] = &[
    "domain",
    "foreign",
    "function",
    "language",
    "large",
    "procedure",
    "routine",
    "schema",
    "sequence",
    "table",
    "type",
];

pub(in super::super) const OF_DATABASES: Why =
    "it changes a database, but not as `pg_dump --create` does";
const OF_SERVER: Why = "it changes the whole server, as pg_dumpall does";

impl Head {
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let verb = match text {
            b"create" => Verb::Create,
            b"alter" => Verb::Alter,
            b"drop" => Verb::Drop,
            b"comment" => Verb::Comment,
            b"security" => Verb::Label,
            b"grant" | b"revoke" => Verb::Grant,
            b"refresh" => Verb::Refresh,
            _ => return None,
        };
        Some(Head { verb, half: None })
    }

    /// Takes the next token; returns the rest once it is recognised.
    pub(super) fn token(&mut self, token: Token, text: &[u8]) -> Result<Option<Rest>, Why> {
        let word =
            if token == Token::Word { std::str::from_utf8(text).unwrap_or_default() } else { "" };
        match self.half {
            Some(Half::On) if word == "database" => Ok(Some(Rest::Database(OnDatabase::Changed))),
            Some(half) => second(self.verb, half, word).map(Some),
            None => self.first(word),
        }
    }

    fn first(&mut self, word: &str) -> Result<Option<Rest>, Why> {
        match (self.verb, word) {
            (Verb::Create | Verb::Drop, "user") => self.half = Some(Half::User),
            (Verb::Alter, "default") => self.half = Some(Half::Default),
            (Verb::Comment | Verb::Label | Verb::Grant, "on") => self.half = Some(Half::On),
            // what is labelled by whom, and what is granted
            (Verb::Label | Verb::Grant, _) => {}
            (Verb::Create, "database") => return Ok(Some(Rest::Database(OnDatabase::Created))),
            (Verb::Drop, "database") => return Ok(Some(Rest::Database(OnDatabase::Dropped))),
            (Verb::Alter, "database") => return Ok(Some(Rest::Database(OnDatabase::Changed))),
            (Verb::Create, _) if BETWEEN.contains(&word) => {}
            (Verb::Create, _) if CREATED.contains(&word) => return Ok(Some(created(word))),
            (Verb::Drop, _) if CREATED.contains(&word) || DROPPED.contains(&word) => {
                return Ok(Some(Rest::Any));
            }
            (Verb::Alter, "subscription") => return Ok(Some(Rest::SubscriptionOwner(false))),
            (Verb::Alter, _) if ALTERED.contains(&word) => return Ok(Some(Rest::Any)),
            (Verb::Refresh, "materialized") => return Ok(Some(Rest::Any)),
            _ => return Err(refused(word)),
        }

        Ok(None)
    }

    pub(super) fn unfinished(&self) -> Why {
        if self.verb == Verb::Grant { OF_SERVER } else { UNKNOWN }
    }
}

fn second(verb: Verb, half: Half, word: &str) -> Result<Rest, Why> {
    let described = ALTERED.contains(&word) || DESCRIBED.contains(&word);
    let fits = match half {
        Half::User => word == "mapping",
        Half::Default => word == "privileges",
        Half::On if verb == Verb::Grant => GRANTED.contains(&word),
        Half::On => described,
    };

    if fits {
        Ok(Rest::Any)
    } else {
        Err(if half == Half::User { OF_SERVER } else { refused(word) })
    }
}

fn refused(word: &str) -> Why {
    match word {
        "database" => OF_DATABASES,
        "role" | "user" | "group" | "system" | "tablespace" | "parameter" => OF_SERVER,
        _ => UNKNOWN,
    }
}

fn created(word: &str) -> Rest {
    match word {
        "table" => Rest::Table,
        "schema" => Rest::Schema,
        "function" | "procedure" => Rest::Function(Function::default()),
        "subscription" => Rest::Subscription(Connects::Unsaid),
        _ => Rest::Any,
    }
}

impl Rest {
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self, Rest::Any | Rest::Database(_))
    }

    pub(super) fn token(&mut self, token: Token, text: &[u8], depth: u64) -> Result<(), Why> {
        let word = if token == Token::Word { text } else { b"" };
        match self {
            Rest::Any | Rest::Database(_) => {}
            Rest::Table if depth == 0 && word == b"as" => return Err("a table that a query fills"),
            Rest::Schema if matches!(word, b"create" | b"grant") => {
                return Err("a schema with statements of its own");
            }
            Rest::Table | Rest::Schema => {}
            Rest::Function(function) => function.token(token, text, depth),
            Rest::Subscription(Connects::Never) => {}
            Rest::Subscription(connects) => {
                *connects = match (&connects, word, token) {
                    (_, b"connect", _) => Connects::Connect,
                    (Connects::Connect, _, Token::Symbol(b'=')) => Connects::Equals,
                    (Connects::Equals, b"false", _) => Connects::Never,
                    _ => Connects::Unsaid,
                }
            }
            Rest::SubscriptionOwner(owner) => *owner |= word == b"owner",
        }

        Ok(())
    }

    pub(super) fn end(&self) -> Result<(), Why> {
        match self {
            Rest::Function(Function { in_c: true, outside: true, .. }) => {
                Err("a function in C from a library outside `$libdir`")
            }
            Rest::Subscription(connects) if *connects != Connects::Never => {
                Err("a subscription that connects")
            }
            Rest::SubscriptionOwner(false) => Err(UNKNOWN),
            Rest::Database(_) => Err(OF_DATABASES),
            _ => Ok(()),
        }
    }
}

impl Function {
    fn token(&mut self, token: Token, text: &[u8], depth: u64) {
        let named = matches!(token, Token::Word | Token::Name | Token::Str);
        match self.after {
            After::Language if named => self.in_c |= text.eq_ignore_ascii_case(b"c"),
            After::As if token == Token::Str => {
                let inside = text.starts_with(b"$libdir/") || !text.contains(&b'/');
                self.outside |=
                    !inside || text.windows(2).any(|two| two == b"..") || text.contains(&b'\\');
            }
            _ => {}
        }

        self.after = match (token, text) {
            (Token::Word, b"language") if depth == 0 => After::Language,
            (Token::Word, b"as") if depth == 0 => After::As,
            _ => After::Other,
        };
    }
}
