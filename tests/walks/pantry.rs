//! The "Database Backup and Restore" page of a food pantry's data project: dumps in a data
//! repository, a ratchet, and databases that begin from `latest.sql`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Repo, shape};
use crate::real::same;
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::output;
use crate::support::need;

const CREATE: &str = "sh scripts/create-sql-dump.sh";
const INIT: &str = "sh scripts/db-init.sh";

/// The document's counts: organizations, locations, services.
const TABLES: &str = "SET ROLE app;
    CREATE TABLE organization (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE location (id int PRIMARY KEY, organization int REFERENCES organization);
    CREATE TABLE service (id int PRIMARY KEY, location int REFERENCES location);
    INSERT INTO organization SELECT i, 'pantry ' || i FROM generate_series(1, 1000) i;
    INSERT INTO location SELECT i, i FROM generate_series(1, 1000) i;
    INSERT INTO service SELECT i, i FROM generate_series(1, 500) i;";

/// The application's folder, the data repository, and a database.
struct Pantry {
    repo: Repo,
    dumps: PathBuf,
    db: TempDb,
}

impl Pantry {
    /// `./bouy up`, with a data repository that git keeps.
    fn up(cluster: &Cluster) -> Self {
        let db = cluster.database();
        let repo = Repo::of("pantry");
        let data = repo.home.path().join("data-repo");
        let dumps = data.join("sql_dumps");
        fs::create_dir_all(&dumps).unwrap();

        let page =
            fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/git.md"))
                .unwrap();
        let block = |name: &str| {
            let (_, rest) = page.split_once(&format!("```{name}\n")).unwrap();
            rest.split_once("```").unwrap().0.to_owned()
        };
        fs::write(data.join(".gitignore"), block("gitignore")).unwrap();
        fs::write(data.join(".gitattributes"), block("gitattributes")).unwrap();
        git(&data, "init -q -b main");

        let (address, _) = db.url.rsplit_once('/').unwrap();
        let (who, host) = address.split_once("://").unwrap().1.rsplit_once('@').unwrap();
        let (user, password) = who.split_once(':').unwrap();
        let (host, port) = host.rsplit_once(':').unwrap();
        let repo = repo
            .env("POSTGRES_HOST", host)
            .env("POSTGRES_PORT", port)
            .env("POSTGRES_USER", user)
            .env("POSTGRES_PASSWORD", password)
            .env("POSTGRES_DB", &db.name)
            .env("SQL_DUMP_DIR", dumps.to_str().unwrap())
            .env("GIT_AUTHOR_NAME", "pantry")
            .env("GIT_AUTHOR_EMAIL", "pantry@example.org")
            .env("GIT_COMMITTER_NAME", "pantry")
            .env("GIT_COMMITTER_EMAIL", "pantry@example.org");

        Self { repo, dumps, db }
    }

    /// The dumps, without manifests and the like.
    fn dumps(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.dumps)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".sql") && name != "latest.sql")
            .collect();
        names.sort();
        names
    }

    fn latest(&self) -> String {
        fs::read_link(self.dumps.join("latest.sql")).unwrap().to_str().unwrap().to_owned()
    }

    fn commits(&self) -> usize {
        git(self.dumps.parent().unwrap(), "rev-list --count HEAD").parse().unwrap()
    }
}

fn git(folder: &std::path::Path, words: &str) -> String {
    output(Command::new("git").arg("-C").arg(folder).args(words.split(' '))).unwrap()
}

#[test]
fn creating_dumps_and_what_keeps_them_safe() {
    let cluster = need!("postgresql", cluster());
    need!("git", output(Command::new("git").arg("--version")));
    let pantry = Pantry::up(cluster);
    let (repo, db) = (&pantry.repo, &pantry.db.name);

    // "Empty or small SQL dumps": the database has not been populated
    repo.fails(CREATE, 7, "at least 100");
    assert!(!pantry.dumps.join("latest.sql").exists());

    // pantry_pirate_radio_YYYY-MM-DD_HH-MM-SS.sql, and latest.sql
    cluster.sql(db, TABLES);
    repo.ok(CREATE);
    let first = pantry.latest();
    let named = shape(&first.replace(db.as_str(), ""));
    assert!(named.starts_with("_0000-00-00_00-00-00"), "{named}");
    assert_eq!(pantry.commits(), 1);

    // plain SQL, complete, with `--no-owner --no-privileges --if-exists --clean`
    let text = fs::read_to_string(pantry.dumps.join(&first)).unwrap();
    assert!(text.contains("DROP TABLE IF EXISTS public.service;"), "{text}");
    assert!(!text.contains("OWNER TO") && !text.contains("GRANT"), "{text}");

    // the ratchet file, as the page shows it
    let ratchet = fs::read_to_string(pantry.dumps.join(".record_count_ratchet")).unwrap();
    let ratchet: Value = serde_json::from_str(&ratchet).unwrap();
    assert_eq!(ratchet["max_record_count"], 2500);
    assert!(ratchet["updated_at"].is_string() && ratchet["updated_by"].is_string(), "{ratchet}");

    // nothing has changed: no dump, no commit
    let said = repo.ok(CREATE);
    assert!(said.err.contains("nothing has changed") || said.err.contains("same"), "{}", said.err);
    assert_eq!((pantry.latest(), pantry.commits()), (first.clone(), 1));

    // 90 % of the previous maximum are wanted
    cluster.sql(db, "DELETE FROM service; ");
    let said = repo.fails(CREATE, 7, "2,500");
    assert!(said.err.contains("--accept-shrink") || said.err.contains("ALLOW_EMPTY_SQL_DUMP"));
    assert_eq!((pantry.latest(), pantry.commits()), (first.clone(), 1), "latest stays");

    // SQL_DUMP_RATCHET_PERCENTAGE and ALLOW_EMPTY_SQL_DUMP
    repo.fails(&format!("SQL_DUMP_RATCHET_PERCENTAGE=0.95 {CREATE}"), 7, "95 %");
    repo.ok(&format!("ALLOW_EMPTY_SQL_DUMP=true {CREATE}"));
    assert_ne!(pantry.latest(), first);
    assert_eq!(pantry.commits(), 2);

    // "Out of disk space: remove old SQL dumps": never the last good one
    repo.ok("sh scripts/db cleanup --keep-days 0 --min-keep 0 --keep-last 1 --yes");
    let left: Vec<String> =
        pantry.dumps().into_iter().filter(|name| !name.contains("shrunken")).collect();
    assert_eq!(left, [pantry.latest()]);
    repo.ok("sh scripts/db verify --deep");
}

#[test]
fn a_database_that_begins_from_latest() {
    let cluster = need!("postgresql", cluster());
    let pantry = Pantry::up(cluster);
    let (repo, db) = (&pantry.repo, &pantry.db.name);
    cluster.sql(db, TABLES);
    repo.ok(CREATE);
    let before = cluster.fingerprint(db);
    let drop_it = |name: &str| {
        cluster.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    };

    // ./bouy up --with-init, on a new volume; and again
    drop_it(db);
    assert_eq!(
        repo.ok(&format!("SKIP_DB_INIT=true {INIT}")).out.trim(),
        "SKIP_DB_INIT is set: nothing was prepared"
    );
    assert!(!cluster.exists(db));

    let said = repo.ok(&format!("DB_INIT_DAYS_TO_SYNC=30 {INIT}"));
    assert!(said.err.contains("syncing the last 30 days"), "{}", said.err);
    assert_eq!(cluster.fingerprint(db).rows, before.rows);
    assert!(repo.ok(INIT).out.contains("nothing to prepare"));

    // TESTING=true ./bouy up --with-init: a database of its own
    let tests = "pantry_pirate_radio_test";
    let _held = cluster.named(tests);
    repo.ok(&format!("TESTING=true {INIT}"));
    assert_eq!(cluster.fingerprint(tests).rows, before.rows);

    // the page's own commands by hand still work with these dumps: DROP, CREATE, psql < FILE
    drop_it(db);
    cluster.sql("postgres", &format!("CREATE DATABASE {db} OWNER app"));
    let file = pantry.dumps.join(pantry.latest());
    let (url, path) = (&pantry.db.url, file.display());
    repo.ok(&format!("psql -qX -v ON_ERROR_STOP=1 '{url}' <{path}"));
    assert_eq!(cluster.fingerprint(db).rows, before.rows);

    // and so does ours, over data, with a way back
    cluster.sql(db, "SET ROLE app; DELETE FROM service");
    let changed = cluster.fingerprint(db);
    repo.ok("sh scripts/db restore latest.sql --yes");
    assert_eq!(cluster.fingerprint(db).rows, before.rows);
    repo.ok("sh scripts/db undo --yes");
    same(&cluster.fingerprint(db), &changed);

    // "SQL dump restore fails": each thing to check is said
    repo.fails("sh scripts/db restore no-such.sql --yes", 2, "no-such.sql");
    let cut = fs::read_to_string(&file).unwrap();
    fs::write(pantry.dumps.join("cut.sql"), &cut[..cut.len() / 2]).unwrap();
    repo.fails("sh scripts/db restore cut.sql --yes --trust", 1, "cut short");
    same(&cluster.fingerprint(db), &changed);

    // "Verify data integrity", "Database Status": counts of each table
    let said = repo.ok("sh scripts/db status --exact").out;
    assert!(said.contains("public.organization") && said.contains("1,000"), "{said}");
    repo.fails("sh scripts/db status --check --min-rows 3000", 1, "");
}

/// Dumps of the old script, as git brought them: no manifest, and the times of the checkout.
#[test]
fn dumps_of_the_old_script_are_enough() {
    let cluster = need!("postgresql", cluster());
    let pantry = Pantry::up(cluster);
    let (repo, db) = (&pantry.repo, &pantry.db.name);
    cluster.sql(db, TABLES);
    repo.ok(CREATE);
    let before = cluster.fingerprint(db);

    let latest = pantry.latest();
    let old = format!("{db}_2024-01-15_10-30-00.sql");
    for entry in fs::read_dir(&pantry.dumps).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if name == latest {
            fs::rename(&entry, pantry.dumps.join(&old)).unwrap();
        } else {
            fs::remove_file(&entry).unwrap();
        }
    }
    std::os::unix::fs::symlink(&old, pantry.dumps.join("latest.sql")).unwrap();
    fs::write(
        pantry.dumps.join(".record_count_ratchet"),
        r#"{"max_record_count": 25000, "updated_at": "2024-01-15T10:30:00", "updated_by": "create-sql-dump.sh"}"#,
    )
    .unwrap();

    cluster.sql("postgres", &format!("DROP DATABASE {db} WITH (FORCE)"));
    repo.ok(INIT);
    assert_eq!(cluster.fingerprint(db).rows, before.rows);

    // its ratchet counts, and its dump can be taken among ours
    repo.fails(CREATE, 7, "25,000");
    repo.ok(&format!("sh scripts/db adopt {old} --yes"));
    repo.ok(&format!("sh scripts/db verify {old}"));
}
