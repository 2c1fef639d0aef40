//! What a dump of PostgreSQL loads, what it takes of the server, and what is left out of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Others;

/// What a script loads into one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The name as SQL, written as `format('%I.%I', ...)` writes it.
    pub table: String,
    /// Rows of COPY data, and tuples of `INSERT ... VALUES`.
    pub rows: u64,
    /// Bytes of COPY data.
    pub bytes: u64,
    /// False if the rows cannot be told from the script: `INSERT ... SELECT`, `ON CONFLICT`, or
    /// `COPY ... WHERE`.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub exact: bool,
    /// The rows are spread over partitions (`pg_dump --load-via-partition-root`), so that
    /// `FROM ONLY` finds none of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partitioned: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(exact: &bool) -> bool {
    *exact
}

/// What a dump takes of roles and of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Roles that own something, and how much of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<String, u64>,
    /// Roles that something is granted to or revoked from, and how often.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grantees: BTreeMap<String, u64>,
    /// Roles whose default privileges are changed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub givers: BTreeSet<String>,
    /// Roles that the session becomes on the way (`SET SESSION AUTHORIZATION`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub assumed: BTreeSet<String>,
    /// Roles that policies and user mappings name, which can't be left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub bound: BTreeSet<String>,
    /// Extensions that it makes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub extensions: BTreeSet<String>,
    /// Event triggers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub event_triggers: u64,
}

// serde hands over a reference
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A kind of statements that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// `ALTER … OWNER TO`, `SET SESSION AUTHORIZATION`.
    Owners,
    /// `GRANT`, `REVOKE`, `ALTER DEFAULT PRIVILEGES`.
    Rights,
    /// `CREATE EVENT TRIGGER`, and what is said of one.
    EventTriggers,
}

impl From<Others> for Claim {
    fn from(others: Others) -> Self {
        match others {
            Others::Owners => Self::Owners,
            Others::Rights => Self::Rights,
        }
    }
}

/// What is left out of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Kinds of statements.
    pub claims: Vec<Claim>,
    /// Extensions that are not made.
    pub extensions: Vec<String>,
    /// Extensions that are there and somebody else's, whose comment stays as it is.
    pub comments: Vec<String>,
    /// Tables (`schema.name`) whose rows are missing: what refers to them would not hold.
    pub emptied: Vec<String>,
}

/// What was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Statements about owners.
    pub owners: u64,
    /// Statements about rights.
    pub rights: u64,
    /// The roles that those name.
    pub roles: BTreeSet<String>,
    /// Statements about event triggers.
    pub event_triggers: u64,
    /// Foreign keys to tables whose rows are missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub references: u64,
    /// Extensions that were not made.
    pub extensions: BTreeSet<String>,
    /// Extensions whose comment was left as it is.
    pub comments: BTreeSet<String>,
}

impl LeftOut {
    /// Whether what was loaded is all that the dump holds.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The same for people: what is left out that somebody may miss. A comment on what is the
    /// server's own is no loss.
    pub fn told(&self) -> Option<String> {
        let count = |n: u64, what: &str| {
            (n > 0).then(|| format!("{n} {what}{}", if n == 1 { "" } else { "s" }))
        };
        let extensions: Vec<String> =
            self.extensions.iter().map(|name| format!("the extension `{name}`")).collect();

        let parts = [
            count(self.owners, "owner"),
            count(self.rights, "right"),
            count(self.event_triggers, "event trigger"),
        ];

        let references = count(self.references, "foreign key")
            .map(|keys| format!("{keys} to tables whose rows are missing"));
        let parts: Vec<String> =
            parts.into_iter().flatten().chain(references).chain(extensions).collect();
        let (last, first) = parts.split_last()?;

        let all = if first.is_empty() {
            last.clone()
        } else {
            format!("{} and {last}", first.join(", "))
        };

        let roles: Vec<String> = self.roles.iter().map(|role| format!("`{role}`")).collect();
        let of = if roles.is_empty() {
            String::new()
        } else {
            format!(" (roles: {})", roles.join(", "))
        };
        Some(format!("left out: {all}{of}"))
    }
}

/// What psql may have to be spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// `\restrict` and `\unrestrict`: a psql older than these commands stops there (CVE-2025-8714).
    Restrict,
    /// `BEGIN` and `COMMIT`, which pg_dump writes round large objects (`pg_backup_null.c`,
    /// `_StartLOs`): within a transaction of ours that COMMIT would end it half way.
    Transaction,
    /// `SET transaction_timeout`, which pg_dump 17 and newer write, and servers older than that do
    /// not know.
    TransactionTimeout,
    /// Made before a loader role comes: schemas and extensions.
    Beforehand,
    /// Given when it has gone, by the role that made it: owners, rights, comments, subscriptions,
    /// publications of all tables.
    Handover,
    /// The same for event triggers, which run in whatever follows.
    Last,
    /// In which tablespace what follows is made: a server may have none.
    Tablespace,
    /// A byte order mark: psql skips it at the start of a file of its own, and there are words of
    /// ours before it.
    ByteOrderMark,
    /// What a dump made with `pg_dump --create` says of the database itself: it is made here, and
    /// is entered already.
    OwnDatabase,
    /// How names and strings are read: it is run as it comes, and once more before what is given
    /// afterwards.
    Reading,
    /// Gives an owner (see [`Claim::Owners`]).
    Owner,
    /// Gives or takes rights.
    Right,
    /// Makes an extension that is not to be made, or comments on one that is somebody else's.
    Extension,
    /// Makes an event trigger, or says something of one.
    EventTrigger,
    /// A foreign key to a table whose rows are missing.
    Reference,
}

/// How far a script is trusted: each goes farther than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Trust {
    /// A dump as pg_dump writes it: end marker, no statement that it does not write, no
    /// meta-command of psql.
    #[default]
    Dump,
    /// A dump of the repository's own: `db-tasks.toml` names it, or this run makes it. Its
    /// statements are not judged.
    Repository,
    /// `--trust`: a hand-made script; what its SQL does is the person's word. It must still end
    /// outside quotes and data.
    Script,
    /// `--trust=psql`: its meta-commands run, too.
    Psql,
}
