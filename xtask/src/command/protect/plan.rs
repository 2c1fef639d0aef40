//! `db-protect`: the database itself says what its environment is, and the guards believe it.

use anyhow::Result;

use crate::command::backup::plan::dumpable;
use crate::config::Guards;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::marker::{self, is_marked_in_comment, mark_in_comment};
use crate::facts::Surveyed;
use crate::plan::{Act, Plan, Risk, Step};
use crate::problem::{Code, Problem};
use crate::tasks;
use crate::value::{DatabaseFacts, Mark, MarkedBy};

/// Plans the marker of a database. This tool can't remove a marker that protects: only an
/// administrator can.
pub fn plan(target: &Surveyed, environment: &str, guards: &Guards) -> Result<Plan> {
    dumpable(target)?;
    let Some(live) = target.live() else {
        return Ok(planned(String::new(), Vec::new(), Vec::new()));
    };
    let (name, role, marks) = (target.name(), &target.server.role, live.marks());
    tightens(name, &marks, environment, guards)?;

    let is_said = |by| marks.iter().any(|mark| mark.by == by && mark.environment == environment);
    if is_said(MarkedBy::Setting) || is_said(MarkedBy::Comment) && !role.superuser {
        let headline = format!("`{name}` ({}) is already marked as `{environment}`", target.at());
        return Ok(planned(headline, Vec::new(), Vec::new()));
    }

    let means = meaning(&[Mark { environment: environment.into(), by: MarkedBy::Setting }], guards);
    let headline = format!("mark `{name}` ({}) as `{environment}`", target.at());
    let still = Step::Act(admin::still(&target.client, name, Some(live)));

    let (acts, weaker) = if role.superuser {
        (by_setting(target, environment), None)
    } else {
        let (acts, weaker) = in_comment(target, live, environment)?;
        (acts, Some(weaker))
    };

    let notes = std::iter::once(means.to_owned()).chain(weaker).collect();
    Ok(planned(headline, notes, std::iter::once(still).chain(acts.map(Step::Act)).collect()))
}

/// A marker that protects is never replaced by one that does not.
fn tightens(name: &str, marks: &[Mark], environment: &str, guards: &Guards) -> Result<(), Problem> {
    let protecting = marks
        .iter()
        .find(|mark| guards.protects(&mark.environment) && !guards.protects(environment));
    let Some(now) = protecting else { return Ok(()) };

    let cure = match now.by {
        MarkedBy::Setting => format!(
            "if it is wrong, have an administrator run `{}`",
            marker::mark_sql(name, environment).trim_end()
        ),
        MarkedBy::Comment => format!("if it is wrong, {}", now.lifted(name)),
    };

    Err(Problem::refused(format!(
        "`{name}` is marked as `{}`, and `{environment}` would protect nothing",
        now.environment
    ))
    .because(
        "this command only tightens: only an administrator can lift a protection, in the database",
    )
    .cure(cure))
}

/// The marker as a setting, which takes a superuser.
fn by_setting(target: &Surveyed, environment: &str) -> [Act; 2] {
    let (client, name) = (&target.client, target.name());
    [marker::mark_as(client, name, environment), marker::is_marked(client, name, environment)]
}

/// The marker in the database's comment, and why that is weaker.
fn in_comment(
    target: &Surveyed,
    live: &DatabaseFacts,
    environment: &str,
) -> Result<([Act; 2], String), Problem> {
    let (name, role, client) = (target.name(), &target.server.role, &target.client);
    let sql = marker::mark_sql(name, environment);

    if !target.server.own_roles.contains(&live.owner) {
        return Err(Problem::refused(format!("the role `{}` may not mark `{name}`", role.name))
            .code(Code::RightsMissing)
            .because(
                "PostgreSQL lets only superusers give a database a setting with an unknown name, \
                 and only its owner comment on it",
            )
            .cure(format!(
                "have an administrator run `{}`, or its owner `{}` run this command",
                sql.trim_end(),
                live.owner
            )));
    }

    let weaker = format!(
        "in its comment, because the setting needs a superuser: the owner of the database can \
         remove it again, and so does a migration that comments on it; an administrator's `{}` is \
         stronger",
        sql.trim_end()
    );
    let acts = [
        mark_in_comment(client, live, environment),
        is_marked_in_comment(client, live, environment),
    ];

    Ok((acts, weaker))
}

fn planned(headline: String, notes: Vec<String>, steps: Vec<Step>) -> Plan {
    Plan { notes, steps, ..Plan::bare(tasks::PROTECT.name, headline, Risk::Nothing) }
}

/// What a database's markers do.
pub fn meaning(marks: &[Mark], guards: &Guards) -> &'static str {
    match marks {
        [] => {
            "not protected: the database has no marker, so the project's environment and the host \
             decide"
        }
        _ if marks.iter().any(|mark| guards.protects(&mark.environment)) => {
            "protected: its data is not replaced, and no flag lifts that"
        }
        _ => "not protected: no environment of this name is in `guards.protected-environments`",
    }
}
