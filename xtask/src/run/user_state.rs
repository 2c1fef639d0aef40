//! What this user has for all projects, outside of them: the key that signs journals, and what was
//! trusted once.
//!
//! It is in `XDG_STATE_HOME/db-tasks`
//! (<https://specifications.freedesktop.org/basedir-spec/latest/>), never in a project's folder,
//! which somebody else may have written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::state;
use crate::bundle::ending;
use crate::config::Env;
use crate::disk;
use crate::stream::mac;

/// What this user has on this machine for one project.
#[derive(Debug, Clone)]
pub struct UserState {
    /// The folder; `None` if there is no place for one.
    home: Option<PathBuf>,
    /// What all of this is bound to: the project's folder and the machine.
    bound: String,
}

/// What is trusted for a project: programs and folders, with the state that a folder was in.
pub type Trusted = BTreeMap<String, String>;

/// What you trusted, once, on this machine.
#[derive(Serialize, Deserialize)]
struct Record {
    /// The project's folder and the machine.
    project: String,
    trusted: Trusted,
}

impl UserState {
    /// Finds it; creates nothing. What `.env` says does not count: it belongs to the repository.
    pub fn look(root: &Path, env: &Env) -> Self {
        let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf());
        let home =
            candidates(env, &fs::read_to_string("/etc/passwd").unwrap_or_default(), state::user());
        let home =
            home.into_iter().find(|home| !home.starts_with(&root) && state::may_be_ours(home));
        Self { home, bound: format!("{}\n{}", root.display(), machine()) }
    }

    /// The folder for the state of a project that has no room for it.
    pub fn state_dir(&self) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(self.digest()))
    }

    /// The signature of a text, by a key that is created for the first one; `None` if there is no
    /// place to keep a key.
    pub fn sign(&self, text: &[u8]) -> Result<Option<String>> {
        let Some(home) = &self.home else { return Ok(None) };
        let file = home.join("key");
        if state::read(&file)?.is_none() {
            disk::private_folder(home)?;
            let key = random().context("could not make a key")?;
            let made = disk::create_new(&file)
                .and_then(|mut f| f.write_all(key.as_bytes()).and_then(|()| f.sync_all()));

            match made {
                // another run was faster
                Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(e).with_context(|| format!("could not write `{}`", file.display()));
                }
                _ => {}
            }
        }

        let key = state::read(&file)?.unwrap_or_default();
        Ok((!key.is_empty()).then(|| self.mac(&key, text)))
    }

    /// Whether a signature fits this text, project, user and machine.
    pub fn has_signed(&self, text: &[u8], signature: &str) -> bool {
        let key = self.home.as_ref().and_then(|home| state::read(&home.join("key")).ok()?);
        key.is_some_and(|key| !key.is_empty() && self.mac(&key, text) == signature)
    }

    fn mac(&self, key: &str, text: &[u8]) -> String {
        let message = [self.bound.as_bytes(), b"\0", text].concat();
        mac::hex(key.trim().as_bytes(), &message)
    }

    fn digest(&self) -> String {
        mac::hex(b"", self.bound.as_bytes())[..16].to_owned()
    }

    /// What was trusted for this project.
    pub fn trusted(&self) -> Trusted {
        let read = |path: PathBuf| serde_json::from_str::<Record>(&state::read(&path).ok()??).ok();
        let found = self.record_file().and_then(read).filter(|record| record.project == self.bound);
        found.map_or_else(Trusted::new, |record| record.trusted)
    }

    /// Adds to what is trusted for this project.
    pub fn trust(&self, more: Trusted) -> Result<()> {
        let known = self.trusted();
        if more.iter().all(|(what, state)| known.get(what) == Some(state)) {
            return Ok(());
        }

        let file = self
            .record_file()
            .context("there is no folder of yours to keep it in: set HOME or XDG_STATE_HOME")?;
        let record = Record {
            project: self.bound.clone(),
            trusted: known.into_iter().chain(more).collect(),
        };
        disk::private_folder(file.parent().unwrap_or(&file))?;

        disk::replace(
            &file,
            &ending::partial(&file),
            format!("{}\n", serde_json::to_string_pretty(&record)?).as_bytes(),
        )
    }

    fn record_file(&self) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(format!("trusted-{}.json", self.digest())))
    }
}

/// Where the folder may be, best first: as the environment says, the account's home, and what every
/// machine has.
fn candidates(env: &Env, passwd: &str, user: u32) -> Vec<PathBuf> {
    let absolute =
        |name: &str| env.given(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("LOCALAPPDATA"));

    let home = absolute("HOME").or_else(|| {
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let own = |f: &Vec<&str>| f.get(2).and_then(|uid| uid.parse().ok()) == Some(user);
        fields.into_iter().find(own)?.get(5).map(PathBuf::from).filter(|path| path.is_absolute())
    });

    let shared = cfg!(unix).then(|| PathBuf::from(format!("/var/tmp/db-tasks-{user}")));
    let own = [state, home.map(|home| home.join(".local/state"))]
        .into_iter()
        .flatten()
        .map(|path| path.join("db-tasks"));

    own.chain(shared).collect()
}

/// This machine: its id, if it has a lasting one, otherwise its name.
fn machine() -> String {
    let said = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/hostname"]
        .map(fs::read_to_string);
    said.into_iter()
        .flatten()
        .map(|id| id.trim().to_owned())
        .find(|id| !id.is_empty())
        .unwrap_or_default()
}

/// 256 random bits from the system, in hexadecimal.
fn random() -> std::io::Result<String> {
    let mut bytes = [0_u8; 32];
    if cfg!(unix) {
        fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    } else {
        use std::hash::{BuildHasher, RandomState};
        // seeded by the system, each differently
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(
                &RandomState::new().hash_one(std::time::SystemTime::now()).to_le_bytes(),
            );
        }
    }

    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(root: &Path, home: &Path) -> UserState {
        UserState::look(root, &Env::of([("XDG_STATE_HOME", home.to_str().unwrap())]))
    }

    #[test]
    fn a_signature_is_of_one_project_one_user_and_one_text() {
        let (a, b, home, other) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );

        let ours = own(a.path(), home.path());
        assert!(!ours.has_signed(b"x", ""), "no key yet");

        let signature = ours.sign(b"x").unwrap().unwrap();
        assert_eq!(ours.sign(b"x").unwrap().unwrap(), signature);
        own(b.path(), other.path()).sign(b"x").unwrap();

        for (own, text, holds) in [
            (own(a.path(), home.path()), "x", true),
            (own(a.path(), home.path()), "y", false),
            (own(b.path(), home.path()), "x", false),
            (own(a.path(), other.path()), "x", false),
        ] {
            assert_eq!(own.has_signed(text.as_bytes(), &signature), holds, "{own:?} {text}");
        }

        assert!(!ours.has_signed(b"x", ""));
    }

    #[test]
    fn what_was_trusted_is_of_one_project() {
        let (a, b, home) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );

        let one = |what: &str, state: &str| Trusted::from([(what.to_owned(), state.to_owned())]);
        for trusted in [one("/p/bin", ""), one("/p/pg", "1"), one("/p/pg", "2")] {
            own(a.path(), home.path()).trust(trusted).unwrap();
        }

        let wanted = one("/p/bin", "").into_iter().chain(one("/p/pg", "2")).collect::<Trusted>();
        assert_eq!(own(a.path(), home.path()).trusted(), wanted);
        assert!(own(b.path(), home.path()).trusted().is_empty());
    }

    #[test]
    fn no_folder_of_the_project_is_our_own() {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:7:7::/home/ann:/bin/sh\n";
        let of = |env: Env, user| {
            candidates(&env, passwd, user)
                .into_iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };

        let both = Env::of([("XDG_STATE_HOME", "/s"), ("HOME", "/h")]);
        assert_eq!(of(both, 7)[..2], ["/s/db-tasks", "/h/.local/state/db-tasks"]);
        assert_eq!(
            of(Env::of([("XDG_STATE_HOME", "relative")]), 7)[0],
            "/home/ann/.local/state/db-tasks"
        );
        assert!(of(Env::default(), 8).iter().all(|path| path == "/var/tmp/db-tasks-8"));

        let root = tempfile::tempdir().unwrap();
        let inside = own(root.path(), &root.path().join("state"));
        assert!(inside.home.is_none_or(|home| !home.starts_with(root.path())));
    }
}
