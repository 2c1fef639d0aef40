//! `db-doctor`: each problem that it knows, made here, is said with its cure.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Bench, DOCKER, HOST, Said, TOOL, database_facts, facts};
use crate::support::component::output;
use crate::support::need;

const CLUSTER: &str = "[project]\nname = \"shop\"\n[databases.main]\ncluster = \".db-tasks/pg\"\n";
const FILES: &str = "[stores.uploads]\nfiles = { path = \"uploads\" }\n";
const INSIDE: &str = "stop-during = [\"restore\"]\n[databases.main]\ncontainer = \
                      \"pg\"\n[stores.uploads]\ncontainer = \"pg\"\nfiles = { path = \"/srv\" }\n";

/// Makes something wrong.
type Make = fn(&Bench) -> &Bench;
/// The file, what is made wrong, the exit code (a note is no failure), the finding and its cure.
type Case = (String, Make, i32, &'static str, &'static str);

/// What the server says of itself, but for this.
fn server(bench: &Bench, change: impl Fn(&mut Value)) -> &Bench {
    let mut said = facts("app");
    change(&mut said);
    bench.facts("app", said)
}

/// A client of this version before the server.
fn client(bench: &Bench, version: u32) -> &Bench {
    bench.stage("says/client", version.to_string())
}

/// A psql that says this instead of an answer.
fn no_answer<'a>(bench: &'a Bench, words: &str) -> &'a Bench {
    bench.complains("psql", 2, &format!("psql: error: {words}\n"))
}

/// A good backup that no disk has room for twice more.
fn huge_backup(bench: &Bench) -> &Bench {
    let name = bench.with_backup();
    let manifest = format!("backups/{}.manifest.json", name.strip_suffix(".sql.zst").unwrap());
    let mut json = bench.manifest(&manifest);
    let bytes: u64 = 1 << 43;

    File::options()
        .write(true)
        .open(bench.dir.join("backups").join(name))
        .unwrap()
        .set_len(bytes)
        .unwrap();

    json["artifacts"][0]["bytes"] = bytes.into();

    bench.file(&manifest, json.to_string())
}

fn containers() -> Vec<Case> {
    let gone = "start the container, or check its name in `[containers]` (`docker ps -a`)";
    vec![
        (
            DOCKER.into(),
            |b| b.stage("containers/shop-pg", "exited\n"),
            1,
            "PROBLEM  container shop-pg: it is exited",
            "`docker start shop-pg`",
        ),
        (
            DOCKER.into(),
            |b| b.stage("containers/shop-pg", "exited\n"),
            1,
            "PROBLEM  database main: the container `shop-pg` is not running: it is exited",
            "start it: `docker start shop-pg`; if it does not stay up, `docker logs shop-pg` says \
             why",
        ),
        (
            DOCKER.replace("shop-pg", "shop-db"),
            |b| b,
            1,
            "PROBLEM  container pg: Error response from daemon: No such container: shop-db; could \
             not look at the container `shop-db`",
            gone,
        ),
        (
            DOCKER.into(),
            |b| {
                b.complains(
                    "exec",
                    126,
                    "OCI runtime exec failed: exec: \"psql\": executable file not found in $PATH\n",
                )
            },
            1,
            "PROBLEM  database main: OCI runtime exec failed: exec: \"psql\": executable file not \
             found in $PATH; could not ask the server in the container `shop-pg` about `app`",
            "the container has no PostgreSQL client: use the server's own container",
        ),
        (
            DOCKER.replace("[databases.main]\ncontainer = \"pg\"\n", INSIDE),
            |b| b,
            1,
            "PROBLEM  store uploads: `stores.uploads` is in the container `pg`, which is stopped \
             during a restore; a tree in a stopped container can't be changed",
            "remove it from `stop-during`; or give the store another container with the same \
             volume",
        ),
    ]
}

fn servers() -> Vec<Case> {
    let locks = "end them before a restore (pg_prepared_xacts, pg_replication_slots)";
    let host: Vec<(Make, i32, &'static str, &'static str)> = vec![
        (
            |b| {
                no_answer(
                    b,
                    "connection to server at \"localhost\", port 5432 failed: Connection refused",
                )
            },
            1,
            "PROBLEM  database main: connection to server at \"localhost\", port 5432 failed: \
             Connection refused; could not ask the server at `localhost` about `app`",
            "start the server, or check host and port (`db-config` shows where each comes from)",
        ),
        (
            |b| no_answer(b, "FATAL:  password authentication failed for user \"boss\""),
            1,
            "PROBLEM  database main: FATAL:  password authentication failed for user \"boss\"; \
             could not ask the server at `localhost` about `app`",
            "check the user and the password (`db-config` shows where each comes from)",
        ),
        (
            |b| server(b, |said| said["databases"] = json!([database_facts("other", 7)])),
            1,
            "PROBLEM  database main: database: there is no `app`",
            "create it, or restore a backup (`db-restore`)",
        ),
        (
            |b| client(b, 140_019),
            1,
            "PROBLEM  database main: client: pg_dump 14.19 is older than the server 15.18, and \
             can't dump it",
            "install the client of the server's version, and name its folder in `programs`",
        ),
        (
            |b| client(b, 150_010),
            0,
            "note     database main: client: psql 15.10 does not know `\\restrict` (CVE-2025-8714)",
            "update the PostgreSQL client; until then those lines are removed before psql reads \
             them",
        ),
        (
            |b| server(b, |said| said["role"]["createdb"] = json!(false)),
            1,
            "PROBLEM  database main: role: `boss` can't create databases, so restores can't be \
             staged",
            "`ALTER ROLE \"boss\" CREATEDB`; or restore with `--in-place`, which backs up first",
        ),
        (
            |b| server(b, |said| said["databases"][0]["owner"] = json!("other")),
            1,
            "PROBLEM  database main: owner: `boss` does not own the database, so a restore can't \
             be swapped in",
            "connect as its owner or as a superuser, or restore with `--in-place`",
        ),
        (
            |b| server(b, |said| said["prepared"] = json!(2)),
            1,
            "PROBLEM  database main: locks: the database is kept in use by 2 prepared transactions \
             and 0 logical slots",
            locks,
        ),
        (
            |b| server(b, |said| said["slots"] = json!(1)),
            1,
            "PROBLEM  database main: locks: the database is kept in use by 0 prepared transactions \
             and 1 logical slot",
            locks,
        ),
    ];

    let cluster = "nothing, or `db-start`: it is created when it is needed";
    let mut all: Vec<Case> = host
        .into_iter()
        .map(|(make, code, finding, cure)| (HOST.into(), make, code, finding, cure))
        .collect();
    all.push((
        CLUSTER.into(),
        |b| b,
        0,
        "note     database main: the project's own cluster does not exist yet",
        cluster,
    ));
    all
}

/// What goes on without a person. The bench has no sendmail on its PATH.
fn told() -> Vec<Case> {
    vec![
        (
            format!("{HOST}[notices.ops]\nto = [\"ops@shop.example\"]\n"),
            |b| b,
            1,
            "PROBLEM  notice ops: it is sent by `sendmail`, which is not on PATH",
            "install sendmail; until then each run warns, and nobody is told",
        ),
        (
            format!("{HOST}[metrics]\ntextfile = \"no-such/x.prom\"\n"),
            |b| b,
            1,
            "PROBLEM  `metrics.textfile`: there is no folder `[DIR]/no-such`",
            "make it, or correct `db-tasks.toml`; until then each run warns",
        ),
    ]
}

fn folders() -> Vec<Case> {
    let folder = "name the folder itself: this is not a folder, or it is a link to one";
    vec![
        (
            format!("{HOST}{FILES}"),
            |b| b,
            0,
            "note     store uploads: there is nothing at [DIR]/uploads",
            "create it, or correct `db-tasks.toml`",
        ),
        (
            format!("{HOST}{FILES}"),
            |b| b.file("uploads", "a file"),
            1,
            "PROBLEM  store uploads: could not open `[DIR]/uploads`; Not a directory (os error 20)",
            folder,
        ),
        (
            format!("{HOST}{FILES}optional = true\n"),
            |b| b.file("uploads", "a file"),
            0,
            "note     store uploads: could not open `[DIR]/uploads`; Not a directory (os error 20)",
            folder,
        ),
        (
            HOST.into(),
            |b| b.file("backups/lost.manifest.json", "{}"),
            0,
            "note     backup: lost.manifest.json is broken",
            "`db-info lost.manifest.json` says why",
        ),
    ]
}

/// The finding is there, its cure is the next line, and the exit code fits.
#[track_caller]
fn finds(said: Said, code: i32, finding: &str, cure: &str) {
    let said = said.exits(code);
    let lines: Vec<&str> = said.out.lines().collect();
    let at = lines
        .iter()
        .position(|line| *line == finding)
        .unwrap_or_else(|| panic!("no `{finding}` in:\n{}", said.out));
    assert_eq!(lines[at + 1], format!("         next: {cure}"), "{finding}");
    assert_eq!(lines.last() == Some(&"no problems"), code == 0, "{}", said.out);
}

#[test]
fn every_problem_has_its_cure() {
    for (toml, make, code, finding, cure) in
        containers().into_iter().chain(servers()).chain(told()).chain(folders())
    {
        let bench = Bench::new(&toml);
        make(&bench);
        finds(bench.run(&["db-doctor"]), code, finding, cure);
    }
}

#[test]
fn what_is_well_is_no_problem() {
    for toml in [HOST, DOCKER] {
        let bench = Bench::new(toml);
        bench.with_backup();

        let said = bench.run(&["db-doctor"]).exits(0);
        let (findings, last) = said.out.trim_end().rsplit_once('\n').unwrap();
        assert!(
            findings.lines().all(|line| line.starts_with("ok       ")) && last == "no problems",
            "{}",
            said.out
        );
    }
}

#[test]
fn a_disk_without_room_for_the_next_backup() {
    let bench = Bench::new(HOST);
    huge_backup(&bench);

    let said = bench.run(&["db-doctor"]).exits(1);
    let at = said.out.find("PROBLEM  disk: ").unwrap_or_else(|| panic!("{}", said.out));
    let mut lines = said.out[at..].lines();

    assert!(
        lines.next().unwrap().ends_with(" free, and the last backup takes 8.8 TB"),
        "{}",
        said.out
    );

    assert_eq!(lines.next(), Some("         next: free some space (`db-cleanup`)"));
}

#[test]
fn a_backup_folder_that_git_does_not_ignore() {
    let bench = Bench::new(HOST);
    need!("git", output(Command::new("git").args(["init", "-q"]).arg(&bench.dir)));
    let finding = "note     backup folder: git does not ignore it: dumps could be committed";
    finds(bench.run(&["db-doctor"]), 0, finding, "add `backups` to `.gitignore`");
    bench.file(".gitignore", "backups/\n");
    assert!(!bench.run(&["db-doctor"]).exits(0).out.contains("git"));
}

/// Words in front of a program that take root's rights to write everywhere.
fn bound() -> Result<Vec<&'static str>, String> {
    if output(Command::new("id").arg("-u"))? != "0" {
        return Ok(vec!["env"]);
    }
    let words = vec!["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
    output(Command::new(words[0]).args(&words[1..]).arg("true")).map(|_| words)
}

#[test]
fn a_backup_folder_that_may_not_be_written() {
    let words = need!("a user without root's rights", bound());
    let bench = Bench::new(HOST);
    let folder = bench.dir.join("backups");

    fs::create_dir(&folder).unwrap();
    let doctor = |bench: &Bench, mode: u32| {
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        let mut command = bench.command(words[0]);
        let out = command
            .args(&words[1..])
            .args([TOOL, "db-doctor"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Said::plain(bench.dir.parent().unwrap(), &["db-doctor"], &out)
    };

    let finding =
        "PROBLEM  backup folder: `[DIR]/backups` can't be written: Permission denied (os error 13)";
    finds(doctor(&bench, 0o500), 1, finding, "fix its permissions, or choose another `backup.dir`");

    doctor(&bench, 0o700).exits(0);
}

/// The last of two equal keys counts, as in every other reader of `.env`; nothing of a value is
/// shown.
#[test]
fn what_is_odd_in_dotenv_is_said() {
    let bench = Bench::new(&HOST.replace("database = \"app\"", "database = \"${NAME}\""));
    bench.file(".env", "NAME=other\nOPEN=\"s3cret\nNAME=app\nPW=s3cret$word\n");

    let said = bench.run(&["db-doctor"]).exits(0);

    for line in [
        "note     `.env`: `NAME` is set in lines 1, 3: the last one counts, line 3",
        "note     `.env`: line 2 (`OPEN`) can't be read: its quotation mark \" is not closed",
        "note     `.env`: line 4 refers to `word`, which is not set there and counts as empty; to \
         keep a `$` as it is, put the value in single quotation marks",
    ] {
        assert!(said.out.lines().any(|l| l == line), "{}", said.out);
    }

    assert!(!said.out.contains("s3cret") && said.out.contains("`app` exists"), "{}", said.out);
    // one that is needed is told
    bench.file(".env", "NAME='s3cret\n");
    bench.run(&["db-backup"]).exits(2).error(
        "line 1 of `.env`, which sets `NAME`, can't be read\n  its quotation mark ' is not \
         closed\n  next: put the value in single quotation marks, on one line, or set it in the \
         environment; `--no-dotenv` ignores `.env`",
    );
}

/// An optional store that is down makes a backup partial. One that `db-tasks.toml` says wrongly
/// would make every backup partial, and nobody would know.
#[test]
fn a_mistake_about_an_optional_store_is_no_store_that_is_down() {
    let tree = DOCKER.replace("[databases.main]\ncontainer = \"pg\"\n", INSIDE);
    for (toml, wrong) in [
        (tree, "which is stopped during a restore"),
        (format!("{HOST}[stores.v]\nmilvus = {{ url = \"http://\" }}\n"), "which names no host"),
    ] {
        let bench = Bench::new(&format!("{toml}optional = true\n"));
        let said = bench.run(&["db-backup", "--auto"]).exits(2);
        assert!(said.err.contains(wrong), "{}", said.err);
        let said = bench.run(&["db-doctor"]).exits(1);
        assert!(said.out.contains("PROBLEM  store") && said.out.contains(wrong), "{}", said.out);
        assert!(bench.names_in("backups").is_empty());
    }
}
