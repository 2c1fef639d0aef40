//! What is left out of a load: what was requested, and what the server has anyway.

use crate::engine::postgres::catalog::standing::{Into, Lack, Standing, quoted};
use crate::engine::postgres::client::name::ident;
use crate::facts::dumps::Fit;
use crate::problem::{Code, Problem, one_line};
use crate::value::{Claim, Claims, Without};

/// What is wanted, and by which option.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What to leave out.
    pub claims: Vec<Claim>,
    /// What to load into.
    pub into: Into,
    /// What leaves out owners and rights: a command that can be pasted, or the keys.
    pub otherwise: String,
    /// Whether the file itself may create the roles it names.
    pub word: Names,
}

/// Whether roles that a file names must exist before the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A dump creates none.
    MustBeThere,
    /// A hand-made script may create them itself.
    MayBeMade,
}

/// What is left out; or what the role lacks, before anything begins.
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
        return Err(lacking(what, standing, &lacks, &wanted.otherwise));
    }

    let without = standing.without(claims, &wanted.claims, wanted.into);
    let given = [Claim::Owners, Claim::Rights].iter().all(|claim| wanted.claims.contains(claim));
    let otherwise = (!given).then(|| wanted.otherwise.clone());

    Ok(Fit { notes: notes(claims, standing, &without), without, otherwise })
}

fn lacking(what: &str, standing: &Standing, lacks: &[Lack], otherwise: &str) -> Problem {
    let problem =
        Problem::refused(format!("the role `{}` can't load all of `{what}`", standing.role))
            .code(Code::RightsMissing);
    let problem = lacks.iter().fold(problem, |problem, lack| problem.because(one_line(&lack.why)));

    // what no flag leaves out comes first, and separately
    let (others, needed): (Vec<&Lack>, Vec<&Lack>) = lacks.iter().partition(|l| l.of.is_some());
    let cures = |lacks: &[&Lack]| {
        lacks.iter().filter_map(|lack| lack.cure.as_deref()).collect::<Vec<_>>().join(" ")
    };
    let run = |sql: String| format!("have an administrator run `{sql}`");

    let needed = Some(cures(&needed)).filter(|sql| !sql.is_empty()).map(run);
    let all_given = lacks.iter().all(|lack| lack.cure.is_some());
    let instead = if all_given { format!("; or {}", run(cures(&others))) } else { String::new() };
    let leave_out = (!others.is_empty())
        .then(|| format!("leave out what belongs to other roles: {otherwise}{instead}"));

    let cures: Vec<String> = needed.into_iter().chain(leave_out).collect();
    problem.because("nothing was changed").cure(cures.join("; then "))
}

/// A load in place empties the database: this role can't drop what belongs to others.
fn in_the_way(standing: &Standing, into: Into) -> Option<Problem> {
    if into == Into::New || standing.others.is_empty() {
        return None;
    }

    let problem =
        Problem::refused(format!("the role `{}` can't empty the live database", standing.role))
            .code(Code::RightsMissing);
    let told = |(owner, names): (&String, &Vec<String>)| format!("of `{owner}`: {}", quoted(names));

    let problem = standing
        .others
        .iter()
        .map(told)
        .fold(problem, |problem, line| problem.because(one_line(&line)));

    let grants: Option<Vec<String>> =
        standing.others.keys().map(|owner| standing.membership(owner)).collect();
    let grants = grants.map_or(String::new(), |grants| format!(", or runs `{}`", grants.join(" ")));

    Some(problem.because("nothing was changed").cure(format!(
        "restore next to the live database (without `--in-place`), if the role may create one; or \
         have an administrator change these owners (`ALTER … OWNER TO {}`){grants}",
        ident(&standing.role)
    )))
}

fn notes(claims: &Claims, standing: &Standing, without: &Without) -> Vec<String> {
    let mut notes = Vec::new();
    if without.claims.contains(&Claim::Owners) && !claims.owners.is_empty() {
        let owners: Vec<String> = claims.owners.keys().cloned().collect();
        notes.push(format!(
            "its owners are left out ({}): `{}` will own all of it",
            quoted(&owners),
            standing.role
        ));
    }

    if without.claims.contains(&Claim::Rights) && !claims.grantees.is_empty() {
        let grantees: Vec<String> = claims.grantees.keys().cloned().collect();
        notes.push(format!("the rights in it are left out ({})", quoted(&grantees)));
    }
    if without.claims.contains(&Claim::EventTriggers) {
        notes.push("its event triggers are left out: only a superuser can own one".into());
    }

    if !without.extensions.is_empty() {
        notes.push(format!(
            "extensions that this role can't create are left out: {}; if something in the dump \
             needs one, the load fails, and the live data stays",
            quoted(&without.extensions)
        ));
    }

    notes
}
