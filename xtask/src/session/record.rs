//! What a command did, kept for the one document that `--json` prints at the end, however it ends.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Intent;
use crate::config::{Project, Secrets};
use crate::gate::{Judgement, Verdict};
use crate::plan::Plan;
use crate::problem::Exit;
use crate::run::{Judged, Report};
use crate::stream::Sum;
use crate::ui::json;
use crate::value::Anchor;

/// Everything that is known so far.
#[derive(Debug, Default)]
pub struct Record {
    /// The project's name, its environment, and when the command began: known once the project is
    /// read.
    project: Option<(String, String, String)>,
    carried: Vec<Carried>,
    result: Vec<String>,
    afterwards: Vec<String>,
    fields: Map<String, Value>,
    secrets: Secrets,
    /// The audit log's last line by this run.
    audit: Option<Anchor>,
}

/// A plan on its way through gate and run.
#[derive(Debug)]
struct Carried {
    task: &'static str,
    judged: Judged,
    plan: Value,
    steps: Vec<Value>,
    left_behind: Vec<String>,
    /// Whether it was run, to whatever end.
    was_run: bool,
    outcome: Value,
}

impl Record {
    /// For a command in a project.
    pub fn of(project: &Project, now: DateTime<Utc>) -> Self {
        Self {
            project: Some((project.name.clone(), project.environment.clone(), now.to_rfc3339())),
            ..Self::default()
        }
    }

    /// There is a plan, and the guards have decided.
    pub fn planned(&mut self, plan: &Plan, verdicts: &[Verdict], secrets: &Secrets) {
        let refused = verdicts.iter().filter(|v| v.judgement == Judgement::Refused);
        let mut covered = json!({ "plan": json::plan(plan), "verdicts": json::verdicts(verdicts) });
        cover(&mut covered, secrets);
        let [shown, said] = ["plan", "verdicts"].map(|key| covered[key].take());

        self.carried.push(Carried {
            task: plan.task,
            judged: Judged {
                databases: plan.databases(),
                refused_by: refused.map(|v| v.guard).collect(),
                digest: Some(Sum::of(shown.to_string().as_bytes()).hex()),
                verdicts: said.as_array().cloned().unwrap_or_default(),
            },
            plan: shown,
            steps: Vec::new(),
            left_behind: Vec::new(),
            was_run: false,
            outcome: json::outcome("planned", Exit::Done, None, &[], Duration::ZERO),
        });
    }

    /// The last plan was refused.
    pub fn stopped(&mut self, error: &anyhow::Error) {
        self.ended(Vec::new(), &Report::default(), Some(error));
    }

    /// The last plan was run.
    pub fn ran(&mut self, steps: Vec<Value>, report: &Report) {
        self.ended(steps, report, report.problem.as_ref());
        if let Some(last) = self.carried.last_mut() {
            last.was_run = true;
        }
    }

    fn ended(&mut self, steps: Vec<Value>, report: &Report, problem: Option<&anyhow::Error>) {
        let Some(last) = self.carried.last_mut() else { return };
        let exit = problem.map_or(Exit::Done, Exit::of);
        last.left_behind = report.left_behind.iter().map(ToString::to_string).collect();
        last.outcome = json::outcome(exit.word(), exit, problem, &last.left_behind, report.took);
        last.steps = steps;
    }

    /// What is known of the task's last plan: for the audit log.
    pub fn judged(&self, task: &str) -> Judged {
        // a cluster may have been stopped since then
        let last = self.carried.iter().rfind(|c| c.task == task);
        last.map(|last| last.judged.clone()).unwrap_or_default()
    }

    /// A line of the audit log was written, and is its head.
    pub fn logged(&mut self, head: Anchor) {
        self.audit = Some(head);
    }

    /// The head of the audit log, as far as this command has written it.
    pub fn head(&self) -> Option<&Anchor> {
        self.audit.as_ref()
    }

    /// What could not be cleaned up, with the reasons, by the task's last plan.
    pub fn left_behind(&self, task: &str) -> &[String] {
        self.carried.iter().rfind(|c| c.task == task).map_or(&[], |last| &last.left_behind)
    }

    /// Whether the task's last plan was run, to whatever end.
    pub fn has_run(&self, task: &str) -> bool {
        self.carried.iter().rfind(|c| c.task == task).is_some_and(|last| last.was_run)
    }

    /// What to know once a plan is done.
    pub fn afterwards(&mut self, lines: Vec<String>) {
        self.afterwards.extend(lines);
    }

    /// What people read on standard output.
    pub fn result(&mut self, text: &str) {
        self.result.extend(text.lines().map(String::from));
    }

    /// What was printed.
    pub fn printed(&self) -> &[String] {
        &self.result
    }

    /// What programs read in addition.
    pub fn fields(&mut self, fields: Value) {
        if let Value::Object(fields) = fields {
            self.fields.extend(fields);
        }
    }

    /// The whole document. The command's own first plan is at the top level, what came before and
    /// after it next to it.
    pub fn document(
        mut self,
        command: &str,
        intent: Intent,
        exit: Exit,
        error: Option<&anyhow::Error>,
        took: Duration,
    ) -> Value {
        let left: Vec<String> = self.carried.iter().flat_map(|c| c.left_behind.clone()).collect();
        let word =
            if intent == Intent::Show && exit == Exit::Done { "planned" } else { exit.word() };
        let outcome = json::outcome(word, exit, error, &left, took);
        let own = self.carried.iter().position(|c| c.task == command);
        let after = self.carried.split_off(own.map_or(self.carried.len(), |at| at + 1));

        let own = own.and_then(|_| self.carried.pop());
        let others = |list: Vec<Carried>| list.into_iter().map(Carried::json).collect::<Vec<_>>();
        let (plan, verdicts, steps) = own.map_or((Value::Null, vec![], vec![]), |own| {
            (own.plan, own.judged.verdicts, own.steps)
        });
        let (project, environment, when) =
            self.project.map_or((None, None, None), |(p, e, w)| (Some(p), Some(e), Some(w)));

        let mut document = json!({
            "schema": json::SCHEMA, "command": command, "project": project, "environment": environment, "when": when,
            "intent": if intent == Intent::Show { "show" } else { "run" },
            "plan": plan, "verdicts": verdicts, "steps": steps, "before": others(self.carried), "after": others(after),
            "outcome": outcome, "result": self.result, "afterwards": self.afterwards, "audit": self.audit,
        });

        if let Value::Object(document) = &mut document {
            document.extend(self.fields);
        }

        cover(&mut document, &self.secrets);

        document
    }

    /// What a document never shows.
    pub fn hide(&mut self, secrets: &Secrets) {
        self.secrets = secrets.clone();
    }
}

fn cover(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => *text = secrets.cover(text),
        Value::Array(all) => all.iter_mut().for_each(|one| cover(one, secrets)),
        Value::Object(all) => all.values_mut().for_each(|one| cover(one, secrets)),
        _ => {}
    }
}

impl Carried {
    fn json(self) -> Value {
        json!({
            "command": self.task, "plan": self.plan, "verdicts": self.judged.verdicts, "steps": self.steps, "outcome": self.outcome,
        })
    }
}
