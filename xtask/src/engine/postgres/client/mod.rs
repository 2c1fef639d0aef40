//! Who logs in, how psql and pg_dump are called, and what they say: one place for the flags of all
//! our calls.

pub mod archive;
pub mod cures;
pub mod failed_load;
pub mod kinds;
pub mod name;
pub mod said;
pub mod session;
pub mod snapshot;
pub(super) mod sql;
pub mod version;
pub mod warnings;

use self::session::NEUTRAL;
use crate::cmd::{Cmd, Value};
use crate::config::Connection;
use crate::place::Place;

/// How to talk to one server: where the programs run, how they connect, and this run's name on the
/// server.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where psql and pg_dump run.
    pub place: Place,
    /// Connection parameters, completed by what the place knows.
    pub connection: Connection,
    /// `application_name` of every session of this run, by which a dead run's sessions can be found
    /// and terminated.
    pub app_name: String,
    /// The system identifier of the server that answered, if it may be asked: commands that change
    /// data check it.
    pub system: Option<String>,
    /// The encoding of its names.
    pub tongue: Tongue,
    /// What the database's login triggers do in our sessions.
    pub on_login: OnLogin,
}

/// What a database's event triggers on login do in our sessions.
/// <https://www.postgresql.org/docs/current/event-trigger-database-login-example.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLogin {
    /// They run, or there are none.
    #[default]
    Runs,
    /// They are switched off, which needs a superuser.
    Off,
}

/// How names are passed to a server. It stores the names of databases and roles as bytes, in
/// whatever encoding they were given: if its databases have several encodings, it would convert
/// them on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tongue {
    /// All databases are in UTF-8, and so are names.
    #[default]
    Utf8,
    /// Not all of them are; this one understands UTF-8.
    Among,
    /// Not all of them are, and this one has no encoding: names are bytes.
    Bytes,
}

impl Tongue {
    /// The encoding for names that all databases share.
    fn shared(self) -> &'static str {
        if self == Self::Utf8 { "UTF8" } else { "sql_ascii" }
    }

    /// The encoding for names of tables.
    fn own(self) -> &'static str {
        if self == Self::Bytes { "sql_ascii" } else { "UTF8" }
    }

    /// For a script in UTF-8: what follows names databases and roles.
    pub fn of_all(self) -> &'static str {
        if self == Self::Utf8 { "" } else { "SET client_encoding = SQL_ASCII;\n" }
    }

    /// For a script in UTF-8: what follows names tables.
    pub fn of_tables(self) -> &'static str {
        if self == Self::Bytes { "SET client_encoding = SQL_ASCII;\n" } else { "" }
    }

    /// Before rows are counted: names in UTF-8, as most dumps have them.
    pub fn of_counts(self) -> &'static str {
        if self == Self::Utf8 { "" } else { "SET client_encoding = UTF8;\n" }
    }

    /// The end of that.
    pub fn ends(self) -> &'static str {
        if self == Self::Bytes { "SET client_encoding = UTF8;\n" } else { "" }
    }
}

/// A database's name for `-d`. libpq takes a name with a `=`, or one that begins like its URIs, as
/// a whole connection string, which may lead anywhere (`recognized_connection_string` in its
/// `fe-connect.c`): such a name is quoted in a connection string.
fn named(database: &str) -> String {
    let is_uri = ["postgresql://", "postgres://"].iter().any(|scheme| database.starts_with(scheme));
    if !is_uri && !database.contains('=') {
        return database.to_owned();
    }
    format!("dbname='{}'", database.replace('\\', r"\\").replace('\'', r"\'"))
}

/// What a psql says once it has answered, and waits for more.
pub const ANSWERED: &str = "db-tasks has answered";

/// A question whose answer ends with a line of its own.
pub fn ending(question: &str, last: &str) -> String {
    format!("{question}\\echo {last}\n")
}

/// What a psql says once it is connected.
pub const CONNECTED: &str = "db-tasks is connected";

/// What it says that by.
pub const GREETING: &str = "\\echo db-tasks is connected\n";

/// What a psql says once it holds what it was told to hold.
pub const HOLDS: &str = "db-tasks holds";

/// What lets it go.
pub const RELEASE: &str = "COMMIT;\n";

/// psql on another way to a server, where libpq is told this: it looks for a lock that a session of
/// ours holds, and answers with the oid of its database and in how many it sees one. Only the
/// system's own names are used there, too: with the database's search path, its owner's functions
/// would run as the hook's role and could answer anything.
pub fn seeker(
    place: &Place,
    variables: &[(String, Value)],
    database: &str,
    (one, two): (u32, u32),
) -> Cmd {
    // set in a transaction, not as an option: a pooler may be in between, which takes no options
    // and shares sessions
    let sql = format!(
        "BEGIN;\nSET LOCAL search_path = pg_catalog, pg_temp;\nSELECT oid::bigint, (SELECT \
         count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid::bigint = \
         {one} AND objid::bigint = {two} AND objsubid = 2 AND granted) FROM \
         pg_catalog.pg_database WHERE datname = current_database();\nCOMMIT;\n"
    );

    let mut cmd = Cmd::new("psql").args(READS);
    cmd.env.extend(variables.iter().filter(|(name, _)| name != "PGDATABASE").cloned());

    let cmd =
        cmd.env("PGDATABASE", database).env("PGCONNECT_TIMEOUT", "10").env("PGAPPNAME", "db-tasks");

    place.wrap(cmd.input(sql))
}

/// psql reads a script of ours, and answers with nothing but what it asks for.
const READS: [&str; 7] = ["-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1"];

/// How a line of an answer begins that people should see.
pub const TELLS: &str = "db-tasks tells: ";

/// SQL that you give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// All of it or nothing.
    Transaction(String),
    /// Each statement by itself.
    Statements(String),
}

/// What happens to large objects in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LargeObjects {
    /// They are in it.
    Taken,
    /// They are not.
    LeftOut,
}

/// Whether a person sits at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// They do.
    Present,
    /// It is a pipe.
    Absent,
}

impl Client {
    /// The database that is backed up and restored.
    pub fn database(&self) -> &str {
        self.connection.database.as_deref().unwrap_or_default()
    }

    /// A database other than the one we work on.
    pub fn maintenance(&self) -> &str {
        if self.connection.maintenance == self.database() {
            "template1"
        } else {
            &self.connection.maintenance
        }
    }

    fn program(&self, name: &str) -> Cmd {
        let c = &self.connection;
        let mut cmd = Cmd::new(name);
        // a client in the server's own container connects by its socket, as an administrator there
        // would
        let (host, port) = match self.place {
            Place::Container { .. } => (&None, &c.port_inside),
            _ => (&c.host, &c.port),
        };

        for (flag, value) in [("-h", host), ("-p", port)] {
            if let Some(value) = value {
                cmd = cmd.arg(flag).arg(value);
            }
        }

        if let Some(user) = &c.user {
            cmd = cmd.arg("-U").arg(user);
        }

        cmd = cmd.env("PGAPPNAME", &self.app_name);
        if !c.options.iter().any(|(name, _)| name == "PGCONNECT_TIMEOUT") {
            cmd = cmd.env("PGCONNECT_TIMEOUT", "10");
        }
        for (name, value) in &c.options {
            cmd = cmd.env(name, value);
        }

        if let Some(password) = &c.password {
            cmd = cmd.secret("PGPASSWORD", password.clone());
        }

        cmd
    }

    /// A plain dump on standard output. `-w`: a password prompt would hang a script for ever.
    pub fn dump(&self) -> Cmd {
        self.dump_with(std::iter::empty())
    }

    /// The same without the rows of tables and sequences that match these patterns, and optionally
    /// without large objects.
    pub fn dump_without(&self, patterns: &[String], large: LargeObjects) -> Cmd {
        let left_out = patterns.iter().map(|pattern| format!("--exclude-table-data={pattern}"));
        // the long name has changed in 16
        self.dump_with(left_out.chain((large == LargeObjects::LeftOut).then(|| "-B".into())))
    }

    /// The same with these options.
    pub fn dump_with(&self, options: impl Iterator<Item = String>) -> Cmd {
        let program = self.program("pg_dump");

        let program = if self.on_login == OnLogin::Off {
            program.env("PGOPTIONS", self.pgoptions())
        } else {
            program
        };

        let cmd = program.args(["-w", "--format=plain"]).args(options);
        self.place.wrap(cmd.arg("-d").arg(named(self.database())))
    }

    /// psql that reads `sql` and stops at the first error, whatever `~/.psqlrc` says.
    pub fn psql(&self, database: &str, sql: impl Into<String>) -> Cmd {
        let cmd = self.reader(database).env("PGCLIENTENCODING", self.tongue.shared());
        self.place.wrap(cmd.env("PGOPTIONS", self.own_options()).input(sql))
    }

    /// The same, if we also read its own messages: on this machine it may use another language, so
    /// it is told to use English.
    pub fn psql_in_english(&self, database: &str, sql: impl Into<String>) -> Cmd {
        let cmd = self.psql(database, sql);
        if let Place::Host { .. } = self.place { cmd.env("LC_ALL", "C") } else { cmd }
    }

    /// The same, but `RESET search_path` gives the path of the database or the role: for statements
    /// that run other people's triggers and views. It still begins with the system's own path.
    pub fn psql_on_their_path(&self, database: &str, sql: &str) -> Cmd {
        let cmd = self.reader(database).env("PGCLIENTENCODING", self.tongue.own());
        self.place.wrap(cmd.env("PGOPTIONS", self.pgoptions()).input(format!("{NEUTRAL}{sql}")))
    }

    /// The same, answering in the database's own encoding, as in its dumps.
    pub fn psql_as_dumped(&self, database: &str, sql: impl Into<String>) -> Cmd {
        self.place.wrap(self.reader(database).env("PGOPTIONS", self.own_options()).input(sql))
    }

    /// psql that takes a lock of this key in an open transaction, says [`HOLDS`], and waits for
    /// more.
    pub fn hold_lock(&self, database: &str, (one, two): (u32, u32)) -> Cmd {
        let sql = format!(
            "BEGIN;\nSELECT pg_catalog.pg_advisory_xact_lock({one}, {two});\n\\echo {HOLDS}\n"
        );
        self.psql(database, sql)
    }

    fn reader(&self, database: &str) -> Cmd {
        self.program("psql").args(READS).arg("-d").arg(named(database))
    }

    /// psql that gets somebody else's script, which sets its own encoding. `-f -` makes it name the
    /// line of an error.
    pub fn load(&self, database: &str) -> Cmd {
        let cmd = self.program("psql").args(READS).args(["-f", "-", "-d"]).arg(named(database));
        self.place.wrap(cmd.env("PGOPTIONS", self.pgoptions()).input(""))
    }

    /// The options for our own SQL: its names and operators are the system's own. With the path of
    /// the database or the role, a function that somebody created in `public` could run instead, as
    /// our role
    /// (<https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058:_Protect_Your_Search_Path>).
    fn own_options(&self) -> String {
        format!("{} -c search_path=pg_catalog,pg_temp", self.pgoptions())
    }

    fn pgoptions(&self) -> String {
        let own = self
            .connection
            .options
            .iter()
            .find(|(name, _)| name == "PGOPTIONS")
            .map_or("", |(_, value)| value);
        let triggers = if self.on_login == OnLogin::Off { " -c event_triggers=off" } else { "" };
        format!("{own}{triggers} -c client_min_messages=warning").trim().to_owned()
    }

    /// psql for a person: interactive on a terminal, with their own `~/.psqlrc`; with SQL, like a
    /// script. Empty SQL is a script, too: standard input is not read then.
    pub fn shell(&self, sql: Option<Script>, terminal: Terminal) -> Cmd {
        let cmd = self.program("psql").arg("-d").arg(named(self.database()));
        let script = ["-X", "-v", "ON_ERROR_STOP=1"];
        match (sql, terminal) {
            (Some(Script::Statements(sql)), _) => self.place.wrap(cmd.args(script).input(sql)),
            // psql wants a file for it, and accepts its standard input as one
            (Some(Script::Transaction(sql)), _) => {
                self.place.wrap(cmd.args(script).args(["-1", "-f", "-"]).input(sql))
            }
            (None, Terminal::Present) => self.place.wrap_for_person(cmd),
            (None, Terminal::Absent) => self.place.wrap_for_reader(cmd),
        }
    }

    /// Terminates this run's sessions on the server and waits until they are gone: a killed `docker
    /// exec` leaves its child alive in the container, holding locks, and a CREATE DATABASE that
    /// ends late would come after the clean-up. The same goes for a psql that outlived its run and
    /// has not connected yet: there must be no session for a while, within four seconds.
    pub fn end_sessions(&self) -> Cmd {
        const BODY: &str = sql::statements(include_str!("end_sessions.sql"));
        let body = sql::filled(BODY, &[("run", &name::literal(&self.app_name))]);
        self.psql(self.maintenance(), name::block("gone", &body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_connection_string() {
        for (name, want) in [
            ("shop", "shop"),
            ("it's a shop", "it's a shop"),
            ("host=db.test dbname=shop", "dbname='host=db.test dbname=shop'"),
            ("a='b\\c'", r"dbname='a=\'b\\c\''"),
            ("postgres://db.test/shop", "dbname='postgres://db.test/shop'"),
        ] {
            assert_eq!(named(name), want);
        }
    }
}
