//! The audit log: one JSON line for every run, and for every refused one, each with the hash of the
//! one before it.

mod file;
mod who;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub use self::file::{head, lines, path};
pub use self::who::who_and_where;
use super::{Event, Found, Leftover, Listener, Report, state};
use crate::bundle::ending;
use crate::config::{Env, Project};
use crate::gate::Agent;
use crate::plan::{Act, Seal};
use crate::problem::{Code, Exit, Problem, first_line};
use crate::stream::Sum;
use crate::value::{Anchor, LeftOut};

/// Who calls, and what is known of that before there is a plan.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment.
    pub env: &'a Env,
    /// The command line.
    pub words: &'a [String],
    /// When the command began.
    pub began: DateTime<Utc>,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
}

/// What is logged about one run, in addition to its caller.
#[derive(Default)]
pub struct Entry<'a> {
    /// The command.
    pub task: &'a str,
    /// What is known of its plan.
    pub judged: Judged,
    /// The servers that answered.
    pub servers: Vec<Value>,
    /// The backups that it made or read.
    pub backups: &'a [PathBuf],
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

/// A plan, and what the guards said of it.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// The databases it was about, as far as known.
    pub databases: Vec<String>,
    /// The guards that refused it.
    pub refused_by: Vec<&'static str>,
    /// What each of them said.
    pub verdicts: Vec<Value>,
    /// The SHA-256 of the plan, as `--json` prints it.
    pub digest: Option<String>,
}

/// The audit log, as a listener of runs.
pub struct Audit<'a> {
    caller: Caller<'a>,
    agent: Agent,
    /// The words of the person who sent the agent.
    words: Option<&'a str>,
    judged: Judged,
    servers: Vec<Value>,
    /// The command, and its backups, of the plan that runs.
    concerned: (&'static str, Vec<PathBuf>),
    shrink_accepted_by: Option<String>,
    /// The line of the run, once it is written; or why the run could not be logged. That must not
    /// fail work that is already done: whoever runs it says so.
    pub logged: Option<Result<Anchor>>,
}

impl Listener for Audit<'_> {
    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(plan) => {
                let backups = plan.backup.iter().chain(&plan.result).cloned().collect();
                self.concerned = (plan.task, backups);
                self.shrink_accepted_by = plan.acts().into_iter().find_map(shrink_accepted_by);
            }
            Event::Over(report) => self.logged = Some(self.over(report)),
            _ => {}
        }
    }
}

impl<'a> Audit<'a> {
    /// The log of a project, and who runs it.
    pub fn of(caller: Caller<'a>) -> Self {
        let variable = &caller.project.guards.agent_variable;
        let (agent, words) = (Agent::detect(caller.env, variable), caller.env.given(variable));
        let (judged, servers, concerned, shrink_accepted_by) = Default::default();
        Self { caller, agent, words, judged, servers, concerned, shrink_accepted_by, logged: None }
    }

    /// The same for a plan that was judged, with the servers that answered.
    pub fn about(self, judged: Judged, servers: Vec<Value>) -> Self {
        Self { judged, servers, ..self }
    }

    fn over(&self, report: &Report) -> Result<Anchor> {
        let (task, backups) = &self.concerned;

        self.write(&Entry {
            task,
            judged: self.judged.clone(),
            servers: self.servers.clone(),
            backups,
            problem: report.problem.as_ref(),
            left_behind: &report.left_behind,
            left_out: report.found.values().filter_map(Found::left_out).cloned().collect(),
            shrink_accepted_by: self.shrink_accepted_by.as_deref(),
            took: report.took,
        })
    }

    /// Logs what was done, or was not. Returns the log's new head.
    ///
    /// # Errors
    /// The log can't be written.
    pub fn write(&self, entry: &Entry<'_>) -> Result<Anchor> {
        file::append(self.caller.project, self.line(entry))
    }

    fn line(&self, entry: &Entry<'_>) -> Value {
        let Caller { project, env, words, began, now } = self.caller;
        let cover = |text: &str| project.secrets.cover(text);
        let exit = entry.problem.map_or(Exit::Done, Exit::of);
        let left: Vec<_> = entry.left_behind.iter().map(|left| cover(&left.to_string())).collect();
        let Judged { databases, refused_by, verdicts, digest } = &entry.judged;

        let mut line = json!({
            "when": now().to_rfc3339(),
            "began": began.to_rfc3339(),
            "version": env!("CARGO_PKG_VERSION"),
            "task": entry.task,
            "argv": words::redacted(words, &project.secrets),
            "plan": digest,
            "who": who::name(env),
            "user": who::user(env),
            "host": state::machine(),
            "ci": who::ci(env, &project.secrets),
            "agent": self.agent(),
            "project": project.name,
            "environment": project.environment,
            "databases": databases,
            "servers": entry.servers,
            "backups": backups(entry.backups),
            "verdicts": verdicts,
            "seconds": (entry.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "outcome": exit.word(),
            "exit": exit as u8,
            "code": entry.problem.map(code),
            "refused_by": refused_by,
            "problem": entry.problem.map(|e| cover(&first_line(e))),
            "left_behind": left,
        });

        if !entry.left_out.is_empty() {
            line["left_out"] = json!(entry.left_out);
        }
        if let Some(by) = entry.shrink_accepted_by {
            line["shrink_accepted_by"] = json!(by.trim_matches('`'));
        }

        line
    }

    fn agent(&self) -> Value {
        match &self.agent {
            Agent::None => Value::Null,
            // people may paste anything into their words
            Agent::Alone(name) | Agent::Sent { agent: name, .. } => {
                let says = self.words.map(|words| self.caller.project.secrets.redact(words));
                json!({ "name": name, "says": says })
            }
        }
    }
}

fn code(error: &anyhow::Error) -> &'static str {
    error.downcast_ref::<Problem>().map_or(Code::Failed, |problem| problem.code).word()
}

/// Backups by their names, each with the SHA-256 of its manifest. A shrunken one has another name.
fn backups(paths: &[PathBuf]) -> Vec<Value> {
    let mut all: Vec<&PathBuf> = paths.iter().collect();
    all.dedup();

    let manifest = |path: &Path| {
        let of_set = ending::manifest_of_set(path);
        if path.is_dir() { of_set } else { ending::manifest_beside(path) }
    };
    let one = |path: &&PathBuf| {
        [path.to_path_buf(), ending::shrunken(path)].into_iter().find_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            let bytes = std::fs::read(manifest(&path)).ok();
            (path.exists())
                .then(|| json!({ "name": name, "manifest": bytes.map(|b| Sum::of(&b).hex()) }))
        })
    };
    all.iter().filter_map(one).collect()
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
