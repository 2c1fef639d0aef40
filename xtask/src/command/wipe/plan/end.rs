//! What is said of a wipe at its end.

use std::path::PathBuf;

use super::amounts;
use crate::config::Project;
use crate::facts::{Emptying, Part, Set};
use crate::planning::Moment;
use crate::problem::Problem;

/// What failed, and how to restore what is empty by then: no transaction spans two databases, or a
/// store.
pub fn half_done(problem: Problem, parts: &[String], done: &[&str], back: &[String]) -> Problem {
    // in their order: databases of two servers may have one name
    let mut done = done.iter();
    let empty = parts.iter().take_while(|part| done.any(|act| act == part)).count();
    // all of it is empty: the failure came after the work
    if empty == 0 || empty == parts.len() {
        return problem;
    }

    let way = match back {
        [] => "this run made no backup; an older one brings the data back, if there is one \
               (`db-list`)"
            .to_owned(),
        lines => lines.join("; "),
    };

    let cure =
        problem.cure.iter().fold(way, |way, cure| format!("{way}; and for the rest: {cure}"));

    problem.cure(cure)
}

/// What it empties, written down in case it is interrupted. A single database is emptied completely
/// or not at all.
pub(super) fn note(
    project: &Project,
    set: &Set,
    backup: Option<PathBuf>,
    earlier: Option<&Emptying>,
    moment: &Moment,
) -> Option<Emptying> {
    let parts: Vec<Part> =
        amounts(project, set).into_iter().map(|(key, items)| Part { key, items }).collect();
    let parts: Vec<Part> = parts.into_iter().filter(|part| part.items > 0).collect();
    let atomic = parts.len() < 2 && set.stores.is_empty();
    (!atomic || earlier.is_some())
        .then(|| Emptying { since: moment.now, parts, backup }.after(earlier))
}
