//! What you read before the question: what is lost, who notices, what comes first, what brings it
//! back, and the steps.

use std::path::Path;

use super::outcome;
use crate::plan::{Act, Plan, Risk, Seal, Stake, Step, StepId, identified};
use crate::{human, tasks};

/// Names of sessions shown; there may be hundreds.
const SESSIONS: usize = 5;

/// A plan's notes; of a wipe, which has one for each table, only the first and the last. Other
/// plans have few, and each may be a reason to say no.
pub fn notes(plan: &Plan) -> Vec<String> {
    const FIRST: usize = 9;
    const LAST: usize = 5;

    let notes = &plan.notes;
    if plan.task != tasks::WIPE.name || notes.len() <= FIRST + LAST + 1 {
        return notes.clone();
    }

    let (first, rest) = notes.split_at(FIRST);
    let (between, last) = rest.split_at(rest.len() - LAST);
    let left_out = format!(
        "… and {} more lines (`--dry-run --verbose` shows all)",
        human::count(between.len() as u64)
    );

    [first, &[left_out], last].concat()
}

/// What is at stake, one sentence a line; nothing if no live data is replaced.
pub fn stakes(plan: &Plan) -> Vec<String> {
    let Risk::ReplacesData { stakes, .. } = &plan.risk else { return Vec::new() };
    let mut lines: Vec<String> = stakes.iter().flat_map(stake).collect();
    lines.extend(plan.acts().into_iter().filter_map(backup));
    // a plan first says how to get the old data back
    lines.extend(plan.afterwards.first().map(|way| format!("afterwards: {way}")));
    lines
}

fn stake(stake: &Stake) -> Vec<String> {
    let size = stake.size.map_or(String::new(), |n| format!(", {} on disk", human::bytes(n)));
    let verb = if stake.is_kept() { "replaces" } else { "deletes" };
    let mut lines =
        vec![format!("this {verb} the live data of `{}` ({}){size}", stake.database, stake.at)];

    if !stake.sessions.is_empty() {
        let shown = &stake.sessions[..stake.sessions.len().min(SESSIONS)];
        let more = stake.sessions.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!(
            "connected now; these sessions are terminated if they block the change: {}{more}",
            shown.join(", ")
        ));
    }

    lines
}

fn backup(act: &Act) -> Option<String> {
    let Act::Seal(seal) = act else { return None };
    let Seal::Backup { names, .. } = &**seal else { return None };
    let names: Vec<String> = names
        .iter()
        .map(|(_, to)| to.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    Some(format!("first: a verified backup: {}", names.join(", ")))
}

/// The steps of a successful run, one a line.
pub fn steps(plan: &Plan, here: &Path) -> Vec<(StepId, String)> {
    let mut acts = Vec::new();
    expected(&plan.steps, StepId::FIRST, &mut acts);
    acts.into_iter().map(|(id, act)| (id, outcome::doing(act, here))).collect()
}

fn expected<'a>(steps: &'a [Step], first: StepId, acts: &mut Vec<(StepId, &'a Act)>) {
    for (id, step) in identified(steps, first) {
        match step {
            Step::Act(act) => acts.push((id, act)),
            Step::Scope(scope) => {
                expected(&scope.body, id, acts);
                acts.extend(scope.clean_up(id).finally);
            }
        }
    }
}
