//! The project's own PostgreSQL cluster: the commands for its programs.

pub mod run_as;
pub mod socket;
pub mod state;
pub mod throw_away;
pub mod wheel;

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cmd::{Cmd, quoted};

/// The superuser of every cluster of ours.
pub const USER: &str = "postgres";
/// Part of the socket's name; always passed, because a `PGPORT` in the environment would change it
/// for one side.
pub const PORT: &str = "5432";

/// A cluster's coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its folder: the server's data, its log and, if the path is short enough, its socket.
    pub folder: PathBuf,
    /// The folder of its socket.
    pub socket_dir: PathBuf,
}

impl Cluster {
    /// Where the cluster is until it is complete.
    pub fn partial(&self) -> PathBuf {
        crate::bundle::ending::partial(&self.folder)
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The mark of a server that a task started for itself: its last user stops it.
    pub fn on_demand(&self) -> PathBuf {
        self.folder.join("on-demand")
    }

    /// Creates the cluster, flushed to disk, under its partial name. Everybody who can reach the
    /// socket can log in: only the owner can enter its folder. Nobody can log in over TCP.
    pub fn initdb(&self, locale: Option<&str>) -> Cmd {
        let locale = locale.map_or("--no-locale".into(), |name| format!("--locale={name}"));
        let cmd = Cmd::new("initdb")
            .arg("-D")
            .arg(self.partial().to_string_lossy())
            .args(["-U", USER, "-E", "UTF8", &locale]);
        cmd.args(["--auth-local=trust", "--auth-host=reject"])
    }

    /// Starts the server and waits until it is ready.
    ///
    /// The folder is passed by `PGDATA`, because pg_ctl passes `-D` to a shell in double quotes; it
    /// does the same with `-l`.
    pub fn start(&self) -> Cmd {
        self.start_with(&self.on_its_socket())
    }

    fn start_with(&self, options: &str) -> Cmd {
        self.pg_ctl().args([
            "-t",
            "60",
            "-l",
            &in_double_quotes(&self.log()),
            "-o",
            options,
            "start",
        ])
    }

    /// Options of a server that is reached only by its socket.
    fn on_its_socket(&self) -> String {
        let socket = quoted(&list_item(&self.socket_dir));
        format!(
            "-c listen_addresses= -c port={PORT} -c unix_socket_permissions=0700 -c \
             unix_socket_directories={socket}"
        )
    }

    /// Stops the server: sessions are terminated, data is flushed.
    pub fn stop(&self) -> Cmd {
        self.pg_ctl().args(["-t", "60", "-m", "fast", "stop"])
    }

    fn pg_ctl(&self) -> Cmd {
        Cmd::new("pg_ctl").env("PGDATA", self.folder.to_string_lossy()).args(["-s", "-w"])
    }

    /// Where a database is, for other programs.
    pub fn url(&self, database: &str) -> String {
        const PLAIN: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
        let host = utf8_percent_encode(
            self.socket_dir.to_str().unwrap_or_default(),
            const { &PLAIN.remove(b'/') },
        );
        format!("postgresql:///{}?host={host}&user={USER}", utf8_percent_encode(database, PLAIN))
    }
}

/// An item of a list parameter (`SplitDirectoriesString`): a comma or a space in it would be the
/// list's own.
fn list_item(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('"', "\"\""))
}

fn in_double_quotes(path: &Path) -> String {
    path.to_string_lossy().chars().fold(String::new(), |mut out, c| {
        // the shell of Windows knows no such escape
        if cfg!(unix) && matches!(c, '"' | '$' | '`' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(folder: &str) -> Cluster {
        Cluster { folder: folder.into(), socket_dir: folder.into() }
    }

    #[test]
    fn commands_are_as_they_are() {
        let c = cluster("/p/pg");
        assert_eq!(
            c.initdb(Some("C.UTF-8")).to_string(),
            "initdb -D /p/pg.partial -U postgres -E UTF8 --locale=C.UTF-8 --auth-local=trust \
             --auth-host=reject"
        );

        assert!(c.initdb(None).to_string().contains(" --no-locale "));
        assert_eq!(
            c.start().to_string(),
            "PGDATA=/p/pg pg_ctl -s -w -t 60 -l /p/pg/server.log -o '-c listen_addresses= -c \
             port=5432 -c unix_socket_permissions=0700 -c \
             unix_socket_directories='\\''\"/p/pg\"'\\''' start"
        );

        assert_eq!(c.stop().to_string(), "PGDATA=/p/pg pg_ctl -s -w -t 60 -m fast stop");
    }

    #[test]
    fn no_path_is_read_as_shell_or_list() {
        let start = cluster(r#"/a "b" $c, it's"#).start();
        assert_eq!(start.args[5], r#"/a \"b\" \$c, it's/server.log"#);
        assert!(
            start.args[7].ends_with(r#"unix_socket_directories='"/a ""b"" $c, it'\''s"'"#),
            "{}",
            start.args[7]
        );
    }

    #[test]
    fn the_url_survives_any_path() {
        assert_eq!(cluster("/p/pg").url("sample"), "postgresql:///sample?host=/p/pg&user=postgres");
        assert_eq!(
            cluster("/a b/ü").url("my db"),
            "postgresql:///my%20db?host=/a%20b/%C3%BC&user=postgres"
        );
    }
}
