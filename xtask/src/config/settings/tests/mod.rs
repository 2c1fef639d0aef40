mod agreement;
mod validator;

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::project::Project;
use crate::config::{Env, file, hooks, resolve};
use crate::stream::Codec;

/// What the parser says of a file.
fn parsed(text: &str) -> Result<file::File, String> {
    file::parse(Path::new("db-tasks.toml"), text).map_err(|e| e.to_string())
}

/// The keys that the parser knows in a table: it names them where it meets another.
fn known_to_the_parser(header: &str) -> BTreeSet<String> {
    let said = parsed(&format!("{header}no-such-key = 1\n")).unwrap_err();
    let known = said.split_once("expected ").unwrap_or_else(|| panic!("{header}: {said}")).1;
    let known = known.lines().next().unwrap_or_default();
    known.split('`').skip(1).step_by(2).map(String::from).collect()
}

/// The keys and tables right below a path.
fn known_to_the_entries(path: &str) -> BTreeSet<String> {
    let keys = TABLES.iter().map(|table| table.path).chain(all().map(|setting| setting.key));
    let below = keys.filter_map(|key| match path {
        "" => Some(key),
        _ => key.strip_prefix(path)?.strip_prefix('.'),
    });
    below.filter_map(|rest| rest.split('.').next()).map(String::from).collect()
}

/// Tables whose keys are names: the resolver checks them, and `names` has them.
fn has_names(table: &Table) -> bool {
    table.settings.iter().all(|setting| is_name(setting.word()))
}

#[test]
fn the_parser_and_the_entries_know_the_same_keys() {
    assert_eq!(known_to_the_parser(""), known_to_the_entries(""), "the file");

    for table in TABLES.iter().filter(|table| !has_names(table)) {
        let header = format!("[{}]\n", table.shown(table.path));
        assert_eq!(
            known_to_the_parser(&header),
            known_to_the_entries(table.path),
            "{}",
            table.path
        );
    }
}

#[test]
fn every_key_is_said_once_and_in_its_table() {
    let keys: Vec<&str> = all().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), keys.iter().collect::<BTreeSet<_>>().len());

    for table in TABLES {
        for setting in table.settings {
            assert_eq!(setting.key, format!("{}.{}", table.path, setting.word()));
            let texts = [setting.text, table.text];
            assert!(
                texts.iter().all(|text| text.ends_with('.') && !text.contains('|')),
                "{texts:?}: sentences, in the cell of a table"
            );
        }
        for key in table.exactly_one {
            assert!(known_to_the_entries(table.path).contains(*key), "{}: {key}", table.path);
        }
    }
}

fn table_of(setting: &Setting) -> &'static Table {
    let has = |table: &&&Table| table.settings.iter().any(|s| s.key == setting.key);
    TABLES.iter().find(has).unwrap()
}

const MAIL_AS_NOBODY: &str =
    "to = [\"a@b\"]\nsmtp = \"smtp://x\"\nsmtp-password-env = \"SMTP_PASSWORD\"\n";
const MAIL_WITHOUT_PASSWORD: &str = "to = [\"a@b\"]\nsmtp = \"smtp://x\"\nsmtp-user = \"u\"\n";

/// A file with only this setting, and what its table requires.
fn file_with(setting: &Setting, value: &str) -> String {
    let table = table_of(setting);
    let shown = table.shown(table.path);
    let required = match setting.key.rsplit_once('.').unwrap_or_default() {
        ("containers.NAME", word) if word != "docker" => "docker = \"x\"\n",
        ("databases.NAME", "init") => "cluster = \"x\"\n",
        ("retention.NAME", word) if word != "of" => "of = [\"main\"]\n",
        ("stores.NAME", _) => "files = { path = \"x\" }\n",
        ("stores.NAME.files", word) if word != "path" => "path = \"x\"\n",
        ("notices.NAME", "shape") => "webhook = \"https://x\"\n",
        ("notices.NAME", "from") => "to = [\"a@b\"]\n",
        ("notices.NAME", "smtp") => "to = [\"a@b\"]\n",
        ("notices.NAME", "smtp-user") => MAIL_AS_NOBODY,
        ("notices.NAME", "smtp-password-env") => MAIL_WITHOUT_PASSWORD,
        ("notices.NAME", "on" | "commands" | "environments") => "run = \"x\"\n",
        ("hooks.MOMENT", word) if word != "run" => "run = \"x\"\n",
        ("containers.NAME.compose", word) if word != "service" => "service = \"x\"\n",
        _ => "",
    };

    let database = if shown.starts_with("databases.") { "" } else { "[databases.main]\n" };
    let needs_app = setting.word() == "container";
    let app = if needs_app { "[containers.app]\ndocker = \"app\"\n" } else { "" };
    let said = if value.is_empty() {
        String::new()
    } else {
        format!("{} = {value}\n", table.shown(setting.word()))
    };
    format!("{database}{app}[{shown}]\n{required}{said}")
}

fn resolved(text: &str, env: &Env) -> Project {
    let file = parsed(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    resolve::resolve(Path::new("/p/db-tasks.toml"), text, &file, env)
        .unwrap_or_else(|e| panic!("{text}\n{e:#}"))
}

/// Variables that the examples name.
const LENT: [(&str, &str); 5] = [
    ("SHOP_PASSWORD", "x"),
    ("MILVUS_TOKEN", "x"),
    ("SMTP_PASSWORD", "x"),
    ("SLACK_WEBHOOK", "https://x"),
    ("HEALTHCHECKS_URL", "https://x"),
];

/// Those, and one more.
fn lent_and(one: (&str, &str)) -> Env {
    let [a, b, c, d, e] = LENT;
    Env::of([a, b, c, d, e, one])
}

/// Where `db-config` says that a setting comes from, by the key that it shows.
fn origins(project: &Project, setting: &Setting) -> Vec<String> {
    let shown = table_of(setting).shown(setting.key);
    let key = shown.trim_end_matches("-env");
    let entries = project.entries.iter().filter(|e| {
        e.key == key || setting.kind == Kind::Like("hooks") && e.key.starts_with(&shown)
    });
    entries.map(|entry| entry.origin.clone()).collect()
}

/// `db-config` shows the command of a long hook, and none of its other keys.
fn is_shown(setting: &Setting) -> bool {
    !setting.key.starts_with("hooks.MOMENT.")
}

/// The parser takes every example, the resolver reads it, and `db-config` shows it.
#[test]
fn every_key_is_read() {
    for setting in all().filter(|setting| is_shown(setting)) {
        let env = Env::of([
            LENT[0],
            LENT[1],
            LENT[2],
            LENT[3],
            LENT[4],
            ("DATABASE_URL", "postgresql://u@h/d"),
        ]);
        let said = origins(&resolved(&file_with(setting, setting.example), &env), setting);
        let is_of_file = |origin: &String| {
            origin.starts_with("db-tasks.toml:") || LENT.iter().any(|(n, _)| origin[1..] == **n)
        };
        assert!(said.iter().any(is_of_file), "{}: {said:?}", setting.key);
    }

    let hook = resolved(
        "[databases.main]\n[containers.app]\ndocker = \"a\"\n[hooks]\nmigrate = { run = \"x\", \
         container = \"app\", timeout = \"7\", url = \"u\" }\n",
        &Env::of([]),
    );
    let hook = &hook.hooks[0];
    assert_eq!(
        (hook.run.to_string(), hook.container.as_deref(), hook.timeout, hook.url.as_deref()),
        ("x".into(), Some("app"), 7, Some("u"))
    );
}

/// Each variable is read if the file is silent; if both speak, the one that the entry names wins.
#[test]
fn every_variable_counts_as_its_entry_says() {
    for setting in all() {
        for name in setting.variables.names() {
            let value = match setting.kind {
                Kind::Number | Kind::Port | Kind::Rhythm => "7",
                Kind::Share => "0.7",
                _ if setting.word() == "url" => "postgresql://u@h/d",
                _ => "word",
            };
            let env = lent_and((*name, value));
            let origin = format!("${name}");
            let wins = |text: &str| origins(&resolved(text, &env), setting).contains(&origin);

            let written = match setting.word() {
                "url" => "\"postgresql://u@h/other\"",
                "password-env" => "\"SHOP_PASSWORD\"",
                "environment" => "\"qa\"",
                _ => setting.example,
            };
            assert!(wins(&file_with(setting, "")), "{}: {name} is not read", setting.key);
            assert_eq!(
                wins(&file_with(setting, written)),
                matches!(setting.variables, Variables::Win(_)),
                "{}: {name} and the file",
                setting.key
            );
        }
    }
}

/// If nothing is set, `db-config` shows the entry's default as the value in force.
#[test]
fn every_default_is_shown() {
    for setting in all().filter(|setting| is_shown(setting)) {
        let Fallback::Is(fallback) = setting.fallback else { continue };
        let project = resolved(&file_with(setting, ""), &Env::of([]));
        let key = table_of(setting).shown(setting.key);
        let shown: Vec<_> = project.entries.iter().filter(|e| e.key == key).collect();

        assert_eq!(shown.len(), 1, "{key}");
        assert_eq!((shown[0].value.as_str(), shown[0].origin.as_str()), (fallback, "default"));
    }

    assert_eq!(super::hooks::TIMEOUT.fallback, Fallback::Is("3600"));
    assert_eq!(hooks::TIMEOUT, 3600);
}

/// What `db-config` shows is an entry, or says that it is none.
#[test]
fn nothing_is_shown_that_has_no_entry() {
    let keys: Vec<String> = all().map(|setting| setting.key.to_owned()).collect();
    let env = Env::of([
        LENT[0],
        LENT[1],
        LENT[2],
        LENT[3],
        LENT[4],
        ("DATABASE_URL", "postgresql://u@h/d"),
    ]);

    for setting in all() {
        for entry in resolved(&file_with(setting, setting.example), &env).entries {
            let known = keys.iter().any(|key| fits(key, &entry.key));
            assert!(known, "{} has no entry in config/settings", entry.key);
        }
    }
}

/// Whether a key that is shown is one of this entry.
fn fits(entry: &str, shown: &str) -> bool {
    let entry = entry.trim_end_matches("-env");
    let (entry, shown): (Vec<&str>, Vec<&str>) =
        (entry.split('.').collect(), shown.split('.').collect());
    let same = entry.iter().zip(&shown).all(|(entry, shown)| is_name(entry) || entry == shown);
    same && (entry.len() == shown.len() || entry.last() == Some(&"hooks"))
}

/// Words of the entries that other code decides by.
#[test]
fn words_are_those_that_the_code_knows() {
    let codecs = Codec::ALL.map(Codec::name);
    assert_eq!(backup::COMPRESS.kind, Kind::OneOf(&["zstd", "gzip", "none"]));
    assert_eq!(codecs, ["zstd", "gzip", "none"]);

    for setting in all() {
        let words: Vec<String> = match setting.kind {
            Kind::OneOf(words) => words.iter().map(ToString::to_string).collect(),
            Kind::Tasks(what) => tasks::with(what).map(String::from).collect(),
            _ => continue,
        };
        for word in words {
            assert!(setting.text.contains(&format!("`{word}`")), "{}: {word}", setting.key);
            let value = match setting.kind {
                Kind::Tasks(_) => format!("[\"{word}\"]"),
                _ => format!("\"{word}\""),
            };
            resolved(&file_with(setting, &value), &Env::of([]));
        }
    }
}

/// The commented file shows every key, and each line of it is one that the parser takes.
#[test]
fn the_commented_file_is_whole() {
    parsed(&example()).unwrap();
    parsed(&uncommented()).unwrap();

    let lines = example();
    for table in TABLES {
        assert!(lines.contains(&format!("\n# [{}]\n", table.shown(table.path))), "{}", table.path);
    }
    assert!(lines.lines().all(|line| line.chars().count() <= 100));
}
