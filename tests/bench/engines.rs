//! Whose data a container holds: that of the machine that its engine is on.

use super::{Bench, DOCKER, HOOKS, with_beside};

const DESTRUCTIVE: [&[&str]; 4] =
    [&["db-restore", "--latest"], &["db-undo"], &["db-wipe"], &["db-reset"]];

fn full(toml: &str) -> Bench {
    let mut bench = Bench::new(toml);
    bench.env("ALLOW_DATABASE_WIPE", "true").with_backup();
    bench.facts("app", with_beside(&["previous"]));
    bench
}

/// Every way in which an engine is chosen that is not this machine's: variables, what the engine's
/// client answers, its own file.
type Way = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
);

const CONTEXT: &[(&str, &str)] = &[("context", "ssh://root@prod.example\n")];
const CONNECTIONS: &str = "false here unix:///run/podman/podman.sock\ntrue prod \
                           ssh://root@prod.example:22/run/podman/podman.sock\n";

const WAYS: [Way; 7] = [
    ("docker", &[("DOCKER_HOST", "tcp://prod.example:2376")], &[], None),
    ("docker", &[("DOCKER_HOST", "prod.example:2376"), ("DOCKER_CONTEXT", "default")], &[], None),
    ("docker", &[("DOCKER_CONTEXT", "prod")], CONTEXT, None),
    ("docker", &[], CONTEXT, Some(r#"{"currentContext": "prod"}"#)),
    (
        "podman",
        &[("CONTAINER_HOST", "ssh://root@prod.example:22/run/podman/podman.sock")],
        &[],
        None,
    ),
    ("podman", &[("CONTAINER_CONNECTION", "prod")], &[("system", CONNECTIONS)], None),
    ("podman", &[], &[("info", "true\n"), ("system", CONNECTIONS)], None),
];

/// Made where nothing leads away, so that there is something to lose; then led away.
fn elsewhere((engine, env, says, config): Way) -> Bench {
    let mut bench = full(&format!("{DOCKER}{HOOKS}"));
    bench.file(
        "db-tasks.toml",
        format!(
            "{}{HOOKS}",
            DOCKER.replace("[databases", &format!("engine = \"{engine}\"\n[databases"))
        ),
    );

    for (verb, text) in says {
        bench.stage(&format!("says/{verb}"), text);
    }
    for (name, value) in env {
        bench.env(name, value);
    }
    if let Some(text) = config {
        bench.file("../home/.docker/config.json", text);
    }

    bench
}

#[test]
fn a_container_of_an_engine_elsewhere_is_not_on_this_machine() {
    for way in WAYS {
        let bench = elsewhere(way);

        for args in DESTRUCTIVE {
            println!("{way:?}: {args:?}");
            let error = format!(
                "`{}` is refused by the host guard\n  host: `app` is on `prod.example`, which is \
                 not this machine\n  next: if its data may be replaced, add \"prod.example\" to \
                 `guards.allowed-hosts` in `db-tasks.toml`",
                args[0]
            );

            bench.run(&[args, &["--yes"]].concat()).exits(3).error(&error);
            let shown = bench.run(&[args, &["--dry-run"]].concat()).exits(0).out;
            assert!(shown.contains("REFUSE  host: `app` is on `prod.example`"), "{shown}");
        }

        // to read there is no harm
        bench.run(&["db-backup"]).exits(0);
    }
}

#[test]
fn a_listed_engine_is_as_good_as_this_machine() {
    let mut bench = full(&format!("{DOCKER}{HOOKS}[guards]\nallowed-hosts = [\"prod.example\"]\n"));
    bench.env("DOCKER_CONTEXT", "prod").stage("says/context", "tcp://prod.example:2376\n");
    bench.run(&["db-restore", "--latest", "--yes"]).exits(0);
}

#[test]
fn where_nobody_can_tell_nothing_is_asked_of_the_engine_at_all() {
    let mut bench = full(DOCKER);
    bench.env("DOCKER_CONTEXT", "prod");

    let error = "can't tell which machine the container engine runs on; it may be production\n  \
                 `docker context inspect --format '{{.Endpoints.docker.Host}}'` did not say\n  \
                 context \"prod\": context not found\n  next: give its address for this run: \
                 `export DOCKER_HOST=unix:///var/run/docker.sock`, or whatever yours is";

    bench.run(&["db-wipe", "--yes"]).exits(3).error(error);
    bench
        .env("DOCKER_HOST", "unix:///var/run/docker.sock")
        .run(&["db-restore", "--latest", "--yes"])
        .exits(0);
}

/// The client in a container may be sent on from there, by a variable that was left over, say.
#[test]
fn a_server_that_is_not_the_containers_own_is_elsewhere() {
    let mut bench = full(DOCKER);
    bench
        .env("PGHOST", "prod.example")
        .run(&["db-wipe", "--yes"])
        .exits(3)
        .tells("`app` is on `prod.example`");

    // as compose projects have it in `.env`: the container by its own name
    for own in ["shop-pg", "localhost", "0123abcd"] {
        bench.env("PGHOST", own).run(&["db-restore", "--latest", "--yes"]).exits(0);
    }
}
