//! Which step of a plan is meant: its place among all acts of the plan, those of clean-ups included.

use serde::Serialize;

use super::{Act, Scope, Step};

/// A step of a plan, from 0, in the order of [`Plan::acts`](super::Plan::acts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StepId(u32);

impl StepId {
    /// The first step of a plan.
    pub const FIRST: Self = Self(0);

    /// The step that comes so many acts later.
    fn plus(self, acts: usize) -> Self {
        Self(self.0 + u32::try_from(acts).unwrap_or(u32::MAX))
    }
}

/// Steps, each with the id of its first act.
pub fn identified(steps: &[Step], first: StepId) -> impl Iterator<Item = (StepId, &Step)> {
    let mut next = first;
    steps.iter().map(move |step| {
        let id = next;
        next = id.plus(step.size());
        (id, step)
    })
}

/// The clean-up acts of a scope, each with its id.
pub struct CleanUp<'a> {
    /// Done when the body failed.
    pub on_failure: Vec<(StepId, &'a Act)>,
    /// Done after that, and only by this run.
    pub at_once: Vec<(StepId, &'a Act)>,
    /// Done in any case, last.
    pub finally: Vec<(StepId, &'a Act)>,
}

impl Scope {
    /// Its clean-up acts, if its body begins with this id.
    pub fn clean_up(&self, first: StepId) -> CleanUp<'_> {
        let mut next = first.plus(self.body.iter().map(Step::size).sum());
        let mut with_ids = |acts: &'_ [Act]| -> Vec<StepId> {
            let begins = next;
            next = next.plus(acts.len());
            (0..acts.len()).map(|at| begins.plus(at)).collect()
        };

        let ids = [&self.on_failure, &self.at_once, &self.finally].map(|acts| with_ids(acts));
        let [on_failure, at_once, finally] = ids;

        CleanUp {
            on_failure: on_failure.into_iter().zip(&self.on_failure).collect(),
            at_once: at_once.into_iter().zip(&self.at_once).collect(),
            finally: finally.into_iter().zip(&self.finally).collect(),
        }
    }
}

impl Step {
    /// How many acts it holds, those of clean-ups included.
    fn size(&self) -> usize {
        match self {
            Self::Act(_) => 1,
            Self::Scope(scope) => {
                let clean_up = scope.on_failure.len() + scope.at_once.len() + scope.finally.len();
                scope.body.iter().map(Self::size).sum::<usize>() + clean_up
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Deed, How, Plan, Risk, words};

    fn act(what: &str) -> Act {
        Act::Write(Deed { what: what.into(), how: How::File(what.into()) })
    }

    /// Every act with its id, found step by step as the runner does.
    fn walked(steps: &[Step], first: StepId, into: &mut Vec<(StepId, String)>) {
        for (id, step) in identified(steps, first) {
            match step {
                Step::Act(act) => into.push((id, words::object(act))),
                Step::Scope(scope) => {
                    walked(&scope.body, id, into);
                    let CleanUp { on_failure, at_once, finally } = scope.clean_up(id);
                    let all = on_failure.into_iter().chain(at_once).chain(finally);
                    into.extend(all.map(|(id, act)| (id, words::object(act))));
                }
            }
        }
    }

    #[test]
    fn an_id_is_the_place_among_all_acts() {
        let inner =
            Scope { body: vec![Step::Act(act("c"))], finally: vec![act("d")], ..Scope::default() };
        let outer = Scope {
            body: vec![Step::Act(act("b")), Step::Scope(inner), Step::Act(act("e"))],
            on_failure: vec![act("f"), act("g")],
            at_once: vec![act("h")],
            finally: vec![act("i")],
            ..Scope::default()
        };
        let steps = vec![Step::Act(act("a")), Step::Scope(outer), Step::Act(act("j"))];
        let plan = Plan { steps, ..Plan::bare("db-x", String::new(), Risk::Nothing) };

        let mut found = Vec::new();
        walked(&plan.steps, StepId::FIRST, &mut found);

        let all: Vec<_> = plan.acts().into_iter().map(words::object).zip(0..).collect();
        let found: Vec<_> = found.into_iter().map(|(id, what)| (what, id.0)).collect();
        assert_eq!(found, all);
        assert_eq!(found.len(), 10);
    }
}
