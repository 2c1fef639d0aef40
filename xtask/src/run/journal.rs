//! What a run still has to clean up, written down before it begins: a killed run can't clean up, so
//! the next one does.
//!
//! While a scope is at work, its deeds for a failure and for any case stand in
//! `.db-tasks/unfinished.json`. They are the plan's own, so that a new step is covered without
//! anyone remembering; they name what they touch by marks and oids, so that to do one twice, or too
//! late, changes nothing. They are commands, so a journal is signed, and one that is not is set
//! aside: see [`Found`].

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::own::Own;
use super::state;
use crate::cmd::Cmd;
use crate::door::movers::Process;
use crate::plan::{Act, Alone, Deed, How, Plan, Scope};
use crate::problem::Problem;
use crate::value::{Change, Swapped};

/// What a run that was killed has left to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unfinished {
    /// The command.
    pub task: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// The hook that was at work: it may have outlived the run, and must not go on in what is
    /// cleaned up.
    #[serde(default)]
    pub hook: Option<Process>,
    /// What ends the hooks that were at work in containers, where they go on without whoever began
    /// them.
    #[serde(default)]
    pub inside: Vec<Cmd>,
    /// What is to be done, in order.
    pub pending: Vec<Pending>,
    /// The databases that it had for itself, and that a clean-up must have.
    #[serde(default)]
    pub alone: Vec<Alone>,
}

/// One deed of the clean-up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// What kind of act it is.
    pub verb: Verb,
    /// The deed.
    pub deed: Deed,
    /// Whether a run has tried in vain to do it, and told so.
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
            // a bad word about a backup that was not read to its end is no clean-up, and a wait is
            // nothing to do later
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

/// The deed as a later run does it: what was swapped in has been live since.
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

/// What stands in the file.
#[derive(Debug)]
pub enum Found {
    /// There is none.
    Nothing,
    /// What a run of this user, in this folder and on this machine, has left.
    Left(Unfinished),
    /// It may be anybody's: nothing of it is done. With the reason.
    Unsafe(String),
}

/// The file: what is left, and by whom. Its deeds are commands, so that whoever could write one
/// would have them run: a clone's or an archive's is nobody's word, and neither is a copy of our
/// own from another folder.
#[derive(Serialize, Deserialize)]
struct Signed {
    run: Unfinished,
    signature: String,
}

/// What a killed run has left, if any.
pub fn read(state_dir: &Path, own: &Own) -> Found {
    match state::read(&file(state_dir)) {
        Ok(None) => Found::Nothing,
        Ok(Some(text)) => judge(&text, own),
        Err(e) => Found::Unsafe(e.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

fn judge(text: &str, own: &Own) -> Found {
    let Ok(Signed { run, signature }) = serde_json::from_str::<Signed>(text) else {
        let why = if serde_json::from_str::<Unfinished>(text).is_ok() {
            "nobody has signed it: an earlier version wrote it, or somebody else"
        } else {
            "it is no journal"
        };
        return Found::Unsafe(why.into());
    };

    let holds = serde_json::to_vec(&run).is_ok_and(|text| own.has_signed(&text, &signature));
    if holds {
        return Found::Left(run);
    }

    Found::Unsafe("it was not signed by you, in this folder and on this machine".into())
}

/// Sets an unsafe journal aside, under a name that nothing reads.
pub fn set_aside(state_dir: &Path, now: DateTime<Utc>) -> Result<PathBuf> {
    let path = file(state_dir);
    let base = format!("json.unsafe-{}", now.format("%Y%m%d_%H%M%S"));
    let names = (1_u32..)
        .map(|n| path.with_extension(if n == 1 { base.clone() } else { format!("{base}-{n}") }));
    // a link that leads nowhere has its name, too
    let aside = names
        .into_iter()
        .find(|name| fs::symlink_metadata(name).is_err())
        .unwrap_or_else(|| path.with_extension(&base));

    super::seal::rename_new(&path, &aside)?;

    Ok(aside)
}

/// Writes down what is left, or that nothing is.
pub fn write(state_dir: &Path, own: &Own, left: &Unfinished) -> Result<()> {
    let path = file(state_dir);
    if left.pending.is_empty() && left.hook.is_none() && left.inside.is_empty() {
        return match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("could not remove `{}`", path.display()))
            }
            _ => Ok(()),
        };
    }

    // where no key can be kept, the next run sets it aside and says so: that is no reason not to do
    // the work
    let signature = own.sign(&serde_json::to_vec(left)?)?.unwrap_or_default();
    let text = serde_json::to_vec(&Signed { run: left.clone(), signature })?;
    let partial = path.with_extension("json.partial");
    let written = state::create_anew(&partial)
        .and_then(|mut f| f.write_all(&text))
        .and_then(|()| fs::rename(&partial, &path));

    written.map_err(|e| {
        Problem::failed(format!("could not write `{}`", path.display()))
            .because(e.to_string())
            .because(
                "it says what a run that is killed leaves behind, so that nothing is begun \
                 without it",
            )
            .cure("mend the permissions of that folder; `db-doctor` looks at it, too")
            .into()
    })
}

/// The journal of a run: the scopes that it is in, and what it could not clean up.
pub struct Journal {
    /// Where it is kept; nowhere, where the run holds no lock: it would write over another's.
    state_dir: Option<PathBuf>,
    own: Own,
    task: String,
    since: DateTime<Utc>,
    open: Vec<Vec<Pending>>,
    hook: Option<Process>,
    inside: Vec<Cmd>,
    left: Vec<Pending>,
    alone: Vec<Alone>,
    /// Whose work that is which an earlier run has left, and how many deeds of it there are.
    earlier: Option<(String, DateTime<Utc>, usize)>,
}

impl Journal {
    /// For one run; `inherited` is what an earlier one has left, and could not be done yet.
    pub fn new(
        state_dir: Option<PathBuf>,
        own: Own,
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

    /// What this run does is an earlier one's work: whoever finds it cut off reads of that.
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

    /// A scope has ended, and its clean-up with it.
    pub fn leave(&mut self) -> Result<()> {
        let changed = self.open.pop().is_some_and(|pending| !pending.is_empty());
        if changed { self.write() } else { Ok(()) }
    }

    /// A deed of the clean-up could not be done: the next run tries it again.
    pub fn keep(&mut self, act: &Act) {
        self.left.extend(Pending::of(act));
    }

    /// A hook is at work, or none is any more.
    pub fn hook(&mut self, process: Option<Process>) -> Result<()> {
        self.hook = process;
        self.write()
    }

    /// A hook begins in a container.
    pub fn begins_inside(&mut self, end: &Cmd) -> Result<()> {
        self.inside.push(end.clone());
        self.write()
    }

    /// It has ended there, for sure.
    pub fn has_ended_inside(&mut self, end: &Cmd) -> Result<()> {
        self.inside.retain(|other| other != end);
        self.write()
    }

    /// The innermost scope's come first, as they would have.
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
