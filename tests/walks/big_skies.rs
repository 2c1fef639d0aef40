//! The "Database Management Guide" of a framework with PostgreSQL and its coordinators in
//! containers.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use chrono::Datelike;

use super::{Repo, shape};
use crate::real::{same, until};
use crate::support::component::{output, unique};
use crate::support::docker::{Engine, IMAGE, PASSWORD, engine};
use crate::support::server::{Fingerprint, Server};
use crate::support::{need, watchdog};

const GZ: &str = "bigskies_backup_00000000_000000.sql.gz";

/// The containers of the document, under names of this test's own.
struct Stack {
    engine: &'static Engine,
    name: String,
    server: Server,
}

impl Stack {
    fn up(engine: &'static Engine) -> Result<Self, String> {
        let name = unique("bigskies");
        let of = |role: &str| format!("{name}-{role}");
        let all = ["bootstrap", "datastore", "postgres"].map(of).join(" ");
        let (host, data) = (&engine.docker_host, format!("{name}_postgres_data"));

        watchdog::at_exit(&format!(
            "export DOCKER_HOST='{host}'; docker rm -vf {all}; docker volume rm -f {data}"
        ));
        let exec = ["docker", "exec", "-i", &format!("{name}-postgres")].map(String::from).into();
        let server = Server {
            prefix: exec,
            bin: String::new(),
            options: ["-U", "bigskies"].map(String::from).into(),
            env: vec![("DOCKER_HOST".into(), engine.docker_host.clone())],
        };

        let stack = Self { engine, name, server };
        stack.start()?;

        Ok(stack)
    }

    fn of(&self, role: &str) -> String {
        format!("{}-{role}", self.name)
    }

    /// `make docker-up`: the database in its volume, new or not, bootstrap's migrations, the
    /// coordinators.
    fn start(&self) -> Result<(), String> {
        self.database(&["postgres", "-c", "fsync=off"])?;
        // the first server of a new container is on its socket alone
        let there = [
            "exec",
            &self.of("postgres"),
            "psql",
            "-XqAt",
            "-h",
            "127.0.0.1",
            "-U",
            "bigskies",
            "-c",
            "SELECT 1",
        ];

        until("the database is up", || self.engine.docker(&there).is_ok());
        self.migrations()?;

        self.coordinators()
    }

    fn database(&self, words: &[&str]) -> Result<(), String> {
        let password = format!("POSTGRES_PASSWORD={PASSWORD}");
        let (named, data) =
            (self.of("postgres"), format!("{}_postgres_data:/var/lib/postgresql/data", self.name));

        let run = [
            "run",
            "-d",
            "--name",
            &named,
            "--network",
            "none",
            "-v",
            &data,
            "-e",
            &password,
            "-e",
            "POSTGRES_USER=bigskies",
        ];
        self.engine.docker(&[&run[..], &[IMAGE], words].concat()).map(drop)
    }

    /// What is there already is no matter to them.
    fn migrations(&self) -> Result<(), String> {
        let tables = "CREATE TABLE IF NOT EXISTS users (id int PRIMARY KEY, name text);
             CREATE TABLE IF NOT EXISTS coordinator_config (key text PRIMARY KEY, value text);
             CREATE TABLE IF NOT EXISTS schema_migrations (version int);
             INSERT INTO schema_migrations SELECT 7 WHERE NOT EXISTS (SELECT FROM \
                      schema_migrations)";
        self.server.try_sql("bigskies", tables).map(drop)
    }

    /// Two that hold a connection for as long as they run.
    fn coordinators(&self) -> Result<(), String> {
        let network = format!("container:{}", self.of("postgres"));

        for role in ["bootstrap", "datastore"] {
            let (name, password) = (self.of(role), format!("PGPASSWORD={PASSWORD}"));
            let run = [
                "run",
                "-d",
                "--name",
                &name,
                "--network",
                &network,
                "-e",
                &password,
                "--entrypoint",
                "psql",
                IMAGE,
            ];

            self.engine.docker(
                &[&run[..], &["-h", "127.0.0.1", "-U", "bigskies", "-c", "SELECT pg_sleep(3600)"]]
                    .concat(),
            )?;
        }

        until("the coordinators are connected", || self.connected() == "2");

        Ok(())
    }

    fn connected(&self) -> String {
        self.server.sql(
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'bigskies' AND query LIKE \
             '%pg_sleep(3600)%'",
        )
    }

    /// `make docker-down`: the volume stays.
    fn down(&self) {
        for role in ["bootstrap", "datastore", "postgres"] {
            self.engine.docker(&["rm", "-vf", &self.of(role)]).unwrap();
        }
    }

    /// `make docker-purge`, `docker volume rm`: all of it goes.
    fn purge(&self) {
        self.down();
        self.engine.docker(&["volume", "rm", &format!("{}_postgres_data", self.name)]).unwrap();
    }
}

#[test]
fn the_guide_from_top_to_bottom() {
    let engine = need!("docker", engine());
    need!("make", output(Command::new("make").arg("--version")));
    need!("script", crate::bench::terminal::available());

    let stack = need!("container", Stack::up(engine));
    let repo =
        Repo::of("big-skies").env("DOCKER_HOST", &engine.docker_host).env("BIGSKIES", &stack.name);
    let server = &stack.server;

    server
        .sql("bigskies", "INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 500) i");
    let before = server.fingerprint("bigskies");

    // quick backup: a file of that name, gzip, whole
    let said = repo.ok("make -s db-backup");
    let names = repo.names("backups/database");
    assert_eq!(shape(&names[1]), GZ, "{names:?}");

    assert!(
        said.err.contains("to restore it: ") && said.err.contains(&format!("restore {}", names[1])),
        "{}",
        said.err
    );

    let file = repo.dir.join("backups/database").join(&names[1]);
    output(Command::new("gunzip").arg("-t").arg(&file)).unwrap();

    // "Recent backups", at a terminal
    let said = repo
        .typed("make -s db-backup ARGS='--output-dir second --only main'", "")
        .ends_with(0, "recent backups:");
    assert!(
        said.out
            .lines()
            .any(|line| line.starts_with("  bigskies_backup_") && line.contains("just now")),
        "{}",
        said.out
    );

    // interactive restore: the list, the word, coordinators stopped and started
    server.sql("bigskies", "DELETE FROM users");
    repo.typed("make -s db-restore", "1\nno\n").ends_with(2, "declined");
    assert_eq!(stack.connected(), "2");

    let said = repo.typed("make -s db-restore", "1\nyes\n").ends_with(0, "docker logs -f");

    for words in [
        format!("stop the container {}", stack.of("bootstrap")),
        format!("start the container {}", stack.of("datastore")),
    ] {
        assert!(said.out.contains(&words), "{words}: {}", said.out);
    }

    same(&server.fingerprint("bigskies"), &before);
    until("the coordinators are connected again", || stack.connected() == "2");

    // direct restore
    server.sql("bigskies", "DROP TABLE users");
    repo.fails(&format!("./scripts/db-restore.sh backups/database/{}", names[1]), 3, "use `--yes`");

    repo.typed(&format!("./scripts/db-restore.sh backups/database/{}", names[1]), "yes\n")
        .ends_with(0, "");
    same(&server.fingerprint("bigskies"), &before);

    // status: container, connection, size, tables
    let status = repo.ok("make -s db-status").out;

    for words in [
        &stack.of("postgres"),
        "running",
        "PostgreSQL",
        "as bigskies",
        "size",
        "public.users",
        "public.coordinator_config",
        &names[1],
    ] {
        assert!(status.contains(words), "{words} is not in:\n{status}");
    }

    direct_access(&repo);
    scenarios(&stack, &repo, &before);
    troubleshooting(&stack, &repo, &before);
    retention(&repo);
    stack.purge();
}

/// "Direct Database Access": psql, a command, a file.
fn direct_access(repo: &Repo) {
    let said = repo.typed(
        "make -s db-shell",
        "\\pset pager off\n\\dt\n\\d coordinator_config\nSELECT 'rows: ' || count(*) FROM \
         users;\n\\q\n",
    );

    for words in ["schema_migrations", "coordinator_config_pkey", "rows: 500"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }

    said.ends_with(0, "");
    assert!(
        repo.ok("make -s db-shell ARGS=\"-c 'SELECT count(*) FROM users'\"").out.contains("500")
    );
    assert!(repo.ok("sh scripts/db shell -c 'SELECT count(*) FROM users'").out.contains("500"));
    fs::write(repo.dir.join("my_script.sql"), "SELECT 'from a file';").unwrap();
    assert!(repo.ok("sh scripts/db shell -f my_script.sql").out.contains("from a file"));

    assert!(repo.ok("cat my_script.sql | sh scripts/db shell").out.contains("from a file"));
}

/// The name of the newest backup.
fn newest(repo: &Repo) -> String {
    repo.names("backups/database").into_iter().rfind(|name| name.ends_with(".sql.gz")).unwrap()
}

/// "Common Scenarios", and the manual backup.
fn scenarios(stack: &Stack, repo: &Repo, before: &Fingerprint) {
    let (server, name) = (&stack.server, &newest(repo));
    // 1: before risky changes; and the way back without a backup
    server.sql("bigskies", "ALTER TABLE users DROP COLUMN name");
    stack.engine.docker(&["restart", "-t", "1", &stack.of("bootstrap")]).unwrap();
    repo.ok("make -s db-restore LATEST=1 YES=1");
    same(&server.fingerprint("bigskies"), before);

    repo.ok("sh scripts/db undo --yes");
    assert!(server.try_sql("bigskies", "SELECT name FROM users").is_err());
    repo.ok("sh scripts/db undo --yes");

    // 2: a fresh start that keeps the data
    repo.ok("make -s db-backup");
    stack.down();
    repo.fails("make -s db-backup", 2, "start the container, or check its name");
    stack.start().unwrap();
    repo.ok("make -s db-status").ends_with(0, "public.users");

    same(&server.fingerprint("bigskies"), before);

    // 4: a backup that was copied here from another machine, by its name and by its number in the
    // list
    let (copied, file) =
        ("bigskies_backup_20250101_000000.sql.gz", repo.dir.join("backups/database"));
    fs::copy(file.join(name), file.join(copied)).unwrap();
    server.sql("bigskies", "DELETE FROM users");
    repo.ok(&format!("make -s db-restore YES=1 FILE=backups/database/{copied}"));
    same(&server.fingerprint("bigskies"), before);

    server.sql("bigskies", "DELETE FROM users");
    let list = repo.ok("make -s db-list").out;
    let at = list
        .lines()
        .filter(|line| line.contains("bigskies_backup_"))
        .position(|line| line.contains(copied))
        .unwrap();

    repo.typed("make -s db-restore", &format!("{}\nyes\n", at + 1))
        .ends_with(0, &format!("from {copied}"));
    same(&server.fingerprint("bigskies"), before);

    // the manual backup, and the one of "Backup Fails"
    let dump = format!("docker exec {} pg_dump -U bigskies bigskies", stack.of("postgres"));

    for (made, file) in [
        ("| gzip > my_backup.sql.gz", "my_backup.sql.gz"),
        ("> manual_backup.sql", "manual_backup.sql"),
    ] {
        repo.ok(&format!("{dump} {made}"));
        server.sql("bigskies", "DELETE FROM users");
        repo.ok(&format!("make -s db-restore YES=1 FILE={file}"));
        same(&server.fingerprint("bigskies"), before);
    }

    // 5: what can be read; here, all of it
    repo.ok("make -s db-backup ARGS='--salvage --output-dir saved'")
        .ends_with(0, "all of it can be read");
    // 3: ./scripts/update-pgpass.sh, before anything is up
    repo.ok("make -s db-pgpass");

    // 3 and 5: everything is gone, bootstrap has made an empty schema, the backup brings it back
    stack.purge();
    stack.start().unwrap();
    assert_eq!(server.sql("bigskies", "SELECT count(*) FROM users"), "0");
    repo.ok("make -s db-restore LATEST=1 YES=1");
    assert_eq!(server.fingerprint("bigskies").rows, before.rows);
}

fn troubleshooting(stack: &Stack, repo: &Repo, before: &Fingerprint) {
    let (server, name) = (&stack.server, &newest(repo));
    // "Database already exists": what is there is left alone
    stack.migrations().unwrap();
    repo.ok("make -s db-prepare").ends_with(0, "has 3 tables: nothing to prepare");
    assert_eq!(server.fingerprint("bigskies").rows, before.rows);

    // "Restore Fails": try the file, and try it next to the live database
    repo.ok(&format!("sh scripts/db verify {name}")).ends_with(0, "is good");
    repo.ok("sh scripts/db restore --latest --as bigskies_test");
    assert_eq!(server.sql("bigskies_test", "SELECT count(*) FROM users"), "500");

    let whole = fs::read(repo.dir.join("backups/database").join(name)).unwrap();
    fs::write(repo.dir.join("cut.sql.gz"), &whole[..whole.len() / 2]).unwrap();
    repo.fails("sh scripts/db restore --yes --file cut.sql.gz", 1, "cut short");

    // "Backup Fails": the container is not running
    stack.engine.docker(&["stop", "-t", "1", &stack.of("postgres")]).unwrap();
    repo.fails("sh scripts/db backup --auto", 1, &format!("start {}", stack.of("postgres")));
    repo.fails("sh scripts/db status --check", 1, "exited");
    repo.fails("sh scripts/db doctor", 1, "next:");

    // "Database Won't Start": it ends as soon as it begins, and a new one is filled from the backup
    stack.purge();
    stack.database(&["postgres", "-c", "no_such_setting=1"]).unwrap();
    until("it has ended", || repo.run("sh scripts/db status").out.contains("exited"));
    repo.fails("sh scripts/db doctor", 1, "it is exited");
    repo.fails("make -s db-restore LATEST=1 YES=1", 2, "is not running");

    stack.purge();

    // "Volume Not Persisting": an empty database says so, and what is prepared is the newest backup
    stack.start().unwrap();
    server.sql("bigskies", "DROP TABLE users, coordinator_config, schema_migrations");
    repo.ok("make -s db-status")
        .ends_with(0, "tables       none: it is empty (`db-restore` fills it from a backup");
    repo.ok("make -s db-prepare");
    assert_eq!(server.fingerprint("bigskies").rows, before.rows);
}

/// "Backup Rotation": 7 daily, 4 weekly, 12 monthly.
fn retention(repo: &Repo) {
    let folder = repo.dir.join("backups/database");
    let first = folder.join(
        repo.names("backups/database")
            .iter()
            .find(|name| name.ends_with(".manifest.json"))
            .unwrap(),
    );

    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(first).unwrap()).unwrap();
    let bytes = fs::read(folder.join(json["artifacts"][0]["file"].as_str().unwrap())).unwrap();
    let now = chrono::Utc::now();
    let name = |days: i64| {
        format!("bigskies_backup_{}", (now - chrono::Duration::days(days)).format("%Y%m%d_000000"))
    };

    for days in 1..500 {
        json["created"] = (now - chrono::Duration::days(days)).to_rfc3339().into();
        json["artifacts"][0]["file"] = format!("{}.sql.gz", name(days)).into();
        fs::write(folder.join(format!("{}.manifest.json", name(days))), json.to_string()).unwrap();
        fs::write(folder.join(format!("{}.sql.gz", name(days))), &bytes).unwrap();
    }

    let said = repo.ok("make -s db-cleanup DRY_RUN=1").out;
    // the foreign file stays, whatever its age
    assert!(
        said.contains("bigskies_backup_20250101_000000.sql.gz: it is not one of ours"),
        "{said}"
    );
    repo.ok("make -s db-cleanup YES=1");

    let left = repo.names("backups/database");
    let kept: Vec<i64> =
        (1..500).filter(|days| left.contains(&format!("{}.sql.gz", name(*days)))).collect();
    assert!((1..7).all(|days| kept.contains(&days)), "{kept:?}");

    let day = |days: i64| now - chrono::Duration::days(days);
    let weeks: BTreeSet<_> = kept
        .iter()
        .chain([&0])
        .map(|days| (day(*days).iso_week().year(), day(*days).iso_week().week()))
        .collect();

    let months: BTreeSet<_> =
        kept.iter().chain([&0]).map(|days| (day(*days).year(), day(*days).month())).collect();
    assert_eq!(months.len(), 12, "{kept:?}");
    assert!(weeks.contains(&(day(21).iso_week().year(), day(21).iso_week().week())), "{kept:?}");
    // six of the days, three more weeks, eleven more months, and no more than that
    assert!((15..=20).contains(&kept.len()), "{kept:?}");
    assert!(
        kept.iter().all(|days| left.contains(&format!("{}.manifest.json", name(*days)))),
        "{left:?}"
    );

    repo.ok("make -s db-verify").ends_with(0, "is good");
}
