//! What is made from the entries in `xtask/src/config/settings`, and from the code: it is checked in, so that people
//! and editors can read it, and it is what the entries say. `UPDATE_SNAPSHOTS=1` writes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use db_tasks::config::settings::{self, variables};
use db_tasks::problem::CODES;
use serde_json::Value;

use crate::rules::sources;
use crate::support::snapshot::is_made;

const TOOL: &str = env!("CARGO_BIN_EXE_db-tasks");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tool in an empty folder, with nothing in its environment.
fn outside_a_project(args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(TOOL);
    command.args(args).current_dir(folder.path()).env_clear().stdin(Stdio::null());
    let said = command.output().unwrap();

    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    String::from_utf8(said.stdout).unwrap()
}

#[test]
fn the_schema_file_is_what_the_program_prints() {
    let printed = outside_a_project(&["db-config", "--schema"]);
    is_made(&root().join("docs/db-tasks.schema.json"), &printed);

    let document: Value =
        serde_json::from_str(&outside_a_project(&["db-config", "--schema", "--json"])).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(document["result"], serde_json::json!(lines));
}

#[test]
fn the_commented_file_is_made_from_the_entries() {
    is_made(&root().join("db-tasks.toml"), &settings::example());
}

/// The first line of the commented file leads an editor to the schema.
#[test]
fn the_commented_file_names_its_schema() {
    let example = settings::example();
    let schema = example.lines().next().unwrap().strip_prefix("#:schema ./").unwrap();
    assert!(root().join(schema).is_file(), "{schema}");
}

/// A page with a list that is made from the code, between two marks.
fn with_list(page: &str, name: &str, from: &str, list: &str) -> String {
    let begin = format!("<!-- {name}: made from {from} -->");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no `{begin}`"));
    let after = rest.split_once(&end).unwrap_or_else(|| panic!("no `{end}`")).1;

    format!("{before}{begin}\n\n{}\n\n{end}{after}", list.trim_end())
}

#[test]
fn the_lists_of_the_docs_are_made_from_the_entries() {
    let path = root().join("docs/configuration.md");
    let mut page = fs::read_to_string(&path).unwrap();

    for (name, list) in
        [("keys", settings::list_of_keys()), ("variables", settings::list_of_variables())]
    {
        page = with_list(&page, name, "xtask/src/config/settings", &list);
    }

    is_made(&path, &page);
}

#[test]
fn the_list_of_codes_is_made_from_the_code() {
    let path = root().join("docs/json.md");
    let rows: String =
        CODES.iter().map(|(_, word, about)| format!("| `{word}` | {about} |\n")).collect();
    let list = format!("| `code` | |\n|---|---|\n{rows}");
    let page = fs::read_to_string(&path).unwrap();

    is_made(&path, &with_list(&page, "codes", "xtask/src/problem/code.rs", &list));
}

/// A code that nothing ends in would be a promise to programs that nobody keeps.
#[test]
fn every_code_is_used() {
    let others = sources().into_iter().filter(|(file, _)| file != "problem/code.rs");
    let text: String = others.map(|(_, text)| text).collect();
    // those that an exit code alone tells
    let by_exit = ["Failed", "Usage", "Refused", "Declined", "Locked", "Interrupted"];

    let unused: Vec<String> = CODES
        .iter()
        .map(|(code, ..)| format!("{code:?}"))
        .filter(|name| !by_exit.contains(&name.as_str()))
        .filter(|name| !text.contains(&format!("Code::{name}")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// A variable that no code and no script reads is no variable of ours any more.
#[test]
fn every_variable_is_read_somewhere() {
    let scripts = ["db", "db.ps1"].map(|name| root().join("scripts").join(name));
    let scripts = scripts.iter().map(|path| fs::read_to_string(path).unwrap());
    let code = sources().into_iter().filter(|(file, _)| file != "config/settings/variables.rs");
    let texts: Vec<String> = code.map(|(_, text)| text).chain(scripts).collect();

    // by their names, and not as part of a longer one
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = texts.iter().flat_map(|text| text.split(|c| !is_word(c))).collect();

    let names = variables::VARIABLES.iter().flat_map(|variable| variable.names);
    let unread: Vec<_> = names
        .filter(|name| !variables::FRAMEWORKS.contains(name) && !words.contains(*name))
        .collect();
    assert!(unread.is_empty(), "{unread:?}");
}

/// No variable belongs to two keys, or to a key and something else.
#[test]
fn every_variable_has_one_meaning() {
    let all = variables::all();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
}
