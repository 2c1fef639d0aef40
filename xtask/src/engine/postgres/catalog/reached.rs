//! Who answered: the address that libpq reached, and whether that server is on this machine. A
//! loopback address does not prove that: an ssh tunnel, cloud-sql-proxy or `kubectl port-forward`
//! listens on one, too.

use std::net::IpAddr;

use serde::Deserialize;

/// What the client and the server say about their connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The host that libpq reached: of several, the one that answered.
    pub host: Option<String>,
    /// Its address, if it is not the host itself.
    pub address: Option<String>,
    /// Its port.
    pub port: Option<String>,
    /// The server's system identifier, if it may be asked: physical clones share it, so it can show
    /// that two servers differ, never that they are the same.
    pub system: Option<String>,
    /// The title of the process on this machine that has the server's process id.
    pub title: Option<String>,
}

/// What only the server itself can say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Answerer {
    /// The address at which it was reached; none for a socket.
    pub address: Option<String>,
    /// The client's port, as the server sees it; none for a socket.
    pub client_port: Option<i64>,
}

/// The beginning of the question of a client on this machine: where it connected, and what runs
/// here under the server's process id. The shell is asked while the session is open, because the
/// process ends with it; psql quotes what the shell gets of the server's answer (`:'…'`), because
/// the server may be anybody's.
#[cfg(not(windows))]
pub const QUESTION: &str = r"\echo :VERSION_NUM :PORT :HOST
\conninfo
SELECT pg_catalog.pg_backend_pid() AS db_tasks_pid \gset
\set db_tasks_title `tr '\0' ' ' 2>/dev/null </proc/:'db_tasks_pid'/cmdline || ps -o args= -p :'db_tasks_pid' 2>/dev/null`
\echo title :db_tasks_title
";
/// The same for Windows, which has no process titles: the program's name must do.
#[cfg(windows)]
pub const QUESTION: &str = r#"\echo :VERSION_NUM :PORT :HOST
\conninfo
SELECT pg_catalog.pg_backend_pid() AS db_tasks_pid \gset
\set db_tasks_title `tasklist /NH /FI "PID eq ":'db_tasks_pid'`
\echo title :db_tasks_title
"#;

/// Asks for the system identifier, separately: a function without the right to call it fails the
/// whole query, even if it is never reached.
pub const SYSTEM: &str = r"\set ON_ERROR_STOP off
SELECT system_identifier AS db_tasks_system FROM pg_catalog.pg_control_system() \gset
\set ON_ERROR_STOP on
\echo system :db_tasks_system
";

/// Asks for the last part of a server's folder, and where it listens: of a throw-away server the
/// folder's name is unique, and a server may write its path differently.
pub const FOLDER: &str = "SELECT pg_catalog.regexp_replace(pg_catalog.current_setting('data_directory'), '^.*/', '') || \
     pg_catalog.current_setting('listen_addresses');\n";

/// The server's part, a value of JSON.
pub const ANSWERER: &str =
    "jsonb_build_object('address', host(inet_server_addr()), 'client_port', inet_client_port())";

impl Reached {
    /// Reads what [`QUESTION`] has printed, line by line. psql speaks English here (`LC_ALL=C`); 18
    /// and newer answer in a table.
    pub fn read(lines: &[&str]) -> Self {
        let mut words = lines.first().map_or("", |line| line).splitn(3, ' ').skip(1);
        // psql leaves the name of a variable that is not set
        let mut known = || {
            words
                .next()
                .map(str::trim)
                .filter(|word| !word.is_empty() && !word.starts_with(':'))
                .map(String::from)
        };

        let (port, host) = (known(), known());
        let address = lines.iter().skip(1).find_map(|line| {
            let said = line
                .rsplit_once(" (address \"")
                .and_then(|(_, rest)| Some(rest.split_once("\")")?.0));
            said.or_else(|| line.strip_prefix("Host Address|")).map(String::from)
        });

        let title = lines
            .iter()
            .find_map(|line| line.strip_prefix("title "))
            .map(|title| title.trim().to_owned());
        let system = lines
            .iter()
            .find_map(|line| line.strip_prefix("system "))
            .filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
        let system = system.map(String::from);

        Self { host, address, port, system, title: title.filter(|title| !title.is_empty()) }
    }

    /// The address itself, by which a host is judged, whatever it is called.
    pub fn address(&self) -> Option<IpAddr> {
        self.address.as_ref().or(self.host.as_ref()).and_then(|address| address.parse().ok())
    }

    /// Whether it is on this machine, as far as the address tells.
    pub fn is_loopback(&self) -> bool {
        let named = self.host.as_deref().unwrap_or_default();
        let is_socket = named.is_empty() || named.starts_with(['/', '@']);
        match self.address() {
            Some(address) => address.to_canonical().is_loopback(),
            None => is_socket || named.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Whether a process on this machine has the server's process id and the title that the server
    /// gives this session's process: `postgres: shop app 127.0.0.1(40312) idle`, by a socket
    /// `postgres: shop app [local] idle`. A server behind a tunnel has no such process here.
    /// <https://www.postgresql.org/docs/current/monitoring-ps.html>
    pub fn is_shown_by_process(&self, server: &Answerer) -> bool {
        let Some(title) = &self.title else { return false };
        if cfg!(windows) {
            return title.trim_start().starts_with("postgres.exe");
        }
        let client = server.client_port.map_or("[local]".into(), |port| format!("({port})"));
        title.starts_with("postgres: ") && title.contains(&client)
    }
}

/// Whether an engine's list of published ports (`{{.Ports}}`: `127.0.0.1:5433->5432/tcp,
/// :::5433->5432/tcp`) has the one that was reached: then the container is what answers.
pub fn is_published(ports: &str, address: Option<IpAddr>, port: &str) -> bool {
    let any = |host: &str| match address.map(|a| a.to_canonical()) {
        Some(IpAddr::V4(v4)) => host == "0.0.0.0" || host.parse() == Ok(IpAddr::V4(v4)),
        Some(IpAddr::V6(v6)) => {
            matches!(host, "::" | "[::]")
                || host.trim_matches(['[', ']']).parse() == Ok(IpAddr::V6(v6))
        }
        None => matches!(host, "0.0.0.0" | "127.0.0.1" | "::" | "[::]" | "::1" | "[::1]"),
    };

    ports.split(", ").filter_map(|entry| entry.split_once("->")).any(|(bound, _)| {
        bound.rsplit_once(':').is_some_and(|(host, bound)| bound == port && any(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reached {
        Reached::read(&text.lines().collect::<Vec<_>>())
    }

    const BY_NAME: &str = "150018 5432 localhost\nYou are connected to database \"a (address \
                           \"1.2.3.4\") b\" as user \"u\" on host \"localhost\" (address \
                           \"10.0.0.7\") at port \"5432\".\ntitle ";

    #[test]
    fn the_address_is_what_libpq_reached() {
        let reached = read(BY_NAME);
        assert_eq!(
            (reached.host.as_deref(), reached.port.as_deref()),
            (Some("localhost"), Some("5432"))
        );
        assert_eq!(
            (reached.address.as_deref(), reached.title.as_deref()),
            (Some("10.0.0.7"), None)
        );
        assert!(!reached.is_loopback());

        let table = read(
            "180004 5432 db\nDatabase|x\nHost|db\nHost Address|127.0.0.1\nServer Port|5432\ntitle \
             x",
        );
        assert_eq!(table.address.as_deref(), Some("127.0.0.1"));
        assert!(table.is_loopback());

        let socket = read(
            "150018 5432 /var/run/my postgresql\nYou are connected to database \"x\" as user \
             \"u\" via socket.\ntitle y",
        );
        assert_eq!(socket.host.as_deref(), Some("/var/run/my postgresql"));
        assert!(socket.is_loopback());
        assert_eq!(read("150018"), Reached::default());
        assert_eq!(read("150018 :PORT :HOST\nsystem :db_tasks_system"), Reached::default());

        assert_eq!(
            read("150018\nsystem 7712874392614183987").system.as_deref(),
            Some("7712874392614183987")
        );
    }

    #[test]
    fn loopback_is_a_matter_of_addresses() {
        for (host, address, want) in [
            ("127.0.0.1", None, true),
            ("127.1.2.3", None, true),
            ("::1", None, true),
            ("::ffff:127.0.0.1", None, true),
            ("localhost", None, true),
            ("db.test", Some("127.0.0.1"), true),
            ("localhost", Some("10.0.0.1"), false),
            ("10.0.0.1", None, false),
            ("db.test", None, false),
            ("0.0.0.0", None, false),
        ] {
            let reached = Reached {
                host: Some(host.into()),
                address: address.map(String::from),
                ..Reached::default()
            };
            assert_eq!(reached.is_loopback(), want, "{host} {address:?}");
        }
    }

    #[test]
    #[cfg(not(windows))]
    fn only_the_process_of_this_very_session_shows_the_server() {
        let by = |title: &str, client_port| {
            let reached = Reached { title: Some(title.into()), ..Reached::default() };
            reached.is_shown_by_process(&Answerer { client_port, ..Answerer::default() })
        };
        assert!(by("postgres: app shop 127.0.0.1(40312) idle", Some(40312)));
        assert!(by("postgres: 15/main: app shop [local] idle", None));

        for (title, port) in [
            ("postgres: app shop 127.0.0.1(40312) idle", Some(40313)),
            ("postgres: app shop [local] idle", Some(40312)),
            ("ssh -L 5432:db:5432 (40312)", Some(40312)),
            ("cloud-sql-proxy [local]", None),
        ] {
            assert!(!by(title, port), "{title}");
        }

        assert!(!Reached::default().is_shown_by_process(&Answerer::default()));
    }

    #[test]
    fn a_published_port_is_bound_to_what_was_reached() {
        let v4 = Some("127.0.0.1".parse().unwrap());
        let v6 = Some("::1".parse().unwrap());

        for (ports, address, want) in [
            ("127.0.0.1:5433->5432/tcp", v4, true),
            ("0.0.0.0:5433->5432/tcp, :::5433->5432/tcp", v4, true),
            ("0.0.0.0:5433->5432/tcp, [::]:5433->5432/tcp", v6, true),
            ("127.0.0.1:5433->5432/tcp", v6, false),
            ("127.0.0.1:5433->5432/tcp", None, true),
            ("127.0.0.1:54330->5432/tcp", v4, false),
            ("10.0.0.1:5433->5432/tcp", v4, false),
            ("5433/tcp", v4, false),
            ("", v4, false),
        ] {
            assert_eq!(is_published(ports, address, "5433"), want, "{ports} {address:?}");
        }
    }
}
