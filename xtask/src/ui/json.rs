//! What a program reads, with `--json`: plans, verdicts, steps and outcomes as values.
//! `docs/json.md` documents them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::describe::{self, Shown};
use crate::cmd;
use crate::gate::{Judgement, Verdict};
use crate::plan::{Act, CleanUp, Plan, Risk, Scope, Stake, Step, StepId, identified, words};
use crate::problem::{Code, Exit, Problem};
use crate::run::{Ending, Found, Held, Ran};

/// The schema's version. `docs/json.md` says what may be added under the same number.
pub const SCHEMA: u32 = 1;

/// A plan, as a dry run prints it.
pub fn plan(plan: &Plan) -> Value {
    let mut number = 0;
    let steps = steps(&plan.steps, StepId::FIRST, &mut number);
    json!({ "headline": plan.headline, "notes": plan.notes, "risk": risk(&plan.risk), "steps": steps })
}

fn risk(risk: &Risk) -> Value {
    let kind = match risk {
        Risk::Nothing => "nothing",
        Risk::Adds => "adds",
        Risk::Migrates => "migrates",
        Risk::RemovesBackups => "removes-backups",
        Risk::Stranger { .. } => "runs-foreign-sql",
        Risk::Changes { .. } => "changes-data",
        Risk::ReplacesData { .. } => "replaces-data",
    };
    json!({ "kind": kind, "databases": risk.stakes().iter().map(stake).collect::<Vec<_>>() })
}

fn stake(stake: &Stake) -> Value {
    let marker = stake.marks.first().map(|mark| &mark.environment);
    json!({ "name": stake.database, "at": stake.at, "marker": marker, "bytes": stake.size, "sessions": stake.sessions })
}

fn steps(list: &[Step], first: StepId, number: &mut u32) -> Vec<Value> {
    let one = |(id, step): (StepId, &Step)| match step {
        Step::Act(a) => {
            *number += 1;
            let mut value = act((id, a));
            value["number"] = json!(*number);
            value
        }
        Step::Scope(scope) => group(scope, id, number),
    };
    identified(list, first).map(one).collect()
}

fn group(scope: &Scope, first: StepId, number: &mut u32) -> Value {
    let CleanUp { on_failure, at_once, finally } = scope.clean_up(first);
    let on_failure: Vec<Value> = on_failure.into_iter().chain(at_once).map(act).collect();
    let finally: Vec<Value> = finally.into_iter().map(act).collect();
    let steps = steps(&scope.body, first, number);
    json!({ "steps": steps, "on_failure": on_failure, "finally": finally })
}

fn act((id, act): (StepId, &Act)) -> Value {
    let commands: Vec<Value> = describe::shown(act).into_iter().map(command).collect();
    json!({ "id": id, "act": words::verb(act), "what": words::object(act), "commands": commands })
}

/// A command; a variable that holds a secret is `null`.
fn command(Shown { command, input }: Shown<'_>) -> Value {
    let argv: Vec<&String> = [&command.program].into_iter().chain(&command.args).collect();
    let env: Map<String, Value> = command
        .env
        .iter()
        .map(|(name, value)| match value {
            cmd::Value::Plain(text) => (name.clone(), json!(text)),
            cmd::Value::Secret(_) => (name.clone(), Value::Null),
        })
        .collect();

    json!({ "command": command.to_string(), "argv": argv, "env": env, "input": input })
}

/// What the guards said, with their reasons.
pub fn verdicts(verdicts: &[Verdict]) -> Vec<Value> {
    let word = |judgement| match judgement {
        Judgement::Passed => "passed",
        Judgement::Warned => "warned",
        Judgement::Ask => "ask",
        Judgement::Refused => "refused",
    };
    let cure = |v: &Verdict| Some(v.cure.clone()).filter(|cure| !cure.is_empty());
    verdicts.iter().map(|v| json!({ "guard": v.guard, "judgement": word(v.judgement), "why": v.why, "cure": cure(v) })).collect()
}

/// A step that ran.
pub fn ran(Ran { id, act }: Ran<'_>, end: Ending<'_>, took: Duration) -> Value {
    let ok = !matches!(end, Ending::Failed);
    let mut step = json!({
        "id": id, "act": words::verb(act), "what": words::object(act), "ok": ok, "seconds": seconds(took),
    });

    if let (Ending::Done(Some(found)), Value::Object(step)) = (end, &mut step) {
        step.extend(self::found(found));
    }

    step
}

/// What a step that moves bytes has found.
fn found(found: &Found) -> Map<String, Value> {
    let mut keys = Map::new();
    let mut put = |key: &str, value: Value| drop(keys.insert(key.into(), value));

    match &found.held {
        Held::Script(script) => {
            put("rows", json!(script.tables.iter().map(|t| t.rows).sum::<u64>()));
            put("tables", json!(script.tables.len()));
        }
        Held::Contents(contents) => {
            put("items", json!(contents.items()));
            put("changed", json!(contents.changed()));
        }
        Held::Sealed => put("sealed", json!(true)),
    }

    let warnings = &found.loaded.warnings;
    if !warnings.is_nothing() {
        put("warnings", json!(warnings));
    }
    if let Some(left) = found.left_out() {
        put("left_out", json!(left));
    }

    put("bytes", json!(found.plain_bytes));
    put("file_bytes", json!(found.sum.bytes));

    keys
}

/// How something ended.
pub fn outcome(
    word: &str,
    exit: Exit,
    problem: Option<&anyhow::Error>,
    left_behind: &[String],
    took: Duration,
) -> Value {
    json!({
        "word": word, "exit": exit as u8, "problem": problem.map(self::problem), "left_behind": left_behind, "seconds": seconds(took),
    })
}

fn problem(error: &anyhow::Error) -> Value {
    match error.downcast_ref::<Problem>() {
        Some(p) => {
            json!({ "code": p.code.word(), "tried": p.tried, "stands": p.stands, "happened": p.happened, "cure": p.cure })
        }
        None => {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            json!({ "code": Code::Failed.word(), "tried": error.to_string(), "stands": null, "happened": causes, "cure": null })
        }
    }
}

fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}
