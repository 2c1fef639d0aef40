//! How a tree in a container is staged, swapped, undone and removed: the acts for it, wherever the
//! trees are.

mod moves;

use super::super::steps::Slot;
use super::{Found, IGNORE, Inside, LEFT, LIVE, MARK, RETURNED, STANDING, Way, deed};
use crate::cmd::Cmd;
use crate::plan::Act;
use crate::problem::Problem;

impl Inside {
    /// Makes an empty folder for the staged tree; what an earlier run left there is removed.
    ///
    /// # Errors
    /// Our folder's name is taken, or a swap was interrupted.
    pub fn stage(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;

        let mut acts = Vec::new();
        if found.coming.or(found.discard).is_some() {
            acts.push(self.still_marked());
        }
        for (name, tree) in [("discard", found.discard), ("coming", found.coming)] {
            acts.extend(tree.into_iter().flat_map(|tree| self.put_away(name, tree, LEFT)));
        }

        let cmd = self.exec(&["mkdir", "-p", &self.at(MARK), &self.at("coming")]);
        acts.push(Act::Create(deed(format!("folder {}", self.shown_at("coming")), cmd)));

        // nobody else sees a tree whose rights are not set yet
        let cmd = self.exec(&["chmod", "0700", &self.own()]);
        acts.push(Act::Write(deed(format!("mode of {}", self.own()), cmd)));
        acts.extend(
            self.ignored()
                .map(|cmd| Act::Write(deed(format!("{} in {}", IGNORE, self.own()), cmd))),
        );

        Ok(acts)
    }

    /// Keeps git from our folder, where it may be in a repository: one that is mounted.
    fn ignored(&self) -> Option<Cmd> {
        let archive = super::programs::one_file(IGNORE, b"*\n")?;
        (self.way != Way::Beside).then(|| {
            self.wrapped(Cmd::new("tar").args(["-xf", "-", "-C", &self.own()]).input(archive))
        })
    }

    /// Makes the verified staged tree live, and keeps the old one for an undo.
    ///
    /// # Errors
    /// Nothing was staged, or our folder's name is taken. `found` is the state once the tree is
    /// there.
    pub fn swap(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        let mut acts = vec![self.still_marked()];
        // left by another swap; what is moved aside from here on is what was kept
        acts.extend(
            found.discard.into_iter().flat_map(|tree| self.put_away("discard", tree, LEFT)),
        );
        if self.way == Way::Within {
            let cmd = self.exec(&["chmod", "0700", &self.at("coming")]);
            acts.push(Act::Write(deed(format!("mode of {}", self.shown_at("coming")), cmd)));
        }

        acts.extend(self.bring(
            "coming",
            found.coming,
            &Found { discard: None, ..found.clone() },
        )?);
        Ok(acts)
    }

    /// Makes the tree live that the last swap replaced.
    ///
    /// # Errors
    /// Nothing is kept.
    pub fn undo(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        let mut acts = vec![self.still_marked()];
        acts.extend(self.bring(
            "previous",
            found.previous,
            &Found { previous: None, ..found.clone() },
        )?);
        Ok(acts)
    }

    /// The remaining steps of an interrupted swap.
    ///
    /// # Errors
    /// No swap leaves the trees like that.
    pub fn finish(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        match self.way {
            Way::Beside | Way::BesideInMount => self.renames(found),
            Way::Within => Ok(self.moves(found)),
        }
    }

    /// Undoes a swap: `live`, an id, is live again, what replaced it is removed, and what was kept
    /// before is kept again. It may be done twice, or continue after an interruption.
    ///
    /// # Errors
    /// What was live is no longer kept.
    pub fn take_back(&self, found: &Found, live: &str) -> Result<Vec<Act>, Problem> {
        self.back(found, live, Came::Now)
    }

    /// The same for a killed run: what replaced it has been live since, and is kept elsewhere.
    ///
    /// # Errors
    /// What was live is no longer kept.
    pub fn take_back_late(&self, found: &Found, live: &str) -> Result<Vec<Act>, Problem> {
        self.back(found, live, Came::Before)
    }

    fn back(&self, found: &Found, live: &str, came: Came) -> Result<Vec<Act>, Problem> {
        let Some((old, kept)) = numbers(live) else { return Ok(Vec::new()) };
        let (mut acts, now) = self.live_again(found, old)?;
        if now.previous == kept || kept.is_some() && now.discard != kept {
            return Ok(acts);
        }

        acts.push(self.still_marked());
        // what is kept now is the tree that was swapped in
        match (now.previous, came) {
            (Some(tree), Came::Before) => acts.extend(self.put_away("previous", tree, RETURNED)),
            (Some(_), Came::Now) => {
                acts.extend(now.coming.map(|_| self.remove("coming")));
                acts.push(self.rename("previous", "coming"));
            }
            (None, _) => {}
        }

        acts.extend(kept.map(|_| self.rename("discard", "previous")));
        match (now.coming.filter(|_| now.previous.is_none()), came) {
            (Some(tree), Came::Before) => acts.extend(self.put_away("coming", tree, RETURNED)),
            (coming, Came::Now) => {
                acts.extend(now.previous.or(coming).map(|_| self.remove("coming")))
            }
            (None, Came::Before) => {}
        }

        Ok(acts)
    }

    /// Reverts an undo: `live`, an id, is live again, and what the undo brought is kept again.
    ///
    /// # Errors
    /// What was live is no longer kept.
    pub fn redo(&self, found: &Found, live: &str) -> Result<Vec<Act>, Problem> {
        numbers(live)
            .map_or(Ok(Vec::new()), |(old, _)| self.live_again(found, old).map(|(acts, _)| acts))
    }

    /// What to do for a tree that may be the kept one, and where everything is then.
    fn live_again(&self, found: &Found, old: u64) -> Result<(Vec<Act>, Found), Problem> {
        self.is_ours(found)?;

        if found.live == Some(old) {
            return Ok((Vec::new(), found.clone()));
        }

        if found.previous != Some(old) {
            return Err(Problem::failed(format!(
                "`{}` can't be restored to what it was: that tree is no longer kept",
                self.shown()
            ))
            .because(format!("what is kept is complete, in `{}`", self.own()))
            .cure("look at it, then run `db-undo` or restore a backup"));
        }

        let after = Found { live: Some(old), previous: found.live, ..found.clone() };
        Ok((self.undo(found)?, after))
    }

    /// Removes a staged tree, and our folder if nothing else is kept in it.
    ///
    /// # Errors
    /// Our folder's name is taken, or a swap was interrupted.
    pub fn unstage(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        let kept = [found.previous, found.discard, found.left, found.returned];
        if found.folder.is_some() && kept.iter().all(Option::is_none) {
            return self.forget(found);
        }
        self.gone("coming", found.coming, found)
    }

    /// Removes what the swap before the last one kept.
    ///
    /// # Errors
    /// Our folder's name is taken, or a swap was interrupted.
    pub fn settle(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        let mut acts = self.gone("discard", found.discard, found)?;
        acts.extend(self.gone(LEFT, found.left, found)?);
        Ok(acts)
    }

    fn gone(&self, name: &str, tree: Option<u64>, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;
        Ok(tree.map_or(Vec::new(), |_| vec![self.still_marked(), self.remove(name)]))
    }

    /// Ends the undo window: removes what is kept, and our folder.
    ///
    /// # Errors
    /// Our folder's name is taken, or a swap was interrupted.
    pub fn forget(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;

        if found.folder.is_none() {
            return Ok(Vec::new());
        }

        // an interrupted removal must not leave half a tree to undo to
        let mut acts = vec![self.still_marked()];
        if found.previous.is_some() {
            acts.extend(found.discard.map(|_| self.remove("discard")));
            acts.push(self.rename("previous", "discard"));
        }

        let ignore = (self.way != Way::Beside).then_some(IGNORE);
        let all = ["discard", "coming", LEFT, STANDING].into_iter().chain(ignore);
        let cmd = self.exec(&["rm", "-rf"]).args(all.map(|name| self.at(name)));

        acts.push(Act::Remove(deed(
            format!("all trees in {} in {}", self.own(), self.container),
            cmd,
        )));
        // the mark is removed last, and only if nothing else is left: without it the folder is not
        // ours
        let cmd = self.exec(&["rmdir", &self.at(MARK), &self.own()]);
        acts.push(Act::Remove(deed(format!("folder {} in {}", self.own(), self.container), cmd)));

        Ok(acts)
    }

    /// Empties the tree, and leaves its root and what is kept for an undo.
    pub fn wipe(&self) -> Vec<Act> {
        let cmd = self.each_in(&self.path, &["rm", "-rf", "{}"]);
        let emptied =
            Act::Remove(deed(format!("everything in {} in {}", self.path, self.container), cmd));
        vec![emptied, self.is_empty()]
    }
}

/// When the tree was swapped in that is now removed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// In this run.
    Now,
    /// In a run that was killed.
    Before,
}

fn name(slot: Slot) -> &'static str {
    match slot {
        Slot::Live => LIVE,
        Slot::Staged => "staged",
        Slot::Previous => "previous",
        Slot::Discard => "discard",
    }
}

/// The trees of an id: what was live, and what was kept.
fn numbers(id: &str) -> Option<(u64, Option<u64>)> {
    let mut parts = id.split(':').skip(1);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()))
}
