//! What hooks get in their environment: docs/hooks' words, by what a hook has seen.

use std::collections::BTreeMap;

use super::terminal::{Terminal, available};
use super::{Bench, Call, DOCKER, HOST};
use crate::support::need;

/// A database by its address, with a password.
const BY_URL: &str = "[project]\nname = \"shop\"\n[databases.main]\nprograms = \
                      \"../bin\"\npostgres = { url = \
                      \"postgresql://boss:hunter22@localhost:5433/app\" }\n";

/// What the run gives a hook: on this machine its environment, in a container what is passed in.
fn given(call: &Call) -> BTreeMap<String, String> {
    let ours = |name: &str| {
        name == "DATABASE_URL" || name.starts_with("DBTASKS_") || name.starts_with("PG")
    };
    let passed =
        call.argv.iter().zip(call.argv.iter().skip(1)).filter(|(flag, _)| *flag == "-e").map(
            |(_, pair)| {
                let secret = || (pair.clone(), call.env[pair].clone());
                pair.split_once('=')
                    .map_or_else(secret, |(name, value)| (name.into(), value.into()))
            },
        );

    match call.argv[0].ends_with("docker") {
        true => passed.collect(),
        false => call.env.clone().into_iter().filter(|(name, _)| ours(name)).collect(),
    }
}

/// What the one hook of this word was given.
fn of(bench: &Bench, word: &str) -> BTreeMap<String, String> {
    let calls = bench.calls();
    let hooks: Vec<&Call> = calls
        .iter()
        .filter(|call| {
            call.argv.iter().any(|w| w.ends_with("migrator")) && call.argv.iter().any(|w| w == word)
        })
        .collect();

    // in a container, the call of docker comes first, and then what it runs there
    match hooks[..] {
        [one] => given(one),
        [docker, _] if docker.argv[0].ends_with("docker") => given(docker),
        _ => panic!("not one hook `{word}`: {calls:#?}"),
    }
}

/// The address alone, as `NAME=value` words.
fn address(given: &BTreeMap<String, String>) -> String {
    let address = given.iter().filter(|(name, _)| !name.starts_with("DBTASKS_"));
    address.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_hook_gets_the_address_that_is_known() {
    let own = "[hooks]\nmigrate = { run = [\"migrator\", \"up\"], url = \
               \"postgresql://shop@db/{database}\" }\n";
    let inside = "[hooks]\nmigrate = { run = [\"migrator\", \"up\"], container = \"pg\" }\n";
    let inside_own = "[hooks]\nmigrate = { run = [\"migrator\", \"up\"], container = \"pg\", url \
                      = \"postgresql://shop@db/{database}\" }\n";
    let plain = "[hooks]\nmigrate = [\"migrator\", \"up\"]\n";
    let by_url = "DATABASE_URL=postgresql://boss:hunter22@localhost:5433/app PGDATABASE=app \
                  PGHOST=localhost PGPASSWORD=hunter22 PGPORT=5433 PGUSER=boss";

    for (toml, want) in [
        (format!("{BY_URL}{plain}"), by_url),
        (
            format!("{HOST}{plain}"),
            "DATABASE_URL=postgresql://boss@localhost/app PGDATABASE=app PGUSER=boss",
        ),
        (format!("{HOST}{own}"), "DATABASE_URL=postgresql://shop@db/app"),
        // the port of the database's container is not published
        (format!("{DOCKER}{plain}"), "DATABASE_URL="),
        (format!("{DOCKER}{own}"), "DATABASE_URL=postgresql://shop@db/app"),
        (format!("{DOCKER}{inside}"), ""),
        // this machine's address is another in a container
        (format!("{BY_URL}[containers.pg]\ndocker = \"shop-pg\"\n{inside}"), ""),
        (format!("{DOCKER}{inside_own}"), "DATABASE_URL=postgresql://shop@db/app"),
    ] {
        let mut bench = Bench::new(&toml);
        bench
            .env("PGOPTIONS", "-c a=b")
            .env("PGHOSTADDR", "10.0.0.7")
            .env("ENVIRONMENT", "staging");
        bench.run(&["db-migrate"]).exits(0);
        let given = of(&bench, "up");
        assert_eq!(address(&given), want, "{toml}");
        let told = |name: &str| given.get(name).map(String::as_str);
        assert_eq!(
            (
                told("DBTASKS_TASK"),
                told("DBTASKS_DATABASE"),
                told("DBTASKS_ENVIRONMENT"),
                told("DBTASKS_OUTCOME")
            ),
            (Some("migrate"), Some("app"), Some("staging"), Some("pending"))
        );
        assert!(
            told("DBTASKS_BACKUP").is_some_and(|backup| backup.ends_with(".sql.zst")),
            "{given:?}"
        );
    }

    let bench = Bench::new(&format!("{HOST}{plain}"));
    bench.run(&["db-migrate", "--no-backup"]).exits(0);
    assert!(!of(&bench, "up").contains_key("DBTASKS_BACKUP"));
}

#[test]
fn a_hook_gets_no_address_where_none_is_meant() {
    let two = "[databases.side]\nprograms = \"../bin\"\npostgres = { database = \"side\", user = \
               \"boss\" }\n";
    let hooks = "[hooks]\nbefore-backup = [\"migrator\", \"project\"]\nbefore-verify = \
                 [\"migrator\", \"files\"]\nbefore-cleanup = [\"migrator\", \
                 \"old\"]\n[databases.main.hooks]\nafter-backup = [\"migrator\", \
                 \"own\"]\nbefore-verify = [\"migrator\", \"never\"]\n";
    let bench = Bench::new(&format!("{HOST}{two}{hooks}"));

    bench.facts("side", super::facts("side"));
    bench.run(&["db-backup"]).exits(0);

    let (project, own) = (of(&bench, "project"), of(&bench, "own"));
    assert_eq!(address(&project), "DATABASE_URL=");
    assert_eq!(project["DBTASKS_DATABASE"], "app,side");
    assert_eq!(
        address(&own),
        "DATABASE_URL=postgresql://boss@localhost/app PGDATABASE=app PGUSER=boss"
    );
    assert!(
        own["DBTASKS_BACKUP"].contains("/backups/") && own["DBTASKS_OUTCOME"] == "done",
        "{own:?}"
    );

    bench.run(&["db-verify"]).exits(0);
    let files = of(&bench, "files");
    assert_eq!(address(&files), "");
    assert!(files["DBTASKS_BACKUP"].contains("/backups/"), "{files:?}");
    bench.run(&["db-cleanup", "--yes"]).exits(0);

    assert_eq!(address(&of(&bench, "old")), "");
    assert!(!bench.calls().iter().any(|call| call.argv.iter().any(|word| word == "never")));
}

/// What is done is done: a notice that fails after it undoes nothing, and its result is told.
#[test]
fn an_after_hook_that_fails_makes_nothing_undone() {
    let hooks = "[hooks]\nafter-backup = \"exit 7\"\nfailed-backup = [\"migrator\", \
                 \"failed\"]\nfinally-backup = [\"migrator\", \"finally\"]\n";
    let bench = Bench::new(&format!("{HOST}{hooks}"));
    let said = bench.run(&["db-backup"]).exits(6);
    let error = said.err.split_once("\nerror: ").unwrap().1.to_owned();

    assert!(
        error.starts_with("finished, but ") && error.contains("do not run the command again"),
        "{error}"
    );
    assert_eq!(said.err.matches("exit 7").count(), 1, "once, in its step: {}", said.err);
    assert!(said.err.contains("to restore it: ") && said.out.contains("backups/"), "{}", said.err);
    assert_eq!(of(&bench, "finally")["DBTASKS_OUTCOME"], "done");
    assert!(!bench.calls().iter().any(|call| call.argv.iter().any(|word| word == "failed")));
}

/// A terminal stops a program of a group of its own that asks there (psql's password prompt, sudo,
/// ssh, git): it must not stand still until its time is over.
#[test]
fn a_hook_that_asks_at_the_terminal_fails_at_once() {
    need!("script of util-linux", available());

    for asks in [
        "head -n 1 </dev/tty",
        "echo first; stty -echo </dev/tty; read x",
        "timeout 50 head -n 1 </dev/tty",
        "exec head /dev/tty",
    ] {
        let bench =
            Bench::new(&format!("{HOST}[hooks]\nmigrate = {{ run = \"{asks}\", timeout = 40 }}\n"));
        let begun = std::time::Instant::now();
        let person = Terminal::run(&bench, &["db-migrate"]);
        let screen = person.ends(1);
        assert!(
            screen.contains(
                "it asked a question at the terminal, which a hook can't do, and was terminated"
            ),
            "{asks}: {screen}"
        );
        assert!(begun.elapsed().as_secs() < 15, "{asks}");
    }
}
