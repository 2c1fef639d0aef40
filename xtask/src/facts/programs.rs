//! Client programs on this machine: where they are, and which one fits a server.

use std::path::{Path, PathBuf};

use crate::config::Env;
use crate::engine::postgres::client::version::Version;

/// A folder with psql and pg_dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The folder.
    pub folder: PathBuf,
    /// The major version, if the folder's name tells it.
    pub major: Option<u32>,
}

/// The folders that have `program`, best first: only the configured one, otherwise the
/// distribution's from the newest down, then PATH's. Debian's psql on PATH is a Perl script that
/// looks for one of those; it takes longer than psql itself.
pub fn find(configured: Option<&Path>, program: &str, env: &Env) -> Vec<Programs> {
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);

    if let Some(folder) = configured {
        return vec![Programs { folder: folder.to_path_buf(), major: major_of(folder) }];
    }

    let mut found: Vec<Programs> =
        distribution().into_iter().filter(|p| p.folder.join(&file).is_file()).collect();
    let path = std::env::join_paths(env.search_path()).ok();
    let on_path =
        which::which_in(program, path, "/").ok().and_then(|p| std::fs::canonicalize(p).ok());

    if let Some(folder) = on_path
        .filter(|p| p.file_name().is_some_and(|n| *n == *file))
        .and_then(|p| p.parent().map(Path::to_path_buf))
        && found.iter().all(|p| p.folder != folder)
    {
        found.push(Programs { major: major_of(&folder), folder });
    }

    found
}

/// What the distributions' packages install, newest first.
pub(super) fn distribution() -> Vec<Programs> {
    let roots = [
        "/usr/lib/postgresql",
        "/opt/homebrew/opt",
        "/usr/local/opt",
        "/usr",
        "C:\\Program Files\\PostgreSQL",
    ];

    let mut found: Vec<Programs> = roots
        .iter()
        .filter_map(|root| std::fs::read_dir(root).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path().join("bin"))
        .filter_map(|folder| Some(Programs { major: Some(major_of(&folder)?), folder }))
        .collect();

    found.sort_by_key(|p| std::cmp::Reverse(p.major));
    found
}

/// `…/postgresql/15/bin`, `…/postgresql@15/bin`, `…/pgsql-15/bin`.
pub(super) fn major_of(bin: &Path) -> Option<u32> {
    let name = bin.parent()?.file_name()?.to_str()?;
    let digits =
        name.strip_prefix("postgresql@").or_else(|| name.strip_prefix("pgsql-")).unwrap_or(name);
    digits.split('.').next()?.parse().ok().filter(|major| (9..100).contains(major))
}

/// The folder whose pg_dump suits a server: of the server's own version, otherwise the nearest
/// newer one. A newer pg_dump reads every older server, but its dump may not load there again; an
/// older one refuses.
pub fn fitting(programs: &[Programs], server: Version) -> Option<&Programs> {
    let newer = |p: &&Programs| p.major.is_some_and(|m| m >= server.major());
    programs
        .iter()
        .filter(newer)
        .min_by_key(|p| p.major)
        .or_else(|| programs.iter().find(|p| p.major.is_none()))
}

/// The error for a program that PATH has only in the repository.
pub(super) fn skipped(env: &Env, program: &str) -> String {
    env.skipped(program).map_or(String::new(), |path| {
        format!(
            "`{}` belongs to the repository, so commands that only read do not run it \
             (`--trust-repo` allows it from now on)",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(majors: &[Option<u32>]) -> Vec<Programs> {
        majors.iter().map(|m| Programs { folder: format!("/{m:?}").into(), major: *m }).collect()
    }

    #[test]
    fn the_servers_own_version_comes_first() {
        let all = programs(&[Some(18), Some(16), Some(15), Some(13), None]);

        for (server, want) in [
            (150_000, Some(Some(15))),
            (140_000, Some(Some(15))),
            (170_000, Some(Some(18))),
            (190_000, Some(None)),
        ] {
            assert_eq!(fitting(&all, Version(server)).map(|p| p.major), want, "{server}");
        }

        assert_eq!(fitting(&programs(&[Some(15)]), Version(160_000)), None);
    }

    #[test]
    fn folders_tell_their_version() {
        for (bin, want) in [
            ("/usr/lib/postgresql/15/bin", Some(15)),
            ("/opt/homebrew/opt/postgresql@16/bin", Some(16)),
            ("/usr/bin", None),
            ("/usr/pgsql-14/bin", Some(14)),
        ] {
            assert_eq!(major_of(Path::new(bin)), want);
        }
    }
}
