//! Performs the steps of a swap, one call at a time.

use anyhow::Result;

use super::client::{Failure, Milvus};
use super::mark::{Mark, PROPERTY, Role, Slot};
use super::open::pair;
use super::proto::rpc::{AlterCollection, DropAlias, PutAlias, Rename, Status};
use super::steps::{self, From, Held, State, Step};
use crate::problem::{Code, Problem};

/// A collection as a plan saw it: its name and its id.
pub type Seen = (String, i64);

/// What a repair found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repaired {
    /// No swap was under way.
    Nothing,
    /// One was: it is completed, or undone if no collection had its new name yet.
    Done,
}

impl Milvus {
    /// The steps of [`Milvus::swap`], as they are now.
    ///
    /// # Errors
    /// The live collections are not those that were expected, a swap is under way, or a name is
    /// taken.
    pub fn swap_steps(&self, expected: &[Seen]) -> Result<Vec<Step>> {
        self.steps(expected, From::Staged)
    }

    /// Gives each staged collection its live name and its aliases. What was live is kept as
    /// `<name>__previous`, and released; that of an earlier swap as `<name>__discard`. Live
    /// collections that are not in the backup are kept aside the same way: a restore gives the
    /// state of the backup.
    ///
    /// Milvus renames one collection at a time: [`Milvus::repair`] completes or undoes a killed
    /// swap.
    ///
    /// # Errors
    /// As for [`Milvus::swap_steps`], or a step fails.
    pub fn swap(&mut self, expected: &[Seen]) -> Result<()> {
        let steps = self.swap_steps(expected)?;
        self.run(&steps)
    }

    /// The steps of [`Milvus::undo`], as they are now.
    ///
    /// # Errors
    /// As for [`Milvus::swap_steps`], or there is nothing to undo.
    pub fn undo_steps(&self, expected: &[Seen]) -> Result<Vec<Step>> {
        let state = self.state()?;
        let any = |role| {
            state.values().filter_map(|held| held.mark.as_ref()).any(|mark| mark.role == role)
        };
        if any(Role::Staged) {
            return Err(Problem::refused("a restore is under way in Milvus")
                .code(Code::Unfinished)
                .cure("let it finish, or drop its staged collections; then undo")
                .into());
        }

        if !any(Role::Previous) && !super::steps::under_way(&state) {
            return Err(Problem::failed("there is nothing to undo in Milvus")
                .code(Code::NothingToUndo)
                .because("no previous collection is kept")
                .cure("restore a backup")
                .into());
        }

        self.steps(expected, From::Previous)
    }

    /// Swaps back what the last [`Milvus::swap`] replaced; what that brought is kept, so that an
    /// undo can be undone.
    ///
    /// # Errors
    /// As for [`Milvus::undo_steps`], or a step fails.
    pub fn undo(&mut self, expected: &[Seen]) -> Result<()> {
        let steps = self.undo_steps(expected)?;
        self.run(&steps)
    }

    /// The steps of [`Milvus::repair`]; none if there is nothing to repair.
    ///
    /// # Errors
    /// A call fails.
    pub fn repair_steps(&self) -> Result<Vec<Step>> {
        Ok(steps::finish(&self.state()?))
    }

    /// Finishes an interrupted swap or undo: forward if a collection had its new name, back if none
    /// had.
    ///
    /// # Errors
    /// A step fails, or somebody renamed a collection meanwhile.
    pub fn repair(&mut self) -> Result<Repaired> {
        let steps = self.repair_steps()?;
        if steps.is_empty() && !steps::under_way(&self.state()?) {
            return Ok(Repaired::Nothing);
        }
        self.run(&steps)?;
        Ok(Repaired::Done)
    }

    /// Removes staged collections, with their data. Only those with our mark.
    ///
    /// # Errors
    /// A call fails.
    pub fn unstage(&mut self) -> Result<Vec<String>> {
        self.drop_ours(|mark, slot| mark.role == Role::Staged && slot == Slot::Staged)
    }

    /// Removes what nobody needs: what was kept from an earlier swap and moved aside by a later
    /// one.
    ///
    /// # Errors
    /// A call fails.
    pub fn settle(&mut self) -> Result<Vec<String>> {
        self.drop_ours(|mark, slot| mark.role == Role::Discard && slot == Slot::Discard)
    }

    /// Removes what is kept for an undo, and what nobody needs.
    ///
    /// # Errors
    /// A call fails, or a swap is under way.
    pub fn forget(&mut self) -> Result<Vec<String>> {
        self.drop_ours(|mark, slot| {
            matches!(
                (mark.role, slot),
                (Role::Previous, Slot::Previous) | (Role::Discard, Slot::Discard)
            )
        })
    }

    /// Undoes a swap: what it replaced is live again, or nothing if it replaced nothing. What it
    /// brought is removed, and what was kept before it is kept again.
    ///
    /// # Errors
    /// As for [`Milvus::swap_steps`], or a step fails.
    pub fn take_back(&mut self, expected: &[Seen]) -> Result<()> {
        let steps = self.steps(expected, From::Back)?;
        self.run(&steps)?;
        let steps = steps::kept_before(&self.state()?);
        self.run(&steps)
    }

    /// Whether this server can swap: renaming came with Milvus 2.2.9, properties with 2.2. We ask
    /// for a rename that can't succeed.
    ///
    /// # Errors
    /// It can't: reported before anything is changed.
    pub fn can_swap(&self) -> Result<()> {
        let name = "db_tasks_is_there_a_rename".to_owned();
        let request = Rename {
            db_name: self.db(),
            old_name: name.clone(),
            new_name: format!("{name}_2"),
            new_db_name: self.db(),
        };

        match self.ask::<Status>("RenameCollection", &request) {
            Err(failure @ Failure::Lost(_)) if failure.unknown_call() => {
                Err(Problem::refused(format!("Milvus {} can't rename collections", self.version()))
                    .code(Code::Unsupported)
                    .because("so a restored collection can't replace a live one in one step")
                    .cure("update Milvus to 2.3 or newer")
                    .into())
            }
            Err(failure @ Failure::Lost(_)) => {
                Err(failure.problem("ask Milvus whether it can rename").into())
            }
            _ => Ok(()),
        }
    }

    /// Performs one step. A step that was already done may fail: [`Milvus::repair_steps`] knows
    /// what is left.
    ///
    /// # Errors
    /// The call fails, or the step would remove what is not ours.
    pub fn take(&mut self, step: &Step) -> Result<()> {
        let doing = step.to_string();
        let db_name = self.db();

        match step {
            Step::Mark { name, mark: Some(mark) } => self.set_mark(name, &mark.text(), &doing)?,
            Step::Mark { name, mark: None } => self.take_property(name, PROPERTY, &doing)?,
            Step::Rename { from, to } => {
                let new_db_name = self.db();
                let request =
                    Rename { db_name, old_name: from.clone(), new_name: to.clone(), new_db_name };
                self.call::<Status>("RenameCollection", &request, &doing)?;
            }
            Step::Load { name, load } => self.load(name, load)?,
            Step::Release { name } => self.release(name)?,
            Step::PutAlias { alias, to } => {
                let request =
                    PutAlias { db_name, collection_name: to.clone(), alias: alias.clone() };
                // an alias leads to the old or the new collection at any time; a server without
                // such an alias says so
                if self.ask::<Status>("AlterAlias", &request).is_err() {
                    self.call::<Status>("CreateAlias", &request, &doing)?;
                }
            }
            Step::DropAlias { alias } => {
                let request = DropAlias { db_name, alias: alias.clone() };
                self.call::<Status>("DropAlias", &request, &doing)?;
            }
            Step::Drop { name } => {
                let mark = self.describe(name)?.mark;
                if !mark.is_some_and(|mark| {
                    matches!(mark.role, Role::Staged | Role::Previous | Role::Discard)
                }) {
                    return Err(Problem::refused(format!("`{name}` does not have our mark"))
                        .because("it is not dropped only because of its name")
                        .into());
                }

                self.call::<Status>("DropCollection", &self.of(name), &doing)?;
            }
        }

        Ok(())
    }

    fn steps(&self, expected: &[Seen], from: From) -> Result<Vec<Step>> {
        let mut live = Vec::new();
        let mut state = State::new();

        for name in self.names()? {
            let found = self.describe(&name)?;
            if found.mark.is_none() {
                live.push((name.clone(), found.id));
            }
            let load = found.load();
            state.insert(name, Held { aliases: found.collection.aliases, load, mark: found.mark });
        }

        if steps::under_way(&state) {
            return Err(Problem::refused("a swap of collections in Milvus was interrupted")
                .code(Code::Unfinished)
                .cure("run `db-repair` first")
                .into());
        }

        unchanged(expected, live)?;
        let steps = steps::whole(&state, from);
        match steps::conflict(&state, &steps) {
            None => Ok(steps),
            Some(name) => Err(Problem::refused(format!(
                "the name `{name}` is taken in Milvus by a collection that is not ours"
            ))
            .code(Code::NameTaken)
            .because("a replaced collection is kept under this name")
            .cure(format!("rename or remove `{name}`"))
            .into()),
        }
    }

    /// Performs the steps; the last marks only after checking again, because a server may lose
    /// something on the way, such as what was loaded.
    fn run(&mut self, steps: &[Step]) -> Result<()> {
        let moves = steps
            .iter()
            .rposition(|step| !matches!(step, Step::Mark { .. }))
            .map_or(0, |at| at + 1);
        steps[..moves].iter().try_for_each(|step| self.take(step))?;

        for _ in 0..3 {
            let state = self.state()?;
            let rest = steps::finish(&state);
            if rest.is_empty() && !steps::under_way(&state) {
                return Ok(());
            }
            rest.iter().try_for_each(|step| self.take(step))?;
        }

        Err(Problem::failed("the swap of collections in Milvus could not be completed")
            .code(Code::Unfinished)
            .because("somebody renamed a collection of ours, or gave its name to another")
            .cure("look at the collections with `__previous` and `__staged` in their names")
            .into())
    }

    fn drop_ours(&mut self, which: impl Fn(&Mark, Slot) -> bool) -> Result<Vec<String>> {
        let steps = steps::drops(&self.state()?, which);
        steps.iter().try_for_each(|step| self.take(step))?;
        Ok(steps
            .into_iter()
            .filter_map(|step| if let Step::Drop { name } = step { Some(name) } else { None })
            .collect())
    }

    pub(super) fn state(&self) -> Result<State, Problem> {
        let held = |name: String| {
            let found = self.describe(&name)?;
            let load = found.load();
            Ok((name, Held { aliases: found.collection.aliases, load, mark: found.mark }))
        };
        self.names()?.into_iter().map(held).collect()
    }

    fn set_mark(&self, name: &str, text: &str, doing: &str) -> Result<(), Problem> {
        let request = AlterCollection {
            db_name: self.db(),
            collection_name: name.into(),
            properties: vec![pair(PROPERTY, text)],
            delete_keys: vec![],
        };
        self.call::<Status>("AlterCollection", &request, doing).map(drop)
    }

    /// Servers before 2.5 can't remove a property: there it is left empty.
    pub(super) fn take_property(&self, name: &str, key: &str, doing: &str) -> Result<(), Problem> {
        let mut request = AlterCollection {
            db_name: self.db(),
            collection_name: name.into(),
            properties: vec![],
            delete_keys: vec![key.into()],
        };

        if self.ask::<Status>("AlterCollection", &request).is_ok() {
            return Ok(());
        }

        request.delete_keys.clear();
        request.properties = vec![pair(key, "")];

        self.call::<Status>("AlterCollection", &request, doing).map(drop)
    }
}

/// Whether the live collections are those that were shown.
pub(super) fn unchanged(expected: &[Seen], mut live: Vec<Seen>) -> Result<(), Problem> {
    let mut expected = expected.to_vec();
    expected.sort();
    live.sort();

    if expected == live {
        return Ok(());
    }

    let other = |a: &[Seen], b: &[Seen]| {
        a.iter().filter(|seen| !b.contains(seen)).map(|(n, _)| n.clone()).collect::<Vec<_>>()
    };
    let mut names = other(&expected, &live);
    names.extend(other(&live, &expected));
    names.dedup();

    Err(Problem::refused("the collections in Milvus are not those that were looked at before")
        .because(format!("changed since: `{}`", names.join("`, `")))
        .cure("run the command again and look at the new plan"))
}
