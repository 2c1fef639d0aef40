//! One tree replaces another by renames, in steps: after a killed run the next one continues.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::side_folder::SideFolder;
use super::steps::{ENOUGH, Exchange, Intent, Slot, Slots, Step, next};
use super::walk::{Id, at, look};
use crate::problem::{Code, Problem};

/// Gives the staged tree the live name, and keeps the previous one for an undo; one kept before is
/// discarded. `live` is the root that the plan was made for, `None` if there was none.
///
/// The live name leads to a complete tree at any time: the old one, then at once the new one. If
/// the file system can't exchange names it leads nowhere for a moment; if a run is killed just
/// then, [`repair`] completes the swap.
///
/// # Errors
/// The live tree was replaced meanwhile, or a rename fails.
pub fn swap(aside: &SideFolder, live: Option<Id>) -> Result<()> {
    begin(aside, live, Slot::Staged)
}

/// Swaps back what the last [`swap`] replaced; what that brought is kept, so that an undo can be
/// undone.
///
/// # Errors
/// Nothing is kept, the live tree was replaced meanwhile, or a rename fails.
pub fn undo(aside: &SideFolder, live: Option<Id>) -> Result<()> {
    begin(aside, live, Slot::Previous)
}

/// Undoes a swap: `old` is live again, what the swap brought is removed, and what was kept before
/// is kept again. If `old` is already live, only the rest of this is done. A tree that replaced
/// nothing stays: it does no harm, and may be in use by now. The same may be true of what the swap
/// brought: if anything in it changed while it was live it is kept, and the answer says where.
///
/// # Errors
/// The tree is no longer kept, or a rename fails.
pub fn take_back(aside: &SideFolder, old: Option<Id>) -> Result<Option<PathBuf>> {
    let (Some(old), true) = (old, aside.exists()?) else { return Ok(None) };
    let now = slots(aside)?;
    if now.live != Some(old.ino) {
        if now.previous != Some(old.ino) {
            return Err(stuck(aside).into());
        }
        now.live.map_or(Ok(()), |brought| aside.note_unknown(brought))?;
        begin(aside, now.live.map(|ino| Id { dev: 0, ino }), Slot::Previous)?;
        take(aside, Step::Move(Slot::Previous, Slot::Staged), &mut Exchange::Cannot)?;
    }

    let mut exchange = Exchange::Cannot;
    let now = slots(aside)?;
    // only a swap moves anything aside, and it leaves nothing staged
    if now.discard.is_some() && now.staged.is_none() && now.previous.is_some() {
        take(aside, Step::Move(Slot::Previous, Slot::Staged), &mut exchange)?;
    }

    let now = slots(aside)?;
    if now.discard.is_some() && now.previous.is_none() {
        take(aside, Step::Move(Slot::Discard, Slot::Previous), &mut exchange)?;
    }

    Ok(aside.unstage()?)
}

/// What a repair found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repaired {
    /// No swap was under way.
    Nothing,
    /// One was; it is completed now.
    Finished,
}

/// Completes an interrupted swap. The staged tree was verified before the swap began.
///
/// # Errors
/// The trees are no longer those of the swap, or a rename fails.
pub fn repair(aside: &SideFolder) -> Result<Repaired> {
    if !aside.exists()? {
        return Ok(Repaired::Nothing);
    }

    let text = match fs::read(aside.journal()) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Repaired::Nothing),
        text => text.map_err(|e| at(&aside.journal(), "could not read", &e))?,
    };
    let intent = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is damaged", aside.journal().display()))?;
    finish(aside, intent)?;

    Ok(Repaired::Finished)
}

fn begin(aside: &SideFolder, live: Option<Id>, from: Slot) -> Result<()> {
    if !aside.exists()? {
        return Err(Problem::failed(format!(
            "there is nothing to swap `{}` with",
            aside.live().display()
        ))
        .cure("nothing is kept for an undo: restore a backup")
        .into());
    }

    repair(aside)?;
    let slots = slots(aside)?;
    if slots.live != live.map(|id| id.ino) {
        return Err(foreign(aside).into());
    }

    let Some(incoming) = (if from == Slot::Staged { slots.staged } else { slots.previous }) else {
        return Err(Problem::failed(format!("`{}` does not exist", path(aside, from).display()))
            .cure("nothing is kept for an undo: restore a backup")
            .into());
    };

    let intent = Intent { old: slots.live, incoming };

    if from == Slot::Staged {
        aside.note_live(incoming)?;
    }

    let text = serde_json::to_vec(&intent)?;
    aside
        .write(&aside.journal(), &text)
        .map_err(|e| at(&aside.journal(), "could not write", &e))?;

    finish(aside, intent).inspect_err(|_| {
        // a swap that moved nothing need not be completed; a journal that stays does no harm
        if self::slots(aside).is_ok_and(|now| now == slots) {
            drop(fs::remove_file(aside.journal()));
        }
    })
}

fn finish(aside: &SideFolder, intent: Intent) -> Result<()> {
    let mut exchange = Exchange::Can;
    for _ in 0..ENOUGH {
        let step = next(slots(aside)?, intent, exchange);
        match step {
            Step::Done => {
                fs::remove_file(aside.journal())
                    .map_err(|e| at(&aside.journal(), "could not remove", &e))?;
                return Ok(());
            }
            Step::Foreign => return Err(stuck(aside).into()),
            _ => take(aside, step, &mut exchange)?,
        }
    }

    Err(stuck(aside).into())
}

/// Does one step, and flushes it to disk before the next.
fn take(aside: &SideFolder, step: Step, exchange: &mut Exchange) -> Result<(), Problem> {
    let place = |slot| path(aside, slot);
    let failed = |slot, e: Errno| {
        let problem = at(&place(slot), "could not rename", &e.into());
        match e {
            Errno::BUSY | Errno::XDEV => {
                problem.cure("it is a mount point, which can't be renamed: name a folder inside it")
            }
            _ => problem,
        }
    };

    match step {
        Step::Exchange(slot) => {
            match renameat_with(CWD, place(slot), CWD, aside.live(), RenameFlags::EXCHANGE) {
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => *exchange = Exchange::Cannot,
                done => done.map_err(|e| failed(Slot::Live, e))?,
            }
        }
        // a folder only replaces nothing or an empty one: a rename loses nothing
        Step::Move(from, to) => fs::rename(place(from), place(to))
            .map_err(|e| failed(from, Errno::from_io_error(&e).unwrap_or(Errno::IO)))?,
        Step::Shelve => slots(aside)?
            .discard
            .map_or(Ok(()), |number| fs::rename(aside.discard(), aside.shelf(number)))
            .map_err(|e| failed(Slot::Discard, Errno::from_io_error(&e).unwrap_or(Errno::IO)))?,
        Step::Done | Step::Foreign => {}
    }

    for folder in [aside.live().parent(), Some(aside.folder())].into_iter().flatten() {
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| at(folder, "could not flush", &e))?;
    }

    Ok(())
}

fn path(aside: &SideFolder, slot: Slot) -> PathBuf {
    match slot {
        Slot::Live => aside.live().to_path_buf(),
        Slot::Staged => aside.staged(),
        Slot::Previous => aside.previous(),
        Slot::Discard => aside.discard(),
    }
}

fn slots(aside: &SideFolder) -> Result<Slots, Problem> {
    let number = |path: &Path| match look(CWD, path.as_os_str().as_encoded_bytes()) {
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(at(path, "could not look at", &e.into())),
        Ok(found) => Ok(Some(found.id.ino)),
    };

    let [live, staged, previous, discard] =
        [Slot::Live, Slot::Staged, Slot::Previous, Slot::Discard].map(|s| path(aside, s));

    Ok(Slots {
        live: number(&live)?,
        staged: number(&staged)?,
        previous: number(&previous)?,
        discard: number(&discard)?,
    })
}

fn foreign(aside: &SideFolder) -> Problem {
    Problem::refused(format!(
        "`{}` is not the folder that was looked at before",
        aside.live().display()
    ))
    .code(Code::ChangedMeanwhile)
    .because(format!("the trees kept in `{}` are unchanged", aside.folder().display()))
    .cure("run the command again and look at the new plan")
    .rolled_back()
}

fn stuck(aside: &SideFolder) -> Problem {
    let live = aside.live().display();
    Problem::failed(format!(
        "the swap of `{live}` can't continue: one of its trees is gone, or was replaced"
    ))
    .code(Code::Unfinished)
    .because(format!("the trees in `{}` are complete", aside.folder().display()))
    .cure(format!("move what is at `{live}` away if it is not yours, and run the command again"))
}
