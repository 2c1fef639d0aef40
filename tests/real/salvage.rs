//! `db-backup --salvage` of a really damaged database: relation files that are gone or overwritten.

use std::fs;

use super::kill::restart_at_once;
use super::{Project, family, same};
use crate::support::cluster::{Cluster, TempDb, programs};
use crate::support::need;

const TABLES: &str = "SET ROLE app; CREATE TABLE people (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people, note text);
    CREATE TABLE lines (id int PRIMARY KEY, \"order\" int CONSTRAINT lines_order REFERENCES \
                      orders);
    CREATE TABLE \"Odd.\"\"Name\" (a text); CREATE SEQUENCE tickets;
    INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 1000) i;
    INSERT INTO orders SELECT i, i, (SELECT string_agg(md5((i * j)::text), '') FROM \
                      generate_series(1, 200) j) FROM generate_series(1, 1000) i;
    INSERT INTO lines SELECT i, i FROM generate_series(1, 1000) i;
    INSERT INTO \"Odd.\"\"Name\" VALUES ('odd'); SELECT nextval('tickets');";

/// A server of its own, with a database in which these relations are damaged.
fn damaged(
    cluster: &Cluster,
    how: impl Fn(&std::path::Path),
    relations: &[&str],
) -> (TempDb, Project) {
    let db = cluster.database();
    cluster.sql(&db.name, TABLES);
    cluster.sql(
        "postgres",
        "ALTER ROLE app SET synchronous_commit = on; ALTER ROLE postgres SET synchronous_commit = \
         on",
    );

    let paths: Vec<String> = relations
        .iter()
        .map(|name| {
            cluster.sql(&db.name, &format!("SELECT pg_relation_filepath({name})")).trim().to_owned()
        })
        .collect();

    cluster.sql(&db.name, "CHECKPOINT");
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[backup]\nkeep-days \
                  = 0\nmin-keep = 0\n";
    let project = Project::new(config).env("DATABASE_URL", &db.url);

    project.backup();
    restart_at_once(cluster);

    for path in paths {
        how(&cluster.dir.join("data").join(path));
    }

    (db, project)
}

fn garbled(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.iter_mut().take(8192).for_each(|byte| *byte = 0x5a);
    fs::write(path, bytes).unwrap();
}

fn gone(path: &std::path::Path) {
    fs::remove_file(path).unwrap();
}

#[test]
fn what_can_be_read_is_saved_and_the_rest_is_named() {
    let bin = need!("postgresql", programs());
    let cluster = &need!("postgresql", Cluster::start(&bin));
    let (db, project) = damaged(cluster, garbled, &["'orders'"]);
    let good = project.files();
    let before = ["people", "lines"]
        .map(|table| cluster.sql(&db.name, &format!("SELECT count(*), sum(id) FROM {table}")));

    project.fails("db-backup", 1, "invalid page");

    let said = project.ok("db-backup --salvage");
    let name =
        std::path::Path::new(said.out.trim()).file_name().unwrap().to_str().unwrap().to_owned();
    assert!(said.err.contains("`public.orders` can't be read: invalid page"), "{}", said.err);

    assert!(
        said.err.contains("PARTIAL: the rows of `public.orders` can't be read"),
        "{}",
        said.err
    );

    assert!(name.contains("salvage"), "{name}");

    // it is no backup that anything counts, and takes none away
    assert!(
        project
            .ok("db-list")
            .out
            .lines()
            .any(|line| line.contains(&name) && line.contains("partial"))
    );

    assert!(good.iter().all(|file| file.exists()), "no good one has gone for it");
    let said = project.ok("db-restore --latest --as app_copy");
    assert!(!said.err.contains(&name), "{}", said.err);
    cluster.sql("postgres", "DROP DATABASE app_copy");
    project.ok(&format!("db-verify {name}")).ends_with(0, "is PARTIAL");

    project.ok("db-cleanup --yes --keep-days 0 --keep-last 1 --min-keep 0");
    let kept = project.files();
    assert!(
        good.iter().all(|file| kept.contains(file))
            && kept.iter().any(|file| file.ends_with(&name)),
        "{kept:?}"
    );

    // it comes back by its name, with a word on what is missing, and without the keys that would
    // not hold
    project.fails(&format!("db-restore {name}"), 3, "use `--yes`");
    let said = project.ok(&format!("db-restore {name} --yes"));
    assert!(
        said.err.contains("the backup is PARTIAL") && said.err.contains("`public.orders`"),
        "{}",
        said.err
    );

    assert!(
        said.err.contains("left out: 1 foreign key to tables whose rows are missing"),
        "{}",
        said.err
    );

    let now = ["people", "lines"]
        .map(|table| cluster.sql(&db.name, &format!("SELECT count(*), sum(id) FROM {table}")));
    assert_eq!(now, before);
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "0");
    assert_eq!(cluster.sql(&db.name, "SELECT a FROM \"Odd.\"\"Name\""), "odd");
    assert_eq!(
        cluster.sql(&db.name, "SELECT count(*) FROM pg_constraint WHERE conname = 'lines_order'"),
        "0"
    );

    // what refers to a table that is whole is there
    assert_eq!(
        cluster.sql(
            &db.name,
            "SELECT count(*) FROM pg_constraint WHERE conname = 'orders_person_fkey'"
        ),
        "1"
    );
}

/// Files that are gone, of a table with an odd name, of a sequence, and of what is stored beside a
/// table.
#[test]
fn every_kind_of_relation_can_be_the_damaged_one() {
    let bin = need!("postgresql", programs());
    let cluster = &need!("postgresql", Cluster::configured(&bin, "data_sync_retry = on\n"));
    let odd = "'\"Odd.\"\"Name\"'";
    let beside = "(SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'orders')";
    let (db, project) = damaged(cluster, gone, &[odd, "'tickets'", beside]);

    let said = project.ok("db-backup --salvage");

    for name in [
        "`public.Odd.\"Name` can't be read",
        "`public.tickets` can't be read",
        "`public.orders` can't be read",
    ] {
        assert!(said.err.contains(name), "{name}: {}", said.err);
    }

    let file = project.dir.join(said.out.trim());
    project.ok(&format!("db-verify {}", file.display()));
    project.ok(&format!("db-restore {} --as app_saved", file.display()));
    assert_eq!(cluster.sql("app_saved", "SELECT count(*) FROM lines"), "1000");
    assert_eq!(cluster.sql("app_saved", "SELECT count(*) FROM orders"), "0");

    cluster.sql("postgres", "DROP DATABASE app_saved");
    assert!(cluster.exists(&db.name));
}

/// No safety rule is satisfied by one: what would be destroyed behind it is not.
#[test]
fn nothing_is_destroyed_behind_one_and_a_whole_one_is_like_any_other() {
    let bin = need!("postgresql", programs());
    let cluster = &need!("postgresql", Cluster::start(&bin));
    let (db, project) = damaged(cluster, garbled, &["'orders'"]);

    for file in project.files() {
        fs::remove_file(file).unwrap();
    }

    project.ok("db-backup --salvage");
    project.fails("db-restore --latest --yes", 1, "there is no good backup");
    project.fails("db-verify", 1, "there is no good backup");
    project.fails("db-backup --salvage --only nothing", 2, "nothing");
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));

    cluster.sql(&db.name, "TRUNCATE orders CASCADE");
    let before = cluster.fingerprint(&db.name);
    project
        .ok("db-backup --salvage")
        .ends_with(0, "all of it can be read: this is a normal backup");
    cluster.sql(&db.name, "DELETE FROM people");
    project.ok("db-restore --latest --yes");

    same(&cluster.fingerprint(&db.name), &before);
}
