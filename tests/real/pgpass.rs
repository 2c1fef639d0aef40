//! `db-pgpass`: psql itself logs in with what it writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::{Project, Said};
use crate::support::cluster::{Cluster, programs};
use crate::support::docker::{Options, PASSWORD, container, engine};
use crate::support::need;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn psql_logs_in_with_what_it_writes() {
    let bin = need!("postgresql", programs());
    let cluster = &need!("postgresql", Cluster::start(&bin));
    let db = cluster.database();

    cluster.sql("postgres", "CREATE ROLE \"a:b\" LOGIN PASSWORD 'x:y\\z*'");
    let url = format!("postgresql://a%3Ab:x%3Ay%5Cz%2A@localhost:{}/{}", cluster.port, db.name);
    let project = Project::host(&url);
    let file = project.home().join(".pgpass");

    fs::write(&file, "# mine\n*:*:*:*:wrong\n").unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();

    let shown = project.ok("db-pgpass --dry-run --verbose");
    assert!(
        shown.out.contains(&format!("localhost:{}:{}:a\\:b:***", cluster.port, db.name)),
        "{}",
        shown.out
    );

    assert!(fs::read_to_string(&file).unwrap().starts_with("# mine"));

    for _ in 0..2 {
        let said = project.ok("update-pgpass");
        assert!(!format!("{}{}", said.out, said.err).contains("x:y"), "{said:?}");
    }

    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 4, "a line for each name of this machine, once: {text}");
    assert!(
        text.ends_with("# mine\n*:*:*:*:wrong\n") && text.contains("a\\:b:x\\:y\\\\z*"),
        "{text}"
    );
    assert_eq!(mode(&file), 0o600);

    let home = project.home().to_owned();
    let login = |host: &str| {
        let mut psql = Command::new(bin.join("psql"));
        psql.env_clear().env("HOME", &home).env("PGPASSFILE", &file);
        psql.args([
            "-X",
            "-w",
            "-h",
            host,
            "-p",
            &cluster.port.to_string(),
            "-U",
            "a:b",
            "-d",
            &db.name,
            "-Atc",
            "SELECT 1",
        ]);
        Said::of(psql.output().unwrap())
    };

    for host in ["localhost", "127.0.0.1"] {
        login(host).ends_with(0, "1");
    }

    // a new password takes the old one's place
    cluster.sql("postgres", "ALTER ROLE \"a:b\" PASSWORD 'new'");
    assert_eq!(login("localhost").code, Some(2), "the server asks for it");

    let project = project.env("DATABASE_URL", &url.replace("x%3Ay%5Cz%2A", "new"));
    project.ok("db-pgpass");
    login("localhost").ends_with(0, "1");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 4);
}

#[test]
fn the_file_may_be_elsewhere_and_a_repository_does_not_say_where() {
    let project = Project::host("postgresql://boss:secret22@db.test:6543/shop");
    let dotfiles = project.home().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    fs::write(dotfiles.join("pgpass"), "").unwrap();
    symlink(dotfiles.join("pgpass"), project.home().join(".pgpass")).unwrap();

    // no server need be up
    project.ok("db-pgpass");
    assert_eq!(
        fs::read_to_string(dotfiles.join("pgpass")).unwrap(),
        "db.test:6543:shop:boss:secret22\n"
    );
    assert!(fs::symlink_metadata(project.home().join(".pgpass")).unwrap().is_symlink());

    project.write(".env", "PGPASSFILE=stolen\n");
    project.ok("db-pgpass");
    assert!(!project.dir.join("stolen").exists());
    project.ok("db-pgpass --file own/pass");
    assert_eq!(mode(&project.dir.join("own/pass")), 0o600);

    let project = Project::host("postgresql://boss@db.test/shop");
    project.ok("db-pgpass").ends_with(0, "`main` gets no line: no password is known");
    assert!(!project.home().join(".pgpass").exists());

    // a pipe would be waited for without an end
    let pipe = project.dir.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    let other = Project::host("postgresql://boss:secret22@db.test/shop");
    other.fails(
        &format!("db-pgpass --file {}", pipe.display()),
        1,
        "is not a regular file: nothing was changed",
    );

    let project = Project::host("postgresql://boss:a%0Ab@db.test/shop");
    project.fails("db-pgpass", 1, "a line break");
}

#[test]
fn a_container_tells_its_password_and_its_port() {
    let engine = need!("docker", engine());
    let pg = need!("container", container(&Options { publish: true, ..Options::default() }));
    let config = format!(
        "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\n",
        pg.name
    );
    let project = Project::new(&config).env("DOCKER_HOST", &engine.docker_host);

    project.ok("db-pgpass");
    let text = fs::read_to_string(project.home().join(".pgpass")).unwrap();
    let line = format!("localhost:{}:appdb:app:{PASSWORD}", pg.port.unwrap());

    assert!(text.lines().any(|found| found == line), "{text}");
}
