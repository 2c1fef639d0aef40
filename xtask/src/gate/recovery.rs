//! Production can be restored: a backup exists for the day on which it is lost. A person says so at
//! the terminal, in words that no habit types; a script by a variable of that very run, which names
//! the database and the backup. An agent can't.

use super::verdict::{Agent, Circumstances, Consent, Judgement, Person, Verdict, verdict};
use crate::bundle::name::stem;
use crate::cmd::quoted;
use crate::engine::postgres::name::ident;
use crate::plan::{Author, Plan, Powers, Recovery, Stake};

/// The variable by which a script restores production.
const VARIABLE: &str = "DB_TASKS_RESTORE_PRODUCTION";

/// The guard's name.
const GUARD: &str = "production";

/// The guards that give way, for the databases of this plan alone.
const LIFTED: [&str; 3] = ["environment", "host", "marker"];

/// What a person has to type where only that lets the plan pass.
pub fn words(plan: &Plan, verdicts: &[Verdict]) -> Option<String> {
    let is_asked = verdicts.iter().any(|v| v.guard == GUARD && v.judgement == Judgement::Ask);
    is_asked.then(|| typed(plan.risk.stakes()))
}

fn typed(stakes: &[Stake]) -> String {
    format!("restore production {}", Stake::names(stakes))
}

/// The verdicts on a restore that keeps what it replaces. Where something is protected, the guards
/// in [`LIFTED`] let it pass for a person who types the words, or a script that sets the variable.
/// Where the host alone refuses, no person is asked: he may take it for his own machine. A
/// script that names the database does not.
pub fn considered(
    verdicts: Vec<Verdict>,
    stakes: &[Stake],
    recovery: &Recovery,
    author: Option<&Author>,
    c: &Circumstances<'_>,
) -> Vec<Verdict> {
    let refused = |guards: &[&str]| {
        verdicts.iter().any(|v| v.judgement == Judgement::Refused && guards.contains(&v.guard))
    };
    let is_production = refused(&["environment", "marker"]);
    let is_said = is_production || c.env.get(VARIABLE).is_some();

    if !refused(&LIFTED) || !is_said {
        return verdicts;
    }

    let word = said(&Stake::names(stakes), &recovery.of, c);
    let word = match (word.judgement, c.person) {
        _ if c.agent != Agent::None => verdict(
            GUARD,
            Judgement::Refused,
            "a coding agent runs this: only a person restores production",
            "",
        ),
        _ if author.is_some_and(|author| author.powers == Powers::All) => {
            let why = "the file's functions could do everything on the server: such a file is not \
                       restored over production";
            verdict(GUARD, Judgement::Refused, why, "restore it elsewhere, and back that up")
        }
        (Judgement::Refused, Person::AtTerminal) if is_production => verdict(
            GUARD,
            Judgement::Ask,
            format!("you will be asked to type `{}`", typed(stakes)),
            "",
        ),
        _ => word,
    };

    // neither the variable nor the words need a second yes, and none would do in their place
    let needs_no_yes = |v: &Verdict| v.guard == "confirmation" && c.consent == Consent::Ask;
    let verdicts = verdicts.into_iter().filter(|v| !needs_no_yes(v));
    let verdicts =
        verdicts.map(|v| if word.judgement == Judgement::Refused { v } else { lifted(v) });

    verdicts.chain([word.clone()]).chain(recovery.drops.iter().map(|kept| stays(kept))).collect()
}

/// What the variable says. It names the backup as `db-restore NAME` does: with its extensions or
/// without them.
fn said(database: &str, backup: &str, c: &Circumstances<'_>) -> Verdict {
    let wanted = format!("{database} {backup}");
    let is_meant = |value: &str| wanted == value || format!("{database} {}", stem(backup)) == value;
    let export = format!("{VARIABLE}={}", quoted(&wanted));
    let cure = format!(
        "on the day when production is lost: run it at a terminal, or give it `{export}` for one \
         run"
    );
    let refused = |why: String| verdict(GUARD, Judgement::Refused, why, cure.clone());

    let Some(value) = c.env.get(VARIABLE) else {
        return refused("nobody has said that production is to be restored".into());
    };
    match c.env.held(VARIABLE, value) {
        Some(file) => refused(format!(
            "`{VARIABLE}` stands in `{file}`, whoever exports it: it must be said for one run"
        )),
        None if c.env.given(VARIABLE).is_none() => {
            refused(format!("`{VARIABLE}` is set in `.env` alone: it must be said for one run"))
        }
        None if is_meant(value) => {
            verdict(GUARD, Judgement::Passed, format!("`{VARIABLE}` names `{wanted}`"), "")
        }
        None => refused(format!("`{VARIABLE}` is set, and not to `{wanted}`")),
    }
}

/// In production nothing goes for good: what an earlier restore replaced may be the data that is
/// missed.
fn stays(kept: &str) -> Verdict {
    let why = format!(
        "`{kept}`, which an earlier restore replaced, would go for good, and it may be \
         production's own data"
    );
    let rename =
        format!("ALTER DATABASE {} RENAME TO {}", ident(kept), ident(&format!("{kept}_1")));

    verdict(
        "kept",
        Judgement::Refused,
        why,
        format!("`db-undo` brings it back; `{rename}` keeps it out of the way"),
    )
}

/// A verdict that gives way.
fn lifted(v: Verdict) -> Verdict {
    if v.judgement != Judgement::Refused || !LIFTED.contains(&v.guard) {
        return v;
    }
    let why = format!("{}: lifted for this run alone", v.why);
    Verdict { judgement: Judgement::Warned, why, cure: String::new(), ..v }
}
