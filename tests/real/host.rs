//! There and back on this machine's server.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Project, family, same, tiny_host};
use crate::support::cluster::{Cluster, PASSWORD, USER, cluster};
use crate::support::component::{output, unique};
use crate::support::server::Server;
use crate::support::{need, sample};

/// The application by TCP, as the program connects.
fn as_app(cluster: &Cluster) -> Server {
    let options =
        ["-h", "127.0.0.1", "-p", &cluster.port.to_string(), "-U", USER].map(String::from).into();
    Server {
        options,
        env: vec![("PGPASSWORD".into(), PASSWORD.into())],
        ..cluster.server().clone()
    }
}

/// Backs up, spoils, restores, and looks.
fn there_and_back(project: &Project, server: &Server, db: &str, destroy: &str, options: &str) {
    let before = server.fingerprint(db);
    project.ok(&format!("db-backup --auto {options}"));
    server.sql(db, destroy);
    project.ok("db-restore --latest --yes");
    same(&server.fingerprint(db), &before);
    assert_eq!(family(server, db), [db.to_owned(), format!("{db}__previous")]);
}

/// The project of variables: what each says, one of them put wrong.
fn by_variables(config: &str, names: &[&str], values: &[&str], wrong: Option<usize>) -> Project {
    let said = |at: usize| if wrong == Some(at) { "1" } else { values[at] };
    names
        .iter()
        .enumerate()
        .fold(Project::new(config), |project, (at, name)| project.env(name, said(at)))
}

/// Who psql is, and where.
fn identity(project: &Project) -> String {
    let asked = "SELECT current_database() || ' ' || current_user || ' ' || \
                 coalesce(inet_server_port()::text, 'socket')";
    let out = project.command("db-shell").args(["-c", asked]).output().unwrap();
    String::from_utf8_lossy(&out.stdout).lines().nth(2).unwrap_or_default().trim().to_owned()
}

#[test]
fn the_variables_of_each_family_lead_to_the_database() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    super::tiny(cluster, &db.name);

    let port = cluster.port.to_string();
    let values = ["127.0.0.1", &port, &db.name, USER, PASSWORD];
    let bare = "[databases.main]\n";

    for names in [
        ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD"],
        ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"],
    ] {
        let project = by_variables(bare, &names, &values, None);
        assert_eq!(identity(&project), format!("{} {USER} {port}", db.name), "{names:?}");
        there_and_back(&project, cluster, &db.name, "DELETE FROM orders", "");
        cluster.drop_all(&format!("{}__", db.name));
        // each of them counts
        for (at, name) in names.iter().enumerate() {
            let said = by_variables(bare, &names, &values, Some(at)).run("db-backup --auto");
            assert_eq!(said.code, Some(1), "{name}: {said:?}");
        }
    }

    // PGDATABASE and PGUSER alone, the file naming the server
    let config =
        format!("{bare}postgres = {{ host = \"{}\", port = {port} }}\n", cluster.dir.display());
    let names = ["PGDATABASE", "PGUSER"];
    let project = by_variables(&config, &names, &[&db.name, "postgres"], None);

    assert_eq!(identity(&project), format!("{} postgres socket", db.name));
    project.backup();

    for at in 0..names.len() {
        by_variables(&config, &names, &[&db.name, "postgres"], Some(at)).fails(
            "db-backup --auto",
            1,
            "next:",
        );
    }

    // the first family wins over the second, and an address over both
    let decoys =
        ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"];
    let both = decoys.iter().fold(
        by_variables(
            bare,
            &["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD"],
            &values,
            None,
        ),
        |p, name| p.env(name, "1"),
    );

    assert_eq!(identity(&both), format!("{} {USER} {port}", db.name));
    let address = Project::new(bare)
        .env("DATABASE_URL", &db.url)
        .env("PGDATABASE", "postgres")
        .env("POSTGRES_DB", "postgres");
    assert_eq!(identity(&address), format!("{} {USER} {port}", db.name));
}

const SPOIL_SMALL: &str = "DROP TABLE small_07; DELETE FROM small_01 WHERE id % 2 = 0; UPDATE \
                           small_02 SET name = 'x'; CREATE TABLE later (a int);";

#[test]
fn the_rich_sample_comes_back_whole_with_every_compression() {
    let cluster = need!("postgresql", cluster());
    std::thread::scope(|scope| {
        for how in ["zstd", "gzip", "none"] {
            scope.spawn(move || {
                let db = cluster.database();
                sample::rich(cluster, &db.name);
                let project = Project::host(&db.socket_url);
                let spoil = "DROP SCHEMA shop CASCADE; SELECT lo_unlink(oid) FROM \
                             pg_largeobject_metadata; CREATE TABLE later (a int);";
                there_and_back(&project, cluster, &db.name, spoil, &format!("--compress {how}"));
            });
        }
    });
}

#[test]
fn the_small_sample_comes_back_for_superuser_and_application() {
    let cluster = need!("postgresql", cluster());
    let (root, own) = (cluster.database(), cluster.database());
    sample::small(cluster, &root.name);
    there_and_back(&Project::host(&root.socket_url), cluster, &root.name, SPOIL_SMALL, "");

    let app = as_app(cluster);
    sample::small(&app, &own.name);

    app.sql(
        &own.name,
        "CREATE SEQUENCE numbers START 7; SELECT nextval('numbers'); SELECT lo_from_bytea(0, \
         '\\x0102ff');
         CREATE FUNCTION twice(a int) RETURNS int LANGUAGE sql AS $$ SELECT 2 * a $$;",
    );

    there_and_back(&Project::host(&own.url), cluster, &own.name, SPOIL_SMALL, "--compress gzip");
}

#[test]
fn our_files_load_without_this_tool_and_their_sums_agree() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let before = cluster.fingerprint(&db.name);

    for (how, unpack) in [("zstd", "zstd -dc"), ("gzip", "gunzip -c"), ("none", "cat")] {
        let file = project.dir.join(
            project.ok(&format!("db-backup --auto --compress {how} --label {how}")).out.trim(),
        );
        let copy = format!("{}__{how}", db.name);
        cluster.sql("postgres", &format!("CREATE DATABASE {copy} OWNER app TEMPLATE template0"));

        let plain =
            output(Command::new("sh").arg("-c").arg(format!("{unpack} '{}'", file.display())))
                .unwrap();
        cluster.try_sql(&copy, &plain).unwrap();
        assert_eq!(cluster.fingerprint(&copy).rows, before.rows);
        check_sum(&file);
    }

    for file in project.files() {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
}

fn check_sum(file: &Path) {
    let manifest = fs::read_dir(file.parent().unwrap()).unwrap().flatten().map(|e| e.path());
    let name = file.file_name().unwrap().to_str().unwrap();
    let texts = manifest
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .map(|p| fs::read_to_string(p).unwrap());
    let text = texts.into_iter().find(|t| t.contains(name)).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();

    let sum = manifest["artifacts"][0]["checksum"]["hex"].as_str().unwrap();
    let line = format!("{sum}  {name}\n");
    let mut check = Command::new("sha256sum");

    check.arg("-c").current_dir(file.parent().unwrap());
    crate::support::server::fed(&mut check, &line).unwrap();
}

#[test]
fn undo_swaps_back_exactly_and_can_be_undone() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let old = cluster.fingerprint(&db.name);

    project.backup();
    cluster.sql(&db.name, "DELETE FROM orders; CREATE TABLE later (a int)");

    let new = cluster.fingerprint(&db.name);
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &old);
    project.ok("db-undo --yes");
    same(&cluster.fingerprint(&db.name), &new);

    project.ok("db-undo --yes");
    same(&cluster.fingerprint(&db.name), &old);
    project.ok("db-undo --yes");
    same(&cluster.fingerprint(&db.name), &new);
}

#[test]
fn a_second_restore_drops_the_older_previous() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    cluster.sql(&db.name, "CREATE TABLE first (a int)");
    project.ok("db-restore --latest --yes");

    cluster.sql(&db.name, "CREATE TABLE second (a int)");
    project.ok("db-restore --latest --yes");

    let previous = format!("{}__previous", db.name);
    assert_eq!(family(cluster, &db.name), [db.name.clone(), previous.clone()]);
    assert_eq!(
        cluster.sql(&previous, "SELECT to_regclass('first'), to_regclass('second')"),
        "|second"
    );
}

#[test]
fn beside_the_live_database_and_into_a_missing_one() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let old = cluster.fingerprint(&db.name);

    project.backup();
    cluster.sql(&db.name, "DROP TABLE orders");

    let now = cluster.fingerprint(&db.name);
    let other = format!("{}__other", db.name);
    project.ok(&format!("db-restore --latest --as {other}"));
    same(&cluster.fingerprint(&db.name), &now);
    assert_eq!(cluster.fingerprint(&other).rows, old.rows);

    project.fails(&format!("db-restore --latest --as {other}"), 3, "already");
    cluster.sql("postgres", &format!("DROP DATABASE {}", db.name));
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &old);
}

#[test]
fn deep_verification_leaves_nothing_but_its_record() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    project.ok("db-verify");
    project.ok("db-verify --deep");
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    assert!(project.ok("db-list").out.contains("verified deep"));
}

/// A server that lacks a role makes no backup bad: it is as good as it was, and the newest still.
#[test]
fn deep_verification_blames_a_backup_for_its_own_faults_alone() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let (old, new) = (unique("r"), unique("r"));
    let own = "CREATE TABLE theirs (a int); ALTER TABLE theirs OWNER TO";

    cluster.sql(&db.name, &format!("CREATE ROLE {old}; {own} {old}"));
    let url = &db.socket_url;
    let project = Project::in_folder(
        &project.dir,
        "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
    )
    .env("DATABASE_URL", url);

    let file = project.backup();
    let manifest = file.with_extension("").with_extension("manifest.json");
    let sealed = fs::read(&manifest).unwrap();
    let noted = || {
        let notes = fs::read(db_tasks::bundle::ending::notes(&manifest)).unwrap();
        serde_json::from_slice::<serde_json::Value>(&notes).unwrap()
    };

    cluster.sql(&db.name, &format!("ALTER ROLE {old} RENAME TO {new}"));
    let said = project.fails(
        "db-verify --deep",
        3,
        &format!("roles that this server does not have: `{old}`"),
    );

    assert!(
        said.err.contains(&format!("`CREATE ROLE \"{old}\";`"))
            && said.err.contains("could not be tried here"),
        "{}",
        said.err
    );

    assert!(
        noted()["verified"] == serde_json::json!([])
            && noted()["untried"]["why"].as_str().unwrap().contains(&old)
    );
    assert!(project.ok("db-list").out.contains("untried"));

    assert!(
        project
            .ok(&format!("db-info {}", file.file_name().unwrap().to_string_lossy()))
            .out
            .contains("not tried")
    );

    project.fails("db-restore --latest --dry-run", 3, &file.file_name().unwrap().to_string_lossy());
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    cluster.sql(&db.name, &format!("ALTER ROLE {new} RENAME TO {old}"));
    project.ok("db-verify --deep");
    assert!(noted()["untried"].is_null() && noted()["verified"][0]["how"] == "deep");
    assert_eq!(fs::read(&manifest).unwrap(), sealed, "what was sealed stays");

    project.ok("db-restore --latest --yes");
    cluster.drop_all(&db.name);
    cluster.sql("postgres", &format!("DROP ROLE {old}"));
}

/// What a server's own words are in matters as little as what it is that it can't do.
#[test]
fn an_error_of_the_server_condemns_no_backup() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let (port, down) = (cluster.port, crate::support::cluster::free_port());
    let far = format!("host '{}', dbname '{}'", cluster.dir.display(), db.name);

    for (what, make, unmake, says) in [
        (
            "a foreign server that is down",
            format!(
                "CREATE EXTENSION postgres_fdw; CREATE TABLE here (a int); CREATE SERVER far \
                 FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({far}, port '{port}');
                 CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (user 'postgres'); CREATE \
                 FOREIGN TABLE there (a int) SERVER far OPTIONS (table_name 'here');
                 CREATE MATERIALIZED VIEW seen AS SELECT * FROM there; ALTER SERVER far OPTIONS \
                 (SET port '{down}')"
            ),
            "DROP MATERIALIZED VIEW seen; DROP EXTENSION postgres_fdw CASCADE",
            "a foreign server does not answer",
        ),
        (
            "a check that holds no longer",
            "CREATE FUNCTION fine() RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE TABLE \
             checked (a int CHECK (fine()));
             INSERT INTO checked VALUES (1);
             CREATE OR REPLACE FUNCTION fine() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE \
             EXCEPTION 'never'; END $$"
                .into(),
            "DROP TABLE checked",
            "never",
        ),
    ] {
        cluster.sql(&db.name, &make);
        let project = Project::host(&db.socket_url);
        project.backup();
        project.fails("db-verify --deep", 1, "could not be tried here").ends_with(1, says);
        assert!(project.ok("db-list").out.contains("untried"), "{what}");
        project.ok("db-restore --latest --dry-run");
        // a quick one still says what it did
        project.ok("db-verify");
        cluster.sql(&db.name, unmake);
    }
}

/// What psql stumbles over first may be the damage: then the backup is to blame.
#[test]
fn damage_that_psql_meets_first_condemns_a_backup() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    // more than the pipe to psql holds follows what it stumbles over
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE zz AS SELECT repeat(md5(i::text), 4) FROM generate_series(1, \
         100000) i",
    );

    project.ok("db-backup --auto --compress none");
    let file = project.files().into_iter().find(|f| f.extension().unwrap() == "sql").unwrap();
    let text = fs::read_to_string(&file).unwrap();

    fs::write(&file, text.replacen("\n250\t", "\n25x\t", 1)).unwrap();
    project.fails("db-verify --deep", 1, "the backup is damaged").ends_with(1, "psql said: ");
    assert!(project.ok("db-list").out.contains("failed"));
    project.fails("db-restore --latest --yes", 1, "there is no good backup");
}

#[test]
fn names_that_need_quotes_are_quoted() {
    let cluster = need!("postgresql", cluster());
    let name = format!("{} \"it's\" é\\x", unique("t"));
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));

    cluster.sql("postgres", &format!("CREATE DATABASE {quoted} OWNER app TEMPLATE template0"));
    let db = cluster.named(&name);
    let options =
        format!("host = '{}', port = {}, user = \"postgres\"", cluster.dir.display(), cluster.port);
    let project = Project::new(&format!(
        "[databases.main]\npostgres = {{ {options}, database = '''{name}''' }}\n"
    ));

    cluster.sql(&name, "CREATE TABLE a AS SELECT 1 AS b");
    let before = cluster.fingerprint(&name);
    project.ok("db-backup --auto");
    cluster.sql(&name, "DROP TABLE a");
    project.ok("db-restore --latest --yes");

    same(&cluster.fingerprint(&name), &before);
    project.ok("db-undo --yes");
    drop(db);
}
