//! The containers that are stopped while a task works.

use anyhow::Result;

use super::Session;
use crate::config::ContainerBy;
use crate::facts::{ContainerFacts, containers};
use crate::plan::Plan;

/// The containers that are stopped while a task works.
#[derive(Default)]
pub struct Services {
    /// Those that exist.
    pub found: Vec<ContainerFacts>,
    /// Notes about those that do not.
    notes: Vec<String>,
}

impl Services {
    /// The plan, with a note about those that do not exist.
    pub fn noted(self, mut plan: Plan) -> Plan {
        plan.notes.extend(self.notes);
        plan
    }
}

impl Session {
    /// The containers that a task stops while it works. One that does not exist is not running, and
    /// does not matter.
    pub fn services(&self, task: &str) -> Result<Services> {
        let mut services = Services::default();

        for container in
            self.project.containers.iter().filter(|c| c.stop_during.iter().any(|t| t == task))
        {
            match containers::find(container, &self.env)? {
                Ok(found) => services.found.extend(found),
                Err(absent) => services.notes.push(match &container.by {
                    ContainerBy::Name(name) => {
                        format!("the container `{name}` does not exist: nothing to stop")
                    }
                    ContainerBy::Compose(_) => {
                        format!(
                            "{}: nothing to stop",
                            [vec![absent.tried], absent.happened].concat().join("; ")
                        )
                    }
                }),
            }
        }

        Ok(services)
    }
}
