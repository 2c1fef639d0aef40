//! What a run must clean up, written down before it begins: a killed run can't clean up, so the
//! next one does.
//!
//! While a scope is running, its clean-up steps (on failure, and in any case) are in
//! `.db-tasks/unfinished.json`. They come from the plan, so a new step is covered automatically;
//! they name what they change by marks and oids, so doing one twice, or too late, changes nothing.
//! They are commands, so a journal is signed, and an unsigned one is moved aside: see [`Found`].

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::state;
use super::user_state::UserState;
use crate::bundle::ending;
use crate::cmd::Cmd;
use crate::disk;
use crate::door::children::Process;
use crate::plan::{Act, Alone, Deed, How, Plan, Scope};
use crate::problem::{Code, Problem};
use crate::value::{Change, Swapped};

/// What a killed run left to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unfinished {
    /// The command.
    pub task: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// The hook that was running: it may have outlived the run, and must not continue during the
    /// clean-up.
    #[serde(default)]
    pub hook: Option<Process>,
    /// What terminates the hooks that were running in containers, where they continue without their
    /// client.
    #[serde(default)]
    pub inside: Vec<Cmd>,
    /// What to do, in order.
    pub pending: Vec<Pending>,
    /// The databases that it had locked, and that a clean-up must lock.
    #[serde(default)]
    pub alone: Vec<Alone>,
}

/// One clean-up step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// What kind of act it is.
    pub verb: Verb,
    /// The clean-up step.
    pub deed: Deed,
    /// Whether a run tried it and failed, and reported that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

/// The acts that a clean-up consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// [`Act::Remove`].
    Remove,
    /// [`Act::Rename`].
    Rename,
    /// [`Act::Write`].
    Write,
}

impl Pending {
    fn of(act: &Act) -> Option<Self> {
        let (verb, deed) = match act {
            Act::Remove(deed) => (Verb::Remove, deed),
            Act::Rename(deed) => (Verb::Rename, deed),
            Act::Write(deed) => (Verb::Write, deed),
            // a verdict on a backup that was not read to its end is no clean-up, and a wait can't
            // be done later
            Act::Seal(_) | Act::Pipe(_) | Act::Create(_) | Act::Check(_) | Act::Wait(_) => {
                return None;
            }
        };
        Some(Self { verb, deed: late(deed), told: false })
    }

    /// The act again.
    pub fn act(&self) -> Act {
        let deed = self.deed.clone();
        match self.verb {
            Verb::Remove => Act::Remove(deed),
            Verb::Rename => Act::Rename(deed),
            Verb::Write => Act::Write(deed),
        }
    }
}

/// The step as a later run does it: what was swapped in has been live since.
fn late(deed: &Deed) -> Deed {
    match &deed.how {
        How::Change(address, Change::Back { live, from: Swapped::In }) => {
            let change = Change::Back { live: live.clone(), from: Swapped::Since };
            Deed { what: deed.what.clone(), how: How::Change(address.clone(), change) }
        }
        How::Reload(reload) => {
            let mut reload = reload.clone();
            reload.back.iter_mut().for_each(|back| back.from = Swapped::Since);
            Deed { what: deed.what.clone(), how: How::Reload(reload) }
        }
        _ => deed.clone(),
    }
}

/// The file's name.
pub const NAME: &str = "unfinished.json";

/// The file.
fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// What is in the file.
#[derive(Debug)]
pub enum Found {
    /// There is none.
    Nothing,
    /// What a run of this user, in this folder and on this machine, left.
    Left(Unfinished),
    /// Anybody may have written it: none of it is done. With the reason.
    Unsafe(String),
}

/// The file: what is left, and by whom. Its steps are commands, and whoever could write one could
/// have them run: so one from a clone or an archive does not count, nor a copy of our own from
/// another folder.
#[derive(Serialize, Deserialize)]
struct Signed {
    run: Unfinished,
    signature: String,
}

/// What a killed run left, if anything.
pub fn read(state_dir: &Path, own: &UserState) -> Found {
    match state::read(&file(state_dir)) {
        Ok(None) => Found::Nothing,
        Ok(Some(text)) => judge(&text, own),
        Err(e) => Found::Unsafe(e.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

fn judge(text: &str, own: &UserState) -> Found {
    let Ok(Signed { run, signature }) = serde_json::from_str::<Signed>(text) else {
        let why = if serde_json::from_str::<Unfinished>(text).is_ok() {
            "it is not signed: an earlier version wrote it, or somebody else"
        } else {
            "it is not a journal"
        };
        return Found::Unsafe(why.into());
    };

    let holds = serde_json::to_vec(&run).is_ok_and(|text| own.has_signed(&text, &signature));
    if holds {
        return Found::Left(run);
    }

    Found::Unsafe("it was not signed by you, in this folder and on this machine".into())
}

/// Moves an unsafe journal aside, under a name that nothing reads.
pub fn set_aside(state_dir: &Path, now: DateTime<Utc>) -> Result<PathBuf> {
    let path = file(state_dir);
    let base = format!("json.unsafe-{}", now.format("%Y%m%d_%H%M%S"));
    let names = (1_u32..)
        .map(|n| path.with_extension(if n == 1 { base.clone() } else { format!("{base}-{n}") }));
    // a dangling link also takes up the name
    let aside = names
        .into_iter()
        .find(|name| fs::symlink_metadata(name).is_err())
        .unwrap_or_else(|| path.with_extension(&base));

    disk::rename_new(&path, &aside)?;

    Ok(aside)
}

/// Writes down what is left, or that nothing is.
pub fn write(state_dir: &Path, own: &UserState, left: &Unfinished) -> Result<()> {
    let path = file(state_dir);
    if left.pending.is_empty() && left.hook.is_none() && left.inside.is_empty() {
        return match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("could not remove `{}`", path.display()))
            }
            _ => Ok(()),
        };
    }

    // if no key can be kept, the next run moves it aside and says so: that is no reason not to do
    // the work
    let signature = own.sign(&serde_json::to_vec(left)?)?.unwrap_or_default();
    let text = serde_json::to_vec(&Signed { run: left.clone(), signature })?;
    let partial = ending::partial(&path);
    let written = disk::create_anew(&partial)
        .and_then(|mut f| f.write_all(&text))
        .and_then(|()| fs::rename(&partial, &path));

    written.map_err(|e| {
        Problem::failed(format!("could not write `{}`", path.display()))
            .code(Code::FileError)
            .because(e.to_string())
            .because("it says what a killed run leaves behind, so nothing is done without it")
            .cure("fix the permissions of that folder; `db-doctor` checks it, too")
            .into()
    })
}

/// The journal of a run: the scopes that it is in, and what it could not clean up.
pub struct Journal {
    /// Where it is kept; nowhere if the run holds no lock, because it would overwrite another
    /// run's.
    state_dir: Option<PathBuf>,
    own: UserState,
    task: String,
    since: DateTime<Utc>,
    open: Vec<Vec<Pending>>,
    hook: Option<Process>,
    inside: Vec<Cmd>,
    left: Vec<Pending>,
    alone: Vec<Alone>,
    /// Which earlier run left work, and how many clean-up steps it has.
    earlier: Option<(String, DateTime<Utc>, usize)>,
}

impl Journal {
    /// For one run; `inherited` is what an earlier one left, and could not be done yet.
    pub fn new(
        state_dir: Option<PathBuf>,
        own: UserState,
        plan: &Plan,
        since: DateTime<Utc>,
        inherited: Option<Unfinished>,
    ) -> Self {
        let earlier = inherited.as_ref().map(|i| (i.task.clone(), i.since, i.pending.len()));
        let (inside, left, mut alone) =
            inherited.map_or_else(Default::default, |i| (i.inside, i.pending, i.alone));
        let new = plan.alone.iter().filter(|one| !alone.contains(one)).cloned().collect::<Vec<_>>();

        alone.extend(new);

        Self {
            state_dir,
            own,
            task: plan.task.to_owned(),
            since,
            open: Vec::new(),
            hook: None,
            inside,
            left,
            alone,
            earlier,
        }
    }

    /// This run does an earlier one's work: if it is killed, the journal names that one.
    pub fn on_behalf_of(self, earlier: &Unfinished) -> Self {
        Self { task: earlier.task.clone(), since: earlier.since, ..self }
    }

    /// A scope begins.
    pub fn enter(&mut self, scope: &Scope) -> Result<()> {
        let pending: Vec<Pending> =
            scope.on_failure.iter().chain(&scope.finally).filter_map(Pending::of).collect();
        let changed = !pending.is_empty();
        self.open.push(pending);
        if changed { self.write() } else { Ok(()) }
    }

    /// A scope and its clean-up have ended.
    pub fn leave(&mut self) -> Result<()> {
        let changed = self.open.pop().is_some_and(|pending| !pending.is_empty());
        if changed { self.write() } else { Ok(()) }
    }

    /// A clean-up step failed: the next run tries it again.
    pub fn keep(&mut self, act: &Act) {
        self.left.extend(Pending::of(act));
    }

    /// A hook is running, or none is any more.
    pub fn hook(&mut self, process: Option<Process>) -> Result<()> {
        self.hook = process;
        self.write()
    }

    /// A hook begins in a container.
    pub fn begins_inside(&mut self, end: &Cmd) -> Result<()> {
        self.inside.push(end.clone());
        self.write()
    }

    /// It has certainly ended there.
    pub fn has_ended_inside(&mut self, end: &Cmd) -> Result<()> {
        self.inside.retain(|other| other != end);
        self.write()
    }

    /// The innermost scope's come first, as in the run itself.
    fn write(&self) -> Result<()> {
        let Some(state_dir) = &self.state_dir else { return Ok(()) };
        let pending: Vec<Pending> =
            self.open.iter().rev().flatten().chain(&self.left).cloned().collect();
        let not_ours = self
            .earlier
            .as_ref()
            .filter(|(_, _, deeds)| pending.len() <= *deeds && self.hook.is_none());
        let (task, since) =
            not_ours.map_or((&self.task, self.since), |(task, since, _)| (task, *since));

        let left = Unfinished {
            task: task.clone(),
            since,
            hook: self.hook.clone(),
            inside: self.inside.clone(),
            pending,
            alone: self.alone.clone(),
        };
        write(state_dir, &self.own, &left)
    }
}

#[cfg(test)]
mod tests;
