//! The ratchet on a real server: a database that shrinks, and runs that are struck.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use db_tasks::bundle::Manifest;
use serde_json::Value;

use super::kill::{moments, programs_in, struck};
use super::{Project, same, sessions, signal, tiny, until};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;

const RATCHET: &str = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" \
                       }\n[guards.ratchet]\ntables = [\"orders\"]\n";

fn guarded(cluster: &Cluster) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);
    let project = Project::new(RATCHET).env("DATABASE_URL", &db.url);
    (db, project)
}

/// The rows in all that the file records, if there is one.
fn recorded(project: &Project) -> Option<u64> {
    let text = fs::read(project.dir.join("backups/.record_count_ratchet")).ok()?;
    let ratchet: Value = serde_json::from_slice(&text).unwrap();
    Some(ratchet["max_record_count"].as_u64().unwrap())
}

/// The rows of each backup that has a manifest, by the name of that, and whether it is a good one.
fn sealed(project: &Project) -> BTreeMap<String, (u64, bool)> {
    let files = project.files().into_iter();
    let manifests = files.filter(|path| path.to_string_lossy().ends_with(".manifest.json"));
    let read = |path: std::path::PathBuf| {
        let manifest = Manifest::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, (manifest.rows(), manifest.is_good()))
    };
    manifests.map(read).collect()
}

#[test]
fn a_database_that_shrank_is_backed_up_beside_the_last_good_one() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = guarded(cluster);
    let whole = cluster.fingerprint(&db.name);
    project.ok("db-backup");
    assert_eq!(recorded(&project), Some(800));

    cluster.sql(&db.name, "SET ROLE app; DELETE FROM orders WHERE id > 260");
    let shrunk = cluster.fingerprint(&db.name);
    let said = project.fails("db-backup", 7, "`public.orders`: 260 rows, it had 300; at least 270");
    assert!(!said.err.contains("in all"), "760 of 800 are enough: {said:?}");
    same(&cluster.fingerprint(&db.name), &shrunk);
    assert_eq!(recorded(&project), Some(800));
    let names = project.ok("db-list --names").out;
    let name = names.lines().find(|name| name.contains(".shrunken")).unwrap();

    // the last good one is what --latest means; by its name this one is as good as any
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &whole);
    project.ok(&format!("db-verify {name} --deep"));
    project.ok(&format!("db-restore {name} --yes"));
    same(&cluster.fingerprint(&db.name), &shrunk);

    // what saves a damaged database, and what comes before a wipe, is not asked
    project.ok("db-backup --salvage");
    let project = project.env("ALLOW_DATABASE_WIPE", "true");
    project.ok("db-wipe --backup --yes");
    assert_eq!(recorded(&project), Some(800));
    project.fails("db-backup", 7, "`public.orders`: 0 rows, it had 300");
    project.ok("db-backup --accept-shrink");
    assert_eq!(recorded(&project), Some(0));
}

/// Strikes a backup at every step and between them. `before` and `after` each strike say what must be
/// so.
fn strike(
    cluster: &Cluster,
    (db, project): (&TempDb, &Project),
    codes: &[Option<i32>],
    mut before: impl FnMut(),
    after: impl Fn(&str),
) {
    before();
    let begun = Instant::now();
    let said = project.run("db-backup --auto");
    let steps = said.err.lines().filter(|line| line.starts_with("  ✓")).count();
    let whole = begun.elapsed();
    let mut tried = 0;

    for name in ["TERM", "KILL"] {
        for at in moments(steps, whole, 8) {
            before();
            let told = format!("SIG{name} at {at:?} of {steps} steps, {whole:?}");
            let outcome = struck(project, "db-backup --auto", at, |child| signal(child, name));
            assert!(codes.contains(&outcome.code), "{told}: {outcome:?}");

            until("its programs have ended", || programs_in(&project.dir) == 0);
            until("its sessions have gone", || sessions(cluster, &db.name) == 0);
            project.ok("db-repair");
            let partial = |f: &std::path::PathBuf| f.to_string_lossy().contains(".partial");
            let left: Vec<_> = project.files().into_iter().filter(partial).collect();
            assert!(left.is_empty(), "{told}: {left:?}");
            after(&format!("{told}: {outcome:?}"));
            tried += 1;
        }
    }

    println!("db-backup with a ratchet: {steps} steps, {tried} points");
}

/// The counts are the old or the new, and never ahead of the backups.
#[test]
fn a_struck_backup_leaves_the_old_counts_or_the_new() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = guarded(cluster);
    project.ok("db-backup");
    let now = std::cell::Cell::new(800);
    let old = std::cell::Cell::new(800);

    let grow = || {
        old.set(recorded(&project).unwrap());
        cluster.sql(&db.name, "SET ROLE app; INSERT INTO people (name) VALUES ('one more')");
        now.set(now.get() + 1);
    };
    strike(cluster, (&db, &project), &[Some(0), Some(130), None], grow, |told| {
        let found = recorded(&project).unwrap();
        assert!(found == old.get() || found == now.get(), "{found}: {told}");
        let sealed = sealed(&project);
        assert!(sealed.values().any(|(rows, good)| *good && *rows == found), "{sealed:?}: {told}");
        assert!(sealed.values().all(|(_, good)| *good), "{sealed:?}: {told}");
    });
}

/// No backup that holds too little has the name of a good one, and the counts stay.
#[test]
fn a_struck_backup_that_shrank_is_never_a_good_one() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = guarded(cluster);
    project.ok("db-backup");
    let good = project.files();
    cluster.sql(&db.name, "SET ROLE app; DELETE FROM orders");

    strike(
        cluster,
        (&db, &project),
        &[Some(7), Some(130), None],
        || {},
        |told| {
            assert_eq!(recorded(&project), Some(800), "{told}");
            let new = project.files().into_iter().filter(|path| !good.contains(path));
            let new: Vec<_> = new.map(|path| path.to_string_lossy().into_owned()).collect();
            assert!(new.iter().all(|name| name.contains(".shrunken.")), "{new:?}: {told}");
            let sealed = sealed(&project);
            assert!(
                sealed.iter().all(|(name, (_, good))| *good != name.contains(".shrunken")),
                "{told}"
            );
        },
    );
    project.ok("db-restore --latest --yes");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300");
}
