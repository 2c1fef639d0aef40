//! A file from elsewhere is tried in a cluster of its own, and nothing of it runs on the server
//! that it is meant for.

use std::fs;
use std::time::{Duration, Instant};

use super::hostile_dumps::as_superuser;
use super::kill::{Moment, moments, struck};
use super::loader::dump;
use super::{Project, family, signal, tiny_host, until};
use crate::support::cluster::{Cluster, cluster};
use crate::support::component::{postgres, unique};
use crate::support::need;

const APART: &str = "throw-away cluster";
/// Runs in the midst of the load, and says where that is.
const TELLS: &str = "CREATE FUNCTION public.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE \
                     EXCEPTION 'as % super % at % of %', session_user, \
                     current_setting('is_superuser'), coalesce(inet_server_addr()::text, 'a \
                     socket'), (SELECT system_identifier FROM pg_control_system()); END \
                     $$;\nCREATE TABLE public.t (a int, b text DEFAULT public.f());\nCOPY \
                     public.t (a) FROM stdin;\n1\n\\.\n";
const ROWS: &str = "CREATE TABLE public.t (a int);\nCOPY public.t (a) FROM stdin;\n1\n2\n\\.\n";

/// No server, no folder and no socket is left of a trial.
#[track_caller]
fn nothing_is_left(project: &Project, after: &str) {
    let state = fs::read_dir(project.dir.join(".db-tasks")).into_iter().flatten().flatten();
    let left: Vec<_> = state
        .map(|e| e.path())
        .filter(|p| p.to_string_lossy().contains("db-tasks-trial-"))
        .collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{after}");
    assert_eq!(at_work(project), 0, "{after}");
}

/// Programs that have a trial's folder of this project among their arguments.
fn at_work(project: &Project) -> usize {
    let mark = format!("{}/.db-tasks/db-tasks-trial-", project.dir.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|p| {
            fs::read(p.path().join("cmdline"))
                .is_ok_and(|c| String::from_utf8_lossy(&c).contains(&mark))
        })
        .count()
}

#[test]
fn nothing_of_a_strangers_file_runs_on_the_server_that_it_is_for() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let file = dump(&project, TELLS);
    let said = project.fails(&format!("db-verify --deep {}", file.display()), 1, APART);

    assert!(
        said.err.contains("as db_tasks_loader_") && said.err.contains("super off at a socket of "),
        "{}",
        said.err
    );

    let own = cluster.sql("postgres", "SELECT system_identifier FROM pg_control_system()");
    assert!(!said.err.contains(&own) && said.err.contains("`--on-server`"), "{}", said.err);
    nothing_is_left(&project, "a file that fails");

    // there, it is the same role in the other place
    let there = project.fails(
        &format!("db-verify --deep --on-server {}", file.display()),
        1,
        "as db_tasks_loader_",
    );

    assert!(there.err.contains(&own) && !there.err.contains(APART), "{}", there.err);
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

/// A superuser's functions could run programs as whoever runs the server.
#[test]
fn nothing_runs_as_a_superuser_there_either() {
    let cluster = need!("postgresql", cluster());
    let (_db, project) = as_superuser(cluster);
    let touched = project.dir.join("touched");

    for what in [
        format!("COPY (SELECT 1) TO PROGRAM ''touch {}''", touched.display()),
        format!("COPY (SELECT 1) TO ''{}''", touched.display()),
        "SET SESSION AUTHORIZATION postgres".into(),
        "SELECT pg_read_file(''PG_VERSION'')".into(),
    ] {
        let sql = format!(
            "CREATE FUNCTION public.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE \
             '{what}'; RETURN 'did'; END $$;\nCREATE TABLE public.t (a int, b text DEFAULT \
             public.f());\nCOPY public.t (a) FROM stdin;\n1\n\\.\n"
        );
        project.fails(
            &format!("db-verify --deep {}", dump(&project, &sql).display()),
            1,
            "the file needs more than a loader role may",
        );
        assert!(!touched.exists(), "{what}");
        nothing_is_left(&project, &what);
    }
}

/// What is at stake is nothing, so nobody has to be asked: not in production, not under an agent,
/// not by a role without rights.
#[test]
fn a_trial_apart_puts_nothing_at_stake() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let project = project.env("ENVIRONMENT", "production").env("CLAUDECODE", "1");
    let policies = "CREATE POLICY p ON public.t TO app USING (true);\nALTER TABLE public.t ENABLE \
                    ROW LEVEL SECURITY;\n";
    let file = dump(&project, &format!("CREATE EXTENSION hstore;\n{ROWS}{policies}"))
        .display()
        .to_string();

    let shown = project.ok(&format!("db-verify --deep --dry-run {file}"));
    assert!(
        shown.out.contains(APART) && shown.out.contains("roles that the file names: app"),
        "{}",
        shown.out
    );

    nothing_is_left(&project, "a dry run");
    let said = project.ok(&format!("db-verify --deep {file}"));
    assert!(said.out.contains("is good") && said.err.contains(APART), "{said:?}");
    nothing_is_left(&project, "a trial");
    project.fails(&format!("db-verify --deep --on-server --yes {file}"), 3, "environment");

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

/// Where such a cluster can't be made, or would tell nothing, the trial is on the server, and that
/// is said.
#[test]
fn what_can_not_be_tried_apart_is_tried_on_the_server() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    // clients alone
    let clients = project.home().join("clients");

    fs::create_dir(&clients).unwrap();

    for program in ["psql", "pg_dump", "pg_restore"] {
        std::os::unix::fs::symlink(cluster.bin.join(program), clients.join(program)).unwrap();
    }

    let file = dump(&project, ROWS).display().to_string();
    let project = project.env("DB_TASKS_PG_BIN", &clients.to_string_lossy());
    let said = project.ok(&format!("db-verify --deep --yes {file}"));
    let why = "on the server of";

    assert!(
        said.err.contains(why)
            && said.err.contains("does not have the programs of a PostgreSQL server"),
        "{}",
        said.err
    );

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));

    let bin = need!("17", postgres("17"));
    let newer = need!("postgresql", Cluster::start(&bin));
    let (_db, project) = as_superuser(&newer);
    let file = dump(&project, ROWS).display().to_string();
    let project = project.env("DB_TASKS_PG_BIN", &cluster.bin.to_string_lossy());

    let said = project.ok(&format!("db-verify --deep --yes {file}"));
    assert!(
        said.err.contains("there is no PostgreSQL 17 server software on this machine"),
        "{}",
        said.err
    );

    // with its own programs, it is
    let project = project.env("DB_TASKS_PG_BIN", &bin.to_string_lossy());
    project
        .ok(&format!("db-verify --deep {file}"))
        .ends_with(0, "throw-away cluster of PostgreSQL 17");
    nothing_is_left(&project, "17");
}

/// Our own backups have to prove that they load on the server that they are for.
#[test]
fn our_own_backups_are_tried_on_their_server() {
    let cluster = need!("postgresql", cluster());
    let (_db, project) = tiny_host(cluster);
    project.backup();
    let said = project.ok("db-verify --deep");
    assert!(!said.err.contains(APART), "{}", said.err);
}

/// A database in another encoding is tried in one of that encoding, names and all.
#[test]
fn an_encoding_comes_along() {
    let cluster = need!("postgresql", cluster());
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let db = cluster.named(&unique("latin"));
        cluster.sql(
            "postgres",
            &format!(
                "CREATE DATABASE {} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0",
                db.name
            ),
        );

        cluster.sql(
            &db.name,
            "SET client_encoding = UTF8; CREATE TABLE \"größe\" (t text); INSERT INTO \"größe\" \
             VALUES ('süß')",
        );

        let project = Project::host(&db.socket_url);
        let file = project.dir.join("foreign.sql");
        let made =
            cluster.command("pg_dump").args(["-d", &db.name, "-f"]).arg(&file).output().unwrap();

        assert!(made.status.success(), "{made:?}");
        project
            .ok(&format!("db-verify --deep {}", file.display()))
            .ends_with(0, APART)
            .ends_with(0, "1 row in 1 table");
        nothing_is_left(&project, encoding);
    }
}

/// A path that is too long for a socket: that is in a folder of its own, which goes, too.
#[test]
fn a_long_path_has_its_socket_elsewhere() {
    let cluster = need!("postgresql", cluster());
    let (db, short) = tiny_host(cluster);
    let deep = short.dir.join(format!("it's $a \"long\" one, {}", "d".repeat(100)));

    fs::create_dir(&deep).unwrap();
    let project =
        Project::in_folder(&deep, "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n")
            .env("DATABASE_URL", &db.url);
    dump(&project, ROWS);

    let said = project.ok("db-verify --deep ./foreign.sql");
    let at = said.err.find("/tmp/db-tasks-").expect("the socket's folder");
    let socket: String = said.err[at..].chars().take_while(|c| !c.is_whitespace()).collect();

    assert!(!fs::exists(&socket).unwrap(), "{socket}");
    nothing_is_left(&project, "a long path");
}

/// Its server, its folder and what makes them go with it, whenever it ends; after a kill with the
/// next run.
#[test]
fn a_trial_apart_that_is_killed() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let sql = format!(
        "{ROWS}CREATE FUNCTION public.slow() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1 FROM \
         pg_sleep(0.3)';\nCREATE INDEX i ON public.t (public.slow());\n"
    );
    let words = format!("db-verify --deep {}", dump(&project, &sql).display());
    let begun = Instant::now();

    let said = project.ok(&words);
    let (steps, whole) =
        (said.err.lines().filter(|line| line.starts_with("  ✓")).count(), begun.elapsed());
    let mut under_way = 0;

    for name in ["TERM", "INT", "KILL"] {
        // the most happens in the midst of the second or two in which the cluster is made
        for at in moments(steps, whole, 4).chain([Moment::Time(Duration::from_millis(400))]) {
            let after = format!("SIG{name} at {at:?} of {steps} steps, {whole:?}");
            let outcome = struck(&project, &words, at, |child| signal(child, name));
            assert!(matches!(outcome.code, Some(0 | 130) | None), "{after}: {outcome:?}");
            under_way += u32::from(outcome.code != Some(0));

            if name == "KILL" {
                let repaired = project.ok("db-repair");
                assert!(
                    !repaired.err.contains("clean-up is not finished"),
                    "{after}: {}",
                    repaired.err
                );
            }

            nothing_is_left(&project, &after);
        }
    }

    until("its sessions have gone", || super::sessions(cluster, &db.name) == 0);
    assert!(under_way > 10, "{under_way}");
    project.ok(&words);
}
