//! `db-stop`: stop the project's own cluster.

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::engine::cluster::state::State;
use crate::gate::Consent;
use crate::planning::cluster;
use crate::problem::{Exit, Problem};
use crate::run::Others;
use crate::session::servers::{CHANGES, Wants};
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-stop`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Stop {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  db-stop                    its data stays, and the next run that needs it starts it
  db-stop --database main
  db-stop --dry-run          every step; nothing changes";

impl Command for Stop {
    fn task(&self) -> &'static Task {
        &tasks::STOP
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let databases = session.databases_in_clusters(self.database.as_deref())?;
        let clusters = session.concerned(&databases, Wants::AsFound)?;
        if self.dry_run {
            for cluster in &clusters {
                let facts = session.look(cluster)?;
                session.carry_out(cluster::down(&facts), Consent::Ask, Intent::Show)?;
            }
            return Ok(Exit::Done);
        }

        if clusters.is_empty() {
            session.person.tell("there is no cluster yet");
            return Ok(Exit::Done);
        }

        session.lock(self.task().name, Intent::Run)?;
        let lease = session.enter(&session.project.state_dir(), CHANGES)?;
        if lease.others()? == Others::Some {
            return Err(Problem::new(Exit::Locked, "another run is using the servers")
                .cure("wait until it is done, or end it (an open `db-shell`?)")
                .into());
        }

        for cluster in &clusters {
            if matches!(session.settled(cluster)?.state, State::Running | State::Busy) {
                session.stop(cluster)?;
            } else {
                session
                    .person
                    .tell(&format!("the cluster {} is not running", cluster.folder.display()));
            }
        }

        Ok(Exit::Done)
    }
}
