//! What comes after the work: undoing another run's swap, and removing what is no longer needed.

use anyhow::Result;

use super::Contained;
use crate::engine::files::{Found, Inside};
use crate::plan::Act;
use crate::problem::{Exit, Problem};

impl Contained<'_> {
    /// What was swapped in has been live since its run was killed: it may be in use.
    pub(super) fn back_late(
        &self,
        inside: &Inside,
        found: &Found,
        live: &str,
    ) -> Result<Vec<String>> {
        let acts = inside.take_back_late(found, live)?;
        self.perform(&acts)?;

        let told = || {
            format!(
                "what was restored may be in use since then: it is kept in `{}:{}`",
                self.container,
                inside.returned()
            )
        };

        let is_kept = acts
            .iter()
            .any(|act| matches!(act, Act::Create(deed) if deed.what.contains(&inside.returned())));
        Ok(is_kept.then(told).into_iter().collect())
    }

    /// The work is done by then: what can't be removed is reported, and tried again after the next
    /// restore.
    pub(super) fn cleared(&self, inside: &Inside, acts: &[Act]) -> Result<Vec<String>> {
        match self.perform(acts).map_err(|e| e.downcast::<Problem>()) {
            Ok(()) => Ok(Vec::new()),
            Err(Ok(problem)) if problem.exit == Exit::Failed => Ok(vec![format!(
                "files that are no longer needed could not be removed from `{}` in `{}`: {}; they \
                 do no harm, and the next restore tries again",
                inside.own(),
                self.container,
                [&[problem.tried][..], &problem.happened].concat().join(": ")
            )]),
            Err(Ok(problem)) => Err(problem.into()),
            Err(Err(other)) => Err(other),
        }
    }
}
