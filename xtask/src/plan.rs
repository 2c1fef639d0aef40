//! A plan is a value: what a dry run prints, a prompt shows and the runner executes.
//! There are no conditions, loops or variables in it; such a thing is a fact, asked before
//! planning.

mod pipe;
mod reach;
mod stake;
pub mod words;

use std::path::PathBuf;

pub use pipe::{
    By, ComeBack, Count, Dumping, Fence, Handover, Load, Pipe, Proof, Reload, Sink, Source,
};
pub use reach::Reach;
use serde::{Deserialize, Serialize};
pub use stake::{Safety, Stake, Whereabouts};

use crate::bundle::Manifest;
use crate::cmd::Cmd;
use crate::config::{Pin, SecretName};
use crate::value::{Address, Change};

/// What a command is going to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The command (`db-restore`).
    pub task: &'static str,
    /// One sentence: what, from where, to where.
    pub headline: String,
    /// What can be lost.
    pub risk: Risk,
    /// What the person should know before saying yes.
    pub notes: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What to print when all is done: the way back, the next step.
    pub afterwards: Vec<String>,
    /// The result for stdout (a backup's path).
    pub result: Vec<PathBuf>,
    /// The backup that it makes or reads.
    pub backup: Option<PathBuf>,
    /// The author of a file from elsewhere that it loads.
    pub author: Option<Author>,
    /// The databases that no other run may work on meanwhile.
    pub alone: Vec<Alone>,
}

/// A database that a run wants for itself, whichever clone or project another one is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// Its name.
    pub database: String,
    /// Where it is, for people.
    pub at: String,
    /// Takes the lock on its server, and holds it until its input ends.
    pub lock: Cmd,
    /// What the plan was made for. A clean-up acts by marks and oids, and by no look.
    #[serde(skip)]
    pub was: Was,
}

/// What a name stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Was {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// A database with this oid; none, where there was no such database.
    Found(Option<u32>),
}

/// The author of a file from elsewhere: its defaults, triggers and indexes call functions of
/// theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The role that their functions run as.
    pub role: String,
    /// What it may do.
    pub powers: Powers,
    /// Why it is none of the run's own.
    pub why: Option<String>,
    /// Whether somebody has answered for them.
    pub word: Word,
}

/// Whether somebody has said on the command line that a file's author is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// `--trust=role`, or more.
    Given,
    /// Nobody has.
    Missing,
}

/// What can be lost; it decides which guards must clear the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Risk {
    /// Nothing, and nobody need be asked.
    Nothing,
    /// Nothing: it only adds.
    Adds,
    /// Whatever the project's migrations change; they are what production is changed by, too.
    Migrates,
    /// Files that are backups.
    RemovesBackups,
    /// Whatever functions of a file from elsewhere do, while it is loaded into a database beside
    /// the live ones.
    Stranger {
        /// The databases on whose server it is loaded.
        stakes: Vec<Stake>,
        /// What it is loaded for.
        purpose: Purpose,
    },
    /// Whatever a program of the project's own changes in live data.
    Changes {
        /// The databases.
        stakes: Vec<Stake>,
        /// The variable that must be set, where the task has one.
        pins: Vec<Pin>,
    },
    /// Live data.
    ReplacesData {
        /// The databases.
        stakes: Vec<Stake>,
        /// What the person must type.
        answer: String,
        /// The variable that must be set, where the task has one.
        pins: Vec<Pin>,
        /// What may be done in production, too: it brings data back, and keeps what it replaces.
        recovery: Option<Recovery>,
    },
}

impl Risk {
    /// The databases and stores whose live data is concerned.
    pub fn stakes(&self) -> &[Stake] {
        match self {
            Self::Stranger { stakes, .. }
            | Self::Changes { stakes, .. }
            | Self::ReplacesData { stakes, .. } => stakes,
            Self::Nothing | Self::Adds | Self::Migrates | Self::RemovesBackups => &[],
        }
    }
}

/// Brings data back, and keeps what it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The backup, by its name; an undo's is `undo`.
    pub of: String,
    /// What an earlier one kept, and this one would remove.
    pub drops: Vec<String>,
}

/// What the role may do that a file is loaded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Powers {
    /// Nothing beyond the new database: a role of the run's own.
    Contained,
    /// What it owns and was granted.
    Own,
    /// Everything, on the server and its machine.
    All,
}

/// What a file is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To see whether it loads.
    Trial,
    /// To have it.
    Restore,
}

/// An act, or acts that belong together.
#[derive(Debug, Clone)]
pub enum Step {
    /// One act.
    Act(Act),
    /// Acts with what follows when they fail, and what follows in any case.
    Scope(Scope),
}

/// The one compound node.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Done in order; the first failure ends it.
    pub body: Vec<Step>,
    /// Done when the body failed, was interrupted or was refused.
    pub on_failure: Vec<Act>,
    /// Done after that, by this run alone: a later one that cleans up leaves it, for what it takes
    /// away may have been used since.
    pub at_once: Vec<Act>,
    /// Done in any case, last.
    pub finally: Vec<Act>,
    /// What a failure of the body means for the run.
    pub part: Part,
}

/// What a scope is to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Its work.
    #[default]
    Work,
    /// What follows the work: where it fails, the work is done all the same.
    Sequel,
}

/// The closed vocabulary.
#[derive(Debug, Clone)]
pub enum Act {
    /// Moves bytes and proves them as they go by.
    Pipe(Box<Pipe>),
    /// Makes a thing that was not there.
    Create(Deed),
    /// Gives a thing another name.
    Rename(Deed),
    /// Takes a thing away.
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

/// The ways of a deed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum How {
    /// A folder of ours, mode 0700.
    Folder(PathBuf),
    /// A file of ours; an empty one where it is made.
    File(PathBuf),
    /// Files of ours in a folder of ours, and the folder itself where nothing else is in it.
    Set(PathBuf, Vec<PathBuf>),
    /// From one name to another that is free, on one file system.
    Move(PathBuf, PathBuf),
    /// A command.
    Command(Cmd),
    /// A change of a store that this process itself does.
    Change(Address, Change),
    /// A file of ours with this text, whole or not there.
    Text(PathBuf, String),
    /// A command, and another that makes way for it while it waits.
    Meanwhile(Cmd, Cmd),
    /// A change of what is live that is done as a whole or not at all, and a command that makes way
    /// for it, where it needs one.
    Live(Cmd, Option<Cmd>),
    /// A program of the project's own.
    Hook(Box<Hook>),
    /// A load of a backup that the run itself has made.
    Reload(Box<Reload>),
    /// A person's password file, with these logins in it.
    Passwords(PathBuf, Vec<Login>),
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

/// A program of the project's own: what it says is passed on, and it has a time to be done in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hook {
    /// The command.
    pub cmd: Cmd,
    /// Seconds after which it is ended.
    pub timeout: u64,
    /// What ends it where it runs, when that is not with its command.
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
    /// What to do when it answers otherwise.
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
    /// Where to look when it was in vain.
    pub last_words: Option<Box<LastWords>>,
}

/// What a container said last, which may tell why it does not come up.
#[derive(Debug, Clone)]
pub struct LastWords {
    /// Its name.
    pub container: String,
    /// Asks for the end of its log, each line with its time.
    pub log: Cmd,
    /// Asks for its environment: what is secret there is not repeated.
    pub env: Cmd,
}

/// Writes the manifest and gives files their final names, or records a verification.
#[derive(Debug, Clone)]
pub enum Seal {
    /// A new backup.
    Backup {
        /// The manifest, to be filled in with what the pipes found.
        manifest: Box<Manifest>,
        /// Where the manifest goes, by its final name.
        manifest_path: PathBuf,
        /// Partial names and the final names they get, in order; the first ones are sealed first.
        names: Vec<(PathBuf, PathBuf)>,
    },
    /// A verification's outcome, recorded in the manifest.
    Verified {
        /// The manifest.
        manifest_path: PathBuf,
        /// `quick` or `deep`.
        how: &'static str,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What came of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It proved good.
    Good,
    /// It did not.
    Bad,
}

impl Plan {
    /// A plan without steps.
    pub fn bare(task: &'static str, headline: String, risk: Risk) -> Self {
        let (notes, steps, afterwards, result, alone) = Default::default();
        Self {
            task,
            headline,
            risk,
            notes,
            steps,
            afterwards,
            result,
            backup: None,
            author: None,
            alone,
        }
    }

    /// The databases that it is about, by name: those at stake, or those that the backup is of.
    pub fn databases(&self) -> Vec<String> {
        match self.risk.stakes() {
            [] => self.acts().into_iter().flat_map(sealed).collect(),
            stakes => stakes.iter().map(|s| s.database.clone()).collect(),
        }
    }

    /// Every act, in order, those of failure and of any case included.
    pub fn acts(&self) -> Vec<&Act> {
        fn walk<'a>(steps: &'a [Step], out: &mut Vec<&'a Act>) {
            for step in steps {
                match step {
                    Step::Act(act) => out.push(act),
                    Step::Scope(scope) => {
                        walk(&scope.body, out);
                        out.extend(
                            scope.on_failure.iter().chain(&scope.at_once).chain(&scope.finally),
                        );
                    }
                }
            }
        }

        let mut out = Vec::new();
        walk(&self.steps, &mut out);

        out
    }
}

fn sealed(act: &Act) -> Vec<String> {
    match act {
        Act::Seal(seal) => match &**seal {
            Seal::Backup { manifest, .. } => {
                manifest.artifacts.iter().map(|a| a.database.name.clone()).collect()
            }
            Seal::Verified { .. } => Vec::new(),
        },
        _ => Vec::new(),
    }
}
