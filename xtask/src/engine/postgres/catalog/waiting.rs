//! Who holds the locks that our sessions wait for.

use serde::Deserialize;

use crate::engine::postgres::client::name::literal;

/// A session whose lock we wait for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holder {
    /// Its process id; 0 is a prepared transaction.
    pub pid: i64,
    /// Its role.
    pub role: Option<String>,
    /// Its `application_name`.
    pub app: Option<String>,
    /// The database that it is in.
    pub database: Option<String>,
    /// What it does (`idle in transaction`), if this role may know.
    pub state: Option<String>,
    /// Seconds since its transaction began, if this role may know.
    pub seconds: Option<i64>,
}

/// Begins [`question`].
pub const ASKS: &str = "SELECT jsonb_build_object('pid', b.pid";

/// Asks which other sessions hold a lock that one of this run's waits for, a line of JSON each
/// (<https://www.postgresql.org/docs/current/functions-info.html>, `pg_blocking_pids`). A run's own
/// sessions wait for each other on purpose.
pub fn question(app_name: &str) -> String {
    format!(
        "{ASKS}, 'role', h.usename, 'app', h.application_name, 'database', h.datname, 'state', \
         h.state, 'seconds', extract(epoch FROM now() - h.xact_start)::bigint)\nFROM (SELECT \
         DISTINCT unnest(pg_blocking_pids(pid)) AS pid FROM pg_stat_activity WHERE {}) b LEFT \
         JOIN pg_stat_activity h ON h.pid = b.pid\nWHERE NOT \
         starts_with(coalesce(h.application_name, ''), {});\n",
        waits(app_name),
        literal(app_name)
    )
}

/// Terminates what waits: the run fails there, as at any other server error.
pub fn give_up(app_name: &str) -> String {
    format!(
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE {};\n",
        waits(app_name)
    )
}

fn waits(app_name: &str) -> String {
    format!(
        "wait_event_type = 'Lock' AND pid <> pg_backend_pid() AND starts_with(application_name, \
         {})",
        literal(app_name)
    )
}

/// Reads the answer to [`question`].
pub fn read(answer: &str) -> Vec<Holder> {
    answer.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pid == 0 {
            return f.write_str(
                "a prepared transaction holds a lock that this run needs (`SELECT * FROM \
                 pg_prepared_xacts`)",
            );
        }

        let of = |what: &str, who: &Option<String>| {
            who.as_ref().filter(|who| !who.is_empty()).map(|who| format!("{what}{who}"))
        };
        let who = [
            of("", &self.app),
            of("role ", &self.role),
            of("in ", &self.database),
            of("", &self.state),
        ];

        let since = self.seconds.map(|seconds| format!("since {seconds} s"));
        let who: Vec<String> = who.into_iter().flatten().chain(since).collect();

        write!(
            f,
            "session {} ({}) holds a lock that this run needs: `SELECT pg_terminate_backend({0})` \
             terminates it",
            self.pid,
            who.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_is_said_as_far_as_it_is_known() {
        let answer = "{\"pid\": 7, \"app\": \"psql\", \"role\": \"ann\", \"state\": \"idle in \
                      transaction\", \"seconds\": 90, \"database\": \"shop\"}\n{\"pid\": 8, \
                      \"app\": \"\", \"role\": \"ben\", \"state\": null, \"seconds\": \
                      null}\n{\"pid\": 0}\nnoise\n";
        let said: Vec<String> = read(answer).iter().map(Holder::to_string).collect();
        assert_eq!(
            said,
            [
                "session 7 (psql, role ann, in shop, idle in transaction, since 90 s) holds a lock \
                 that this run needs: `SELECT pg_terminate_backend(7)` terminates it",
                "session 8 (role ben) holds a lock that this run needs: `SELECT \
                 pg_terminate_backend(8)` terminates it",
                "a prepared transaction holds a lock that this run needs (`SELECT * FROM \
                 pg_prepared_xacts`)",
            ]
        );
    }
}
