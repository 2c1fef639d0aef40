//! Resets round migrators of other people's making, each with its own ledger and its own way to be
//! told where the database is.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Project, same, tiny};
use crate::support::cluster::cluster;
use crate::support::component::{output, script};
use crate::support::need;

fn migrators() -> Result<PathBuf, String> {
    output(&mut Command::new(script("migrators.sh"))).map(PathBuf::from)
}

/// A migrator as a project has it.
struct Migrator {
    /// The hook, with `BIN` for the folder of the programs.
    hook: &'static str,
    /// What it keeps its ledger in, and how many rows two migrations leave there.
    ledger: (&'static str, &'static str),
    files: &'static [(&'static str, &'static str)],
    /// A third migration, which fails.
    broken: (&'static str, &'static str),
}

const SQL: Migrator = Migrator {
    hook: "psql -qX1 -v ON_ERROR_STOP=1 $(ls migrations/*.sql | sed 's/^/-f /')",
    ledger: ("schema_migrations", "2"),
    files: &[
        (
            "migrations/1.sql",
            "CREATE TABLE schema_migrations (id int); INSERT INTO schema_migrations VALUES (1); \
             CREATE TABLE users (id int);",
        ),
        (
            "migrations/2.sql",
            "ALTER TABLE users ADD name text; INSERT INTO schema_migrations VALUES (2);",
        ),
    ],
    broken: ("migrations/3.sql", "SELECT 1/0;"),
};

const DBMATE: Migrator = Migrator {
    // it asks for TLS unless it is told not to
    hook: "BIN/dbmate --no-dump-schema --url \"$DATABASE_URL?sslmode=disable\" --migrations-dir \
           migrations migrate",
    ledger: ("schema_migrations", "2"),
    files: &[
        (
            "migrations/20260101000000_users.sql",
            "-- migrate:up\nCREATE TABLE users (id int);\n-- migrate:down\nDROP TABLE users;\n",
        ),
        (
            "migrations/20260102000000_name.sql",
            "-- migrate:up\nALTER TABLE users ADD name text;\n-- migrate:down\nALTER TABLE users \
             DROP name;\n",
        ),
    ],
    broken: (
        "migrations/20260103000000_broken.sql",
        "-- migrate:up\nSELECT 1/0;\n-- migrate:down\n",
    ),
};

const NODE: Migrator = Migrator {
    hook: "BIN/node-pg-migrate up --migrations-dir migrations --no-check-order",
    ledger: ("pgmigrations", "2"),
    files: &[
        (
            "migrations/1700000000001_users.sql",
            "-- Up Migration\nCREATE TABLE users (id int);\n-- Down Migration\nDROP TABLE users;\n",
        ),
        (
            "migrations/1700000000002_name.sql",
            "-- Up Migration\nALTER TABLE users ADD name text;\n-- Down Migration\nSELECT 1;\n",
        ),
    ],
    broken: (
        "migrations/1700000000003_broken.sql",
        "-- Up Migration\nSELECT 1/0;\n-- Down Migration\nSELECT 1;\n",
    ),
};

const ALEMBIC: Migrator = Migrator {
    hook: "BIN/alembic upgrade head",
    // one row, whatever the number of migrations
    ledger: ("alembic_version", "1"),
    files: &[
        ("alembic.ini", "[alembic]\nscript_location = migrations\n"),
        (
            "migrations/env.py",
            "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n\
             url = os.environ['DATABASE_URL'].replace('postgresql://', 'postgresql+psycopg://')\n\
             with create_engine(url).connect() as connection:\n    context.configure(connection=connection)\n    \
             with context.begin_transaction():\n        context.run_migrations()\n",
        ),
        (
            "migrations/versions/one.py",
            "from alembic import op\nrevision = 'one'\ndown_revision = None\ndef upgrade():\n    op.execute('CREATE TABLE users (id int)')\n",
        ),
        (
            "migrations/versions/two.py",
            "from alembic import op\nrevision = 'two'\ndown_revision = 'one'\ndef upgrade():\n    op.execute('ALTER TABLE users ADD name text')\n",
        ),
    ],
    broken: (
        "migrations/versions/three.py",
        "from alembic import op\nrevision = 'three'\ndown_revision = 'two'\ndef upgrade():\n    op.execute('SELECT 1/0')\n",
    ),
};

fn write(project: &Project, (name, text): &(&str, &str)) {
    std::fs::create_dir_all(project.dir.join(name).parent().unwrap()).unwrap();
    project.write(name, text);
}

/// A reset by each strategy; then one whose third migration fails.
fn resets_round(migrator: &Migrator, home: &Path) {
    let cluster = need!("postgresql", cluster());
    for strategy in ["in-place", "staged"] {
        let db = cluster.database();
        tiny(cluster, &db.name);

        let hook = migrator.hook.replace("BIN", &home.join("bin").display().to_string());
        let config = format!(
            "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n[reset]\nstrategy = \
             \"{strategy}\"\n[hooks]\nmigrate = '''{hook}'''\nseed = \"psql -qX -c \\\"INSERT \
             INTO users (id, name) VALUES (1, 'a')\\\"\"\n"
        );

        let project = Project::new(&config).env("DATABASE_URL", &db.url);
        migrator.files.iter().for_each(|file| write(&project, file));
        project.ok("db-reset --force");

        let (ledger, rows) = migrator.ledger;
        assert_eq!(
            cluster.sql(&db.name, &format!("SELECT count(*) FROM {ledger}")),
            rows,
            "{hook}"
        );

        assert_eq!(cluster.sql(&db.name, "SELECT name FROM users"), "a");
        // there is nothing left to migrate, and it knows
        project.ok("db-migrate").ends_with(0, &db.name);

        let before = cluster.fingerprint(&db.name);
        write(&project, &migrator.broken);
        project.fails("db-reset --force", 1, "division by zero");
        same(&cluster.fingerprint(&db.name), &before);
    }
}

#[test]
fn sql_files_through_psql() {
    // they have no ledger that anybody reads: migrating twice is an error of the files
    let plain = Migrator {
        hook: "test \"$DBTASKS_TASK\" = migrate || psql -qX1 -v ON_ERROR_STOP=1 $(ls \
               migrations/*.sql | sed 's/^/-f /')",
        ..SQL
    };
    resets_round(&plain, Path::new("/"));
}

#[test]
fn dbmate() {
    resets_round(&DBMATE, &need!("dbmate", migrators()));
}

#[test]
fn node_pg_migrate() {
    resets_round(&NODE, &need!("node-pg-migrate", migrators()));
}

#[test]
fn alembic() {
    resets_round(&ALEMBIC, &need!("alembic", migrators()));
}

/// A migration may drop what it likes, production's too: what was there before is in a backup.
#[test]
fn what_a_migration_drops_is_in_the_backup_before_it() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  \"psql -qX1 -v ON_ERROR_STOP=1 -f migration.sql\"\n";
    let project =
        Project::new(config).env("DATABASE_URL", &db.url).env("ENVIRONMENT", "production");

    // the first migration of all finds nothing
    project.write("migration.sql", "CREATE TABLE first (id int);");
    project.ok("db-migrate").ends_with(0, "is empty: there is nothing to back up first");
    assert!(project.files().is_empty());

    // whatever there is, it need not be a table
    for alone in [
        "SELECT lo_create(42)",
        "CREATE VIEW one AS SELECT 1",
        "CREATE FUNCTION one() RETURNS int RETURN 1",
        "CREATE TYPE one AS ENUM ('a')",
    ] {
        let db = cluster.database();
        let project = Project::new(config).env("DATABASE_URL", &db.url);
        project.write("migration.sql", "SELECT 1");
        cluster.sql(&db.name, &format!("SET ROLE app; {alone}"));
        project.ok("db-migrate");
        assert_eq!(project.files().len(), 2, "{alone}");
    }

    tiny(cluster, &db.name);
    let before = cluster.fingerprint(&db.name);
    project.write("migration.sql", "ALTER TABLE people DROP note; DROP TABLE orders;");

    let dry = project.ok("db-migrate --dry-run --json").out;
    assert!(dry.contains("\"kind\": \"migrates\"") && project.files().is_empty(), "{dry}");
    project.ok("db-migrate");
    assert_ne!(cluster.fingerprint(&db.name), before);

    let backup = project
        .files()
        .into_iter()
        .find(|file| file.extension().is_some_and(|e| e != "json"))
        .expect("a backup");

    let backup = backup.file_name().unwrap().to_string_lossy().into_owned();
    let home = Project::in_folder(&project.dir, config).env("DATABASE_URL", &db.url);
    home.ok(&format!("db-restore {backup} --yes"));
    same(&cluster.fingerprint(&db.name), &before);

    // where no backup can be made, nothing is migrated, and the way on is named
    cluster.sql(&db.name, "CREATE TABLE secret (id int); REVOKE ALL ON secret FROM app;");
    project.write("migration.sql", "DROP TABLE people CASCADE;");

    let made = project.files().len();
    project
        .fails("db-migrate", 1, "permission denied for table secret")
        .ends_with(1, "db-migrate --no-backup");
    assert_eq!(
        (cluster.sql(&db.name, "SELECT count(*) FROM people").as_str(), project.files().len()),
        ("500", made)
    );
    project.ok("db-migrate --no-backup").ends_with(0, "NO BACKUP is made first");

    assert_eq!(
        (
            cluster.sql(&db.name, "SELECT to_regclass('people') IS NULL").as_str(),
            project.files().len()
        ),
        ("t", made)
    );

    project.fails("db-migrate --no-backup --backup", 2, "cannot be used with");
}
