//! A lock on the server, in addition to the project's own: two clones of a repository, or two
//! projects that share a database, would terminate each other's sessions and drop each other's
//! staged databases.
//!
//! It is advisory, and held in an open transaction: a pooler keeps a session for a client only
//! until its transaction ends. It is not taken in the database that it protects, where a session
//! would block the swap. An advisory lock is local to its database, but `pg_locks` shows those of
//! all, so runs with different maintenance databases see each other.
//! <https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::cmd::Cmd;
use crate::engine::postgres::client::name::literal;
use crate::engine::postgres::client::session::PATIENT_HOLD;
use crate::engine::postgres::client::{Client, HOLDS};
use crate::plan::{Alone, Was};
use crate::stream::Sum;

/// The first half of our locks' keys: `dbta`, as bytes.
const OURS: i32 = 0x6462_7461;

/// The session name of a run that has locked a database; its run, its task and who started it
/// follow.
const AT_WORK: &str = "db-tasks at work/";

/// PostgreSQL truncates a longer `application_name` (`NAMEDATALEN`).
const LIMIT: usize = 63;

/// If there is no database of that name.
const NOTHING: &str = "nothing";

/// If nobody can be named.
const SOMEBODY: &str = "somebody";

/// How one run locks a database. A clean-up finds sessions by the run's own name; this session must
/// outlive them.
pub fn alone(client: &Client, database: &str, was: Was, at: String) -> Alone {
    let key = key(database);
    let seen = format!(
        "pg_locks l LEFT JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND \
         l.classid = {OURS} AND l.objid = {} AND l.objsubid = 2 AND l.granted AND l.pid <> \
         pg_backend_pid()",
        key as u32
    );

    let sql = format!(
        "BEGIN;\n{PATIENT_HOLD}SELECT pg_try_advisory_xact_lock({OURS}, {key}) AS db_tasks_locks \
         \\gset\nSELECT CASE WHEN NOT :'db_tasks_locks'::bool OR EXISTS (SELECT FROM {seen}) THEN \
         coalesce((SELECT json_build_object('app', a.application_name, 'pid', l.pid, 'role', \
         a.usename) FROM {seen} LIMIT 1)::text, '{SOMEBODY}') ELSE '{HOLDS} ' || coalesce((SELECT \
         oid::text FROM pg_database WHERE datname = {}), '{NOTHING}') END;\n",
        literal(database)
    );
    Alone { database: database.to_owned(), at, lock: client.psql(client.maintenance(), sql), was }
}

/// The second half of a lock's key: different for each name, the same in every version.
fn key(database: &str) -> i32 {
    let [a, b, c, d, ..] = *Sum::of(database.as_bytes()).print.bytes();
    i32::from_be_bytes([a, b, c, d])
}

/// The command that takes a lock, in a session whose name says whose it is.
pub fn in_the_name_of(alone: &Alone, run: &str, who: &str) -> Cmd {
    let name = format!("{AT_WORK}{run} {who}");
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .take(LIMIT)
        .collect();

    let said = alone.lock.input.clone().unwrap_or_default();
    let said = said.replacen(
        "BEGIN;\n",
        &format!("BEGIN;\nSET LOCAL application_name = {};\n", literal(&ascii)),
        1,
    );
    alone.lock.clone().input(said)
}

/// Who has locked a database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holder {
    app: Option<String>,
    pid: i64,
    role: Option<String>,
}

impl Holder {
    /// Whether it is this run itself.
    pub fn is_of(&self, run: &str) -> bool {
        let said = self.app.as_deref().and_then(|app| app.strip_prefix(AT_WORK));
        said.is_some_and(|said| said.split(' ').next() == Some(run))
    }
}

/// Its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is ours; with what the name stands for, because nobody else changes it now.
    Ours(Was),
    /// Another run has it.
    Others(Option<Holder>),
    /// The server says something else.
    Unclear(String),
}

/// Reads the answer of [`alone`]'s command.
pub fn read(line: &str) -> Taken {
    match line.trim() {
        HOLDS => Taken::Ours(Was::Unknown),
        SOMEBODY => Taken::Others(None),
        other if other.starts_with(HOLDS) => Taken::Ours(stands_for(&other[HOLDS.len()..])),
        other => match serde_json::from_str(other) {
            Ok(holder) => Taken::Others(Some(holder)),
            Err(_) => Taken::Unclear(other.to_owned()),
        },
    }
}

fn stands_for(said: &str) -> Was {
    match said.trim() {
        NOTHING => Was::Found(None),
        oid => oid.parse().map_or(Was::Unknown, |oid| Was::Found(Some(oid))),
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let app = self.app.as_deref().unwrap_or_default();
        let session = format!(
            "process {} of the server, role `{}`",
            self.pid,
            self.role.as_deref().unwrap_or("?")
        );

        let said = app.strip_prefix(AT_WORK).and_then(|said| said.split_once(' '));
        match said.map(|(run, said)| (begun(run), said.trim_end())) {
            Some((Some(begun), said)) => {
                write!(f, "{said}, since {} ({session})", begun.format("%Y-%m-%d %H:%M:%S UTC"))
            }
            Some((None, said)) => write!(f, "{said} ({session})"),
            None => write!(f, "a session called `{app}` ({session})"),
        }
    }
}

/// When a run began: its name has the second, before the four digits of its process.
fn begun(run: &str) -> Option<DateTime<Utc>> {
    let second = run.len().checked_sub(4).and_then(|end| run.get(..end))?;
    DateTime::from_timestamp(i64::from_str_radix(second, 16).ok()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_it_is_read_from_the_sessions_name() {
        for (line, want) in [
            (
                r#"{"app": "db-tasks at work/65920080abcd db-restore ada@laptop", "pid": 42, "role": "app"}"#,
                "db-restore ada@laptop, since 2024-01-01 00:00:00 UTC (process 42 of the server, \
                 role `app`)",
            ),
            (
                r#"{"app": "db-tasks at work/x db-reset", "pid": 42, "role": null}"#,
                "db-reset (process 42 of the server, role `?`)",
            ),
            (
                r#"{"app": "psql", "pid": 42, "role": "app"}"#,
                "a session called `psql` (process 42 of the server, role `app`)",
            ),
        ] {
            let Taken::Others(Some(holder)) = read(line) else { panic!("{line}") };
            assert_eq!(holder.to_string(), want);
        }

        assert_eq!(read("db-tasks holds\n"), Taken::Ours(Was::Unknown));
        assert_eq!(read("db-tasks holds 16384\n"), Taken::Ours(Was::Found(Some(16384))));
        assert_eq!(read("db-tasks holds nothing\n"), Taken::Ours(Was::Found(None)));
        assert_eq!(read("somebody"), Taken::Others(None));
        assert_eq!(read("ERROR"), Taken::Unclear("ERROR".into()));
    }

    #[test]
    fn each_name_has_a_key_of_its_own_for_ever() {
        assert_eq!(key("shop"), key("shop"));
        assert_ne!(key("shop"), key("shop2"));
        assert_eq!(key("shop"), 0x8d90_01d3_u32 as i32, "clones of other versions meet by it");
    }

    #[test]
    fn a_sessions_name_is_cut_and_plain() {
        let lock = Cmd::new("psql").input("BEGIN;\nSELECT 1;\n");
        let alone = Alone { database: "shop".into(), at: String::new(), lock, was: Was::Unknown };
        let cmd =
            in_the_name_of(&alone, "65920080abcd", &format!("db-restore zoë's@{}", "x".repeat(80)));
        let name = cmd.input.unwrap();

        assert!(
            name.starts_with(
                "BEGIN;\nSET LOCAL application_name = 'db-tasks at work/65920080abcd db-restore \
                 zo?''s@xxx"
            ),
            "{name}"
        );

        assert!(name.ends_with("xxx';\nSELECT 1;\n"));
    }
}
