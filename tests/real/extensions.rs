//! Extensions with tables whose rows a dump brings: PostGIS's reference systems, the settings of
//! pg_partman, the jobs of pg_cron.

use std::path::Path;

use super::{Project, same, there_and_back};
use crate::support::cluster::{Cluster, TempDb, programs};
use crate::support::component::{postgres, unique, with_extensions};
use crate::support::need;

/// A server that has them, and a database for what one alone may have.
fn server(which: &str, jobs: &str) -> Result<Cluster, String> {
    let settings = match which {
        "debian" => {
            format!("shared_preload_libraries = 'pg_cron'\ncron.database_name = '{jobs}'\n")
        }
        _ => String::new(),
    };

    Cluster::configured(
        &with_extensions(&programs()?, which)?,
        &format!("{settings}dbt.database_name = '{jobs}'\n"),
    )
}

/// A database of the superuser's, filled, and its project.
fn filled(server: &Cluster, sql: &str) -> (TempDb, Project) {
    let db = server.database();
    server.sql(&db.name, sql);
    let project = Project::host(&db.socket_url);
    (db, project)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// Backup, deep verification, staged restore, undo, restore in place: each time all that a
/// fingerprint sees.
fn goes_round(server: &Cluster, db: &TempDb, project: &Project, later: &str) {
    let wanted = server.fingerprint(&db.name);
    let backup = name(&project.backup());
    project.ok(&format!("db-verify {backup} --deep"));
    let changed = there_and_back(server, &db.name, project, (&backup, &wanted), later);
    let newest = name(project.files().iter().rfind(|f| f.extension().unwrap() == "zst").unwrap());
    project.ok(&format!("db-restore {newest} --yes --in-place"));
    same(&server.fingerprint(&db.name), &changed);
}

const ROWS: &str = "INSERT INTO dbt_kind VALUES (1000, 'of the user');
    INSERT INTO \"dbt Set\" (kind, of, what) VALUES (1000, NULL, 'a'), (5, 1, 'b'), (NULL, 2, 'c');
    CREATE TABLE mine (id int PRIMARY KEY, kind int REFERENCES dbt_kind); INSERT INTO mine VALUES \
                    (1, 1000), (2, 7);";
const LATER: &str = "DELETE FROM mine; DELETE FROM \"dbt Set\" WHERE what = 'c'; UPDATE dbt_kind \
                     SET name = 'other' WHERE id = 1000;
    INSERT INTO dbt_kind VALUES (1001, 'later'); INSERT INTO \"dbt Set\" (kind, what) VALUES \
                     (1001, 'd');";

#[test]
fn rows_that_a_dump_brings_for_an_extension_come_back() {
    let server = need!("extensions", server("own", "none"));
    let (db, project) = filled(&server, &format!("CREATE EXTENSION dbt_config; {ROWS}"));
    goes_round(&server, &db, &project, LATER);
}

/// Nothing of the user's in them: pg_dump writes an empty COPY all the same.
#[test]
fn an_extension_without_rows_of_the_users_comes_back() {
    let server = need!("extensions", server("own", "none"));
    let (db, project) = filled(&server, "CREATE EXTENSION dbt_config; CREATE TABLE mine (id int)");
    goes_round(&server, &db, &project, "INSERT INTO mine VALUES (1)");
}

/// In place it goes with the schema and comes back with it; what is added to it later goes.
#[test]
fn an_extension_in_a_schema_of_its_own_comes_back() {
    let server = need!("extensions", server("own", "none"));
    let inside = |sql: &str| format!("SET search_path = gis, public; {sql}");
    let (db, project) = filled(
        &server,
        &inside(&format!("CREATE SCHEMA gis; CREATE EXTENSION dbt_config SCHEMA gis; {ROWS}")),
    );
    goes_round(&server, &db, &project, &inside(LATER));
}

/// Rows that get lost on the way are noticed in tables of extensions, too.
#[test]
fn rows_that_an_extensions_table_does_not_take_are_missed() {
    let server = need!("extensions", server("own", "none"));
    let (db, project) = filled(
        &server,
        "CREATE EXTENSION dbt_config; INSERT INTO dbt_kind VALUES (1000, 'of the user')",
    );
    let backup = name(&project.backup());

    server.sql(
        &db.name,
        "CREATE TRIGGER swallow BEFORE INSERT ON dbt_kind FOR EACH ROW EXECUTE FUNCTION \
         dbt_swallow()",
    );

    let before = server.fingerprint(&db.name);
    // in place the extension's table keeps the trigger
    project.fails(
        &format!("db-restore {backup} --yes --in-place"),
        1,
        "public.dbt_kind: expected 1 rows, found 0 rows",
    );

    same(&server.fingerprint(&db.name), &before);
}

#[test]
fn postgis_and_pg_partman_come_back() {
    let server = need!("postgis", server("debian", "none"));
    let (db, project) = filled(
        &server,
        "CREATE EXTENSION postgis; CREATE EXTENSION postgis_topology; CREATE EXTENSION pg_trgm; \
         CREATE SCHEMA partman;
         CREATE EXTENSION pg_partman SCHEMA partman; CREATE TABLE place (id int PRIMARY KEY, at \
         geometry(Point, 4326));
         INSERT INTO place VALUES (1, st_setsrid(st_makepoint(7.4, 46.9), 4326)); CREATE INDEX ON \
         place USING gist (at);
         INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text) VALUES \
         (990001, 'own', 1, 'x', 'y');
         INSERT INTO topology.topology VALUES (7, 'roads', 4326, 0);
         INSERT INTO topology.layer VALUES (7, 1, 'public', 'road', 'topo', 1, 0, NULL);
         CREATE TABLE event (at timestamptz NOT NULL) PARTITION BY RANGE (at);
         SELECT partman.create_parent('public.event', 'at', 'native', 'daily'); INSERT INTO event \
         VALUES (now());",
    );

    goes_round(
        &server,
        &db,
        &project,
        "UPDATE spatial_ref_sys SET srtext = 'z' WHERE srid = 990001; INSERT INTO place VALUES \
         (2, NULL);
         INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid) VALUES (990002, 'own', 2);
         UPDATE partman.part_config SET premake = 9; DELETE FROM topology.layer; DELETE FROM \
         topology.topology",
    );
}

/// Its types, and indexes of access methods of its own: in place the extension stays, and they are
/// made anew.
#[test]
fn pgvector_comes_back() {
    let server = need!("pgvector", postgres("18").and_then(|bin| Cluster::start(&bin)));
    let db = server.database();
    server.sql(
        &db.name,
        "CREATE SCHEMA ml; CREATE EXTENSION vector SCHEMA ml; SET search_path = public, ml;
         CREATE TABLE item (id int PRIMARY KEY, at vector(3) NOT NULL, half halfvec(3), few \
         sparsevec(5), bits bit(4));
         INSERT INTO item SELECT i, ARRAY[i, i / 2.0, -i]::vector, ARRAY[i, 1, 2]::halfvec, \
         '{1:1.5,4:-2}/5', i::bit(4) FROM generate_series(1, 300) i;
         CREATE INDEX ON item USING hnsw (at vector_l2_ops) WITH (m = 8); CREATE INDEX ON item \
         USING ivfflat (at vector_cosine_ops) WITH (lists = 4);
         CREATE INDEX ON item USING hnsw (half halfvec_ip_ops); CREATE INDEX ON item USING hnsw \
         (bits bit_hamming_ops);
         CREATE VIEW near AS SELECT id FROM item ORDER BY at <-> '[1,2,3]' LIMIT 5",
    );

    let config = "[databases.main]\nprograms = 'BIN'\npostgres = { url = \"${DATABASE_URL}\" }\n";
    let config = config.replace("BIN", &postgres("18").unwrap().to_string_lossy());
    let project = Project::new(&config).env("DATABASE_URL", &db.socket_url);

    goes_round(
        &server,
        &db,
        &project,
        "DELETE FROM item WHERE id > 100; UPDATE item SET at = '[9,9,9]', few = NULL; DROP VIEW \
         near",
    );
}

#[test]
fn jobs_of_pg_cron_come_back_in_place_and_inactive() {
    let jobs = unique("jobs");
    let server = need!("pg_cron", server("debian", &jobs));
    server.sql("postgres", &format!("CREATE DATABASE {jobs}"));

    let db = server.named(&jobs);
    server.sql(
        &jobs,
        "CREATE EXTENSION pg_cron; SELECT cron.schedule('nightly', '0 3 1 1 *', 'SELECT 1'); \
         CREATE TABLE mine (id int);
         INSERT INTO mine VALUES (1)",
    );

    let project = Project::host(&db.socket_url);
    let backup = name(&project.backup());
    let alone = "has the extension `pg_cron`, which a server can have in only one database";

    project
        .fails(&format!("db-verify {backup} --deep"), 3, "could not be tried here")
        .ends_with(3, alone);
    project
        .fails(&format!("db-restore {backup} --yes"), 3, alone)
        .ends_with(3, "`db-restore --in-place`");
    assert!(project.ok("db-list").out.contains("verified"), "nothing is wrong with it");

    server.sql(
        &jobs,
        "SELECT cron.unschedule('nightly'); SELECT cron.schedule('later', '0 4 1 1 *', 'SELECT \
         2'); DELETE FROM mine",
    );

    project
        .ok(&format!("db-restore {backup} --yes --in-place"))
        .ends_with(0, "the jobs of `pg_cron` are restored inactive");
    assert_eq!(server.sql(&jobs, "SELECT jobname, active FROM cron.job"), "nightly|f");
    assert_eq!(server.sql(&jobs, "SELECT * FROM mine"), "1");
}

/// An extension of this kind that nobody has told us of: the server says it.
#[test]
fn what_one_database_alone_can_have_comes_back_in_place() {
    let jobs = unique("jobs");
    let server = need!("extensions", server("own", &jobs));
    server.sql("postgres", &format!("CREATE DATABASE {jobs}"));

    let db = server.named(&jobs);
    server.sql(
        &jobs,
        "CREATE EXTENSION dbt_alone; INSERT INTO dbt_alone.job VALUES (1, 'a'); CREATE TABLE mine \
         (id int)",
    );

    let project = Project::host(&db.socket_url);
    let wanted = server.fingerprint(&jobs);
    let backup = name(&project.backup());

    project
        .fails(&format!("db-restore {backup} --yes"), 1, "can only create extension in database")
        .ends_with(1, "`--in-place`");
    server.sql(
        &jobs,
        "UPDATE dbt_alone.job SET what = 'b'; INSERT INTO dbt_alone.job VALUES (2, 'c')",
    );
    project.ok(&format!("db-restore {backup} --yes --in-place"));
    same(&server.fingerprint(&jobs), &wanted);
}
