//! A dump reads the right database: pg_dump uses a snapshot that a session of this run exports
//! there. No server accepts a snapshot from another server or database, so a pg_dump that connects
//! elsewhere (a name that resolves differently, a pooler, a service file) fails before its first
//! byte.
//! <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION>

use super::Client;
use super::name::literal;
use super::session::PATIENT_HOLD;
use crate::cmd::Cmd;

/// What the session says if it is in another database than before.
const ANOTHER: &str = "another database";

/// What it says if a second session could exceed a limit.
const LIMITED: &str = "limited";

/// Its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A snapshot, by this name.
    Snapshot(String),
    /// The session is in another database than the one that was looked at.
    Another,
    /// No snapshot is possible, and the dump is made without.
    None,
}

/// A psql in the database with this oid that exports a snapshot, and holds it.
pub fn session(client: &Client, oid: u32) -> Cmd {
    let system = client.system.as_ref().map_or(String::new(), |system| {
        format!(
            " OR (SELECT system_identifier FROM pg_control_system())::text <> {}",
            literal(system)
        )
    });

    // a pooler keeps a session for a client until its transaction ends
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{PATIENT_HOLD}SELECT CASE WHEN d.oid \
         <> {oid}{system} THEN '{ANOTHER}' WHEN NOT r.rolsuper AND (r.rolconnlimit >= 0 OR \
         d.datconnlimit >= 0) THEN '{LIMITED}' ELSE pg_export_snapshot() END FROM pg_database d, \
         pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user;\n"
    );
    // the same as the survey's: if that session is kept, it is used
    client.psql_in_english(client.database(), sql)
}

/// Reads the session's first line. It may be anything: what is not a snapshot's name is ignored.
pub fn given(line: &str) -> Given {
    let is_name = !line.is_empty() && line.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    match line {
        ANOTHER => Given::Another,
        name if is_name => Given::Snapshot(name.to_owned()),
        _ => Given::None,
    }
}

/// The dump that reads it.
pub fn reading(dump: &Cmd, snapshot: &str) -> Cmd {
    dump.clone().arg(format!("--snapshot={snapshot}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_snapshots_name_is_one() {
        for (line, want) in [
            ("00000003-0000001B-1", Given::Snapshot("00000003-0000001B-1".into())),
            ("another database", Given::Another),
            ("limited", Given::None),
            ("", Given::None),
            ("1 --file=/etc/passwd", Given::None),
        ] {
            assert_eq!(given(line), want, "{line}");
        }
    }
}
