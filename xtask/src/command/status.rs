//! `db-status`: show containers, connections, sizes, sessions and the last backup's age.

pub mod view;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::bundle::Catalog;
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{containers, health};
use crate::problem::{Exit, Problem};
use crate::session::servers::Wants;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-status`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Status {
    /// Exit 1 when a server does not answer or the last good backup is missing or old
    #[arg(long)]
    pub check: bool,
    /// Hours after which a backup is old (BACKUP_INTERVAL_HOURS; default: 24)
    #[arg(long, value_name = "HOURS")]
    pub max_age: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  db-status                        every container, database and store, and the last backup
  db-status --check --max-age 26   for a cron job: exit 1 when a server is down or a backup too old
  db-status --json                 the same for programs";

impl Command for Status {
    fn task(&self) -> &'static Task {
        &tasks::STATUS
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let all = session.project.databases.clone();
        session
            .with_servers(&all, Wants::AsFound, Intent::Run, |session| show_status(session, self))
    }
}

fn show_status(session: &mut Session, args: &Status) -> Result<Exit> {
    let surveyor = session.surveyor();
    let databases: Vec<_> = session
        .project
        .databases
        .iter()
        .map(|d| (d.clone(), surveyor.survey(d, Depth::Tables)))
        .collect();

    let stores: Vec<_> =
        session.project.stores.iter().map(|s| (s.clone(), surveyor.store(s))).collect();
    let containers: Vec<_> = session
        .project
        .containers
        .iter()
        .map(|c| (c.clone(), containers::inspect(c, &session.env)))
        .collect();

    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let unfinished = session.unfinished();
    let half_emptied = session.half_emptied();

    let status = view::Status {
        unfinished: unfinished.as_ref(),
        unsafe_journal: session.unsafe_journal(),
        half_emptied: half_emptied
            .unwrap_or_else(|e| Some(Problem::failed(format!("{e:#}"))))
            .map(|p| p.to_string()),
        project: &session.project,
        databases: &databases,
        stores: &stores,
        containers: &containers,
        catalog: &catalog,
        disk_left: health::disk_left(&session.project.backup.dir),
        max_age_hours: args.max_age.unwrap_or(session.project.backup.interval_hours),
        now: session.moment.now,
    };

    let problems = status.problems();
    let (text, fields) = (status.text(), status.json());
    session.show(&text, fields)?;

    Ok(if args.check && !problems.is_empty() { Exit::Failed } else { Exit::Done })
}
