//! Resets, hooks and preparations on a real server: the new database, and the way back from every
//! failure.

use std::fs;
use std::time::Duration;

use super::{Project, Said, family, same, signal, tiny, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;

/// A project whose migrator and seed are SQL files.
fn project(cluster: &Cluster, more: &str) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);

    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{more}\n[hooks]\nmigrate \
         = \"echo migrate $DBTASKS_OUTCOME >>log; psql -qX -v ON_ERROR_STOP=1 -f \
         migrate.sql\"\nseed = {{ run = [\"psql\", \"-qX\", \"-v\", \"ON_ERROR_STOP=1\", \"-f\", \
         \"seed.sql\"] }}\n"
    );

    let project = Project::new(&config).env("DATABASE_URL", &db.url);
    project.write("migrate.sql", "CREATE TABLE users (id serial PRIMARY KEY, name text);");
    project.write("seed.sql", "INSERT INTO users (name) VALUES ('a'), ('b'), ('c');");

    (db, project)
}

const STAGED: &str = "[reset]\nstrategy = \"staged\"\n";

#[test]
fn a_reset_migrates_seeds_and_keeps_the_way_back() {
    let cluster = need!("postgresql", cluster());
    for strategy in ["", STAGED] {
        let (db, project) = project(cluster, strategy);
        cluster.sql(
            "postgres",
            &format!(
                "ALTER DATABASE {0} SET work_mem = '7MB'; COMMENT ON DATABASE {0} IS 'mine'",
                db.name
            ),
        );

        let before = cluster.fingerprint(&db.name);
        let said = project.ok("db-reset --force");
        assert_eq!(said.out.trim(), db.name);
        assert_eq!(
            cluster.sql(&db.name, "SELECT string_agg(name, '' ORDER BY id) FROM users"),
            "abc"
        );

        assert_eq!(
            cluster.fingerprint(&db.name).settings,
            before.settings,
            "owner, rights and settings"
        );

        assert_eq!(family(cluster, &db.name), [db.name.clone(), format!("{}__previous", db.name)]);
        assert_eq!(project.files().len(), 2, "one backup and its manifest");
        project.ok("db-undo --yes");
        same(&cluster.fingerprint(&db.name), &before);
        project.ok("db-undo --yes");

        project.ok("db-restore --latest --yes");
        same(&cluster.fingerprint(&db.name), &before);
        project.ok("db-reset --force --no-seed");
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM users"), "0");
    }
}

#[test]
fn a_migrator_or_a_seed_that_fails_brings_the_old_data_back() {
    let cluster = need!("postgresql", cluster());
    let anew =
        "DROP DATABASE {db}; CREATE DATABASE {db};\n\\c {db}\nCREATE TABLE x (a int);\nSELECT 1/0;";
    let gone = "\\c postgres\nDROP DATABASE {db};\nSELECT 1/0;";

    for (strategy, file, sql) in [
        ("", "migrate.sql", "CREATE TABLE users (id int); SELECT 1/0;"),
        ("", "seed.sql", "SELECT 1/0;"),
        // the hook's own way of dropping and creating
        ("", "migrate.sql", &format!("\\c postgres\n{anew}")),
        ("", "migrate.sql", gone),
        (STAGED, "migrate.sql", "CREATE TABLE users (id int); SELECT 1/0;"),
        (STAGED, "seed.sql", "SELECT 1/0;"),
    ] {
        let (db, project) = project(cluster, strategy);
        project.backup();
        project.ok("db-restore --latest --yes");
        let before = cluster.fingerprint(&db.name);
        let previous = format!("{}__previous", db.name);
        let older = cluster.fingerprint(&previous);
        project.write(file, sql.replace("{db}", &db.name));
        let said = project.fails("db-reset --force", 1, "division by zero");
        assert!(
            said.err.contains(if file == "seed.sql" {
                "error: the seed hook"
            } else {
                "error: the migrate hook"
            }),
            "{}",
            said.err
        );
        same(&cluster.fingerprint(&db.name), &before);
        same(&cluster.fingerprint(&previous), &older);
        project.write("migrate.sql", "CREATE TABLE users (id serial PRIMARY KEY, name text);");
        project.write("seed.sql", "INSERT INTO users (name) VALUES ('a');");
        project.ok("db-reset --force");
        let left = family(cluster, &db.name);
        assert_eq!(left, [db.name.clone(), previous], "what failed goes with the next reset");
    }
}

#[test]
fn no_verified_backup_no_migrator() {
    let cluster = need!("postgresql", cluster());

    for (script, says) in [
        ("echo broken >&2; exit 1", "broken"),
        // it ends well, and its dump is cut off
        ("echo '-- PostgreSQL database dump'; exit 0", "the dump can't be used"),
    ] {
        let (db, project) = project(cluster, "");
        let before = cluster.fingerprint(&db.name);
        let bin = project.shim("pg_dump", script);
        std::os::unix::fs::symlink(cluster.bin.join("psql"), bin.join("psql")).unwrap();
        let project = project.env("DB_TASKS_PG_BIN", &bin.to_string_lossy());
        project.fails("db-reset --force", 1, says);
        assert!(!project.dir.join("log").exists(), "the migrator ran");
        same(&cluster.fingerprint(&db.name), &before);
    }
}

#[test]
fn a_reset_is_refused_and_declined_without_a_trace() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, "");
    let before = cluster.fingerprint(&db.name);

    project.fails("db-reset", 3, "standard input is not a terminal");
    project.fails("db-reset --confirm other", 3, "does not name");
    project.fails("db-reset --force --skip-backup", 3, "`ALLOW_DATABASE_WIPE` is not set");

    let production = project.env("ENVIRONMENT", "production");
    production.fails("db-reset --force", 3, "environment");
    production.fails("db-seed", 3, "environment");
    same(&cluster.fingerprint(&db.name), &before);
    assert!(production.files().is_empty() && !production.dir.join("log").exists());

    // a migration is what production is there for
    production.ok("db-migrate");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM users"), "0");
    assert_eq!(production.files().len(), 2);
}

#[test]
fn a_reset_without_a_backup_takes_a_pin_and_is_said_loudly() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, "");
    let before = cluster.fingerprint(&db.name);
    let project = project.env("ALLOW_DATABASE_WIPE", "true");
    project.ok("db-reset --force --skip-backup").ends_with(0, "NO BACKUP is made first");
    assert!(project.files().is_empty());
    project.ok("db-undo --yes");
    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn without_a_migrator_there_is_no_reset() {
    let cluster = need!("postgresql", cluster());
    let (_db, project) = super::tiny_host(cluster);
    project.fails("db-reset --force", 2, "the hook `migrate`");
    project.fails("db-seed", 2, "there is no hook `seed`");
}

#[test]
fn hooks_run_in_their_order() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let tasks = ["backup", "restore", "undo", "verify", "cleanup", "reset", "seed", "migrate"];
    let words = ["before", "after", "failed", "finally"];
    let line = |who: &str, moment: &str| {
        format!("{moment} = \"echo {who} {moment} $DBTASKS_OUTCOME $DBTASKS_DATABASE >>log\"\n")
    };

    let all = |who: &str| -> String {
        let around = tasks
            .iter()
            .flat_map(|task| words.iter().map(move |word| line(who, &format!("{word}-{task}"))));
        around.collect()
    };

    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" \
         }}\n[databases.main.hooks]\n{}[hooks]\n{}migrate = 'echo migrate >>log; test ! -e fail \
         && psql -X -d \"$DATABASE_URL\" -c \"CREATE TABLE made (id int)\"'\nseed = \"echo seed \
         >>log\"\n",
        all("main"),
        all("project"),
    );

    let project = Project::new(&config).env("DATABASE_URL", &db.url);
    let log = |words: &str, code: i32| {
        fs::write(project.dir.join("log"), "").unwrap();
        project.fails(words, code, "");
        fs::read_to_string(project.dir.join("log")).unwrap().replace(&db.name, "DB")
    };

    for (words, task, middle) in [
        ("db-backup --auto", "backup", ""),
        ("db-restore --latest --yes", "restore", ""),
        ("db-undo --yes", "undo", ""),
        ("db-verify --deep", "verify", ""),
        ("db-reset --force", "reset", "migrate\nseed\n"),
        ("db-seed", "seed", "seed\n"),
    ] {
        let around = [("project", "before", "pending"), ("main", "before", "pending")];
        let after = [
            ("main", "after", "done"),
            ("project", "after", "done"),
            ("main", "finally", "done"),
            ("project", "finally", "done"),
        ];
        let lines = |list: &[(&str, &str, &str)]| -> String {
            list.iter()
                .map(|(who, word, outcome)| format!("{who} {word}-{task} {outcome} DB\n"))
                .collect()
        };
        assert_eq!(
            log(words, 0),
            format!("{}{middle}{}", lines(&around), lines(&after)),
            "{words}"
        );
    }

    project.write("fail", "");
    assert_eq!(
        log("db-reset --force", 1),
        "project before-reset pending DB\nmain before-reset pending DB\nmigrate\nmain \
         failed-reset failed DB\nproject failed-reset failed DB\nmain finally-reset failed \
         DB\nproject finally-reset failed DB\n"
    );
}

#[test]
fn a_before_hook_that_fails_stops_the_run() {
    let cluster = need!("postgresql", cluster());
    let (db, project) =
        project(cluster, "[databases.main.hooks]\nbefore-reset = \"echo no >&2; exit 9\"\n");
    let before = cluster.fingerprint(&db.name);
    project.fails("db-reset --force", 1, "the before-reset hook failed: it ended with exit code 9");
    same(&cluster.fingerprint(&db.name), &before);
    assert!(project.files().is_empty() && !project.dir.join("log").exists());
}

#[test]
fn a_hook_has_its_time_and_takes_its_children_along() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(
        cluster,
        "[databases.main.hooks]\nbefore-reset = { run = \"sleep 300 & echo $! >child; wait\", \
         timeout = 1 }\n",
    );

    let before = cluster.fingerprint(&db.name);
    let gone = || {
        let child = fs::read_to_string(project.dir.join("child")).unwrap_or_default();
        !child.trim().is_empty()
            && !std::path::Path::new(&format!("/proc/{}", child.trim())).exists()
    };

    project.fails("db-reset --force", 1, "timed out after 1 s");
    until("the hook's child is gone", gone);
    fs::remove_file(project.dir.join("child")).unwrap();

    let child = project.command("db-reset --force").spawn().unwrap();
    until("the hook runs", || project.dir.join("child").exists());
    signal(&child, "TERM");
    Said::of(child.wait_with_output().unwrap()).ends_with(130, "interrupted");
    until("the hook's child is gone", gone);

    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn a_hook_that_outlived_its_run_does_not_go_on_in_the_old_data() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, "");
    let before = cluster.fingerprint(&db.name);

    project.write(
        "migrate.sql",
        "CREATE TABLE half (a int);\n\\! touch there\nSELECT pg_sleep(3);\n\\c\nDROP TABLE people \
         CASCADE;\n",
    );

    let child = project.command("db-reset --force").spawn().unwrap();
    until("the migrator is at work", || project.dir.join("there").exists());
    signal(&child, "KILL");
    Said::of(child.wait_with_output().unwrap());
    project.fails("db-status --check", 1, "`db-reset` was interrupted");

    // any task that changes something begins with it
    project.ok("db-backup --auto");
    same(&cluster.fingerprint(&db.name), &before);
    std::thread::sleep(Duration::from_secs(3));
    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(project.ok("db-repair").out.trim(), "nothing to repair");
}

#[test]
fn a_database_is_prepared_by_what_it_needs() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, "[prepare]\ndump = \"first.sql\"\n");
    let before = cluster.fingerprint(&db.name);

    assert!(project.ok("db-prepare").out.contains("nothing to prepare"));
    same(&cluster.fingerprint(&db.name), &before);

    let file = project.dir.join(project.ok("db-backup --auto --compress none").out.trim());
    let drop_it = || cluster.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", db.name));
    // missing: from the newest backup
    drop_it();

    let skipped = Project::in_folder(
        &project.dir,
        &fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap(),
    );
    let skipped = skipped.env("DATABASE_URL", &db.url).env("SKIP_DB_INIT", "true");
    skipped.ok("db-prepare");
    assert!(!cluster.exists(&db.name));
    project.ok("db-prepare");

    assert_eq!(cluster.fingerprint(&db.name).rows, before.rows);
    project.ok("db-prepare");
    // empty, and no backup: from the configured dump
    fs::rename(&file, project.dir.join("first.sql")).unwrap();
    fs::remove_dir_all(project.dir.join("backups")).unwrap();
    drop_it();

    cluster.sql("postgres", &format!("CREATE DATABASE {} OWNER app", db.name));
    project.ok("db-prepare");
    assert_eq!(cluster.fingerprint(&db.name).rows, before.rows);

    // no dump either: migrated and seeded
    let config = fs::read_to_string(project.dir.join("db-tasks.toml"))
        .unwrap()
        .replace("dump = \"first.sql\"\n", "");
    project.write("db-tasks.toml", config);
    drop_it();
    project.ok("db-prepare");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM users"), "3");

    project.ok("db-prepare");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM users"), "3");
}

/// Whoever owns a database says on which path names are looked up in it: no function and no
/// operator of theirs runs as the role that asks where a hook goes, nor answers for the server.
#[test]
fn what_the_databases_path_leads_to_is_not_asked_where_a_hook_goes() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = project(cluster, "");
    let project = project.env("DATABASE_URL", &db.socket_url);

    cluster.sql(
        &db.name,
        &format!(
            "CREATE SCHEMA evil; CREATE SEQUENCE evil.ran; GRANT ALL ON ALL SEQUENCES IN SCHEMA \
             evil TO PUBLIC; GRANT USAGE ON SCHEMA evil TO PUBLIC; CREATE FUNCTION \
             evil.current_database() RETURNS name LANGUAGE plpgsql AS $$ BEGIN PERFORM \
             pg_catalog.nextval('evil.ran'); RETURN 'postgres'; END $$; CREATE FUNCTION \
             evil.same(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM \
             pg_catalog.nextval('evil.ran'); RETURN true; END $$; CREATE OPERATOR evil.= (LEFTARG \
             = text, RIGHTARG = text, FUNCTION = evil.same); CREATE FUNCTION evil.alike(bigint, \
             int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM \
             pg_catalog.nextval('evil.ran'); RETURN true; END $$; CREATE OPERATOR evil.= (LEFTARG \
             = bigint, RIGHTARG = int, FUNCTION = evil.alike); ALTER DATABASE {} SET search_path \
             = evil, pg_catalog, public",
            db.name
        ),
    );

    project.ok("db-reset --force --dry-run");
    project.write("seed.sql", "INSERT INTO public.users (name) VALUES ('a')");
    project.write("migrate.sql", "CREATE TABLE public.users (id serial, name text)");
    project.ok("db-reset --force");

    let previous = format!("{}__previous", db.name);
    assert_eq!(cluster.sql(&previous, "SELECT is_called FROM evil.ran"), "f");
}
