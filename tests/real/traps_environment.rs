//! What stands around a run: variables, clocks, other stores, who may read what.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use super::{Project, same, tiny, tiny_host};
use crate::support::cluster::{PASSWORD, cluster};
use crate::support::component::{output, unique};
use crate::support::need;

#[test]
fn t33_what_a_person_has_set_for_psql_changes_nothing() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let touched = project.home().join("touched");

    fs::write(
        project.home().join(".psqlrc"),
        format!("\\! touch {}\n\\set ON_ERROR_STOP off\n\\quit\n", touched.display()),
    )
    .unwrap();

    fs::write(
        project.home().join(".pg_service.conf"),
        "[elsewhere]\nhostaddr=203.0.113.1\nconnect_timeout=1\n",
    )
    .unwrap();

    let mut project = project;

    for (name, value) in [
        ("PGOPTIONS", "-c default_transaction_read_only=on -c search_path=nowhere"),
        ("PGSERVICE", "elsewhere"),
        ("PGDATABASE", "template1"),
        ("PGHOST", "203.0.113.1"),
        ("PGHOSTADDR", "203.0.113.1"),
        ("PGPORT", "1"),
        ("PGUSER", "nobody"),
        ("PGCLIENTENCODING", "SQL_ASCII"),
        ("PGCONNECT_TIMEOUT", "1"),
        ("PGTZ", "Asia/Kathmandu"),
        ("PGDATESTYLE", "German"),
        ("PAGER", "false"),
        ("PSQLRC", "/nonexistent"),
    ] {
        project = project.env(name, value);
    }

    let before = cluster.fingerprint(&db.name);
    project.backup();
    cluster.sql(&db.name, "DROP TABLE orders");
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &before);

    assert!(!touched.exists());
}

#[test]
fn t33_a_url_without_a_host_is_not_completed_by_leftover_variables() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    // the guards hold a socket for this machine: libpq must not go to another one
    let socket = cluster.dir.display().to_string();
    let project = Project::host(&format!("postgresql://postgres@/{}", db.name));
    let project = project.env("PGHOST", &socket).env("PGPORT", &cluster.port.to_string());

    let said = project.run("db-backup --auto");
    assert_ne!(
        said.code,
        Some(0),
        "a variable led to another server than the one that was guarded: {said:?}"
    );
}

#[test]
fn t34_a_set_says_when_each_database_was_dumped() {
    let cluster = need!("postgresql", cluster());
    let (a, b) = (cluster.database(), cluster.database());
    tiny(cluster, &a.name);
    tiny(cluster, &b.name);

    let project = Project::new(
        "[databases.a]\npostgres = { url = \"${A}\" }\n[databases.b]\npostgres = { url = \"${B}\" \
         }\n[backup]\nname = \"set_{timestamp}/{store}.{ext}\"\n",
    );
    let project = project.env("A", &a.url).env("B", &b.url);
    let set = project.backup();
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(set.join("manifest.json")).unwrap()).unwrap();
    let started: Vec<&str> =
        [0, 1].map(|i| manifest["artifacts"][i]["started"].as_str().unwrap()).into();

    assert!(started[0] < started[1] && started[0] > "2020", "{started:?}");
    let before = (cluster.fingerprint(&a.name), cluster.fingerprint(&b.name));

    for db in [&a, &b] {
        cluster.sql(&db.name, "DELETE FROM orders");
    }

    project.ok("db-verify");
    project.ok("db-restore --latest --yes --database b");
    assert_eq!(cluster.sql(&a.name, "SELECT count(*) FROM orders"), "0");
    same(&cluster.fingerprint(&b.name), &before.1);
    // all of it, where nothing else is said; and where one can't follow, neither is replaced
    cluster.sql(&b.name, "DELETE FROM orders");

    let held = super::Held::new(cluster, &b.name, "SELECT 1");
    project.fails("db-restore --latest --yes", 1, "being accessed by other users");
    assert_eq!([&a, &b].map(|db| cluster.sql(&db.name, "SELECT count(*) FROM orders")), ["0", "0"]);
    drop(held);
    project.ok("db-restore --latest --yes");

    same(&cluster.fingerprint(&a.name), &before.0);
    same(&cluster.fingerprint(&b.name), &before.1);
}

/// The command lines of a process and of all that it started, and of no other test's programs.
fn command_lines(of: u32) -> String {
    let processes: Vec<(u32, u32, String)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|process| {
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            let line = fs::read(process.path().join("cmdline")).ok()?;
            let pid = process.file_name().to_str()?.parse().ok()?;
            Some((pid, parent, String::from_utf8_lossy(&line).into_owned()))
        })
        .collect();

    let mut ours = vec![of];
    while let Some((pid, ..)) =
        processes.iter().find(|(pid, parent, _)| ours.contains(parent) && !ours.contains(pid))
    {
        ours.push(*pid);
    }

    processes.into_iter().filter(|(pid, ..)| ours.contains(pid)).map(|(.., line)| line).collect()
}

fn everything_below(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            everything_below(&entry.path(), into);
        } else {
            fs::File::open(entry.path()).unwrap().read_to_end(into).unwrap();
        }
    }
}

#[test]
fn t35_the_password_is_nowhere_to_be_read() {
    need!("/proc", Path::new("/proc/self/cmdline").exists().then_some(()).ok_or("it is Linux's"));
    let cluster = need!("postgresql", cluster());
    let (_db, project) = tiny_host(cluster);
    let mut read = String::new();

    let words = [
        "db-backup --auto --compress none",
        "db-verify --deep",
        "db-restore --latest --yes",
        "db-undo --yes",
        "db-config",
        "db-status",
        "db-doctor",
    ];

    let mut watched = |words: &str| {
        let mut child = project.command(words).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let lines = command_lines(child.id());
            assert!(!lines.contains(PASSWORD), "{words}: in a command line");
            read.push_str(&lines);
            std::thread::sleep(std::time::Duration::from_millis(3));
        }

        let out = child.wait_with_output().unwrap();
        assert!(!format!("{out:?}").contains(PASSWORD), "{words}: in what it says");
        read.contains("psql") && read.contains("pg_dump")
    };
    words.into_iter().for_each(|words| {
        watched(words);
    });
    // on a busy machine a short program may be over before anybody looks
    let seen = (0..50).any(|_| watched("db-backup --auto"));
    assert!(seen, "those of its programs were read");

    let wrong = Project::host(&cluster.url("nowhere").replace(PASSWORD, "hush-hush"));
    for words in ["db-backup --auto", "db-restore --latest --yes --dry-run", "db-status"] {
        assert!(!format!("{:?}", wrong.run(words)).contains("hush-hush"));
    }

    let mut files = Vec::new();
    everything_below(&project.dir, &mut files);
    assert!(!String::from_utf8_lossy(&files).contains(PASSWORD), "in a file");
}

#[test]
fn t36_names_are_utc_and_never_collide() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let project = project.env("TZ", "Pacific/Kiritimati");
    let day = || output(Command::new("date").args(["-u", "+%Y%m%d_%H"])).unwrap();
    let before = day();

    let made: std::collections::BTreeSet<_> = (0..4).map(|_| project.backup()).collect();
    assert_eq!(made.len(), 4, "{made:?}");

    for file in &made {
        let name = file.file_name().unwrap().to_str().unwrap();
        let at = name.strip_prefix(&format!("{}_", db.name)).unwrap();
        assert!(at.starts_with(&before) || at.starts_with(&day()), "{name} is not UTC");
        project.ok(&format!("db-verify {name}"));
    }

    let listed = project.ok("db-list --json").out;
    let newest = made.iter().map(|p| fs::metadata(p).unwrap().modified().unwrap()).max();
    let named = |p: &&std::path::PathBuf| fs::metadata(p).unwrap().modified().ok() == newest;
    let newest = made.iter().find(named).unwrap().file_name().unwrap().to_str().unwrap();
    let first = listed.find(newest).unwrap();

    assert!(
        made.iter()
            .all(|p| listed.find(p.file_name().unwrap().to_str().unwrap()).unwrap() >= first),
        "{listed}"
    );
}

#[test]
fn t40_nothing_but_the_result_is_on_standard_output() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let said = project.ok("db-backup --auto --json");
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON and nothing else");

    assert!(json["backups"][0].is_object(), "{json}");
    assert_eq!(project.ok("db-restore --latest --yes").out.trim(), db.name);

    for words in ["db-list --json", "db-status --json", "db-config --json"] {
        serde_json::from_str::<serde_json::Value>(&project.ok(words).out).expect(words);
    }
}

/// Limits that a role has for its application end none of our sessions, the second one included.
#[test]
fn t52_timeouts_of_the_role_end_no_restore() {
    let cluster = need!("postgresql", cluster());
    let (role, db) = (unique("r"), cluster.database());
    let limits = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    let limits: String =
        limits.iter().map(|name| format!("ALTER ROLE {role} SET {name} = '300ms'; ")).collect();

    cluster.sql("postgres", &format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'pw'; {limits}"));
    cluster.sql(
        &db.name,
        "CREATE TABLE a AS SELECT 1 AS a; CREATE MATERIALIZED VIEW slow AS SELECT \
         pg_sleep(1)::text AS x",
    );

    let project =
        Project::host(&format!("postgresql://{role}:pw@127.0.0.1:{}/{}", cluster.port, db.name));
    let before = cluster.fingerprint(&db.name);
    project.ok("db-backup --auto");

    for words in
        ["db-verify --deep", "db-restore --latest --yes", "db-restore --latest --yes --in-place"]
    {
        project.ok(words);
        same(&cluster.fingerprint(&db.name), &before);
    }

    cluster.drop_all(&db.name);
    cluster.sql("postgres", &format!("DROP ROLE {role}"));
}

/// Event triggers that forbid to drop, or note what is dropped, are dropped first.
#[test]
fn t52_event_triggers_see_nothing_of_a_restore_in_place() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    cluster.sql(
        &db.name,
        "CREATE TABLE a AS SELECT 1 AS a; CREATE SCHEMA audit; CREATE TABLE audit.seen (what \
         text);
         CREATE FUNCTION audit.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT \
         INTO audit.seen VALUES (tg_tag); END $$;
         CREATE FUNCTION never() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE \
         EXCEPTION 'no drops here'; END $$;
         CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION audit.note(); CREATE EVENT \
         TRIGGER gone ON sql_drop EXECUTE FUNCTION audit.note();
         CREATE EVENT TRIGGER never ON ddl_command_start WHEN tag IN ('DROP TABLE', 'DROP SCHEMA') \
         EXECUTE FUNCTION never()",
    );

    let project = Project::host(&db.socket_url);
    let before = cluster.fingerprint(&db.name);
    project.ok("db-backup --auto");
    project.ok("db-restore --latest --yes --in-place");
    same(&cluster.fingerprint(&db.name), &before);
}
