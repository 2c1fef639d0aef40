//! What a server says about itself and a database: one psql, one JSON answer.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::contents::{HAS_OBJECTS, HAS_TABLES};
use super::counting::read_counts;
use super::inventory::{self, Inventory};
use super::locks::{self, Locks};
use super::marks::{self, State};
use super::reached::{self, Answerer, Reached};
use super::shape::{self, Shape};
use crate::engine::postgres::client::name::literal;
use crate::engine::postgres::client::sql;
use crate::engine::postgres::client::version::Version;
use crate::engine::postgres::client::{OnLogin, Tongue};
use crate::value::DatabaseFacts;

/// What is known of a server and the database that the client connects to.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerFacts {
    /// psql's version.
    #[serde(default)]
    pub client: Version,
    /// The server's version.
    pub version: Version,
    /// The server's version as it prints it.
    pub version_text: String,
    /// Our role.
    pub role: Role,
    /// The database, and those named after it (`app__previous`).
    pub databases: Vec<DatabaseFacts>,
    /// Sessions on the database, other than ours.
    #[serde(default)]
    pub sessions: Vec<Session>,
    /// The user's tables, if they were asked for, without those of extensions.
    #[serde(default)]
    pub tables: Vec<TableFacts>,
    /// Tables and how they depend on each other, if asked for.
    #[serde(default)]
    pub inventory: Inventory,
    /// Extensions and their versions; empty if the database does not exist.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
    /// Prepared transactions on the database: they hold it as sessions do.
    #[serde(default)]
    pub prepared: u32,
    /// Names of all roles: a dump's owner may be missing here.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Those of them to which our role may give ownership.
    #[serde(default)]
    pub own_roles: Vec<String>,
    /// Logical replication slots of the database.
    #[serde(default)]
    pub slots: u32,
    /// `listen_addresses`: empty while the official image's bootstrap server runs, which is on the
    /// socket only (<https://github.com/docker-library/postgres/issues/146>).
    pub listens_on: Option<String>,
    /// The server's data folder, if the role may know it.
    pub data_directory: Option<String>,
    /// Started with a command line that gives it no address to listen on, like the temporary server
    /// with which the official image sets up a new database (docker-library/postgres#146).
    #[serde(default)]
    pub deaf: bool,
    /// Whether the database has user tables.
    #[serde(default)]
    pub has_tables: bool,
    /// Whether it has anything at all.
    #[serde(default)]
    pub has_objects: bool,
    /// What it says about itself, to tell two servers apart.
    #[serde(default)]
    pub answerer: Answerer,
    /// The size of its lock table.
    #[serde(default)]
    pub locks: Locks,
    /// Unusual facts.
    #[serde(default)]
    pub shape: Shape,
    /// What the client connected to.
    #[serde(skip)]
    pub reached: Reached,
}

/// What our role may do.
#[derive(Debug, Clone, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Superuser.
    pub superuser: bool,
    /// May create databases.
    pub createdb: bool,
    /// Sessions that it may have at once; -1 for any number.
    #[serde(default = "any_number")]
    pub connection_limit: i64,
    /// Sessions that others have with it.
    #[serde(default)]
    pub sessions: i64,
}

fn any_number() -> i64 {
    -1
}

/// A session on the database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Session {
    /// Backend's process id.
    pub pid: u32,
    /// Its role.
    pub user: Option<String>,
    /// Its application.
    pub app: Option<String>,
    /// Its host; none for a socket.
    pub host: Option<String>,
    /// `active`, `idle`, …
    pub state: Option<String>,
}

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let app = self.app.as_deref().filter(|a| !a.is_empty()).unwrap_or("unnamed application");
        write!(f, "{app} ({}, pid {})", self.user.as_deref().unwrap_or("?"), self.pid)
    }
}

/// A table's size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct TableFacts {
    /// `schema.table`, quoted where needed.
    pub name: String,
    /// `r` for a table, `p` for a partitioned one, `m` for a materialized view (pg_class.relkind).
    #[serde(default)]
    pub kind: String,
    /// Its owner.
    #[serde(default)]
    pub owner: String,
    /// Rows: counted by the last ANALYZE, -1 if there was none.
    pub estimate: i64,
    /// Bytes with indexes and TOAST.
    pub bytes: u64,
}

impl ServerFacts {
    /// The encodings for the names of this database and of the server's others.
    pub fn tongue(&self, name: &str) -> Tongue {
        let encoding = self.database(name).map_or("", |database| database.encoding.as_str());
        match encoding {
            _ if ["sql_ascii", "mule_internal"]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(encoding)) =>
            {
                Tongue::Bytes
            }
            _ if self.shape.several_encodings => Tongue::Among,
            _ => Tongue::Utf8,
        }
    }

    /// Whether the database's login triggers can be kept out of our sessions: they exist from
    /// PostgreSQL 17 on, and a superuser can switch them off
    /// (<https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-EVENT-TRIGGERS>).
    pub fn on_login(&self) -> OnLogin {
        if self.role.superuser && !self.shape.login_triggers.is_empty() {
            OnLogin::Off
        } else {
            OnLogin::Runs
        }
    }

    /// The database of this name.
    pub fn database(&self, name: &str) -> Option<&DatabaseFacts> {
        self.databases.iter().find(|d| d.name == name)
    }

    /// Reads the answer to `question`.
    pub fn read(answer: &str) -> Result<Self> {
        let answer = answer.trim();
        let at =
            if answer.starts_with('{') { Some(0) } else { answer.find("\n{").map(|at| at + 1) };
        let (before, said) = answer.split_at(at.context("the server's answer is empty")?);
        let before: Vec<&str> = before.lines().collect();
        let (json, more) = said.split_once('\n').unwrap_or((said, ""));

        let (own, counts) = if more.starts_with('{') {
            more.split_once('\n').unwrap_or((more, ""))
        } else {
            ("{}", more)
        };

        let said = |json| {
            serde_json::from_str::<Map<String, Value>>(json)
                .context("the server's answer does not fit the question")
        };
        let mut all = said(json)?;
        all.extend(said(own)?);

        let mut facts: Self = serde_json::from_value(all.into())
            .context("the server's answer does not fit the question")?;
        facts.inventory.count(read_counts(counts));

        let version = before.first().and_then(|line| line.split_whitespace().next());
        facts.client = Version(version.and_then(|version| version.parse().ok()).unwrap_or(0));
        facts.reached = Reached::read(&before);

        Ok(facts)
    }
}

impl DatabaseFacts {
    /// Whether there is no such database.
    pub fn is_none(&self) -> bool {
        self.name.is_empty()
    }

    /// What it is to this tool.
    pub fn state(&self) -> State {
        State::of(self.connection_limit, self.comment.as_deref())
    }

    /// The roles that own it or have rights on it or settings in it, and the values of those.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let grantees = self.acl.iter().flatten().filter_map(|grant| grant.grantee.as_deref());
        let settings = self
            .settings
            .iter()
            .flat_map(|s| s.role.as_deref().into_iter().chain([s.name.as_str(), s.value.as_str()]));
        std::iter::once(self.owner.as_str()).chain(grantees).chain(settings)
    }

    /// The user's own comment, without our mark.
    pub fn own_comment(&self) -> Option<&str> {
        self.comment.as_deref().and_then(marks::own_comment)
    }
}

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The server and the database.
    Database,
    /// Every table's size, too.
    Tables,
    /// Every table's rows, counted, and what ties tables together.
    Rows,
}

/// Where the client runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// On this machine: the address that libpq reached, and the processes here, tell where the
    /// server is.
    ThisMachine,
    /// In a container, whose engine tells that.
    ItsContainer,
}

/// The question, for a psql that is connected to `database` or, if that does not exist, to another
/// one. Each psql costs 10 ms, in a container 90: so one question asks everything. On this machine
/// it also says which server was reached.
pub fn question(database: &str, depth: Depth, from: From) -> String {
    let (tables, rows) = match depth {
        Depth::Database => ("", ""),
        Depth::Tables => (TABLES, ""),
        Depth::Rows => (inventory::QUESTION, inventory::ROWS),
    };

    let opening = match from {
        From::ThisMachine => reached::QUESTION,
        From::ItsContainer => "\\echo :VERSION_NUM\n",
    };
    let name = literal(database);
    let server = sql::filled(
        QUESTION,
        &[
            ("answerer", reached::ANSWERER),
            ("locks", locks::QUESTION),
            ("shape", &shape::question(database)),
            ("name", &name),
            ("like", &literal(&format!("{}\\_\\_%", like(database)))),
        ],
    );
    let own = sql::filled(
        OWN,
        &[("has_tables", HAS_TABLES), ("has_objects", HAS_OBJECTS), ("tables", tables)],
    );
    format!("{opening}{}{server}{own}{rows}", reached::SYSTEM)
}

fn like(name: &str) -> String {
    // a long name was truncated before its suffix was added
    let head: String = name.chars().take(30).collect();
    let escaped = head.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    if head.len() < name.len() { format!("{escaped}%") } else { escaped }
}

/// What all databases of the server share, as bytes: names and comments have whatever encoding they
/// were given in.
const QUESTION: &str = sql::statements(include_str!("facts/server.sql"));

/// What belongs to the database, in UTF-8 if it has an encoding.
const OWN: &str = sql::statements(include_str!("facts/database.sql"));

const TABLES: &str = sql::part(include_str!("facts/tables.sql"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_may_be_called_like_a_part_of_the_question() {
        let names = |name: &str| {
            let asked = question(name, Depth::Rows, From::ThisMachine);
            asked.matches(&literal(name)).count()
        };

        let wanted = names("shop");
        assert!(wanted > 5, "{wanted}");
        for name in ["{name}", "{like}", "{tables}", "{shape}"] {
            assert_eq!(names(name), wanted, "{name}");
        }
    }
}
