//! Files that are cut, changed, foreign or hostile: refused, and the live database is as it was.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Held, Project, Said, family, tiny_host, until, waiting};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::output;
use crate::support::need;

/// A live database that is not what its backup holds, and the plain dump's text.
fn live(cluster: &Cluster) -> (TempDb, Project, String) {
    let (db, project) = tiny_host(cluster);
    let file = project.dir.join(project.ok("db-backup --auto --compress none").out.trim());
    cluster.sql(&db.name, "DELETE FROM orders WHERE id > 100");
    (db, project, fs::read_to_string(file).unwrap())
}

/// Expects a refusal, or a failure, in the words of its case, that leaves nothing behind.
#[track_caller]
fn refused(cluster: &Cluster, db: &TempDb, project: &Project, file: &Path, says: &str) {
    let before = cluster.sql(&db.name, "SELECT count(*), max(id) FROM orders");
    let outcome = project.run(&format!("db-restore --yes --trust=role --file {}", file.display()));
    assert!(
        matches!(outcome.code, Some(1 | 3)) && !says.is_empty(),
        "{}: {outcome:?}",
        file.display()
    );

    assert!(
        outcome.err.contains(says),
        "{}: {says:?} is not said:\n{}",
        file.display(),
        outcome.err
    );

    assert_eq!(
        cluster.sql(&db.name, "SELECT count(*), max(id) FROM orders"),
        before,
        "the live database was touched"
    );

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

fn packed(file: &Path, program: &str, ending: &str) -> std::path::PathBuf {
    let to = file.with_extension(format!("sql.{ending}"));
    output(Command::new("sh").arg("-c").arg(format!(
        "{program} -c '{}' > '{}'",
        file.display(),
        to.display()
    )))
    .unwrap();
    to
}

#[test]
fn t6_t43_a_dump_that_is_cut_anywhere_is_refused() {
    let cluster = need!("postgresql", cluster());
    let (db, project, text) = live(cluster);
    let row = text.find("person 250\t").unwrap();
    let border = text[..row].rfind('\n').unwrap() + 1;
    let marker = text.find("-- PostgreSQL database dump complete").unwrap();

    let copies: Vec<usize> = text.match_indices("\\.\n").map(|(at, _)| at).collect();
    let cuts = [
        border,
        row + 4,
        row + 25,
        copies[0],
        copies[0] + 3,
        copies[1] + 3,
        text.len() / 3,
        marker - 3,
        marker + 10,
    ];

    for at in cuts {
        refused(cluster, &db, &project, &project.write("cut.sql", &text[..at]), "cut short");
    }

    // the last words are a comment and a meta-command, which no server asks for
    refused(cluster, &db, &project, &project.write("cut.sql", &text[..marker]), "cut short");
}

#[test]
fn t18_t39_t41_a_cut_that_the_codec_does_or_does_not_see_is_refused() {
    let cluster = need!("postgresql", cluster());
    let (db, project, text) = live(cluster);
    let whole = project.write("whole.sql", &text);
    let row = text[..text.find("person 250\t").unwrap()].rfind('\n').unwrap() + 1;
    // the second is cut where psql is content: between the data and the constraints
    let data = text.rfind("\\.\n").unwrap() + 3;

    let short = [row, data].map(|at| project.write(&format!("short-{at}.sql"), &text[..at]));
    for (program, ending) in [("gzip", "gz"), ("zstd -q", "zst")] {
        for short in &short {
            refused(cluster, &db, &project, &packed(short, program, ending), "cut short");
        }
        let bytes = fs::read(packed(&whole, program, ending)).unwrap();
        for at in [bytes.len() / 2, bytes.len() - 1, bytes.len() - 7] {
            let cut = project.write(&format!("cut.sql.{ending}"), &bytes[..at]);
            refused(cluster, &db, &project, &cut, "cut short");
        }
    }
}

#[test]
fn t6_one_of_our_own_backups_that_was_changed_is_refused_by_its_sum() {
    let cluster = need!("postgresql", cluster());
    let (db, project, text) = live(cluster);
    let file =
        project.files().into_iter().find(|f| f.extension().is_some_and(|e| e == "sql")).unwrap();

    fs::write(&file, text.replace("person 250\t", "person 251\t")).unwrap();
    refused(cluster, &db, &project, &file, "checksum");
    project.fails("db-verify", 1, "checksum");
    // a record of ours has gone with it: the newest good backup is none
    project.fails("db-restore --latest --yes", 1, "there is no good backup");

    // rows that are gone, in a file whose sum somebody made to fit
    let without = text
        .lines()
        .filter(|l| !l.starts_with("250\t"))
        .flat_map(|l| [l, "\n"])
        .collect::<String>();

    fs::write(&file, &without).unwrap();
    let sum = output(Command::new("sha256sum").arg(&file)).unwrap();
    let manifest =
        project.files().into_iter().find(|f| f.extension().is_some_and(|e| e == "json")).unwrap();
    let mut json: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();

    json.as_object_mut().unwrap().remove("digest");
    json["artifacts"][0]["checksum"]["hex"] = sum.split(' ').next().into();
    json["artifacts"][0]["bytes"] = without.len().into();
    fs::write(&manifest, json.to_string()).unwrap();
    refused(cluster, &db, &project, &file, "rows");
}

#[test]
fn t7_t8_a_custom_archive_restores_whole_and_a_truncated_one_is_refused() {
    let cluster = need!("postgresql", cluster());
    let (db, project, _) = live(cluster);
    let file = project.dir.join("archive.dump");
    let mut dump = cluster.command("pg_dump");

    output(dump.args(["-Fc", "-d", &db.name, "-f"]).arg(&file)).unwrap();
    let bytes = fs::read(&file).unwrap();
    cluster.sql(&db.name, "DELETE FROM orders WHERE id > 50");

    for part in [2, 3, 5] {
        let cut = project.write("cut.dump", &bytes[..bytes.len() - bytes.len() / part]);
        refused(cluster, &db, &project, &cut, "pg_restore");
    }

    project.ok(&format!("db-restore --yes --trust=role --file {}", file.display()));
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "100");
}

#[test]
fn t13_meta_commands_of_a_foreign_file_never_run() {
    let cluster = need!("postgresql", cluster());
    let (db, project, text) = live(cluster);
    let touched = project.dir.join("touched");
    let touch = format!("touch {}", touched.display());

    let hostile = [
        format!("\\! {touch}"),
        format!("\\copy people from program '{touch}'"),
        format!("SELECT 1 \\g |{touch}"),
        format!("SELECT 1 \\gset\n\\o |{touch}\nSELECT 1;"),
        format!("\\setenv X y\n\\i {}", touched.display()),
        format!("\\unrestrict x\n\\! {touch}"),
        format!("COPY people FROM stdin;\n\\.\n\\! {touch}"),
        format!("SELECT `{touch}`; \\echo `{touch}`"),
    ];

    for line in &hostile {
        for (name, script) in [
            ("first.sql", format!("{line}\n{text}")),
            (
                "middle.sql",
                text.replacen(
                    "SET statement_timeout",
                    &format!("{line}\nSET statement_timeout"),
                    1,
                ),
            ),
            ("last.sql", format!("{text}\n{line}\n")),
        ] {
            refused(cluster, &db, &project, &project.write(name, script), "meta-command");
            assert!(!touched.exists(), "{line} was run");
        }
    }
}

#[test]
fn t16_a_dump_that_went_through_a_terminal_is_refused() {
    let cluster = need!("postgresql", cluster());
    let (db, project, text) = live(cluster);
    let damaged = project.write("crlf.sql", text.replace('\n', "\r\n"));
    refused(cluster, &db, &project, &damaged, "terminal");
}

#[test]
fn t3_t4_t5_an_error_names_its_line_and_the_live_database_stays() {
    let cluster = need!("postgresql", cluster());
    let (db, project, text) = live(cluster);
    let broken = text.replacen("CREATE TABLE public.orders", "CREATE TABLE nowhere.orders", 1);
    // psql knows where a statement ends
    let end = broken.find("nowhere.orders").map(|at| at + broken[at..].find(';').unwrap()).unwrap();
    let line = broken[..end].matches('\n').count() + 1;

    let file = project.write("broken.sql", &broken);
    let said = project.fails(
        &format!("db-restore --yes --trust=role --file {}", file.display()),
        1,
        "schema \"nowhere\" does not exist",
    );

    assert!(
        said.err.contains(&format!("line {line} of the dump")),
        "not line {line}: {}",
        said.err
    );

    assert!(said.err.contains("CREATE TABLE nowhere.orders"), "{}", said.err);
    refused(cluster, &db, &project, &file, "nowhere");

    // an error in the data, which psql finds only at the end of the table
    let bad_row = text.replacen("person 250\t", "person 250\tone too many\t", 1);
    refused(cluster, &db, &project, &project.write("row.sql", bad_row), "line");
}

#[test]
fn t1_a_dump_that_fails_half_way_leaves_no_file() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    // read long after the first bytes have come, by a table that fails when it is read
    cluster.sql(
        &db.name,
        "CREATE FUNCTION boom() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'boom'; END $$;
         CREATE TABLE zz (a int); INSERT INTO zz VALUES (1); GRANT SELECT ON zz TO app; ALTER \
         TABLE zz ENABLE ROW LEVEL SECURITY;
         CREATE POLICY p ON zz USING (boom() = 1);",
    );

    let said = project.fails("db-backup --auto", 1, "row-level security");
    assert!(said.out.is_empty() && project.files().is_empty(), "{said:?} {:?}", project.files());
    cluster.sql(&db.name, "ALTER TABLE zz DISABLE ROW LEVEL SECURITY; REVOKE ALL ON zz FROM app");
    project.fails("db-backup --auto", 1, "permission denied for table zz");
    cluster.sql(&db.name, "DROP TABLE zz");

    // a backend that is killed while the dump waits for a lock
    let held = Held::new(cluster, &db.name, "LOCK orders");
    let child = project.command("db-backup --auto").spawn().unwrap();
    until("a dump that waits", || waiting(cluster, &db.name) > 0);

    let ours = format!("datname = '{}' AND application_name ^@ 'db-tasks/'", db.name);
    cluster.sql(
        "postgres",
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"),
    );

    let said = Said::of(child.wait_with_output().unwrap()).ends_with(1, "error: ");
    drop(held);
    assert_eq!(project.files(), Vec::<std::path::PathBuf>::new(), "{said:?}");
}
