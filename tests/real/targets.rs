//! Which server and which database is meant: guards and hooks go by who answers, not by what an
//! address looks like.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use super::{Project, family, tiny, tiny_host};
use crate::support::cluster::{Cluster, cluster, free_port, programs};
use crate::support::docker::{Options, container, engine};
use crate::support::need;

/// What an ssh tunnel, cloud-sql-proxy or `kubectl port-forward` is to a client: somebody who
/// listens here and talks to there. It ends with this process.
fn tunnel(from: SocketAddr, to: u16) -> Result<(), String> {
    let listener = TcpListener::bind(from).map_err(|e| e.to_string())?;
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            for (mut a, mut b) in
                [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
            {
                std::thread::spawn(move || {
                    let mut bytes = [0; 65536];
                    while let Ok(n @ 1..) = a.read(&mut bytes) {
                        if b.write_all(&bytes[..n]).is_err() {
                            break;
                        }
                    }
                    let _ = b.shutdown(Shutdown::Write);
                });
            }
        }
    });

    Ok(())
}

/// An address of this machine that is not its loopback's. Nothing is sent: a datagram's socket
/// knows its own end.
fn own_address() -> Result<IpAddr, String> {
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(|s| s.connect("192.0.2.1:9").map(|()| s));
    let address = socket.and_then(|s| s.local_addr()).map_err(|e| e.to_string())?.ip();
    if address.is_loopback() {
        Err("this machine has no address but its loopback's".into())
    } else {
        Ok(address)
    }
}

/// By host, host list, `host=`, `hostaddr=` and a service, the same server: what libpq reaches is
/// what is judged.
#[test]
fn t48_a_guard_judges_the_address_that_libpq_reaches() {
    let cluster = need!("postgresql", cluster());
    let ip = need!("address", own_address());
    let port = free_port();

    need!("tunnel", tunnel((ip, port).into(), cluster.port));
    let (db, project) = tiny_host(cluster);
    project.backup();

    let services =
        project.write("services", format!("[prod]\nhostaddr={ip}\n[named]\nhost={ip}\n"));
    let (who, name) = (db.url.split_once('@').unwrap().0, &db.name);
    for rest in [
        format!("{ip}:{port}/{name}"),
        format!("127.0.0.1:{0},{ip}:{port}/{name}", cluster.port),
        format!("/{name}?host={ip}&port={port}"),
        format!("localhost:{port}/{name}?hostaddr={ip}"),
        format!("localhost:{port}/{name}?service=prod"),
        format!(":{port}/{name}?service=named"),
    ] {
        let url = format!("{who}@{rest}");
        let other = Project::in_folder(
            &project.dir,
            "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
        );
        let other =
            other.env("DATABASE_URL", &url).env("PGSERVICEFILE", services.to_str().unwrap());
        let said = other.fails("db-restore --latest --yes", 3, "host");
        assert!(said.err.contains(&format!("is on `{ip}`")), "{rest}: {}", said.err);
        assert!(said.err.contains("guards.allowed-hosts"), "{}", said.err);
        // a backup takes nothing away
        other.ok("db-backup --auto");
    }

    assert_eq!(family(cluster, name), std::slice::from_ref(name));
    let listed = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n[guards]\nallowed-hosts \
         = [\"{ip}\"]\n"
    );
    let listed = Project::in_folder(&project.dir, &listed)
        .env("DATABASE_URL", &format!("{who}@{ip}:{port}/{name}"));

    listed.ok("db-restore --latest --yes");
}

/// What the shell has left over leads nobody elsewhere, where the project says where its database
/// is.
#[test]
fn t48_a_left_over_variable_leads_nowhere() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let project = project
        .env("PGHOSTADDR", "192.0.2.7")
        .env("PGSERVICE", "nowhere")
        .env("PGPORT", "1")
        .env("PGDATABASE", "postgres");

    project.backup();
    project.ok("db-restore --latest --yes");
    assert_eq!(family(cluster, &db.name).len(), 2);
}

#[test]
fn a_name_is_never_a_connection_string() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    let parts = |database: &str, maintenance: &str| {
        let at = format!(
            "host = \"127.0.0.1\", port = {}, user = \"app\", password-env = \"PW\"",
            cluster.port
        );
        let names = format!("database = \"{database}\", maintenance-database = \"{maintenance}\"");

        Project::in_folder(
            &project.dir,
            &format!("[databases.main]\npostgres = {{ {at}, {names} }}\n"),
        )
        .env("PW", "s3cret")
    };

    let led = format!("hostaddr=127.0.0.1 dbname={}", db.name);
    parts(&led, "postgres").fails("db-backup --auto", 1, "there is no database");

    // the one that is entered to work on others is none that another string leads to
    parts(&db.name, "hostaddr=127.0.0.1 dbname=postgres").fails(
        "db-restore --latest --yes",
        1,
        "does not exist",
    );

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

/// A container's published port is this machine's; a tunnel to the very same server is not, for
/// nothing shows it.
#[test]
fn a_loopback_address_is_this_machine_only_where_something_shows_it() {
    let engine = need!("docker", engine());
    let pg = need!("container", container(&Options { publish: true, ..Options::default() }));
    tiny(&pg.server, "appdb");

    let url = pg.url.clone().unwrap();
    let published = Project::host(&url).env("DOCKER_HOST", &engine.docker_host);
    published.backup();
    published.ok("db-restore --latest --yes");

    let port = free_port();
    need!("tunnel", tunnel(([127, 0, 0, 1], port).into(), pg.port.unwrap()));

    let through = url.replace(&format!(":{}/", pg.port.unwrap()), &format!(":{port}/"));
    let behind = |more: &str| {
        let config =
            format!("[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{more}");
        Project::in_folder(&published.dir, &config)
            .env("DATABASE_URL", &through)
            .env("DOCKER_HOST", &engine.docker_host)
    };

    let oid = || pg.server.sql("postgres", "SELECT oid FROM pg_database WHERE datname = 'appdb'");
    let before = oid();
    let said = behind("").fails("db-restore --latest --yes", 3, "tunnel");

    assert!(
        said.err.contains(&format!("add \"127.0.0.1:{port}\" to `guards.allowed-hosts`")),
        "{}",
        said.err
    );

    behind("").env("ALLOW_DATABASE_WIPE", "true").fails("db-wipe --yes", 3, "tunnel");
    assert_eq!(oid(), before);
    behind(&format!("[guards]\nallowed-hosts = [\"127.0.0.1:{port}\"]\n"))
        .ok("db-restore --latest --yes");
    assert_ne!(oid(), before);
}

/// The tool works in a container, and DATABASE_URL leads to a server of this machine that has a
/// database of the same name.
#[test]
fn a_hook_that_would_work_in_another_server_is_found_before_anything_is_touched() {
    let engine = need!("docker", engine());
    let cluster = need!("postgresql", cluster());
    let pg = need!("container", container(&Options { publish: true, ..Options::default() }));

    tiny(&pg.server, "appdb");
    cluster.sql("postgres", "DROP DATABASE IF EXISTS appdb WITH (FORCE)");
    cluster.sql("postgres", "CREATE DATABASE appdb OWNER app TEMPLATE template0");
    cluster.sql("appdb", "SET ROLE app; CREATE TABLE native (a int)");

    let native = cluster.named("appdb");
    let config = format!(
        "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\npostgres = {{ \
         url = \"${{DATABASE_URL}}\" }}\n[hooks]\nmigrate = \"psql $DATABASE_URL -qXc 'DROP TABLE \
         IF EXISTS native; CREATE TABLE made (a int)'\"\n",
        pg.name
    );

    let project = Project::new(&config).env("DOCKER_HOST", &engine.docker_host);
    let wrong = Project::in_folder(&project.dir, &config)
        .env("DOCKER_HOST", &engine.docker_host)
        .env("DATABASE_URL", &native.url);
    for words in ["db-reset --force", "db-reset --force --dry-run", "db-migrate"] {
        let said = wrong.fails(words, 3, "another database");
        assert!(said.err.contains(&format!("127.0.0.1:{}", pg.port.unwrap())), "{}", said.err);
        assert!(!said.err.contains("s3cret"), "{}", said.err);
    }

    assert_eq!(cluster.sql("appdb", "SELECT to_regclass('native')"), "native");
    assert_eq!(pg.server.sql("appdb", "SELECT to_regclass('people')"), "people");

    // the address of compose's network is known to nobody here: the published port is what the hook
    // gets
    let url = pg.url.clone().unwrap();
    let network =
        url.replace(&format!("127.0.0.1:{}", pg.port.unwrap()), &format!("{}:5432", pg.name));
    project.env("DATABASE_URL", &network).ok("db-reset --force --no-seed");
    assert_eq!(pg.server.sql("appdb", "SELECT to_regclass('made')"), "made");
}

const URL: &str = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n";

#[test]
fn t50_a_migrator_that_makes_nothing_brings_the_old_data_back() {
    let cluster = need!("postgresql", cluster());

    for strategy in ["in-place", "staged"] {
        for hook in [
            "false | tee log",
            "echo '[ERROR] connect ECONNREFUSED'",
            "psql $DATABASE_URL -qXc 'CREATE SCHEMA nothing'",
        ] {
            let (db, _) = tiny_host(cluster);
            let before = cluster.fingerprint(&db.name);
            let config =
                format!("{URL}[reset]\nstrategy = \"{strategy}\"\n[hooks]\nmigrate = \"{hook}\"\n");
            let said = Project::new(&config).env("DATABASE_URL", &db.url).fails(
                "db-reset --force --no-seed",
                1,
                "has tables",
            );
            assert!(said.err.contains("tee log"), "{}", said.err);
            super::same(&cluster.fingerprint(&db.name), &before);
        }
    }
}

#[test]
fn t50_a_migrator_with_an_address_of_its_own_is_not_swapped_in() {
    let cluster = need!("postgresql", cluster());

    for hook in [
        // the live database is migrated, the new one stays empty
        "psql $DIRECT_URL -qXc 'CREATE TABLE users (a int)'",
        // both, or rows alone
        "psql $DATABASE_URL -qXc 'CREATE TABLE t (a int)'; psql $DIRECT_URL -qXc 'CREATE TABLE \
         users (a int)'",
        "psql $DATABASE_URL -qXc 'CREATE TABLE t (a int)'; psql $DIRECT_URL -qXc 'DELETE FROM \
         orders WHERE id = 1'",
        "psql $DATABASE_URL -qXc 'CREATE TABLE t (a int)'; psql $DIRECT_URL -qXc 'ALTER TABLE \
         people ADD extra int'",
    ] {
        let (db, _) = tiny_host(cluster);
        let config =
            format!("{URL}[reset]\nstrategy = \"staged\"\n[hooks]\nmigrate = \"{hook}\"\n");
        let project = Project::new(&config).env("DATABASE_URL", &db.url).env("DIRECT_URL", &db.url);
        let said = project.fails("db-reset --force --no-seed", 1, "`DIRECT_URL`");
        assert!(!said.err.contains("s3cret"), "{}", said.err);
        assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name), "{hook}");
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM people"), "500", "{hook}");
    }
}

#[test]
fn the_guards_hold_where_the_database_is_missing() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.named(&crate::support::component::unique("missing"));
    let config = format!("{URL}[hooks]\nmigrate = \"touch ran\"\nseed = \"touch ran\"\n");
    let project = Project::new(&config).env("DATABASE_URL", &db.url);
    let production = Project::in_folder(&project.dir, &config)
        .env("DATABASE_URL", &db.url)
        .env("ENVIRONMENT", "production");

    for words in ["db-reset --force", "db-seed"] {
        production.fails(words, 3, "environment");
    }

    assert!(!project.dir.join("ran").exists());
    project.ok("db-reset --force");
    assert!(project.dir.join("ran").exists());
}

/// Two entries that lead to one database: what changes it would change it twice, and the second
/// time undo or spoil the first.
#[test]
fn two_entries_for_one_database_are_refused() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" \
                  }\n[databases.again]\npostgres = { url = \"${AGAIN}\" }\n[backup]\nname = \
                  \"backup_{timestamp}/{store}.{ext}\"\n";
    let again = db.url.replace("127.0.0.1", "localhost");
    let project = Project::new(config)
        .env("DATABASE_URL", &db.url)
        .env("AGAIN", &again)
        .env("ALLOW_DATABASE_WIPE", "true");

    project.ok("db-backup --auto");
    cluster.sql(&db.name, "DELETE FROM orders WHERE id = 1");

    for words in [
        "db-restore --latest --yes",
        "db-restore --latest --yes --dry-run",
        "db-wipe --yes",
        "db-wipe --yes --backup",
    ] {
        project.fails(words, 3, "`again` and `main` lead to one database");
    }

    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "299");
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    project.ok("db-restore --latest --yes --only main");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300");
}

/// Programs of which pg_dump is led elsewhere than psql.
fn led_elsewhere(project: &Project, whither: &str) -> String {
    let bin = programs().unwrap();
    std::fs::create_dir(project.dir.join("bin")).unwrap();
    std::os::unix::fs::symlink(bin.join("psql"), project.dir.join("bin/psql")).unwrap();

    let led = format!("#!/bin/sh\nexec {}/pg_dump \"$@\" {whither}\n", bin.display());
    std::fs::set_permissions(
        project.write("bin/pg_dump", led),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();

    "[databases.main]\nprograms = \"bin\"\npostgres = { url = \"${DATABASE_URL}\" }\n".into()
}

/// A host name of two addresses, a proxy that turns to another server, a pooler that has two
/// databases under one name: what is dumped is what was looked at, or nothing is.
#[test]
fn a_dump_reads_the_database_that_was_looked_at() {
    let cluster = need!("postgresql", cluster());
    let other = need!("postgresql", programs().and_then(|bin| Cluster::start(&bin)));
    let (db, _) = tiny_host(cluster);
    let beside = cluster.database();

    other.sql("postgres", &format!("CREATE DATABASE {} OWNER app", db.name));
    for (whither, is_same) in [
        (format!("-p {}", other.port), false),
        (format!("-d {}", beside.name), false),
        (format!("-d {}", db.name), true),
    ] {
        let led = Project::new("");
        let config = led_elsewhere(&led, &whither);
        led.write("db-tasks.toml", config);
        let led = led.env("DATABASE_URL", &db.url);
        if is_same {
            led.ok("db-backup");
            continue;
        }
        let said = led.fails(
            "db-backup",
            1,
            "pg_dump reached another server or database than the one that was looked at",
        );
        assert!(led.ok("db-list --names").out.trim().is_empty(), "{whither}: {}", said.err);
    }
}

/// Whoever may have few sessions gets a backup all the same, without a session beside pg_dump's.
#[test]
fn a_role_of_one_session_backs_up() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql(&db.name, &format!("ALTER DATABASE {} CONNECTION LIMIT 1", db.name));
    project.ok("db-backup");
    cluster.sql(&db.name, &format!("ALTER DATABASE {} CONNECTION LIMIT -1", db.name));

    // nobody is left behind that holds a snapshot
    let left = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND application_name ~ \
         '^db-tasks'",
        db.name
    );

    project.ok("db-backup");
    super::until("its sessions are gone", || cluster.sql("postgres", &left) == "0");
}
