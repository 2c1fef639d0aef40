//! What a schedule looks like.

use chrono::{DateTime, Duration, Local, TimeZone, Utc};
use serde_json::{Value, json};

use super::due::{Known, Next, Why, coming};
use super::keeper::{Keeper, MINUTES};
use crate::config::{Project, Schedule};
use crate::human::{ago, count, wrapped};
use crate::problem::Exit;
use crate::run::memory::{Chore, Past};
use crate::ui::table::{Lean, columns};

/// How late a backup may be: it may wait for another run, or for its second try.
const LATE: Duration = Duration::hours(1);

/// All that `db-schedule` shows.
pub struct Shown<'a> {
    /// The rhythms, and what ran.
    pub known: Known<'a, Local>,
    /// The command of each chore.
    pub commands: [String; 3],
    /// What starts it.
    pub keepers: Vec<Keeper>,
    /// The process in the foreground that does, if there is one.
    pub scheduler: Option<String>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Columns of the terminal, if there is one.
    pub width: Option<usize>,
}

/// What is known of who starts it.
#[derive(Debug, Clone, Copy)]
pub struct Starter {
    /// Whether a scheduler runs.
    pub running: bool,
    /// When `db-schedule run --due` last looked.
    pub looked: Option<DateTime<Utc>>,
}

impl Shown<'_> {
    /// For people.
    pub fn text(&self) -> String {
        let next = coming(&self.known, self.now);
        let rows: Vec<Vec<String>> = Chore::ALL
            .into_iter()
            .zip(&self.commands)
            .map(|(chore, command)| {
                let nothing = Past::default();
                let past = self.known.past.get(&chore).unwrap_or(&nothing);
                let next = next.iter().find(|next| next.chore == chore);
                vec![
                    command.clone(),
                    chore.rhythm(self.known.schedule).to_string(),
                    last(past, self.now),
                    next.map_or("-".into(), |next| when(next, self.now)),
                ]
            })
            .collect();

        let table = columns(
            &[
                ("COMMAND", Lean::Left),
                ("WHEN", Lean::Left),
                ("LAST", Lean::Left),
                ("NEXT", Lean::Left),
            ],
            &rows,
        );
        let fits = |width| table.lines().all(|line| line.chars().count() <= width);
        match self.width {
            Some(width) if !fits(width) => {
                let parts: Vec<String> = rows.iter().map(|row| narrow(row)).collect();
                let started = wrapped(&self.started(), width).join("\n  ");
                format!("{}\n\n{started}", parts.join("\n"))
            }
            _ => format!("{table}\n\n{}", self.started()),
        }
    }

    fn started(&self) -> String {
        let keepers = self.keepers.iter().map(|keeper| {
            format!("{} starts it: it looks every {MINUTES} minutes what is due", keeper.word())
        });
        let running = self.scheduler.iter().map(|who| format!("it is at work: {who}"));
        let lines: Vec<String> = keepers.chain(running).collect();
        if lines.is_empty() {
            return "nothing starts it: `db-schedule install`, or `db-schedule run` in a container"
                .into();
        }
        lines.join("\n")
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let next = coming(&self.known, self.now);
        let chore = |(chore, command): (Chore, &String)| {
            let past = self.known.past.get(&chore).cloned().unwrap_or_default();
            json!({
                "chore": chore,
                "command": command,
                "when": chore.rhythm(self.known.schedule).typed(),
                "began": past.began,
                "ended": past.ended,
                "exit": past.exit,
                "good": past.good,
                "failures": past.failures,
                "next": next.iter().find(|next| next.chore == chore).map(|next| next.at),
            })
        };
        json!({
            "schedule": Chore::ALL.into_iter().zip(&self.commands).map(chore).collect::<Vec<_>>(),
            "started_by": self.keepers.iter().map(|keeper| keeper.word()).collect::<Vec<_>>(),
            "running": self.scheduler,
        })
    }
}

/// What is wrong with it, for `db-schedule check`.
pub fn wrong<Tz: TimeZone>(
    known: &Known<'_, Tz>,
    starter: Starter,
    now: DateTime<Utc>,
) -> Vec<String>
where
    Tz::Offset: 'static,
{
    let mut wrong = Vec::new();
    let lately = Duration::minutes(i64::from(MINUTES) * 3);
    let looked = starter.looked.is_some_and(|looked| (now - looked).abs() < lately);
    if !starter.running && !looked {
        wrong.push(match starter.looked {
            Some(looked) => format!("nothing starts it; it last looked {}", ago(looked, now)),
            None => "nothing starts it".into(),
        });
    }

    for (chore, past) in known.past {
        if past.failures > 0 {
            let last = past.ended.map_or(String::new(), |ended| format!(", {}", ago(ended, now)));
            wrong.push(format!(
                "{}: {} in a row; the last one {}{last}",
                chore.word(),
                failures(past.failures),
                outcome(past.exit)
            ));
        }
    }

    let late = coming(known, now).into_iter().filter(|next| {
        let open = known.past.get(&next.chore).is_some_and(Past::is_open);
        now - next.at > LATE && !(open && starter.running)
    });
    wrong.extend(
        late.map(|next| format!("{}: it should have run {}", next.chore.word(), ago(next.at, now))),
    );

    wrong
}

/// Why nothing is scheduled here.
pub fn not_here(environment: &str, schedule: &Schedule) -> String {
    let meant = match schedule.environments.as_slice() {
        [] => "production".to_owned(),
        named => named.join(", "),
    };
    format!(
        "nothing is scheduled: this environment is `{environment}`, and `--automatic` is for {meant} \
         (`schedule.environments`)"
    )
}

/// The first line of a scheduler.
pub fn begins(project: &Project, schedule: &Schedule) -> String {
    let all = rhythms(schedule);
    format!("scheduler of `{}` ({}): {all}", project.name, project.environment)
}

/// `backup every 24 h, cleanup never, …`
pub fn rhythms(schedule: &Schedule) -> String {
    Chore::ALL.map(|chore| format!("{} {}", chore.word(), chore.rhythm(schedule))).join(", ")
}

/// What comes next.
pub fn coming_text(coming: &[Next], now: DateTime<Utc>) -> String {
    if coming.is_empty() {
        return "next: nothing; every rhythm is `never`".into();
    }
    let mut sorted = coming.to_vec();
    sorted.sort_by_key(|next| next.at);
    let all: Vec<String> =
        sorted.iter().map(|next| format!("{} {}", next.chore.word(), when(next, now))).collect();
    format!("next: {}", all.join(", "))
}

/// How a run ended.
pub fn outcome(exit: Option<i32>) -> String {
    match exit {
        Some(code) if code == Exit::Done as i32 => "done".into(),
        Some(code) if code == Exit::FinishedBut as i32 => {
            "done, but what follows it failed (exit code 6)".into()
        }
        Some(code) if code == Exit::Interrupted as i32 => "was interrupted".into(),
        Some(code) if code == Exit::Locked as i32 => {
            "not done: another run was active (exit code 5)".into()
        }
        Some(code) if code == Exit::Shrunken as i32 => {
            "the backup holds too little (exit code 7)".into()
        }
        Some(code) => format!("failed (exit code {code})"),
        None => "was ended by a signal".into(),
    }
}

/// `1 failure`, `2 failures`.
pub fn failures(number: u32) -> String {
    format!("{} failure{}", count(number.into()), if number == 1 { "" } else { "s" })
}

/// A row of the table in lines of its own.
fn narrow(row: &[String]) -> String {
    let [command, rhythm, last, next] = row else { return row.join(" ") };
    format!("{command}\n  {rhythm}\n  last: {last}\n  next: {next}")
}

fn last(past: &Past, now: DateTime<Utc>) -> String {
    let Some(began) = past.began else { return "-".into() };
    let how = match (past.ended, past.exit) {
        (None, _) => "it has no end yet".into(),
        (_, exit) => outcome(exit),
    };
    format!("{}: {how}", ago(began, now))
}

/// A time by the clock of this machine.
pub fn clock(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-01-17 03:00 (in 4 h)`, by the clock of this machine.
fn when(next: &Next, now: DateTime<Utc>) -> String {
    let at = next.at.with_timezone(&Local).format("%Y-%m-%d %H:%M");
    let again = if matches!(next.why, Why::Retry(_)) { ", again" } else { "" };
    match (next.at - now).num_minutes() {
        ..=0 if next.at <= now => format!("now{again}"),
        minutes @ ..60 => format!("{at} (in {} min{again})", minutes + 1),
        minutes @ 60..2880 => format!("{at} (in {} h{again})", minutes / 60),
        minutes => format!("{at} (in {} days{again})", minutes / 1440),
    }
}
