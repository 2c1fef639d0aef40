//! A tree on this machine as a store.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::fs::{Access, AtFlags};

use super::{
    Among, Excludes, Home, Id, Links, SideFolder, TreeFacts, dump, read_back_by, repair, root_of,
    survey, swap, take_back, undo, unpack_among, wipe,
};
use crate::config::Rights;
use crate::engine::store::{ReadStore, Tell, WriteStore, holds_no_more};
use crate::problem::{Code, Problem};
use crate::stream::Method;
use crate::value::tree::{LEADS_OUT, LEFT_OUT, Name, differences, some};
use crate::value::{Change, Contents, Holding, Swapped, Trust};

/// A tree by its root, and what is left out of its backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its root.
    pub path: PathBuf,
    /// Globs.
    pub exclude: Vec<String>,
    /// Whether an archive's owners and set-id bits are restored.
    pub rights: Rights,
}

impl Tree {
    /// Counts everything: a wipe also removes what a backup leaves out.
    fn survey(&self) -> Result<TreeFacts> {
        Ok(survey(&self.path, &Excludes::default())?)
    }

    /// The owners in the live tree; if there is none, ourselves.
    fn home(&self) -> Result<Home<'_>> {
        let (root, id) = root_of(&self.path)?;
        let ours = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let else_of = id.map_or(ours, |_| owner_of(&root).unwrap_or(ours));
        Ok(Home::of(else_of, move || {
            let owners = self.survey()?.owners;
            let (users, groups) = owners.into_iter().unzip();
            Ok(Among { users, groups, else_of })
        }))
    }

    /// What a backup will lack, or a restore not bring back; excluded entries do not matter.
    fn notes(&self, facts: &TreeFacts) -> Result<Vec<String>> {
        let excludes = Excludes::new(&self.exclude)?;
        let told = |names: &[Name], why: &str| {
            let names: Vec<&Name> = names.iter().filter(|name| !excludes.reach(name)).collect();
            some(&names).map(|names| format!("{names}: {why}"))
        };

        Ok(told(&facts.special, LEFT_OUT)
            .into_iter()
            .chain(told(&facts.leads_out, LEADS_OUT))
            .collect())
    }

    fn aside(&self) -> Result<SideFolder> {
        Ok(SideFolder::of(&root_of(&self.path)?.0)?)
    }

    /// An interrupted swap is completed before anything else.
    fn settled(&self) -> Result<SideFolder> {
        let aside = self.aside()?;
        repair(&aside)?;
        Ok(aside)
    }
}

fn owner_of(folder: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).ok().map(|meta| (meta.uid(), meta.gid()))
}

impl ReadStore for Tree {
    fn look(&mut self) -> Result<Holding> {
        let facts = self.survey()?;
        if let Some(mount) = facts.mounts.first() {
            return Err(Problem::refused(format!(
                "`{mount}` in `{}` is a mount point",
                self.path.display()
            ))
            .because("what is mounted there belongs to something else")
            .cure("name a folder without mounts in it; what is mounted can be a store of its own")
            .into());
        }

        let aside = SideFolder::of(&facts.root)?;
        let (is_there, foreign) = match aside.exists() {
            Ok(is_there) => (is_there, None),
            Err(problem) => {
                (false, Some([&[problem.tried][..], &problem.happened].concat().join(": ")))
            }
        };

        let can_undo = is_there && aside.previous().is_dir();
        let parts = vec![(facts.root.display().to_string(), facts.entries)];

        let stuck = facts
            .root_is_mount
            .then(|| {
                format!(
                    "`{}` is a mount point, which can't be renamed: name a folder inside it",
                    facts.root.display()
                )
            })
            .or(foreign)
            .or_else(|| immovable(&facts, &aside));

        Ok(Holding {
            id: shown(facts.id),
            parts,
            bytes: Some(facts.bytes),
            can_undo,
            stuck,
            notes: self.notes(&facts)?,
            fixed: facts.fixed,
            version: None,
        })
    }

    fn dump(&mut self, out: &mut dyn Write, tell: Tell<'_>) -> Result<Contents> {
        let (root, id) = root_of(&self.path)?;
        if id.is_none() {
            return Err(Problem::failed(format!("there is no folder `{}`", self.path.display()))
                .code(Code::FileError)
                .cure("make it, or correct its `path` in `db-tasks.toml`")
                .into());
        }
        let excludes = Excludes::new(&self.exclude)?;
        dump(&root, &excludes, out, &mut |bytes, _| tell(bytes)).map(Contents::Files)
    }
}

impl WriteStore for Tree {
    fn stage(
        &mut self,
        from: &mut dyn Read,
        trust: Trust,
        method: Method,
        tell: Tell<'_>,
    ) -> Result<Contents> {
        let aside = self.settled()?;
        let target = aside.stage()?;
        let links = if trust >= Trust::Script { Links::AsTheyAre } else { Links::Inside };
        let among = (trust < Trust::Script && self.rights == Rights::Plain)
            .then(|| self.home())
            .transpose()?;
        let unpacked =
            unpack_among(from, &target, links, among.as_ref(), method, &mut |bytes, _| {
                tell(bytes)
            })?;

        // it is read again while it is flushed to disk
        let (found, flushed) = std::thread::scope(|scope| {
            let flushed = scope.spawn(|| unpacked.flush());
            (read_back_by(&target, method, &mut |_, _| {}), flushed.join())
        });
        flushed.map_err(|_| anyhow::anyhow!("the flushing thread panicked"))??;

        let (found, wanted) = (found?, unpacked.census);
        let differing = differences(&wanted.without_set_id(), &found);
        if !differing.is_empty() {
            let why: Vec<String> = differing.iter().take(10).map(ToString::to_string).collect();
            return Err(Problem::failed(format!(
                "`{}` does not match the archive",
                target.display()
            ))
            .code(Code::BackupDamaged)
            .because(why.join("\n"))
            .cure("check that disk")
            .into());
        }

        Ok(Contents::Files(wanted))
    }

    fn change(&mut self, change: &Change) -> Result<Vec<String>> {
        match change {
            Change::Swap { live } => swap(&self.settled()?, parsed(live)).map(nothing),
            Change::Undo { live } => undo(&self.settled()?, parsed(live)).map(nothing),
            Change::Back { live, from: Swapped::In | Swapped::Since } => {
                Ok(kept(take_back(&self.settled()?, parsed(live))?))
            }
            Change::Back { live, from: Swapped::Undone } => {
                let (aside, now) = (self.settled()?, root_of(&self.path)?.1);
                if shown(now) == *live { Ok(Vec::new()) } else { undo(&aside, now).map(nothing) }
            }
            Change::Unstage => Ok(kept(self.settled()?.unstage()?)),
            Change::Settle => Ok(cleared(&self.settled()?)),
            Change::Wipe { live, items } => {
                let facts = self.survey()?;
                let shown = format!("`{}`", self.path.display());
                holds_no_more(&shown, "entries", *items, facts.entries)?;

                parsed(live)
                    .map_or(Ok(Vec::new()), |id| Ok(wipe(&facts.root, id).map(|_| Vec::new())?))
            }
        }
    }
}

/// Why we, as this user, can't replace this tree.
fn immovable(facts: &TreeFacts, aside: &SideFolder) -> Option<String> {
    let may_write = |path: &Path| {
        rustix::fs::accessat(rustix::fs::CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    };
    let above = facts.root.parent()?;
    if above.is_dir() && !may_write(above) {
        return Some(format!(
            "a restore creates `{}` and renames the tree, and you may not write in `{}`",
            aside.folder().display(),
            above.display()
        ));
    }

    if aside.folder().is_dir() && !may_write(aside.folder()) {
        return Some(format!(
            "a restore works in `{}`, and you may not write there",
            aside.folder().display()
        ));
    }

    // moving a folder into another one writes to it
    (facts.id.is_some() && !may_write(&facts.root)).then(|| {
        format!("a restore moves `{}` aside, and you may not write there", facts.root.display())
    })
}

fn nothing((): ()) -> Vec<String> {
    Vec::new()
}

/// Reports what was used while it was live.
fn kept(place: Option<PathBuf>) -> Vec<String> {
    let told = |place: PathBuf| {
        format!(
            "what was restored has been used since then: it is kept as `{0}`; remove it when you \
             no longer need it",
            place.display()
        )
    };
    place.map(told).into_iter().collect()
}

/// Removes what was discarded. The work is done by then, so what can't be removed is reported, and
/// tried again after the next restore.
fn cleared(aside: &SideFolder) -> Vec<String> {
    let told = |problem: Problem| {
        let why = [&[problem.tried][..], &problem.happened].concat().join(": ");
        format!(
            "files that are no longer needed could not be removed: {why}; they do no harm, and the \
             next restore tries again; or remove them: `sudo rm -rf {}/discard*`",
            aside.folder().display()
        )
    };
    aside.clear().err().map(told).into_iter().collect()
}

fn shown(id: Option<Id>) -> String {
    id.map_or(String::new(), |id| format!("{}:{}", id.dev, id.ino))
}

fn parsed(text: &str) -> Option<Id> {
    let (dev, ino) = text.split_once(':')?;
    Some(Id { dev: dev.parse().ok()?, ino: ino.parse().ok()? })
}
