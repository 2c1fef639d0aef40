//! A psql that its run has started, and that connects only once the next run has cleaned up.

use std::fs;

use super::kill::programs_in;
use super::{Project, Said, same, sessions, tiny, until};
use crate::support::cluster::{Cluster, cluster};
use crate::support::need;

/// A psql that kills its run before it connects to make the change, and waits until it may go on.
fn late(cluster: &Cluster, project: &Project) -> String {
    let psql = cluster.bin.join("psql");
    // what holds a lock says no end of its input: what has come so far is looked at
    let script = format!(
        "heard=$(mktemp); timeout 0.3 cat >\"$heard\"\nif grep -qE 'is connected|RENAME \
         TO|TRUNCATE TABLE' \"$heard\" && mkdir killed; then kill -KILL $PPID; until [ -e go ]; do \
         sleep 0.05; done; fi\n{{ cat \"$heard\"; rm \"$heard\"; cat; }} | {} \"$@\"",
        psql.display()
    );

    let bin = project.shim("psql", &script);
    std::os::unix::fs::symlink(cluster.bin.join("pg_dump"), bin.join("pg_dump")).unwrap();

    bin.display().to_string()
}

#[test]
fn what_comes_after_the_clean_up_changes_nothing() {
    let cluster = need!("postgresql", cluster());

    for (words, with_files) in [
        ("db-undo --yes", true),
        ("db-restore --latest --yes", true),
        ("db-undo --yes", false),
        ("db-wipe --yes", false),
    ] {
        let db = cluster.database();
        tiny(cluster, &db.name);
        let store = "[stores.uploads]\nfiles = { path = \"uploads\" }\n";
        let config = format!(
            "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{}",
            if with_files { store } else { "" }
        );
        let project =
            Project::new(&config).env("DATABASE_URL", &db.url).env("ALLOW_DATABASE_WIPE", "true");

        project.write("uploads/a.txt", "old");
        project.backup();
        project.write("uploads/a.txt", "new");
        cluster.sql(&db.name, "SET ROLE app; DELETE FROM orders");
        if words.starts_with("db-undo") {
            project.ok("db-restore --latest --yes");
        }

        let files = || fs::read_to_string(project.dir.join("uploads/a.txt")).unwrap();
        let before = (cluster.fingerprint(&db.name), files());
        let bin = late(cluster, &project);
        let killed = Said::of(project.command(words).env("DB_TASKS_PG_BIN", bin).output().unwrap());
        assert_eq!(killed.code, None, "{words}: {killed:?}");

        project.ok("db-repair");
        same(&cluster.fingerprint(&db.name), &before.0);
        assert_eq!(files(), before.1, "{words}: the files");

        project.write("go", "");
        until("its programs have ended", || programs_in(&project.dir) == 0);
        until("its sessions have gone", || sessions(cluster, &db.name) == 0);

        same(&cluster.fingerprint(&db.name), &before.0);
        assert_eq!(files(), before.1, "{words}: the files, in the end");
    }
}
