//! Dumps for people and git on a real server.

mod stable;

use std::fs;
use std::path::Path;

use super::{Project, same};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;

/// What can be dropped by a dump, and more.
const FILL: &str = "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE DOMAIN word AS text CHECK (VALUE <> \
    ''); CREATE SCHEMA shop; CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
    m mood, w word); INSERT INTO people (m, w) SELECT 'a', 'person ' || i FROM generate_series(1, \
    50) i; CREATE TABLE shop.orders (id serial PRIMARY KEY, person int REFERENCES people, twice int \
    GENERATED ALWAYS AS (person * 2) STORED); INSERT INTO shop.orders (person) SELECT i FROM \
    generate_series(1, 50) i; CREATE INDEX ON people (w); CREATE VIEW seen AS SELECT * FROM people; \
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM people; CREATE FUNCTION touch() \
    RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; CREATE TRIGGER touched BEFORE \
    UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch(); CREATE TABLE split (id int) PARTITION \
    BY RANGE (id); CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10); INSERT INTO \
    split VALUES (1), (2); ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON \
    people USING (true); CREATE STATISTICS pairs ON m, w FROM people; CREATE SEQUENCE loose; CREATE \
    AGGREGATE last_of(int) (SFUNC = int4larger, STYPE = int); SELECT lo_from_bytea(0, 'large'); \
    GRANT SELECT ON people TO PUBLIC; COMMENT ON TABLE people IS 'those'";

const CLEAN: &str = "pg-dump-args = [\"--no-owner\", \"--no-privileges\", \"--if-exists\", \
                     \"--clean\"]\n";

fn project(db: &TempDb, keys: &str) -> Project {
    let toml = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[backup]\ncompress = \
                \"none\"\n";
    Project::new(&format!("{toml}{keys}")).env("DATABASE_URL", &db.url)
}

fn filled(cluster: &Cluster, keys: &str) -> (TempDb, Project) {
    let db = cluster.database();
    cluster.sql(&db.name, &format!("SET ROLE app; {FILL}"));
    let project = project(&db, keys);
    (db, project)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// What a fingerprint sees, without the rights that such a dump leaves out.
fn without_rights(
    mut of: crate::support::server::Fingerprint,
) -> crate::support::server::Fingerprint {
    of.schema =
        of.schema.lines().filter(|l| !l.starts_with("GRANT")).collect::<Vec<_>>().join("\n");
    of
}

#[test]
fn a_dump_that_drops_first_is_restored_staged_in_place_and_by_psql() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = filled(cluster, CLEAN);
    let wanted = without_rights(cluster.fingerprint(&db.name));
    let file = project.backup();
    assert!(fs::read_to_string(&file).unwrap().contains("DROP TABLE IF EXISTS public.people;"));
    project.ok("db-verify --deep");

    let neighbour = cluster.database();
    cluster.sql(&neighbour.name, &format!("SET ROLE app; {FILL}"));
    let untouched = cluster.fingerprint(&neighbour.name);

    let change = "SET ROLE app; DELETE FROM shop.orders; CREATE TABLE later (a int)";
    for how in ["", " --in-place"] {
        cluster.sql(&db.name, change);
        let said = project.ok(&format!("db-restore {}{how} --yes", name(&file)));
        assert!(said.err.contains("made without owners and rights"), "{said:?}");
        same(&without_rights(cluster.fingerprint(&db.name)), &wanted);
    }

    // without its manifest it is somebody else's, and its DROPs are none to refuse
    fs::copy(&file, project.dir.join("elsewhere.sql")).unwrap();
    cluster.sql(&db.name, change);
    project.ok("db-restore --file elsewhere.sql --trust=role --yes");
    same(&without_rights(cluster.fingerprint(&db.name)), &wanted);

    // into the live database, by psql alone, as its owner: what is not in the dump stays
    cluster.sql(&db.name, "SET ROLE app; DELETE FROM shop.orders; DROP VIEW seen");
    let mut psql = project.program("psql");
    psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", &db.url, "-f"]).arg(&file);
    let out = psql.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    same(&without_rights(cluster.fingerprint(&db.name)), &wanted);

    same(&cluster.fingerprint(&neighbour.name), &untouched);
}

/// An extension of another role can't be dropped, and need not be.
#[test]
fn a_dump_that_drops_first_leaves_an_extension_of_another_role() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    if cluster.try_sql(&db.name, "CREATE EXTENSION hstore").is_err() {
        cluster.sql(&db.name, "CREATE SCHEMA unused; SET ROLE app; CREATE TABLE a (b int)");
    } else {
        cluster.sql(
            &db.name,
            "SET ROLE app; CREATE TABLE a (b hstore); INSERT INTO a VALUES ('x=>1')",
        );
    }
    let project = project(&db, CLEAN);
    let wanted = without_rights(cluster.fingerprint(&db.name));
    let file = project.backup();

    for how in ["", " --in-place"] {
        cluster.sql(&db.name, "SET ROLE app; DELETE FROM a");
        project.ok(&format!("db-restore {}{how} --yes", name(&file)));
        same(&without_rights(cluster.fingerprint(&db.name)), &wanted);
    }
}

#[test]
fn rows_as_statements_are_counted_and_restored() {
    let cluster = need!("postgresql", cluster());
    for option in ["--inserts", "--column-inserts", "--rows-per-insert=7"] {
        let (db, project) = filled(cluster, &format!("pg-dump-args = [\"{option}\"]\n"));
        let wanted = cluster.fingerprint(&db.name);
        let file = project.backup();
        assert!(!fs::read_to_string(&file).unwrap().contains("\nCOPY "));

        cluster.sql(&db.name, "SET ROLE app; DELETE FROM shop.orders");
        let said = project.ok(&format!("db-restore {} --yes", name(&file)));
        assert!(said.err.contains("102 rows in"), "{option}: {said:?}");
        same(&cluster.fingerprint(&db.name), &wanted);
        project.ok("db-verify --deep");
    }
}

#[test]
fn left_out_rows_make_a_backup_that_no_rule_counts() {
    let cluster = need!("postgresql", cluster());
    let keys = "pg-dump-args = [\"--exclude-table-data=shop.orders\"]\nlatest = \"symlink\"\n";
    let (db, project) = filled(cluster, keys);
    let file = project.backup();
    assert!(!project.dir.join("backups/latest.sql").exists());
    project.fails("db-restore --latest --yes", 1, "there is no good backup");
    project.fails("db-status --check", 1, "no good backup");

    // a safety backup is whole, and so is what saves a damaged database
    project.ok("db-backup --salvage --output-dir saved");
    let saved = fs::read_dir(project.dir.join("saved")).unwrap().flatten().map(|e| e.path());
    let saved = saved.filter(|path| path.extension().is_some_and(|e| e == "sql"));
    let texts: Vec<String> = saved.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(texts.len() == 1 && texts[0].contains("COPY shop.orders "), "{}", texts.len());
    let project = project.env("ALLOW_DATABASE_WIPE", "true");
    let wanted = cluster.fingerprint(&db.name);
    project.ok("db-wipe --backup --yes");
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &wanted);

    let said = project.ok(&format!("db-restore {} --yes", name(&file)));
    assert!(said.err.contains("PARTIAL"), "{said:?}");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM shop.orders"), "0");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM people"), "50");
}
