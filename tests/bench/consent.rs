//! Who may do what without being asked: each guard's own words.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::{Bench, HOOKS, HOST, TOOL, facts, with_beside};

/// A project with something to restore, to undo and to clean up.
fn full() -> Bench {
    full_of(HOST)
}

fn full_of(toml: &str) -> Bench {
    let mut bench = Bench::new(toml);
    bench.env("ALLOW_DATABASE_WIPE", "true").with_backup();
    bench.facts("app", with_beside(&["previous"])).file("backups/half.sql.zst.partial", "x");
    bench
}

const DESTRUCTIVE: [&[&str]; 3] = [&["db-restore", "--latest"], &["db-undo"], &["db-wipe"]];

/// Runs it with more words; it is refused in these words, and nothing has happened.
#[track_caller]
fn refused(bench: &Bench, args: &[&str], more: &[&str], error: &str) {
    bench.forget_calls();
    let before = bench.files();
    let said = bench.run(&[args, more].concat()).exits(3).error(&error.replace("{task}", args[0]));

    assert!(!said.err.contains('✓'), "{}", said.err);
    assert_eq!(bench.files(), before);
    assert_eq!(
        bench.calls().iter().filter(|call| !call.stdin.starts_with("\\echo :VERSION_NUM")).count(),
        0
    );
}

#[test]
fn nobody_to_ask() {
    let bench = full();

    for args in DESTRUCTIVE.into_iter().chain([&["db-cleanup"][..]]) {
        let error = "`{task}` is refused by the confirmation guard\n  confirmation: can't ask for \
                     confirmation: standard input is not a terminal\n  next: use `--yes`";
        refused(&bench, args, &[], error);
        // an answer on a pipe is nobody's
        let said = bench.run_fed(args, "yes\nyes\n").exits(3);
        assert!(!said.err.contains('✓'), "{}", said.err);
        bench.run(&[args, &["--yes"]].concat()).exits(0);
    }

    bench.run(&["db-restore"]).exits(3).only_error(
        "can't ask which backup to use: standard input is not a terminal\n  next: name it, or use \
         `--latest` or `--file PATH`",
    );
    bench.run(&["db-backup"]).exits(0);
    bench
        .run(&["db-restore", "--latest", "--as", "app_copy"])
        .exits(1)
        .tells("FATAL")
        .tells("next: ");
}

#[test]
fn a_name_confirms() {
    let bench = full();
    for args in DESTRUCTIVE {
        let error = "`{task}` is refused by the confirmation guard\n  confirmation: `--confirm \
                     other` does not name `app`\n  next: name the database that is replaced";
        refused(&bench, args, &["--confirm", "other"], error);
        bench.run(&[args, &["--confirm", "app"]].concat()).exits(0);
        bench.run(&[args, &["--confirm", "app", "--yes"]].concat()).exits(2);
    }
}

#[test]
fn production_is_not_replaced() {
    for environment in ["production", "PROD", " live "] {
        let mut bench = full();
        bench.env("ENVIRONMENT", environment);

        let error = |recovery: Option<&str>| {
            let said =
                recovery.map_or("", |_| "  production: restoring production was not confirmed\n");
            let cure = recovery.map_or(String::new(), |of| {
                format!(
                    "; if production is lost: run this at a terminal, or set \
                     `DB_TASKS_RESTORE_PRODUCTION='app {of}'` for one run"
                )
            });

            format!(
                "`{{task}}` is refused by the environment guard\n  environment: this project's \
                 environment is `{environment}`, where no live data is replaced\n{said}  next: no \
                 flag lifts this; if this is not production, correct ENVIRONMENT; you can restore \
                 a backup next to it (`db-restore --as OTHER_DATABASE`){cure}"
            )
        };

        for (args, of) in
            DESTRUCTIVE.into_iter().zip([Some("app_[STAMP].sql.zst"), Some("undo"), None])
        {
            // what an earlier restore kept has a word of its own
            bench.facts(
                "app",
                if args == DESTRUCTIVE[0] { facts("app") } else { with_beside(&["previous"]) },
            );
            refused(&bench, args, &["--yes"], &error(of));
            refused(&bench, args, &["--confirm", "app"], &error(of));
        }

        bench.run(&["db-backup"]).exits(0);
        bench.facts("app_copy", facts("app"));
        bench.run(&["db-restore", "--latest", "--as", "app_copy"]).exits(0);
        // what the environment says, no file can unsay
        bench.file(
            "db-tasks.toml",
            HOST.replace("name = \"shop\"", "environment = \"development\""),
        );
        refused(&bench, DESTRUCTIVE[1], &["--yes"], &error(Some("undo")));
    }
}

/// The newest backup, as `db-list` names it.
fn newest(bench: &Bench) -> String {
    let names = bench.names_in("backups");
    names.into_iter().filter(|name| name.ends_with(".sql.zst")).max().expect("a backup")
}

/// A script restores production by a variable that names the database and the backup, and an agent
/// does not.
#[test]
fn production_is_restored_by_a_variable_of_that_very_run() {
    const VARIABLE: &str = "DB_TASKS_RESTORE_PRODUCTION";

    let mut bench = full();
    bench.env("ENVIRONMENT", "production").facts("app", facts("app"));

    let newest = newest(&bench);
    for wrong in ["app", "app undo", &format!("other {newest}"), "true"] {
        bench.env(VARIABLE, wrong);
        bench.run(&["db-restore", "--latest", "--yes"]).exits(3).tells("is set, but not to `app ");
    }

    bench.env(VARIABLE, &format!("app {}", newest.trim_end_matches(".sql.zst")));
    bench.run(&["db-wipe", "--yes"]).exits(3).tells("environment guard");
    bench
        .run(&["db-restore", "--latest", "--in-place", "--yes"])
        .exits(3)
        .tells("environment guard");

    let said = bench.run(&["db-restore", "--latest"]).exits(0);
    assert!(
        said.err.contains("where no live data is replaced: lifted for this run only"),
        "{}",
        said.err
    );

    bench.facts("app", with_beside(&["previous"]));
    bench
        .run(&["db-restore", "--latest"])
        .exits(3)
        .tells("`app__previous`, kept by an earlier restore, would be lost");
    bench.env(VARIABLE, "app undo").run(&["db-undo"]).exits(0);
    bench.env("CLAUDECODE", "1").env("DB_TASKS_PERSON_SAYS", "db-undo app");
    bench
        .run(&["db-undo"])
        .exits(3)
        .tells("a coding agent runs this: only a person may restore production");
}

#[test]
fn a_marker_in_the_database() {
    let bench = full();
    let mut marked = with_beside(&["previous"]);
    marked["databases"][0]["settings"] =
        serde_json::json!([{ "name": "dbtasks.environment", "value": "production" }]);
    bench.facts("app", marked);

    for args in DESTRUCTIVE {
        bench
            .run(&[args, &["--yes"]].concat())
            .exits(3)
            .tells("the marker in the database `app` says that it is `production`");
    }

    let error = "`{task}` is refused by the marker guard\n  marker: the marker in the database \
                 `app` says that it is `production`\n  next: no flag lifts this; if it is wrong, \
                 have an administrator run `ALTER DATABASE \"app\" RESET dbtasks.environment`";
    refused(&bench, DESTRUCTIVE[2], &["--yes"], error);
}

#[test]
fn other_hosts_are_listed_first() {
    let remote = HOST.replace("database = \"app\"", "host = \"db.test\", database = \"app\"");
    let bench = full_of(&remote);

    for args in DESTRUCTIVE {
        let error = "`{task}` is refused by the host guard\n  host: `app` is on `db.test`, which \
                     is not this machine\n  next: if its data may be replaced, add \"db.test\" to \
                     `guards.allowed-hosts` in `db-tasks.toml`";
        refused(&bench, args, &["--yes"], error);
    }

    bench.file("db-tasks.toml", format!("{remote}[guards]\nallowed-hosts = [\"db.test\"]\n"));
    for args in DESTRUCTIVE {
        bench.run(&[args, &["--yes"]].concat()).exits(0);
    }
}

#[test]
fn an_agent_carries_a_persons_words() {
    for agent in ["CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "CODEX_SANDBOX", "AI_AGENT"] {
        let mut bench = full();
        bench.env(agent, "1");

        let error = format!(
            "`{{task}}` is refused by the agent guard\n  agent: a coding agent runs this \
             ({agent}), and it would replace live data\n  next: ask the person, and set \
             `DB_TASKS_PERSON_SAYS` to their words, which must name the task and the database: \
             `DB_TASKS_PERSON_SAYS='db-restore app'`"
        );

        refused(&bench, DESTRUCTIVE[0], &["--yes"], &error);
        bench.run(&["db-backup"]).exits(0);
        // their words are no consent by themselves
        // nor are words about something else
        for words in ["restore it, please", "db-wipe app", "db-restore app_two"] {
            bench.env("DB_TASKS_PERSON_SAYS", words);
            let but = "`DB_TASKS_PERSON_SAYS` are not about that";
            bench.run(&[DESTRUCTIVE[0], &["--yes"]].concat()).exits(3).tells(but);
        }

        bench.env("DB_TASKS_PERSON_SAYS", "db-restore app, please");
        bench.run(DESTRUCTIVE[0]).exits(3);
        bench.run(&[DESTRUCTIVE[0], &["--yes"]].concat()).exits(0);
    }
}

/// Words that a file holds are nobody's: an agent could have written them there.
#[test]
fn an_agent_cannot_read_the_words_from_dotenv() {
    let mut bench = full();
    bench.env("CLAUDECODE", "").file(".env", "DB_TASKS_PERSON_SAYS='db-restore app'\n");
    bench.run(&[DESTRUCTIVE[0], &["--yes"]].concat()).exits(3).tells("refused by the agent guard");
    // nor where something has exported that file
    bench.env("DB_TASKS_PERSON_SAYS", "db-restore app");
    bench.run(&[DESTRUCTIVE[0], &["--yes"]].concat()).exits(3).tells("refused by the agent guard");
}

/// No file can make a variable that is always set a person's consent.
#[test]
fn the_agents_variable_is_one_of_its_own() {
    for name in ["PATH", "LC_ALL", "HOME", "lang"] {
        let bench = Bench::new(
            &HOST
                .replace("[project]", &format!("[guards]\nagent-variable = \"{name}\"\n[project]")),
        );
        let words = format!("`{name}` is set in every shell: it can't hold a person's words");
        bench.run(&["db-status"]).exits(2).tells("is wrong at line 2, column 18").tells(&words);
    }
}

/// The framework's own word counts where nobody gives us one; what the file says outright is
/// loosened by nothing.
#[test]
fn who_says_that_it_is_production() {
    let says =
        |word: &str| HOST.replace("[project]", &format!("[project]\nenvironment = \"{word}\""));
    let file = "`project.environment` in `db-tasks.toml`";

    for (toml, env, dotenv, who) in [
        (HOST.to_owned(), ("NODE_ENV", "production"), "", "NODE_ENV, or set ENVIRONMENT"),
        (HOST.to_owned(), ("X", ""), "RAILS_ENV=prod-eu\n", "RAILS_ENV, or set ENVIRONMENT"),
        (
            says("${ENVIRONMENT:-development}"),
            ("MIX_ENV", "prod"),
            "",
            "MIX_ENV, or set ENVIRONMENT",
        ),
        (says("production"), ("ENVIRONMENT", "development"), "", file),
        (says("prod-eu"), ("X", ""), "ENVIRONMENT=development\n", file),
        (says("development"), ("X", ""), "ENVIRONMENT=Production1\n", "ENVIRONMENT"),
        (says("development"), ("ENVIRONMENT", "prodution"), "ENVIRONMENT=ci\n", "ENVIRONMENT"),
        (
            format!("{HOST}[guards]\nprotected-environments = [\"staging\"]\n"),
            ("ENVIRONMENT", "prod"),
            "",
            "ENVIRONMENT",
        ),
        (
            format!("{HOST}[guards]\nprotected-environments = [\"staging\"]\n"),
            ("ENVIRONMENT", "Staging"),
            "",
            "ENVIRONMENT",
        ),
    ] {
        let mut bench = full_of(HOST);
        bench.env(env.0, env.1).file("db-tasks.toml", &toml).file(".env", dotenv);
        bench
            .run(&["db-undo", "--yes"])
            .exits(3)
            .tells("environment guard")
            .tells(&format!("correct {who};"));
    }

    for (toml, env) in [
        (says("development"), ("NODE_ENV", "production")),
        (says("${ENVIRONMENT:-production}"), ("ENVIRONMENT", "ci")),
        (HOST.to_owned(), ("ENVIRONMENT", "non-prod")),
        (HOST.to_owned(), ("APP_ENV", "test")),
    ] {
        let mut bench = full_of(HOST);
        bench.env(env.0, env.1).file("db-tasks.toml", &toml);
        bench.run(&["db-undo", "--yes"]).exits(0);
    }
}

#[test]
fn a_marker_is_read_by_the_same_rule() {
    let bench = full_of(&format!("{HOST}[guards]\nprotected-environments = [\"prod-eu\"]\n"));

    for mark in ["production", "prod-us", "Live"] {
        let mut marked = with_beside(&["previous"]);
        marked["databases"][0]["settings"] =
            serde_json::json!([{ "name": "dbtasks.environment", "value": mark }]);
        bench.facts("app", marked);
        bench.run(&["db-undo", "--yes"]).exits(3).tells(&format!("says that it is `{mark}`"));
    }
}

#[test]
fn all_refusals_are_told_at_once() {
    let mut bench = full();
    bench.env("ENVIRONMENT", "production").env("CLAUDECODE", "1");
    let said = bench.run(DESTRUCTIVE[0]).exits(3);
    for guard in ["environment: ", "agent: ", "production: "] {
        assert!(said.err.contains(&format!("\n  {guard}")), "{}", said.err);
    }
}

#[test]
fn one_run_at_a_time() {
    let bench = full();
    bench.during_dump(
        "echo ready >\"$bench/ready\"\nuntil [ -e \"$bench/go\" ]; do sleep 0.05; done\n",
    );

    let mut command = bench.command(TOOL);
    let mut first = command
        .arg("db-backup")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let mut lines = BufReader::new(first.stderr.take().unwrap()).lines();
    lines.next().unwrap().unwrap();

    for args in [
        &["db-backup"][..],
        &["db-restore", "--latest", "--yes"],
        &["db-undo", "--yes"],
        &["db-wipe", "--yes"],
        &["db-protect", "--environment", "staging"],
        &["db-cleanup", "--yes"],
        &["db-verify"],
    ] {
        bench.run(args).exits(5).only_error(
            "another run of this project is active\n  it is db-backup, process [PID], since \
             [TIME]\n  next: wait until it is done; the lock is released when its process ends",
        );
    }

    // looking is allowed
    bench.run(&["db-list"]).exits(0);
    bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0);
    bench.stage("go", "");
    lines.for_each(drop);
    assert!(first.wait().unwrap().success());

    bench.run(&["db-verify"]).exits(0);
}

/// What a script says once and for all is no answer to which database is meant.
#[test]
fn a_name_that_is_given_is_judged() {
    let mut bench = Bench::new(&format!("{HOST}{HOOKS}"));
    bench.env("SKIP_BACKUP_PROMPT", "true");
    bench
        .run(&["db-reset", "--confirm", "other"])
        .exits(3)
        .tells("`--confirm other` does not name `app`");
    assert!(bench.names_in("backups").is_empty());
    bench.run(&["db-reset", "--confirm", "app"]).exits(0);

    bench.run(&["db-reset"]).exits(0);
}
