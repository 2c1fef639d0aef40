//! What of a dump is left out where it is loaded: what was asked for, and what is the server's own
//! anyway.

use crate::engine::postgres::name::ident;
use crate::engine::postgres::script::{Claim, Claims, Without};
use crate::engine::postgres::standing::{Into, Standing, quoted};
use crate::facts::dumps::Fit;
use crate::problem::{Problem, one_line};

/// What somebody wants, and how it is said.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is to be left out.
    pub claims: Vec<Claim>,
    /// What is to be loaded into.
    pub into: Into,
    /// What leaves owners and rights out: a line that can be pasted, or the keys.
    pub otherwise: String,
    /// Who answers for what the file names.
    pub word: Names,
}

/// Whether roles that a file names must be there before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A dump makes none.
    MustBeThere,
    /// A hand-made script may make them itself.
    MayBeMade,
}

/// What is left out; or what the role lacks, before anything is begun.
pub fn fit(
    what: &str,
    claims: &Claims,
    standing: &Standing,
    wanted: &Wanted,
) -> Result<Fit, Problem> {
    if let Some(in_the_way) = in_the_way(standing, wanted.into) {
        return Err(in_the_way);
    }

    let left_out = |of: Option<Claim>| of.is_some_and(|of| wanted.claims.contains(&of));
    let lacks: Vec<_> =
        standing.lacks(claims, wanted.into).into_iter().filter(|lack| !left_out(lack.of)).collect();

    if !lacks.is_empty() && wanted.word == Names::MustBeThere {
        let problem =
            Problem::refused(format!("the role `{}` can't load all of `{what}`", standing.role));
        let problem =
            lacks.iter().fold(problem, |problem, lack| problem.because(one_line(&lack.why)));
        // what no flag leaves out comes first, and goes by itself
        let needed: Vec<&str> =
            lacks.iter().filter(|l| l.of.is_none()).filter_map(|l| l.cure.as_deref()).collect();
        let others: Vec<&str> =
            lacks.iter().filter(|l| l.of.is_some()).filter_map(|l| l.cure.as_deref()).collect();
        let all_given = lacks.iter().all(|lack| lack.cure.is_some());

        let mut cures = Vec::new();
        if !needed.is_empty() {
            cures.push(format!("an administrator runs `{}`", needed.join(" ")));
        }

        if lacks.iter().any(|lack| lack.of.is_some()) {
            let instead = if all_given {
                format!("; or an administrator runs `{}`", others.join(" "))
            } else {
                String::new()
            };
            cures.push(format!("leave out what is others': {}{instead}", wanted.otherwise));
        }

        return Err(problem.because("nothing was touched").cure(cures.join("; then ")));
    }

    let without = standing.without(claims, &wanted.claims, wanted.into);
    let given = [Claim::Owners, Claim::Rights].iter().all(|claim| wanted.claims.contains(claim));
    let otherwise = (!given).then(|| wanted.otherwise.clone());

    Ok(Fit { notes: notes(claims, standing, &without), without, otherwise })
}

/// A load in place empties what is there: what is others' may not be dropped by this role.
fn in_the_way(standing: &Standing, into: Into) -> Option<Problem> {
    if into == Into::New || standing.others.is_empty() {
        return None;
    }

    let problem =
        Problem::refused(format!("the role `{}` may not empty the live database", standing.role));
    let told = |(owner, names): (&String, &Vec<String>)| format!("of `{owner}`: {}", quoted(names));

    let problem = standing
        .others
        .iter()
        .map(told)
        .fold(problem, |problem, line| problem.because(one_line(&line)));

    let grants: Option<Vec<String>> =
        standing.others.keys().map(|owner| standing.membership(owner)).collect();
    let grants = grants.map_or(String::new(), |grants| format!(", or runs `{}`", grants.join(" ")));

    Some(problem.because("nothing was touched").cure(format!(
        "restore beside the live database (without `--in-place`), where the role may create one; \
         or an administrator gives these away (`ALTER … OWNER TO {}`){grants}",
        ident(&standing.role)
    )))
}

fn notes(claims: &Claims, standing: &Standing, without: &Without) -> Vec<String> {
    let mut notes = Vec::new();
    if without.claims.contains(&Claim::Owners) && !claims.owners.is_empty() {
        let owners: Vec<String> = claims.owners.keys().cloned().collect();
        notes.push(format!(
            "its owners are left out ({}): all of it will be `{}`'s",
            quoted(&owners),
            standing.role
        ));
    }

    if without.claims.contains(&Claim::Rights) && !claims.grantees.is_empty() {
        let grantees: Vec<String> = claims.grantees.keys().cloned().collect();
        notes.push(format!("the rights in it are left out ({})", quoted(&grantees)));
    }
    if without.claims.contains(&Claim::EventTriggers) {
        notes.push("its event triggers are left out: a superuser alone can own one".into());
    }

    if !without.extensions.is_empty() {
        notes.push(format!(
            "extensions that this role can't make are left out: {}; where something in the dump \
             needs one, the load fails, and the live data stays",
            quoted(&without.extensions)
        ));
    }

    notes
}
