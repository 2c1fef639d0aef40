//! Deciding is pure: circumstances in, one verdict per guard out, with its reason and what to do.

mod asking;

use self::asking::{agent, confirmation, question, sessions};
use super::circumstances::{Circumstances, Presence};
use super::judgement::{Judgement, Verdict, verdict};
use super::{recovery, testing};
use crate::cmd::quoted;
use crate::config::Pin;
use crate::config::environment::Origin;
use crate::plan::{Author, Plan, Powers, Purpose, Risk, Safety, Stake, Whereabouts, Word};
use crate::tasks;

/// All verdicts, refusals and passes alike: a dry run shows them all.
pub fn judge(plan: &Plan, c: &Circumstances<'_>) -> Vec<Verdict> {
    let verdicts = by_risk(plan, c);
    verdicts.into_iter().chain(plan.author.as_ref().map(|a| author(a, c))).collect()
}

fn by_risk(plan: &Plan, c: &Circumstances<'_>) -> Vec<Verdict> {
    match &plan.risk {
        Risk::Nothing => wanted(plan, c),
        Risk::Adds | Risk::Migrates => {
            wanted(plan, c).into_iter().chain([question(Judgement::Passed, c)]).collect()
        }
        Risk::RemovesBackups => {
            wanted(plan, c).into_iter().chain([question(Judgement::Refused, c)]).collect()
        }
        Risk::Stranger { stakes, purpose } => {
            wanted(plan, c).into_iter().chain(stranger(plan, stakes, *purpose, c)).collect()
        }
        Risk::Changes { stakes, pins } => {
            let mut verdicts = live_data(stakes, pins, c);
            verdicts.push(agent(plan.task, stakes, c));
            verdicts
        }
        Risk::ReplacesData { stakes, pins, recovery, .. } => {
            let mut verdicts = live_data(stakes, pins, c);
            verdicts.extend(stakes.iter().filter_map(|stake| testing::of(stake, c)));
            verdicts.extend(stakes.iter().filter_map(backup));
            verdicts.extend(stakes.iter().filter_map(sessions));
            verdicts.push(agent(plan.task, stakes, c));

            verdicts.push(confirmation(stakes, c));
            match recovery {
                Some(recovery) => {
                    recovery::considered(verdicts, stakes, recovery, plan.author.as_ref(), c)
                }
                None => verdicts,
            }
        }
    }
}

/// An untrusted file must not be tried next to production's data; production may need a restore of
/// one, but never with functions that could do anything there.
fn stranger(
    plan: &Plan,
    stakes: &[Stake],
    purpose: Purpose,
    c: &Circumstances<'_>,
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();

    if purpose == Purpose::Trial
        || plan.author.as_ref().is_some_and(|author| author.powers == Powers::All)
    {
        verdicts.extend(live_data(stakes, &[], c));
        verdicts.push(agent(plan.task, stakes, c));
    }

    verdicts.push(question(Judgement::Passed, c));
    verdicts
}

/// If a file's functions run as the project's own role, a person must allow that: at the terminal,
/// or by a separate flag. `--yes` agrees to what the plan does, and the plan does not know what is
/// in them.
fn author(author: &Author, c: &Circumstances<'_>) -> Verdict {
    let role = &author.role;
    let cure = format!(
        "if you trust its author, `--trust=role` lets the file's functions run as `{role}`"
    );

    match (author.powers, author.word, c.person) {
        (Powers::Contained, ..) => verdict(
            "author",
            Judgement::Passed,
            "the file's functions run as a role made for this run",
            "",
        ),
        (_, Word::Given, _) => verdict(
            "author",
            Judgement::Warned,
            format!("the file's functions run as `{role}`: its author is trusted"),
            "",
        ),
        (_, Word::Missing, Presence::AtTerminal) => verdict(
            "author",
            Judgement::Ask,
            format!("the file's functions would run as `{role}`: you will be asked"),
            "",
        ),
        (_, Word::Missing, Presence::Absent) => verdict(
            "author",
            Judgement::Refused,
            format!(
                "the file's functions would run as `{role}`, and there is no terminal to ask at"
            ),
            cure,
        ),
    }
}

/// The pins that the file sets for a task that changes something but no live data.
fn wanted(plan: &Plan, c: &Circumstances<'_>) -> Vec<Verdict> {
    let wanted = c.guards.pins_of(tasks::word(plan.task));
    wanted.iter().filter(|_| !plan.steps.is_empty()).map(|wanted| pin(wanted, c)).collect()
}

/// Whether live data may be changed at all.
fn live_data(stakes: &[Stake], wanted: &[Pin], c: &Circumstances<'_>) -> Vec<Verdict> {
    let mut verdicts = vec![environment(c)];
    verdicts.extend(stakes.iter().map(|stake| host(stake, c)));
    verdicts.extend(stakes.iter().map(|stake| marker(stake, c)));
    verdicts.extend(wanted.iter().map(|wanted| pin(wanted, c)));
    verdicts
}

fn environment(c: &Circumstances<'_>) -> Verdict {
    if c.guards.protects(c.environment) {
        let (named, who) = match c.said_by {
            Origin::Variable("ENVIRONMENT") | Origin::Default => {
                (String::new(), "ENVIRONMENT".to_owned())
            }
            Origin::Variable(name) => {
                (format!(" by {name}"), format!("{name}, or set ENVIRONMENT"))
            }
            Origin::File => (String::new(), "`project.environment` in `db-tasks.toml`".to_owned()),
        };

        let cure = format!(
            "no flag lifts this; if this is not production, correct {who}; you can restore a \
             backup next to it (`db-restore --as OTHER_DATABASE`)"
        );
        let why = format!(
            "this project's environment is `{}`{named}, where no live data is replaced",
            c.environment
        );

        return verdict("environment", Judgement::Refused, why, cure);
    }

    verdict("environment", Judgement::Passed, format!("`{}` is not protected", c.environment), "")
}

fn host(stake: &Stake, c: &Circumstances<'_>) -> Verdict {
    let (listed, why) = match &stake.whereabouts {
        Whereabouts::Here => {
            return verdict(
                "host",
                Judgement::Passed,
                format!("`{}` is on this machine ({})", stake.database, stake.at),
                "",
            );
        }
        Whereabouts::Elsewhere(host) => (vec![host.clone()], "which is not this machine"),
        Whereabouts::Unshown { host, port } => (
            vec![format!("{host}:{port}"), host.clone()],
            "but it is not known to be on this machine: a tunnel may lead elsewhere",
        ),
    };

    let allowed =
        |host: &&String| c.guards.allowed_hosts.iter().any(|h| h.eq_ignore_ascii_case(host));

    if let Some(host) = listed.iter().find(allowed) {
        return verdict(
            "host",
            Judgement::Passed,
            format!("`{host}` is listed in `guards.allowed-hosts`"),
            "",
        );
    }

    let host = &listed[0];
    let cure = format!(
        "if its data may be replaced, add \"{host}\" to `guards.allowed-hosts` in `db-tasks.toml`"
    );

    verdict("host", Judgement::Refused, format!("`{}` is on `{host}`, {why}", stake.database), cure)
}

fn marker(stake: &Stake, c: &Circumstances<'_>) -> Verdict {
    if let Some(mark) = stake.marks.iter().find(|mark| c.guards.protects(&mark.environment)) {
        let cure = format!("no flag lifts this; if it is wrong, {}", mark.lifted(&stake.database));
        let why = format!(
            "the marker in the database `{}` says that it is `{}`",
            stake.database, mark.environment
        );
        return verdict("marker", Judgement::Refused, why, cure);
    }

    match stake.marks.first() {
        Some(mark) => verdict(
            "marker",
            Judgement::Passed,
            format!("the database's marker says `{}`", mark.environment),
            "",
        ),
        None => verdict("marker", Judgement::Passed, "the database has no marker", ""),
    }
}

/// A pin must be set for this one run, in the environment: in a file it would always be set.
fn pin(pin: &Pin, c: &Circumstances<'_>) -> Verdict {
    let variable = &pin.variable;
    if let Some(file) = c.env.held(variable, &pin.value) {
        let why = format!(
            "`{pin}` is set in `{file}`: a safety pin counts only if it is set for one run"
        );
        return verdict(
            "pin",
            Judgement::Refused,
            why,
            format!("remove it from `{file}`, and set it for one run"),
        );
    }

    let why = match (c.env.given(variable), c.env.get(variable)) {
        (Some(value), _) if value == pin.value => {
            return verdict("pin", Judgement::Passed, format!("`{pin}` is set"), "");
        }
        (Some(_), _) => format!("`{variable}` is set, but not to `{}`", pin.value),
        (None, Some(_)) => {
            format!("`{variable}` is set only in `.env`; set it in the environment, for one run")
        }
        (None, None) => format!(
            "`{variable}` is not set: it is a safety pin, and prevents this from happening by \
             accident"
        ),
    };

    let export = format!("export {variable}={}", quoted(&pin.value));
    let cure = format!(
        "look first (`--dry-run` needs no safety pin); then `{export}`, and `unset {variable}` \
         afterwards"
    );

    verdict("pin", Judgement::Refused, why, cure)
}

fn backup(stake: &Stake) -> Option<Verdict> {
    let database = &stake.database;

    match &stake.safety {
        Safety::Kept => None,
        Safety::BackedUp => {
            let why = format!(
                "`{database}` is backed up first; nothing changes until that backup is verified"
            );
            Some(verdict("backup", Judgement::Passed, why, ""))
        }
        Safety::Bare(newest) => {
            let last = newest.as_ref().map_or("there is no good backup".into(), |b| {
                format!("the newest good backup is {b}")
            });
            let why = format!("NO backup of `{database}` is made: this can't be undone; {last}");

            Some(verdict(
                "backup",
                Judgement::Warned,
                why,
                "use `--backup`, or run `db-backup` first",
            ))
        }
    }
}

#[cfg(test)]
mod tests;
