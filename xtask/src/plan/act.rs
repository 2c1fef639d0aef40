//! The acts of a plan.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pipe::{Pipe, Reload};
use crate::bundle::Manifest;
use crate::bundle::notes::Pinned;
use crate::bundle::ratchet::{self, Demand};
use crate::cmd::Cmd;
use crate::config::{self, Form, Keys, Mode, SecretName};
use crate::value::{Address, Change};

/// The closed vocabulary.
#[derive(Debug, Clone)]
pub enum Act {
    /// Moves bytes and verifies them on the way.
    Pipe(Box<Pipe>),
    /// Makes a new thing.
    Create(Deed),
    /// Gives a thing another name.
    Rename(Deed),
    /// Removes a thing.
    Remove(Deed),
    /// Changes a thing in place.
    Write(Deed),
    /// Makes sure that something is so.
    Check(Check),
    /// Waits until something is so.
    Wait(Wait),
    /// Writes the manifest and gives files their final names.
    Seal(Box<Seal>),
}

/// A change: to what, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deed {
    /// The thing.
    pub what: String,
    /// The way.
    pub how: How,
}

/// How a change is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum How {
    /// A folder of ours, mode 0700.
    Folder(PathBuf),
    /// A file of ours; a new one is empty.
    File(PathBuf),
    /// A backup that the keep rules let go.
    Old(Box<Old>),
    /// From one name to another that is free, on one file system.
    Move(PathBuf, PathBuf),
    /// A command.
    Command(Cmd),
    /// A command that is not killed by a signal, but waited for: another process does its work, and
    /// would go on with it while the clean-up sees nothing of it.
    Unbroken(Cmd),
    /// A change of a store that this process itself makes.
    Change(Address, Change),
    /// A file of ours with this text, written whole or not at all.
    Text(PathBuf, String),
    /// A command, and another that clears its way while it waits.
    Meanwhile(Cmd, Cmd),
    /// A change of live data that is made as a whole or not at all, and a command that clears its
    /// way, if it needs one.
    Live(Cmd, Option<Cmd>),
    /// A program of the project's own.
    Hook(Box<Hook>),
    /// A load of a backup that the run itself made.
    Reload(Box<Reload>),
    /// What names the newest good backup.
    Latest(Box<Newest>),
    /// A person's password file, with these logins in it.
    Passwords(PathBuf, Vec<Login>),
}

/// A backup that the keep rules let go. It stays if it is pinned meanwhile, or if what was counted in
/// its place is not good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Old {
    /// Its folder, if it is a set. It goes, too, if nothing else is in it.
    pub folder: Option<PathBuf>,
    /// Its files, and its notes if it has any.
    pub files: Vec<PathBuf>,
    /// Its manifest, which goes last: after a crash the rest counts as broken, and goes next time.
    pub manifest: PathBuf,
    /// The manifests of the new backups that were counted.
    pub counted: Vec<PathBuf>,
    /// What names it, and would lead nowhere.
    #[serde(default)]
    pub links: Vec<PathBuf>,
}

impl Old {
    /// The path that people know it by.
    pub fn shown(&self) -> &Path {
        self.folder.as_ref().or(self.files.first()).unwrap_or(&self.manifest)
    }
}

/// What is to name the newest good backup of a folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Newest {
    /// Where it is.
    pub path: PathBuf,
    /// The way in which it names it.
    pub by: config::Latest,
    /// The backup, and what counts in its place if it is not kept.
    pub candidates: Vec<Sealed>,
    /// Others for the same database, which name old backups.
    pub others: Vec<PathBuf>,
}

/// A backup that has its final name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sealed {
    /// Its file or folder.
    pub backup: PathBuf,
    /// Its manifest.
    pub manifest: PathBuf,
    /// What opens it, if it is encrypted.
    #[serde(default, skip_serializing_if = "Keys::is_none")]
    pub keys: Keys,
}

/// How somebody logs in to a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The host.
    pub host: String,
    /// The port.
    pub port: String,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// The password, by its name.
    pub password: SecretName,
}

/// A program of the project's own: its output is passed on, and it has a timeout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hook {
    /// What it runs, as `db-tasks.toml` has it, shortened.
    #[serde(default)]
    pub shown: String,
    /// The command.
    pub cmd: Cmd,
    /// Seconds after which it is terminated.
    pub timeout: u64,
    /// What terminates it where it runs, if its client can't.
    #[serde(default)]
    pub end: Option<Cmd>,
}

/// Makes sure that a command answers as expected.
#[derive(Debug, Clone)]
pub struct Check {
    /// What is checked.
    pub what: String,
    /// Who is asked.
    pub cmd: Cmd,
    /// The answer, trimmed.
    pub expect: String,
    /// What to do if the answer is different.
    pub cure: String,
}

/// Waits until a command answers as expected.
#[derive(Debug, Clone)]
pub struct Wait {
    /// What is awaited.
    pub what: String,
    /// Who is asked.
    pub cmd: Cmd,
    /// The answer, trimmed.
    pub until: String,
    /// Seconds before giving up.
    pub limit: u64,
    /// Where to look if it times out.
    pub last_words: Option<Box<LastWords>>,
}

/// The last lines of a container, which may tell why it does not start.
#[derive(Debug, Clone)]
pub struct LastWords {
    /// Its name.
    pub container: String,
    /// Asks for the end of its log, each line with its time.
    pub log: Cmd,
    /// Asks for its environment: its secrets must not be shown.
    pub env: Cmd,
}

/// Writes the manifest and gives files their final names, or notes a verification
/// or a pin beside a manifest.
#[derive(Debug, Clone)]
pub enum Seal {
    /// A new backup.
    Backup {
        /// The manifest, to be completed with what the pipes found.
        manifest: Box<Manifest>,
        /// Where the manifest goes, by its final name.
        manifest_path: PathBuf,
        /// Partial names and the final names they get, in order; the first ones are sealed first.
        names: Vec<(PathBuf, PathBuf)>,
        /// Who may read the files.
        mode: Mode,
        /// How the manifest is written.
        form: Form,
        /// The backup that stays instead if nothing has changed since.
        kept: Option<Sealed>,
        /// What it must hold to get these names, if it must hold anything.
        held_to: Option<Box<HeldTo>>,
    },
    /// The record counts of the backups just sealed, if all of them hold what they must.
    Counted(Box<Counted>),
    /// A file that another tool made: its first manifest, to be completed with what a pipe found.
    Adopted {
        /// The manifest.
        manifest: Box<Manifest>,
        /// Where it goes.
        manifest_path: PathBuf,
    },
    /// A verification's outcome, recorded in the manifest.
    Verified {
        /// The manifest.
        manifest_path: PathBuf,
        /// `quick` or `deep`.
        how: &'static str,
        /// Its outcome.
        outcome: Outcome,
    },
    /// A pin, or that there is none, noted beside the manifest.
    Pinned {
        /// The manifest.
        manifest_path: PathBuf,
        /// The pin.
        pin: Option<Pinned>,
    },
}

/// What a backup must hold.
#[derive(Debug, Clone)]
pub struct HeldTo {
    /// What its databases must hold.
    pub demands: Vec<Demand>,
    /// Where the manifest goes if they do not.
    pub manifest_path: PathBuf,
    /// The names that the files get then.
    pub names: Vec<(PathBuf, PathBuf)>,
}

/// The ratchet of a folder of backups.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The file.
    pub path: PathBuf,
    /// What it says, and what others wrote there.
    pub file: ratchet::File,
    /// What the databases in the backups must hold.
    pub demands: Vec<Demand>,
}

/// The outcome of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is verified.
    Good,
    /// It failed.
    Bad,
}
