//! `db-protect`: the database itself says what it is, and the guards believe it.

use anyhow::Result;

use super::backup::dumpable;
use crate::config::Guards;
use crate::engine::postgres::admin;
use crate::facts::Surveyed;
use crate::plan::{Plan, Risk, Step};
use crate::problem::Problem;

/// Plans the marking of a database. A marker that protects can't be taken away by this tool: that is an administrator's word.
pub fn plan(target: &Surveyed, environment: &str, guards: &Guards) -> Result<Plan> {
    dumpable(target)?;
    let (name, role) = (target.name(), &target.server.role);
    let sql = admin::mark_sql(name, environment);
    let now = target.live().and_then(|d| d.marker());
    if let Some(now) = now.filter(|now| guards.protects(now) && !guards.protects(environment)) {
        return Err(Problem::refused(format!("`{name}` is marked as `{now}`, and `{environment}` would protect nothing"))
            .because("this command only tightens: what lifts a protection is an administrator's word, given in the database")
            .cure(format!("if it is wrong, an administrator runs `{}`", sql.trim_end()))
            .into());
    }
    if now == Some(environment) {
        return Ok(planned(format!("`{name}` ({}) is marked as `{environment}` already", target.at()), Vec::new(), Vec::new()));
    }
    if !role.superuser {
        return Err(Problem::refused(format!("the role `{}` may not mark `{name}`", role.name))
            .because("PostgreSQL lets superusers alone give a database a setting of a name that it does not know")
            .cure(format!("an administrator runs `{}`", sql.trim_end()))
            .into());
    }
    let client = &target.client;
    let steps = vec![
        Step::Act(admin::still(client, name, target.live())),
        Step::Act(admin::mark_as(client, name, environment)),
        Step::Act(admin::is_marked(client, name, environment)),
    ];
    let means = meaning(Some(environment), guards);
    Ok(planned(format!("mark `{name}` ({}) as `{environment}`", target.at()), vec![means.into()], steps))
}

fn planned(headline: String, notes: Vec<String>, steps: Vec<Step>) -> Plan {
    Plan { notes, steps, ..Plan::bare("db-protect", headline, Risk::Nothing) }
}

/// What a marker does.
pub fn meaning(marker: Option<&str>, guards: &Guards) -> &'static str {
    match marker {
        Some(marker) if guards.protects(marker) => "protected: its data is not replaced, and no flag lifts that",
        Some(_) => "not protected: no environment of this name is in `guards.protected-environments`",
        None => "not protected: the database says nothing, so the project's environment and the host decide",
    }
}
