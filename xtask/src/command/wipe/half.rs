//! A wipe that did not come to its end.

use anyhow::Result;

use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{Came, Emptying};
use crate::gate::Consent;
use crate::plan::{Plan, Step};
use crate::planning::repair;
use crate::problem::{Code, Problem};
use crate::session::{Intent, Session};

impl Session {
    /// An interrupted wipe, with what is empty and what is not, and what to do. Every row is
    /// counted for it.
    pub fn half_emptied(&self) -> Result<Option<Problem>> {
        let Some(wipe) = Emptying::read(&self.project)? else { return Ok(None) };
        let is_part = |key: &str| wipe.parts.iter().any(|part| part.key == key);
        let mut now = Vec::new();

        for database in self.project.databases.iter().filter(|d| is_part(&d.key)) {
            let found = self.surveyor().set(std::slice::from_ref(database), &[], Depth::Rows);
            now.extend(found.map_or(Vec::new(), |set| super::plan::amounts(&self.project, &set)));
        }

        for store in self.project.stores.iter().filter(|s| is_part(&s.key)) {
            now.extend(
                self.surveyor().store(store).map(|found| (store.key.clone(), found.held.items())),
            );
        }

        let amount = |key: &str| now.iter().find(|(of, _)| of == key).map(|(_, items)| *items);
        Ok(match wipe.came(&amount) {
            Came::Nowhere | Came::ToItsEnd => None,
            Came::HalfWay { how, left } => {
                let when = wipe.since.format("%Y-%m-%d %H:%M:%S UTC");
                let problem =
                    Problem::failed(format!("a `db-wipe` was interrupted ({when}): {how}"))
                        .code(Code::Unfinished);
                Some(problem.cure(wipe.cure(&left)))
            }
        })
    }

    /// Says what an interrupted wipe left; if it emptied everything, or nothing, its note is
    /// removed.
    pub fn repair_wipe(&mut self, intent: Intent) -> Result<Option<Problem>> {
        let half = self.half_emptied()?;
        if half.is_none() && Emptying::read(&self.project)?.is_some() {
            let plan = repair::wipe_is_over(Emptying::over(&self.project));
            self.carry_out(plan, Consent::Yes, intent)?;
        }
        Ok(half)
    }

    /// A plan after which these have their data again: then the note about a wipe is not needed.
    pub fn filling(&self, mut plan: Plan, keys: &[&str]) -> Result<Plan> {
        let wipe = Emptying::read(&self.project)?
            .filter(|wipe| wipe.parts.iter().any(|part| keys.contains(&part.key.as_str())));
        plan.steps.extend(wipe.and_then(|wipe| wipe.settled(&self.project, keys)).map(Step::Act));
        Ok(plan)
    }
}
