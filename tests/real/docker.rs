//! There and back in containers, and what `docker exec` does to the unwary.

use std::fs;
use std::sync::OnceLock;

use super::{Held, Project, Said, same, sessions, signal, tiny, until, waiting};
use crate::support::component::{output, unique};
use crate::support::docker::{
    Compose, Container, Engine, IMAGE, Options, compose_project, container, engine,
};
use crate::support::server::Server;
use crate::support::{need, sample, watchdog};

/// The container that these tests share, each with a database of its own.
fn shared() -> Result<(&'static Engine, &'static Container), String> {
    static CONTAINER: OnceLock<Result<Container, String>> = OnceLock::new();
    let engine = engine()?;
    let made = CONTAINER.get_or_init(|| container(&Options::default()));
    Ok((engine, made.as_ref().map_err(Clone::clone)?))
}

fn project(engine: &Engine, container: &str, db: &str) -> Project {
    let config = format!(
        "[containers.pg]\ndocker = \"{container}\"\n[databases.main]\ncontainer = \
         \"pg\"\npostgres = {{ database = \"{db}\" }}\n"
    );
    Project::new(&config).env("DOCKER_HOST", &engine.docker_host)
}

fn database(server: &Server) -> String {
    let name = unique("t");
    server.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    name
}

#[test]
fn t16_t17_a_container_there_and_back() {
    need!("docker", engine());
    let (engine, pg) = need!("container", shared());
    let (rich, small) = (database(&pg.server), database(&pg.server));

    sample::rich(&pg.server, &rich);
    sample::small(&pg.server, &small);

    for (db, spoil) in
        [(&rich, "DROP SCHEMA shop CASCADE"), (&small, "DROP TABLE small_07; DELETE FROM small_01")]
    {
        let before = pg.server.fingerprint(db);
        let project = project(engine, &pg.name, db);
        let file = project.dir.join(project.ok("db-backup --auto --compress none").out.trim());

        assert!(
            !fs::read(file).unwrap().windows(3).any(|w| w == b";\r\n"),
            "it went through a terminal"
        );
        pg.server.sql(db, spoil);
        project.ok("db-restore --latest --yes");
        same(&pg.server.fingerprint(db), &before);
        project.ok("db-verify --deep");

        project.ok("db-undo --yes");
        pg.server.drop_all(db);
    }
}

#[test]
fn a_wipe_in_a_container_and_back() {
    need!("docker", engine());
    let (engine, pg) = need!("container", shared());
    let db = database(&pg.server);

    tiny(&pg.server, &db);
    let before = pg.server.fingerprint(&db);
    let project = project(engine, &pg.name, &db).env("ALLOW_DATABASE_WIPE", "true");

    assert_eq!(project.ok("db-wipe --backup --yes").out, format!("{db}: 2 tables, 800 rows\n"));
    assert_eq!(
        pg.server.sql(&db, "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM orders)"),
        "0|0"
    );
    project.ok("db-restore --latest --yes");
    same(&pg.server.fingerprint(&db), &before);
    pg.server.drop_all(&db);
}

#[test]
fn t2_t16_t17_t20_t35_what_is_asked_of_docker() {
    need!("docker", engine());
    let (engine, pg) = need!("container", shared());
    let db = database(&pg.server);

    tiny(&pg.server, &db);
    let project = project(engine, &pg.name, &db).env("PGPASSWORD", "wr0ng-and-s3cret");
    let log = project.home().join("argv");
    let real = output(std::process::Command::new("sh").args(["-c", "command -v docker"])).unwrap();
    let bin = project.shim(
        "docker",
        &format!("printf '%s\\n' \"$*\" >> '{}'\nexec '{real}' \"$@\"", log.display()),
    );

    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    // T37: who may exec needs no password, so a wrong one proves nothing, and stops nothing
    for words in ["db-backup --auto", "db-restore --latest --yes", "db-undo --yes"] {
        Said::of(project.command(words).env("PATH", &path).output().unwrap()).ends_with(0, "");
    }

    let argv = fs::read_to_string(log).unwrap();
    assert!(argv.contains("-e PGPASSWORD ") && !argv.contains("wr0ng"), "{argv}");

    for line in argv.lines().filter(|l| l.starts_with("exec ")) {
        let (flags, command) = line.split_once(&pg.name).expect("the container");
        let not_for_data =
            flags.split(' ').any(|f| ["-t", "-it", "-ti", "--tty", "-d", "--detach"].contains(&f));
        assert!(!not_for_data, "{line}");

        // no shell is asked for in the container, and whoever is fed has a stdin
        let program = command.split_whitespace().next();
        assert!(
            program == Some("pg_dump") || program == Some("psql") && flags.contains(" -i "),
            "{line}"
        );
    }

    pg.server.drop_all(&db);
}

#[test]
fn t19_t44_no_session_outlives_a_run_that_waits_for_a_lock() {
    need!("docker", engine());
    let (engine, pg) = need!("container", shared());
    let db = database(&pg.server);

    tiny(&pg.server, &db);
    let project = project(engine, &pg.name, &db);
    for name in ["TERM", "INT", "KILL"] {
        let held = Held::new(&pg.server, &db, "LOCK orders");
        let child = project.command("db-backup --auto").spawn().unwrap();
        until("a dump that waits", || waiting(&pg.server, &db) > 0);
        signal(&child, name);

        let said = Said::of(child.wait_with_output().unwrap());

        if name == "KILL" {
            // nobody is left to end it but the next run
            assert_ne!(sessions(&pg.server, &db), 0);
            project.ok("db-repair");
            assert_eq!(sessions(&pg.server, &db), 0, "SIGKILL, and a repair");
        } else {
            assert_eq!(
                (said.code, sessions(&pg.server, &db)),
                (Some(130), 0),
                "SIG{name}: {said:?}"
            );
        }

        drop(held);
        until("no session is left", || sessions(&pg.server, &db) == 0);

        let finals =
            project.files().into_iter().filter(|f| !f.to_string_lossy().ends_with(".partial"));
        assert_eq!(finals.count(), 0, "SIG{name}");
    }

    project.backup();
    assert_eq!(project.files().len(), 2, "{:?}", project.files());
    pg.server.drop_all(&db);
}

/// In a container, a hook has no way to the database but the one that it is given.
#[test]
fn hooks_in_a_container() {
    need!("docker", engine());
    let (engine, pg) = need!("container", shared());
    let db = database(&pg.server);

    tiny(&pg.server, &db);
    let config = |hooks: &str| {
        format!(
            "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\npostgres = \
             {{ database = \"{db}\" }}\n[reset]\nstrategy = \"staged\"\n[hooks]\n{hooks}",
            pg.name
        )
    };

    let project = Project::new(&config("migrate = { run = \"true\", container = \"pg\" }\n"));
    let project = project.env("DOCKER_HOST", &engine.docker_host);
    project.fails(
        "db-reset --force",
        2,
        "the hook `migrate` can't be directed to another database",
    );

    // the database's own container, by its socket
    let hook = |run: &str| {
        format!(
            "{{ run = '{run}', container = \"pg\", url = \"postgresql://app@/{{database}}\" }}\n"
        )
    };

    let migrate = hook(
        "psql -X -v ON_ERROR_STOP=1 -d \"$DATABASE_URL\" -c \"CREATE TABLE made (task text)\"",
    );
    let seed =
        hook("echo $DBTASKS_TASK | psql -X -d \"$DATABASE_URL\" -c \"COPY made FROM STDIN\"");
    project.write("db-tasks.toml", config(&format!("migrate = {migrate}seed = {seed}")));
    project.ok("db-reset --force");
    assert_eq!(pg.server.sql(&db, "SELECT task FROM made"), "reset");

    project.write("db-tasks.toml", config(&format!("migrate = {}", hook("echo no; exit 7"))));
    project.fails("db-reset --force", 1, "exit code 7");
    assert_eq!(pg.server.sql(&db, "SELECT task FROM made"), "reset");
    pg.server.drop_all(&db);
}

#[test]
fn t21_a_container_that_is_coming_up_or_has_stopped() {
    let engine = need!("docker", engine());
    let name = unique("dbt-pg");
    watchdog::at_exit(&format!("DOCKER_HOST='{}' docker rm -vf {name}", engine.docker_host));

    let project = project(engine, &name, "appdb");
    project.fails("db-backup --auto", 1, "o such container").ends_with(1, "next:");

    let password = format!("POSTGRES_PASSWORD={}", crate::support::docker::PASSWORD);
    // the scripts of a new database take their time, on a server that is not the one that stays
    let init = project.write("slow.sql", "SELECT pg_sleep(2); CREATE TABLE made_last (a int);");
    let mount = format!("{}:/docker-entrypoint-initdb.d/slow.sql:ro", init.display());

    output(
        std::process::Command::new("chmod")
            .arg("-R")
            .arg("a+rX")
            .args([project.home(), init.clone()]),
    )
    .unwrap();
    let run = [
        "run",
        "-v",
        &mount,
        "-d",
        "--name",
        &name,
        "-e",
        &password,
        "-e",
        "POSTGRES_USER=app",
        "-e",
        "POSTGRES_DB=appdb",
        "--network",
        "none",
        IMAGE,
    ];

    need!("container", engine.docker(&run));
    let (mut tries, begun) = (0, std::time::Instant::now());
    loop {
        let said = project.run("db-backup --auto");
        tries += 1;

        if said.code == Some(0) {
            break;
        }

        assert!(
            said.code == Some(1) && said.err.contains("error: ") && project.files().is_empty(),
            "{said:?}"
        );
        assert!(begun.elapsed().as_secs() < 90, "{said:?}");
    }

    println!("T21: {tries} tries");
    let held = project.ok("db-list --json").out;

    let name_of = project
        .files()
        .iter()
        .find(|f| f.extension().is_some_and(|e| e == "json"))
        .cloned()
        .expect("a manifest");

    assert!(
        fs::read_to_string(name_of).unwrap().contains("made_last"),
        "it was backed up half made: {held}"
    );
    project.ok("db-verify");
    engine.docker(&["stop", "-t", "1", &name]).unwrap();

    for words in ["db-backup --auto", "db-restore --latest --yes", "db-undo --yes"] {
        project.fails(words, 1, "is not running").ends_with(1, &format!("start {name}"));
    }

    let _ = engine.docker(&["rm", "-vf", &name]);
}

/// T49: `docker exec` hands on a PGHOST of the container's own, which would send psql to
/// production.
#[test]
fn t49_a_pghost_of_the_containers_leads_nobody_away() {
    let engine = need!("docker", engine());
    let far = need!("container", container(&Options { publish: true, ..Options::default() }));
    tiny(&far.server, "appdb");

    let before = far.server.fingerprint("appdb");
    let near = unique("dbt-near");
    watchdog::at_exit(&format!("DOCKER_HOST='{}' docker rm -vf {near}", engine.docker_host));

    let (host, password) = (
        format!("PGHOST={}", far.name),
        format!("PGPASSWORD={}", crate::support::docker::PASSWORD),
    );
    let run = [
        "run",
        "-d",
        "--name",
        &near,
        "--network",
        need!("network", engine.network()),
        "-e",
        &host,
        "-e",
        &password,
    ];

    need!(
        "container",
        engine.docker(&[&run[..], &["--entrypoint", "sleep", IMAGE, "600"]].concat())
    );
    let led = engine.docker(&[
        "exec",
        &near,
        "psql",
        "-U",
        "app",
        "-d",
        "appdb",
        "-XAtc",
        "SELECT count(*) FROM orders",
    ]);

    assert_ne!(led.expect("it is led there").trim(), "0");
    let config = format!(
        "[containers.pg]\ndocker = \"{near}\"\n[databases.main]\ncontainer = \"pg\"\npostgres = \
         {{ database = \"appdb\", user = \"app\" }}\n"
    );
    let project = Project::new(&config)
        .env("DOCKER_HOST", &engine.docker_host)
        .env("ALLOW_DATABASE_WIPE", "true");

    for words in ["db-backup --auto", "db-wipe --yes"] {
        project.fails(words, 1, "could not ask the server in the container");
    }

    same(&far.server.fingerprint("appdb"), &before);
    let _ = engine.docker(&["rm", "-vf", &near]);
}

#[test]
fn a_server_on_another_port_in_its_container() {
    let engine = need!("docker", engine());
    let pg = need!(
        "container",
        container(&Options { run: &["-e", "PGPORT=5433"], ..Options::default() })
    );
    tiny(&pg.server, "appdb");

    let project = project(engine, &pg.name, "appdb");
    project.backup();
    project.ok("db-restore --latest --yes");
}

#[test]
fn a_compose_project_of_v1() {
    need!("docker", engine());
    compose(&need!("compose v1", compose_project("v1")));
}

#[test]
fn a_compose_project_of_v2() {
    need!("docker", engine());
    compose(&need!("compose v2", compose_project("v2")));
}

const COMPOSE: &str = "[containers.db]\ncompose = { service = \"db\" }\n[containers.app]\ncompose \
                       = { service = \"app\" }\nstop-during = [\"restore\", \"undo\", \
                       \"reset\"]\n[databases.main]\ncontainer = \"db\"\n[hooks]\nmigrate = \
                       \"touch migrating; sleep 60\"\n";

fn compose(made: &Compose) {
    let engine = engine().unwrap();
    let server = &made.server;
    tiny(server, "appdb");

    let before = server.fingerprint("appdb");
    let project = Project::in_folder(&made.dir, COMPOSE).env("DOCKER_HOST", &engine.docker_host);
    project.backup();
    server.sql("appdb", "DELETE FROM orders");

    let app = made.container("app").unwrap();
    let started = || {
        engine.docker(&["inspect", "-f", "{{.State.StartedAt}} {{.State.Running}}", &app]).unwrap()
    };
    let first = started();

    project.ok("db-restore --latest --yes").ends_with(0, "stop");
    same(&server.fingerprint("appdb"), &before);

    let second = started();
    assert!(second != first && second.ends_with("true"), "{first} {second}");
    until("the application is back", || made.app_sessions().unwrap() > 0);

    // the swap fails after the application was stopped: it is started all the same
    let mark = project.home().join("stopped");
    let real = output(std::process::Command::new("sh").args(["-c", "command -v docker"])).unwrap();

    let bin = project.shim(
        "docker",
        &format!(
            "case $1 in exec) if [ -e '{0}' ]; then echo broken >&2; exit 1; fi;; stop) touch \
             '{0}';; start) rm -f '{0}';; esac\nexec '{real}' \"$@\"",
            mark.display()
        ),
    );

    server.sql("appdb", "DELETE FROM orders");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let failed = project.command("db-restore --latest --yes").env("PATH", path).output().unwrap();

    Said::of(failed).ends_with(1, "broken");
    assert!(
        started() != second && started().ends_with("true"),
        "the application was not started again"
    );
    assert_eq!(server.sql("appdb", "SELECT count(*) FROM orders"), "0");
    assert!(!server.exists("appdb__staged"));
    project.ok("db-restore --latest --yes");

    same(&server.fingerprint("appdb"), &before);

    // killed while the application stands still: the next run starts it again
    let mut child = project.command("db-reset --force").spawn().unwrap();
    until("the migrator is at work", || project.dir.join("migrating").exists());
    signal(&child, "KILL");
    child.wait().unwrap();
    assert!(started().ends_with("false"), "{}", started());

    project.fails("db-status --check", 1, "`db-reset` was interrupted");
    project.ok("db-repair").ends_with(0, "start the container");
    assert!(started().ends_with("true"), "the application was not started again");
    same(&server.fingerprint("appdb"), &before);
}
