//! More objects than one transaction has locks for, on a server of few: what `pg_dump | psql`
//! restores, a restore of ours does, too.

use std::process::Command;

use super::{Project, same};
use crate::support::cluster::{Cluster, programs};
use crate::support::component::output;
use crate::support::need;

/// A server with room for some 400 locks.
fn narrow() -> Result<Cluster, String> {
    Cluster::configured(
        &programs()?,
        "max_locks_per_transaction = 10\nmax_connections = 20\nfsync = off\n",
    )
}

const TABLES: &str = "DO $$ BEGIN FOR i IN 1..900 LOOP EXECUTE format('CREATE TABLE t%s (id \
                      serial PRIMARY KEY, v text)', i); END LOOP; END $$";

#[test]
fn more_objects_than_a_transaction_has_locks_for() {
    let cluster = need!("postgresql", narrow());
    let db = cluster.database();
    for part in 0..9 {
        cluster.sql(
            &db.name,
            &format!(
                "SET ROLE app; {}",
                TABLES.replace("1..900", &format!("{}..{}", part * 100 + 1, part * 100 + 100))
            ),
        );
    }

    cluster.sql(
        &db.name,
        "SET ROLE app; INSERT INTO t7 (v) SELECT 'row ' || i FROM generate_series(1, 50) i",
    );
    for _ in 0..8 {
        cluster.sql(
            &db.name,
            "SET ROLE app; SELECT count(lo_from_bytea(0, 'large')) FROM generate_series(1, 250)",
        );
    }

    let project = Project::host(&db.url);
    project.ok("db-backup --auto");

    let wanted = cluster.fingerprint(&db.name);
    // the peer's way works, and one transaction does not
    let piped = |options: &str, to: &str| {
        let socket = cluster.dir.display();
        let (bin, port) = (cluster.bin.display(), cluster.port);
        let at = format!("-h {socket} -p {port} -U postgres");
        output(Command::new("sh").arg("-c").arg(format!(
            "{bin}/createdb {at} {to} && {bin}/pg_dump {at} {} | {bin}/psql {at} -qX {options} -v \
             ON_ERROR_STOP=1 -d {to}",
            db.name
        )))
    };

    piped("", &format!("{}_peer", db.name)).unwrap();
    let why = piped("-1", &format!("{}_one", db.name)).unwrap_err();
    assert!(why.contains("out of shared memory"), "{why}");

    project.ok("db-verify --deep");
    cluster.sql(&db.name, "DELETE FROM t7");
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &wanted);

    // in place it must be one transaction: the plan says so, and nothing is lost
    let failed = project.fails("db-restore --latest --yes --in-place", 1, "out of shared memory");
    assert!(
        failed.err.find("locks here, and the server has room for")
            < failed.err.find("out of shared memory"),
        "{failed:?}"
    );

    same(&cluster.fingerprint(&db.name), &wanted);
}

/// What ends a transaction in one piece is noticed in that piece, and an error names the dump's own
/// line behind all the borders.
#[test]
fn a_piece_that_fails_names_its_line_and_the_live_database_stays() {
    let cluster = need!("postgresql", crate::support::cluster::cluster());
    let db = cluster.database();
    cluster.sql(&db.name, "SET ROLE app; CREATE TABLE live (a int); INSERT INTO live VALUES (1)");

    let project = Project::host(&db.url);
    let many: String = (1..=1400).map(|i| format!("CREATE TABLE public.t{i} (a int);\n")).collect();
    let text = format!("{many}CREATE TABLE public.t7 (a int);\n{}", super::hostile_dumps::TAIL);

    project.write("dump.sql", text);
    let before = cluster.fingerprint(&db.name);

    project.fails(
        "db-restore --file dump.sql --yes --trust=role",
        1,
        "line 1401 of the dump: ERROR:  relation \"t7\" already exists",
    );

    same(&cluster.fingerprint(&db.name), &before);
    assert_eq!(super::family(cluster, &db.name), std::slice::from_ref(&db.name));
}
