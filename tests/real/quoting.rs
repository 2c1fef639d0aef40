//! What names, comments and manifests hold is data to a real psql and a real server, whatever it
//! looks like.

use std::fs;

use super::{Held, Project, tiny_host};
use crate::support::cluster::cluster;
use crate::support::component::unique;
use crate::support::need;

const COMMENT: &str = "first line\n  $back$; $check$ \\! touch ran\n'quoted' \\\\ E'x'";

/// A database's comment, which its owner may write, stands in the blocks that take a swap back.
#[test]
fn comments_and_names_leave_no_block() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url);
    let literal = COMMENT.replace('\\', "\\\\").replace('\'', "''");

    cluster.sql("postgres", &format!("COMMENT ON DATABASE {} IS E'{literal}'", db.name));
    let said = || {
        cluster.sql(
            "postgres",
            &format!(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = \
                 '{}'",
                db.name
            ),
        )
    };

    let before = said();
    assert!(before.contains("$back$") && before.contains('\n'), "{before}");
    project.backup();
    project.ok("db-restore --latest --yes");
    project.ok("db-undo --yes");

    assert_eq!(said(), before);
    // a reset that fails gives it back as it was, line for line
    let failing = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                   \"exit 3\"\n";
    fs::write(project.dir.join("db-tasks.toml"), failing).unwrap();
    assert_ne!(project.run("db-reset --force").code, Some(0));
    assert_eq!(said(), before);

    assert!(!project.dir.join("ran").exists());
}

/// Settings, owners and rights of an edited manifest: each is a value, or an error.
#[test]
fn a_manifests_values_are_values() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url);
    let file = project.backup();

    let path = project
        .files()
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "json"))
        .unwrap();

    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let other = format!("{}__other", db.name);
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let escape = "x\";\n\\! touch ran\nCREATE ROLE dbt_evil SUPERUSER;\n\"";

    for (key, value) in [
        ("settings", serde_json::json!([{ "name": "search_path", "value": escape }])),
        (
            "settings",
            serde_json::json!([{ "name": "search_path", "value": "public;\n\\! touch ran\nSELECT 1" }]),
        ),
        ("settings", serde_json::json!([{ "name": format!("app.{escape}"), "value": "1" }])),
        ("settings", serde_json::json!([{ "name": "app.x", "value": "it's\0\n\\! touch ran\n" }])),
        ("owner", serde_json::json!("x\0\n\\! touch ran\n")),
        ("encoding", serde_json::json!("UTF8' ;\n\\! touch ran\n")),
        ("collate", serde_json::json!(escape)),
        ("tablespace", serde_json::json!(escape)),
        ("comment", serde_json::json!(escape)),
        ("acl", serde_json::json!([{ "grantee": escape, "privilege": "CONNECT" }])),
        ("acl", serde_json::json!([{ "grantee": null, "privilege": "ALL PRIVILEGES" }])),
    ] {
        let mut edited = whole.clone();
        edited["artifacts"][0]["holds"]["postgresql"]["database"][key] = value.clone();
        fs::write(&path, edited.to_string()).unwrap();
        let said = project.run(&format!("db-restore {name} --as {other} --yes"));
        assert!(said.code.is_some_and(|code| code < 5), "{key} {value}: {}", said.err);
        assert!(!project.dir.join("ran").exists(), "{key} {value}");
        assert_eq!(
            cluster
                .sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'dbt_evil'")
                .trim(),
            "0",
            "{key} {value}"
        );
        let _ =
            cluster.try_sql("postgres", &format!("DROP DATABASE IF EXISTS {other} WITH (FORCE)"));
    }
}

/// Whoever may create functions in `public` has none run by us: with the default path, one that
/// fits better than the system's would.
#[test]
fn words_of_ours_are_the_systems_own() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url);
    let body =
        "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a function of a stranger ran'; END $$";

    cluster.sql(
        &db.name,
        &format!(
            "GRANT CREATE ON SCHEMA public TO PUBLIC; SET ROLE app;
             CREATE FUNCTION public.format(text, name, name) RETURNS text {body};
             CREATE FUNCTION public.same(oid, regclass) RETURNS boolean {body};
             CREATE OPERATOR public.= (PROCEDURE = public.same, LEFTARG = oid, RIGHTARG = \
             regclass);
             RESET ROLE; ALTER DATABASE {} SET search_path = public, pg_catalog;",
            db.name
        ),
    );

    project.ok("db-status");
    project.backup();
    project.ok("db-wipe --dry-run");
    project.ok("db-restore --latest --yes");
    project.ok("db-restore --latest --in-place --yes");
}

#[test]
fn a_name_begins_no_line_of_its_own() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let (name, other) = (&db.name, format!("{}\nFORGED", unique("r")));
    let project = project.env("ALLOW_DATABASE_WIPE", "true");
    let config = std::fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();

    project.write("db-tasks.toml", format!("{config}[hooks]\nmigrate = 'false'\n"));
    cluster.sql("postgres", &format!("CREATE ROLE \"{other}\" LOGIN SUPERUSER"));

    let table = "\"rows\nFORGED\"";
    cluster.sql(
        name,
        &format!(
            "SET ROLE app; CREATE TABLE {table} (id int); INSERT INTO {table} VALUES (1); CREATE \
             VIEW \"v\nFORGED\" AS SELECT 1"
        ),
    );

    // a setting of a role's, and of a database's, that are to be carried over
    cluster.sql(
        name,
        &format!(
            "ALTER ROLE \"{other}\" IN DATABASE {name} SET \"app.x\" = 'y\nFORGED'; GRANT CONNECT \
             ON DATABASE {name} TO \"{other}\""
        ),
    );

    project.backup();
    let there = Held::new(cluster, name, &format!("SET SESSION AUTHORIZATION \"{other}\""));

    for (before, words) in [
        ("", "db-status"),
        ("", "db-doctor"),
        ("", "db-list"),
        ("", "db-restore --latest --dry-run"),
        ("", "db-restore --latest --dry-run --verbose"),
        ("", "db-restore --latest"),
        ("", "db-restore --latest --yes"),
        ("", "db-verify --latest --deep"),
        ("", "db-wipe --dry-run"),
        ("", "db-wipe"),
        ("", "db-reset --force"),
        ("", "db-undo --yes"),
        ("ALTER DATABASE {name} OWNER TO \"{other}\"", "db-restore --latest --yes"),
        ("", "db-reset --force"),
        ("", "db-doctor"),
        ("ALTER TABLE people OWNER TO \"{other}\"", "db-backup --auto"),
        ("", "db-doctor"),
        ("", "db-wipe --yes"),
        ("", "db-restore --latest --yes --in-place"),
    ] {
        if !before.is_empty() {
            cluster.sql(name, &before.replace("{name}", name).replace("{other}", &other));
        }
        let said = project.run(words);
        let whole = format!("{}\n{}", said.out, said.err);
        // the SQL that is shown is the SQL that runs, and stands behind its bar
        let forged: Vec<&str> =
            whole.lines().filter(|line| line.trim_start().starts_with("FORGED")).collect();
        assert!(forged.is_empty(), "{words}:\n{whole}");
    }

    drop(there);
    drop(db);
    cluster.sql("postgres", &format!("DROP ROLE \"{other}\""));
}
