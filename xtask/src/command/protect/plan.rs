//! `db-protect`: the database itself says what its environment is, and the guards believe it.

use anyhow::Result;

use crate::command::backup::plan::dumpable;
use crate::config::Guards;
use crate::engine::postgres::admin;
use crate::engine::postgres::marker::{is_marked_in_comment, mark_in_comment};
use crate::facts::Surveyed;
use crate::plan::{Plan, Risk, Step};
use crate::problem::Problem;
use crate::tasks;
use crate::value::{Mark, MarkedBy};

/// Plans the marker of a database. This tool can't remove a marker that protects: only an
/// administrator can.
pub fn plan(target: &Surveyed, environment: &str, guards: &Guards) -> Result<Plan> {
    dumpable(target)?;
    let Some(live) = target.live() else {
        return Ok(planned(String::new(), Vec::new(), Vec::new()));
    };
    let (name, server, client) = (target.name(), &target.server, &target.client);
    let role = &server.role;
    let marks = live.marks();

    let protecting = marks
        .iter()
        .find(|mark| guards.protects(&mark.environment) && !guards.protects(environment));
    if let Some(now) = protecting {
        return Err(Problem::refused(format!(
            "`{name}` is marked as `{}`, and `{environment}` would protect nothing",
            now.environment
        ))
        .because(
            "this command only tightens: only an administrator can lift a protection, in the \
             database",
        )
        .cure(match now.by {
            MarkedBy::Setting => {
                format!(
                    "if it is wrong, have an administrator run `{}`",
                    admin::mark_sql(name, environment).trim_end()
                )
            }
            MarkedBy::Comment => format!("if it is wrong, {}", now.lifted(name)),
        })
        .into());
    }

    let is_said = |by| marks.iter().any(|mark| mark.by == by && mark.environment == environment);
    if is_said(MarkedBy::Setting) || is_said(MarkedBy::Comment) && !role.superuser {
        return Ok(planned(
            format!("`{name}` ({}) is already marked as `{environment}`", target.at()),
            Vec::new(),
            Vec::new(),
        ));
    }

    let means = meaning(&[Mark { environment: environment.into(), by: MarkedBy::Setting }], guards);
    let headline = format!("mark `{name}` ({}) as `{environment}`", target.at());
    let still = Step::Act(admin::still(client, name, Some(live)));

    if role.superuser {
        let acts = [
            admin::mark_as(client, name, environment),
            admin::is_marked(client, name, environment),
        ];
        return Ok(planned(
            headline,
            vec![means.into()],
            std::iter::once(still).chain(acts.map(Step::Act)).collect(),
        ));
    }

    let sql = admin::mark_sql(name, environment);

    if !server.own_roles.contains(&live.owner) {
        return Err(Problem::refused(format!("the role `{}` may not mark `{name}`", role.name))
            .because(
                "PostgreSQL lets only superusers give a database a setting with an unknown name, \
                 and only its owner comment on it",
            )
            .cure(format!(
                "have an administrator run `{}`, or its owner `{}` run this command",
                sql.trim_end(),
                live.owner
            ))
            .into());
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

    Ok(planned(
        headline,
        vec![means.into(), weaker],
        std::iter::once(still).chain(acts.map(Step::Act)).collect(),
    ))
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
