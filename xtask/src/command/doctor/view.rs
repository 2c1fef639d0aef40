//! What the doctor found.

use serde_json::{Value, json};

use crate::facts::health::{Finding, State};
use crate::ui::shown;

/// `db-doctor`
pub fn text(findings: &[Finding]) -> String {
    let mut lines = Vec::new();

    for f in findings {
        let mark = match f.state {
            State::Good => "ok     ",
            State::Note => "note   ",
            State::Problem => "PROBLEM",
        };
        lines.push(format!("{mark}  {}: {}", f.what, shown::line(&f.why)));
        lines.extend(f.cure.iter().map(|cure| format!("         next: {}", shown::line(cure))));
    }

    let problems = findings.iter().filter(|f| f.is_problem()).count();
    lines.push(match problems {
        0 => "no problems".into(),
        1 => "1 problem".into(),
        n => format!("{n} problems"),
    });
    lines.join("\n")
}

/// `db-doctor --json`
pub fn json(findings: &[Finding]) -> Value {
    let word = |state| match state {
        State::Good => "good",
        State::Note => "note",
        State::Problem => "problem",
    };
    let one = |f: &Finding| json!({ "what": f.what, "state": word(f.state), "why": f.why, "cure": f.cure });
    json!({ "findings": findings.iter().map(one).collect::<Vec<_>>() })
}
