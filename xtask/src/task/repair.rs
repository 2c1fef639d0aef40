//! `db-repair`: what a killed run could not clean up.

use crate::plan::{Act, Plan, Risk, Scope, Step};
use crate::run::journal::Unfinished;

/// The command's name.
pub const TASK: &str = "db-repair";

/// Plans the clean-up of a killed run. Its deeds are those of the plan that it was cleared for, so that nobody is asked again.
pub fn plan(left: &Unfinished) -> Plan {
    let finally = left.pending.iter().map(crate::run::journal::Pending::act).collect();
    let headline = format!("clean up after `{}`, which was cut off ({})", left.task, left.since.format("%Y-%m-%d %H:%M:%S UTC"));
    let steps = vec![Step::Scope(Scope { finally, ..Scope::default() })];
    Plan { steps, ..Plan::bare(TASK, headline, Risk::Nothing) }
}

/// Plans to forget a wipe that came to its end, or nowhere, before it was cut off.
pub fn wipe_is_over(over: Act) -> Plan {
    Plan {
        steps: vec![Step::Act(over)],
        ..Plan::bare(TASK, "forget a wipe of which nothing is left to do".into(), Risk::Nothing)
    }
}
