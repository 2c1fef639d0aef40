//! A set is of one time, whatever can't be removed or comes late.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::struck_sets::Set as _;
use super::super::{Held, family, signal, tiny, until};
use super::{Ground, Project, cluster, tree};
use crate::support::component::output;
use crate::support::need;

/// Files that nobody can remove, until it is dropped.
struct Fixed(PathBuf);

impl Fixed {
    fn new(file: &Path, all: &Path) -> Result<Self, String> {
        output(Command::new("chattr").arg("+i").arg(file)).map(|_| Self(all.to_owned()))
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        drop(Command::new("chattr").args(["-R", "-f", "-i"]).arg(&self.0).status());
    }
}

#[test]
fn what_can_not_be_removed_leaves_no_half_of_a_set() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let old = ground.state();
    ground.project.backup();

    let _fixed = need!("chattr", Fixed::new(&ground.path("uploads/b.bin"), &ground.path("")));
    ground.project.ok("db-restore --latest --yes");
    for round in 0..3 {
        ground.cluster.sql(&ground.db.name, "DELETE FROM orders");
        fs::write(ground.path("uploads/upload-of-today"), "new").unwrap();
        ground.project.ok("db-restore --latest --yes").ends_with(0, "they do no harm");
        ground.is(&old, &format!("restore {round}"));
        assert_eq!(ground.project.ok("db-repair").out.trim(), "nothing to repair");
    }

    ground.project.ok("db-undo --yes");
    assert_eq!(fs::read_to_string(ground.path("uploads/upload-of-today")).unwrap(), "new");
}

/// A restore is killed between the first swap and the last, people go on, and the repair comes
/// late.
#[test]
fn a_repair_that_comes_late_removes_nothing_that_was_used() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    project.backup();
    ground.change();

    let new = ground.state();
    // a superuser's session, which the application's role may not end: the database waits for it
    let held = Held::new(ground.cluster, &ground.db.name, "SELECT 1");
    let mut child = project.command("db-restore --latest --yes").spawn().unwrap();

    until("the trees are swapped", || {
        ground.path("uploads/b.bin").exists() && ground.path("audio/pod.mp3").exists()
    });
    until("both are", || !ground.path("audio/new.mp3").exists());
    signal(&child, "KILL");
    child.wait().unwrap();
    drop(held);

    fs::write(ground.path("uploads/a/upload"), "of a person").unwrap();
    let said = project.ok("db-repair");
    until("its sessions have gone", || {
        super::super::sessions(ground.cluster, &ground.db.name) == 0
    });
    ground.is(&new, "a repair");

    let kept = returned(&ground.path("uploads.db-tasks"));
    assert_eq!(fs::read_to_string(kept.join("a/upload")).unwrap(), "of a person");
    assert!(said.err.contains(&kept.display().to_string()), "{said:?}");

    // nobody used the other one
    assert!(
        fs::read_dir(ground.path("audio.db-tasks"))
            .into_iter()
            .flatten()
            .flatten()
            .all(|e| !is_returned(&e.path()))
    );

    // it is no part of a backup, and no later restore takes it away
    project.backup();
    project.ok("db-restore --latest --yes");
    project.ok("db-restore --latest --yes");
    assert_eq!(tree(&kept).get(Path::new("a/upload")).unwrap().2, b"of a person");
}

fn is_returned(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with("returned-")
}

fn returned(aside: &Path) -> PathBuf {
    fs::read_dir(aside)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .find(|path| is_returned(path))
        .expect("what was used is kept")
}

/// A database that was swapped in before the run was killed may have been used, too.
#[test]
fn a_late_repair_keeps_a_database_that_was_live() {
    let cluster = need!("postgresql", cluster());
    let (one, two) = (cluster.database(), cluster.database());
    for db in [&one, &two] {
        tiny(cluster, &db.name);
    }

    let config = "[databases.a]\npostgres = { url = \"${ONE}\" }\n[databases.b]\npostgres = { url \
                  = \"${TWO}\" }\n[backup]\nname = \"set_{timestamp}/{database}.{ext}\"\n";
    let project = Project::new(config).env("ONE", &one.url).env("TWO", &two.url);
    project.backup();
    cluster.sql(&one.name, "DELETE FROM orders");

    let held = Held::new(cluster, &two.name, "SELECT 1");
    let mut child = project.command("db-restore --latest --yes").spawn().unwrap();
    until("the first is swapped", || {
        family(cluster, &one.name).contains(&format!("{}__previous", one.name))
    });
    signal(&child, "KILL");
    child.wait().unwrap();

    drop(held);
    cluster.sql(&one.name, "INSERT INTO people (name) VALUES ('came later')");
    project.ok("db-repair");

    assert_eq!(
        cluster.sql(&one.name, "SELECT count(*) FROM orders"),
        "0",
        "the old one is live again"
    );

    let failed = format!("{}__failed", one.name);
    assert_eq!(cluster.sql(&failed, "SELECT count(*) FROM people WHERE name = 'came later'"), "1");
    cluster.sql("postgres", &format!("DROP DATABASE \"{failed}\""));
}
