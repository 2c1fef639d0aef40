//! PostgreSQL's own regression database: whatever its authors could think of, in one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Project, same};
use crate::support::cluster::{Cluster, programs};
use crate::support::component::{output, quoted, script};
use crate::support::need;

/// Its scripts, by the sources of the server's version.
fn scripts(bin: &Path) -> Result<PathBuf, String> {
    let version = output(Command::new(bin.join("pg_config")).arg("--version"))?;
    let major = version
        .split_whitespace()
        .nth(1)
        .and_then(|v| v.split('.').next())
        .unwrap_or_default()
        .to_owned();
    output(Command::new(script("regress.sh")).arg(major)).map(PathBuf::from)
}

/// Runs them in the order of the schedule. What needs its C functions fails, and is none of our
/// business. `stats` does nothing but wait, and `tablespace` leaves what is outside of the
/// database.
fn fill(server: &Cluster, scripts: &Path, db: &str) {
    let here = server.dir.join("regress");
    output(Command::new("cp").arg("-R").arg(scripts).arg(&here)).unwrap();
    std::fs::create_dir(here.join("results")).unwrap();
    // the server writes there, too, and may be another user
    output(Command::new("chmod").args(["-R", "a+rwX"]).arg(&here)).unwrap();

    let psql =
        [vec![format!("{}psql", server.server().bin)], server.server().options.clone()].concat();
    let psql = psql.iter().map(quoted).collect::<Vec<_>>().join(" ");

    let run = format!(
        "cd {here} && export PG_ABS_SRCDIR=$PWD PG_ABS_BUILDDIR=$PWD PG_LIBDIR=/nowhere \
         PG_DLSUFFIX=.so PGTZ=PST8PDT PGDATESTYLE='Postgres, MDY'
         for test in $(sed -n 's/^test: *//p' parallel_schedule); do
           case $test in stats|tablespace) continue ;; esac
           timeout 120 {psql} -X -q -d {db} <sql/$test.sql >results/$test.out 2>&1 || true
         done",
        here = quoted(&here)
    );

    output(Command::new("sh").arg("-c").arg(run)).unwrap();
}

#[test]
fn the_regression_database_comes_back_by_every_way() {
    let bin = need!("postgresql", programs());
    let scripts = need!("regression tests", scripts(&bin));
    // in place, everything is locked at once
    let server =
        need!("postgresql", Cluster::configured(&bin, "max_locks_per_transaction = 1024\n"));
    let db = server.named("regression");

    server.sql("postgres", "CREATE DATABASE regression TEMPLATE template0");
    fill(&server, &scripts, "regression");

    let tables: u32 = server
        .sql("regression", "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND oid > 16384")
        .parse()
        .unwrap();
    assert!(tables > 400, "{tables} tables");

    let project = Project::host(&db.socket_url);
    let backup = project.backup();
    let restore = format!("db-restore {} --yes", backup.file_name().unwrap().to_string_lossy());
    // what plain pg_dump and psql make of it
    let plain = server.named("plain");

    server.sql("postgres", "CREATE DATABASE plain TEMPLATE template0");
    server.sql("plain", &server.dump("regression", &[]).unwrap());

    let wanted = crate::support::server::Fingerprint {
        settings: server.fingerprint("regression").settings,
        ..server.fingerprint("plain")
    };
    let before = server.fingerprint("regression");
    project.ok("db-verify --deep");
    project.ok(&restore);
    same(&server.fingerprint("regression"), &wanted);

    project.ok("db-undo --yes");
    same(&server.fingerprint("regression"), &before);
    project.ok(&format!("{restore} --in-place"));
    same(&server.fingerprint("regression"), &wanted);
    drop(plain);
}
