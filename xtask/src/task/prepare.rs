//! `db-prepare`: for a container's first start, and any other. It gives a database that is missing or empty what it needs, and leaves
//! one with data alone.

use anyhow::Result;

use super::hooks::{Hooks, Outcome};
use super::restore::{Aim, Request, Subject, may_create, plan as restore};
use crate::config::Project;
use crate::engine::postgres::admin::{self, Identity, Own};
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Plan, Risk, Step, Trust};

const TASK: &str = "db-prepare";

/// What a database needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: there is something in it.
    Nothing,
    /// Its contents: it is there and has no table.
    Contents,
    /// Everything: it is not there.
    Everything,
}

/// From the facts: whether it is there, and how many tables are in it.
pub fn need(target: &Surveyed) -> Need {
    match target.live() {
        None => Need::Everything,
        Some(_) if target.server.tables.is_empty() => Need::Contents,
        Some(_) => Need::Nothing,
    }
}

/// Plans the preparation: from a dump where there is one, else by the hooks `migrate` and `seed`.
pub fn plan(project: &Project, target: &Surveyed, dump: Option<&Dump>, hooks: &Hooks) -> Result<Plan> {
    let name = target.name();
    if need(target) == Need::Nothing {
        let headline = format!("`{name}` ({}) has {}: nothing to prepare", target.at(), tables(target));
        return Ok(Plan::bare(TASK, headline, Risk::Nothing));
    }
    if let Some(dump) = dump {
        let request = Request { aim: Aim::Live, trust: Trust::Dump, accept: Vec::new() };
        let subject = Subject::Database { target, dump, disk_left: None };
        let restored = restore(project, &[subject], &dump.backup, &[], &request)?;
        let headline = format!("prepare `{name}` ({}) from {}", target.at(), dump.backup.name);
        return Ok(Plan { task: TASK, headline, risk: Risk::Nothing, ..restored });
    }
    let mut steps = Vec::new();
    if need(target) == Need::Everything {
        may_create(target)?;
        let identity = Identity { name, oid: None };
        steps.push(Step::Act(admin::create(&target.client, name, None, target.server.version, &identity)));
        steps.push(Step::Act(admin::release(&target.client, name, Own::of(None), None)));
    }
    let moments = ["migrate", "seed"];
    steps.extend(moments.iter().flat_map(|m| hooks.acts(m, None, Outcome::Pending)).map(Step::Act));
    let notes = moments.iter().flat_map(|m| hooks.notes(m)).collect();
    Ok(Plan { notes, steps, ..Plan::bare(TASK, format!("prepare `{name}` ({})", target.at()), Risk::Nothing) })
}

fn tables(target: &Surveyed) -> String {
    crate::ui::human::counted(target.server.tables.len() as u64, "table")
}
