//! What comes before a cluster serves: what is missing, and what a dry run shows of it.

use anyhow::Result;

use super::super::{Intent, Session};
use super::{Concerned, Readiness};
use crate::config::{At, Database};
use crate::door::ask::ask;
use crate::engine::cluster::state::State;
use crate::engine::postgres::catalog::contents::how_many;
use crate::engine::postgres::catalog::facts::Depth;
use crate::engine::postgres::client::said::unnamed;
use crate::engine::postgres::client::version::Version;
use crate::facts::Surveyed;
use crate::facts::cluster::Found;
use crate::gate::Consent;
use crate::plan::Fence;
use crate::planning::cluster as task;
use crate::planning::cluster::New;
use crate::problem::Problem;

impl Session {
    /// The plans of clusters that do not exist yet, for a dry run.
    pub(super) fn show_missing(&mut self, clusters: &[Concerned]) -> Result<Readiness> {
        let mut ready = Readiness::Ready;

        for cluster in clusters {
            if self.find(cluster)?.state == State::Absent {
                let facts = self.look(cluster)?;
                let plan = task::up(&facts, &self.new_databases(&facts.found, &cluster.databases))?;
                self.show_first(plan)?;
                ready = Readiness::Shown;
            }
        }

        Ok(ready)
    }

    pub(super) fn show_first(&mut self, mut plan: crate::plan::Plan) -> Result<()> {
        plan.notes.push(
            "this comes first; the task itself can be planned once it is done (`db-start` does it)"
                .into(),
        );
        self.carry_out(plan, Consent::Ask, Intent::Show).map(drop)
    }

    /// The databases that are to be made in it.
    pub fn new_databases(&self, found: &Found, databases: &[Database]) -> Vec<New> {
        let init = |database: &Database| match &database.at {
            At::Cluster { init, .. } => init.clone(),
            _ => None,
        };
        let surveyor = self.surveyor();
        let restricts = found.programs.psql().is_some_and(Version::knows_restrict);
        let fence = if restricts { Fence::Restricted } else { Fence::Open };
        let new =
            |d: &Database| New { client: surveyor.cluster_client(d, found), init: init(d), fence };

        databases.iter().map(new).collect()
    }

    /// The databases that the server does not have.
    pub(super) fn missing(&self, found: &Found, cluster: &Concerned) -> Result<Vec<New>> {
        let mut missing = Vec::new();

        for new in self.new_databases(found, &cluster.databases) {
            let sql = how_many(new.client.database());
            let answer = ask(&new.client.psql("template1", sql), &self.project.secrets)?;
            if !answer.good {
                let folder = found.cluster.folder.display();
                return Err(Problem::said(
                    unnamed(&answer.err),
                    format!("could not ask the cluster {folder}"),
                )
                .into());
            }

            if answer.out.trim() == "0" {
                missing.push(new);
            }
        }

        Ok(missing)
    }

    /// The survey of a database, for another name on its server.
    pub fn with_neighbour(&self, mut target: Surveyed, name: &str) -> Result<Surveyed> {
        let mut aimed = target.spec.clone();
        aimed.connection.database = Some(name.to_owned());
        let other = self.surveyor().survey(&aimed, Depth::Database)?;
        target.server.databases.extend(other.server.databases);
        Ok(target)
    }
}
