//! Production can be restored: that is what backups are for. A person confirms it at the terminal
//! by typing words that nobody types out of habit; a script sets a variable for that one run, which
//! names the database and the backup. An agent can't.

use super::circumstances::{Agent, Circumstances, Consent, Presence};
use super::judgement::{Judgement, Verdict, verdict};
use crate::bundle::ending::stem;
use crate::cmd::quoted;
use crate::engine::postgres::change::statements::renaming;
use crate::plan::{Author, Plan, Powers, Recovery, Stake};

/// The variable by which a script restores production.
const VARIABLE: &str = "DB_TASKS_RESTORE_PRODUCTION";

/// The guard's name.
const GUARD: &str = "production";

/// The guards that are lifted, only for the databases of this plan.
const LIFTED: [&str; 3] = ["environment", "host", "marker"];

/// What a person must type if only that lets the plan pass.
pub fn words(plan: &Plan, verdicts: &[Verdict]) -> Option<String> {
    let is_asked = verdicts.iter().any(|v| v.guard == GUARD && v.judgement == Judgement::Ask);
    is_asked.then(|| typed(plan.risk.stakes()))
}

fn typed(stakes: &[Stake]) -> String {
    format!("restore production {}", Stake::names(stakes))
}

/// The verdicts on a restore that keeps what it replaces. If something is protected, the guards in
/// [`LIFTED`] let it pass for a person who types the words, or a script that sets the variable. If
/// only the host guard refuses, the person is not asked, because they may think it is their own
/// machine. A script that names the database can't be mistaken.
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
    let may_be_typed = is_production && c.person == Presence::AtTerminal;
    let word = match barred(author, c) {
        Some(never) => never,
        None if word.judgement == Judgement::Refused && may_be_typed => verdict(
            GUARD,
            Judgement::Ask,
            format!("you will be asked to type `{}`", typed(stakes)),
            "",
        ),
        None => word,
    };

    // the variable or the words need no second yes, and no yes replaces them
    let needs_no_yes = |v: &Verdict| v.guard == "confirmation" && c.consent == Consent::Ask;
    let verdicts = verdicts.into_iter().filter(|v| !needs_no_yes(v));
    let verdicts =
        verdicts.map(|v| if word.judgement == Judgement::Refused { v } else { lifted(v) });

    verdicts.chain([word.clone()]).chain(recovery.drops.iter().map(|kept| stays(kept))).collect()
}

/// Who never restores production, and what never replaces it, whatever is said.
fn barred(author: Option<&Author>, c: &Circumstances<'_>) -> Option<Verdict> {
    if c.agent != Agent::None {
        let why = "a coding agent runs this: only a person may restore production";
        return Some(verdict(GUARD, Judgement::Refused, why, ""));
    }

    author.filter(|author| author.powers == Powers::All).map(|_| {
        verdict(
            GUARD,
            Judgement::Refused,
            "the file's functions could do anything on the server: such a file is not restored \
             over production",
            "restore it to another server, back that up, and restore that backup",
        )
    })
}

/// What the variable says. It names the backup as `db-restore NAME` does: with its extensions or
/// without them.
fn said(database: &str, backup: &str, c: &Circumstances<'_>) -> Verdict {
    let wanted = format!("{database} {backup}");
    let is_meant = |value: &str| wanted == value || format!("{database} {}", stem(backup)) == value;
    let export = format!("{VARIABLE}={}", quoted(&wanted));
    let cure =
        format!("if production is lost: run this at a terminal, or set `{export}` for one run");
    let refused = |why: String| verdict(GUARD, Judgement::Refused, why, cure.clone());

    let Some(value) = c.env.get(VARIABLE) else {
        return refused("restoring production was not confirmed".into());
    };
    match c.env.held(VARIABLE, value) {
        Some(file) => refused(format!(
            "`{VARIABLE}` is set in `{file}`; set it in the environment, for this run only"
        )),
        None if c.env.given(VARIABLE).is_none() => refused(format!(
            "`{VARIABLE}` is set only in `.env`; set it in the environment, for this run only"
        )),
        None if is_meant(value) => {
            verdict(GUARD, Judgement::Passed, format!("`{VARIABLE}` names `{wanted}`"), "")
        }
        None => refused(format!("`{VARIABLE}` is set, but not to `{wanted}`")),
    }
}

/// In production nothing is dropped for good: what an earlier restore replaced may be the data you
/// need.
fn stays(kept: &str) -> Verdict {
    let why = format!(
        "`{kept}`, kept by an earlier restore, would be lost, and it may be production data"
    );
    let rename = renaming(kept, &format!("{kept}_1"));

    verdict(
        "kept",
        Judgement::Refused,
        why,
        format!("`db-undo` brings it back; `{rename}` keeps it under another name"),
    )
}

/// A verdict that is lifted.
fn lifted(v: Verdict) -> Verdict {
    if v.judgement != Judgement::Refused || !LIFTED.contains(&v.guard) {
        return v;
    }
    let why = format!("{}: lifted for this run only", v.why);
    Verdict { judgement: Judgement::Warned, why, cure: String::new(), ..v }
}
