//! `db-repair`: what a killed run could not clean up.

use crate::plan::{Act, Plan, Risk, Scope, Step};
use crate::run::journal::Unfinished;
use crate::ui::describe;

/// The command's name.
pub const TASK: &str = "db-repair";

/// What to do about a deed that can't be done.
pub const WAYS_OUT: &str =
    "mend what is in its way, and run `db-repair`; or, where it is of no matter any more, `db-repair --forget NUMBER`";

/// What is left to be done, by the numbers that `--forget` takes.
pub fn numbered(left: &Unfinished) -> Vec<String> {
    let line = |(at, pending): (usize, &crate::run::journal::Pending)| {
        let act = pending.act();
        format!("{}. {} {}", at + 1, describe::verb(&act), describe::object(&act))
    };
    left.pending.iter().enumerate().map(line).collect()
}

/// Plans the clean-up of a killed run. Its deeds are those of the plan that it was cleared for, so that nobody is asked again.
pub fn plan(left: &Unfinished) -> Plan {
    let finally = left.pending.iter().map(crate::run::journal::Pending::act).collect();
    let headline = format!("clean up after `{}`, which was cut off ({})", left.task, left.since.format("%Y-%m-%d %H:%M:%S UTC"));
    let steps = vec![Step::Scope(Scope { finally, ..Scope::default() })];
    Plan { steps, alone: left.alone.clone(), ..Plan::bare(TASK, headline, Risk::Nothing) }
}

/// Plans to forget a wipe that came to its end, or nowhere, before it was cut off.
pub fn wipe_is_over(over: Act) -> Plan {
    Plan {
        steps: vec![Step::Act(over)],
        ..Plan::bare(TASK, "forget a wipe of which nothing is left to do".into(), Risk::Nothing)
    }
}
