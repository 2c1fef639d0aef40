//! A dump reads the database that was looked at: pg_dump takes a snapshot that a session of this
//! run gives out there. No server takes a snapshot of another server, or of another database, so
//! that a pg_dump which was led elsewhere (a name that resolves anew, a pooler, a service file)
//! ends before its first byte. <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION>

use super::client::Client;
use super::name::literal;
use super::proof::PATIENT_HOLD;
use crate::cmd::Cmd;

/// What the session says where it is in another database than the one that was looked at.
const ANOTHER: &str = "another database";

/// What it says where a second session could be one too many.
const LIMITED: &str = "limited";

/// Its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A snapshot, by this name.
    Snapshot(String),
    /// The session is in another database than the one that was looked at.
    Another,
    /// None is to be had, and the dump is made without.
    None,
}

/// A psql in the database with this number that gives out a snapshot, and holds it.
pub fn session(client: &Client, oid: u32) -> Cmd {
    let system = client.system.as_ref().map_or(String::new(), |system| {
        format!(
            " OR (SELECT system_identifier FROM pg_control_system())::text <> {}",
            literal(system)
        )
    });

    // a pooler leaves a session alone until its transaction ends
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{PATIENT_HOLD}SELECT CASE WHEN d.oid \
         <> {oid}{system} THEN '{ANOTHER}' WHEN NOT r.rolsuper AND (r.rolconnlimit >= 0 OR \
         d.datconnlimit >= 0) THEN '{LIMITED}' ELSE pg_export_snapshot() END FROM pg_database d, \
         pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user;\n"
    );
    // as the survey's: where that is kept, it is this one
    client.psql_in_english(client.database(), sql)
}

/// Reads the session's first line. It may be anybody's: what is no name of a snapshot is none.
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
