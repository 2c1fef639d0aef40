//! The client programs: one place for the flags that every psql and pg_dump of ours gets.

use super::proof::NEUTRAL;
use crate::cmd::Cmd;
use crate::config::Connection;
use crate::place::Place;

/// How to talk to one server: where the programs run, how they connect, and this run's name on the
/// server.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where psql and pg_dump run.
    pub place: Place,
    /// Connection parameters, the place's own knowledge filled in.
    pub connection: Connection,
    /// `application_name` of every session of this run, by which a dead run's sessions can be
    /// found and ended.
    pub app_name: String,
    /// The system identifier of the server that answered, where it may be asked: what changes data
    /// goes by it.
    pub system: Option<String>,
    /// In what its names are said.
    pub tongue: Tongue,
    /// What the database's triggers on login do in our sessions.
    pub on_login: OnLogin,
}

/// What a database's event triggers on login do in our sessions.
/// <https://www.postgresql.org/docs/current/event-trigger-database-login-example.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLogin {
    /// They run, or there are none.
    #[default]
    Runs,
    /// They are switched off, which takes a superuser.
    Off,
}

/// How names are told to a server. Those of its databases and roles are kept for all databases as
/// the bytes that they were given in, in whatever encoding that was: a server that has databases of
/// several would change them on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tongue {
    /// All databases are in UTF-8, and so is what is said.
    #[default]
    Utf8,
    /// Not all of them are; in this one UTF-8 is understood.
    Among,
    /// Not all of them are, and this one has no encoding: names are bytes.
    Bytes,
}

impl Tongue {
    /// The encoding in which what all databases share is said.
    fn shared(self) -> &'static str {
        if self == Self::Utf8 { "UTF8" } else { "sql_ascii" }
    }

    /// The encoding in which names of tables are said.
    fn own(self) -> &'static str {
        if self == Self::Bytes { "sql_ascii" } else { "UTF8" }
    }

    /// Said in a script in UTF-8: what follows names databases and roles.
    pub fn of_all(self) -> &'static str {
        if self == Self::Utf8 { "" } else { "SET client_encoding = SQL_ASCII;\n" }
    }

    /// Said in a script in UTF-8: what follows names tables.
    pub fn of_tables(self) -> &'static str {
        if self == Self::Bytes { "SET client_encoding = SQL_ASCII;\n" } else { "" }
    }

    /// Said before rows are counted: names in UTF-8, as most dumps have them.
    pub fn of_counts(self) -> &'static str {
        if self == Self::Utf8 { "" } else { "SET client_encoding = UTF8;\n" }
    }

    /// Said where that ends.
    pub fn ends(self) -> &'static str {
        if self == Self::Bytes { "SET client_encoding = UTF8;\n" } else { "" }
    }
}

/// A database's name for `-d`. libpq takes one that has a `=`, or begins as its URIs do, for a
/// whole connection string, which may lead anywhere (`recognized_connection_string` of its
/// `fe-connect.c`): such a one is put into a string of that kind, quoted.
fn named(database: &str) -> String {
    let is_uri = ["postgresql://", "postgres://"].iter().any(|scheme| database.starts_with(scheme));
    if !is_uri && !database.contains('=') {
        return database.to_owned();
    }
    format!("dbname='{}'", database.replace('\\', r"\\").replace('\'', r"\'"))
}

/// What a psql says that has answered, and waits for more.
pub const ANSWERED: &str = "db-tasks has answered";

/// What a psql says that holds what it was told to hold.
pub const HOLDS: &str = "db-tasks holds";

/// How a line of an answer begins that a person is told.
pub const TELLS: &str = "db-tasks tells: ";

/// SQL that a person gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// All of it or nothing.
    Transaction(String),
    /// Each statement by itself.
    Statements(String),
}

/// What becomes of large objects in a dump.
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

    /// A database other than the one that is worked on.
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
        self.dump_without(&[], LargeObjects::Taken)
    }

    /// The same without the rows of tables and sequences that these patterns name; and without
    /// large objects, where that is said.
    pub fn dump_without(&self, patterns: &[String], large: LargeObjects) -> Cmd {
        let left_out = patterns.iter().map(|pattern| format!("--exclude-table-data={pattern}"));
        // the long name has changed in 16
        let left_out = left_out.chain((large == LargeObjects::LeftOut).then(|| "-B".into()));
        let program = self.program("pg_dump");

        let program = if self.on_login == OnLogin::Off {
            program.env("PGOPTIONS", self.pgoptions())
        } else {
            program
        };

        let cmd = program.args(["-w", "--format=plain"]).args(left_out);
        self.place.wrap(cmd.arg("-d").arg(named(self.database())))
    }

    /// psql that reads `sql` and stops at the first error, whatever `~/.psqlrc` says.
    pub fn psql(&self, database: &str, sql: impl Into<String>) -> Cmd {
        let cmd = self.reader(database).env("PGCLIENTENCODING", self.tongue.shared());
        self.place.wrap(cmd.env("PGOPTIONS", self.own_options()).input(sql))
    }

    /// The same, whose own words are read, too: on this machine, where it could speak another
    /// language, it is told to speak English.
    pub fn psql_in_english(&self, database: &str, sql: impl Into<String>) -> Cmd {
        let cmd = self.psql(database, sql);
        if let Place::Host { .. } = self.place { cmd.env("LC_ALL", "C") } else { cmd }
    }

    /// The same, in which `RESET search_path` gives the path that the database or the role says:
    /// for statements that run triggers and views of other people's making. It begins with the
    /// system's own all the same.
    pub fn psql_on_their_path(&self, database: &str, sql: &str) -> Cmd {
        let cmd = self.reader(database).env("PGCLIENTENCODING", self.tongue.own());
        self.place.wrap(cmd.env("PGOPTIONS", self.pgoptions()).input(format!("{NEUTRAL}{sql}")))
    }

    /// The same, answering in the database's own encoding, which is that of its dumps.
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
        self.program("psql")
            .args(["-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .arg("-d")
            .arg(named(database))
    }

    /// psql that is fed a script of other people's making: their encoding is the script's own
    /// matter. `-f -` makes it name the line of an error.
    pub fn load(&self, database: &str) -> Cmd {
        let cmd = self
            .program("psql")
            .args(["-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d"])
            .arg(named(database));
        self.place.wrap(cmd.env("PGOPTIONS", self.pgoptions()).input(""))
    }

    /// Those of SQL of ours: names and operators in it are the system's own. With a path of the
    /// database or the role, a function of whoever may create one in `public` would run in its
    /// place, as the role that we are (<https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058:_Protect_Your_Search_Path>).
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

    /// psql for a person: on a terminal as they know it, their own `~/.psqlrc` included; with SQL
    /// given, as a script is run. No SQL is a script, too: it is not what standard input is
    /// for.
    pub fn shell(&self, sql: Option<Script>, terminal: Terminal) -> Cmd {
        let cmd = self.program("psql").arg("-d").arg(named(self.database()));
        let script = ["-X", "-v", "ON_ERROR_STOP=1"];
        match (sql, terminal) {
            (Some(Script::Statements(sql)), _) => self.place.wrap(cmd.args(script).input(sql)),
            // psql wants a file for it, and takes its standard input for one
            (Some(Script::Transaction(sql)), _) => {
                self.place.wrap(cmd.args(script).args(["-1", "-f", "-"]).input(sql))
            }
            (None, Terminal::Present) => self.place.wrap_for_person(cmd),
            (None, Terminal::Absent) => self.place.wrap_for_reader(cmd),
        }
    }

    /// Ends this run's sessions on the server and sees them off: a killed `docker exec` leaves its
    /// child alive in the container, holding locks, and a CREATE DATABASE that is ended late
    /// would come after what cleans up behind it. So does one of a psql that has outlived its
    /// run and has not connected yet: all must be quiet for a while, within four seconds.
    pub fn end_sessions(&self) -> Cmd {
        let name = super::name::literal(&self.app_name);
        let ours = format!(
            "pg_stat_activity WHERE starts_with(application_name, {name}) AND pid <> \
             pg_backend_pid()"
        );

        self.psql(
            self.maintenance(),
            format!(
                "DO $gone$ DECLARE\n  quiet int := 0;\nBEGIN\n  FOR i IN 1..200 LOOP\n    PERFORM pg_stat_clear_snapshot();\n    \
                 PERFORM pg_terminate_backend(pid) FROM {ours};\n    quiet := CASE WHEN FOUND THEN 0 ELSE quiet + 1 END;\n    \
                 EXIT WHEN quiet >= 20;\n    PERFORM pg_sleep(0.02);\n  END LOOP;\nEND $gone$;\n"
            ),
        )
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
