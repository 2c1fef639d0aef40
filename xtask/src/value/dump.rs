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
    /// The rows are distributed to partitions (`pg_dump --load-via-partition-root`), so `FROM ONLY`
    /// finds none of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partitioned: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(exact: &bool) -> bool {
    *exact
}

/// What a dump needs of roles and of the server.
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
    /// Roles that the session switches to (`SET SESSION AUTHORIZATION`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub assumed: BTreeSet<String>,
    /// Roles that policies and user mappings name, which can't be left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub bound: BTreeSet<String>,
    /// Extensions that it creates.
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
    /// `CREATE EVENT TRIGGER`, and changes of one.
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
    /// Extensions that are not created.
    pub extensions: Vec<String>,
    /// Existing extensions of other roles, whose comment stays as it is.
    pub comments: Vec<String>,
    /// Tables (`schema.name`) whose rows are missing: references to them would fail.
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
    /// Extensions that were not created.
    pub extensions: BTreeSet<String>,
    /// Extensions whose comment was left as it is.
    pub comments: BTreeSet<String>,
}

impl LeftOut {
    /// Whether everything in the dump was loaded.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The same for people: what is left out that you may miss. A comment on the server's own
    /// objects does not matter.
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

/// What psql may have to skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// `\restrict` and `\unrestrict`: a psql older than these commands stops there (CVE-2025-8714).
    Restrict,
    /// `BEGIN` and `COMMIT`, which pg_dump writes around large objects (`pg_backup_null.c`,
    /// `_StartLOs`): within our transaction that COMMIT would end it too early.
    Transaction,
    /// `SET transaction_timeout`, which pg_dump 17 and newer write, and older servers do not know.
    TransactionTimeout,
    /// Created before the loader role: schemas and extensions.
    Beforehand,
    /// Run after the loader role is gone, by the role that made it: owners, rights, comments,
    /// subscriptions, publications of all tables.
    Handover,
    /// The same for event triggers, which run in whatever follows.
    Last,
    /// The tablespace for what follows: the server may not have it.
    Tablespace,
    /// A byte order mark: psql skips it only at the start of a file, and our statements come before
    /// it.
    ByteOrderMark,
    /// What a dump made with `pg_dump --create` says about the database itself: we create it, and
    /// are already connected.
    OwnDatabase,
    /// How names and strings are read: run as it comes, and once more before what is run
    /// afterwards.
    Reading,
    /// Sets an owner (see [`Claim::Owners`]).
    Owner,
    /// Grants or revokes rights.
    Right,
    /// Creates an extension that must not be created, or comments on one of another role.
    Extension,
    /// Creates an event trigger, or changes one.
    EventTrigger,
    /// A foreign key to a table whose rows are missing.
    Reference,
}

/// How far a script is trusted: each level goes further than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Trust {
    /// A dump as pg_dump writes it: an end marker, only statements that pg_dump writes, no
    /// meta-command of psql.
    #[default]
    Dump,
    /// A dump of the repository: `db-tasks.toml` names it, or this run makes it. Its statements are
    /// not checked.
    Repository,
    /// `--trust`: a hand-made script; you answer for its SQL. It must still end outside quotes and
    /// data.
    Script,
    /// `--trust=psql`: its meta-commands run, too.
    Psql,
}
