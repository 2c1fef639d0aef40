//! `db-start`: start the project's own cluster, and leave it running.

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::config::Database;
use crate::engine::cluster::state::State;
use crate::gate::Consent;
use crate::planning::cluster;
use crate::problem::Exit;
use crate::session::servers::Wants;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-start`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Start {
    /// The database (its key or its name)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  db-start                   create the cluster if there is none yet, and leave it running
  db-start --database main
  db-start --dry-run         every step; nothing changes";

impl Command for Start {
    fn task(&self) -> &'static Task {
        &tasks::START
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        let databases = session.databases_in_clusters(self.database.as_deref())?;
        if intent == Intent::Show {
            return show_start(session, &databases);
        }

        session.with_servers(&databases, Wants::Made, intent, |session| {
            let mut urls = Vec::new();

            for cluster in session.concerned(&databases, Wants::Made)? {
                let found = session.find(&cluster)?;
                if found.mark.is_some() {
                    session.carry_out(cluster::keep(&found), Consent::Ask, Intent::Run)?;
                }

                let surveyor = session.surveyor();
                urls.extend(
                    cluster
                        .databases
                        .iter()
                        .map(|d| found.cluster.url(surveyor.cluster_client(d, &found).database())),
                );
            }

            session.print(&urls.join("\n"))
        })
    }
}

fn show_start(session: &mut Session, databases: &[Database]) -> Result<Exit> {
    for cluster in session.concerned(databases, Wants::Made)? {
        let facts = session.look(&cluster)?;
        if facts.found.state == State::Running {
            session.person.tell(&format!("the cluster {} is running", cluster.folder.display()));
            continue;
        }
        let new = session.new_databases(&facts.found, &cluster.databases);
        session.carry_out(cluster::up(&facts, &new)?, Consent::Ask, Intent::Show)?;
    }

    Ok(Exit::Done)
}
