//! Hooks in containers, where a program goes on without the client that began it; and hooks that
//! have no way to a container's database.

use std::fs;

use super::stores_inside::App;
use super::{Project, Said, same, signal, tiny, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::output;
use crate::support::docker::{Options, PASSWORD, container, engine};
use crate::support::need;

/// A migrator that ignores SIGTERM, has begun others, one as another user and one whose parent has
/// gone, and writes to the database by its name, over and over, wherever that name leads.
const MIGRATOR: &str = "trap \"\" TERM INT; touch /tmp/at-work; (sleep 301 &); setpriv \
                        --reuid=999 --clear-groups bash -c \"trap : TERM; while :; do sleep 302; \
                        done\" & while :; do sleep 0.2; done";

fn ground(cluster: &Cluster, app: &App, migrate: &str) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);

    let config = format!(
        "[containers.app]\ndocker = \"{}\"\n[databases.main]\npostgres = {{ url = \
         \"${{DATABASE_URL}}\" }}\n[hooks]\nmigrate = {migrate}\n",
        app.name
    );

    let project = Project::new(&config)
        .env("DATABASE_URL", &db.url)
        .env("DOCKER_HOST", &app.engine.docker_host);
    (db, project)
}

/// What is at work in the container beside its own program.
fn at_work(app: &App) -> Vec<String> {
    let said = app.engine.docker(&["top", &app.name]).unwrap();
    // whom nobody waits for stays in the table, and is at work no more
    let of_us = |line: &&str| !line.ends_with("sleep infinity") && !line.contains("<defunct>");
    said.lines().skip(1).filter(of_us).map(String::from).collect()
}

#[test]
fn a_hook_in_a_container_is_ended_there_when_its_time_is_over() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());

    for words in [format!("'{MIGRATOR}'"), format!("[\"bash\", \"-c\", '{MIGRATOR}']")] {
        let app = need!("container", App::start(engine));
        let (db, project) = ground(
            cluster,
            &app,
            &format!("{{ run = {words}, container = \"app\", timeout = 2 }}"),
        );

        let before = cluster.fingerprint(&db.name);
        let said =
            project.fails("db-reset --force", 1, "the hook timed out after 2 s and was terminated");
        assert!(!said.err.contains("could not be terminated"), "{}", said.err);
        assert_eq!(at_work(&app), Vec::<String>::new(), "{words}");
        same(&cluster.fingerprint(&db.name), &before);

        assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");
    }
}

#[test]
fn a_hook_in_a_container_is_ended_there_by_a_signal_and_by_the_next_run() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let app = need!("container", App::start(engine));
    let (db, project) =
        ground(cluster, &app, &format!("{{ run = '{MIGRATOR}', container = \"app\" }}"));
    let before = cluster.fingerprint(&db.name);

    // one that has nothing to clean up but its hook, too
    for (words, name) in [
        ("db-reset --force", "TERM"),
        ("db-migrate", "INT"),
        ("db-reset --force", "KILL"),
        ("db-migrate", "KILL"),
    ] {
        app.sh("rm -f /tmp/at-work");
        let child = project.command(words).spawn().unwrap();
        until("the migrator is at work", || app.sh("ls /tmp").contains("at-work"));
        signal(&child, name);
        let said = Said::of(child.wait_with_output().unwrap());
        if name == "KILL" {
            assert!(!at_work(&app).is_empty(), "it goes on by itself, or there is nothing to test");
            project.fails("db-status --check", 1, "was interrupted");
            project.ok("db-repair");
        } else {
            said.ends_with(130, "interrupted");
        }
        assert_eq!(at_work(&app), Vec::<String>::new(), "{words}, SIG{name}");
        same(&cluster.fingerprint(&db.name), &before);
        assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair", "{words}, SIG{name}");
    }
}

#[test]
fn what_a_hook_that_went_well_has_begun_goes_on() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let app = need!("container", App::start(engine));

    let (_db, project) = ground(
        cluster,
        &app,
        "{ run = ['sh', '-c', 'sleep 303 >/dev/null 2>&1 &'], container = 'app' }",
    );

    project.ok("db-migrate");
    assert!(at_work(&app).concat().contains("sleep 303"), "{:?}", at_work(&app));

    // its container stops while still running: nothing of it is left, and there is nothing to end
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    project.write(
        "db-tasks.toml",
        config.replace("sleep 303 >/dev/null 2>&1 &", "touch /tmp/at-work; sleep 304"),
    );

    let child = project.command("db-reset --force").spawn().unwrap();
    until("the migrator is at work", || app.sh("ls /tmp").contains("at-work"));
    engine.docker(&["kill", &app.name]).unwrap();

    let said = Said::of(child.wait_with_output().unwrap()).ends_with(1, "the migrate hook");
    assert!(!said.err.contains("could not be terminated"), "{}", said.err);
    assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");
}

#[test]
fn a_container_without_a_shell_is_no_place_for_a_reset() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let app = need!("container", App::start(engine));

    app.sh("rm /usr/bin/sh");
    let (db, project) = ground(cluster, &app, "{ run = ['sleep', '0'], container = 'app' }");
    let before = cluster.fingerprint(&db.name);
    let refusal = format!(
        "the hook `migrate` can't be terminated in the container `{}`, which has no `sh`",
        app.name
    );

    project.fails("db-reset --force", 3, &refusal);
    same(&cluster.fingerprint(&db.name), &before);
    project.ok("db-migrate").ends_with(0, "after a timeout or a signal it keeps running there");
}

/// T20: the server is process 1 there, and takes the violent end of any orphan for a crash of its
/// own.
#[test]
fn a_hook_that_is_ended_in_the_databases_own_container_leaves_the_server_at_work() {
    let engine = need!("docker", engine());
    let pg = need!("container", container(&Options::default()));
    tiny(&pg.server, "appdb");

    let before = pg.server.fingerprint("appdb");
    let sleep = "psql -X -d \"$DATABASE_URL\" -c \"SELECT pg_sleep(60)\"";
    for run in [format!("'{sleep}'"), format!("'{sleep}; {sleep}'"), "[\"sleep\", \"60\"]".into()] {
        let config = format!(
            "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\npostgres = \
             {{ user = \"app\", database = \"appdb\" }}\n[hooks]\nmigrate = {{ run = {run}, \
             container = \"pg\", timeout = 2, url = \"postgresql://app@/{{database}}\" }}\n",
            pg.name
        );

        let project = Project::new(&config).env("DOCKER_HOST", &engine.docker_host);
        project.fails("db-reset --force", 1, "timed out after 2 s");
        same(&pg.server.fingerprint("appdb"), &before);
        assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");

        assert_eq!(
            pg.server.sql(
                "postgres",
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            ),
            "0"
        );

        let logs = output(engine.run("sh").args(["-c", &format!("docker logs {} 2>&1", pg.name)]))
            .unwrap();
        assert!(!logs.contains("terminating any other active server processes"), "{run}: {logs}");
    }
}

/// The port is not published: no address leads there, and no other may be met.
#[test]
fn a_hook_that_cannot_reach_its_database_meets_no_other() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let pg = need!("container", container(&Options::default()));

    tiny(&pg.server, "appdb");
    let other = cluster.database();
    tiny(cluster, &other.name);

    let before = cluster.fingerprint(&other.name);
    // as programs read `.env`: what is set already stays
    let reads_dotenv = "[ -n \"${DATABASE_URL+set}\" ] || . ./.env";
    let line = "echo \"<$DATABASE_URL>\" >>told; [ -z \"$DATABASE_URL\" ] || psql -X -d \
                \"$DATABASE_URL\" -c \"DROP TABLE orders\"";
    let hook = format!("{{ run = '{reads_dotenv}; {line}' }}");

    let config = format!(
        "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\npostgres = {{ \
         user = \"app\", database = \"appdb\" }}\n[hooks]\nmigrate = {hook}\nseed = \
         {hook}\nbefore-wipe = {hook}\n",
        pg.name
    );

    let project = Project::new(&config)
        .env("DOCKER_HOST", &engine.docker_host)
        .env("ALLOW_DATABASE_WIPE", "true");
    let project = project
        .env("DATABASE_URL", &other.url)
        .env("PGHOST", "127.0.0.1")
        .env("PGDATABASE", &other.name);
    project.write(".env", format!("DATABASE_URL='{}'\n", other.url));

    let note = format!("gets an empty DATABASE_URL: the container {} publishes no port", pg.name);
    let goes_well = |words: &str| {
        project.ok(&format!("{words} --dry-run")).ends_with(0, &note);
        project.ok(words).ends_with(0, &note);
        same(&cluster.fingerprint(&other.name), &before);
    };

    ["db-migrate", "db-seed", "db-wipe --yes"].into_iter().for_each(goes_well);
    // what it should have migrated had tables, and it made none
    let rows = pg.server.fingerprint("appdb");

    project.fails(
        "db-reset --force",
        1,
        "this is not true: database appdb has tables now, as the old one had",
    );

    same(&pg.server.fingerprint("appdb"), &rows);
    same(&cluster.fingerprint(&other.name), &before);
    pg.server.sql("appdb", "DROP TABLE orders, people CASCADE");
    goes_well("db-reset --force");
    assert_eq!(fs::read_to_string(project.dir.join("told")).unwrap(), "<>\n".repeat(6));

    // the file says itself where it is: another server, which is asked and not believed
    let own = config.replace(&hook, &hook.replace(" }", ", url = \"${DATABASE_URL}\" }"));
    project.write("db-tasks.toml", own);
    project.fails("db-seed", 3, "the hook `seed` would work on another database than `appdb`");
    assert_eq!(fs::read_to_string(project.dir.join("told")).unwrap(), "<>\n".repeat(6));
    same(&cluster.fingerprint(&other.name), &before);
}

/// The project says no password: the container's own is what its published port asks for.
#[test]
fn a_hook_on_this_machine_gets_the_containers_own_password() {
    let engine = need!("docker", engine());
    let pg = need!("container", container(&Options { publish: true, ..Options::default() }));
    let config = format!(
        "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\npostgres = {{ \
         user = \"app\", database = \"appdb\" }}\n[hooks]\nmigrate = 'psql -X -w -v \
         ON_ERROR_STOP=1 -d \"$DATABASE_URL\" -c \"CREATE TABLE made (id int)\"'\n",
        pg.name
    );

    let project = Project::new(&config).env("DOCKER_HOST", &engine.docker_host);
    let said = project.ok("db-migrate");
    assert_eq!(pg.server.sql("appdb", "SELECT count(*) FROM made"), "0");
    assert!(!said.err.contains(&format!(":{PASSWORD}@")), "{}", said.err);
}
