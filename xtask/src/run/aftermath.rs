//! What state the live data is in after a failed run: from what it began, how that ended, and what
//! was undone.

use crate::plan::{Act, Deed, How, Plan, Reach, Sink, Step, words};
use crate::problem::{Fate, Problem};
use crate::tasks::{self, Has};

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Well.
    Well,
    /// Well, but it reported something.
    Told,
    /// It failed.
    Failed(Fate),
}

impl End {
    /// From what an act reported, or failed with.
    pub fn of(result: &anyhow::Result<Vec<String>>) -> Self {
        match result {
            Ok(told) if told.is_empty() => Self::Well,
            Ok(_) => Self::Told,
            Err(e) => Self::Failed(
                e.downcast_ref::<Problem>().map_or(Fate::Unknown, |problem| problem.fate),
            ),
        }
    }
}

/// What happened to the live data.
#[derive(Debug, Default)]
pub struct Aftermath {
    changes: Vec<Change>,
    programs: Vec<String>,
}

#[derive(Debug)]
struct Change {
    what: String,
    came: Came,
    back: Back,
}

/// How far a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// To its end.
    Whole,
    /// Completely or not at all.
    Either,
    /// Perhaps in part.
    Part,
}

/// Whether a change was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Back {
    /// Nothing undoes it.
    No,
    /// It was, by these.
    Taken(Vec<Way>),
    /// The clean-up reported what it found instead.
    Told,
    /// It was tried and failed.
    Failed,
}

/// How a change was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// What was live is live again; with what was swapped.
    Returned(String),
    /// From a backup.
    Loaded,
    /// What was created was removed; with what that was.
    Removed(String),
}

/// Where a scope begins among the changes.
pub struct Since(usize);

impl Aftermath {
    /// A scope begins.
    pub fn since(&self) -> Since {
        Since(self.changes.len())
    }

    /// An act of the work has ended.
    pub fn ended(&mut self, act: &Act, end: End) {
        let came = match (act.reach(), end) {
            (Reach::Program, _) => return self.ran(act),
            (Reach::Aside, _) | (_, End::Failed(Fate::RolledBack)) => return,
            (_, End::Well | End::Told) => Came::Whole,
            (Reach::Whole, End::Failed(Fate::Unknown)) => Came::Either,
            (_, End::Failed(_)) => Came::Part,
        };
        self.changes.push(Change { what: named(act), came, back: Back::No });
    }

    /// A scope failed, and was cleaned up by these.
    pub fn cleaned_up(&mut self, since: &Since, acts: &[(&Act, End)]) {
        acts.iter()
            .filter(|(act, _)| act.reach() == Reach::Program)
            .for_each(|(act, _)| self.ran(act));
        let ways: Vec<&(&Act, End)> = acts.iter().filter(|(act, _)| is_change(act)).collect();
        if ways.is_empty() {
            return;
        }

        let back = if ways.iter().any(|(_, end)| matches!(end, End::Failed(_))) {
            Back::Failed
        } else if ways.iter().any(|(act, end)| *end == End::Told && act.reach() == Reach::Whole) {
            // a store's report is what is kept of it
            Back::Told
        } else {
            Back::Taken(ways.iter().map(|(act, _)| Way::of(act)).collect())
        };

        self.changes[since.0..].iter_mut().for_each(|change| change.back = back.clone());
    }

    fn ran(&mut self, act: &Act) {
        let hook = named(act);
        if !self.programs.contains(&hook) {
            self.programs.push(hook);
        }
    }

    /// The sentence, for a command that changes something.
    pub fn told(&self, task: &str) -> Option<String> {
        tasks::has(task, Has::LiveData).then(|| {
            self.of_changes().into_iter().chain(self.of_programs()).collect::<Vec<_>>().join("; ")
        })
    }

    /// Whether some of the plan's changes of live data are or may be made, and some are not.
    pub fn is_half_way(&self, plan: &Plan) -> bool {
        let stays: Vec<&Change> = self.changes.iter().filter(|c| c.back == Back::No).collect();
        let is_whole = |change: &&&Change| change.came == Came::Whole;
        let whole = stays.iter().filter(is_whole).count();
        // one that came to no end that is known may be made, or a part of it
        !stays.is_empty() && whole < changes_of(&plan.steps)
    }

    fn of_changes(&self) -> Vec<String> {
        if self.changes.is_empty() {
            let none =
                if self.programs.is_empty() { "the live data is as it was" } else { UNTOUCHED };
            return vec![none.into()];
        }

        let these = |came: &[Came], back: &Back| {
            let these = self
                .changes
                .iter()
                .filter(|change| came.contains(&change.came) && change.back == *back);
            these.map(|change| change.what.as_str()).collect::<Vec<_>>().join("; ")
        };

        let told = [
            ("done, and not undone", these(&[Came::Whole], &Back::No)),
            (
                "done completely or not at all, which is not known",
                these(&[Came::Either], &Back::No),
            ),
            ("perhaps done in part", these(&[Came::Part], &Back::No)),
            (TOLD, these(&[Came::Whole], &Back::Told)),
            (PERHAPS_TOLD, these(&[Came::Either, Came::Part], &Back::Told)),
            (
                "done, and could NOT be undone (`db-repair` tries again)",
                these(&[Came::Whole], &Back::Failed),
            ),
            (
                "perhaps done, and could NOT be undone (`db-repair` tries again)",
                these(&[Came::Either, Came::Part], &Back::Failed),
            ),
        ];

        let told = told
            .into_iter()
            .filter(|(_, what)| !what.is_empty())
            .map(|(how, what)| format!("{how}: {what}"));
        self.taken_back().into_iter().chain(told).collect()
    }

    fn taken_back(&self) -> Vec<String> {
        let mut ways: Vec<&Way> = Vec::new();
        for change in &self.changes {
            let Back::Taken(by) = &change.back else { continue };
            let new: Vec<&Way> = by.iter().filter(|way| !ways.contains(way)).collect();
            ways.extend(new);
        }

        let named = |name: fn(&Way) -> Option<&str>| {
            ways.iter().filter_map(|way| name(way)).collect::<Vec<_>>().join("; ")
        };
        let returned = named(|way| if let Way::Returned(what) = way { Some(what) } else { None });
        let removed = named(|way| if let Way::Removed(what) = way { Some(what) } else { None });
        let sure = self
            .changes
            .iter()
            .any(|change| change.came == Came::Whole && matches!(change.back, Back::Taken(_)));

        let how = if sure {
            "what was live before is live again"
        } else {
            "the live data is as it was: what may have been done was undone"
        };

        let returned = (!returned.is_empty()).then(|| format!("{how} ({returned})"));
        let loaded = ways
            .contains(&&Way::Loaded)
            .then(|| "what was live before is live again, from the backup of this run".into());
        let removed = (!removed.is_empty()).then(|| format!("removed again: {removed}"));

        returned.into_iter().chain(loaded).chain(removed).collect()
    }

    fn of_programs(&self) -> Option<String> {
        let reach = if self.programs.len() == 1 { "reaches" } else { "reach" };
        let else_ = if self.changes.is_empty() { "" } else { " else" };
        (!self.programs.is_empty()).then(|| {
            format!("what{else_} {} {reach} may have changed", self.programs.join(" and "))
        })
    }
}

/// If hooks ran, only they know more.
const UNTOUCHED: &str = "this run itself has changed no live data";
const TOLD: &str = "done, and whether it was undone is said above";
const PERHAPS_TOLD: &str = "perhaps done, and whether it was undone is said above";

/// How many of its steps change live data, if none fails.
fn changes_of(steps: &[Step]) -> usize {
    let of_step = |step: &Step| match step {
        Step::Act(act) => usize::from(is_change(act)),
        Step::Scope(scope) => changes_of(&scope.body),
    };
    steps.iter().map(of_step).sum()
}

fn is_change(act: &Act) -> bool {
    matches!(act.reach(), Reach::Whole | Reach::Steps)
}

impl Way {
    fn of(act: &Act) -> Self {
        match act {
            Act::Rename(_) => Self::Returned(words::object(act)),
            Act::Remove(_) => Self::Removed(words::object(act)),
            _ => Self::Loaded,
        }
    }
}

fn named(act: &Act) -> String {
    match act {
        Act::Pipe(pipe) => match &pipe.to {
            Sink::Psql(load) => {
                format!("load {} into {}, in place of everything there", pipe.store, load.into)
            }
            _ => pipe.store.clone(),
        },
        // the text itself says what is done
        Act::Write(Deed { what, how: How::Live(..) | How::Reload(_) | How::Hook(_) }) => {
            what.clone()
        }
        other => format!("{} {}", words::verb(other), words::object(other)),
    }
}

#[cfg(test)]
mod tests;
