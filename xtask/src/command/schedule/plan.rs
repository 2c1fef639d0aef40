//! `db-schedule install` and `remove`: what is put into place, and what is taken away.

use anyhow::Result;

use super::keeper::{self, Job, Keeper, MINUTES};
use super::view::rhythms;
use crate::config::{Env, Project, Schedule};
use crate::facts::machine::Machine;
use crate::plan::{Act, Plan, Risk, Step};
use crate::problem::Problem;
use crate::tasks;

/// What is installed.
pub struct Wanted<'a> {
    /// What will start it.
    pub keeper: Keeper,
    /// What starts it now, and would start it twice.
    pub others: Vec<Keeper>,
    /// Variables of this shell that the project's settings come from.
    pub borrowed: Vec<String>,
    /// The rhythms.
    pub times: &'a Schedule,
}

/// Plans an installation. An older one of another kind goes.
///
/// # Errors
/// The machine lacks what is wanted.
pub fn install(wanted: &Wanted<'_>, job: &Job, machine: &Machine) -> Result<Plan, Problem> {
    let mut acts = Vec::new();
    for other in &wanted.others {
        acts.extend(keeper::undone(*other, job, machine)?);
    }
    acts.extend(keeper::acts(wanted.keeper, job, machine)?);

    let headline = format!(
        "let {} start the backups of `{}`: every {MINUTES} minutes it looks what is due",
        wanted.keeper.word(),
        job.project
    );

    Ok(Plan {
        notes: std::iter::once(rhythms(wanted.times))
            .chain(warnings(wanted, job, machine))
            .collect(),
        afterwards: vec![
            "what runs when: db-schedule".into(),
            "take it away: db-schedule remove".into(),
        ],
        ..planned(headline, acts)
    })
}

/// Plans a removal.
///
/// # Errors
/// What has it is gone.
pub fn remove(job: &Job, machine: &Machine, from: &[Keeper]) -> Result<Plan, Problem> {
    let mut acts = Vec::new();
    for keeper in from {
        acts.extend(keeper::undone(*keeper, job, machine)?);
    }

    let words: Vec<&str> = from.iter().map(|keeper| keeper.word()).collect();
    let headline = match words.as_slice() {
        [] => format!("nothing on this machine starts the backups of `{}`", job.project),
        words => {
            format!("{} no longer starts the backups of `{}`", words.join(" and "), job.project)
        }
    };
    Ok(planned(headline, acts))
}

fn planned(headline: String, acts: Vec<Act>) -> Plan {
    let steps = acts.into_iter().map(Step::Act).collect();
    Plan { steps, ..Plan::bare(tasks::SCHEDULE.name, headline, Risk::Nothing) }
}

/// What works now, and would fail at night.
fn warnings(wanted: &Wanted<'_>, job: &Job, machine: &Machine) -> Vec<String> {
    let mut warnings = Vec::new();
    if !wanted.borrowed.is_empty() {
        warnings.push(format!(
            "{} of this shell will not be there: put them into `.env`, or it will connect elsewhere \
             or not at all",
            wanted.borrowed.join(", ")
        ));
    }
    if job.words.first().is_some_and(|program| program.replace('\\', "/").contains("/target/")) {
        warnings.push(
            "the program is in cargo's `target` folder, and `cargo clean` removes it: install it \
             (`cargo install --path xtask`) and run this again with that one"
                .into(),
        );
    }
    if wanted.keeper == Keeper::Systemd && machine.user != 0 && !machine.lingers {
        warnings.push(
            "your own timers stand still while you are logged out: `loginctl enable-linger` changes \
             that"
                .into(),
        );
    }
    warnings
}

/// Variables of the shell that settings come from: neither cron nor systemd has them.
pub fn borrowed(project: &Project, env: &Env) -> Vec<String> {
    let own = project.entries.iter().filter_map(|entry| entry.origin.strip_prefix('$'));
    let lent = project.lent.iter().map(|lent| lent.variable.as_str());
    let mut names: Vec<String> =
        own.chain(lent).filter(|name| env.given(name).is_some()).map(String::from).collect();
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| format!("`{name}`")).collect()
}
