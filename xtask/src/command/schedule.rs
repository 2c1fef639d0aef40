//! `db-schedule`: back up, clean up and try restores by the clock.

pub mod due;
pub mod keeper;
pub mod plan;
mod serve;
pub mod view;

use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::Local;
use clap::{Args, ValueEnum};

use self::due::Known;
use self::keeper::{Job, Keeper};
use self::serve::Orders;
use super::Command;
use crate::bundle::Catalog;
use crate::cmd::Cmd;
use crate::config::environment::is_production;
use crate::config::{Rhythm, Schedule as Times, Secrets, Unit};
use crate::door::ask::ask;
use crate::facts::machine::{self, Machine};
use crate::gate::Consent;
use crate::problem::{Exit, Problem};
use crate::run::Lock;
use crate::run::memory::{Chore, Memory, Past};
use crate::session::{Intent, Session};
use crate::tasks::{self, Task, Touches};
use crate::ui::terminal;

/// `db-schedule`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Schedule {
    /// What to do with it
    #[arg(value_enum, default_value = "show", hide_default_value = true)]
    pub action: Action,
    /// With `run`: only where `schedule.environments` has the project's environment, which is
    /// production if nothing is said
    #[arg(long)]
    pub automatic: bool,
    /// With `run`: do what is due now, and end
    #[arg(long)]
    pub due: bool,
    /// Hours between two backups, or as in `schedule.backup` (default: BACKUP_INTERVAL_HOURS)
    #[arg(long, value_name = "WHEN", value_parser = hours)]
    pub interval: Option<Rhythm>,
    /// Days between two cleanups, or as in `schedule.cleanup` (BACKUP_CLEANUP_INTERVAL_DAYS)
    #[arg(long, value_name = "WHEN", value_parser = days)]
    pub cleanup_interval: Option<Rhythm>,
    /// For `db-cleanup`: days to keep each backup
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// For `db-cleanup`: good backups to keep whatever their age
    #[arg(long, value_name = "N")]
    pub min_keep: Option<u32>,
    /// The folder of the backups
    #[arg(long, alias = "output-dir", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// With `install` and `remove`: what starts it, if not what this machine usually has
    #[arg(long, value_enum, value_name = "WHAT")]
    pub with: Option<Keeper>,
    /// Show every step, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What to do with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// Show what runs when
    Show,
    /// Let this machine start it: by crontab, systemd, launchd or the Task Scheduler
    Install,
    /// Take it away from there
    Remove,
    /// Stay in the foreground and start what is due, for a container
    Run,
    /// Exit 1 when nothing starts it, a backup failed or is overdue
    Check,
}

fn hours(text: &str) -> Result<Rhythm, String> {
    Rhythm::parse(text, Unit::Hours)
}

fn days(text: &str) -> Result<Rhythm, String> {
    Rhythm::parse(text, Unit::Days)
}

const EXAMPLES: &str = "Examples:
  db-schedule                        what runs when, what ran last, and what starts it
  db-schedule install                from now on this machine starts it
  db-schedule run                    in the foreground, for a container; SIGTERM ends it
  db-schedule run --automatic        the same in every environment: it works in production only
  db-schedule check                  for a container's health check: exit 1 when a backup is overdue
  db-schedule run --interval 12 --cleanup-interval 1 --keep-days 30 --min-keep 5

Each command runs in a process of its own, one after the other. What was missed is made up for once.
`start-scheduler` is another name for `db-schedule run`.";

impl Command for Schedule {
    fn task(&self) -> &'static Task {
        &tasks::SCHEDULE
    }

    fn intent(&self) -> Intent {
        Intent::by_flag(self.dry_run)
    }

    fn touches(&self) -> Touches {
        match self.action {
            Action::Show => Touches::Programs,
            Action::Check => Touches::Files,
            Action::Install | Action::Remove | Action::Run => self.task().touches,
        }
    }

    fn is_told(&self) -> bool {
        false
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        self.fits()?;
        let times = self.times(&session.project.schedule);
        match self.action {
            Action::Show => show(session, self, &times),
            Action::Check => check(session, &times),
            Action::Install | Action::Remove => self.put(session, &times),
            Action::Run if self.dry_run => show(session, self, &times),
            Action::Run => self.start(session, times),
        }
    }
}

impl Schedule {
    /// An option that would be passed over is a mistake.
    fn fits(&self) -> Result<(), Problem> {
        let (run, put) = (Action::Run, [Action::Install, Action::Remove]);
        let wrong = [
            ("--automatic", self.automatic && self.action != run),
            ("--due", self.due && self.action != run),
            ("--with", self.with.is_some() && !put.contains(&self.action)),
        ];

        match wrong.into_iter().find(|(_, wrong)| *wrong) {
            Some((option, _)) => Err(Problem::usage(format!("`{option}` does not fit here"))
                .cure("see `db-schedule --help`")),
            None => Ok(()),
        }
    }

    /// The project's rhythms, with those of the command line in their place.
    fn times(&self, project: &Times) -> Times {
        Times {
            backup: self.interval.clone().unwrap_or_else(|| project.backup.clone()),
            cleanup: self.cleanup_interval.clone().unwrap_or_else(|| project.cleanup.clone()),
            ..project.clone()
        }
    }

    fn start(&self, session: &mut Session, times: Times) -> Result<Exit> {
        if self.automatic && !is_meant(&session.project.environment, &times.environments) {
            return session.print(&view::not_here(&session.project.environment, &times));
        }

        let held =
            Lock::of_scheduler(&session.project.state_dir(), "db-schedule run", session.moment.now);
        let lock = match held {
            // the one before is at work: it is not late
            Err(e) if self.due && Exit::of(&e) == Exit::Locked => return Ok(Exit::Done),
            held => held.map_err(serve::already)?,
        };

        let orders = Orders { times, words: self.words(session)?, args: self.clone() };
        let done = if self.due {
            serve::what_is_due(session, &orders)
        } else {
            serve::until_a_signal(session, &orders)
        };
        drop(lock);

        done.map(|()| Exit::Done)
    }

    /// This program, for this project.
    fn words(&self, session: &Session) -> Result<Vec<String>> {
        let program = std::env::current_exe().context("could not find this program itself")?;
        let file = std::path::absolute(&session.project.file)?;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok(vec![text(program), "--config".into(), text(file)])
    }

    fn put(&self, session: &mut Session, times: &Times) -> Result<Exit> {
        let intent = self.intent();
        session.lock(self.task().name, intent)?;

        let machine = machine::look(&session.env)?;
        let job = self.job(session)?.checked()?;
        let found = found(&job, &machine);
        let plan = match self.action {
            Action::Remove => plan::remove(&job, &machine, &chosen(self.with, &found))?,
            _ => {
                let keeper = self.with.map_or_else(|| keeper::usual(&machine), Ok)?;
                let others = found.iter().copied().filter(|other| *other != keeper).collect();
                let borrowed = plan::borrowed(&session.project, &session.env);
                plan::install(&plan::Wanted { keeper, others, borrowed, times }, &job, &machine)?
            }
        };

        let (idle, headline) = (plan.steps.is_empty(), plan.headline.clone());
        let done = session.carry_out(plan, Consent::Yes, intent)?;
        if done.is_none() {
            return Ok(Exit::Done);
        }

        if self.action == Action::Install {
            let dir = session.project.state_dir();
            let memory = Memory::read(&dir)?;
            let since = memory.since.or(Some(session.moment.now));
            Memory { since, ..memory }.write(&dir)?;
        }
        if idle { session.print(&headline) } else { Ok(Exit::Done) }
    }

    fn job(&self, session: &Session) -> Result<Job> {
        let mut words = self.words(session)?;
        words.extend(["db-schedule", "run", "--due"].map(String::from));
        words.extend(self.handed_on());
        Ok(Job {
            project: session.project.name.clone(),
            folder: std::path::absolute(&session.project.root)?,
            words,
            path: session.env.given("PATH").unwrap_or_default().into(),
            log: session.project.state_dir().join("schedule.log"),
        })
    }

    /// The options that an installed schedule has, too.
    fn handed_on(&self) -> Vec<String> {
        options([
            ("--interval", self.interval.as_ref().map(Rhythm::typed)),
            ("--cleanup-interval", self.cleanup_interval.as_ref().map(Rhythm::typed)),
            ("--keep-days", self.keep_days.map(|days| days.to_string())),
            ("--min-keep", self.min_keep.map(|count| count.to_string())),
            ("--backup-dir", self.folder()),
        ])
    }

    /// The folder of the backups, wherever it is read.
    fn folder(&self) -> Option<String> {
        let dir = self.backup_dir.as_ref()?;
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        Some(dir.to_string_lossy().into_owned())
    }

    /// The command of a chore.
    fn command(&self, chore: Chore) -> Cmd {
        let cmd = match chore {
            Chore::Backup => Cmd::new("db-backup").arg("--auto"),
            Chore::Cleanup => Cmd::new("db-cleanup").arg("--yes").args(options([
                ("--keep-days", self.keep_days.map(|days| days.to_string())),
                ("--min-keep", self.min_keep.map(|count| count.to_string())),
            ])),
            Chore::TrialRestore => Cmd::new("db-verify").args(["--deep", "--latest"]),
        };
        self.folder().into_iter().fold(cmd, |cmd, dir| cmd.env("BACKUP_DIR", dir))
    }
}

/// Options that have a value.
fn options<const N: usize>(options: [(&str, Option<String>); N]) -> Vec<String> {
    let given = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| format!("{name}={value}")).collect()
}

/// Those that have the job, on this machine.
fn found(job: &Job, machine: &Machine) -> Vec<Keeper> {
    let task = || {
        let asked = (machine.system == "windows")
            .then(|| ask(&keeper::schtasks::asks(job), &Secrets::default()));
        asked.is_some_and(|answer| answer.is_ok_and(|answer| answer.good))
    };
    keeper::holders(job, machine, |path| path.exists(), task)
}

/// What a removal is from: what was named, or all that have it.
fn chosen(named: Option<Keeper>, found: &[Keeper]) -> Vec<Keeper> {
    found.iter().copied().filter(|keeper| named.is_none_or(|named| named == *keeper)).collect()
}

/// Whether an environment is one of these; of none, whether it is production.
fn is_meant(environment: &str, environments: &[String]) -> bool {
    match environments {
        [] => is_production(environment),
        named => named.iter().any(|named| named == environment),
    }
}

/// What is remembered; of a project that was never scheduled, what its newest backup tells.
fn remembered(session: &Session, dir: Option<&PathBuf>) -> Result<Memory> {
    let mut memory = Memory::read(&session.project.state_dir())?;
    if !memory.chores.contains_key(&Chore::Backup)
        && let Some(newest) = newest(session, dir)?
    {
        memory.chores.insert(Chore::Backup, newest);
    }
    Ok(memory)
}

fn newest(session: &Session, dir: Option<&PathBuf>) -> Result<Option<Past>> {
    let project = &session.project;
    let catalog = Catalog::read(dir.unwrap_or(&project.backup.dir), project)?;
    let databases = project.databases.iter().map(|database| database.key.as_str());
    let keys: Vec<&str> =
        databases.chain(project.stores.iter().map(|store| store.key.as_str())).collect();
    Ok(catalog.latest(&keys).map(|backup| {
        Past::default().after(backup.current_at(), backup.current_at(), Some(Exit::Done as i32))
    }))
}

fn known<'a>(
    times: &'a Times,
    memory: &'a Memory,
    seed: &'a str,
    session: &Session,
) -> Known<'a, Local> {
    Known {
        schedule: times,
        past: &memory.chores,
        since: memory.since.unwrap_or(session.moment.now),
        seed,
        zone: &Local,
    }
}

/// What tells this project on this machine from others.
fn seed(session: &Session) -> String {
    let machine = crate::run::state::machine().unwrap_or_default();
    format!("{machine} {}", session.project.root.display())
}

fn show(session: &mut Session, args: &Schedule, times: &Times) -> Result<Exit> {
    let memory = remembered(session, args.backup_dir.as_ref())?;
    let machine = machine::look(&session.env)?;
    let job = args.job(session)?;
    let seed = seed(session);
    let shown = view::Shown {
        known: known(times, &memory, &seed, session),
        commands: Chore::ALL.map(|chore| args.command(chore).to_string()),
        keepers: found(&job, &machine),
        scheduler: Lock::scheduler(&session.project.state_dir())?,
        now: session.moment.now,
        width: terminal::width_of(&std::io::stdout(), &session.env),
    };

    let (text, fields) = (shown.text(), shown.json());
    session.show(&text, fields)
}

fn check(session: &mut Session, times: &Times) -> Result<Exit> {
    let memory = remembered(session, None)?;
    let seed = seed(session);
    let running = Lock::scheduler(&session.project.state_dir())?.is_some();
    let wrong = view::wrong(
        &known(times, &memory, &seed, session),
        view::Starter { running, looked: memory.looked },
        session.moment.now,
    );

    let text = if wrong.is_empty() { "ok".into() } else { wrong.join("\n") };
    session.show(&text, serde_json::json!({ "wrong": wrong }))?;
    Ok(if wrong.is_empty() { Exit::Done } else { Exit::Failed })
}
