//! What comes after the work: a swap of another run taken back, and what is of no use any more.

use anyhow::Result;

use super::Contained;
use crate::engine::files::{Found, Inside};
use crate::plan::Act;
use crate::problem::{Exit, Problem};

impl Contained<'_> {
    /// What came has been live since its run was cut off: somebody may have gone on in it.
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
                "what was restored may have been used since: it is kept in `{}:{}`",
                self.container,
                inside.returned()
            )
        };

        let is_kept = acts
            .iter()
            .any(|act| matches!(act, Act::Create(deed) if deed.what.contains(&inside.returned())));
        Ok(is_kept.then(told).into_iter().collect())
    }

    /// The work is done by then: what can't be removed is told, and tried again after the next one.
    pub(super) fn cleared(&self, inside: &Inside, acts: &[Act]) -> Result<Vec<String>> {
        match self.perform(acts).map_err(|e| e.downcast::<Problem>()) {
            Ok(()) => Ok(Vec::new()),
            Err(Ok(problem)) if problem.exit == Exit::Failed => Ok(vec![format!(
                "what is of no use any more is not gone from `{}` in `{}`: {}; it is in nobody's \
                 way, and the next restore tries again",
                inside.own(),
                self.container,
                [&[problem.tried][..], &problem.happened].concat().join(": ")
            )]),
            Err(Ok(problem)) => Err(problem.into()),
            Err(Err(other)) => Err(other),
        }
    }
}
