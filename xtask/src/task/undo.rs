//! `db-undo`: the database that the last restore kept becomes the live one again.

use anyhow::Result;

use super::restore::{ours, risk, swappable};
use super::services::around_services;
use crate::config::Project;
use crate::engine::postgres::admin::{self, Own, Swap};
use crate::engine::postgres::name::previous;
use crate::facts::{ContainerFacts, Surveyed};
use crate::plan::{Plan, Step};
use crate::problem::Problem;

/// Plans an undo. It can be undone in the same way.
pub fn plan(project: &Project, target: &Surveyed, services: &[ContainerFacts]) -> Result<Plan> {
    let name = target.name();
    let kept = previous(name);
    if target.server.database(&kept).is_none() {
        return Err(Problem::failed(format!("there is nothing to undo: no database `{kept}` on the server ({})", target.at()))
            .cure("`db-restore` restores a backup; `db-list` shows them")
            .into());
    }
    target.server.database(&kept).map_or(Ok(()), ours)?;
    swappable(target)?;
    let live = target.live();
    let swap = Swap {
        carries: None,
        live: name,
        incoming: &kept,
        live_oid: live.map(|d| d.oid),
        older_oid: None,
        own: Own::of(target.server.database(&kept)),
        kept: Own::of(live),
    };
    let steps = vec![
        Step::Act(admin::still(&target.client, name, live)),
        Step::Act(admin::still(&target.client, &kept, target.server.database(&kept))),
        around_services(services, vec![Step::Act(admin::swap(&target.client, &swap))]),
    ];
    Ok(Plan {
        task: "db-undo",
        headline: format!("make `{kept}` the live `{name}` again ({})", target.at()),
        risk: risk(target, project.guards.pins.get("undo")),
        notes: Vec::new(),
        steps,
        afterwards: live
            .map(|_| format!("what was live is `{kept}` now: `db-undo` once more swaps it back"))
            .into_iter()
            .collect(),
        result: Vec::new(),
        backup: None,
    })
}
