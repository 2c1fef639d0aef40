//! What people read: help, lists, settings and dry runs, word for word.

use std::fs::File;
use std::time::{Duration, SystemTime};

use clap::Parser as _;
use db_tasks::cli::Cli;
use db_tasks::tasks;
use serde_json::Value;

use super::snapshots::same_as;
use super::{Bench, DOCKER, HOST, with_beside};

#[test]
fn help_of_everything() {
    let bench = Bench::new(HOST);
    let help = bench.run(&["--help"]).exits(0).out;
    same_as("help", &help);

    let mut all = String::new();
    for command in tasks::ALL.map(|task| task.name) {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in the help");
        all.push_str(&format!(
            "$ {command} --help\n{}\n",
            bench.run(&[command, "--help"]).exits(0).out
        ));
    }

    same_as("help-commands", &all);
    let listed = help.split("\nExamples:").next().unwrap_or_default();
    assert_eq!(listed.matches("\n  db-").count(), tasks::ALL.len(), "a command has no help here");
}

/// The lines of its help that are there to be copied, without the words behind them.
fn examples(help: &str) -> Vec<String> {
    let (_, examples) =
        help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("no examples:\n{help}"));
    let lines = examples.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| Some(line.trim().split("  ").next()?.to_owned())).collect()
}

/// The words of a line, as a shell reads them; where its output goes is the shell's matter.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" >").next().unwrap_or_default();
    let out = std::process::Command::new("sh")
        .args(["-c", &format!("printf '%s\\n' {line}")])
        .output()
        .unwrap();
    assert!(out.status.success(), "{line}");
    String::from_utf8_lossy(&out.stdout).lines().map(String::from).collect()
}

#[test]
fn every_example_in_the_help_is_understood() {
    let bench = Bench::new(HOST);
    for command in tasks::ALL.map(|task| Some(task.name)).into_iter().chain([None]) {
        let args: Vec<&str> = command.into_iter().chain(["--help"]).collect();
        let shown = examples(&bench.run(&args).exits(0).out);
        let lines: Vec<&String> = shown
            .iter()
            .filter(|line| !matches!(line.split(' ').next(), Some("export" | "unset")))
            .collect();

        assert!(lines.len() >= 2, "{command:?}: {shown:?}");
        let own = |line: &&&String| command.is_none_or(|command| line.contains(command));
        assert!(
            lines.iter().filter(own).count() >= 2,
            "{command:?} is not in its own examples: {shown:?}"
        );

        for line in lines {
            let line = line.trim_start_matches("cargo xtask ").trim_start_matches("db-tasks ");
            assert!(line.starts_with("db-"), "`{line}` of {command:?} is no command of ours");
            let read =
                Cli::try_parse_from(std::iter::once("db-tasks".to_owned()).chain(words(line)));
            assert!(read.is_ok(), "`{line}` of {command:?}: {}", read.unwrap_err());
        }
    }
}

#[test]
fn an_empty_list() {
    let bench = Bench::new(HOST);
    assert_eq!(bench.run(&["db-list"]).exits(0).out, "no backups in [DIR]/backups\n");
    bench.file("backups/app_1.sql.zst.partial", "half");
    assert_eq!(
        bench.run(&["db-list"]).exits(0).out,
        "no backups in [DIR]/backups\n[DIR]/backups/app_1.sql.zst.partial was left by an \
         interrupted run: the next backup or `db-cleanup` removes it\n"
    );
}

/// One backup of each kind, and `db-info` of each.
#[test]
fn a_list_of_every_kind() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    bench.file("backups/from-prod.sql.gz", "not looked into yet");

    let old = SystemTime::now() - Duration::from_secs(3 * 86_400 + 60);
    File::open(bench.dir.join("backups/from-prod.sql.gz")).unwrap().set_modified(old).unwrap();
    bench.file("backups/lost.manifest.json", "{}");
    bench.file("backups/new.manifest.json", "{\"format\": 99}");

    for lost in ["lost", "new"] {
        File::open(bench.dir.join(format!("backups/{lost}.manifest.json")))
            .unwrap()
            .set_modified(old)
            .unwrap();
    }

    bench.file("backups/app_1.sql.zst.partial", "half");
    bench.file("backups/notes.txt", "no backup");

    let mut text = bench.run(&["db-list"]).exits(0).out;
    for name in [name.as_str(), "from-prod.sql.gz", "lost.manifest.json"] {
        text.push_str(&format!("\n$ db-info\n{}", bench.run(&["db-info", name]).exits(0).out));
    }

    same_as("lists", &super::said::shaped(&text, "####-##-## ##:##", "[MINUTE]        "));
}

#[test]
fn settings_tell_where_they_come_from() {
    let mut bench = Bench::new(
        "[project]\nname = \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres = { url = \
         \"${DATABASE_URL}\" }\n[databases.side]\nprograms = \"../bin\"\npostgres = { host = \
         \"${SIDE:-localhost}\", port = 5433, database = \"side\", password-env = \"SIDE_PW\" \
         }\n[backup]\nkeep-days = 7\n[guards]\nallowed-hosts = [\"db.test\"]\n",
    );

    bench.file(
        ".env",
        "DATABASE_URL=postgresql://boss:hunter22@localhost/app?schema=public\nSIDE_PW=hunter23\n\
         BACKUP_MIN_KEEP=2\n",
    );

    bench.env("ENVIRONMENT", "staging").env("BACKUP_RETENTION_DAYS", "9");
    let text = bench.run(&["db-config"]).exits(0).out;
    assert!(!text.contains("hunter"), "{text}");
    same_as("config", &text);

    let json: Value =
        serde_json::from_str(&bench.run(&["db-config", "--json"]).exits(0).out).unwrap();
    assert_eq!(json["settings"].as_array().unwrap().len(), text.lines().count() - 1);
}

#[test]
fn dry_runs() {
    let host = Bench::new(HOST);
    let mut text =
        host.run(&["db-backup", "--label", "before v2", "--dry-run", "--verbose"]).exits(0).out;
    host.with_backup();
    text.push_str(&format!(
        "\n{}",
        host.run(&["db-restore", "--latest", "--dry-run", "--verbose"]).exits(0).out
    ));
    same_as("dry-run-host", &text);

    let services = "[containers.web]\ndocker = \"shop-web\"\nstop-during = [\"restore\"]\n";
    let docker = Bench::new(&format!("{DOCKER}{services}"));
    docker.stage("containers/shop-web", "running\n").facts("app", with_beside(&["previous"]));

    let mut text = docker.run(&["db-backup", "--dry-run", "--verbose"]).exits(0).out;
    docker.with_backup();
    text.push_str(&format!(
        "\n{}",
        docker.run(&["db-restore", "--latest", "--dry-run", "--yes", "--verbose"]).exits(0).out
    ));
    text.push_str(&format!(
        "\n{}",
        docker.run(&["db-undo", "--dry-run", "--verbose"]).exits(0).out
    ));
    text.push_str(&format!(
        "\n{}",
        docker.run(&["db-verify", "--deep", "--dry-run", "--verbose"]).exits(0).out
    ));

    same_as("dry-run-docker", &text);
}

/// What a person sees of a backup and a restore, from beginning to end.
#[test]
fn whole_runs() {
    let bench = Bench::new(HOST);
    let backup = bench.run(&["db-backup"]).exits(0);
    bench.learn_counts();

    let restore = bench.run(&["db-restore", "--latest", "--yes"]).exits(0);
    let mut text = String::new();
    for said in [backup, restore] {
        text.push_str(&format!("stdout:\n{}stderr:\n{}\n", said.out, said.err));
    }

    same_as("runs", &text);
}

/// T40: nothing stands before or behind JSON, whatever children print.
#[test]
fn json_is_json() {
    let bench = Bench::new(HOST);
    bench.stage("says/pg_dump.run", "echo 'a word on stderr' >&2\n");

    let backup: Value =
        serde_json::from_str(&bench.run(&["db-backup", "--json"]).exits(0).out).unwrap();
    assert_eq!(backup["backups"][0]["state"], "verified");

    let name = bench.names_in("backups").remove(1);
    for args in [
        vec!["db-list", "--json"],
        vec!["db-info", &name, "--json"],
        vec!["db-status", "--json"],
        vec!["db-config", "--json"],
        vec!["db-doctor", "--json"],
    ] {
        let said = bench.run(&args).exits(0);
        assert!(serde_json::from_str::<Value>(&said.out).is_ok(), "{args:?}\n{}", said.out);
        assert_eq!(said.err, "", "{args:?}");
    }
}

/// What wide terminals, narrow ones and none get of one list; files without a manifest are dated by
/// their names.
#[test]
fn a_list_fits_the_terminal() {
    let mut bench = Bench::new(HOST);
    bench.run(&["db-backup", "--label", "before the great migration"]).exits(0);
    for name in ["prod_20250301_0400.sql", "shop-2025-01-05.sql.gz", "nodate.sql"] {
        bench.file(&format!("backups/{name}"), "not looked into yet");
    }

    let wide = bench.run(&["db-list"]).exits(0).out;
    assert_eq!(
        wide.lines().count(),
        5,
        "a line for each, where nobody knows how wide it is:\n{wide}"
    );

    let ages: Vec<&str> = wide.lines().filter(|line| line.contains("2025-0")).collect();
    assert!(ages.len() == 2 && ages.iter().all(|line| line.contains(" days ago")), "{wide}");
    assert!(wide.contains("2025-03-01 04:00") && wide.contains("2025-01-05  "), "{wide}");

    let words = |text: &str| {
        let words = text
            .split_whitespace()
            .filter(|word| *word != "\u{b7}")
            .map(|word| word.trim_end_matches(',').to_owned());
        words.collect::<std::collections::BTreeSet<String>>()
    };

    for columns in [120, 80, 60] {
        let list = bench.env("COLUMNS", &columns.to_string()).run(&["db-list"]).exits(0).out;
        assert!(list.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{list}");
        assert!(
            words(&list).is_superset(
                &words(wide.split_once('\n').unwrap().1).into_iter().filter(|w| w != "?").collect()
            ),
            "{list}"
        );
    }
}

/// Whoever looks first sees the steps, and reads the commands where they want to.
#[test]
fn a_dry_run_is_short_unless_it_is_to_be_verbose() {
    let mut bench = Bench::new(&format!("{HOST}{}", super::HOOKS));
    bench.with_backup();
    bench.env("ALLOW_DATABASE_WIPE", "true").facts("app", many_tables(300));

    for args in [
        &["db-backup"][..],
        &["db-restore", "--latest"],
        &["db-reset"],
        &["db-wipe", "--backup"],
        &["db-migrate"],
    ] {
        let short = bench.run(&[args, &["--dry-run"]].concat()).exits(0).out;
        let long = bench.run(&[args, &["--dry-run", "--verbose"]].concat()).exits(0).out;
        assert!(
            short.lines().count() < 40 && short.lines().all(|line| line.len() < 400),
            "{args:?}:\n{short}"
        );
        assert!(
            short.contains("`--verbose` shows the commands") && !short.contains("$ "),
            "{args:?}:\n{short}"
        );
        assert!(
            long.contains("$ ") && long.lines().all(|line| line.len() < 1_200),
            "{args:?}:\n{long}"
        );
        let steps = |text: &str| {
            text.lines()
                .filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()))
                .count()
        };
        assert!(steps(&short) > 0 && steps(&short) == steps(&long), "{args:?}:\n{short}");
    }
}

fn many_tables(n: usize) -> Value {
    let mut facts = super::facts("app");
    let table = facts["inventory"]["tables"][0].clone();
    let named = |at: usize| {
        let mut table = table.clone();
        (table["name"], table["table"]) =
            (format!("app.table_number_{at}").into(), format!("table_number_{at}").into());
        table
    };

    facts["inventory"]["tables"] = (0..n).map(named).collect::<Vec<_>>().into();

    facts
}
