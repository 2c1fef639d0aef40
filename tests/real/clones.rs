//! Two clones of one repo, and one database: the second one is told who is at work, and changes
//! nothing.

use std::process::Child;

use super::{Project, TOOL, family, same, signal, tiny, until};
use crate::bench::terminal::{self, Terminal};
use crate::support::cluster::{Cluster, cluster};
use crate::support::need;

/// A clone whose restores stand still, all of them begun, until a file is there.
fn still(url: &str) -> Project {
    clone(
        url,
        "",
        "[hooks]\nbefore-restore = 'touch begun; until [ -e go ]; do sleep 0.05; done'\n",
    )
}

fn clone(url: &str, database: &str, more: &str) -> Project {
    let name = url.rsplit('/').next().unwrap();
    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\"{database} }}\n{more}\n"
    );
    Project::new(&config)
        .env("DATABASE_URL", url)
        .env("ALLOW_DATABASE_WIPE", "true")
        .env("USER", name)
}

fn begun(project: &Project, words: &str) -> Child {
    let child = project.command(words).spawn().unwrap();
    until("still running", || project.dir.join("begun").exists());
    child
}

/// Sessions that hold a database for a run of ours.
fn locks(cluster: &Cluster, db: &str) -> String {
    cluster.sql(
        "postgres",
        &format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^db-tasks at work/.* \
             {db}@'"
        ),
    )
}

/// A terminal sends Ctrl-C to all of its foreground group: to psql as to us.
#[test]
fn ctrl_c_at_a_terminal_does_not_give_up_the_lock() {
    need!("a `script` of util-linux", terminal::available());
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);
    let slow = clone(
        &db.url,
        "",
        "[hooks]\nbefore-restore = \"trap '' INT TERM; touch begun; sleep 1\"\n",
    );
    slow.backup();
    let before = cluster.fingerprint(&db.name);

    let line = format!("exec {TOOL} db-restore --latest --yes");
    let mut person = Terminal::of(slow.program("script"), &line);
    until("begun", || slow.dir.join("begun").exists());
    person.types("\x03");
    let screen = person.ends(130);

    assert!(!screen.contains("warning"), "{screen}");
    assert_eq!(cluster.fingerprint(&db.name), before);
    assert_eq!(locks(cluster, &db.name), "0");
}

#[test]
fn the_second_clone_is_told_who_is_at_work() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let first = still(&db.url);
    // it asks in another database of the server
    let second =
        clone(&db.url, ", maintenance-database = \"template1\"", "[hooks]\nmigrate = 'true'\n");
    let backup = second.backup();
    let backup = backup.file_name().unwrap().to_string_lossy();

    first.backup();
    let before = cluster.fingerprint(&db.name);
    let mut at_work = begun(&first, "db-restore --latest --yes");

    for words in [
        format!("db-restore {backup} --yes"),
        format!("db-restore {backup} --yes --in-place"),
        "db-reset --force".into(),
        "db-wipe --yes".into(),
        "db-verify --deep --yes".into(),
        "db-migrate".into(),
    ] {
        let said =
            second.fails(&words, 5, &format!("another run is using the database `{}`", db.name));
        for part in [
            &format!("it is db-restore {}@", db.name),
            "since 20",
            "nothing was changed",
            "next: wait until it is done",
        ] {
            assert!(said.err.contains(part), "{words}: {}", said.err);
        }
    }

    same(&cluster.fingerprint(&db.name), &before);
    // what takes nothing away goes on, and so does what is about another database
    second.ok("db-backup --auto");
    second.ok("db-restore --latest --dry-run");

    let copy = format!("{}_copy", db.name);
    second.ok(&format!("db-restore {backup} --yes --as {copy}"));
    cluster.sql("postgres", &format!("DROP DATABASE {copy}"));

    let audit = std::fs::read_to_string(second.dir.join(".db-tasks/audit.jsonl")).unwrap();
    assert!(audit.contains("\"exit\":5"), "{audit}");

    first.write("go", "");
    assert!(at_work.wait().unwrap().success());
    same(&cluster.fingerprint(&db.name), &before);
    second.ok(&format!("db-restore {backup} --yes"));
}

#[test]
fn the_lock_of_a_run_that_was_killed_is_gone() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let first = still(&db.url);
    first.backup();

    let mut at_work = begun(&first, "db-restore --latest --yes");
    signal(&at_work, "KILL");
    at_work.wait().unwrap();
    first.write("go", "");

    let second = clone(&db.url, "", "");
    second.backup();
    second.ok("db-restore --latest --yes");
}

#[test]
fn a_clean_up_waits_for_the_clone_that_is_at_work() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let first = still(&db.url);
    first.backup();

    // a run of the second clone is killed when its staged database is there
    let second = clone(&db.url, "", "");
    second.backup();

    let mut killed = second.command("db-restore --latest --yes").spawn().unwrap();
    let staged = format!("{}__staged", db.name);
    until("it has staged", || family(cluster, &db.name).contains(&staged));
    signal(&killed, "KILL");
    killed.wait().unwrap();

    let before = cluster.fingerprint(&db.name);
    let mut at_work = begun(&first, "db-restore --latest --yes");

    let said = second.fails("db-repair", 1, "another run is using the database");
    assert!(said.err.contains("clean-up is not finished"), "{}", said.err);
    assert!(family(cluster, &db.name).contains(&staged), "it may be the other's");
    second.fails("db-restore --latest --yes", 5, "another run is using the database");

    first.write("go", "");
    assert!(at_work.wait().unwrap().success());
    second.ok("db-repair");
    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(locks(cluster, &db.name), "0");
}

#[test]
fn a_lock_that_was_lost_is_told() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let first = still(&db.url);
    first.backup();

    let at_work = begun(&first, "db-restore --latest --yes");
    let ended = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name ~ \
         '^db-tasks at work/.* {}@'",
        db.name
    );

    assert_eq!(cluster.sql("postgres", &ended), "1");
    first.write("go", "");

    let said = super::Said::of(at_work.wait_with_output().unwrap());
    said.ends_with(0, "the session with this run's lock was terminated meanwhile");
}

/// Whoever looked while another run was at work is told so, whatever became of the database
/// meanwhile: nobody reads psql's words for it.
#[test]
fn clones_that_race_are_told_who_was_first() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let clones = [(); 2].map(|()| clone(&db.url, "", "[hooks]\nmigrate = 'true'\n"));
    clones.iter().for_each(|clone| drop(clone.backup()));

    let mut second = 0;

    for [a, b] in RACES {
        for turn in 0..5 {
            let first = clones[0].command(a).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(turn * 37));

            let other = super::Said::of(clones[1].command(b).output().unwrap());
            let first = super::Said::of(first.wait_with_output().unwrap());
            for (words, said) in [(a, first), (b, other)] {
                let is_named = said.err.contains(&format!("database `{}`", db.name));
                let is_told = is_named
                    && said.err.contains("nothing was changed")
                    && said.err.contains("next: ");
                assert!(
                    said.code == Some(0) || said.code == Some(5) && is_told,
                    "{a} | {b}: {words}: {}",
                    said.err
                );

                second += u32::from(said.code == Some(5));
            }
        }
    }

    assert!(second > 0, "nobody was in anybody's way");
    clones[0].ok("db-status");
    assert_eq!(locks(cluster, &db.name), "0");
}

const RACES: [[&str; 2]; 6] = [
    ["db-restore --latest --yes", "db-restore --latest --yes"],
    ["db-restore --latest --yes", "db-reset --force"],
    ["db-undo --yes", "db-restore --latest --yes"],
    ["db-wipe --yes", "db-restore --latest --yes"],
    ["db-restore --latest --yes --in-place", "db-restore --latest --yes"],
    ["db-backup --auto", "db-backup --auto"],
];
