//! The "Database Management Guide" of a framework with PostgreSQL and its coordinators in containers.

use super::{Repo, shape};
use crate::real::{same, until};
use crate::support::component::{output, unique};
use crate::support::docker::{Engine, IMAGE, PASSWORD, engine};
use crate::support::server::Server;
use crate::support::{need, watchdog};
use std::fs;
use std::process::Command;

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
        watchdog::at_exit(&format!("DOCKER_HOST='{}' docker rm -vf {all}", engine.docker_host));
        let exec = ["docker", "exec", "-i", &format!("{name}-postgres")].map(String::from).into();
        let server = Server {
            prefix: exec,
            bin: String::new(),
            options: ["-U", "bigskies"].map(String::from).into(),
            env: vec![("DOCKER_HOST".into(), engine.docker_host.clone())],
        };
        let stack = Self { engine, name, server };
        stack.database()?;
        stack.coordinators()?;
        Ok(stack)
    }

    fn of(&self, role: &str) -> String {
        format!("{}-{role}", self.name)
    }

    /// A new database in a new volume, and the schema that bootstrap's migrations make.
    fn database(&self) -> Result<(), String> {
        let password = format!("POSTGRES_PASSWORD={PASSWORD}");
        let named = self.of("postgres");
        let run = ["run", "-d", "--name", &named, "--network", "none", "-e", &password, "-e", "POSTGRES_USER=bigskies"];
        self.engine.docker(&[&run[..], &[IMAGE, "postgres", "-c", "fsync=off"]].concat())?;
        // the first server of a new container is on its socket alone
        let there = ["exec", &named, "psql", "-XqAt", "-h", "127.0.0.1", "-U", "bigskies", "-c", "SELECT 1"];
        until("the database is up", || self.engine.docker(&there).is_ok());
        self.server.try_sql(
            "bigskies",
            "CREATE TABLE users (id int PRIMARY KEY, name text); CREATE TABLE coordinator_config (key text PRIMARY KEY, value text);
             CREATE TABLE schema_migrations (version int); INSERT INTO schema_migrations VALUES (7)",
        )?;
        Ok(())
    }

    /// Two that hold a connection for as long as they run.
    fn coordinators(&self) -> Result<(), String> {
        let network = format!("container:{}", self.of("postgres"));
        for role in ["bootstrap", "datastore"] {
            let (name, password) = (self.of(role), format!("PGPASSWORD={PASSWORD}"));
            let run = ["run", "-d", "--name", &name, "--network", &network, "-e", &password, "--entrypoint", "psql", IMAGE];
            self.engine.docker(&[&run[..], &["-h", "127.0.0.1", "-U", "bigskies", "-c", "SELECT pg_sleep(3600)"]].concat())?;
        }
        until("the coordinators are connected", || self.connected() == "2");
        Ok(())
    }

    fn connected(&self) -> String {
        self.server
            .sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'bigskies' AND query LIKE '%pg_sleep(3600)%'")
    }

    fn down(&self) {
        for role in ["bootstrap", "datastore", "postgres"] {
            self.engine.docker(&["rm", "-vf", &self.of(role)]).unwrap();
        }
    }
}

#[test]
fn the_guide_from_top_to_bottom() {
    let engine = need!("docker", engine());
    need!("make", output(Command::new("make").arg("--version")));
    need!("script", crate::bench::terminal::available());
    let stack = need!("container", Stack::up(engine));
    let repo = Repo::of("big-skies").env("DOCKER_HOST", &engine.docker_host).env("BIGSKIES", &stack.name);
    let server = &stack.server;
    server.sql("bigskies", "INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 500) i");
    let before = server.fingerprint("bigskies");

    // quick backup: a file of that name, gzip, whole
    let said = repo.ok("make -s db-backup");
    let names = repo.names("backups/database");
    assert_eq!(shape(&names[1]), GZ, "{names:?}");
    assert!(said.err.contains(&format!("to restore it: db-restore {}", names[1])), "{}", said.err);
    let file = repo.dir.join("backups/database").join(&names[1]);
    output(Command::new("gunzip").arg("-t").arg(&file)).unwrap();

    // interactive restore: the list, the word, coordinators stopped and started
    server.sql("bigskies", "DELETE FROM users");
    repo.typed("make -s db-restore", "1\nno\n").ends_with(2, "declined");
    assert_eq!(stack.connected(), "2");
    let said = repo.typed("make -s db-restore", "1\nyes\n").ends_with(0, "docker logs -f");
    for words in
        [format!("stop the container {}", stack.of("bootstrap")), format!("start the container {}", stack.of("datastore"))]
    {
        assert!(said.out.contains(&words), "{words}: {}", said.out);
    }
    same(&server.fingerprint("bigskies"), &before);
    until("the coordinators are connected again", || stack.connected() == "2");

    // direct restore
    server.sql("bigskies", "DROP TABLE users");
    repo.fails(&format!("./scripts/db-restore.sh backups/database/{}", names[1]), 3, "give `--yes`");
    repo.typed(&format!("./scripts/db-restore.sh backups/database/{}", names[1]), "yes\n").ends_with(0, "");
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

    // direct access: psql, a command, a file
    assert!(repo.ok("sh scripts/db shell -c 'SELECT count(*) FROM users'").out.contains("500"));
    fs::write(repo.dir.join("my_script.sql"), "SELECT 'from a file';").unwrap();
    assert!(repo.ok("sh scripts/db shell -f my_script.sql").out.contains("from a file"));

    // scenario 1: before risky changes; and the way back without a backup
    server.sql("bigskies", "ALTER TABLE users DROP COLUMN name");
    repo.ok("make -s db-restore LATEST=1 YES=1");
    same(&server.fingerprint("bigskies"), &before);
    repo.ok("sh scripts/db undo --yes");
    assert!(server.try_sql("bigskies", "SELECT name FROM users").is_err());
    repo.ok("sh scripts/db undo --yes");

    // scenario 4: a backup that was copied here from another machine
    let copied = repo.dir.join("backups/database/bigskies_backup_20250101_000000.sql.gz");
    fs::copy(&file, &copied).unwrap();
    server.sql("bigskies", "DELETE FROM users");
    repo.ok(&format!("make -s db-restore YES=1 FILE={}", copied.display()));
    same(&server.fingerprint("bigskies"), &before);

    // restore fails: try the file, and try it beside the live database
    repo.ok(&format!("sh scripts/db verify {}", names[1])).ends_with(0, "is good");
    repo.ok("sh scripts/db restore --latest --as bigskies_test");
    assert_eq!(server.sql("bigskies_test", "SELECT count(*) FROM users"), "500");
    let broken = fs::read(&file).unwrap();
    fs::write(repo.dir.join("cut.sql.gz"), &broken[..broken.len() / 2]).unwrap();
    repo.fails("sh scripts/db restore --yes --file cut.sql.gz", 1, "cut off");

    // scenarios 3 and 5: everything is gone, bootstrap has made an empty schema, the backup brings it back
    stack.down();
    repo.fails("make -s db-backup", 2, "start the container, or check its name");
    stack.database().unwrap();
    stack.coordinators().unwrap();
    repo.ok("make -s db-restore LATEST=1 YES=1");
    let now = server.fingerprint("bigskies");
    assert_eq!(now.rows, before.rows);

    // backup fails: the container is not running
    engine.docker(&["stop", "-t", "1", &stack.of("postgres")]).unwrap();
    repo.fails("sh scripts/db backup --auto", 1, &format!("start {}", stack.of("postgres")));
    repo.fails("sh scripts/db status --check", 1, "exited");
    repo.fails("sh scripts/db doctor", 1, "next:");
    engine.docker(&["start", &stack.of("postgres")]).unwrap();

    // retention: the foreign file stays, whatever its age
    let said = repo.ok("make -s db-cleanup DRY_RUN=1").out;
    assert!(said.contains("bigskies_backup_20250101_000000.sql.gz: it is not one of ours"), "{said}");
    stack.down();
}
