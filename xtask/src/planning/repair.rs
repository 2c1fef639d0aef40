//! `db-repair`: what a killed run could not clean up.

use crate::plan::{Act, Deed, How, Plan, Risk, Scope, Step, words};
use crate::run::journal::{Pending, Unfinished};

/// What to do about a clean-up step that can't be done.
pub const WAYS_OUT: &str = "fix the cause and run `db-repair` again; or, if the step no longer \
                            matters, give up with `db-repair --forget NUMBER`";
use crate::tasks;

/// What is left to do, by the numbers that `--forget` takes.
pub fn numbered(left: &Unfinished) -> Vec<String> {
    let line = |(at, pending): (usize, &Pending)| {
        let act = pending.act();
        format!("{}. {} {}", at + 1, words::verb(&act), words::object(&act))
    };
    left.pending.iter().enumerate().map(line).collect()
}

/// What a run with another purpose does of it: old data replaces newer data only if a person asks
/// for it.
pub fn on_the_way(left: &Unfinished) -> Unfinished {
    let pending = left.pending.iter().filter(|pending| !is_put_off(pending)).cloned().collect();
    Unfinished { pending, ..left.clone() }
}

/// Whether some of it waits until a person asks.
pub fn waits(left: &Unfinished) -> bool {
    left.pending.iter().any(is_put_off)
}

/// What it leaves.
pub fn put_off(left: Unfinished, plan: &Plan) -> Option<Unfinished> {
    let asked = plan
        .acts()
        .into_iter()
        .any(|act| matches!(act, Act::Write(Deed { how: How::Reload(_), .. })));
    let pending: Vec<Pending> =
        left.pending.into_iter().filter(|pending| is_put_off(pending) && !asked).collect();
    (!pending.is_empty()).then_some(Unfinished { pending, hook: None, inside: Vec::new(), ..left })
}

fn is_put_off(pending: &Pending) -> bool {
    matches!(pending.deed.how, How::Reload(_))
}

/// Plans the clean-up of a killed run. Its steps come from the plan that was cleared then, so there
/// is no question.
pub fn plan(left: &Unfinished) -> Plan {
    let finally = left.pending.iter().map(Pending::act).collect();
    let headline = format!(
        "clean up after `{}`, which was interrupted ({})",
        left.task,
        left.since.format("%Y-%m-%d %H:%M:%S UTC")
    );
    let steps = vec![Step::Scope(Scope { finally, ..Scope::default() })];
    Plan {
        steps,
        alone: left.alone.clone(),
        ..Plan::bare(tasks::REPAIR.name, headline, Risk::Nothing)
    }
}

/// Plans to forget an interrupted wipe that emptied everything, or nothing.
pub fn wipe_is_over(over: Act) -> Plan {
    Plan {
        steps: vec![Step::Act(over)],
        ..Plan::bare(
            tasks::REPAIR.name,
            "forget a wipe with nothing left to do".into(),
            Risk::Nothing,
        )
    }
}
