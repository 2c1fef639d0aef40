//! What a scan found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use crate::value::{Claims, LeftOut, Spare, TableRows};

/// Everything that a scan tells about a script. Lines are counted from 1, bytes from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Bytes read.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// How many bytes from the start may be passed on, now that the end is known, whatever their
    /// statements do.
    pub released: u64,
    /// Those not taken from the scanner before.
    pub asides: Vec<Withheld>,
    /// Those not taken from the scanner before.
    pub again: Vec<super::Again>,
    /// Rows per table, in order of first appearance.
    pub tables: Vec<TableRows>,
    /// Set if it only makes tables, or only fills them, as with `pg_dump --schema-only` and
    /// `--data-only`. A dump of tables that are all empty fills them with nothing; as INSERTs, it
    /// can't be told from one without data.
    pub half: Option<Half>,
    /// From `-- Dumped from database version`.
    pub server_version: Option<String>,
    /// From `-- Dumped by pg_dump version`.
    pub dump_version: Option<String>,
    /// The last thing in the script, except for comments and `\unrestrict`, is the comment with
    /// which pg_dump or pg_dumpall ends.
    pub end_marker: bool,
    /// The `\restrict` pair.
    pub restrict: Restrict,
    /// The first line end with a carriage return where pg_dump writes none: in COPY data, and
    /// outside strings and dollar quotes.
    pub first_crlf: Option<u64>,
    /// The first line with a NUL byte.
    pub nul: Option<u64>,
    /// The first meta-commands, except for a matching `\restrict` and `\unrestrict`.
    pub meta: Vec<Meta>,
    /// How many there are in all.
    pub meta_count: u64,
    /// The first statements that pg_dump never writes.
    pub refused: Vec<Refused>,
    /// How many there are in all.
    pub refused_count: u64,
    /// Set if it is not a dump of one database.
    pub other: Option<Other>,
    /// Set if it creates and connects to its database itself, as with `pg_dump --create`: see
    /// [`Spare::OwnDatabase`].
    pub names_its_database: bool,
    /// The first place after which we can't be sure how psql reads it.
    pub unclear: Option<Unclear>,
    /// Its encoding, by a name that needs no quotes; `None` if it does not say.
    pub encoding: Option<String>,
    /// Names of tables that are not UTF-8, as they are listed, and as they are sent in the script's
    /// encoding.
    pub foreign: BTreeMap<String, String>,
    /// The tablespaces that it names.
    pub tablespaces: BTreeSet<String>,
    /// Large objects made.
    pub large_objects: u64,
    /// Statements ended.
    pub statements: u64,
    /// What the end cuts off.
    pub unterminated: Option<Unterminated>,
    /// The statement begun last.
    pub last: Option<Begun>,
    /// The line of the first statement after an end marker, if no other marker follows.
    pub(super) after_marker: Option<u64>,
    /// What must exist before a loader role, if one may be used.
    pub definitions: Vec<Definition>,
    /// The first statement that no loader role may run.
    pub obstacle: Option<Obstacle>,
    /// What it needs of roles and of the server.
    pub claims: Claims,
    /// The parts of that psql did not get.
    pub left_out: LeftOut,
}

/// A half of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Its tables are made, and not filled.
    Definitions,
    /// Tables are filled that it does not make.
    Rows,
}

/// What is created before the loader role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A schema.
    Schema {
        /// Its name.
        name: String,
    },
    /// An extension.
    Extension {
        /// Its name.
        name: String,
        /// Its schema, if that is given.
        schema: Option<String>,
    },
    /// Not created, but noted: a materialized view, which holds the rows visible to whoever fills
    /// it.
    MaterializedView,
    /// Not created, but noted: a function that runs as its owner, whoever calls it (`SECURITY
    /// DEFINER`).
    ActsAsOwner,
}

/// A statement that needs more than a loader role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Its line.
    pub line: u64,
    /// What it is.
    pub what: &'static str,
}

/// A part of a script that psql may have to skip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its bytes: a line with its newline, a statement with its semicolon.
    pub at: Range<u64>,
    /// What it is.
    pub what: Spare,
}

/// The `\restrict` lines of a script (`app-psql`: restricted mode ends with the same key).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Restrict {
    /// There is none.
    #[default]
    None,
    /// Opened, not closed.
    Open {
        /// Its key.
        key: String,
        /// Its line.
        line: u64,
    },
    /// Opened and closed with the same key.
    Closed {
        /// Its key.
        key: String,
    },
    /// An `\unrestrict` with another key, or with none open.
    Mismatched {
        /// The key that is open, if one is.
        opened: Option<String>,
        /// The key that it tried to close.
        closed: String,
        /// Its line.
        line: u64,
    },
}

/// A backslash line that psql would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its line.
    pub line: u64,
    /// The first 80 characters from the backslash on.
    pub text: String,
}

/// A statement that is not on the allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its line.
    pub line: u64,
    /// How it begins, up to its first string: that may be a password.
    pub text: String,
    /// Why it is not on the allow-list.
    pub why: &'static str,
}

/// What a script is, if not a dump of one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// pg_dumpall's: of a whole server.
    Cluster,
    /// It changes databases, but not as `pg_dump --create` does.
    Databases,
}

/// A place that some versions or settings of psql read differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// Its line.
    pub line: u64,
    /// What makes it unclear.
    pub why: &'static str,
}

/// What the end of the script cuts off, and the line where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unterminated {
    /// What it is.
    pub what: Construct,
    /// Where it began.
    pub line: u64,
}

/// What can be cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Construct {
    /// The data of COPY.
    Copy {
        /// The table it goes into.
        table: String,
    },
    /// `'…'`
    String,
    /// `"…"`
    Name,
    /// `$tag$…$tag$`
    DollarQuote,
    /// `/* … */`
    Comment,
    /// A statement without its semicolon.
    Statement,
}

/// The first line of a statement, up to 120 characters, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its line.
    pub line: u64,
    /// Its text.
    pub text: String,
}

/// A reason not to trust a script; its `Display` is plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not end as pg_dump's dumps do.
    NoEndMarker {
        /// How many lines there are.
        lines: u64,
    },
    /// It continues after pg_dump's end.
    AfterEndMarker {
        /// The line that does.
        line: u64,
    },
    /// It ends in the middle of something.
    Unterminated(Unterminated),
    /// `\restrict` without `\unrestrict`.
    RestrictOpen {
        /// Its line.
        line: u64,
    },
    /// `\unrestrict` with another key.
    RestrictKey {
        /// Its line.
        line: u64,
    },
    /// Line ends that went through a terminal or an editor.
    CrLf {
        /// The first of them.
        line: u64,
    },
    /// A byte that text never has.
    Nul {
        /// Its line.
        line: u64,
    },
    /// A command that psql itself would run.
    Meta(Meta),
    /// More meta-commands than are listed.
    MoreMeta(u64),
    /// It is not a dump of one database.
    Other(Other),
    /// A statement that pg_dump never writes.
    Refused(Refused),
    /// More of them than are listed.
    MoreRefused(u64),
    /// A place that can be read in two ways.
    Unclear(Unclear),
}

impl Script {
    /// Everything that is wrong, worst first. A script that pg_dump did not write always lacks the
    /// end marker: then the caller decides about [`Fault::NoEndMarker`].
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = self.strange();
        faults.extend(self.unterminated.clone().map(Fault::Unterminated));
        faults.extend(self.end_fault());
        faults.extend(self.restrict_fault());
        faults.extend(self.first_crlf.map(|line| Fault::CrLf { line }));
        faults.extend(self.nul.map(|line| Fault::Nul { line }));
        faults
    }

    /// What psql must not run, or what is unclear.
    pub(super) fn strange(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.other.map(Fault::Other).into_iter().collect();
        faults.extend(self.meta.iter().cloned().map(Fault::Meta));

        let more = self.meta_count - self.meta.len() as u64;
        faults.extend((more > 0).then_some(Fault::MoreMeta(more)));
        faults.extend(self.refused.iter().cloned().map(Fault::Refused));

        let more = self.refused_count - self.refused.len() as u64;
        faults.extend((more > 0).then_some(Fault::MoreRefused(more)));
        faults.extend(self.unclear.clone().map(Fault::Unclear));

        faults
    }

    fn end_fault(&self) -> Option<Fault> {
        let missing = Fault::NoEndMarker { lines: self.lines };
        match self.after_marker {
            _ if self.end_marker => None,
            Some(line) => Some(Fault::AfterEndMarker { line }),
            None => Some(missing),
        }
    }

    fn restrict_fault(&self) -> Option<Fault> {
        match self.restrict {
            Restrict::Open { line, .. } => Some(Fault::RestrictOpen { line }),
            Restrict::Mismatched { line, .. } => Some(Fault::RestrictKey { line }),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoEndMarker { lines } => {
                write!(f, "no end marker: the dump is cut short after line {lines}")
            }
            Fault::AfterEndMarker { line } => {
                write!(f, "line {line} continues after the end marker")
            }
            Fault::Unterminated(cut) => write!(f, "{cut}"),
            Fault::RestrictOpen { line } => {
                write!(f, "\\restrict at line {line} is not closed by \\unrestrict")
            }
            Fault::RestrictKey { line } => {
                write!(f, "\\unrestrict at line {line} has no \\restrict with its key")
            }
            Fault::CrLf { line } => {
                write!(f, "line {line} ends in CRLF: something changed the line ends")
            }
            Fault::Nul { line } => write!(f, "NUL byte at line {line}"),
            Fault::Meta(meta) => {
                write!(f, "psql meta-command at line {}: {}", meta.line, meta.text)
            }
            Fault::MoreMeta(count) => write!(f, "{count} more psql meta-commands"),
            Fault::Other(Other::Cluster) => {
                write!(f, "it is pg_dumpall's file of a whole server, not a dump of one database")
            }
            Fault::Other(Other::Databases) => {
                write!(
                    f,
                    "it creates or changes databases, but not as `pg_dump --create` of one \
                     database does"
                )
            }
            Fault::Refused(Refused { line, text, why }) => write!(f, "line {line}: {text}: {why}"),
            Fault::MoreRefused(count) => {
                write!(f, "{count} more statements that pg_dump does not write")
            }
            Fault::Unclear(place) => {
                write!(f, "can't be read with certainty from line {} on: ", place.line)?;
                f.write_str(place.why)
            }
        }
    }
}

impl fmt::Display for Unterminated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.what {
            Construct::Copy { table } => {
                let line = self.line;
                return write!(
                    f,
                    "cut short in the data of table {table}, which begins at line {line}"
                );
            }
            Construct::String => "string",
            Construct::Name => "quoted name",
            Construct::DollarQuote => "dollar quote",
            Construct::Comment => "comment",
            Construct::Statement => "statement",
        };
        write!(f, "cut short in a {what} that begins at line {}", self.line)
    }
}
