//! `db-status`: show containers, connections, sizes, sessions and the last backup's age.

pub mod findings;
pub mod view;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::bundle::Catalog;
use crate::config::{Container, Database, Secrets};
use crate::engine::postgres::catalog::counting::Counts;
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::{Surveyed, containers, health, tables};
use crate::problem::{Exit, Problem};
use crate::run::memory::Memory;
use crate::session::servers::Wants;
use crate::session::{CLOCK, Intent, Session};
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
    /// Rows that the last good backup of each database must have
    #[arg(long, value_name = "N")]
    pub min_rows: Option<u64>,
    /// Count every table's rows, in place of the server's estimate. This reads each table to its end
    #[arg(long)]
    pub exact: bool,
    /// Show rows and sizes of the last N backups
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10")]
    pub history: Option<usize>,
    /// Show it again every 2 seconds, or SECONDS, until you interrupt it
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "check")]
    pub watch: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  db-status                        every container, database and store, and the last backup
  db-status --check --max-age 26   for a cron job: exit 1 when a server is down or a backup too old
  db-status --exact --history      every table's rows counted, and how the backups have grown
  db-status --watch                again and again
  db-status --json                 the same for programs";

impl Command for Status {
    fn task(&self) -> &'static Task {
        &tasks::STATUS
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        if self.watch.is_some() && !session.lends_output() {
            return Err(Problem::usage("`--json` does not work with `--watch`")
                .cure("leave one of them out: a document is printed once")
                .into());
        }

        let all = session.project.databases.clone();
        session.with_servers(&all, Wants::AsFound, Intent::Run, |session| match self.watch {
            None => show_status(session, self),
            Some(seconds) => watch(session, self, Duration::from_secs(seconds)),
        })
    }
}

/// Shows it again and again, until a signal comes.
fn watch(session: &mut Session, args: &Status, pause: Duration) -> Result<Exit> {
    while !session.interrupted() {
        session.moment.now = CLOCK();
        session.clear_screen();
        let shown = show_status(session, args);
        // a signal that ends a question ends the watch, too
        if session.interrupted() {
            break;
        }
        shown?;

        let (interrupt, _) = session.signals();
        interrupt.wait(pause);
    }

    Ok(Exit::Done)
}

/// The rows of each database that is there.
fn counted(
    databases: &[(Database, Result<Surveyed>)],
    secrets: &Secrets,
) -> BTreeMap<String, Result<Counts>> {
    let reached = databases.iter().filter_map(|(d, found)| Some((d, found.as_ref().ok()?)));
    reached
        .filter(|(_, found)| found.live().is_some())
        .map(|(d, found)| (d.key.clone(), tables::count(found, secrets)))
        .collect()
}

fn show_status(session: &mut Session, args: &Status) -> Result<Exit> {
    let begun = Instant::now();
    let surveyor = session.surveyor();
    let databases: Vec<_> = session
        .project
        .databases
        .iter()
        .map(|d| (d.clone(), surveyor.survey(d, Depth::Tables)))
        .collect();
    let stores: Vec<_> =
        session.project.stores.iter().map(|s| (s.clone(), surveyor.store(s))).collect();
    let inspected = |c: &Container| (c.clone(), containers::inspect(c, &session.env));
    let containers: Vec<_> = session.project.containers.iter().map(inspected).collect();
    let counts =
        if args.exact { counted(&databases, &session.project.secrets) } else { BTreeMap::new() };

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
        min_rows: args.min_rows,
        counts: &counts,
        history: args.history,
        memory: &Memory::read(&session.project.state_dir()).unwrap_or_default(),
        now: session.moment.now,
    };

    let found: Vec<String> = status.findings().into_iter().map(|found| found.what).collect();
    let (text, fields) = (status.text(), status.json());
    session.show(&text, fields)?;

    if !args.check || found.is_empty() {
        return Ok(Exit::Done);
    }
    session.tell_of_findings(&tasks::STATUS, found, begun.elapsed());
    Ok(Exit::Failed)
}
