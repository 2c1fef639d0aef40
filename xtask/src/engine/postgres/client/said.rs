//! What psql says about an error, with VERBOSITY `verbose`: its SQLSTATE decides what it is,
//! whatever the server's language. <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use super::cures;
use super::kinds::kind;
use crate::cmd::Ended;
use crate::problem::{Fate, Problem, Status, shorten};

/// What a failed psql, pg_dump or docker said, as a problem: its last lines, and what to do about
/// them.
pub fn explained(ended: &Ended) -> Problem {
    let (state, err) = read(&ended.said);
    let lines: Vec<&str> = err.lines().filter(|l| !l.trim().is_empty()).collect();
    // a statement of many lines may follow what is wrong with it
    let first = lines
        .iter()
        .rposition(|line| is_error(line))
        .unwrap_or(lines.len())
        .min(lines.len().saturating_sub(12));
    let tail =
        lines[first..].iter().take(12).map(|line| begun_with(line)).collect::<Vec<_>>().join("\n");

    let problem = Problem::of_command(&shorten(&ended.shown, 160), ended.status)
        .code(kind(state.as_deref(), &err))
        .because(tail);
    let cure = decided(state.as_deref())
        .or_else(|| cures::for_text(&err))
        .or_else(|| general(state.as_deref()));
    // psql has met an error in its script, and has gone no further (its manual, "Exit Status")
    let fate = if ended.status == Status::Code(3) { Fate::RolledBack } else { Fate::Unknown };

    Problem { state: state.map(Into::into), fate, ..problem }
        .cure(cure.unwrap_or_else(|| "`db-doctor` checks servers, roles and containers".into()))
}

/// As much of a line as anybody reads.
fn begun_with(line: &str) -> &str {
    line.char_indices().nth(2_000).map_or(line, |(at, _)| &line[..at])
}

/// psql's exit code if its session was lost, or if it got none
/// (<https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-EXIT-STATUS>).
pub const LOST: i32 = 2;

/// Whether psql lost a session that it had (its manual, "Exit Status"): if it never got one, the
/// message begins with its own name.
pub fn was_cut_off(code: Option<i32>, err: &str) -> bool {
    code == Some(LOST) && !err.lines().any(|line| line.starts_with("psql: "))
}

/// A message of psql without its name in front: the rest of the line is libpq's.
pub fn unnamed(err: &str) -> &str {
    let err = err.trim_start();
    err.strip_prefix("psql: error: ").unwrap_or(err)
}

/// Whether the server has no database of this name.
pub fn lacks_database(err: &str, name: &str) -> bool {
    err.contains(&format!("database \"{name}\" does not exist"))
}

/// What is wrong, without what psql and the server put before it.
pub fn bare(line: &str) -> &str {
    line.split_once("ERROR:").map_or(line, |(_, why)| why.trim())
}

/// Whether a role may not do what it tried (insufficient_privilege).
pub fn is_denied(state: Option<&str>) -> bool {
    state == Some("42501")
}

/// The error text without the parts for programs, and the SQLSTATE of its last error.
pub fn read(text: &str) -> (Option<String>, String) {
    let mut state = None;
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !is_location(line) && !is_field(line))
        .map(|line| without_state(line, &mut state))
        .collect();
    (state, lines.join("\n"))
}

/// `psql:<stdin>:3: ERROR:  42704: role "x" does not exist`, in whatever language `ERROR` is.
fn without_state(line: &str, state: &mut Option<String>) -> String {
    let found = line.split_once(":  ").and_then(|(head, rest)| {
        let (code, said) = rest.split_once(": ")?;
        is_state(code).then_some((head, code, said))
    });
    let Some((head, code, said)) = found else { return line.to_owned() };
    // a warning before it is not an error
    if !code.starts_with("00") && !code.starts_with("01") && !code.starts_with("02") {
        *state = Some(code.to_owned());
    }

    format!("{head}:  {said}")
}

/// Whether a word is an SQLSTATE.
pub fn is_state(word: &str) -> bool {
    word.len() == 5 && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// Whether it is the line of an error that psql met in its script.
pub fn is_error(line: &str) -> bool {
    let numbered = line.strip_prefix("psql:<stdin>:").and_then(|rest| rest.split_once(": "));
    numbered.is_some_and(|(number, rest)| {
        number.parse::<u64>().is_ok() && !rest.starts_with("WARNING") && !rest.starts_with("NOTICE")
    })
}

/// `LOCATION:  get_role_oid, acl.c:5194`
fn is_location(line: &str) -> bool {
    let place = line.split_once(":  ").and_then(|(_, rest)| rest.split_once(", "));
    place.and_then(|(_, place)| place.rsplit_once(':')).is_some_and(|(file, number)| {
        [".c", ".y", ".l", ".cpp", ".h"].iter().any(|e| file.ends_with(e))
            && number.parse::<u32>().is_ok()
    })
}

/// `CONSTRAINT NAME:  a_fkey`: the message has the name.
fn is_field(line: &str) -> bool {
    let label = line.split_once(" NAME:  ").map_or("", |(label, _)| label);
    ["SCHEMA", "TABLE", "COLUMN", "DATATYPE", "CONSTRAINT"].contains(&label)
}

/// What to do about such an error, if its SQLSTATE alone tells.
pub fn decided(state: Option<&str>) -> Option<String> {
    let cure = match state? {
        "53200" => {
            "the server's lock table (or memory) is too small: raise `max_locks_per_transaction` \
             (or its memory), and restart it"
        }
        "53100" => "free space on the server's disk",
        "53300" => "the server has no free connection: stop some clients",
        "55P03" | "40P01" => {
            "stop what holds the lock (`db-status` shows who is connected), or list its container \
             in `stop-during`"
        }
        "25P03" | "25P04" => {
            "a timeout of the server, the database or the role cancelled it: raise that for this \
             role"
        }
        "25006" => {
            "the server, the database or the role is read-only: use the primary, or lift \
             `default_transaction_read_only`"
        }
        state if state.starts_with("08") || state.starts_with("HV") => {
            "a foreign server does not answer: start it, or make it reachable from the server"
        }
        state if state.starts_with("57P") => {
            "the server is shutting down or starting: try again when it is ready"
        }
        _ => return None,
    };
    Some(cure.into())
}

/// The same for kinds of errors whose text says more, if it is known.
pub fn general(state: Option<&str>) -> Option<String> {
    let cure = match state? {
        "57014" => {
            "a timeout of the server, the database or the role cancelled it: raise that for this \
             role"
        }
        "42704" => {
            "create the role, the tablespace or what else is named there, or use a server that has \
             it"
        }
        "0A000" | "58P01" => {
            "the server lacks what is named, most likely an extension: install it there first"
        }
        "42501" => "use a role that may do this (a superuser, or the owner of what is named above)",
        _ => return None,
    };
    Some(cure.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_in_any_language() {
        let said = "psql:<stdin>:7: WARNING:  01000: careful\nLOCATION:  f, \
                    x.c:1\npsql:<stdin>:34: FEHLER:  42704: Rolle »x: 1« existiert nicht\nORT:  \
                    get_role_oid, acl.c:5194";
        let (state, text) = read(said);
        assert_eq!(state.as_deref(), Some("42704"));

        assert_eq!(
            text,
            "psql:<stdin>:7: WARNING:  careful\npsql:<stdin>:34: FEHLER:  Rolle »x: 1« existiert \
             nicht"
        );

        for none in [
            "server closed the connection unexpectedly",
            "psql:<stdin>:3: ERROR:  abcde: x",
            "DETAIL:  Key (a)=(12345: b) exists.",
        ] {
            assert_eq!(read(none), (None, none.to_owned()));
        }

        assert_eq!(read("psql:<stdin>:7: WARNING:  01000: careful").0, None);
        assert!(
            decided(Some("08001")).is_some()
                && decided(Some("42704")).is_none()
                && general(Some("42704")).is_some()
        );
    }

    #[test]
    fn a_session_that_was_lost_is_told_from_none() {
        let of = |code, err: &str| was_cut_off(Some(code), err);
        assert!(of(
            2,
            "FATAL:  terminating connection due to administrator command\nconnection to server \
             was lost\n"
        ));

        assert!(of(2, "FEHLER:  Verbindung wird abgebrochen\n"));
        assert!(!of(
            2,
            "psql: error: connection to server at \"localhost\", port 1 failed: Connection \
             refused\n"
        ));

        assert!(!of(2, "psql: FATAL:  the database system is starting up\n"), "psql 11");
        assert!(!of(3, "ERROR:  permission denied\n"));
    }

    #[test]
    fn an_error_in_a_script_is_rolled_back_and_has_a_cure() {
        let ended = |status, said: &str| {
            explained(&Ended { shown: "psql -d shop".into(), status, said: said.into() })
        };

        let script = "psql:<stdin>:3: ERROR:  53300: sorry\nLOCATION:  f, x.c:1\n";
        let problem = ended(Status::Code(3), script);
        assert_eq!((problem.state.as_deref(), problem.fate), (Some("53300"), Fate::RolledBack));
        assert_eq!(problem.happened, ["psql:<stdin>:3: ERROR:  sorry"]);
        assert!(problem.cure.unwrap().contains("no free connection"));

        let lost = ended(Status::Signal, "server closed the connection unexpectedly\n");
        assert_eq!((lost.state, lost.fate), (None, Fate::Unknown));
        assert!(lost.tried.ends_with("ended with a signal"), "{}", lost.tried);
        assert!(lost.cure.unwrap().contains("db-doctor"));
    }

    #[test]
    fn psqls_name_is_no_part_of_its_message() {
        let said = "\npsql: error: connection to server at \"h\" failed\n\tIs it running?\n";
        assert_eq!(unnamed(said), "connection to server at \"h\" failed\n\tIs it running?\n");
        assert_eq!(unnamed("psql: FATAL:  no"), "psql: FATAL:  no");
    }
}
