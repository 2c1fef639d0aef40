//! `--wait`: for a server that is starting.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Session;
use crate::config::{At, Database};
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{ContainerFacts, containers};
use crate::problem::Problem;

const PAUSE: Duration = Duration::from_millis(500);

/// Whether a server's container is starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coming {
    /// It runs, or will: its server may still answer.
    Up,
    /// Nobody has started it, and waiting does not help.
    Down,
}

/// docker's words for a container's state (<https://docs.docker.com/reference/cli/docker/container/ls/#status>).
fn coming(status: &str) -> Coming {
    if matches!(status, "running" | "restarting" | "created") { Coming::Up } else { Coming::Down }
}

impl Session {
    /// Waits until every server answers, at most this many seconds. A stopped container is reported
    /// at once.
    pub fn wait(&mut self, seconds: u64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        let databases = self.project.databases.clone();
        // a task that needs an own cluster starts it
        let mut others = databases.iter().filter(|d| !matches!(d.at, At::Cluster { .. }));
        others.try_for_each(|database| self.wait_for(database, end, seconds))
    }

    fn wait_for(&mut self, database: &Database, end: Instant, seconds: u64) -> Result<()> {
        let mut said = false;

        loop {
            let Err(e) = self.surveyor().survey(database, Depth::Database) else { return Ok(()) };
            let container = self.container_of(database);
            if container.as_ref().is_some_and(|c| coming(&c.status) == Coming::Down)
                || self.interrupted()
            {
                return Err(e);
            }

            if Instant::now() >= end {
                return Err(late(e, container.as_ref(), seconds));
            }

            if !said {
                let what = container.map_or_else(
                    || format!("the server of `{}`", database.key),
                    |c| format!("`{}` to start", c.name),
                );
                self.person.tell(&format!("waiting for {what}, at most {seconds} s"));
                said = true;
            }

            std::thread::sleep(PAUSE);
        }
    }

    fn container_of(&self, database: &Database) -> Option<ContainerFacts> {
        let At::Container(key) = &database.at else { return None };
        let container = self.project.containers.iter().find(|c| c.key == *key)?;
        containers::inspect(container, &self.env).ok()
    }
}

fn late(error: anyhow::Error, container: Option<&ContainerFacts>, seconds: u64) -> anyhow::Error {
    let state = container.map_or(String::new(), |c| {
        let health =
            c.health.as_ref().map_or(String::new(), |health| format!(", its health is {health}"));
        format!(": the container is {}{health}, and its server does not answer", c.status)
    });

    match error.downcast::<Problem>() {
        Ok(problem) => problem.because(format!("waited {seconds} s{state}")).into(),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_is_not_waited_for() {
        for (status, want) in [
            ("running", Coming::Up),
            ("restarting", Coming::Up),
            ("created", Coming::Up),
            ("exited", Coming::Down),
            ("paused", Coming::Down),
            ("dead", Coming::Down),
        ] {
            assert_eq!(coming(status), want, "{status}");
        }
    }
}
