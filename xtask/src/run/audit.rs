//! The audit log: one JSON line for every run, and for every refused one, in
//! `.db-tasks/audit.jsonl`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Leftover;
use super::state::{self, Use};
use crate::config::Project;
use crate::gate::Agent;
use crate::problem::Exit;
use crate::value::LeftOut;

/// What is logged about one run, in addition to its project.
pub struct Entry<'a> {
    /// The command.
    pub task: &'a str,
    /// The databases it was about, as far as known.
    pub databases: &'a [String],
    /// The coding agent that ran it.
    pub agent: &'a Agent,
    /// The words of the person who sent the agent.
    pub words: Option<&'a str>,
    /// The guards that refused it.
    pub refused_by: &'a [&'static str],
    /// Why it ended early.
    pub problem: Option<&'a anyhow::Error>,
    /// What could not be cleaned up.
    pub left_behind: &'a [Leftover],
    /// What a dump has that was not loaded.
    pub left_out: Vec<LeftOut>,
    /// How long it took.
    pub took: Duration,
}

/// Logs what was done, or was not. A log that can't be written never fails work that is already
/// done.
pub fn audit(state_dir: &Path, project: &Project, entry: &Entry<'_>, now: DateTime<Utc>) {
    let mut line = json!({
        "when": now.to_rfc3339(),
        "task": entry.task,
        "who": who(),
        "agent": agent(entry, project),
        "project": project.name,
        "environment": project.environment,
        "databases": entry.databases,
        "seconds": (entry.took.as_secs_f64() * 1000.0).round() / 1000.0,
        "exit": entry.problem.map_or(Exit::Done, Exit::of) as u8,
        "refused_by": entry.refused_by,
        "problem": entry.problem.map(|e| project.secrets.cover(e.to_string().lines().next().unwrap_or_default())),
        "left_behind": entry.left_behind.iter().map(|left| project.secrets.cover(&left.to_string())).collect::<Vec<_>>(),
    });

    if !entry.left_out.is_empty() {
        line["left_out"] = json!(entry.left_out);
    }

    if state::prepare(state_dir).is_ok()
        && let Ok(Some(mut file)) = state::open(&state_dir.join("audit.jsonl"), Use::Append)
    {
        // one write, so that it is never mixed with another run's line
        drop(file.write_all(format!("{line}\n").as_bytes()));
    }
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

fn agent(entry: &Entry<'_>, project: &Project) -> Value {
    match entry.agent {
        Agent::None => Value::Null,
        // people may paste anything into their words
        Agent::Alone(name) | Agent::Sent { agent: name, .. } => {
            json!({ "name": name, "says": entry.words.map(|words| project.secrets.redact(words)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn who_it_was_where_no_variable_says_it() {
        let accounts = "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        for (user, who) in [(0, "root"), (1000, "anna"), (100, "user 100")] {
            assert_eq!(account(user, accounts).as_deref(), Some(who));
        }
    }
}
