//! The codes of problems, as a program reads them when something real goes wrong.

use std::fs;

use serde_json::{Value, json};

use super::{Project, tiny_host};
use crate::support::cluster::{cluster, free_port};
use crate::support::component::unique;
use crate::support::need;

/// The `outcome` of a command's document.
#[track_caller]
fn outcome(project: &Project, words: &str) -> Value {
    let said = project.run(&format!("{words} --json"));
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| {
        panic!("{words}: {e}\n{}\n{}", said.out, said.err);
    });
    document["outcome"].clone()
}

#[track_caller]
fn ends(project: &Project, words: &str, exit: i32, code: &str) {
    let outcome = outcome(project, words);
    assert_eq!(
        (&outcome["exit"], &outcome["problem"]["code"]),
        (&json!(exit), &json!(code)),
        "{words}: {outcome}"
    );
}

#[test]
fn a_program_can_tell_what_went_wrong() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let backup = project.backup();

    ends(&project, "db-restore nosuch --yes", 2, "no-such-backup");
    ends(&project, "db-undo --yes", 1, "nothing-to-undo");
    ends(&project, "db-reset --force", 2, "config");
    ends(&project, "db-wipe --yes", 3, "guard");

    let copy = format!("{}_copy", db.name);
    project.ok(&format!("db-restore --latest --as {copy}"));
    ends(&project, &format!("db-restore --latest --as {copy}"), 3, "name-taken");

    let mut bytes = fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&backup, bytes).unwrap();
    ends(&project, "db-verify --latest", 1, "backup-damaged");
    let name = backup.file_name().unwrap().to_str().unwrap();
    ends(&project, &format!("db-restore {name} --yes"), 1, "backup-damaged");

    cluster.sql("postgres", &format!("ALTER DATABASE {0} RENAME TO {0}__1", db.name));
    ends(&project, "db-backup", 1, "no-such-database");
    cluster.sql("postgres", &format!("ALTER DATABASE {0}__1 RENAME TO {0}", db.name));
}

#[test]
fn a_server_that_does_not_answer_is_told_from_one_that_refuses() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let port = free_port();
    let away = Project::host(&format!("postgresql://postgres@127.0.0.1:{port}/{}", db.name));
    ends(&away, "db-backup", 1, "server-unreachable");
    let wrong = Project::host(&format!("{}?sslmode=maybe", db.url));
    ends(&wrong, "db-backup", 1, "config");

    // one that may log in, and read nothing; a wrong password; one that does not exist
    let role = unique("codes");
    cluster.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    let by = |role: &str, password: &str| {
        let url = format!("postgresql://{role}:{password}@127.0.0.1:{}/{}", cluster.port, db.name);
        Project::host(&url)
    };
    ends(&by(&role, "x"), "db-backup", 1, "rights-missing");
    ends(&by(&role, "y"), "db-backup", 1, "login-refused");
    ends(&by("nobody_at_all", "x"), "db-backup", 1, "login-refused");

    cluster.sql("postgres", &format!("DROP ROLE {role}"));
}
