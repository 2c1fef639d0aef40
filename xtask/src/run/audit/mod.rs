//! The audit log: one JSON line for every run, and for every refused one, in
//! `.db-tasks/audit.jsonl`.

use std::fs::TryLockError;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::state::{self, Use};
use super::{Event, Found, Leftover, Listener, Report};
use crate::config::{Env, Project};
use crate::gate::Agent;
use crate::plan::{Act, Seal};
use crate::problem::{Exit, first_line};
use crate::value::LeftOut;

/// The log's file in the project's own folder.
const NAME: &str = "audit.jsonl";
/// How long a line waits for another run that is writing one.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is logged about one run, in addition to its project and who it was.
#[derive(Default)]
pub struct Entry<'a> {
    /// The command.
    pub task: &'a str,
    /// The databases it was about, as far as known.
    pub databases: &'a [String],
    /// The guards that refused it.
    pub refused_by: &'a [&'static str],
    /// Why it ended early.
    pub problem: Option<&'a anyhow::Error>,
    /// What could not be cleaned up.
    pub left_behind: &'a [Leftover],
    /// What a dump has that was not loaded.
    pub left_out: Vec<LeftOut>,
    /// Who says that a backup may hold fewer records than the ratchet wants.
    pub shrink_accepted_by: Option<&'a str>,
    /// How long it took.
    pub took: Duration,
}

/// The audit log, as a listener of runs.
pub struct Audit<'a> {
    project: &'a Project,
    agent: Agent,
    /// The words of the person who sent the agent.
    words: Option<&'a str>,
    now: fn() -> DateTime<Utc>,
    /// The command, and its databases, of the plan that runs.
    concerned: (&'static str, Vec<String>),
    shrink_accepted_by: Option<String>,
    /// Why the run could not be logged. That must not fail work that is already done: whoever runs
    /// it says so.
    pub unlogged: Option<anyhow::Error>,
}

impl Listener for Audit<'_> {
    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(plan) => {
                self.concerned = (plan.task, plan.databases());
                self.shrink_accepted_by = plan.acts().into_iter().find_map(shrink_accepted_by);
            }
            Event::Over(report) => self.unlogged = self.over(report).err(),
            _ => {}
        }
    }
}

impl<'a> Audit<'a> {
    /// The log of a project, and who runs it.
    pub fn of(project: &'a Project, env: &'a Env, now: fn() -> DateTime<Utc>) -> Self {
        let variable = &project.guards.agent_variable;
        let (agent, words) = (Agent::detect(env, variable), env.given(variable));
        let (concerned, shrink_accepted_by, unlogged) = (("", Vec::new()), None, None);
        Self { project, agent, words, now, concerned, shrink_accepted_by, unlogged }
    }

    fn over(&self, report: &Report) -> Result<()> {
        let (task, databases) = &self.concerned;

        self.write(&Entry {
            task,
            databases,
            refused_by: &[],
            problem: report.problem.as_ref(),
            left_behind: &report.left_behind,
            left_out: report.found.values().filter_map(Found::left_out).cloned().collect(),
            shrink_accepted_by: self.shrink_accepted_by.as_deref(),
            took: report.took,
        })
    }

    /// Logs what was done, or was not.
    ///
    /// # Errors
    /// The log can't be written.
    pub fn write(&self, entry: &Entry<'_>) -> Result<()> {
        let project = self.project;
        let cover = |text: &str| project.secrets.cover(text);

        let mut line = json!({
            "when": (self.now)().to_rfc3339(),
            "task": entry.task,
            "who": who(),
            "agent": self.agent(),
            "project": project.name,
            "environment": project.environment,
            "databases": entry.databases,
            "seconds": (entry.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "exit": entry.problem.map_or(Exit::Done, Exit::of) as u8,
            "refused_by": entry.refused_by,
            "problem": entry.problem.map(|e| cover(&first_line(e))),
            "left_behind": entry.left_behind.iter().map(|left| cover(&left.to_string())).collect::<Vec<_>>(),
        });

        if !entry.left_out.is_empty() {
            line["left_out"] = json!(entry.left_out);
        }
        if let Some(by) = entry.shrink_accepted_by {
            line["shrink_accepted_by"] = json!(by.trim_matches('`'));
        }

        let state_dir = project.state_dir();
        state::prepare(&state_dir)?;
        append(&state_dir.join(NAME), &format!("{line}\n"))
    }

    fn agent(&self) -> Value {
        match &self.agent {
            Agent::None => Value::Null,
            // people may paste anything into their words
            Agent::Alone(name) | Agent::Sent { agent: name, .. } => {
                let says = self.words.map(|words| self.project.secrets.redact(words));
                json!({ "name": name, "says": says })
            }
        }
    }
}

fn shrink_accepted_by(act: &Act) -> Option<String> {
    match act {
        Act::Seal(seal) => match &**seal {
            Seal::Counted(counted) => counted.demands.first()?.accepted.clone(),
            _ => None,
        },
        _ => None,
    }
}

/// Appends a line, while no other run writes one. A file system without locks has to do with a
/// single write.
fn append(path: &Path, line: &str) -> Result<()> {
    let mut file = state::open(path, Use::Append)?.context("the audit log was not created")?;
    let begun = Instant::now();

    while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }

    file.write_all(line.as_bytes()).context("could not write the line")
}

/// Who runs us.
fn who() -> Option<String> {
    let said = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|v| std::env::var(v).ok().filter(|name| !name.is_empty()));
    said.or_else(|| {
        account(state::user(), &std::fs::read_to_string("/etc/passwd").unwrap_or_default())
    })
}

/// Who runs us, and on which machine: for those on others.
pub fn who_and_where() -> String {
    format!("{}@{}", who().as_deref().unwrap_or("?"), state::machine().as_deref().unwrap_or("?"))
}

/// A user's name by its number, or the number: cron and containers set no variable for it.
fn account(user: u32, accounts: &str) -> Option<String> {
    let is_user = |line: &&str| line.split(':').nth(2) == Some(&user.to_string());
    let name = accounts.lines().find(is_user).and_then(|line| line.split(':').next());
    cfg!(unix).then(|| name.map_or_else(|| format!("user {user}"), String::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long lines of many runs at once: each is whole.
    #[test]
    fn lines_are_never_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);

        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        let line = writer.to_string().repeat(100_000);
                        append(path, &format!("{line}\n")).unwrap();
                    }
                });
            }
        });

        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 160);
        for line in lines {
            assert!(line.len() == 100_000 && line.bytes().all(|byte| byte == line.as_bytes()[0]));
        }
    }

    #[test]
    #[cfg(unix)]
    fn who_it_was_where_no_variable_says_it() {
        let accounts = "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        for (user, who) in [(0, "root"), (1000, "anna"), (100, "user 100")] {
            assert_eq!(account(user, accounts).as_deref(), Some(who));
        }
    }
}
