//! How psql reads a script: whether a backslash in a plain string means anything, and in which
//! encoding. psql goes by what the server reports, before each line, and code that runs in a
//! statement (a default, a trigger, a function of the file) may change that on the server: so it is
//! set again before whatever follows such a statement, or psql would read the script differently
//! from us.

use super::Scanner;
use super::token::Token;

/// First words of statements that run no user code.
const INERT: [&[u8]; 4] = [b"set", b"comment", b"grant", b"revoke"];
/// The same after CREATE. A table's partition bounds are expressions, and a foreign server's
/// options have a validator.
const INERT_CREATE: [&[u8]; 11] = [
    b"sequence",
    b"function",
    b"procedure",
    b"view",
    b"schema",
    b"domain",
    b"trigger",
    b"rule",
    b"policy",
    b"type",
    b"or",
];

/// A place before which psql must get something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// Bytes from the start: a statement begins there.
    pub at: u64,
    /// Its line.
    pub line: u64,
    /// What psql gets.
    pub what: Between,
}

/// What psql gets between two statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Between {
    /// How to read what follows, in one line.
    Reading(String),
    /// A commit of what came so far: see [`PIECE`].
    Border,
}

/// How many statements make a piece of a dump that may be committed by itself. Each may take a few
/// locks, which a transaction keeps to its end, and a server with default settings has room for
/// about 6,400
/// (<https://www.postgresql.org/docs/current/runtime-config-locks.html#GUC-MAX-LOCKS-PER-TRANSACTION>).
pub const PIECE: u32 = 500;

/// What is known of the current statement, and of how the script is read.
pub(super) struct Reading {
    conforming: bool,
    encoding: Option<String>,
    /// User code may have run since psql last got it.
    unsure: bool,
    /// Event triggers run in whatever follows.
    eventful: bool,
    /// The offset of the current statement, and how many of its words were checked.
    of: Option<u64>,
    words: u8,
    creates: bool,
    /// Statements since the last border.
    of_piece: u32,
    /// Between a BEGIN and a COMMIT of the dump: the end of its transaction would close a large
    /// object that is open there.
    bound: bool,
}

impl Default for Reading {
    fn default() -> Self {
        // a load's first statements say so
        let encoding = Some("utf8".into());
        Self {
            conforming: true,
            encoding,
            unsure: false,
            eventful: false,
            of: None,
            words: 0,
            creates: false,
            of_piece: 0,
            bound: false,
        }
    }
}

impl Reading {
    pub(super) fn conforms(&mut self, on: bool) {
        self.conforming = on;
    }

    /// An encoding by a name that needs no quotes; psql gets no other.
    pub(super) fn is_encoded(&mut self, encoding: Option<&str>) {
        let plain = |name: &&str| {
            !name.is_empty()
                && *name != "default"
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        self.encoding = encoding.filter(plain).map(String::from);
    }

    /// The current encoding.
    pub(super) fn encoding(&self) -> Option<String> {
        self.encoding.clone()
    }

    /// A `BEGIN`, or the `COMMIT` that ends it.
    pub(super) fn is_bound(&mut self) {
        self.bound = !self.bound;
    }

    fn words(&self) -> String {
        let strings = if self.conforming { "on" } else { "off" };
        // `\;` sends both at once (app-psql)
        let encoding = self
            .encoding
            .as_ref()
            .map_or(String::new(), |name| format!("\\; SET client_encoding TO {name}"));
        format!("SET standard_conforming_strings = {strings}{encoding};\n")
    }

    /// Whether no user code runs in a statement that begins so.
    fn goes_by(&mut self, token: Token, text: &[u8]) {
        match (self.words, token) {
            (0, Token::Word) if INERT.contains(&text) => self.unsure = self.eventful,
            (0, Token::Word) if text == b"create" => self.creates = true,
            (1, Token::Word) if self.creates && text == b"event" => self.eventful = true,
            (1, Token::Word) if self.creates && INERT_CREATE.contains(&text) => {
                self.unsure = self.eventful
            }
            _ => {}
        }

        self.words += 1;
    }
}

impl Scanner {
    /// Checks the first words of a statement.
    pub(super) fn remark(&mut self, token: Token) {
        let begun = (!self.lexer.between).then_some(self.lexer.statement);
        if begun.is_none() || (begun == self.reading.of && self.reading.words > 1) {
            return;
        }

        if begun != self.reading.of {
            let mut unsure = std::mem::replace(&mut self.reading.unsure, true);
            (self.reading.of, self.reading.words, self.reading.creates) = (begun, 0, false);

            let (at, line) = (self.lexer.statement, self.lexer.statement_line);
            if self.reading.of_piece >= PIECE && !self.reading.bound {
                self.reading.of_piece = 0;
                // deferred triggers run at its COMMIT
                unsure = true;
                self.script.again.push(Again { at, line, what: Between::Border });
            }

            self.reading.of_piece += 1;
            if unsure {
                self.script.again.push(Again {
                    at,
                    line,
                    what: Between::Reading(self.reading.words()),
                });
            }
        }

        self.reading.goes_by(token, &self.lexer.text);
    }

    /// Where psql must get something, since the last call.
    pub fn take_again(&mut self) -> Vec<Again> {
        std::mem::take(&mut self.script.again)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scanner;
    use super::{Between, PIECE};

    fn told(script: &str) -> Vec<(u64, String)> {
        let mut scanner = Scanner::new();
        // in pieces, as they may come
        script.as_bytes().chunks(3).for_each(|chunk| scanner.feed(chunk));
        let told = scanner.take_again().into_iter().map(|again| match again.what {
            Between::Reading(words) => (again.line, words.trim_end().to_owned()),
            Between::Border => (again.line, "border".to_owned()),
        });
        told.collect()
    }

    #[test]
    fn a_long_dump_has_borders_and_none_within_a_transaction_of_its_own() {
        let piece = PIECE as u64;
        let many = "GRANT ALL ON t TO x;\n".repeat(PIECE as usize);
        let borders = |script: &str| {
            let borders = told(script).into_iter().filter(|(_, words)| words == "border");
            borders.map(|(line, _)| line).collect::<Vec<_>>()
        };

        assert!(borders(&many).is_empty());
        assert_eq!(borders(&many.repeat(3)), [piece + 1, 2 * piece + 1]);

        let bound = format!(
            "SET lock_timeout = 0;\nBEGIN;\n{many}COMMIT;\nGRANT ALL ON t TO x;\nGRANT ALL ON t \
             TO x;\n"
        );
        assert_eq!(borders(&bound), [piece + 4]);
    }

    const ON: &str = "SET standard_conforming_strings = on\\; SET client_encoding TO utf8;";

    #[test]
    fn psql_is_told_again_after_what_may_run_somebodys_code() {
        let after = |first: &str| told(&format!("{first}\nCOMMENT ON TABLE t IS 'x';\n"));

        for first in [
            "INSERT INTO t VALUES (1);",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a));",
            "CREATE INDEX i ON t (f(a));",
            "CREATE TABLE t PARTITION OF p FOR VALUES IN (f());",
            "REFRESH MATERIALIZED VIEW m;",
            "COPY t FROM stdin;\n1\n\\.",
            "SELECT pg_catalog.setval('s', 1);",
        ] {
            let lines = first.lines().count() as u64;
            assert_eq!(after(first), [(lines + 1, ON.to_owned())], "{first}");
        }

        for first in [
            "SET lock_timeout = 0;",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;",
            "GRANT ALL ON t TO x;",
        ] {
            assert_eq!(after(first), [], "{first}");
        }
    }

    #[test]
    fn an_event_trigger_may_run_behind_everything() {
        let told = told(
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();\nGRANT ALL ON t TO \
             x;\nGRANT ALL ON t TO y;\n",
        );
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn what_the_script_itself_has_set_is_what_psql_is_told() {
        let script = "SET client_encoding = 'LATIN1';\nSET standard_conforming_strings = \
                      off;\nSELECT setval('s', 1);\nGRANT x TO y;\n";
        assert_eq!(
            told(script),
            [(
                4,
                "SET standard_conforming_strings = off\\; SET client_encoding TO latin1;"
                    .to_owned()
            )]
        );
    }
}
