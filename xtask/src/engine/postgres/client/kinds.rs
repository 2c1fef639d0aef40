//! What kind of problem it is that psql, pg_dump or docker report, for programs.

use crate::problem::Code;

/// By its SQLSTATE, if it has one; otherwise by the first message that is known. Neither is
/// certain: libpq's own messages have no SQLSTATE, and come in the client's language.
pub fn kind(state: Option<&str>, text: &str) -> Code {
    let known = || KNOWN.iter().find(|(pattern, _)| text.contains(pattern)).map(|(_, code)| *code);
    state.and_then(of_state).or_else(known).unwrap_or(Code::ProgramFailed)
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_state(state: &str) -> Option<Code> {
    match state {
        "53100" => Some(Code::NoRoom),
        "42501" => Some(Code::RightsMissing),
        "3D000" => Some(Code::NoSuchDatabase),
        "25P03" | "25P04" | "40P01" | "55P03" | "57014" => Some(Code::TimedOut),
        state if state.starts_with("28") => Some(Code::LoginRefused),
        state if state.starts_with("08") || state.starts_with("57P") => {
            Some(Code::ServerUnreachable)
        }
        _ => None,
    }
}

const KNOWN: [(&str, Code); 29] = [
    ("invalid sslmode value", Code::Config),
    ("for connection option", Code::Config),
    ("invalid port number", Code::Config),
    ("password authentication failed", Code::LoginRefused),
    ("no password supplied", Code::LoginRefused),
    ("no pg_hba.conf entry", Code::LoginRefused),
    ("is not permitted to log in", Code::LoginRefused),
    ("FATAL:  role ", Code::LoginRefused),
    ("FATAL:  database ", Code::NoSuchDatabase),
    ("Connection refused", Code::ServerUnreachable),
    ("Is the server running", Code::ServerUnreachable),
    ("could not translate host name", Code::ServerUnreachable),
    ("timeout expired", Code::ServerUnreachable),
    ("the database system is ", Code::ServerUnreachable),
    ("remaining connection slots", Code::ServerUnreachable),
    ("server closed the connection", Code::ServerUnreachable),
    ("terminating connection due to", Code::ServerUnreachable),
    ("No such container", Code::ContainerDown),
    ("no such container", Code::ContainerDown),
    ("is not running", Code::ContainerDown),
    ("Cannot connect to the Docker daemon", Code::ContainerDown),
    ("failed to connect to the docker API", Code::ContainerDown),
    ("executable file not found", Code::ProgramMissing),
    ("server version mismatch", Code::Unsupported),
    ("No space left on device", Code::NoRoom),
    ("lock timeout", Code::TimedOut),
    ("is not the one that was looked at", Code::ChangedMeanwhile),
    ("somebody writes to it", Code::ChangedMeanwhile),
    ("permission denied", Code::RightsMissing),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_counts_more_than_a_text() {
        for (state, text, code) in [
            (Some("42501"), "", Code::RightsMissing),
            (Some("28P01"), "", Code::LoginRefused),
            (Some("57P01"), "permission denied", Code::ServerUnreachable),
            // a state that tells nothing leaves it to the text
            (Some("P0001"), "app: somebody writes to it", Code::ChangedMeanwhile),
            (Some("22012"), "division by zero", Code::ProgramFailed),
            (
                None,
                "psql: error: … failed: FATAL:  database \"x\" does not exist",
                Code::NoSuchDatabase,
            ),
            (None, "psql: error: … failed: Connection refused", Code::ServerUnreachable),
            (None, "Error response from daemon: No such container: x", Code::ContainerDown),
            (None, "psql: error: invalid sslmode value: \"maybe\"", Code::Config),
            (None, "failed to connect to the docker API at unix:///x.sock", Code::ContainerDown),
            (None, "", Code::ProgramFailed),
        ] {
            assert_eq!(kind(state, text), code, "{state:?} {text}");
        }
    }
}
