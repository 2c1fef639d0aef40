//! The session that clears the way for a change that never comes.

use std::process::Command;
use std::time::{Duration, Instant};

use super::kill::programs_in;
use super::{Held, Project, Said, same, sessions, tiny_host, until};
use crate::support::cluster::{Cluster, cluster};
use crate::support::need;

/// A psql that kills its run in place of making the change; who clears the way for it comes late,
/// when all others of the run have gone.
fn killing(cluster: &Cluster, project: &Project) -> String {
    let psql = cluster.bin.join("psql");
    // what holds a lock says no end of its input: what has come so far is looked at
    let script = format!(
        "heard=$(mktemp); timeout 0.3 cat >\"$heard\"\nif grep -q 'DO .way.' \"$heard\"; then sleep \
         1\nelif grep -q 'is connected' \"$heard\" && mkdir killed; then\necho db-tasks is \
         connected; cat >/dev/null; kill -KILL $PPID; exit 2; fi\n{{ cat \"$heard\"; rm \"$heard\"; \
         cat; }} | {} \"$@\"",
        psql.display()
    );

    let bin = project.shim("psql", &script);
    std::os::unix::fs::symlink(cluster.bin.join("pg_dump"), bin.join("pg_dump")).unwrap();

    bin.display().to_string()
}

#[test]
fn who_clears_the_way_cuts_nobody_off_for_a_change_that_never_comes() {
    let cluster = need!("postgresql", cluster());

    for words in ["db-undo --yes", "db-wipe --yes"] {
        let (db, project) = tiny_host(cluster);
        let project = project.env("ALLOW_DATABASE_WIPE", "true");
        project.backup();
        project.ok("db-restore --latest --yes");

        let before = cluster.fingerprint(&db.name);
        // of the same role: another's would be named, and end it
        let mut psql = Command::new(cluster.bin.join("psql"));
        psql.env("PGAPPNAME", "bystander").args(["-d", &db.url]);

        let bystander = Held::of(psql, "SELECT 1");
        let bin = killing(cluster, &project);
        let killed = project.command(words).env("DB_TASKS_PG_BIN", bin).output().unwrap();
        assert_eq!(Said::of(killed.clone()).code, None, "{words}: {killed:?}");

        let begun = Instant::now();
        until("its programs have ended", || programs_in(&project.dir) == 0);
        until("its sessions have gone", || sessions(cluster, &db.name) == 0);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(8), "{words}: it waited {took:?} for nothing");

        let there = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bystander' AND \
             datname = '{}'",
            db.name
        );
        assert_eq!(cluster.sql("postgres", &there), "1", "{words}: the bystander was cut off");
        drop(bystander);

        project.ok("db-repair");
        same(&cluster.fingerprint(&db.name), &before);
    }
}
