//! The renames of a swap, and what is checked before each.

use super::super::super::steps::{ENOUGH, Exchange, Intent, Slots, Step, next};
use super::super::{Found, Inside, LEFT, MARK, STANDING, deed};
use super::name;
use crate::plan::{Act, Check};
use crate::problem::{Code, Problem};

impl Inside {
    pub(super) fn bring(
        &self,
        name: &str,
        tree: Option<u64>,
        found: &Found,
    ) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;

        if tree.is_none() {
            return Err(Problem::failed(format!(
                "`{}` does not exist in container `{}`",
                self.at(name),
                self.container
            ))
            .cure("nothing is kept for an undo: restore a backup"));
        }

        let mut acts = vec![self.rename(name, "staged")];
        acts.extend(self.finish(&Found { staged: tree, ..found.clone() })?);

        Ok(acts)
    }

    /// The same steps as a swap on this machine, as commands, with two renames instead of an
    /// exchange.
    pub(super) fn renames(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        let Found { live, staged, previous, discard, .. } = *found;
        let Some(incoming) = staged else { return Ok(Vec::new()) };
        let intent = Intent { old: live.or(previous), incoming };
        let (mut slots, mut acts) = (Slots { live, staged, previous, discard }, Vec::new());

        for _ in 0..ENOUGH {
            let step = next(slots, intent, Exchange::Cannot);
            match step {
                Step::Done => return Ok(acts),
                Step::Move(from, to) => acts.push(self.rename(name(from), name(to))),
                Step::Shelve => acts.extend(
                    slots.discard.into_iter().flat_map(|tree| self.put_away("discard", tree, LEFT)),
                ),
                Step::Exchange(_) | Step::Foreign => break,
            }

            slots = slots.after(step);
        }

        Err(Problem::failed(format!(
            "the swap of `{}` can't continue: the trees are not as a swap leaves them",
            self.path
        ))
        .code(Code::Unfinished)
        .because(format!("they are complete, in `{}`", self.own()))
        .cure("look at them, and rename the one you want by hand"))
    }

    /// The contents of a mount point move out, the staged contents move in. Each phase has its own
    /// name for the trees, given by one rename, so the names tell how far it got.
    pub(super) fn moves(&self, found: &Found) -> Vec<Act> {
        let mut acts = Vec::new();
        let entries = |what: &str, from: &str, to: &str| {
            let cmd = self.each_in(from, &["mv", "-n", "{}", &format!("{to}/")]);
            Act::Rename(deed(format!("{what} {} in {}", self.path, self.container), cmd))
        };

        if found.staged.is_some() {
            if found.leaving.is_none() {
                acts.push(self.way_out(found));
            }
            acts.extend([entries("all out of", &self.path, &self.at("leaving")), self.is_empty()]);
            acts.push(self.rename("staged", "arriving"));
        }

        if found.staged.or(found.arriving).is_some() {
            acts.push(entries("everything staged into", &self.at("arriving"), &self.path));
            acts.extend([self.has_arrived(), self.rename("arriving", STANDING)]);
        }

        if found.cut_short() {
            if found.previous.is_some() {
                acts.extend(
                    found.discard.into_iter().flat_map(|tree| self.put_away("discard", tree, LEFT)),
                );
                acts.push(self.rename("previous", "discard"));
            }
            acts.push(self.rename("leaving", "previous"));
        }

        acts
    }

    /// Where the live contents go: the folder that stands for them, created if there is none yet.
    pub(super) fn way_out(&self, found: &Found) -> Act {
        if found.standing.is_some() {
            return self.rename(STANDING, "leaving");
        }
        let cmd = self.exec(&["mkdir", "-m", "1700", &self.at("leaving")]);
        Act::Create(deed(format!("folder {}", self.shown_at("leaving")), cmd))
    }

    pub(super) fn is_ours(&self, found: &Found) -> Result<(), Problem> {
        if found.folder.is_none() || found.mark.is_some() {
            return Ok(());
        }

        Err(Problem::refused(format!(
            "`{}` in container `{}` was not created by db-tasks",
            self.own(),
            self.container
        ))
        .code(Code::Untrusted)
        .because(format!("there is no `{MARK}` in it"))
        .cure("move it away: a restore needs this name"))
    }

    pub(super) fn at_rest(&self, found: &Found) -> Result<(), Problem> {
        if !found.cut_short() {
            return Ok(());
        }
        Err(Problem::failed(format!(
            "an earlier swap of `{}` in container `{}` was interrupted",
            self.path, self.container
        ))
        .code(Code::Unfinished)
        .cure("run the command again: it completes the swap first"))
    }

    pub(super) fn still_marked(&self) -> Act {
        let mark = self.at(MARK);
        Act::Check(Check {
            what: format!("{} in {} is ours", self.own(), self.container),
            cmd: self.exec(&["stat", "-c", "%n", &mark]),
            expect: mark,
            cure: "it was changed in the meantime: run the command again and look at the new plan"
                .into(),
        })
    }

    pub(super) fn is_empty(&self) -> Act {
        Act::Check(Check {
            what: format!("nothing is left in {} in {}", self.path, self.container),
            cmd: self.entries(&self.path),
            expect: String::new(),
            cure: "a program writes there, or an entry can't be moved: stop it, and run the \
                   command again"
                .into(),
        })
    }

    pub(super) fn has_arrived(&self) -> Act {
        Act::Check(Check {
            what: format!("everything staged is in {}", self.shown()),
            cmd: self.entries(&self.at("arriving")),
            expect: String::new(),
            cure: format!(
                "something with the same name was written there meanwhile: move it out of {}, and \
                 run `db-repair`",
                self.path
            ),
        })
    }
}
