//! `db-migrate` and `db-seed`: the hook of that name, with the right DATABASE_URL; and `db-prepare`, which decides what a database needs.

use anyhow::Result;

use super::hooks::{Hooks, Outcome};
use crate::config::Pin;
use crate::facts::Surveyed;
use crate::plan::{Plan, Risk, Step};
use crate::problem::Problem;

/// Plans one hook (`migrate`, `seed`), after a backup where one is asked for.
pub fn plan(target: &Surveyed, task: &'static str, hooks: &Hooks, backup: Option<Plan>, pins: Vec<Pin>) -> Result<Plan> {
    let moment = hooks.task.clone();
    let made = backup.as_ref().and_then(|b| b.result.first().cloned());
    let acts = hooks.acts(&moment, made.as_ref(), Outcome::Pending);
    if acts.is_empty() {
        return Err(Problem::usage(format!("there is no hook `{moment}` for `{}`", target.spec.key))
            .cure(format!(
                "add `{moment} = [\"npm\", \"run\", \"{moment}\"]`, or whatever does it, below `[hooks]` in `db-tasks.toml`"
            ))
            .into());
    }
    let mut steps = backup.map_or(Vec::new(), |b| b.steps);
    steps.extend(acts.into_iter().map(Step::Act));
    let mut afterwards = Vec::new();
    if let Some(path) = &made {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        afterwards.push(format!("what was there before is in the backup: db-restore {file}"));
    }
    // a migration is what production is there for; a seed is not
    let risk = match moment.as_str() {
        "migrate" => Risk::Adds,
        _ => Risk::Changes { stakes: vec![target.stake()], pins },
    };
    Ok(Plan {
        notes: hooks.notes(&moment),
        steps,
        afterwards,
        result: made.iter().cloned().collect(),
        backup: made,
        ..Plan::bare(task, format!("{moment} `{}` ({})", target.name(), target.at()), risk)
    })
}
