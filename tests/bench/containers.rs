//! Which container and which database in it is meant, and that nothing in it leads our clients
//! elsewhere.

use super::{Bench, DOCKER, HOST, facts};

/// The calls of docker for this verb, from the container's name on.
fn told(bench: &Bench, verb: &str) -> Vec<String> {
    let calls = bench
        .calls()
        .into_iter()
        .filter(|call| call.argv[0].ends_with("docker") && call.argv[1] == verb);
    calls
        .map(|call| {
            call.argv
                .join(" ")
                .split_once("shop-pg ")
                .map_or(String::new(), |(_, rest)| rest.to_owned())
        })
        .collect()
}

/// `docker exec` hands on what the container's own environment sets: a PGHOST there would send psql
/// to production.
#[test]
fn no_variable_of_the_containers_leads_our_clients_elsewhere() {
    let hooks = "[hooks]\nbefore-backup = { run = [\"migrator\", \"up\"], container = \"pg\" }\n";
    let bench = Bench::new(&format!("{DOCKER}{hooks}"));
    bench.stage(
        "says/inside",
        r#""POSTGRES_USER=boss", "POSTGRES_DB=app", "PGHOST=prod.example", "PGDATA=/data", "PG_MAJOR=17", "PGPASSWORD=x", "PGNEW=1""#,
    );
    bench.run(&["db-backup"]).exits(0);

    let told = told(&bench, "exec");
    let (hooks, ours): (Vec<_>, Vec<_>) =
        told.iter().partition(|line| line.contains("migrator") || line.starts_with("sh "));
    assert!(ours.iter().all(|line| line.starts_with("env -u PGHOST -u PGNEW p")), "{ours:#?}");
    assert!(ours.iter().any(|line| line.contains("pg_dump")) && !hooks.is_empty(), "{told:#?}");
    // theirs see the container as it is
    assert!(hooks.iter().all(|line| !line.contains("env -u")), "{hooks:#?}");
}

#[test]
fn what_cannot_be_taken_away_is_a_refusal() {
    let bench = Bench::new(DOCKER);
    bench.stage("says/inside", "\"POSTGRES_USER=boss\", \"POSTGRES_DB=app\", \"PGSERVICE=prod\"");
    bench.complains("exec", 127, "exec: \"env\": executable file not found in $PATH\n");

    bench.run(&["db-backup"]).exits(3).error(
        "a client in the container `shop-pg` may connect to another server\n  the container's own \
         environment sets PGSERVICE\n  and it has no `env -u` to unset them: exec: \"env\": \
         executable file not found in $PATH\n  next: remove them from the container's environment, \
         or use the server's own container",
    );
}

#[test]
fn the_port_is_the_one_inside() {
    let postgres = |words: &str| format!("{DOCKER}postgres = {{ {words} }}\n");
    let inside = "\"POSTGRES_USER=boss\", \"POSTGRES_DB=app\"";
    let with_port = format!("{inside}, \"PGPORT=5433\"");

    for (toml, inside, want) in [
        (DOCKER.to_owned(), inside, None),
        (DOCKER.to_owned(), with_port.as_str(), Some("-p 5433")),
        (postgres("port = 5434"), with_port.as_str(), Some("-p 5434")),
        (postgres("port = \"5434\""), inside, Some("-p 5434")),
        // one of this machine, by which the container's is published
        (postgres("port = \"${PORT:-5434}\""), inside, None),
        (postgres("url = \"postgresql://boss@localhost:5434/app\""), inside, None),
    ] {
        let mut bench = Bench::new(&toml);
        bench.env("PGPORT", "5435").stage("says/inside", inside);
        bench.run(&["db-backup"]).exits(0);
        let told = told(&bench, "exec");
        let given = |line: &String| {
            line.split(' ').skip_while(|word| *word != "-p").take(2).collect::<Vec<_>>().join(" ")
        };
        assert!(
            told.iter().all(|line| given(line) == want.unwrap_or_default()),
            "{toml}: {told:#?}"
        );
    }
}

#[test]
fn a_container_is_found_by_its_whole_name() {
    let bench = Bench::new(&DOCKER.replace("shop-pg", "01"));
    bench.stage("containers/01", "running\n").stage("says/name", "stranger");
    bench.run(&["db-backup"]).exits(1).error(
        "there is no container `01`\n  the id of another one, `stranger`, begins with that\n  \
         next: start the container, or write its whole name in `[containers]` (`docker ps -a`)",
    );
    // its whole id is as good
    bench
        .file("db-tasks.toml", DOCKER.replace("shop-pg", "0123abcd"))
        .stage("containers/0123abcd", "running\n");
    bench.run(&["db-backup"]).exits(1).tells("No such container: stranger");
}

#[test]
fn a_container_that_is_paused() {
    let bench = Bench::new(DOCKER);
    bench.stage("containers/shop-pg", "paused\n");
    bench.run(&["db-backup"]).exits(1).error(
        "the container `shop-pg` is paused, with everything in it\n  next: resume it: `docker \
         unpause shop-pg`",
    );
}

const COMPOSE: &str =
    "[containers.pg]\ncompose = { service = \"db\" }\n[databases.main]\ncontainer = \"pg\"\n";

/// Rows as `docker ps` gives them; `HERE` is the project's folder.
fn rows(bench: &Bench, rows: &[&str]) {
    let here = bench.dir.canonicalize().unwrap();
    let text: String = rows.iter().map(|row| format!("{}\n", row.replace(' ', "\t"))).collect();
    bench.stage("compose", text.replace("HERE", here.to_str().unwrap()));
}

#[test]
fn a_service_is_the_one_of_this_folder_or_none() {
    let mut bench = Bench::new(COMPOSE);
    // what `docker compose run` left is no service
    rows(&bench, &["a-run running shop HERE True 1", "shop-pg running shop HERE False 1"]);
    bench.run(&["db-backup"]).exits(0);
    rows(&bench, &["a-run running shop HERE True 1"]);
    bench.run(&["db-backup"]).exits(1).tells("there is no container of the compose service `db`");

    rows(&bench, &["shop-pg exited shop HERE False 1", "test-pg running shop-test HERE False 1"]);
    bench.run(&["db-backup"]).exits(3).error(
        "2 containers are the compose service `db`\n  shop-pg (exited, project shop, in [DIR])\n  \
         test-pg (running, project shop-test, in [DIR])\n  each may have its own data; nothing was \
         changed\n  next: name one: `compose = { service = \"db\", project = \"…\" }`",
    );

    rows(&bench, &["shop-pg running shop HERE False 1", "shop-pg2 running shop HERE False 2"]);
    bench
        .run(&["db-backup"])
        .exits(3)
        .tells("name one: `compose = { service = \"db\", index = … }`, with 1 or 2");
    bench.file("db-tasks.toml", COMPOSE.replace("\"db\"", "\"db\", index = 1"));
    bench.run(&["db-backup"]).exits(0);
    // a variable that another folder's work left over
    rows(
        &bench,
        &["shop-pg running shop HERE False 1", "other-pg running other /elsewhere False 1"],
    );

    bench.env("COMPOSE_PROJECT_NAME", "other").run(&["db-backup"]).exits(3).error(
        "COMPOSE_PROJECT_NAME names the compose project `other`, which is not this folder's\n  in \
         that project: other-pg (running, project other, in /elsewhere)\n  in this folder: shop-pg \
         (running, project shop, in [DIR])\n  a variable left over from another folder must not \
         decide whose data is used; nothing was changed\n  next: `unset COMPOSE_PROJECT_NAME`, or \
         name the project in the file: `compose = { service = \"db\", project = \"…\" }`",
    );

    // the file's word wins, and so does this folder's own `.env`
    bench.file("db-tasks.toml", COMPOSE.replace("\"db\"", "\"db\", project = \"shop\""));
    bench.run(&["db-backup"]).exits(0);

    let bench = Bench::new(COMPOSE);
    rows(&bench, &["shop-pg running shop HERE False 1", "test-pg running shop-test HERE False 1"]);
    bench.file(".env", "COMPOSE_PROJECT_NAME=shop\n").run(&["db-backup"]).exits(0);
}

#[test]
fn all_replicas_of_a_service_stand_still() {
    let web = "[containers.web]\ncompose = { service = \"web\" }\nstop-during = [\"restore\"]\n";
    let bench = Bench::new(&format!("{HOST}{web}"));
    rows(&bench, &["web-1 running shop HERE False 1", "web-2 running shop HERE False 2"]);
    bench
        .stage("containers/web-1", "running\n")
        .stage("containers/web-2", "running\n")
        .with_backup();

    bench
        .run(&["db-restore", "--latest", "--yes"])
        .exits(0)
        .tells("stop the container web-1")
        .tells("stop the container web-2");
}

/// `POSTGRES_DB_FILE` and its kin name a file in the container.
#[test]
fn a_secret_file_says_which_database() {
    let bench = Bench::new(DOCKER);
    bench.file("db", "app\n").file("user", "boss\n");

    let at = |name: &str| bench.dir.join(name).display().to_string();
    bench.stage(
        "says/inside",
        format!("\"POSTGRES_DB_FILE={}\", \"POSTGRES_USER_FILE={}\"", at("db"), at("user")),
    );
    bench.run(&["db-backup"]).exits(0).tells("back up `app`");
    std::fs::remove_file(at("db")).unwrap();

    bench
        .run(&["db-backup"])
        .exits(1)
        .tells("which POSTGRES_DB_FILE names")
        .tells("set role and database in `db-tasks.toml`");
}

#[test]
fn a_guess_is_said_and_refused_where_it_is_most_likely_wrong() {
    let bench = Bench::new(DOCKER);
    bench
        .stage("says/inside", "")
        .facts("postgres", facts("postgres"))
        .stage("says/others", "[\"shop\", \"old\"]");
    bench
        .stage("says/holds.postgres", "t\n")
        .stage("says/holds.shop", "t\n")
        .stage("says/holds.old", "f\n");

    let note = "`db-tasks.toml` does not say which database to use: `postgres` is taken (every \
                server has it)";
    bench.run(&["db-backup"]).exits(0).tells(note);
    assert!(bench.run(&["db-status"]).exits(0).out.contains(note));

    let shown = bench.run(&["db-config"]).exits(0).out;
    assert!(
        shown.lines().any(|line| line.contains("postgres.database")
            && line.ends_with("a guess: every server has it")),
        "{shown}"
    );

    bench.stage("says/holds.postgres", "f\n");
    bench.run(&["db-backup"]).exits(3).error(
        "`db-tasks.toml` does not say which database to use, and `postgres` is most likely the \
         wrong one\n  it was chosen by its name (every server has it), and it is empty; these are \
         not: `shop`\n  next: set it in `db-tasks.toml`: `postgres = { database = \"shop\" }`",
    );

    // an empty one among empty ones is what a new project has
    bench.stage("says/holds.shop", "f\n").run(&["db-backup"]).exits(0);
    // a role's name is a guess, too
    bench
        .stage("says/inside", "\"POSTGRES_USER=app\"")
        .run(&["db-backup"])
        .exits(0)
        .tells("(the container's POSTGRES_USER)");
}
