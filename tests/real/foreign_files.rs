//! Files as people have them: what other tools and other hands have made of a dump is restored, or
//! named for what it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::hostile_dumps::as_superuser;
use super::{Project, same, tiny_host};
use crate::support::cluster::{Cluster, cluster};
use crate::support::component::output;
use crate::support::need;
use crate::support::server::Fingerprint;

/// Runs a line of shell in the project's folder.
fn shell(project: &Project, line: &str) {
    output(Command::new("sh").arg("-c").arg(line).current_dir(&project.dir))
        .unwrap_or_else(|e| panic!("{line}: {e}"));
}

/// A file of `pg_dump`, written with these options.
fn dumped(cluster: &Cluster, project: &Project, db: &str, options: &[&str], to: &str) -> PathBuf {
    let file = project.dir.join(to);
    output(cluster.command("pg_dump").args(options).arg("-f").arg(&file).args(["-d", db])).unwrap();
    file
}

/// Verifies and restores a file under a name of its own, and gives what is there then.
fn restored(cluster: &Cluster, project: &Project, file: &str, db: &str) -> (Fingerprint, String) {
    let copy = format!("{db}_copy");
    project.ok(&format!("db-verify {file}")).ends_with(0, "is good");
    project.ok(&format!("db-verify --deep {file}")).ends_with(0, "is good");
    let said = project.ok(&format!("db-restore --file {file} --as {copy} --yes")).err;
    let found = cluster.fingerprint(&copy);
    cluster.drop_all(&copy);
    (found, said)
}

#[test]
fn archives_and_packed_files_go_through_the_same_proofs() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    cluster.sql(
        &db.name,
        "SELECT lo_from_bytea(0, 'large'); COMMENT ON DATABASE CURRENT_CATALOG IS NULL;"
            .split(';')
            .next()
            .unwrap(),
    );

    let plain = dumped(cluster, &project, &db.name, &[], "plain.sql");
    let wanted = restored(cluster, &project, "plain.sql", &db.name).0;

    for (options, name) in [
        (&["-Fc"][..], "a.dump"),
        (&["-Ft"], "a.tar"),
        (&["-Fd"], "folder"),
        (&["-Fd", "-Z0", "-C"], "open"),
    ] {
        dumped(cluster, &project, &db.name, options, name);
    }

    let text = fs::read(&plain).unwrap();
    project.write("marked.sql", [b"\xef\xbb\xbf", &text[..]].concat());
    shell(
        &project,
        "gzip -kc a.dump > a.dump.gz; gzip -kc a.tar > a.tar.gz; zstd -qc a.dump > a.dump.zst",
    );

    shell(
        &project,
        "(gzip -kc plain.sql; head -c 10240 /dev/zero) > padded.sql.gz; zstd -q --long=31 -c < \
         plain.sql > long.sql.zst",
    );

    for (file, form) in [
        ("a.dump", "an archive in pg_dump's custom format"),
        ("a.tar", "an archive in pg_dump's tar format"),
        ("folder", "an archive in pg_dump's directory format"),
        ("open", "an archive in pg_dump's directory format"),
        ("a.dump.gz", "an archive in pg_dump's custom format"),
        ("a.tar.gz", "an archive in pg_dump's tar format"),
        ("a.dump.zst", "an archive in pg_dump's custom format"),
        ("marked.sql", "`marked.sql` is a foreign file: no manifest"),
        ("padded.sql.gz", "`padded.sql.gz` is a foreign file: no manifest"),
        ("long.sql.zst", "`long.sql.zst` is a foreign file: no manifest"),
    ] {
        let (found, said) = restored(cluster, &project, file, &db.name);
        assert!(said.contains(form), "{file}: {said}");
        same(&found, &wanted);
    }
}

#[test]
fn a_damaged_archive_is_refused_packed_or_not() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    for (options, name) in [(&["-Fc"][..], "a.dump"), (&["-Ft"], "a.tar"), (&["-Fd"], "folder")] {
        dumped(cluster, &project, &db.name, options, name);
    }

    let before = cluster.fingerprint(&db.name);
    let cut = |from: &Path, to: &str, share: f64| {
        let bytes = fs::read(from).unwrap();
        project.write(to, &bytes[..(bytes.len() as f64 * share) as usize]);
    };
    for share in [0.3, 0.6, 0.9] {
        cut(&project.dir.join("a.dump"), "cut.dump", share);
        shell(
            &project,
            "gzip -c cut.dump > cut.dump.gz; gzip -c a.dump > whole.dump.gz; cat a.tar > cut.tar; \
             truncate -s 60% cut.tar || head -c 4000 a.tar > cut.tar",
        );

        cut(&project.dir.join("whole.dump.gz"), "short.dump.gz", share);

        for file in ["cut.dump", "cut.dump.gz", "short.dump.gz"] {
            project.fails(&format!("db-verify {file}"), 1, "error: ");
            project.fails(&format!("db-restore --file {file} --yes --trust=role"), 1, "error: ");
        }
    }

    let part =
        fs::read_dir(project.dir.join("folder")).unwrap().flatten().map(|entry| entry.path());
    let largest = part
        .filter(|path| !path.ends_with("toc.dat"))
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    cut(&largest, "folder/part", 0.5);
    fs::rename(project.dir.join("folder/part"), &largest).unwrap();
    project.fails("db-verify folder", 1, "error: ");

    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn a_dump_that_makes_its_database_becomes_the_one_that_is_meant() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let quoted = format!("\"{}\"", db.name);

    cluster.sql(
        &db.name,
        &format!(
            "COMMENT ON DATABASE {quoted} IS 'shop; of ours'; ALTER DATABASE {quoted} SET \
             work_mem = '8MB'; GRANT ALL ON DATABASE {quoted} TO app"
        ),
    );

    dumped(cluster, &project, &db.name, &[], "plain.sql");
    dumped(cluster, &project, &db.name, &["-C"], "create.sql");
    dumped(cluster, &project, &db.name, &["-C", "-c", "--if-exists"], "clean.sql");

    let (wanted, _) = restored(cluster, &project, "plain.sql", &db.name);

    for file in ["create.sql", "clean.sql"] {
        let (found, said) = restored(cluster, &project, file, &db.name);
        assert!(
            said.contains("statements on its own database (`pg_dump --create`) are left out"),
            "{said}"
        );
        same(&found, &wanted);
    }

    // over the live one, whose own settings stay
    let before = cluster.fingerprint(&db.name);
    cluster.sql(&db.name, "DELETE FROM orders");
    project.ok("db-restore --file create.sql --yes");
    same(&cluster.fingerprint(&db.name), &before);
    project.ok("db-backup --auto");

    project.fails("db-restore --file create.sql --yes --in-place --trust=role", 0, "are left out");
    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn what_is_no_dump_of_postgresql_is_named() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let plain = dumped(cluster, &project, &db.name, &[], "plain.sql");
    let text = fs::read_to_string(plain).unwrap();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();

    project.write("marked.sql", [&[0xff, 0xfe], &utf16[..]].concat());
    project.write("bare.sql", &utf16);

    let mysql = "-- MySQL dump 10.13  Distrib 8.0.36\n--\nCREATE TABLE `t` (`id` int);\n-- Dump \
                 completed on 2024-01-01\n";
    project.write("mysql.sql", mysql);
    project.write("packed.sql.gz", "");

    shell(
        &project,
        "gzip -c mysql.sql > mysql.sql.gz; gzip -c plain.sql | gzip > twice.sql.gz; (gzip -c \
         plain.sql; echo more) > more.sql.gz",
    );

    dumped(cluster, &project, &db.name, &["-a"], "rows.sql");
    // databases of other tests come and go
    output(
        cluster
            .command("pg_dumpall")
            .args(["--globals-only", "-f"])
            .arg(project.dir.join("all.sql")),
    )
    .unwrap();

    project.write("app.db", b"SQLite format 3\0\x10\0\x01\x01");

    let before = cluster.fingerprint(&db.name);

    for (file, says) in [
        ("marked.sql", "is text in UTF-16, as PowerShell's `>` writes it"),
        ("bare.sql", "`iconv -f UTF-16 -t UTF-8 "),
        ("mysql.sql", "is a dump of MySQL or MariaDB, not of PostgreSQL"),
        ("mysql.sql.gz", "is a dump of MySQL or MariaDB, not of PostgreSQL"),
        ("app.db", "is a database of SQLite, not of PostgreSQL"),
        ("twice.sql.gz", "is compressed twice"),
        ("packed.sql.gz", "is empty"),
        ("more.sql.gz", "something else follows the end of the gzip file"),
        ("all.sql", "it is pg_dumpall's file of a whole server"),
        ("rows.sql", "is it a dump of only the data (`--data-only`)"),
    ] {
        project.fails(&format!("db-restore --file {file} --yes --trust=role"), 1, says);
    }

    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn a_folder_of_other_hands_is_listed_for_what_it_is() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    fs::create_dir(project.dir.join("backups")).unwrap();
    dumped(cluster, &project, &db.name, &["-Fd"], "backups/nightly");
    dumped(cluster, &project, &db.name, &[], "backups/shop_20240101.sql");

    fs::create_dir(project.dir.join("backups/uploads")).unwrap();
    project.write(
        "backups/manifest.json",
        r#"{"backup_date": "2024-01-01", "files": ["shop_20240101.sql"]}"#,
    );

    let list = project.ok("db-list").out;
    let lines: Vec<&str> = list.lines().filter(|line| line.contains("foreign")).collect();
    assert!(
        lines.len() == 2
            && list.contains("nightly")
            && !list.contains("uploads")
            && !list.contains("broken"),
        "{list}"
    );

    let before = cluster.fingerprint(&db.name);
    cluster.sql(&db.name, "DELETE FROM orders");
    project.ok("db-restore nightly --yes");
    same(&cluster.fingerprint(&db.name), &before);
}

/// What `ON CONFLICT DO NOTHING` leaves out is not told as restored.
#[test]
fn rows_that_the_database_does_not_take_are_told() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url);
    let beside = format!("{}_beside", db.name);
    let rows = "INSERT INTO public.t VALUES (1), (2) ON CONFLICT DO NOTHING;\nINSERT INTO \
                public.t VALUES (1) ON CONFLICT DO NOTHING;\n";

    let file = project.write(
        "twice.sql",
        format!(
            "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\nSET \
             standard_conforming_strings = on;\nCREATE TABLE public.t (a int PRIMARY \
             KEY);\n{rows}\n--\n-- PostgreSQL database dump complete\n--\n\n"
        ),
    );

    for flag in ["", "--trust=role"] {
        let said =
            project.ok(&format!("db-restore --as {beside} --yes {flag} --file {}", file.display()));
        assert!(
            said.err.contains("; the database skipped 1 row of them (ON CONFLICT DO NOTHING)"),
            "{}",
            said.err
        );
        cluster.drop_all(&beside);
    }
}

/// pg_dump writes databases that its own dump does not make again. The error says which of the two
/// reasons it is, nothing is held against the backup, and its file loads with the change that is
/// named, for it may be all that is left.
#[test]
fn what_loads_nowhere_as_it_is_says_why_and_how() {
    let cluster = need!("postgresql", cluster());
    let path = "sed -i \"s/'search_path', ''/'search_path', 'public'/\" again.sql";

    for (made, says, mended) in [
        (
            "CREATE FUNCTION inner_(v text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT \
             upper(v)';
             CREATE FUNCTION slug(v text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN \
             inner_(v); END';
             CREATE TABLE t (id int PRIMARY KEY, v text, s text GENERATED ALWAYS AS (slug(v)) \
             STORED); INSERT INTO t VALUES (1, 'a')",
            "with an empty `search_path`",
            path,
        ),
        (
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
             CREATE FUNCTION n() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM t'; \
             CREATE MATERIALIZED VIEW m AS SELECT n() AS n",
            "with an empty `search_path`",
            path,
        ),
        (
            "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE t (id int, v text); INSERT INTO t \
             VALUES (1, 'a');
             CREATE FUNCTION f(v text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN \
             CASE WHEN v::mood = ''a'' THEN 1 ELSE 0 END; END';
             CREATE INDEX i ON t (f(v))",
            "with an empty `search_path`",
            path,
        ),
        (
            "CREATE TABLE words (v text PRIMARY KEY); INSERT INTO words VALUES ('a');
             CREATE FUNCTION known(v text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT EXISTS \
             (SELECT FROM public.words w WHERE w.v = known.v)';
             CREATE TABLE t (id int, v text, CONSTRAINT known CHECK (known(v))); INSERT INTO t \
             VALUES (1, 'a')",
            "a check that reads other tables",
            "sed -i '/CONSTRAINT known CHECK/d; s/^    v text,$/    v text/' again.sql",
        ),
    ] {
        let (db, project) = as_superuser(cluster);
        cluster.sql(&db.name, made);
        let before = cluster.fingerprint(&db.name);
        let backup = project.backup();

        let said = project.fails("db-verify --deep --latest", 1, "could not be tried here");
        assert!(said.err.contains(says), "{}", said.err);
        assert!(project.ok("db-list").out.contains("untried"));
        for way in ["", " --in-place"] {
            let said = project.fails(&format!("db-restore --latest --yes{way}"), 1, says);
            assert!(said.err.contains("restore that file (`--file`)"), "{}", said.err);
        }
        same(&cluster.fingerprint(&db.name), &before);

        shell(&project, &format!("zstd -qdc {} > again.sql && {mended}", backup.display()));
        project.ok("db-restore --file again.sql --yes");
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM t"), "1");
    }
}
