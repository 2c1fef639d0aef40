//! The guards. Only `clear` makes the `Cleared` that `run` accepts: forgetting a guard does not
//! compile.

mod circumstances;
mod judgement;
mod recovery;
mod testing;
mod verdict;

use anyhow::Result;

pub use self::circumstances::{Agent, Circumstances, Consent, Presence};
pub use self::judgement::{Judgement, Verdict};
pub use self::verdict::judge;
use crate::plan::{Plan, Risk, Stake};
use crate::problem::{Code, Exit, Problem, one_line};

/// A plan that passed every guard.
#[derive(Debug)]
pub struct Cleared {
    plan: Plan,
}

impl Cleared {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Asks a person; the answer is a line as typed.
pub trait Ask {
    /// Shows the question and reads the answer; `None` at the end of input.
    fn ask(&mut self, question: &str) -> Result<Option<String>>;
}

/// Lets a plan pass, or says which guard refuses and how to proceed.
pub fn clear(
    plan: Plan,
    circumstances: &Circumstances<'_>,
    person: &mut dyn Ask,
) -> Result<Cleared> {
    let verdicts = judge(&plan, circumstances);
    refuse(plan.task, &verdicts)?;
    if verdicts.iter().any(|v| v.judgement == Judgement::Ask) {
        consent(&plan, recovery::words(&plan, &verdicts), person)?;
    }
    Ok(Cleared { plan })
}

/// Says which guard refuses a task, if one does, and how to proceed.
pub fn refuse(task: &str, verdicts: &[Verdict]) -> Result<()> {
    let refusals: Vec<&Verdict> =
        verdicts.iter().filter(|v| v.judgement == Judgement::Refused).collect();
    let Some(first) = refusals.first() else { return Ok(()) };
    let lines: Vec<String> =
        refusals.iter().map(|v| one_line(&format!("{}: {}", v.guard, v.why))).collect();
    let cures: Vec<&str> =
        refusals.iter().map(|v| v.cure.as_str()).filter(|c| !c.is_empty()).collect();
    let mut problem = Problem::refused(format!("`{task}` is refused by the {} guard", first.guard))
        .code(Code::Guard)
        .because(lines.join("\n"));

    problem.cure = (!cures.is_empty()).then(|| cures.join("; "));
    Err(problem.into())
}

fn consent(plan: &Plan, words: Option<String>, person: &mut dyn Ask) -> Result<()> {
    let (word, question) = match &plan.risk {
        Risk::ReplacesData { stakes, answer, .. } => {
            let names: Vec<String> =
                stakes.iter().map(|s| one_line(&format!("`{}`", s.database))).collect();
            let verb = if stakes.iter().all(Stake::is_kept) { "replace" } else { "delete" };
            let answer = words.as_ref().unwrap_or(answer);
            (
                Some(answer),
                format!("Type `{answer}` to {verb} the live data of {}: ", names.join(", ")),
            )
        }
        _ => (None, "Proceed? [y/N] ".into()),
    };

    let mut given = person.ask(&question)?.unwrap_or_default();
    // a reflex is not consent, and not a refusal either
    if word.is_some_and(|word| word == "yes") && given.trim().eq_ignore_ascii_case("y") {
        given = person
            .ask("Type the whole word `yes`, or anything else to leave everything as it is: ")?
            .unwrap_or_default();
    }

    let agreed = match word {
        Some(word) => given.trim() == word,
        None => matches!(given.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
    };
    anyhow::ensure!(agreed, Problem::new(Exit::Declined, "declined: nothing was changed"));

    Ok(())
}
