//! What an act came to.

use std::path::Path;

use super::found::{Found, Held};
use crate::engine::postgres::change::statistics::Bare;
use crate::plan::{Act, How, Outcome, Pipe, Plan, Seal, Sink};
use crate::problem::{Exit, Problem};
use crate::value::Spare;

/// Whether a clean-up step checks what there is to do.
pub(super) fn may_do_nothing(act: &Act) -> bool {
    match act {
        Act::Remove(_) | Act::Rename(_) => true,
        Act::Write(deed) => matches!(deed.how, How::Live(..) | How::Reload(_)),
        _ => false,
    }
}

/// The error, with what state the data is in.
pub(super) fn standing(error: anyhow::Error, stands: Option<String>) -> anyhow::Error {
    let Some(stands) = stands else { return error };
    let problem = Problem::of(error);
    Problem { stands: Some(stands.into()), ..problem }.into()
}

/// The error of a run of which only a part is done, with the way back from there.
pub(super) fn half_way(error: anyhow::Error, plan: &Plan) -> anyhow::Error {
    let problem = Problem::of(error);
    let Some(way) = &plan.half_way else { return problem.into() };
    let rest = problem.cure.iter().map(|cure| format!("; and for the rest: {cure}"));
    let cure = format!("{way}{}", rest.collect::<String>());

    problem.cure(cure).into()
}

/// The manifest that records the failure, and of which verification.
pub(super) fn bad_word(act: &Act) -> Option<(&Path, &'static str)> {
    match act {
        Act::Seal(seal) => match &**seal {
            Seal::Verified { manifest_path, how, outcome: Outcome::Bad } => {
                Some((manifest_path, how))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What a backup of a store lacks, said when it is made, and what a load left out because the
/// server has no place for it.
pub(super) fn lost(pipe: &Pipe, found: &Found) -> Vec<String> {
    match (&pipe.to, &found.held) {
        (Sink::File { .. }, Held::Contents(contents)) => {
            contents.lost().iter().map(|what| format!("{}: {what}", pipe.store)).collect()
        }
        (Sink::Psql(_), Held::Script(script))
            if pipe.proof.leave_out.contains(&Spare::Tablespace) =>
        {
            let named = script
                .tablespaces
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ");

            let lacks = format!(
                "what the dump has in the tablespace {named} went to the default one: the server \
                 has no tablespace of that name"
            );
            (!named.is_empty()).then_some(lacks).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What the server's planner has no statistics of.
pub(super) fn without_statistics(found: &Found) -> Vec<String> {
    let say = |bare: &Bare| match bare {
        Bare::Far(table) => {
            format!(
                "no statistics for {table}: a part of it is on another server, which is not asked \
                 here; `ANALYZE {table}` asks it"
            )
        }
        Bare::Failed(table) => {
            format!(
                "no statistics for {table}: a function of its indexes or statistics fails; \
                 `ANALYZE {table}` says why"
            )
        }
    };
    found.loaded.bare.iter().map(say).collect()
}

/// The work is done: that comes first, whatever failed after it.
pub(super) fn but(error: anyhow::Error) -> anyhow::Error {
    let problem = Problem::of(error);
    let cure = problem.cure.clone().unwrap_or_default();
    let tried = format!("finished, but {}", problem.tried);
    Problem { exit: Exit::FinishedBut, ..problem.told_as(tried) }
        .cure(format!("{cure}; do not run the command again for it"))
        .into()
}

/// The failure of one of several works.
pub(super) fn of_one(name: &str, error: anyhow::Error) -> anyhow::Error {
    let problem = Problem::of(error);
    let tried = format!("`{name}`: {}", problem.tried);
    Problem { tried, ..problem }.into()
}

/// Their failures, as one.
pub(super) fn together(mut failed: Vec<anyhow::Error>) -> Option<anyhow::Error> {
    if failed.len() < 2 {
        return failed.pop();
    }

    let told = format!("{} of these failed; the others are done", failed.len());
    let problems: Vec<Problem> = failed.into_iter().map(Problem::of).collect();
    let (code, cure) = (problems[0].code, problems[0].cure.clone());
    let happened = problems.into_iter().map(|problem| {
        let why = problem.happened.into_iter().next();
        [problem.tried].into_iter().chain(why).collect::<Vec<_>>().join(": ")
    });

    let happened = happened.collect();
    Some(Problem { happened, cure, code, ..Problem::failed(told) }.into())
}

/// A signal came before the work was done.
pub(super) fn cut_short() -> anyhow::Error {
    Problem::new(Exit::Interrupted, "interrupted").into()
}

/// An error that a signal caused.
pub fn interrupted(error: anyhow::Error) -> anyhow::Error {
    if error.downcast_ref::<Problem>().is_some_and(|p| p.exit == Exit::Interrupted) {
        return error;
    }
    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
    let stands = error.downcast_ref::<Problem>().and_then(|problem| problem.stands.clone());
    let problem =
        Problem::new(Exit::Interrupted, "interrupted").because(format!("while it ran: {first}"));
    Problem { stands, ..problem }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Risk;

    #[test]
    fn half_way_the_way_back_comes_first() {
        let bare = Plan::bare("db-wipe", String::new(), Risk::Nothing);
        let way = Some("to get the data back: db-restore x".to_owned());
        let wipe = Plan { half_way: way, ..bare.clone() };
        let told = |problem: Problem, plan| half_way(problem.into(), plan).to_string();

        let no = || Problem::failed("no");
        assert_eq!(told(no(), &bare), "no");
        assert_eq!(told(no(), &wipe), "no\n  next: to get the data back: db-restore x");
        assert_eq!(
            told(no().cure("look"), &wipe),
            "no\n  next: to get the data back: db-restore x; and for the rest: look"
        );
    }
}
