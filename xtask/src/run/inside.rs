//! A tree in a container as a store: sends what `engine::files::Inside` says to the container
//! engine.

mod asks;
mod dumped;
mod late;
mod progress;
mod staged;
mod swapping;

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::Result;

use self::progress::{ProgressReader, foreign, unanswered};
use super::child;
use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::disk::wide_pipe;
use crate::door::Interrupt;
use crate::door::ask::ask;
use crate::door::children::{Input, Outlet};
use crate::engine::files::{Excludes, Found, Inside, Links, Tar, filter_by};
use crate::engine::store::{ReadStore, Tell, WriteStore, holds_no_more};
use crate::problem::{Code, Problem};
use crate::stream::Method;
use crate::value::tree::{Census, Given};
use crate::value::{Change, Contents, Holding, Swapped, Trust};

/// How long to wait for commands of an earlier run to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// A tree that is being written moves out of a mount point in several passes.
const GOES: usize = 5;

/// A tree by the container it is in.
pub struct Contained<'a> {
    /// `docker` or `podman`.
    pub engine: String,
    /// The container's name.
    pub container: String,
    /// The tree's root.
    pub path: String,
    /// Globs of what is left out of backups.
    pub exclude: Vec<String>,
    /// For the children's environment.
    pub secrets: &'a Secrets,
    /// What terminates them.
    pub interrupt: &'a Interrupt,
}

impl ReadStore for Contained<'_> {
    fn look(&mut self) -> Result<Holding> {
        let excludes = Excludes::new(&self.exclude)?;
        let inside = self.inside()?;
        let lacks = self.lacks(&inside)?;

        let Some(found) = self.seen(&inside)? else {
            // only the engine can be asked: it sends the whole tree once
            let census = self
                .by_engine(
                    &inside,
                    &Found::default(),
                    &excludes,
                    &mut std::io::sink(),
                    &mut |_| {},
                )?
                .0;

            let parts = vec![(self.path.clone(), census.entries.len().saturating_sub(1) as u64)];
            let id = inside.id(&Found::unnumbered());
            let (stuck, fixed) = (lacks.restore(), lacks.wipe());

            return Ok(Holding {
                id,
                parts,
                bytes: Some(census.bytes()),
                stuck,
                fixed,
                ..Holding::default()
            });
        };

        let (items, bytes) = if found.is_there() { self.counted(&inside, &found)? } else { (0, 0) };
        let stuck = self.stuck(&inside, &found, &lacks)?;
        let fixed =
            lacks.wipe().or_else(|| foreign(&inside, &found).filter(|_| inside.holds_own()));
        let parts = vec![(self.path.clone(), items)];
        let (id, can_undo) = (inside.id(&found), found.can_undo());

        Ok(Holding { id, parts, bytes: Some(bytes), can_undo, stuck, fixed, ..Holding::default() })
    }

    fn dump(&mut self, out: &mut dyn Write, tell: Tell<'_>) -> Result<Contents> {
        let excludes = Excludes::new(&self.exclude)?;
        let inside = self.inside()?;
        let found = self.seen(&inside)?;

        if found.as_ref().is_some_and(|found| !found.is_there()) {
            return Err(self.not_there().into());
        }

        if found.as_ref().is_some_and(Found::cut_short) {
            return Err(Problem::failed(format!(
                "a swap of `{}` was interrupted: it now mixes old and new files",
                self.shown()
            ))
            .code(Code::Unfinished)
            .cure("run `db-repair`, which cleans up after it, and then the command again")
            .into());
        }

        let found = found.unwrap_or_default();
        let dumped = match self.tar(&inside)? {
            Some(tar) => self.by_tar(&inside, (&found, tar), &excludes, out, tell),
            None => self
                .by_engine(&inside, &found, &excludes, out, tell)
                .and_then(|(census, rest)| self.whole(census, &rest)),
        };

        let census =
            dumped.inspect_err(|_| drop(self.quiet(&inside))).map_err(|e| self.undumped(e))?;

        if inside.is_mixed(&found, &census) {
            return Err(Problem::failed(format!(
                "the `tar` of `{}` ignores `--exclude`",
                self.container
            ))
            .code(Code::Unsupported)
            .because(format!(
                "`{}`, which is kept for an undo, would be in the backup",
                inside.own()
            ))
            .cure("install GNU tar in the image")
            .into());
        }

        Ok(Contents::Files(census))
    }
}

impl WriteStore for Contained<'_> {
    fn stage(
        &mut self,
        from: &mut dyn Read,
        trust: Trust,
        method: Method,
        tell: Tell<'_>,
    ) -> Result<Contents> {
        let inside = self.inside()?;
        let found = self.settled(&inside)?;
        if !found.is_there() {
            return Err(self.not_there().into());
        }

        self.perform(&inside.stage(&found)?)?;
        let plainly = trust < Trust::Script;
        let (links, given) =
            if plainly { (Links::Inside, Given::Plain) } else { (Links::AsTheyAre, Given::All) };
        let tar = self.tar(&inside)?.unwrap_or(Tar::Plain);

        if tar == Tar::Gnu {
            // if attributes can't be removed there are none, or reading the tree again shows it
            drop(self.fed(&inside.bare(), &mut &Census::root().folders()?[..], links, method));
        }

        let feed = inside.feed_with_tar(tar, given);
        let mut wanted = self.fed(
            &feed,
            &mut ProgressReader { from, bytes: 0, tell, ended: false },
            links,
            method,
        )?;
        self.leaves_own(&inside, &wanted)?;

        if plainly && wanted.has_set_id() {
            child::command(&inside.take_set_id(), self.secrets, self.interrupt)?;
            wanted.note_set_id_left();
        }
        if tar == Tar::Plain {
            // busybox sets a folder's time before it fills it
            self.fed(&feed, &mut &wanted.folders()?[..], links, method)?;
        }

        self.holds(&inside, &mut wanted, (tar, given), method)?;
        child::command(&inside.flush(), self.secrets, self.interrupt)?;

        Ok(Contents::Files(wanted))
    }

    fn change(&mut self, change: &Change) -> Result<Vec<String>> {
        let inside = self.inside()?;
        let found = self.settled(&inside)?;
        match change {
            Change::Swap { live } => {
                self.is_still(&inside, &found, live)?;
                self.swapped(&inside, &found, &inside.swap(&found)?)?;
            }
            Change::Undo { live } => {
                self.is_still(&inside, &found, live)?;
                self.swapped(&inside, &found, &inside.undo(&found)?)?;
            }
            Change::Back { live, from: Swapped::In } => {
                self.perform(&inside.take_back(&found, live)?)?
            }
            Change::Back { live, from: Swapped::Since } => {
                return self.back_late(&inside, &found, live);
            }
            Change::Back { live, from: Swapped::Undone } => {
                self.perform(&inside.redo(&found, live)?)?
            }
            Change::Unstage => self.perform(&inside.unstage(&found)?)?,
            Change::Settle => return self.cleared(&inside, &inside.settle(&found)?),
            Change::Wipe { live, items } => {
                self.is_still(&inside, &found, live)?;

                if live.is_empty() {
                    return Ok(Vec::new());
                }

                let now = self.counted(&inside, &found)?.0;
                holds_no_more(&format!("`{}`", self.shown()), "entries", *items, now)?;
                self.perform(&inside.wipe())?;
            }
        }

        Ok(Vec::new())
    }
}

impl Contained<'_> {
    fn inside(&self) -> Result<Inside> {
        let about = Inside::about(&self.engine, &self.container);
        let answer = ask(&about, self.secrets)?;
        if !answer.good {
            return Err(unanswered(&about, &answer.err).into());
        }
        Ok(Inside::new(&self.engine, &self.container, &self.path, &answer.out)?)
    }

    /// Where the trees are; `None` if the image has no program to ask with.
    fn seen(&self, inside: &Inside) -> Result<Option<Found>> {
        let answer = ask(&inside.look(), self.secrets)?;
        if Inside::is_answer(&answer.out) {
            return Ok(Some(inside.found(&answer.out)?));
        }

        if Inside::is_missing(answer.code) {
            Ok(None)
        } else {
            Err(unanswered(&inside.look(), &answer.err).into())
        }
    }

    /// How the image's own `tar` writes, if it has one.
    fn tar(&self, inside: &Inside) -> Result<Option<Tar>> {
        let answer = ask(&inside.has("tar"), self.secrets)?;
        if Inside::is_missing(answer.code) {
            return Ok(None);
        }

        match Tar::by_help(&(answer.out + &answer.err)) {
            Tar::Gnu => {
                Ok(Some(Tar::Gnu.by_word(&ask(&inside.knows_attributes(), self.secrets)?.err)))
            }
            other => Ok(Some(other)),
        }
    }

    /// What a command writes, read by `take`. If both fail, the command's own message says why.
    fn passed(
        &self,
        cmd: &Cmd,
        take: &mut dyn FnMut(&mut dyn Read) -> Result<Census>,
        tell: Tell<'_>,
    ) -> Result<Census> {
        let (reader, writer) = wide_pipe()?;
        let child =
            child::start(cmd, Input::Text, Outlet::Pipe(writer), self.secrets, self.interrupt)?;
        let mut from = ProgressReader { from: &mut { reader }, bytes: 0, tell, ended: false };
        let taken = take(&mut from);

        if taken.is_err() && !from.ended {
            child.kill();
            drop(child.wait());
            return taken;
        }

        child.wait()?;

        taken
    }

    fn fed(&self, cmd: &Cmd, from: &mut dyn Read, links: Links, method: Method) -> Result<Census> {
        let (reader, mut writer) = wide_pipe()?;
        let child =
            child::start(cmd, Input::Pipe(reader), Outlet::Kept, self.secrets, self.interrupt)?;
        let fed = filter_by(from, &mut writer, links, method);

        drop(writer);

        match fed {
            Ok(census) => child.wait().map(|_| census),
            // it did not read everything, and says why
            Err(e) if e.is::<std::io::Error>() => child.wait().and(Err(e)),
            Err(e) => {
                child.kill();
                drop(child.wait());
                Err(e)
            }
        }
    }

    /// Where the trees are, once earlier commands have ended and an unfinished swap is completed.
    fn settled(&self, inside: &Inside) -> Result<Found> {
        self.quiet(inside)?;
        self.finished(inside)
    }

    fn shown(&self) -> String {
        format!("{}:{}", self.container, self.path)
    }
}
