//! `db-log`: show who ran what, and how it ended; or verify that nobody changed that record.

mod checking;
mod filter;
mod view;

use std::collections::VecDeque;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};

use self::filter::Filter;
use self::view::Shown;
use super::Command;
use crate::audit::Walk;
use crate::problem::Exit;
use crate::run::audit;
use crate::session::Session;
use crate::tasks::{self, Task};
use crate::ui::terminal;
use crate::value::Anchor;

/// `db-log`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct Log {
    /// At most this many: the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Only what ended since then: an age (7d, 12h) or a day in UTC (2026-01-16)
    #[arg(long, value_name = "AGE|DAY", value_parser = filter::since)]
    pub since: Option<filter::Since>,
    /// Only this command (db-restore, or restore)
    #[arg(long, value_name = "NAME")]
    pub command: Option<String>,
    /// Only what this user ran, also by sudo
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only what ended so
    #[arg(long, value_name = "WORD", value_parser = Exit::ALL.map(Exit::word))]
    pub outcome: Option<String>,
    /// Only what was about this database, by its own name
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Verify the chain of all lines, and compare it with what the backups know of it
    #[arg(long, conflicts_with_all = ["limit", "since", "command", "user", "outcome", "database"])]
    pub verify: bool,
    /// With `--verify`: the log must still have this line; `audit` in `--json` has its parts
    #[arg(long, value_name = "LOG:LINE:DIGEST", requires = "verify")]
    pub anchor: Vec<Anchor>,
}

const EXAMPLES: &str = "Examples:
  db-log                                 the last 20 runs, the newest at the end
  db-log --since 7d --outcome refused    who was refused this week
  db-log --user ann --command restore --limit 100
  db-log --verify                        whether a line was edited, removed or moved";

impl Command for Log {
    fn task(&self) -> &'static Task {
        &tasks::LOG
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        if self.verify {
            return checking::check(session, &self.anchor);
        }

        let filter = Filter::of(self, session.moment.now);
        let found = read(session, &filter, self.limit)?;
        let file = audit::path(&session.project);
        let width = terminal::width_of(&std::io::stdout(), &session.env);

        let lines: Vec<_> = found.shown.iter().map(Shown::json).collect();
        let fields = json!({
            "file": file.to_string_lossy(), "lines": lines, "earlier": found.earlier,
        });
        let text = view::list(&found, &Session::short(&file), width);
        session.show(&text, fields)
    }
}

/// What was read of a log.
#[derive(Debug, Default)]
struct Found {
    /// The lines to show.
    shown: Vec<Shown>,
    /// How many fit, and come before these.
    earlier: u64,
    /// How many lines there are.
    lines: u64,
}

/// The newest lines that fit. No more than these are kept.
fn read(session: &Session, filter: &Filter<'_>, limit: usize) -> Result<Found> {
    let mut found = Found::default();
    let Some(log) = audit::lines(&session.project)? else { return Ok(found) };
    let (mut walk, mut kept) = (Walk::new(log), VecDeque::new());

    while let Some(line) = walk.next_line().context("could not read the audit log")? {
        found.lines = line.number;
        if !filter.fits(line.text) {
            continue;
        }

        kept.push_back((line.number, line.text.to_vec()));
        if kept.len() > limit {
            kept.pop_front();
            found.earlier += 1;
        }
    }

    found.shown = kept.iter().map(|(number, text)| Shown::of(*number, text)).collect();
    Ok(found)
}

/// What a line says, if it is one of ours.
fn said(text: &[u8]) -> Option<Value> {
    let said = serde_json::from_slice(text).ok();
    said.filter(|said: &Value| said["task"].is_string())
}

/// When something was, if that is said.
fn time(said: &Value, key: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(said[key].as_str()?).ok()?.to_utc())
}
