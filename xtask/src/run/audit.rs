//! The audit log: one JSON line for every run that was let through, in `.db-tasks/audit.jsonl`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::Report;
use crate::config::Project;
use crate::problem::{Exit, Problem};

/// Writes what was done. A log that can't be written never fails the work that is done already.
pub fn audit(state_dir: &Path, task: &str, project: &Project, report: &Report, now: DateTime<Utc>) {
    let who = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|v| std::env::var(v).ok());
    let exit = report.problem.as_ref().map_or(Exit::Done, |e| e.downcast_ref::<Problem>().map_or(Exit::Failed, |p| p.exit));
    let line = serde_json::json!({
        "when": now.to_rfc3339(),
        "task": task,
        "who": who,
        "project": project.name,
        "environment": project.environment,
        "seconds": (report.took.as_secs_f64() * 1000.0).round() / 1000.0,
        "exit": exit as u8,
        "problem": report.problem.as_ref().map(|e| e.to_string().lines().next().unwrap_or_default().to_owned()),
        "left_behind": report.left_behind,
    });
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if super::lock::prepare(state_dir).is_ok()
        && let Ok(mut file) = options.open(state_dir.join("audit.jsonl"))
    {
        drop(writeln!(file, "{line}"));
    }
}
