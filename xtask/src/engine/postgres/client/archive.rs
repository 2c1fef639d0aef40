//! pg_restore: it turns an archive of pg_dump into a script, reads it to the end and fails on a
//! damaged one.

use std::path::Path;

use crate::cmd::Cmd;

/// Only what is defined before the rows.
pub const BEFORE_ROWS: &str = "--section=pre-data";

/// Only what is defined after them.
pub const AFTER_ROWS: &str = "--section=post-data";

/// An archive as a script; one without a path is on standard input.
pub fn script(archive: Option<&Path>) -> Cmd {
    of(archive, &["--file=-", "--exit-on-error"])
}

/// What an archive holds.
pub fn list(archive: Option<&Path>) -> Cmd {
    of(archive, &["--list"])
}

fn of(archive: Option<&Path>, words: &[&str]) -> Cmd {
    let cmd = Cmd::new("pg_restore").args(words.iter().copied());
    archive.into_iter().fold(cmd, |cmd, path| cmd.arg(path.to_string_lossy()))
}

/// The version of the server that it came from, as a list says it.
pub fn server_version(list: &str) -> Option<String> {
    let version = |line: &str| {
        let said = line.trim_start_matches([';', ' ']);
        said.strip_prefix("Dumped from database version: ").map(String::from)
    };
    list.lines().find_map(version)
}

/// Whether a pg_restore is too old for an archive.
pub fn is_too_new(err: &str) -> bool {
    err.contains("unsupported version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_where_its_archive_came_from() {
        let list = ";\n; Archive created at 2024-01-01\n;     Format: CUSTOM\n;     Dumped from \
                    database version: 15.18 (Debian)\n;     Dumped by pg_dump version: 17.6\n";
        assert_eq!(server_version(list).as_deref(), Some("15.18 (Debian)"));
        assert_eq!(server_version("; Dumped by pg_dump version: 17.6\n"), None);
    }
}
