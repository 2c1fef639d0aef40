//! The lines of the log, and what was found of its chain.

use serde_json::{Value, json};

use super::{Found, said, time};
use crate::audit::Verified;
use crate::human::{count, counted, wrapped};
use crate::problem::{Exit, shorten};
use crate::ui::shown;
use crate::ui::table::{Lean, columns};

/// What a line of the list shows.
const HEADER: [(&str, Lean); 6] = [
    ("LINE", Lean::Right),
    ("WHEN (UTC)", Lean::Left),
    ("WHO", Lean::Left),
    ("COMMAND", Lean::Left),
    ("ON", Lean::Left),
    ("OUTCOME", Lean::Left),
];

/// How much is shown of a line that can't be read.
const MOST: usize = 60;

/// A line that is shown.
#[derive(Debug)]
pub(super) struct Shown {
    /// Its number.
    number: u64,
    /// What it says, if it is one of ours.
    said: Option<Value>,
    /// What it is otherwise.
    text: String,
}

impl Shown {
    pub(super) fn of(number: u64, text: &[u8]) -> Self {
        let said = said(text);
        let text = match said {
            Some(_) => String::new(),
            None => shorten(&String::from_utf8_lossy(text), MOST),
        };
        Self { number, said, text }
    }

    /// The line as it is, with its number.
    pub(super) fn json(&self) -> Value {
        match &self.said {
            Some(said) => json!({ "number": self.number, "said": said }),
            None => json!({ "number": self.number, "text": self.text }),
        }
    }

    fn cells(&self) -> Vec<String> {
        let Some(said) = &self.said else {
            let (empty, text) = (String::new, format!("not of db-tasks: {}", self.text));
            return vec![count(self.number), empty(), empty(), empty(), empty(), text];
        };

        let when = time(said, "when").map(|when| when.format("%Y-%m-%d %H:%M").to_string());
        let task = said["task"].as_str().unwrap_or_default().to_owned();
        let on: Vec<&str> =
            said["databases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        vec![
            count(self.number),
            when.unwrap_or_else(|| "?".into()),
            who(said),
            task,
            on.join(", "),
            ended(said),
        ]
    }
}

/// `ann@db1 (agent CLAUDECODE)`
fn who(said: &Value) -> String {
    let text = |place: &str| said.pointer(place).and_then(Value::as_str);
    let host = text("/host").map(|host| format!("@{host}")).unwrap_or_default();
    let by = [
        text("/user/sudo/user").map(|user| format!("sudo {user}")),
        text("/ci/system").map(|system| format!("CI {system}")),
        text("/agent/name").map(|agent| format!("agent {agent}")),
    ];
    let by: Vec<String> = by.into_iter().flatten().collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };

    format!("{}{host}{by}", text("/who").unwrap_or("?"))
}

/// How a run ended, in a word. Older versions only logged the exit code.
pub(super) fn outcome(said: &Value) -> &str {
    let known = |exit: u64| Exit::ALL.iter().find(|known| **known as u64 == exit);
    let by_code = || said["exit"].as_u64().and_then(known).map(|exit| exit.word());
    said["outcome"].as_str().or_else(by_code).unwrap_or("?")
}

/// `refused: environment, confirmation`
fn ended(said: &Value) -> String {
    let guards: Vec<&str> =
        said["refused_by"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let code = said["code"].as_str().filter(|code| *code != outcome(said));
    let why = if guards.is_empty() { code.map(String::from) } else { Some(guards.join(", ")) };
    let left = said["left_behind"].as_array().is_some_and(|left| !left.is_empty());

    let mut text = outcome(said).to_owned();
    text.extend(why.into_iter().flat_map(|why| [": ".into(), why]));
    if left {
        text.push_str(", something was left behind");
    }
    text
}

/// `db-log`: a table if it fits, otherwise a few lines for each.
pub(super) fn list(found: &Found, file: &str, width: Option<usize>) -> String {
    if found.shown.is_empty() {
        let none = if found.lines == 0 { "no runs are logged yet" } else { "no line fits" };
        return format!("{none} in {}", shown::line(file));
    }

    let rows: Vec<Vec<String>> = found.shown.iter().map(Shown::cells).collect();
    let table = columns(&HEADER, &rows);
    let text = match width {
        Some(width) if table.lines().any(|line| line.chars().count() > width) => {
            rows.iter().map(|row| entry(row, width)).collect::<Vec<_>>().join("\n")
        }
        _ => table,
    };
    if found.earlier == 0 {
        return text;
    }

    let earlier = counted(found.earlier, "earlier line");
    format!("… and {earlier}: `--limit N` shows more\n{text}")
}

fn entry(row: &[String], width: usize) -> String {
    let parts: Vec<String> = row[1..]
        .iter()
        .filter(|part| !part.is_empty())
        // a part stays in one line if it fits
        .map(|part| shown::line(part).replace(' ', "\u{a0}"))
        .collect();
    let lines =
        wrapped(&parts.join("\u{a0}\u{b7} "), width.saturating_sub(4.max(row[0].len() + 2)));
    format!("{}  {}", row[0], lines.join("\n    ")).replace('\u{a0}', " ")
}

/// What holds of a chain.
pub(super) fn verified(found: &Verified, file: &str) -> String {
    let lines = counted(found.lines, "line");
    let mut text = vec![match &found.head {
        Some(head) => format!(
            "{file}: {lines}, and none was edited, removed or moved\n  it ends with line {} (log \
             {}, digest {})",
            count(head.line),
            head.log,
            head.digest
        ),
        None => format!("{file}: {lines}"),
    }];

    text.extend(found.notes.first.iter().map(|note| format!("  {note}")));
    text.extend(more(found.notes.count, found.notes.first.len()));
    if found.agree > 0 {
        text.push(format!("  anchors that agree: {}", count(found.agree as u64)));
    }
    text.extend(others(found).map(|others| format!("  {others}")));

    text.join("\n")
}

/// What was found that is no fault, and may be one: only a person knows.
pub(super) fn others(found: &Verified) -> Option<String> {
    let noun =
        if found.of_others == 1 { "backup or anchor knows" } else { "backups and anchors know" };
    (found.of_others > 0).then(|| {
        format!(
            "{} {noun} another log: that of another clone, or one that was here before and was \
             removed",
            found.of_others
        )
    })
}

/// The faults, and how many are not told.
pub(super) fn faults(found: &Verified) -> Vec<String> {
    let told = found.faults.first.iter().map(ToString::to_string);
    told.chain(more(found.faults.count, found.faults.first.len())).collect()
}

fn more(all: usize, told: usize) -> Option<String> {
    (all > told).then(|| format!("… and {} more", all - told))
}

/// The same for programs.
pub(super) fn json(found: &Verified, file: &str) -> Value {
    let notes: Vec<String> = found.notes.first.iter().map(ToString::to_string).collect();
    json!({
        "file": file, "verified": found.faults.count == 0, "lines": found.lines, "head": found.head,
        "faults": faults(found), "notes": notes,
        "anchors": { "agree": found.agree, "of_others": found.of_others },
    })
}
