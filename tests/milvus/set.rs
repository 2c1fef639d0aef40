//! Vectors, a database and files as one set, by the program.

use std::fs;

use crate::real::kill::{moments, struck};
use crate::real::{Held, Project, signal, tiny};
use crate::support::cluster::cluster;
use crate::support::milvus::server;
use crate::support::need;

#[test]
fn vectors_rows_and_files_come_back_together() {
    let (cluster, vectors) = (need!("postgresql", cluster()), need!("milvus", server()).database());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n[stores.uploads]\nfiles \
         = {{ path = \"uploads\" }}\n[stores.vectors]\nmilvus = {{ url = \"{}\", database = \
         \"{}\" }}\n",
        vectors.url(),
        vectors.name
    );

    let project =
        Project::new(&config).env("DATABASE_URL", &db.url).env("ALLOW_DATABASE_WIPE", "true");
    fs::create_dir(project.dir.join("uploads")).unwrap();

    let upload = project.write("uploads/a.txt", "one");
    vectors
        .python(r#"simple("shop", 700, alias="front"); simple("docs", 90, text=True, load=False)"#);

    let state = || {
        (
            cluster.fingerprint(&db.name),
            fs::read_dir(project.dir.join("uploads")).unwrap().count(),
            vectors.python("pictures()"),
        )
    };

    let (old, near) = (state(), vectors.python(r#"near("shop", "v", 4)"#));

    let backup = project.backup();
    assert!(backup.join("vectors.milvus.zst").is_file() && backup.join("manifest.json").is_file());
    project.ok("db-status").ends_with(0, "2 collections");
    project.ok("db-doctor").ends_with(0, "store vectors");
    project
        .ok(&format!("db-restore {} --info", backup.display()))
        .ends_with(0, "790 entities in 2 collections");

    project.ok("db-verify --latest");

    // the dry run names what would go
    let dry = project.ok("db-wipe --dry-run").out;
    assert!(
        dry.contains("COLLECTION OF vectors") && dry.contains("shop") && dry.contains("700"),
        "{dry}"
    );
    project.ok("db-wipe --only vectors --yes");
    assert_eq!(vectors.python("pictures()"), "");
    project.ok("db-wipe --only uploads --only main --yes");

    assert!(!upload.exists());
    let empty = state();
    // what can't follow takes the others back
    let held = Held::new(cluster, &db.name, "SELECT 1");

    project.fails("db-restore --latest --yes", 1, "being accessed by other users");
    assert!(state() == empty, "nothing came without the rest");
    drop(held);

    project.ok("db-restore --latest --yes");
    assert!(state() == old, "all of it is back");
    assert_eq!(vectors.python(r#"near("shop", "v", 4)"#), near);

    vectors.python(r#"c.delete("shop", filter="id > 10"); simple("later", 5)"#);
    fs::write(&upload, "another").unwrap();

    let changed = state();
    project.ok("db-restore --latest --yes");
    assert!(state() == old);
    project.ok("db-undo --yes");
    assert!(state() == changed, "an undo is of the whole set");

    project.ok("db-undo --yes");
    assert!(state() == old);

    // what was kept before a restore that could not follow is kept still
    let held = Held::new(cluster, &db.name, "SELECT 1");
    project.fails("db-restore --latest --yes", 1, "being accessed by other users");
    assert!(state() == old);
    drop(held);
    project.ok("db-undo --yes");

    assert!(state() == changed);
    assert_eq!(fs::read_to_string(&upload).unwrap(), "another");
}

#[test]
fn vectors_that_are_down_or_damaged() {
    let vectors = need!("milvus", server()).database();
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();

    tiny(cluster, &db.name);
    let config = |url: &str, more: &str| {
        format!(
            "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" \
             }}\n[stores.vectors]\nmilvus = {{ url = \"{url}\", database = \"{}\" }}\n{more}",
            vectors.name
        )
    };

    let project = Project::new(&config("http://127.0.0.1:9", "")).env("DATABASE_URL", &db.url);
    let said = project.fails("db-backup --auto", 1, "http://127.0.0.1:9");
    assert!(said.err.contains("next: "), "{said:?}");
    assert_eq!(project.files().len(), 0);
    project.write("db-tasks.toml", config("http://127.0.0.1:9", "optional = true\n"));

    project.ok("db-backup --auto").ends_with(0, "PARTIAL: without `vectors`");
    project.ok("db-status").ends_with(0, "NOT REACHED (optional)");

    vectors.python(r#"simple("shop", 40)"#);
    project.write("db-tasks.toml", config(vectors.url(), ""));

    let backup = project.backup();
    let file = backup.join("vectors.milvus.zst");
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;

    flipped[middle] ^= 1;
    fs::write(&file, &flipped).unwrap();

    let before = vectors.python("pictures()");
    project.fails("db-restore --latest --yes", 1, "vectors.milvus.zst");
    project.fails("db-verify --latest", 1, "vectors.milvus.zst");
    fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    project.fails("db-restore --latest --yes", 1, "there is no good backup");

    assert_eq!(vectors.python("pictures()"), before);
    fs::write(&file, &whole).unwrap();
    project.ok(&format!("db-verify {}", backup.display()));
    project.ok("db-restore --latest --only vectors --yes");
    assert_eq!(vectors.python("pictures()"), before);
}

/// Wherever a run is killed, the next one makes it good: a restored set is old or new, a wiped one
/// is in its backup.
#[test]
fn a_set_with_vectors_that_is_killed() {
    let (cluster, vectors) = (need!("postgresql", cluster()), need!("milvus", server()).database());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n[stores.vectors]\nmilvus \
         = {{ url = \"{}\", database = \"{}\" }}\n",
        vectors.url(),
        vectors.name
    );

    let project =
        Project::new(&config).env("DATABASE_URL", &db.url).env("ALLOW_DATABASE_WIPE", "true");
    vectors.python(r#"simple("shop", 70, alias="front"); simple("docs", 9, text=True)"#);

    let state = || (cluster.fingerprint(&db.name), vectors.python("pictures()"));
    let old = state();
    project.backup();
    vectors.python(r#"c.delete("shop", filter="id > 10"); simple("later", 5)"#);
    cluster.sql(&db.name, "SET ROLE app; DELETE FROM orders");

    let new = state();
    let mut tried = 0;

    for (words, way_back) in [
        ("db-restore --latest --yes", "db-undo --yes"),
        ("db-wipe --backup --yes", "db-restore --latest --yes"),
    ] {
        let begun = std::time::Instant::now();
        let steps = project.ok(words).err.lines().filter(|l| l.starts_with("  ✓")).count();
        let whole = begun.elapsed();
        project.ok(way_back);
        assert!(state() == new, "{words} and {way_back}");
        for at in moments(steps, whole, 1) {
            let outcome = struck(&project, words, at, |child| signal(child, "KILL"));
            let after = format!("`{words}` and SIGKILL at {at:?} of {steps}: {outcome:?}");
            project.ok("db-repair");
            crate::real::until("its sessions have gone", || {
                crate::real::sessions(cluster, &db.name) == 0
            });

            let now = state();
            if words.starts_with("db-restore") {
                let database = which(&now.0, &old.0, &new.0);
                let vectors = which(&now.1, &old.1, &new.1);
                assert!(
                    now == old || now == new,
                    "{after}: the database is {database}, and the vectors are {vectors}: {}",
                    now.1
                );
            } else {
                let emptied = now.0.rows.values().all(|(rows, _)| *rows == 0);
                assert!(now.0 == new.0 || emptied, "{after}: the database");
                let lines = |picture: &str| {
                    picture.lines().map(String::from).collect::<std::collections::BTreeSet<_>>()
                };
                assert!(lines(&now.1).is_subset(&lines(&new.1)), "{after}: {}", now.1);
            }

            if now != new {
                project.ok(way_back);
            }

            assert!(state() == new, "{after}: and back by `{way_back}`");
            tried += 1;
        }
    }

    println!("a set with vectors: {tried} points, 0 lost data");
}

/// Which of two states it is in.
fn which<T: PartialEq>(now: &T, old: &T, new: &T) -> &'static str {
    match (now == old, now == new) {
        (true, _) => "old",
        (_, true) => "new",
        _ => "neither old nor new",
    }
}
