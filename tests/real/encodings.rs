//! Databases in other encodings than UTF-8, with names that are none, and what such databases leave
//! in the catalogs that all share.

use super::{Project, same, signal, there_and_back, until};
use crate::support::cluster::{Cluster, TempDb, programs};
use crate::support::need;

fn server() -> Result<Cluster, String> {
    Cluster::start(&programs()?)
}

fn database(server: &Cluster, name: &str, encoding: &str) -> TempDb {
    let locale = "LC_COLLATE 'C' LC_CTYPE 'C'";
    server.sql(
        "postgres",
        &format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{encoding}' {locale}"),
    );
    server.named(name)
}

fn project(db: &TempDb) -> Project {
    Project::host(&db.socket_url).env("ALLOW_DATABASE_WIPE", "true")
}

/// Everything that the program does with a database; each time all is there that a fingerprint
/// sees.
fn goes_round(server: &Cluster, db: &TempDb, project: &Project, later: &str) {
    let wanted = server.fingerprint(&db.name);
    assert!(wanted.rows.values().map(|(rows, _)| rows).sum::<u64>() > 0, "{wanted:?}");
    project.ok("db-status");

    let backup = project.backup().file_name().unwrap().to_string_lossy().into_owned();
    project.ok("db-list");
    project.ok("db-verify");
    project.ok("db-verify --deep");

    let doctor = project.run("db-doctor");
    assert!(!doctor.out.contains("could not"), "{doctor:?}");

    there_and_back(server, &db.name, project, (&backup, &wanted), later);
    project.ok("db-wipe --yes");

    let wiped = server.fingerprint(&db.name);
    assert!(
        wiped.rows.iter().all(|(name, (rows, _))| *rows == 0 || name.contains("vue")),
        "{wiped:?}"
    );
    assert_eq!(wiped.settings, wanted.settings);
    project.ok(&format!("db-restore {backup} --yes"));
    same(&server.fingerprint(&db.name), &wanted);

    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  \"exit 3\"\n";
    project.write("failing.toml", config);
    assert_ne!(project.run("--config failing.toml db-reset --force").code, Some(0));
    same(&server.fingerprint(&db.name), &wanted);
}

const COMMENTED: &str = "SELECT encode(shobj_description(oid, 'pg_database')::text::bytea, 'hex') \
                         FROM pg_database WHERE datname = current_database()";

#[test]
fn names_of_a_database_without_an_encoding_are_bytes() {
    let server = need!("postgresql", server());
    let db = database(&server, "bytes", "SQL_ASCII");
    server.sql(
        &db.name,
        r#"DO $$ BEGIN
          EXECUTE format('CREATE SCHEMA %I', E'sch\xe9ma');
          EXECUTE format('CREATE TABLE %I.%I (%I int PRIMARY KEY, "b=c" text)', E'sch\xe9ma', E'caf\xe9', E'n\xfamero');
          EXECUTE format('CREATE TABLE %I.%I (a text)', E'sch\xe9ma', E'caf\xe8');
          EXECUTE format('INSERT INTO %I.%I VALUES (1, %L), (2, %L)', E'sch\xe9ma', E'caf\xe9', E'caf\xe9', E'gr\xc3\xbc\xc3\x9fe');
          EXECUTE format('INSERT INTO %I.%I VALUES (%L)', E'sch\xe9ma', E'caf\xe8', E'\xe8');
          EXECUTE format('COMMENT ON TABLE %I.%I IS %L', E'sch\xe9ma', E'caf\xe9', E'\xe9t\xe9');
          EXECUTE format('CREATE MATERIALIZED VIEW %I AS SELECT count(*) FROM %I.%I', E'vue\xe9', E'sch\xe9ma', E'caf\xe9');
          EXECUTE format('CREATE TABLE %I (a int)', E'gr\xc3\xb6\xc3\x9fe'); EXECUTE format('INSERT INTO %I VALUES (1)', E'gr\xc3\xb6\xc3\x9fe');
          EXECUTE format('COMMENT ON DATABASE bytes IS %L', E'donn\xe9es');
          EXECUTE format('CREATE ROLE %I', E'j\xfcrg'); EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', E'sch\xe9ma', E'caf\xe8', E'j\xfcrg');
          EXECUTE format('GRANT SELECT ON %I.%I TO %I', E'sch\xe9ma', E'caf\xe9', E'j\xfcrg');
        END $$"#,
    );

    let project = project(&db);
    let later = r#"DO $$ BEGIN EXECUTE format('INSERT INTO %I.%I VALUES (3, NULL)', E'sch\xe9ma', E'caf\xe9');
        EXECUTE format('CREATE TABLE %I (a int)', E'sp\xe4ter'); END $$"#;
    goes_round(&server, &db, &project, later);
    assert_eq!(server.sql(&db.name, COMMENTED), "646f6e6ee96573");

    let shown = project.ok("db-wipe --dry-run").err + &project.ok("db-status").out;
    assert!(
        shown.contains(r#""sch\xe9ma"."caf\xe9""#) && shown.contains(r#""sch\xe9ma"."caf\xe8""#),
        "{shown}"
    );
    assert!(shown.contains("größe"), "{shown}");
}

/// Its name is kept in the bytes that it was given in, whatever the database's own encoding is.
#[test]
fn a_database_in_latin1_keeps_its_names_and_its_comment() {
    let server = need!("postgresql", server());
    let db = database(&server, "Größe", "LATIN1");
    server.sql(
        &db.name,
        r#"DO $$ BEGIN
          EXECUTE format('CREATE TABLE %I (%I int PRIMARY KEY, a text)', E'gr\xf6\xdfe', E'n\xfamero');
          EXECUTE format('INSERT INTO %I VALUES (1, %L)', E'gr\xf6\xdfe', E'f\xfcr');
          EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), E'f\xfcr alle');
          EXECUTE format('CREATE ROLE %I', E'j\xfcrg'); EXECUTE format('ALTER TABLE %I OWNER TO %I', E'gr\xf6\xdfe', E'j\xfcrg');
        END $$"#,
    );

    let project = project(&db);
    goes_round(
        &server,
        &db,
        &project,
        r"DO $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (2, NULL)', E'gr\xf6\xdfe'); END $$",
    );

    assert_eq!(server.sql(&db.name, COMMENTED), "66fc7220616c6c65");
    // a person knows its tables by their letters
    assert!(project.ok("db-status").out.contains(r#"public."größe""#));
}

/// What another database has left in the shared catalogs is nobody's fault here.
#[test]
fn bytes_of_others_are_carried_and_what_cannot_be_is_refused_first() {
    let server = need!("postgresql", server());
    let (latin, db) = (database(&server, "latin", "LATIN1"), database(&server, "utf", "UTF8"));
    server.sql(&db.name, "CREATE TABLE größe (a int); INSERT INTO größe VALUES (1)");

    server.sql(
        &latin.name,
        r#"DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE utf IS %L', E'f\xfcr'); EXECUTE format('CREATE ROLE %I', E'j\xfcrg');
          EXECUTE format('COMMENT ON ROLE %I IS %L', E'j\xfcrg', E'\xfc'); END $$"#,
    );

    let project = project(&db);
    goes_round(&server, &db, &project, "INSERT INTO größe VALUES (2)");

    let commented = COMMENTED.replace("current_database()", "'utf'");
    assert_eq!(server.sql(&latin.name, &commented), "66fc72");

    server.sql(
        &latin.name,
        r"DO $$ BEGIN EXECUTE format('ALTER DATABASE utf OWNER TO %I', E'j\xfcrg'); END $$",
    );
    let before = server.fingerprint(&db.name);

    for words in ["db-restore --latest --yes", "db-reset --force"] {
        project.fails(words, 3, r"`j\xfcrg` is not UTF-8");
    }

    same(&server.fingerprint(&db.name), &before);
    project.ok("db-backup --auto");
    project.ok("db-verify --deep");
    project.ok("db-restore --latest --yes --in-place");
    same(&server.fingerprint(&db.name), &before);
}

/// The rows of a dump are compared by its names, in whatever encoding the database has its own.
#[test]
fn a_dump_in_another_encoding_than_the_databases_is_loaded() {
    let server = need!("postgresql", server());
    let (latin, utf) = (database(&server, "latin", "LATIN1"), database(&server, "utf", "UTF8"));
    server.sql(
        &latin.name,
        r#"DO $$ BEGIN EXECUTE format('CREATE TABLE %I (a text)', E'gr\xf6\xdfe'); EXECUTE format('CREATE TABLE %I (a text)', E'\xe9');
          EXECUTE format('INSERT INTO %I VALUES (%L)', E'gr\xf6\xdfe', E'f\xfcr'); END $$"#,
    );

    server.sql(
        &utf.name,
        "CREATE TABLE größe (a text); INSERT INTO größe VALUES ('für'), ('è'); CREATE TABLE è (a \
         int)",
    );

    for (from, encoding, rows) in [(&latin, "UTF8", "1"), (&utf, "LATIN1", "2")] {
        let to = database(&server, &format!("to_{}", from.name), encoding);
        let project = project(&to);
        let mut dump = server.command("pg_dump");

        dump.args(["-d", &from.name, "-f"]).arg(project.dir.join("other.sql"));
        assert!(dump.status().unwrap().success());

        for how in ["--trust=role", "--trust=role --in-place", ""] {
            project.ok(&format!("db-restore --file other.sql --yes {how}"));
            let count =
                server.sql(&to.name, "SET client_encoding = UTF8; SELECT count(*) FROM größe");
            assert_eq!(count, rows, "{} {how}", to.name);
        }
    }
}

/// A role that may create no database has it emptied, and a run that was killed leaves it half
/// made: with names that are bytes, too.
fn comes_back_late(encoding: &str) {
    let server = need!("postgresql", server());
    let _db = database(&server, "late", encoding);

    server.sql(
        "postgres",
        "CREATE ROLE weak LOGIN PASSWORD 'pw'; ALTER DATABASE late OWNER TO weak; ALTER DATABASE \
         late CONNECTION LIMIT 20",
    );

    let odd = |name: &str| {
        format!(
            r#"EXECUTE format('CREATE TABLE %I (%I int PRIMARY KEY, "b=c" text)', E'{name}\xe9', E'n\xfamero');
               EXECUTE format('INSERT INTO %I VALUES (1, %L), (2, %L)', E'{name}\xe9', E'caf\xe9', E'a\nb');
               EXECUTE format('COMMENT ON TABLE %I IS %L', E'{name}\xe9', E'\xe9t\xe9');"#
        )
    };

    let old = odd("caf") + &odd(r"tw\no");
    server.sql(
        "late",
        &format!(r#"SET ROLE weak; DO $$ BEGIN {old} EXECUTE format('COMMENT ON DATABASE late IS %L', E'donn\xe9es'); END $$"#),
    );

    let wanted = server.fingerprint("late");
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  'sh ./migrate'\n";
    let url = format!("postgresql://weak:pw@127.0.0.1:{}/late", server.port);
    let project = Project::new(config).env("DATABASE_URL", &url);

    project.write("made.sql", format!("DO $$ BEGIN {} END $$", odd("caf") + &odd("later")));
    project.write(
        "migrate",
        "psql -qX1 -v ON_ERROR_STOP=1 -f made.sql && touch migrating && sleep 60",
    );

    let mut killed = project.command("db-reset --force").spawn().unwrap();
    until("it migrates", || project.dir.join("migrating").exists());
    signal(&killed, "KILL");
    killed.wait().unwrap();
    server.sql(
        "late",
        r"DO $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (42, NULL)', E'later\xe9'); END $$",
    );

    let said = project.ok("db-repair");
    let kept =
        said.err.split("its state until then is kept: ").nth(1).unwrap().lines().next().unwrap();
    same(&server.fingerprint("late"), &wanted);
    assert_eq!(server.sql("late", COMMENTED), "646f6e6ee96573");
    assert_eq!(
        server.sql("postgres", "SELECT datconnlimit FROM pg_database WHERE datname = 'late'"),
        "20"
    );

    // and what had come of it can be had
    project.ok(&format!("db-restore {kept} --trust=role --yes --in-place"));
    let later = r"SELECT count(*) FROM pg_class WHERE relname::text::bytea = '\x6c61746572e9'";
    assert_eq!(server.sql("late", later), "1");
}

#[test]
fn a_reset_of_a_database_without_an_encoding_comes_back_late() {
    comes_back_late("SQL_ASCII");
}

#[test]
fn a_reset_of_a_database_in_latin1_comes_back_late() {
    comes_back_late("LATIN1");
}
