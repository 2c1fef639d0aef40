//! The commented `db-tasks.toml` at the top of the repository.

use std::fmt::Write as _;

use super::page::wrapped;
use super::{Setting, TABLES, Table, is_name};

/// What this repository has, below what every reader should know.
const OWN: &str = r#"#:schema ./docs/db-tasks.schema.json

## db-tasks: which databases this repository has, and how to keep their data.
##
## The first tables are this repository's own: a small PostgreSQL cluster under .db-tasks/, made on
## first use, with sample data in it. Below them is every key there is, with an example: remove the
## `# ` to use one. `db-config` shows what is in force and where it comes from.
##
## Values may contain ${VAR}, ${VAR:-default} and ${VAR:?message}; $$ means one $. `.env` next to
## this file is read, and the real environment wins over it. Relative paths start at this file.
## This file is made from xtask/src/config/settings.

[project]
name = "db-tasks"

[databases.main]
cluster = ".db-tasks/pg"
init = "examples/sample.sql"
postgres = { database = "sample" }
"#;

/// The file: what is the repository's own, and every key as a comment.
pub fn example() -> String {
    let mut file = OWN.to_owned();

    for table in TABLES {
        let _ = write!(
            file,
            "{}{}\n# [{}]\n",
            heading(table),
            wrapped(table.text, "## "),
            table.shown(table.path)
        );
        for setting in table.settings {
            let _ = writeln!(file, "\n{}\n{}", comment(setting), line(table, setting));
        }
    }

    file
}

/// The keys of the commented part, without the marks of their comments.
pub fn uncommented() -> String {
    let example = example();
    let lines = example.lines().filter_map(|line| line.strip_prefix("# "));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line across the page with the table's path.
fn heading(table: &Table) -> String {
    let path = format!("## ---- [{}] ", table.path);
    format!("\n{path:-<100}\n")
}

fn comment(setting: &Setting) -> String {
    wrapped(&setting.described(), "## ")
}

fn line(table: &Table, setting: &Setting) -> String {
    format!("# {} = {}", table.shown(setting.word()), setting.example)
}

impl Table {
    /// A dotted key with the table's name for the part in capitals.
    pub fn shown(&self, key: &str) -> String {
        let parts = key.split('.').map(|part| if is_name(part) { self.name } else { part });
        parts.collect::<Vec<_>>().join(".")
    }
}
