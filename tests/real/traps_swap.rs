//! The new database takes the live one's place: with its settings, whoever is connected, whatever
//! holds it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Held, Project, family, same, tiny_host, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::need;

#[test]
fn t9_t10_what_was_made_after_the_backup_is_gone_after_the_restore() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let before = cluster.fingerprint(&db.name);

    project.backup();
    cluster.sql(
        &db.name,
        "CREATE SCHEMA later; CREATE TABLE later.orders (id int REFERENCES people); CREATE VIEW \
         seen AS SELECT * FROM orders;
         ALTER TABLE people ADD extra int; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT \
         1';",
    );

    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &before);
}

fn with_settings(cluster: &Cluster, db: &TempDb) {
    let (name, role) = (&db.name, "dbt_settings_reader");
    let _ = cluster.try_sql("postgres", &format!("CREATE ROLE {role}"));

    cluster.sql(
        "postgres",
        &format!(
            "ALTER DATABASE {name} SET search_path = public, \"odd, one\"; ALTER DATABASE {name} \
             SET work_mem = '7MB';
             ALTER DATABASE {name} SET my.word = 'it''s \"so\" \\ é'; ALTER ROLE {role} IN \
             DATABASE {name} SET timezone = 'Asia/Tokyo';
             ALTER DATABASE {name} SET datestyle = 'ISO, DMY';
             ALTER DATABASE {name} SET dbtasks.environment = 'staging'; ALTER DATABASE {name} \
             CONNECTION LIMIT 37;
             COMMENT ON DATABASE {name} IS 'the \"live\" one''s comment \\ é'; REVOKE CONNECT ON \
             DATABASE {name} FROM PUBLIC;
             GRANT CREATE ON DATABASE {name} TO {role} WITH GRANT OPTION; GRANT CONNECT ON \
             DATABASE {name} TO {role};"
        ),
    );
}

#[test]
fn t23_t24_settings_rights_comment_owner_and_limit_survive() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url);

    with_settings(cluster, &db);
    let before = cluster.fingerprint(&db.name);
    assert!(before.settings.len() > 12, "{:#?}", before.settings);
    project.backup();
    project.ok("db-restore --latest --yes");

    same(&cluster.fingerprint(&db.name), &before);
    project.ok("db-undo --yes");
    same(&cluster.fingerprint(&db.name), &before);

    // beside it and into a missing one, all but the marker comes from the manifest
    let mut without = before.clone();
    assert_eq!(without.settings.remove("dbtasks.environment").as_deref(), Some("staging"));

    let other = format!("{}__other", db.name);
    project.ok(&format!("db-restore --latest --as {other}"));
    same(&cluster.fingerprint(&other), &without);

    for name in family(cluster, &db.name) {
        cluster.sql("postgres", &format!("DROP DATABASE {name}"));
    }

    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &without);
}

/// A pool that reconnects the moment it is cut off.
struct Pool(Vec<Child>);

impl Pool {
    fn start(cluster: &Cluster, urls: &[&str]) -> Self {
        let psql = cluster.bin.join("psql");
        let children = urls.iter().map(|url| {
            let script = format!(
                "while :; do '{}' -qXAt '{url}' -c \"SET application_name = 'pool'\" -c 'SELECT \
                 pg_sleep(100)'; done",
                psql.display()
            );

            let mut sh = Command::new("sh");
            std::os::unix::process::CommandExt::process_group(&mut sh, 0);

            sh.arg("-c")
                .arg(script)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        });
        Self(children.collect())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
            let _ = child.wait();
        }
    }
}

#[test]
fn t25_a_pool_that_reconnects_at_once_does_not_stop_the_swap() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders");

    let pool =
        Pool::start(cluster, &[&db.url, &db.socket_url, &db.url, &db.socket_url, &db.url, &db.url]);
    let count = |name: &str| {
        let from =
            format!("FROM pg_stat_activity WHERE application_name = 'pool' AND datname = '{name}'");
        cluster.sql("postgres", &format!("SELECT count(*) {from}")).parse::<u32>().unwrap()
    };

    until("the pool", || count(&db.name) == 6);
    // as the superuser: the application may not end a superuser's sessions
    let root = Project::in_folder(
        &project.dir,
        "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
    );
    let root = root.env("DATABASE_URL", &db.socket_url);
    let begun = Instant::now();

    root.ok("db-restore --latest --yes");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until("the pool is back", || count(&db.name) == 6);
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300");
    root.ok("db-undo --yes");

    until("the pool is back again", || count(&db.name) == 6);
    assert_eq!(count(&format!("{}__previous", db.name)), 0);
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "0");
    drop(pool);
}

#[test]
fn t25_a_session_that_we_may_not_end_is_named_and_the_live_database_stays() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders");

    let mut boss = cluster.command("psql");
    boss.args(["-d", &db.name]).env("PGAPPNAME", "boss-at-work");

    let held = Held::of(boss, "LOCK people IN ACCESS SHARE MODE");
    let said = project.run("db-restore --latest --yes");
    drop(held);
    assert_eq!(said.code, Some(1), "{said:?}");

    let (before, error) = said.err.split_once("error: ").unwrap();
    assert!(before.contains("connected now") && before.contains("boss-at-work"), "{before}");

    assert!(
        error.contains(
            "app may not terminate a session that blocks the change: boss-at-work of the role postgres, pid "
        ),
        "{error}"
    );

    assert!(error.contains("next:") && error.contains(&db.name), "{error}");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "0");
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    project.ok("db-restore --latest --yes");
}

#[test]
fn t25_prepared_transactions_and_slots_are_refused_with_the_cure() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    let name = &db.name;
    cluster.sql(name, &format!("BEGIN; UPDATE orders SET id = id; PREPARE TRANSACTION '{name}'"));

    let said = project.fails("db-restore --latest --yes", 3, "ROLLBACK PREPARED");
    cluster.sql(name, &format!("ROLLBACK PREPARED '{name}'"));
    assert_eq!(family(cluster, name), std::slice::from_ref(name), "{said:?}");
    cluster.sql(name, &format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"));
    project.fails("db-restore --latest --yes", 3, "pg_drop_replication_slot");

    cluster.sql(name, &format!("SELECT pg_drop_replication_slot('{name}')"));
    project.ok("db-restore --latest --yes");
}

#[test]
fn t28_t30_large_objects_and_statistics_come_along() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql(
        &db.name,
        "SET ROLE app; SELECT lo_from_bytea(4711, decode(repeat('00ff5c', 100000), 'hex'))",
    );

    let before = cluster.fingerprint(&db.name);
    project.backup();
    cluster.sql(&db.name, "SELECT lo_unlink(4711)");
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &before);

    assert!(before.values.keys().any(|k| k.contains("4711")));
    let known = "SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'public'";
    assert_eq!(cluster.sql(&db.name, known), "2");
}

#[test]
fn t31_encoding_and_locale_are_kept() {
    let cluster = need!("postgresql", cluster());
    let locale = cluster.sql(
        "postgres",
        "SELECT collname FROM pg_collation WHERE collname IN ('C.utf8', 'en_US.utf8') LIMIT 1",
    );
    for (encoding, locale) in [("LATIN1", "C"), ("SQL_ASCII", "C"), ("UTF8", locale.as_str())] {
        let name = crate::support::component::unique("t");
        let options =
            format!("ENCODING '{encoding}' LOCALE '{locale}' TEMPLATE template0 OWNER app");
        cluster.sql("postgres", &format!("CREATE DATABASE {name} {options}"));

        let db = cluster.named(&name);
        cluster.sql(
            &name,
            "SET client_encoding = 'UTF8'; SET ROLE app; CREATE TABLE t (a text); INSERT INTO t \
             VALUES ('Grüße'), (E'x\\ty'); CREATE TABLE größe AS SELECT 1 AS maß; CREATE TABLE \
             maß AS SELECT 2 AS größe; CREATE TABLE äöü (a int)",
        );

        let before = cluster.fingerprint(&name);
        let project = Project::host(&db.url);
        project.backup();
        cluster.sql(&name, "DELETE FROM t");
        project.ok("db-restore --latest --yes");

        same(&cluster.fingerprint(&name), &before);
        cluster.sql("postgres", &format!("DROP DATABASE {name}"));
        project.ok("db-restore --latest --yes");
        same(&cluster.fingerprint(&name), &before);
    }
}

#[test]
fn t31_locales_of_icu_are_kept() {
    let cluster = need!("postgresql", cluster());
    if cluster.sql("postgres", "SELECT count(*) FROM pg_collation WHERE collprovider = 'i'") == "0"
    {
        return crate::support::component::missing(
            "ICU",
            "the machine's PostgreSQL is built without it",
        );
    }

    let version: u32 = cluster
        .sql("postgres", "SELECT current_setting('server_version_num')::int / 10000")
        .parse()
        .unwrap();
    let rules = if version >= 16 { "ICU_RULES '&V << w <<< W'" } else { "" };

    keeps(
        cluster,
        Project::host,
        &format!("LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' {rules} LOCALE 'C'"),
    );
}

/// A database made with these options comes back with them, whether there is one of its name or
/// not.
pub fn keeps(server: &Cluster, of: impl Fn(&str) -> Project, options: &str) {
    let name = unique("t");
    server.sql(
        "postgres",
        &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {options} OWNER app"),
    );

    let db = server.named(&name);
    server.sql(&name, "SET ROLE app; CREATE TABLE t AS SELECT 'Grüße' AS a");

    let before = server.fingerprint(&name);
    let project = of(&db.url);
    project.backup();
    project.ok("db-restore --latest --yes");
    same(&server.fingerprint(&name), &before);

    server.sql("postgres", &format!("DROP DATABASE {name}"));
    project.ok("db-restore --latest --yes");
    same(&server.fingerprint(&name), &before);
}

#[test]
fn t38_both_names_change_in_one_instant() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    let name = db.name.clone();
    let stop = std::sync::atomic::AtomicBool::new(false);

    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0;

            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                let found = cluster.sql(
                    "postgres",
                    &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"),
                );
                assert_eq!(found, "1", "the live name was nobody's");
                looks += 1;
            }

            looks
        });

        project.ok("db-restore --latest --yes");
        project.ok("db-undo --yes");
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(watcher.join().unwrap() > 3);
    });
}

#[test]
fn t22_a_template_that_cannot_be_copied_leaves_the_live_database() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    let before = cluster.fingerprint(&db.name);
    // what a new image's C library does to CREATE DATABASE: it fails, here by a locale that the
    // server does not have
    let manifest =
        project.files().into_iter().find(|f| f.extension().is_some_and(|e| e == "json")).unwrap();
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();

    json.as_object_mut().unwrap().remove("digest");
    json["artifacts"][0]["holds"]["postgresql"]["database"]["collate"] = "xx_YY.utf8".into();
    std::fs::write(&manifest, json.to_string()).unwrap();

    let said = project.fails("db-restore --latest --yes", 1, "invalid locale");
    assert!(said.err.contains("next:"), "{}", said.err);
    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

/// A swap that comes to nothing cuts nobody off behind its end, and a name that it needs is looked
/// for first.
#[test]
fn t25_an_undo_that_fails_leaves_the_sessions_alone() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    project.ok("db-restore --latest --yes");

    let (parked, previous) = (format!("{}__parked", db.name), format!("{}__previous", db.name));
    cluster.sql("postgres", &format!("CREATE DATABASE {parked}"));
    project.fails("db-undo --yes", 3, &format!("the database `{parked}` is in the way"));
    cluster.sql("postgres", &format!("DROP DATABASE {parked}"));

    // a name that is taken between the look and the swap
    let hook =
        format!("[hooks]\nbefore-undo = \"psql -qX -d postgres -c 'CREATE DATABASE {parked}'\"\n");
    project.write(
        "db-tasks.toml",
        format!("[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{hook}"),
    );
    project.fails("db-undo --yes", 1, "already exists");

    for _ in 0..20 {
        assert_eq!(
            cluster
                .sql(&db.name, "SELECT count(*), count(pg_sleep(0.02)) FROM generate_series(1, 3)"),
            "3|3"
        );
    }

    assert_eq!(cluster.sql(&previous, "SELECT count(*) FROM orders"), "300");
    cluster.sql("postgres", &format!("DROP DATABASE {parked}"));
}
