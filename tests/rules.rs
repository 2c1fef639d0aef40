//! The repository's own rules: what ARCHITECTURE.md promises, as far as it can be read off the
//! code.

mod codec;
mod functions;
mod postgres;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source file by its path below `xtask/src`, its tests cut off.
pub fn sources() -> BTreeMap<String, String> {
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
        (&[" age::", "(age::", "<age::"], "stream/cipher/"),
        (&["memchr::"], "engine/postgres/script/"),
        (&["tar::"], "engine/files/"),
        (&["fast_glob::"], "glob.rs"),
        (&["humantime::", "parse_size::"], "config/keep.rs"),
        (&["tonic::", "tonic_prost::", "prost::", "tokio::"], "engine/milvus/"),
        (&["base64::"], "bytes.rs"),
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
                    | "gate/judgement.rs"
                    | "bundle/keep.rs"
                    | "bundle/ratchet.rs"
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

/// What changes a store is a trait of its own, and only the engines and `run` know it.
#[test]
fn only_run_changes_stores() {
    let elsewhere = |f: &str| !f.starts_with("engine/") && !f.starts_with("run/");
    none(&lines_with(&["WriteStore"], elsewhere), "facts and commands only read stores");
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

/// The rooms, from the ground up: each has a floor of its own.
const FLOORS: [&str; 33] = [
    "problem",
    "tasks",
    "bytes",
    "glob",
    "disk",
    "config",
    "cmd",
    "stream",
    "value",
    "audit",
    "human",
    "bundle",
    "plan",
    "place",
    "door",
    "engine/postgres/script",
    "engine/postgres/client",
    "engine/postgres/catalog",
    "engine/postgres/change",
    "engine/cluster",
    "engine/store",
    "engine/files",
    "engine/milvus",
    "gate",
    "run",
    "facts",
    "ui",
    "planning",
    "view",
    "options",
    "session",
    "command",
    "cli",
];

/// Each path of a text by itself: `a::{b, c::d}` names `a::b` and `a::c::d`.
fn paths(text: &str) -> Vec<String> {
    let mut before: Vec<String> = vec![String::new()];
    let mut found = Vec::new();
    let mut path = String::new();

    for c in text.chars() {
        match c {
            _ if c.is_alphanumeric() || c == '_' || c == ':' => path.push(c),
            '{' => {
                let within =
                    if path.ends_with("::") { std::mem::take(&mut path) } else { String::new() };
                let outer = before.last().cloned().unwrap_or_default();
                before.push(if within.is_empty() { within } else { outer + &within });
            }
            _ => {
                let outer = before.last().map_or("", String::as_str);
                found.extend((!path.is_empty()).then(|| format!("{outer}{path}")));
                path.clear();
                if c == '}' {
                    before.pop();
                }
            }
        }
    }

    found
}

/// The modules that a file names, each by its path from the top: `engine/postgres/catalog/facts`.
fn named_in(file: &str, text: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let module: Vec<&str> = path.split('/').collect();
    let mut named = Vec::new();

    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    for path in paths(&code.collect::<Vec<_>>().join("\n")) {
        let parts: Vec<&str> = path.split("::").collect();
        let up = parts.iter().take_while(|part| **part == "super").count();

        match parts.first() {
            Some(&"crate") => named.push(parts[1..].join("/")),
            Some(&"super") if up <= module.len() => {
                named.push([&module[..module.len() - up], &parts[up..]].concat().join("/"));
            }
            _ => {}
        }
    }

    named
}

/// The room of a module: its folder at the top; each engine is one, and PostgreSQL's has four.
fn room(module: &str) -> String {
    let depth = match module {
        _ if module.starts_with("engine/postgres") => 3,
        _ if module.starts_with("engine") => 2,
        _ => 1,
    };
    module.split('/').take(depth).collect::<Vec<_>>().join("/")
}

#[test]
fn a_list_of_imports_names_each_of_them() {
    let text = "use crate::engine::postgres::{client, change::admin};\nfn a() { crate::run::go(); }\n\
                use super::{b, c};\n";
    let named = named_in("engine/postgres/catalog/facts.rs", text);
    let of = |name: &str| format!("engine/postgres/{name}");
    let wanted =
        [of("client"), of("change/admin"), "run/go".into(), of("catalog/b"), of("catalog/c")];
    assert_eq!(named, wanted);
    assert_eq!(
        named.iter().map(|m| room(m)).collect::<Vec<_>>()[1..3],
        [of("change"), "run".into()]
    );
}

#[test]
fn nothing_goes_back_up() {
    let floor = |room: &str| FLOORS.iter().position(|f| *f == room);
    let above_all = ["app", "main", "lib", "cargo_db_tasks", "engine/mod", "engine/postgres/mod"];
    let mut wrong = Vec::new();

    for (file, text) in sources() {
        let own = room(file.trim_end_matches(".rs"));
        if above_all.contains(&own.as_str()) {
            continue;
        }

        let Some(here) = floor(&own) else {
            wrong.push(format!("{file}: `{own}` has no floor in FLOORS"));
            continue;
        };

        for module in named_in(&file, &text) {
            if room(&module) == "app" || floor(&room(&module)).is_some_and(|there| there > here) {
                wrong.push(format!("{file}: {module}"));
            }
        }
    }

    none(&wrong, "a room uses those below it, and nothing else");
}

/// A command may use the plan of another, and none of them goes in a circle.
#[test]
fn commands_have_no_circles() {
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let command =
        |module: &str| Some(module.strip_prefix("command/")?.split('/').next()?.to_owned());

    for (file, text) in sources() {
        let Some(own) = command(file.trim_end_matches(".rs")) else { continue };
        let others = named_in(&file, &text).iter().filter_map(|m| command(m)).collect::<Vec<_>>();
        uses.entry(own.clone()).or_default().extend(others.into_iter().filter(|o| *o != own));
    }

    // what uses nothing that is left goes; a circle stays
    loop {
        let left: Vec<String> = uses.keys().cloned().collect();
        let before = uses.len();
        uses.retain(|_, others| others.iter().any(|other| left.contains(other)));
        if uses.len() == before {
            break;
        }
    }

    assert!(uses.is_empty(), "commands that use each other: {:?}", uses.keys());
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
        .filter(|(_, n)| *n > 400)
        .map(|(f, n)| format!("{f}: {n} lines"))
        .collect();
    none(&long, "a file of 400 lines is a question");
}

/// What the environment may say, and which tasks have hooks, is in docs/: nobody finds it
/// otherwise.
#[test]
fn the_docs_name_every_variable_and_every_task_with_hooks() {
    let hooks = fs::read_to_string(root().join("docs/hooks.md")).unwrap();

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
        "TESTING",
        "DOCKER_",
        "CONTAINER_",
    ];

    let mut known = std::collections::BTreeSet::new();

    let is_code = |file: &str| !file.contains("examples") && !file.starts_with("config/settings/");
    for (file, text) in sources().into_iter().filter(|(file, _)| is_code(file)) {
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
        known.contains("SKIP_DB_INIT") && known.contains("DOCKER_HOST") && known.len() > 9,
        "{known:?}"
    );
    // docs/configuration.md is made from the entries
    let entries = db_tasks::config::settings::variables::all();
    let missing: Vec<String> =
        known.into_iter().filter(|name| !entries.contains(&name.as_str())).collect();
    none(&missing, "config/settings has an entry for every variable");

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

    assert!(readme.split_whitespace().count() < 1_250);
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

/// An xtask of one's own takes the crates from where the README says, and optimises what we do.
#[test]
fn the_readmes_dependencies_are_ours() {
    let text = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let (readme, workspace, package) =
        (text("README.md"), text("Cargo.toml"), text("xtask/Cargo.toml"));
    let block = readme.split("```toml\n").find(|block| block.contains("[dependencies]")).unwrap();
    let block: toml::Table = block.split("```").next().unwrap().parse().unwrap();
    let (workspace, package): (toml::Table, toml::Table) =
        (workspace.parse().unwrap(), package.parse().unwrap());

    let theirs = &block["dependencies"];
    let ours = &package["dependencies"]["clap"]["version"];
    assert_eq!(&theirs["clap"]["version"], ours);
    let name = package["package"]["name"].as_str().unwrap();
    assert!(theirs[name]["path"].as_str().unwrap().ends_with("/xtask"));

    let optimised = &workspace["profile"]["dev"]["package"];
    for (package, wanted) in block["profile"]["dev"]["package"].as_table().unwrap() {
        assert_eq!(optimised.get(package), Some(wanted), "{package}");
    }
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
