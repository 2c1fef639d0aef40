//! The lists of docs/configuration.md.

use std::fmt::Write as _;

use super::variables::VARIABLES;
use super::{Fallback, Setting, TABLES, all};

/// Every table with its keys, as Markdown.
pub fn list_of_keys() -> String {
    let mut page = String::new();

    for table in TABLES {
        let _ = write!(page, "### `[{}]`\n\n{}\n\n", table.path, wrapped(table.text, ""));
        page.push_str("| key | default | what it does |\n|---|---|---|\n");
        for setting in table.settings {
            let _ = writeln!(
                page,
                "| `{}` | {} | {}{} |",
                setting.word(),
                fallback(setting),
                setting.text,
                setting.variables.said()
            );
        }
        page.push('\n');
    }

    page
}

/// Every variable, as Markdown.
pub fn list_of_variables() -> String {
    let mut page = "| variable | what it does |\n|---|---|\n".to_owned();

    for setting in all().filter(|setting| !setting.variables.names().is_empty()) {
        let names = code(setting.variables.names());
        let _ = writeln!(page, "| {names} | `{}`: {} |", setting.key, setting.text);
    }
    for variable in VARIABLES {
        let _ = writeln!(page, "| {} | {} |", code(variable.names), variable.text);
    }

    page
}

fn fallback(setting: &Setting) -> String {
    match setting.fallback {
        Fallback::Is(value) => format!("`{value}`"),
        Fallback::Depends(words) => words.to_owned(),
        Fallback::Nothing => String::new(),
        Fallback::Required => "required".into(),
    }
}

fn code(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The text in lines of at most 100 columns, each with this before it.
pub(super) fn wrapped(text: &str, before: &str) -> String {
    let room = 100 - before.len();
    let mut lines = vec![String::new()];
    let mut quoted = false;

    // what is in backticks stays on one line
    let between = |c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    };
    for word in text.split(between) {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }

    lines.iter().map(|line| format!("{before}{line}")).collect::<Vec<_>>().join("\n")
}

fn width(text: &str) -> usize {
    text.chars().count()
}
