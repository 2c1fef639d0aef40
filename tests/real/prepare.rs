//! `db-prepare` on a real server: what is half made is taken away, by this run or the next, and
//! tables of extensions are no data.

use std::fs;

use super::{Project, Said, family, same, signal, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::need;

const MIGRATE: &str = "CREATE TABLE users (id serial PRIMARY KEY, name text);";
const SEED: &str = "INSERT INTO users (name) VALUES ('a'), ('b'), ('c');";

/// The database as a run finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Missing,
    /// Without tables of its own, and with all that may be there before: a table of an extension, a
    /// schema, settings.
    Empty,
}

fn project(cluster: &Cluster, found: Found) -> (TempDb, Project) {
    let db = cluster.database();
    match found {
        Found::Missing => drop(cluster.sql("postgres", &format!("DROP DATABASE {}", db.name))),
        Found::Empty => {
            let inside = "CREATE EXTENSION pgcrypto; CREATE TABLE spatial_ref_sys (a int); INSERT \
                          INTO spatial_ref_sys VALUES (1);
                          ALTER EXTENSION pgcrypto ADD TABLE spatial_ref_sys; CREATE SCHEMA shop \
                          AUTHORIZATION app;";
            cluster.sql(&db.name, inside);

            let outside = format!(
                "ALTER DATABASE {0} SET work_mem = '7MB'; COMMENT ON DATABASE {0} IS 'mine'; \
                 ALTER DATABASE {0} CONNECTION LIMIT 70",
                db.name
            );

            cluster.sql("postgres", &outside.replace("; ", ";\n"));
        }
    }

    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  \"psql -qX -v ON_ERROR_STOP=1 -f migrate.sql\"\nseed = \"psql -qX -v \
                  ON_ERROR_STOP=1 -f seed.sql\"\n";
    let project = Project::new(config).env("DATABASE_URL", &db.url);
    project.write("migrate.sql", MIGRATE);
    project.write("seed.sql", SEED);

    (db, project)
}

/// What it was before.
struct Before(Option<crate::support::server::Fingerprint>);

impl Before {
    fn of(cluster: &Cluster, db: &str) -> Self {
        Self(cluster.exists(db).then(|| cluster.fingerprint(db)))
    }

    #[track_caller]
    fn is_there_again(&self, cluster: &Cluster, db: &str) {
        match &self.0 {
            Some(before) => same(&cluster.fingerprint(db), before),
            None => assert!(!cluster.exists(db), "it is there"),
        }
    }
}

#[track_caller]
fn is_prepared(cluster: &Cluster, db: &str, before: &Before) {
    assert_eq!(cluster.sql(db, "SELECT string_agg(name, '' ORDER BY id) FROM users"), "abc");
    let now = cluster.fingerprint(db);
    assert!(
        !now.settings["connections"].starts_with("2000"),
        "the mark is off: {:?}",
        now.settings
    );

    if let Some(before) = &before.0 {
        assert_eq!(now.settings, before.settings, "owner, rights and settings");
        assert_eq!(cluster.sql(db, "SELECT count(*) FROM spatial_ref_sys"), "1");
        assert_eq!(
            cluster.sql(db, "SELECT count(*) FROM pg_namespace WHERE nspname = 'shop'"),
            "1"
        );
    }

    let own = [db.to_owned(), format!("{db}__failed")];
    let left: Vec<String> =
        family(cluster, db).into_iter().filter(|name| !own.contains(name)).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_fails_is_taken_away_and_the_next_run_begins_anew() {
    let cluster = need!("postgresql", cluster());
    for found in [Found::Missing, Found::Empty] {
        let (db, project) = project(cluster, found);
        let before = Before::of(cluster, &db.name);

        for (file, sql) in [
            ("seed.sql", "INSERT INTO users (name) VALUES ('x'); SELECT 1/0;"),
            ("migrate.sql", "CREATE TABLE a (b int); SELECT 1/0;"),
        ] {
            let good = fs::read_to_string(project.dir.join(file)).unwrap();
            project.write(file, sql);
            // twice: an older failure gives way
            for _ in 0..2 {
                let said = project.fails("db-prepare", 1, "division by zero");
                assert!(said.err.contains("the incomplete one stays as"), "{}", said.err);
                before.is_there_again(cluster, &db.name);
            }
            assert!(cluster.exists(&format!("{}__failed", db.name)), "for you to look at");
            project.write(file, good);
        }

        assert_eq!(project.ok("db-prepare").out.trim(), db.name);
        is_prepared(cluster, &db.name, &before);
        assert!(project.ok("db-prepare").out.contains("nothing to prepare"));
        cluster.drop_all(&db.name);
    }
}

#[test]
fn a_killed_one_is_made_good_by_the_next() {
    let cluster = need!("postgresql", cluster());

    for found in [Found::Missing, Found::Empty] {
        // with its journal, and without: a container that is made anew has lost its files
        for journal in ["kept", "lost"] {
            let (db, project) = project(cluster, found);
            let before = Before::of(cluster, &db.name);
            project.write(
                "migrate.sql",
                "CREATE TABLE users (half int);\n\\! touch there\nSELECT pg_sleep(60);\n",
            );

            let child = project.command("db-prepare").spawn().unwrap();
            until("the migrator is at work", || project.dir.join("there").exists());
            signal(&child, "KILL");
            Said::of(child.wait_with_output().unwrap());
            project.write("migrate.sql", MIGRATE);

            if journal == "lost" {
                fs::remove_dir_all(project.dir.join(".db-tasks")).unwrap();
                project.fails("db-prepare", 1, "is incomplete, and a session is using it");

                let end = format!(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname \
                     = '{}'",
                    db.name
                );

                cluster.sql("postgres", &end);
                project
                    .ok("db-prepare --dry-run")
                    .ends_with(0, "remove what an earlier run left incomplete");
            }

            project.ok("db-prepare");
            is_prepared(cluster, &db.name, &before);
            assert!(
                project.ok("db-prepare").out.contains("nothing to prepare"),
                "{found:?} {journal}"
            );
            cluster.drop_all(&db.name);
        }
    }
}

#[test]
fn an_interrupted_one_is_taken_away_at_once() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, Found::Empty);
    let before = Before::of(cluster, &db.name);

    project.write(
        "migrate.sql",
        "CREATE TABLE users (half int);\n\\! touch there\nSELECT pg_sleep(60);\n",
    );
    let child = project.command("db-prepare").spawn().unwrap();
    until("the migrator is at work", || project.dir.join("there").exists());
    signal(&child, "TERM");
    Said::of(child.wait_with_output().unwrap()).ends_with(130, "interrupted");

    before.is_there_again(cluster, &db.name);
}

/// A first start in production needs its tables. It needs nobody's sample rows.
#[test]
fn production_is_migrated_and_not_seeded() {
    let cluster = need!("postgresql", cluster());
    for found in [Found::Missing, Found::Empty] {
        let (db, project) = project(cluster, found);
        let project = project.env("ENVIRONMENT", "production");
        project.ok("db-prepare").ends_with(0, "NOT seeded");
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM users"), "0");
    }
}

/// As at a provider's: the role owns its database, which somebody made for it, and may create none.
#[test]
fn a_role_that_may_create_no_database_has_its_own_prepared() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, Found::Missing);
    let role = unique("r");

    cluster.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'"));
    cluster.sql(
        "postgres",
        &format!("CREATE DATABASE {} OWNER {role} CONNECTION LIMIT 70 TEMPLATE template0", db.name),
    );

    let project = project.env(
        "DATABASE_URL",
        &format!("postgresql://{role}:pw@127.0.0.1:{}/{}", cluster.port, db.name),
    );
    let before = cluster.fingerprint(&db.name);
    project.write("seed.sql", "INSERT INTO users (name) VALUES ('x'); SELECT 1/0;");

    let said = project.fails("db-prepare", 1, "division by zero");
    assert!(said.err.contains("is emptied again"), "{}", said.err);
    same(&cluster.fingerprint(&db.name), &before);

    for journal in ["kept", "lost"] {
        project.write(
            "migrate.sql",
            "CREATE TABLE users (half int);\n\\! touch there\nSELECT pg_sleep(60);\n",
        );
        let child = project.command("db-prepare").spawn().unwrap();
        until("the migrator is at work", || project.dir.join("there").exists());
        signal(&child, "KILL");
        Said::of(child.wait_with_output().unwrap());

        fs::remove_file(project.dir.join("there")).unwrap();

        if journal == "lost" {
            fs::remove_dir_all(project.dir.join(".db-tasks")).unwrap();
            let end = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = \
                 '{}'",
                db.name
            );
            cluster.sql("postgres", &end);
        }

        project.write("migrate.sql", MIGRATE);
        project.write("seed.sql", SEED);
        project.ok("db-prepare");
        assert_eq!(
            cluster.sql(&db.name, "SELECT string_agg(name, '' ORDER BY id) FROM users"),
            "abc"
        );
        assert!(project.ok("db-prepare").out.contains("nothing to prepare"));

        if journal == "kept" {
            assert_eq!(cluster.fingerprint(&db.name).settings, before.settings);
        }

        cluster.sql(&db.name, "DROP TABLE users");
    }

    // from a backup, which is of a database with rows
    project.ok("db-prepare");
    project.backup();
    cluster.sql(&db.name, "DROP TABLE users");
    project.ok("db-prepare").ends_with(0, "counted again before the COMMIT");
    assert_eq!(cluster.sql(&db.name, "SELECT string_agg(name, '' ORDER BY id) FROM users"), "abc");

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    // what somebody has put there before is not at risk
    cluster.sql(&db.name, &format!("DROP TABLE users; CREATE SCHEMA shop AUTHORIZATION {role}"));
    fs::remove_dir_all(project.dir.join("backups")).unwrap();

    let before = cluster.fingerprint(&db.name);
    project.fails(
        "db-prepare",
        1,
        "there is something in it already, which `DROP schema IF EXISTS shop CASCADE` would take \
         away",
    );

    same(&cluster.fingerprint(&db.name), &before);
    cluster.drop_all(&db.name);
    cluster.sql("postgres", &format!("DROP ROLE {role}"));
}

#[test]
fn what_an_undo_would_need_does_not_go_unasked() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, Found::Missing);
    project.ok("db-prepare");

    let backup = project.backup();
    project.ok("db-restore --latest --yes");
    cluster.sql(&db.name, "SET ROLE app; DROP TABLE users");

    let previous = format!("{}__previous", db.name);
    let kept = cluster.fingerprint(&previous);
    project.fails("db-prepare", 3, "kept by the last restore or reset, would be lost for good");
    same(&cluster.fingerprint(&previous), &kept);
    assert!(backup.is_file());
}

/// A folder with dumps of other tools that git brings: `latest.sql`, or the date in a name.
#[test]
fn a_new_database_starts_from_a_folder_of_dumps() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, Found::Missing);
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    let days = "after-prepare = \"echo $DB_INIT_DAYS_TO_SYNC >days\"\n";
    project.write(
        "db-tasks.toml",
        format!("{config}{days}[backup]\ndir = \"sql_dumps\"\n[prepare]\ndump = \"sql_dumps\"\n"),
    );
    let project = project.env("DB_INIT_DAYS_TO_SYNC", "90");

    let dump = |rows: u32| {
        let data: String = (1..=rows).map(|row| format!("{row}\n")).collect();
        format!(
            "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.items (id integer);\n\nCOPY \
             public.items (id) FROM stdin;\n{data}\\.\n\n--\n-- PostgreSQL database dump \
             complete\n--\n\n"
        )
    };
    project.write("sql_dumps/app_2026-01-16_22-45-00.sql", dump(3));
    project.write("sql_dumps/app_2026-02-01_22-45-00.sql", dump(5));
    let rows = || cluster.sql(&db.name, "SELECT count(*) FROM items").trim().to_owned();
    let drop_it = || cluster.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", db.name));

    project.ok("db-prepare");
    assert_eq!(rows(), "5", "the newest by its name, whatever the checkout did to times");
    assert_eq!(fs::read_to_string(project.dir.join("days")).unwrap(), "90\n");
    assert!(project.ok("db-prepare").out.contains("nothing to prepare"));

    drop_it();
    let latest = project.dir.join("sql_dumps/latest.sql");
    std::os::unix::fs::symlink("app_2026-01-16_22-45-00.sql", &latest).unwrap();
    project.ok("db-prepare");
    assert_eq!(rows(), "3", "latest.sql says which");

    // a link out of the folder is followed by nobody
    drop_it();
    fs::remove_file(&latest).unwrap();
    project.write("elsewhere.sql", dump(99));
    std::os::unix::fs::symlink("../elsewhere.sql", &latest).unwrap();
    project.ok("db-prepare");
    assert_eq!(rows(), "5");

    // one of ours that is newer counts, and is checked by its manifest
    project.ok("db-backup --auto");
    drop_it();
    let said = project.ok("db-prepare");
    assert!(said.err.contains(".sql.zst"), "{}", said.err);
    assert_eq!(rows(), "5");
}
