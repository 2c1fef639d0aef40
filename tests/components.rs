//! Shows that each component works on this machine, really.

use std::process::Command;

use crate::support::cluster::{Cluster, cluster};
use crate::support::component::{output, postgres};
use crate::support::docker::{Compose, Options, compose_project, container, engine};
use crate::support::server::{Server, fed};
use crate::support::{need, sample};

fn copy(server: &Server, from: &str, to: &str) {
    server.sql("postgres", &format!("CREATE DATABASE \"{to}\" TEMPLATE template0"));
    let dump = server.dump(from, &[]).unwrap();
    server.try_sql(to, &dump).unwrap();
}

#[test]
fn a_copy_has_the_fingerprint_of_its_source() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    sample::rich(cluster, &db.name);

    let to = format!("{}__copy", db.name);
    copy(cluster, &db.name, &to);

    let (a, b) = (cluster.fingerprint(&db.name), cluster.fingerprint(&to));
    assert_eq!(a.schema, b.schema);
    assert_eq!(a.rows, b.rows);
    assert_eq!(a.values, b.values);
    assert_ne!(a.settings, b.settings, "a plain dump carries no settings of the database");

    assert!(a.rows.len() > 20 && a.values.len() > 5 && a.settings.len() > 8, "{a:#?}");

    cluster.sql(&to, "UPDATE shop.people SET age = age + 10 WHERE id = 1");
    assert_ne!(cluster.fingerprint(&to).rows, a.rows);
    cluster.sql(&to, "SELECT lowrite(lo_open(900001, 131072), 'x')");
    assert_ne!(cluster.fingerprint(&to).values, a.values);
    drop(db);

    assert!(!cluster.exists(&to));
}

#[test]
fn the_application_needs_its_password() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let psql = |url: &str| {
        output(Command::new(cluster.bin.join("psql")).args(["-XwAtc", "SELECT current_user", url]))
    };
    assert_eq!(psql(&db.url).unwrap(), "app");
    assert_eq!(psql(&db.socket_url).unwrap(), "postgres");
    assert!(psql(&db.url.replace("s3cret", "wrong")).unwrap_err().contains("password"));
}

#[test]
fn samples_have_their_size_and_are_the_same_each_time() {
    let cluster = need!("postgresql", cluster());
    let (a, b) = (cluster.database(), cluster.database());
    for db in [&a, &b] {
        sample::small(cluster, &db.name);
        sample::mixed(cluster, &db.name, 0.01);
    }

    let print = cluster.fingerprint(&a.name);
    assert_eq!(print, cluster.fingerprint(&b.name));
    assert_eq!(print.rows.len(), 110);
}

#[test]
fn other_versions_run() {
    for version in ["16", "17", "18", "16.2"] {
        let bin = need!(version, postgres(version));
        let said = output(Command::new(bin.join("psql")).arg("--version")).unwrap();
        assert!(said.contains(&format!(" {version}")), "{said}");
    }

    let cluster = need!("postgresql", cluster());
    let psql = need!("16.2", postgres("16.2")).join("psql");
    let complaint = fed(
        Command::new(psql).args(["-Xq", "-v", "ON_ERROR_STOP=1", &cluster.socket_url("postgres")]),
        "\\restrict x\n",
    );

    assert!(complaint.unwrap_err().contains("invalid command \\restrict"));
}

#[test]
fn a_server_of_another_version_carries_the_rich_sample() {
    let bin = need!("18", postgres("18"));
    let cluster = need!("18", Cluster::start(&bin));
    let db = cluster.database();
    sample::rich(&cluster, &db.name);
    assert!(cluster.sql(&db.name, "SELECT version()").contains("PostgreSQL 18"));
    let to = format!("{}__copy", db.name);
    copy(&cluster, &db.name, &to);
    assert_eq!(cluster.fingerprint(&db.name).rows, cluster.fingerprint(&to).rows);
}

#[test]
fn a_container_is_like_the_official_one() {
    need!("docker", engine());
    let pg = need!("container", container(&Options { db: "we\"ird", ..Options::default() }));
    assert_eq!(pg.exec(&["id", "-u"]).unwrap(), "0");

    assert_eq!(
        pg.exec(&["psql", "-U", "app", "-d", "we\"ird", "-Atc", "SELECT current_database()"])
            .unwrap(),
        "we\"ird"
    );

    assert_eq!(pg.exec(&["stat", "-c", "%U", "/proc/1"]).unwrap(), "postgres");
    sample::rich(&pg.server, "we\"ird");
    copy(&pg.server, "we\"ird", "copy");
    assert_eq!(pg.server.fingerprint("we\"ird").rows, pg.server.fingerprint("copy").rows);
}

#[test]
fn a_published_port_is_reached_from_the_host() {
    let host = need!("postgresql", cluster());
    need!("docker", engine());
    let pg = need!("container", container(&Options { publish: true, ..Options::default() }));
    let psql = host.bin.join("psql");
    assert_eq!(
        output(Command::new(psql).args(["-XAtc", "SELECT 1", pg.url.as_ref().unwrap()])).unwrap(),
        "1"
    );
}

#[test]
fn compose_v1() {
    need!("docker", engine());
    compose(need!("compose v1", compose_project("v1")));
}

#[test]
fn compose_v2() {
    need!("docker", engine());
    compose(need!("compose v2", compose_project("v2")));
}

fn compose(project: Compose) {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE \
               application_name = 'test-app'";
    assert_eq!(project.server.sql("postgres", cut), "1");

    let start = std::time::Instant::now();
    while project.app_sessions().unwrap() == 0 {
        assert!(start.elapsed().as_secs() < 10, "the application did not come back");
    }

    project.run(&["stop", "app"]).unwrap();
    assert_eq!(project.app_sessions().unwrap(), 0);
    project.run(&["start", "app"]).unwrap();

    let label = "{{index .Config.Labels \"com.docker.compose.project\"}}";
    let db = project.container("db").unwrap();
    assert_eq!(engine().unwrap().docker(&["inspect", "-f", label, &db]).unwrap(), project.project);
}
