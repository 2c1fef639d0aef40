//! What is said to PostgreSQL, and where.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{lines_with, none, root, sources};

/// What is said to PostgreSQL is a value; `run` and `facts` say it, and the doors know no program.
#[test]
fn postgres_is_spoken_and_read_in_one_room() {
    let engine = |f: &str| f.starts_with("engine/postgres/");
    none(&lines_with(&["crate::door"], engine), "the engine says what, not how");

    let words = [
        "\"SELECT ",
        "\"ALTER ",
        "\"CREATE ",
        "\"DROP ",
        "\"COMMENT ",
        "\"GRANT ",
        "\"SET ",
        "\"BEGIN",
        "\"COMMIT",
        "\"DO $",
        "r\"DO ",
        "\\gset",
        "\\\\echo",
        "pg_catalog.",
    ];
    let elsewhere = |f: &str| !engine(f) && f != "tasks.rs";
    none(&lines_with(&words, elsewhere), "only engine/postgres writes SQL");

    let psqls = ["\"psql:", "ERROR:", "FATAL:", "WARNING:", "\"--section"];
    none(&lines_with(&psqls, |f| !engine(f)), "only engine/postgres reads what psql says");

    let is_state = |word: &str| {
        word.len() == 5
            && word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
    };
    let states: Vec<String> = sources()
        .iter()
        .filter(|(file, text)| !engine(file) && text.split('"').any(is_state))
        .map(|(file, _)| file.clone())
        .collect();
    none(&states, "only engine/postgres knows SQLSTATEs");
}

/// The files of SQL next to the modules that send them, by their path below `xtask/src`.
fn statements() -> BTreeMap<String, String> {
    fn walk(folder: &Path, base: &Path, out: &mut BTreeMap<String, String>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("fixtures") {
                walk(&path, base, out);
            } else if path.extension().is_some_and(|e| e == "sql") {
                let name = path.strip_prefix(base).unwrap().to_string_lossy().replace('\\', "/");
                out.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }

    let mut out = BTreeMap::new();
    let base = root().join("xtask/src");
    walk(&base.join("engine/postgres"), &base, &mut out);

    out
}

/// The modules that send a file of SQL: next to it, or in the folder of which it is.
fn senders<'a>(sources: &'a BTreeMap<String, String>, file: &str) -> Vec<&'a String> {
    let (folder, name) = file.rsplit_once('/').unwrap();
    let (above, within) = folder.rsplit_once('/').unwrap();
    let is_sent = |(module, text): &(&String, &String)| {
        let at = module.rsplit_once('/').map_or("", |(at, _)| at);
        at == folder && text.contains(&format!("include_str!(\"{name}\")"))
            || at == above && text.contains(&format!("include_str!(\"{within}/{name}\")"))
    };
    sources.iter().filter(is_sent).map(|(_, text)| text).collect()
}

/// What is left of a `{name}` that nobody fills in would reach the server.
#[test]
fn every_statement_is_explained_sent_and_filled_in() {
    let (sources, files) = (sources(), statements());
    let mut wrong = Vec::new();
    assert!(files.len() > 30, "{files:?}");

    for (file, text) in &files {
        let (head, body) = text.split_once('\n').unwrap();
        let [sender] = senders(&sources, file)[..] else {
            wrong.push(format!("{file}: one module sends it"));
            continue;
        };

        if !head.starts_with("-- ") || !head.ends_with('.') || body.contains("--") {
            wrong.push(format!("{file}: its first line says what it is for, no other does"));
        }

        let names = body.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        let names = names.map(|(name, _)| name).filter(|name| !name.is_empty());
        for name in names.filter(|name| !sender.contains(&format!("\"{name}\","))) {
            wrong.push(format!("{file}: nobody fills in {name}"));
        }
    }

    none(&wrong, "a file of SQL");
}

/// Runs of lines that one string literal takes, and how many: a long one ends each with a backslash,
/// or begins as raw.
fn long_literals(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;

    while at < lines.len() {
        let rest = &lines[at..];
        let raw = lines[at].rfind("r\"").filter(|i| !lines[at][i + 2..].contains('"'));
        let taken = match raw {
            Some(_) => 1 + rest.iter().skip(1).take_while(|line| !line.contains('"')).count(),
            None => rest.iter().take_while(|line| line.ends_with('\\')).count(),
        };
        found.extend((taken > 0).then_some((at + 1, taken)));
        at += taken.max(1);
    }

    found
}

#[test]
fn long_sql_is_in_files_of_its_own() {
    let text = "a(\"SELECT \\\n  1 \\\n  2\");\nb(r\"SELECT\n1\n\");\n";
    assert_eq!(long_literals(text), [(1, 2), (4, 2)]);

    let concerned = |file: &str| {
        file.starts_with("engine/postgres/") && !file.starts_with("engine/postgres/script/")
    };
    let is_sql =
        |lines: &str| ["SELECT ", "FROM ", "BEGIN"].iter().any(|word| lines.contains(word));
    let mut long = Vec::new();

    for (file, text) in sources().iter().filter(|(file, _)| concerned(file)) {
        let lines: Vec<&str> = text.lines().collect();
        let found = long_literals(text)
            .into_iter()
            .filter(|(at, taken)| *taken > 6 && is_sql(&lines[at - 1..at - 1 + taken].join("\n")));
        long.extend(found.map(|(at, taken)| format!("{file}:{at}: {taken} lines")));
    }

    none(&long, "SQL of more than a few lines is in a file");
}
