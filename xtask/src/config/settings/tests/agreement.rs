//! The schema takes what the tool takes, and refuses what the parser refuses.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::validator::check;
use super::*;

/// What is wrong with a file, by the schema.
fn refusal(text: &str) -> Option<String> {
    let file: toml::Table = toml::from_str(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let schema = schema();
    check(&schema, &schema, &serde_json::to_value(file).unwrap()).err()
}

fn is_taken(text: &str) -> bool {
    let env = lent_and(("DATABASE_URL", "postgresql://u@h/d"));
    parsed(text).is_ok_and(|file| {
        resolve::resolve(Path::new("/p/db-tasks.toml"), text, &file, &env).is_ok()
    })
}

#[test]
fn every_example_is_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(files.len() >= 3);
    files.push(root);

    for folder in files {
        let path = folder.join("db-tasks.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(refusal(&text), None, "{}", path.display());
    }
}

/// Each key alone with its example is right, and one letter less is not.
#[test]
fn a_misspelt_key_is_refused() {
    for setting in all() {
        let right = file_with(setting, setting.example);
        assert_eq!(refusal(&right), None, "{right}");

        let word = table_of(setting).shown(setting.word());
        let line = format!("\n{word} = ");
        let wrong = right.replacen(&line, &format!("\n{} = ", &word[..word.len() - 1]), 1);
        assert_ne!(wrong, right);
        let said = refusal(&wrong).unwrap_or_else(|| panic!("accepted: {wrong}"));
        assert!(!is_taken(&wrong), "{wrong}");
        assert!(said.contains("is not known") || said.contains("wants it"), "{said}");
    }

    let below = |text: &str| format!("[databases.main]\n{text}");
    for wrong in [
        "[databses.main]\n".to_owned(),
        below("[databases.main.postgress]\n"),
        below("[hooks]\nbefore-rest = 'x'\n"),
        below("[guards]\npins = { list = 'A=b' }\n"),
        below("[containers.app]\nengine = 'docker'\n"),
        below("[containers.app]\ndocker = 'x'\ncompose = { service = 'x' }\n"),
        below("[stores.uploads]\noptional = true\n"),
        below("[backup]\ncompress = 'lz4'\n"),
        "[project]\nname = 'x'\n".to_owned(),
    ] {
        assert!(refusal(&wrong).is_some(), "{wrong}");
    }
}

/// Every kind of value at every key.
#[test]
fn the_schema_says_what_the_tool_says() {
    let values = [
        "'word'",
        "''",
        "'7'",
        "' 7 '",
        "'-1'",
        "7",
        "-1",
        "1.5",
        "true",
        "'${SHOP_PASSWORD}'",
        "'A=b'",
        "'=b'",
        "[]",
        "['word']",
        "['restore']",
        "[7]",
        "{ x = 1 }",
        "{ run = 'x' }",
        "99999999999",
    ];
    let mut refused = 0;

    for setting in all() {
        for value in values {
            let text = file_with(setting, value);
            let by_schema = refusal(&text);

            if parsed(&text).is_err() {
                refused += 1;
                assert!(by_schema.is_some(), "the parser refuses, the schema does not:\n{text}");
            }
            // the codec's name is read later, where the backup gets its name
            if is_taken(&text) && setting.key != backup::COMPRESS.key {
                assert_eq!(by_schema, None, "the tool takes it, the schema does not:\n{text}");
            }
        }
    }
    assert!(refused > 200, "{refused}");
}

/// What each setting has in the schema: its words and its default, of the right type.
#[test]
fn defaults_are_right_by_their_own_schema() {
    fn walk(root: &Value, schema: &Value, seen: &mut usize) {
        if let Some(default) = schema.get("default") {
            *seen += 1;
            assert_eq!(check(root, schema, default), Ok(()), "{schema}");
        }
        let below = schema.as_object().into_iter().flatten().map(|(_, value)| value);
        below.chain(schema.as_array().into_iter().flatten()).for_each(|s| walk(root, s, seen));
    }

    let (schema, mut seen) = (schema(), 0);
    walk(&schema, &schema, &mut seen);
    let with_default = all().filter(|s| matches!(s.fallback, Fallback::Is(_))).count();
    assert_eq!(seen, with_default);
}
