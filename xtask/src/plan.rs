//! A plan is a value: what a dry run prints, a prompt shows and the runner executes. There are no
//! conditions, loops or variables in it; those are facts, asked before planning.

mod act;
mod ids;
mod pipe;
mod reach;
mod stake;
pub mod words;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::act::{
    Act, Check, Counted, Deed, HeldTo, Hook, How, LastWords, Login, Newest, Old, Outcome, Seal,
    Sealed, Wait,
};
pub use self::ids::{CleanUp, StepId, identified};
pub use self::pipe::{
    By, ComeBack, Count, Dumping, Fence, Handover, Load, Pipe, Proof, Reload, Sink, Source,
};
pub use self::reach::Reach;
pub use self::stake::{Safety, Stake, Whereabouts};
use crate::cmd::Cmd;
use crate::config::Pin;

/// What a command will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The command (`db-restore`).
    pub task: &'static str,
    /// One sentence: what, from where, to where.
    pub headline: String,
    /// What can be lost.
    pub risk: Risk,
    /// What you should know before you say yes.
    pub notes: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What to print at the end: the way back, the next step.
    pub afterwards: Vec<String>,
    /// What to do if it ends when some of its changes of live data are made, and some are not.
    pub half_way: Option<String>,
    /// The result for stdout (a backup's path).
    pub result: Vec<PathBuf>,
    /// The backup that it makes or reads.
    pub backup: Option<PathBuf>,
    /// The author of an untrusted file that it loads.
    pub author: Option<Author>,
    /// The databases that no other run may work on meanwhile.
    pub alone: Vec<Alone>,
}

/// A database that a run wants for itself, against runs of other clones and projects, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// Its name.
    pub database: String,
    /// Where it is, for people.
    pub at: String,
    /// Takes the lock on its server, and holds it until its input ends.
    pub lock: Cmd,
    /// What the plan was made for. A clean-up goes only by marks and oids.
    #[serde(skip)]
    pub was: Was,
}

/// What a name stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Was {
    /// It was not looked up.
    #[default]
    Unknown,
    /// A database with this oid; `None` if there was no such database.
    Found(Option<u32>),
}

/// The author of an untrusted file: its defaults, triggers and indexes call the author's functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The role that their functions run as.
    pub role: String,
    /// What it may do.
    pub powers: Powers,
    /// Why it is not a loader role.
    pub why: Option<String>,
    /// Whether you trust them.
    pub word: Word,
}

/// Whether the command line says that a file's author is trusted.
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
    /// Nothing, and there is no need to ask.
    Nothing,
    /// Nothing: it only adds.
    Adds,
    /// Whatever the project's migrations change; they change production, too.
    Migrates,
    /// Files that are backups.
    RemovesBackups,
    /// Whatever functions of an untrusted file do while it is loaded next to the live databases.
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
        /// The variable that must be set, if the task has one.
        pins: Vec<Pin>,
    },
    /// Live data.
    ReplacesData {
        /// The databases.
        stakes: Vec<Stake>,
        /// What the person must type.
        answer: String,
        /// The variable that must be set, if the task has one.
        pins: Vec<Pin>,
        /// What is allowed in production, too: it brings data back, and keeps what it replaces.
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
    /// Nothing beyond the new database: a loader role.
    Contained,
    /// Whatever it owns and was granted.
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
    /// Acts, with what follows if they fail, and what follows in any case.
    Scope(Scope),
}

/// The one compound node.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Done in order; the first failure ends it.
    pub body: Vec<Step>,
    /// Done when the body failed, was interrupted or was refused.
    pub on_failure: Vec<Act>,
    /// Done after that, and only by this run: a later clean-up leaves it, because what it removes
    /// may be in use by then.
    pub at_once: Vec<Act>,
    /// Done in any case, last.
    pub finally: Vec<Act>,
    /// What a failure of the body means for the run.
    pub part: Part,
}

/// What a scope is to a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    /// Its work.
    #[default]
    Work,
    /// What follows the work: if it fails, the work is still done.
    Sequel,
    /// One of several works that do not need each other, by its name: the others are still done.
    Each(String),
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
            half_way: None,
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

    /// Every act, in order, those on failure and in any case included.
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
            Seal::Backup { manifest, .. } | Seal::Adopted { manifest, .. } => {
                manifest.artifacts.iter().filter_map(|a| a.database()).map(String::from).collect()
            }
            Seal::Counted(_) | Seal::Verified { .. } | Seal::Pinned { .. } => Vec::new(),
        },
        _ => Vec::new(),
    }
}
