//! The repository's own rules: what ARCHITECTURE.md promises, as far as it can be read off the
//! code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source file by its path below `xtask/src`, its tests cut off.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, base: &Path, out: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.ends_with("tests") || path.ends_with("tests.rs") {
                continue;
            }

            if path.is_dir() {
                walk(&path, base, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code =
                    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                out.insert(
                    path.strip_prefix(base).unwrap().to_string_lossy().replace('\\', "/"),
                    code,
                );
            }
        }
    }

    let mut out = BTreeMap::new();
    walk(&root().join("xtask/src"), &root().join("xtask/src"), &mut out);

    out
}

/// Code lines that hold one of the words, as `file:line: text`.
fn lines_with(words: &[&str], concerned: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();

    for (file, text) in sources().iter().filter(|(file, _)| concerned(file)) {
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{file}:{}: {}", at + 1, line.trim()));
            }
        }
    }

    found
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn there_are_two_doors_to_processes() {
    none(&lines_with(&["xshell::"], |f| f != "door/ask.rs"), "only door/ask.rs asks");
    none(&lines_with(&["duct::"], |f| !f.starts_with("door/")), "only door/ moves");
    none(
        &lines_with(&["process::Command;", "process::Command::", "Command::new("], |_| true),
        "there is no third door",
    );
}

#[test]
fn every_dependency_has_one_home() {
    for (words, home) in [
        (&["toml::"][..], "config/"),
        (&["percent_encoding::", "strsim::"], "config/"),
        (&["zstd::", "flate2::", "sha2::", "blake3::"], "stream/"),
        (&["memchr::"], "engine/postgres/script/"),
        (&["tar::", "fast_glob::"], "engine/files/"),
        (&["tonic::", "tonic_prost::", "prost::", "tokio::"], "engine/milvus/"),
        (&["base64::"], "engine/"),
        (&["which::"], "facts/"),
        (&["signal_hook::"], "door/"),
    ] {
        let elsewhere = |f: &str| !f.starts_with(home) && !f.starts_with("engine/cluster/");
        none(&lines_with(words, elsewhere), &format!("{words:?} live in {home}"));
    }

    none(
        &lines_with(&["clap::", "clap_complete::"], |f| {
            !matches!(f, "cli.rs" | "app.rs" | "command.rs" | "options.rs")
                && !f.starts_with("cli/")
                && !f.starts_with("command/")
        }),
        "clap lives in cli, options and command",
    );
}

#[test]
fn planning_and_deciding_are_pure() {
    let pure = |f: &str| {
        let of_a_command =
            f.starts_with("command/") && (f.contains("/plan") || f.contains("/view"));
        of_a_command
            || f.starts_with("planning/")
            || f.starts_with("view/")
            || matches!(
                f,
                "gate/verdict.rs"
                    | "bundle/keep.rs"
                    | "ui/describe.rs"
                    | "ui/json.rs"
                    | "ui/human.rs"
                    | "plan.rs"
                    | "plan/pipe.rs"
                    | "plan/reach.rs"
                    | "run/aftermath.rs"
                    | "cmd.rs"
                    | "place.rs"
                    | "tasks.rs"
            )
    };

    let worldly = [
        "std::fs",
        "std::env::",
        "Utc::now",
        "Instant::now",
        "crate::door",
        "crate::run::run",
        "std::io::",
    ];

    none(&lines_with(&worldly, pure), "facts in, plan out: nothing else");
}

#[test]
fn the_clock_is_read_once() {
    none(
        &lines_with(&["Utc::now"], |f| !matches!(f, "session/mod.rs" | "session/carrying.rs")),
        "the clock is an argument",
    );
}

#[test]
fn a_dry_run_is_nobodys_flag_below_app() {
    none(
        &lines_with(&["dry_run"], |f| {
            let flow = f.starts_with("command/") && !f.contains("/plan") && !f.contains("/view");
            !flow && !f.starts_with("session/") && f != "options.rs"
        }),
        "a dry run prints the plan that runs",
    );
}

#[test]
fn nothing_goes_back_up() {
    let floors = [
        &["problem", "stream", "cli"][..],
        &["config"],
        &["cmd"],
        &["place"],
        &["plan", "engine", "bundle"],
        &["door", "gate"],
        &["run", "ui"],
        &["facts"],
        &["task", "view"],
        &["app"],
    ];

    let floor = |room: &str| floors.iter().position(|f| f.contains(&room));
    let mut wrong = Vec::new();

    for (file, text) in sources() {
        let room = file.split(['/', '.']).next().unwrap_or_default().to_owned();
        let Some(here) = floor(&room) else { continue };

        for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if floor(&used).is_some_and(|there| there > here) {
                    wrong.push(format!("{file}: {}", line.trim()));
                }
            }
        }
    }

    none(&wrong, "a room uses its own floor and those below");
}

#[test]
fn nothing_panics_on_purpose() {
    let words = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("];
    none(&lines_with(&words, |_| true), "errors are values");
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(f, t)| (f, t.lines().count()))
        .filter(|(_, n)| *n > 550)
        .map(|(f, n)| format!("{f}: {n} lines"))
        .collect();
    none(&long, "a file of 400 lines is a question");
}

#[test]
fn the_example_file_shows_every_key() {
    let example = fs::read_to_string(root().join("db-tasks.toml")).unwrap();
    let file = fs::read_to_string(root().join("xtask/src/config/file.rs")).unwrap();
    let fields = file
        .lines()
        .filter_map(|l| l.trim().strip_prefix("pub ")?.strip_suffix(',')?.split_once(": "))
        .map(|(name, _)| name.replace('_', "-"));

    let tables = [
        "project",
        "containers",
        "databases",
        "stores",
        "backup",
        "restore",
        "reset",
        "prepare",
        "guards",
        "hooks",
    ];

    let missing: Vec<String> =
        fields.filter(|f| !tables.contains(&f.as_str()) && !example.contains(f.as_str())).collect();
    none(&missing, "db-tasks.toml at the top shows every key");
}

#[test]
fn the_examples_keys_are_all_known() {
    // every line that is commented out and looks like a key or a table is taken in
    let example = fs::read_to_string(root().join("db-tasks.toml")).unwrap();
    let uncommented: Vec<&str> = example
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|l| is_toml(l)).unwrap_or(line))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db-tasks.toml");

    fs::write(&path, uncommented.join("\n")).unwrap();
    let env = db_tasks::config::Env::of([
        ("SHOP_PASSWORD", "x"),
        ("DATABASE_URL", "postgresql://u@h/d"),
        ("MILVUS_TOKEN", "x"),
    ]);

    let loaded = db_tasks::config::load(&path, env, db_tasks::config::Dotenv::Ignore);
    let (project, _) = loaded.unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(
        (project.databases.len(), project.containers.len(), project.stores.len()),
        (3, 2, 3)
    );
}

/// What the environment may say, and which tasks have hooks, is in docs/: nobody finds it
/// otherwise.
#[test]
fn the_docs_name_every_variable_and_every_task_with_hooks() {
    let page = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let (variables, hooks) = (page("configuration.md"), page("hooks.md"));

    let ours = [
        "BACKUP_",
        "SKIP_",
        "SQL_",
        "ALLOW_",
        "DB_TASKS_",
        "COMPOSE_",
        "ENVIRONMENT",
        "DATABASE_URL",
        "NO_COLOR",
    ];

    let mut known = std::collections::BTreeSet::new();

    for (file, text) in sources().into_iter().filter(|(file, _)| !file.contains("examples")) {
        let code: String = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n");
        let words = code.split('"').filter(|word| ours.iter().any(|of| word.starts_with(of)));
        let names = words.filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        known.extend(names.filter(|_| !file.starts_with("view/")).map(String::from));
    }

    assert!(
        known.contains("SKIP_DB_INIT") && known.contains("BACKUP_KEEP_DAYS") && known.len() > 9,
        "{known:?}"
    );
    let missing: Vec<String> =
        known.into_iter().filter(|name| !variables.contains(name.as_str())).collect();
    none(&missing, "docs/configuration.md names every variable");

    let tasks: Vec<&str> = db_tasks::tasks::with(db_tasks::tasks::Has::Hooks).collect();
    let (last, first) = tasks.split_last().unwrap();
    let said = hooks.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = format!("of ten tasks: {} and {last};", first.join(", "));

    assert!(tasks.len() == 10 && said.contains(&words), "{words}");
}

/// A newcomer reads it in five minutes; the rest has a page of its own, and every link leads
/// somewhere.
#[test]
fn the_readme_is_short_and_links_lead_somewhere() {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<PathBuf> =
        pages.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();

    assert!(readme.split_whitespace().count() < 1_200);
    let unnamed = |page: &&PathBuf| {
        !page.ends_with("milvus-format.md")
            && !readme.contains(&format!("(docs/{})", page.file_name().unwrap().to_string_lossy()))
    };
    let unnamed: Vec<String> =
        pages.iter().filter(unnamed).map(|page| page.display().to_string()).collect();

    none(&unnamed[..], "the README names every page but the format's own");

    for page in pages.iter().chain([&root().join("README.md")]) {
        let text = fs::read_to_string(page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let dead: Vec<&str> = links
            .filter(|to| !to.contains("://") && !page.parent().unwrap().join(to).exists())
            .collect();
        assert!(dead.is_empty(), "{}: {dead:?}", page.display());
    }
}

fn is_toml(line: &str) -> bool {
    let key = line.split([' ', '=', '[']).next().unwrap_or_default();
    let known = key.is_empty() || key.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    known && (line.starts_with('[') || line.split_once(" = ").is_some_and(|(k, _)| k == key))
}

#[test]
fn every_example_parses() {
    let folders = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let examples: Vec<PathBuf> = folders.map(|folder| folder.join("db-tasks.toml")).collect();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();

    assert!(examples.len() >= 3, "{examples:?}");

    for example in examples {
        let folder = example.parent().unwrap();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(readme.contains(&format!("`{name}`")), "the README does not name {name}");

        let ignored = fs::read_to_string(folder.join(".gitignore")).unwrap_or_default();
        assert!(
            ignored.contains("backups/\n") && ignored.contains(".db-tasks/\n"),
            "{name}: dumps could be committed"
        );

        let env = db_tasks::config::Env::of([
            ("DATABASE_URL", "postgresql://u@h/d"),
            ("MILVUS_TOKEN", "x"),
        ]);
        if let Err(e) = db_tasks::config::load(&example, env, db_tasks::config::Dotenv::Ignore) {
            panic!("{}: {e:#}", example.display());
        }
    }
}
