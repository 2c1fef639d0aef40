//! Dumps of other tools: proved, and not trusted.

use std::fs;
use std::path::Path;

use super::{same, tiny_host};
use crate::support::cluster::{Cluster, programs};
use crate::support::need;

/// A server of the test's own, where the project's role may make roles.
fn with_loaders(bin: &Path) -> Result<Cluster, String> {
    let cluster = Cluster::start(bin)?;
    cluster.sql("postgres", "ALTER ROLE app CREATEROLE");
    Ok(cluster)
}

#[test]
fn an_adopted_dump_is_restored_as_one_from_elsewhere() {
    let bin = need!("postgresql", programs());
    let cluster = &need!("postgresql", with_loaders(&bin));
    let (db, project) = tiny_host(cluster);
    let before = cluster.fingerprint(&db.name);
    let dump = cluster.dump(&db.name, &[]).unwrap();

    project.write("backups/nightly-2026-01-16.sql", &dump);
    project.ok("db-adopt");
    cluster.sql(&db.name, "SET ROLE app; DELETE FROM orders; CREATE TABLE later (a int)");
    let changed = cluster.fingerprint(&db.name);

    let said = project.ok("db-restore --latest --yes");
    assert!(said.err.contains("a role made for this run"), "{said:?}");
    same(&cluster.fingerprint(&db.name), &before);
    project.ok("db-undo --yes");
    same(&cluster.fingerprint(&db.name), &changed);

    // what is known of it is compared: a row that was changed since is found
    project.ok("db-verify --latest --deep --yes");
    let path = project.dir.join("backups/nightly-2026-01-16.sql");
    fs::write(&path, dump.replace("person 7", "person 8")).unwrap();
    project.fails("db-verify nightly-2026-01-16", 1, "checksum");
    project.fails("db-restore nightly-2026-01-16 --yes", 1, "the live data is as it was");
    same(&cluster.fingerprint(&db.name), &changed);
}

/// Its functions run as a role that may nothing, and not as the role of the project.
#[test]
fn what_an_adopted_dump_does_is_contained() {
    let bin = need!("postgresql", programs());
    let cluster = &need!("postgresql", with_loaders(&bin));
    let (db, project) = tiny_host(cluster);
    let trap = "CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN EXECUTE \
                'CREATE ROLE intruder'; RETURN 1; END $$;\nALTER TABLE public.people ADD COLUMN z \
                int DEFAULT public.trap();\n";
    let dump = cluster.dump(&db.name, &[]).unwrap();
    let at = dump.rfind("--\n-- PostgreSQL database dump complete").unwrap();

    project.write("backups/evil.sql", format!("{}{trap}{}", &dump[..at], &dump[at..]));
    project.ok("db-adopt evil.sql");
    let before = cluster.fingerprint(&db.name);
    project.fails("db-restore evil --yes", 1, "permission denied to create role");

    assert_eq!(
        cluster.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'intruder'"),
        "0"
    );
    same(&cluster.fingerprint(&db.name), &before);
}
