//! The state of the project's own cluster, and who can run its server.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::server::{self, ServerPrograms};
use crate::cmd::Cmd;
use crate::config::{Env, Secrets};
use crate::door::ask::ask;
use crate::engine::cluster::Cluster;
use crate::engine::cluster::run_as::{self, Account, RunAs};
use crate::engine::cluster::socket::{self, SocketDir};
use crate::engine::cluster::state::{Contents, Holder, Seen, State};
use crate::place::Place;
use crate::problem::{Code, Problem};

/// What a client has to know of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub cluster: Cluster,
    /// Its state.
    pub state: State,
    /// The programs of its version.
    pub programs: ServerPrograms,
    /// The mark of a server that was started on demand, if it has one.
    pub mark: Option<PathBuf>,
}

/// What must be known before a server is started or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    /// The cluster and its programs.
    pub found: Found,
    /// Who runs its server.
    pub run_as: RunAs,
    /// The words in front of the server's programs that make them run as that user.
    pub through: Vec<String>,
    /// A locale for a new cluster that sorts by bytes and knows all letters; some systems call it
    /// something else or lack it.
    pub locale: Option<String>,
    /// Folders that must be created for it.
    pub to_make: Vec<PathBuf>,
    /// What an interrupted run left.
    pub left: Option<PathBuf>,
    /// Folders of ours that the server's account must be able to enter.
    pub to_open: Vec<PathBuf>,
    /// The folder for a socket outside the cluster, if it must be created.
    pub socket_to_make: Option<PathBuf>,
}

impl ClusterFacts {
    /// Where the server's programs run.
    pub fn place(&self) -> Place {
        Place::Unprivileged {
            programs: self.found.programs.folder.clone(),
            through: self.through.clone(),
        }
    }
}

/// Looks at a cluster as its clients need it.
pub fn find(folder: &Path, configured: Option<&Path>, env: &Env) -> Result<Found> {
    let contents = contents(folder)?;
    let programs = server::find(configured, made_by(folder)?, env)?;
    let user = owner(folder).map_or_else(ourselves, |a| a.user);
    let dir = socket::dir(folder, user);
    if let SocketDir::Apart(path) = &dir {
        ours_or_absent(path, user)?;
    }
    Ok(see(folder, &dir, contents, programs, env))
}

/// Looks at a cluster that is to be started or stopped.
pub fn look(
    folder: &Path,
    configured: Option<&Path>,
    state_dir: &Path,
    env: &Env,
) -> Result<ClusterFacts> {
    by(server::find(configured, made_by(folder)?, env)?, folder, state_dir, env)
}

/// The same for one whose programs are known.
pub fn by(
    programs: ServerPrograms,
    folder: &Path,
    state_dir: &Path,
    env: &Env,
) -> Result<ClusterFacts> {
    let contents = contents(folder)?;
    let run_as = run_as_for(owner(folder).filter(|_| contents == Contents::Cluster), folder, env)?;
    let user = match &run_as {
        RunAs::Account(account) => account.user,
        _ => ourselves(),
    };
    let dir = socket::dir(folder, user);
    let socket_to_make = match &dir {
        SocketDir::Apart(path) => ours_or_absent(path, user)?,
        SocketDir::Own(_) => None,
    };

    let found = see(folder, &dir, contents, programs, env);
    let parent = folder.parent().unwrap_or(folder);
    let to_open = to_open(&run_as, &[parent, &found.programs.folder], state_dir, env)?;
    let left = Some(found.cluster.partial()).filter(|p| p.exists());
    let locale = if found.state == State::Absent { locale(env) } else { None };

    let to_make = if parent.is_dir() { Vec::new() } else { vec![parent.to_path_buf()] };
    let through = words(&run_as, env);

    Ok(ClusterFacts { found, run_as, through, locale, to_make, left, to_open, socket_to_make })
}

fn see(
    folder: &Path,
    dir: &SocketDir,
    contents: Contents,
    programs: ServerPrograms,
    env: &Env,
) -> Found {
    let answers = contents == Contents::Cluster && listens(&dir.path().join(socket::socket_name()));
    let seen = Seen { contents, answers, pid: pid(folder, env) };
    let cluster = Cluster { folder: folder.to_path_buf(), socket_dir: dir.path().to_path_buf() };
    let mark = Some(cluster.on_demand()).filter(|mark| mark.exists());
    Found { cluster, state: seen.state(), programs, mark }
}

fn contents(folder: &Path) -> Result<Contents> {
    match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Contents::Nothing),
        Err(e) => Err(Problem::failed(format!("could not look into `{}`", folder.display()))
            .code(Code::FileError)
            .because(e.to_string())
            .into()),
        Ok(_) if folder.join("PG_VERSION").is_file() => Ok(Contents::Cluster),
        Ok(mut entries) => {
            Ok(if entries.next().is_none() { Contents::Nothing } else { Contents::Other })
        }
    }
}

/// The major version that made the cluster.
fn made_by(folder: &Path) -> Result<Option<u32>> {
    let Ok(text) = std::fs::read_to_string(folder.join("PG_VERSION")) else { return Ok(None) };
    let major = text.trim().split('.').next().and_then(|m| m.parse().ok());
    major.map(Some).ok_or_else(|| {
        Problem::failed(format!("`{}` does not say a version", folder.join("PG_VERSION").display()))
            .code(Code::FileError)
            .because(format!("it says `{}`", text.trim()))
            .cure(format!(
                "move `{}` away: a new cluster is then created in its place",
                folder.display()
            ))
            .into()
    })
}

#[cfg(unix)]
fn owner(path: &Path) -> Option<Account> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|m| Account { user: m.uid(), group: m.gid() })
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Option<Account> {
    None
}

#[cfg(unix)]
fn ourselves() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Nothing runs as root here.
#[cfg(not(unix))]
fn ourselves() -> u32 {
    1
}

fn run_as_for(owner: Option<Account>, folder: &Path, env: &Env) -> Result<RunAs> {
    let us = ourselves();
    if us != 0 {
        return match owner {
            Some(other) if cfg!(unix) && other.user != us => Err(Problem::failed(format!(
                "the cluster `{}` belongs to another user (number {})",
                folder.display(),
                other.user
            ))
            .code(Code::RightsMissing)
            .cure("run as that user, or give the folder to yourself (`chown -R`)")
            .into()),
            _ => Ok(RunAs::Ourselves),
        };
    }

    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    run_as::for_root(owner, &run_as::accounts(&passwd), |run_as| can(run_as, env)).ok_or_else(
        || {
            Problem::failed(
                "postgres refuses to run as root, and root can't switch to another user here",
            )
            .code(Code::Unsupported)
            .because(
                "neither a user namespace (`unshare --user`) nor the account that owns the cluster \
                 (`setpriv`) works",
            )
            .cure(format!(
                "run as an ordinary user, or allow user namespaces, or give `{}` to the account \
                 `postgres` (`chown -R`)",
                folder.display()
            ))
            .into()
        },
    )
}

fn can(run_as: &RunAs, env: &Env) -> bool {
    let cmd = through(run_as, env).arg("true");
    ask(&cmd, &Secrets::default()).is_ok_and(|answer| answer.good)
}

/// The words in front of a program, with the programs among them as we find them.
fn words(run_as: &RunAs, env: &Env) -> Vec<String> {
    let found = |word: String| {
        if matches!(word.as_str(), "env" | "setpriv" | "unshare") {
            env.program(&word)
        } else {
            word
        }
    };
    run_as.through().into_iter().map(found).collect()
}

fn through(run_as: &RunAs, env: &Env) -> Cmd {
    let mut words = words(run_as, env).into_iter();
    Cmd::new(words.next().unwrap_or_else(|| env.program("env"))).args(words)
}

/// The folders of ours that an account must be able to enter; we never change the rights of
/// somebody else's.
fn to_open(run_as: &RunAs, paths: &[&Path], state_dir: &Path, env: &Env) -> Result<Vec<PathBuf>> {
    let RunAs::Account(account) = run_as else { return Ok(Vec::new()) };
    let mut shut = Vec::new();

    for path in paths {
        let mut folders: Vec<&Path> = path.ancestors().filter(|f| f.is_dir()).collect();
        folders.reverse();
        for folder in folders {
            if may_enter(run_as, folder, env) {
                continue;
            }
            if folder == state_dir {
                shut.push(folder.to_path_buf());
                break;
            }

            return Err(Problem::failed(format!(
                "the server's account (number {}) can't enter `{}`",
                account.user,
                folder.display()
            ))
            .code(Code::FileError)
            .because(format!("`{}` is in it, and postgres does not run as root", path.display()))
            .cure(
                "run as the folder's owner, move the project to where every user can enter, or \
                 allow user namespaces",
            )
            .into());
        }
    }

    // not there yet, and created with access for us only
    if !state_dir.exists() && paths.iter().any(|p| p.starts_with(state_dir)) {
        shut.push(state_dir.to_path_buf());
    }

    Ok(shut)
}

fn may_enter(run_as: &RunAs, folder: &Path, env: &Env) -> bool {
    let cmd = through(run_as, env).args(["test", "-x"]).arg(folder.to_string_lossy());
    ask(&cmd, &Secrets::default()).is_ok_and(|answer| answer.good)
}

/// A socket's folder in a place where everybody can write: it must be private to us, or not exist
/// yet.
#[cfg(unix)]
fn ours_or_absent(dir: &Path, user: u32) -> Result<Option<PathBuf>> {
    use std::os::unix::fs::MetadataExt;

    match std::fs::symlink_metadata(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Some(dir.to_path_buf())),
        Ok(m) if m.is_dir() && m.uid() == user && m.mode() & 0o077 == 0 => Ok(None),
        Ok(_) => Err(Problem::failed(format!(
            "`{}` is not the private folder it should be",
            dir.display()
        ))
        .code(Code::FileError)
        .because(
            "the cluster's path is too long for a socket, so its socket is there; somebody else \
             may have created that folder",
        )
        .cure("see who created it, and remove it; or move the project to a shorter path")
        .into()),
        Err(e) => Err(Problem::failed(format!("could not look at `{}`", dir.display()))
            .code(Code::FileError)
            .because(e.to_string())
            .into()),
    }
}

#[cfg(not(unix))]
fn ours_or_absent(dir: &Path, _: u32) -> Result<Option<PathBuf>> {
    Ok((!dir.exists()).then(|| dir.to_path_buf()))
}

#[cfg(unix)]
fn listens(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

#[cfg(not(unix))]
fn listens(socket: &Path) -> bool {
    socket.exists()
}

/// The process with the id in `postmaster.pid`, and the status in its eighth line.
fn pid(folder: &Path, env: &Env) -> Option<(Holder, String)> {
    let text = std::fs::read_to_string(folder.join("postmaster.pid")).ok()?;
    let status = text.lines().nth(7).unwrap_or_default().trim().to_owned();
    let number: i32 = text.lines().next()?.trim().parse().ok()?;

    let holder = match name_of(number, env).as_deref() {
        None => Holder::Nobody,
        Some(name) if name.starts_with("postgres") => Holder::Postgres,
        Some(_) => Holder::Other,
    };
    Some((holder, status))
}

/// The name of a living process: a zombie (Z) no longer holds anything.
fn name_of(process: i32, env: &Env) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        return (!rest.trim_start().starts_with(['Z', 'X'])).then(|| name.to_owned());
    }

    let cmd = Cmd::new(env.program("ps")).args(["-o", "stat=,comm=", "-p", &process.to_string()]);
    let answer = ask(&cmd, &Secrets::default()).ok()?;
    let (state, command) = answer.out.trim().split_once(char::is_whitespace)?;

    (!state.starts_with('Z'))
        .then(|| command.trim().rsplit('/').next().unwrap_or_default().to_owned())
}

fn locale(env: &Env) -> Option<String> {
    let answer = ask(&Cmd::new(env.program("locale")).arg("-a"), &Secrets::default())
        .ok()
        .filter(|a| a.good)?;
    let fits = |name: &&str| matches!(name.to_ascii_lowercase().as_str(), "c.utf-8" | "c.utf8");
    answer.out.lines().find(fits).map(|_| "C.UTF-8".into())
}

#[cfg(test)]
mod tests;
