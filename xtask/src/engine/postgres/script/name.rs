//! Table names as they are read, and as SQL writes them.

use std::hash::{Hash, Hasher};

use super::token::Token;
use crate::bytes;
use crate::cmd::readable;

/// A table's name, without quotes.
#[derive(Clone, Debug, Default)]
pub(super) struct TableName {
    pub(super) schema: Vec<u8>,
    pub(super) table: Vec<u8>,
    after_dot: bool,
    /// Something followed it: no later dot belongs to it (`CREATE TABLE a.t OF b.ty`).
    whole: bool,
}

/// How far it was read does not change the name.
impl PartialEq for TableName {
    fn eq(&self, other: &Self) -> bool {
        (&self.schema, &self.table) == (&other.schema, &other.table)
    }
}

impl Eq for TableName {}

impl Hash for TableName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.schema, &self.table).hash(state);
    }
}

impl TableName {
    pub(super) fn clear(&mut self) {
        self.schema.clear();
        self.table.clear();
        self.after_dot = false;
        self.whole = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Takes a token that is part of the name; false for any other.
    pub(super) fn takes(&mut self, token: Token, text: &[u8]) -> bool {
        match token {
            Token::Dot => {
                self.after_dot = !self.table.is_empty() && !self.whole;
                true
            }
            Token::Word | Token::Name => self.part(text),
            _ => false,
        }
    }

    /// Takes the next part of the name; false if the name was complete before it.
    fn part(&mut self, text: &[u8]) -> bool {
        if self.after_dot {
            std::mem::swap(&mut self.schema, &mut self.table);
        } else if !self.table.is_empty() {
            self.whole = true;
            return false;
        }

        self.after_dot = false;
        self.table.clear();
        self.table.extend_from_slice(text);

        true
    }

    /// As it is listed, and compared.
    pub(super) fn sql(&self) -> String {
        self.by(readable)
    }

    /// As it is sent to a server, in the script's own encoding.
    pub(super) fn said(&self) -> String {
        self.by(bytes::text)
    }

    fn by(&self, text: fn(&[u8]) -> String) -> String {
        let table = quote(text(&self.table));
        match self.schema.is_empty() {
            true => table,
            false => format!("{}.{table}", quote(text(&self.schema))),
        }
    }
}

/// As `quote_ident` does: words that are not unreserved keywords are quoted too.
fn quote(name: String) -> String {
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let bare = name.starts_with(first)
        && name.chars().all(|c| first(c) || c.is_ascii_digit())
        && !KEYWORDS.contains(&&*name);
    match bare {
        true => name,
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// `SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'`, PostgreSQL 15.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric",
    "authorization", "between", "bigint", "binary", "bit", "boolean", "both", "case", "cast",
    "char", "character", "check", "coalesce", "collate", "collation", "column",
    "concurrently", "constraint", "create", "cross", "current_catalog", "current_date",
    "current_role", "current_schema", "current_time", "current_timestamp", "current_user",
    "dec", "decimal", "default", "deferrable", "desc", "distinct", "do", "else", "end",
    "except", "exists", "extract", "false", "fetch", "float", "for", "foreign", "freeze",
    "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike", "in",
    "initially", "inner", "inout", "int", "integer", "intersect", "interval", "into", "is",
    "isnull", "join", "lateral", "leading", "least", "left", "like", "limit", "localtime",
    "localtimestamp", "national", "natural", "nchar", "none", "normalize", "not", "notnull",
    "null", "nullif", "numeric", "offset", "on", "only", "or", "order", "out", "outer",
    "overlaps", "overlay", "placing", "position", "precision", "primary", "real",
    "references", "returning", "right", "row", "select", "session_user", "setof", "similar",
    "smallint", "some", "substring", "symmetric", "table", "tablesample", "then", "time",
    "timestamp", "to", "trailing", "treat", "trim", "true", "union", "unique", "user",
    "using", "values", "varchar", "variadic", "verbose", "when", "where", "window", "with",
    "xmlattributes", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces",
    "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];
