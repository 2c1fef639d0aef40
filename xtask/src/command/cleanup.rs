//! `db-cleanup`: remove old backups by the keep rules.

pub mod plan;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::bundle::Catalog;
use crate::config::{self, KeepRules, Retention};
use crate::gate::Consent;
use crate::options;
use crate::problem::{Exit, Problem};
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-cleanup`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Cleanup {
    /// Days to keep each backup (BACKUP_RETENTION_DAYS, BACKUP_KEEP_DAYS; default: 30)
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// Good backups to keep whatever their age (BACKUP_MIN_KEEP; default: 5)
    #[arg(long, value_name = "N")]
    pub min_keep: Option<u32>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: Rules,
    /// Look in this folder
    #[arg(long, alias = "output-dir", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub consent: options::Consent,
}

/// Rules for this run, each in place of the one in `[backup]`.
#[derive(Debug, Clone, Default, Args)]
pub struct Rules {
    /// The last good backups to keep
    #[arg(long, value_name = "N")]
    pub keep_last: Option<u32>,
    /// Keep good backups up to this age (`12h`, `3 days`, `6 months`; `m` is minutes)
    #[arg(long, value_name = "AGE", value_parser = config::age)]
    pub keep_within: Option<Duration>,
    /// Keep one backup an hour for so many hours
    #[arg(long, value_name = "N")]
    pub keep_hourly: Option<u32>,
    /// Keep one backup a day for so many days
    #[arg(long, value_name = "N")]
    pub keep_daily: Option<u32>,
    /// Keep one backup a week for so many weeks
    #[arg(long, value_name = "N")]
    pub keep_weekly: Option<u32>,
    /// Keep one backup a month for so many months
    #[arg(long, value_name = "N")]
    pub keep_monthly: Option<u32>,
    /// Keep one backup a year for so many years
    #[arg(long, value_name = "N")]
    pub keep_yearly: Option<u32>,
    /// The most that all of them may take (`20 GB`)
    #[arg(long, value_name = "SIZE", value_parser = config::size)]
    pub max_size: Option<u64>,
}

const EXAMPLES: &str = "Examples:
  db-cleanup --dry-run                     what would be removed and what is kept, and why
  db-cleanup                               ask, then remove by the rules of `db-tasks.toml`
  db-cleanup --keep-days 7 --min-keep 3 --yes   for scripts, by rules of their own
  db-cleanup --keep-days 0 --keep-last 7 --keep-weekly 4

A backup stays if any rule keeps it. What no rule keeps is removed once it is `--keep-days` old.
Always kept: the last good backup, the newest safety backup, pinned ones (`db-pin`), and what is not
ours.";

impl Command for Cleanup {
    fn task(&self) -> &'static Task {
        &tasks::CLEANUP
    }

    fn intent(&self) -> Intent {
        Intent::of(&self.consent)
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let intent = self.intent();
        session.lock(self.task().name, intent)?;

        let retention = self.over(&session.project.backup.keep);
        keep_something(&retention)?;
        let dir = self.backup_dir.clone().unwrap_or_else(|| session.project.backup.dir.clone());
        let catalog = Catalog::read(&dir, &session.project)?;
        let plan = plan::plan(&catalog, &retention, &session.moment);
        let removed = plan.steps.len();
        let plan = session.hooked(plan, &[])?;

        match session.carry_out(plan, Consent::from(&self.consent), intent)? {
            Some(_) if removed == 0 => session.print("nothing to remove"),
            _ => Ok(Exit::Done),
        }
    }
}

impl Cleanup {
    /// The project's rules, with those of the command line in place of `[backup]`'s.
    fn over(&self, project: &Retention) -> Retention {
        let (typed, usual) = (&self.rules, &project.usual);
        let usual = KeepRules {
            days: self.keep_days.or(usual.days).or(Some(30)),
            min: self.min_keep.unwrap_or(usual.min),
            last: typed.keep_last.unwrap_or(usual.last),
            within: typed.keep_within.or(usual.within),
            hourly: typed.keep_hourly.unwrap_or(usual.hourly),
            daily: typed.keep_daily.unwrap_or(usual.daily),
            weekly: typed.keep_weekly.unwrap_or(usual.weekly),
            monthly: typed.keep_monthly.unwrap_or(usual.monthly),
            yearly: typed.keep_yearly.unwrap_or(usual.yearly),
        };

        Retention { usual, most: typed.max_size.or(project.most), ..project.clone() }
    }
}

fn keep_something(retention: &Retention) -> Result<(), Problem> {
    let Some(table) = retention.keeps_nothing() else { return Ok(()) };

    Err(Problem::usage("every keep rule is zero: only the last good backup would be left")
        .because(format!("so it is with `{table}`; nothing was removed"))
        .cure("set one of the rules; `--keep-last 1` says that you want just the last one"))
}
