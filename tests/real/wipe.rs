//! Wipes and markers on a real server: what goes, what stays, what is refused, and the way back.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Held, Project, Said, family, same, tiny, until};
use crate::support::cluster::{Cluster, PASSWORD, TempDb, USER, cluster};
use crate::support::component::{output, quoted, unique};
use crate::support::need;
use crate::support::server::fed_output;

/// One of everything that a wipe may meet and `app` may make.
const SCHEMA: &str = r#"
SET ROLE app;
CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person int REFERENCES people, first int);
ALTER TABLE people ADD last_order int REFERENCES orders;
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
CREATE SCHEMA shop;
CREATE TABLE shop."Odd.Name ""x"" 'y' \z :v" (id serial, t text);
CREATE TABLE events (at int NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2a PARTITION OF events_2 FOR VALUES FROM (100) TO (150);
CREATE TABLE base (id int); CREATE TABLE child (more text) INHERITS (base);
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE alembic_version (version_num text); CREATE TABLE shop.schema_migrations (version text);
CREATE TABLE "SequelizeMeta" (name text);
CREATE VIEW named AS SELECT name FROM people;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM named;
CREATE MATERIALIZED VIEW about_totals AS SELECT n * 2 AS n FROM totals;
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS n FROM orders WITH NO DATA;
CREATE SEQUENCE loose;
INSERT INTO people (name) SELECT 'person ' || i FROM generate_series(1, 500) i;
INSERT INTO orders (person) SELECT i FROM generate_series(1, 300) i;
UPDATE people SET last_order = id WHERE id <= 300;
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);
INSERT INTO shop."Odd.Name ""x"" 'y' \z :v" (t) VALUES ('a'), ('b');
INSERT INTO events SELECT i, 'x' FROM generate_series(0, 149) i;
INSERT INTO base VALUES (1); INSERT INTO child VALUES (2, 'x');
INSERT INTO countries VALUES ('de'), ('fr');
INSERT INTO alembic_version VALUES ('ae1027a6acf'); INSERT INTO shop.schema_migrations VALUES ('1'), ('2');
INSERT INTO "SequelizeMeta" VALUES ('1.js');
SELECT nextval('loose'), lo_from_bytea(0, 'x');
REFRESH MATERIALIZED VIEW totals; REFRESH MATERIALIZED VIEW about_totals;
"#;

const KEEP: &str = "[guards]\nkeep-tables = [\"countries\"]\n";

/// A project for this database, its pin pulled.
fn pinned(url: &str, more: &str) -> Project {
    let config = format!("[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{more}");
    Project::new(&config).env("DATABASE_URL", url).env("ALLOW_DATABASE_WIPE", "true")
}

fn full(cluster: &Cluster) -> (TempDb, Project) {
    let db = cluster.database();
    cluster.sql(&db.name, SCHEMA);
    let project = pinned(&db.url, KEEP);
    (db, project)
}

fn few(cluster: &Cluster) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);
    let project = pinned(&db.url, "");
    (db, project)
}

#[test]
fn a_wipe_empties_every_table_and_a_restore_brings_every_row_back() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = full(cluster);
    let before = cluster.fingerprint(&db.name);
    let said = project.ok("db-wipe --backup --yes");

    assert_eq!(said.out, format!("{}: 8 tables, 957 rows\n", db.name), "{}", said.err);
    let after = cluster.fingerprint(&db.name);
    assert_eq!((&after.schema, &after.settings), (&before.schema, &before.settings));

    let kept = [
        "public.countries",
        "public.alembic_version",
        "shop.schema_migrations",
        "public.\"SequelizeMeta\"",
    ];

    let views = ["public.totals", "public.about_totals"];

    for (table, (rows, hash)) in &after.rows {
        match () {
            () if kept.contains(&table.as_str()) => {
                assert_eq!(before.rows[table], (*rows, hash.clone()), "{table}")
            }
            () if views.contains(&table.as_str()) => assert_eq!(*rows, 1, "{table}"),
            () => assert_eq!(*rows, 0, "{table}"),
        }
    }

    let counted = "SELECT (SELECT n FROM totals), (SELECT n FROM about_totals), (SELECT count(*) \
                   FROM pg_matviews WHERE NOT ispopulated)";
    assert_eq!(cluster.sql(&db.name, counted), "0|0|1");

    // identities begin again; what belongs to no table is as it was
    let fresh = "SET ROLE app; INSERT INTO people (name) VALUES ('x') RETURNING id; INSERT INTO \
                 orders DEFAULT VALUES RETURNING id";
    assert_eq!(cluster.sql(&db.name, fresh), "1\n1");

    let other = |print: &crate::support::server::Fingerprint| -> Vec<(String, String)> {
        let left = |name: &str| name.starts_with("large object") || name.ends_with(".loose");
        print
            .values
            .iter()
            .filter(|(name, _)| left(name))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };

    assert_eq!((other(&after), other(&after).len()), (other(&before), 2));
    let name = project.files()[1].file_name().unwrap().to_string_lossy().into_owned();
    assert!(said.err.contains(&format!("to get the data back: db-restore {name}")), "{}", said.err);
    project.ok(&format!("db-restore {name} --yes"));
    same(&cluster.fingerprint(&db.name), &before);

    // the whole once more, by the name
    project.ok(&format!("db-wipe --confirm {}", db.name));
    project.ok("db-wipe --yes");
}

#[test]
fn a_dry_run_shows_all_of_it_and_changes_nothing() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = full(cluster);
    let project = Project::in_folder(
        &project.dir,
        &format!("[databases.main]\npostgres = {{ url = \"{}\" }}\n{KEEP}", db.url),
    );
    let before = cluster.fingerprint(&db.name);
    let said = project.ok("db-wipe --dry-run --verbose --backup").out;

    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");

    for line in [
        "public.people 500 emptied",
        "shop.\"Odd.Name \"\"x\"\" 'y' \\z :v\" 2 emptied",
        "public.events_1 100 emptied",
        "shop.events_2a 50 emptied",
        "public.child 1 emptied",
        "public.countries 2 kept: in `guards.keep-tables`",
        "shop.schema_migrations 2 kept: a migration ledger",
        "note: refreshed afterwards: public.totals, public.about_totals",
        "the sequences public.loose",
        "1 large object",
        "REFUSE pin",
        "REFUSE confirmation",
        "export ALLOW_DATABASE_WIPE=true",
    ] {
        assert!(words.contains(line), "{line}\n{said}");
    }

    same(&cluster.fingerprint(&db.name), &before);
    assert!(project.files().is_empty());
}

#[test]
fn what_belongs_to_an_extension_or_another_server_is_left() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = few(cluster);
    cluster.sql(
        &db.name,
        "CREATE TABLE of_extension (a int); INSERT INTO of_extension VALUES (1); ALTER EXTENSION \
         plpgsql ADD TABLE of_extension;
         GRANT SELECT ON of_extension TO app;
         CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody;
         CREATE FOREIGN TABLE far (a int) SERVER nowhere;",
    );

    let dry = project.ok("db-wipe --dry-run --verbose").out;
    assert!(
        dry.contains("kept: of the extension plpgsql") && dry.contains("kept: a foreign table"),
        "{dry}"
    );
    assert!(
        !dry.contains("TRUNCATE TABLE public.far") && !dry.contains("FROM ONLY public.far"),
        "{dry}"
    );
    project.ok("db-wipe --yes");

    assert_eq!(
        cluster.sql(
            &db.name,
            "SELECT (SELECT count(*) FROM of_extension), (SELECT count(*) FROM people)"
        ),
        "1|0"
    );

    // part of a table of ours: to empty that one would go through to the other server
    cluster.sql(
        &db.name,
        "CREATE TABLE events (at int) PARTITION BY RANGE (at); ALTER TABLE events OWNER TO app;
         CREATE FOREIGN TABLE far_events PARTITION OF events FOR VALUES FROM (0) TO (9) SERVER \
         nowhere;",
    );

    project.fails("db-wipe --yes", 3, "public.far_events (part of) -> public.events");
}

#[test]
fn what_is_kept_keeps_what_it_needs() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = full(cluster);
    let before = cluster.fingerprint(&db.name);
    let keep = |tables: &str| pinned(&db.url, &format!("[guards]\nkeep-tables = [{tables}]\n"));

    for (tables, says) in [
        ("\"people\"", "public.people -> public.orders"),
        (
            "\"shop.events_2a\"",
            "shop.events_2a (part of) -> public.events_2 (part of) -> public.events",
        ),
        ("\"child\"", "public.child (part of) -> public.base"),
    ] {
        let said = keep(tables).fails("db-wipe --yes --backup", 3, says);
        assert!(said.err.contains("keep those, too: add"), "{}", said.err);
        same(&cluster.fingerprint(&db.name), &before);
    }

    keep("\"people\", \"orders\", 'public.events', \"base\"").ok("db-wipe --yes");
    let after = cluster.fingerprint(&db.name);

    for table in [
        "public.people",
        "public.orders",
        "public.events_1",
        "shop.events_2a",
        "public.base",
        "public.child",
    ] {
        assert_eq!(after.rows[table], before.rows[table], "{table}");
    }

    for table in ["public.tree", "public.countries"] {
        assert_eq!(after.rows[table].0, 0, "{table}");
    }
}

#[test]
fn production_is_out_of_reach_by_any_of_its_names() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = few(cluster);
    let before = cluster.fingerprint(&db.name);

    let refused = |project: &Project, guard: &str| {
        for words in
            ["db-wipe --yes", "db-wipe --backup --yes", &format!("db-wipe --confirm {}", db.name)]
        {
            project.fails(words, 3, &format!("refused by the {guard} guard"));
        }
        assert!(project.files().is_empty());
        same(&cluster.fingerprint(&db.name), &before);
    };

    refused(&pinned(&db.url, "").env("ENVIRONMENT", "production"), "environment");
    let remote = format!(
        "[databases.main]\npostgres = {{ host = \"127.0.0.1,db.example.invalid\", port = {}, user \
         = \"{USER}\", database = \"{}\", password-env = \"SECRET\" }}\n",
        cluster.port, db.name
    );

    let remote = Project::new(&remote).env("SECRET", PASSWORD).env("ALLOW_DATABASE_WIPE", "true");
    refused(&remote, "host");
    refused(&Project::host(&db.url), "pin");
    Project::host(&db.socket_url).ok("db-protect --environment production");
    refused_by_marker(cluster, &db, &project);

    cluster.sql("postgres", &format!("ALTER DATABASE {} RESET dbtasks.environment", db.name));
    project.ok("db-wipe --yes");
}

fn refused_by_marker(cluster: &Cluster, db: &TempDb, project: &Project) {
    let before = cluster.fingerprint(&db.name);
    project.fails("db-wipe --yes", 3, "refused by the marker guard");
    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn nobody_is_asked_in_vain_and_a_no_is_a_no() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = few(cluster);
    let before = cluster.fingerprint(&db.name);

    project.fails("db-wipe", 3, "refused by the confirmation guard");
    project.fails("db-wipe --confirm other", 3, "does not name");

    let script = output(Command::new("script").arg("--version"));
    need!(
        "script of util-linux",
        script.and_then(|v| v.contains("util-linux").then_some(()).ok_or("another one".into()))
    );

    let at_terminal = |answer: &str| {
        let tool = project.command("");
        let line = format!("{} db-wipe --backup", quoted(tool.get_program()));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(&project.dir).env_clear();
        script.envs(tool.get_envs().filter_map(|(k, v)| Some((k, v?))));
        Said::of(fed_output(&mut script, answer).unwrap())
    };

    for answer in ["yes\n", "no\n", "\n"] {
        at_terminal(answer).ends_with(4, "declined: nothing was changed");
    }

    same(&cluster.fingerprint(&db.name), &before);
    assert!(project.files().is_empty());
    at_terminal(&format!("{}\n", db.name)).ends_with(0, "2 tables, 800 rows");
}

/// Connects again at once whenever it is cut off, and takes a lock each time.
fn pool(url: &str) -> std::process::Child {
    let line = format!(
        "while :; do psql -Xq {} -c 'BEGIN; LOCK orders IN SHARE MODE; SELECT pg_sleep(60)' \
         >/dev/null 2>&1; done",
        quoted(url)
    );

    Command::new("sh")
        .args(["-c", &line])
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()
        .expect("sh")
}

#[test]
fn who_holds_a_lock_is_cut_off() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = few(cluster);
    let project = pinned(&db.socket_url, "");
    // idle in a transaction, as a debugger leaves it
    let held = Held::new(cluster, &db.name, "INSERT INTO orders VALUES (1000, 1)");
    let begun = Instant::now();

    let said = project.ok("db-wipe --yes");
    assert!(
        said.err.contains("terminated if they block the change: psql (postgres, pid"),
        "{}",
        said.err
    );

    assert_eq!(said.out, format!("{}: 2 tables, 800 rows\n", db.name));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(held);
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "0");

    // who is in nobody's way stays
    let idle = Held::new(cluster, &db.name, "DO 'BEGIN PERFORM pg_advisory_lock(5); END'");
    let mut pool = pool(&db.socket_url);
    until("the pool has its lock", || {
        cluster.sql(
            &db.name,
            "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND mode = \
             'ShareLock' AND granted",
        ) == "1"
    });

    let said = project.run("db-wipe --yes");
    super::signal_group(&mut pool);
    said.ends_with(0, "2 tables, 0 rows");

    assert_eq!(
        cluster.sql(
            &db.name,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 5 AND granted"
        ),
        "1"
    );

    drop(idle);
}

#[test]
fn who_may_not_be_cut_off_is_named() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = few(cluster);
    let before = cluster.fingerprint(&db.name);
    // a superuser's, which `app` may not end
    let held = Held::new(cluster, &db.name, "LOCK orders IN ROW EXCLUSIVE MODE");
    let begun = Instant::now();

    let said = project.fails("db-wipe --yes", 1, "canceling statement due to lock timeout");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());

    assert!(
        said.err.contains(
            "a lock is held, and app may not terminate its holder: psql of the role postgres, pid "
        ),
        "{}",
        said.err
    );

    assert!(said.err.contains("next: stop what holds the lock"), "{}", said.err);
    // one that is ended while it waits does not come to it later
    let child = project.command("db-wipe --yes").spawn().unwrap();
    until("it waits", || super::waiting(cluster, &db.name) > 0);
    super::signal(&child, "TERM");
    Said::of(child.wait_with_output().unwrap()).ends_with(130, "interrupted");

    assert_eq!(super::sessions(cluster, &db.name), 0);
    drop(held);
    same(&cluster.fingerprint(&db.name), &before);
    project.ok("db-wipe --yes");
}

#[test]
fn rows_that_came_after_the_plan_are_not_lost() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = few(cluster);
    let insert = "[hooks]\nbefore-wipe = [\"psql\", \"-qX\", \"-c\", \"INSERT INTO orders VALUES \
                  (1000, 1)\"]\n";
    let project = pinned(&db.url, insert);

    let said = project.fails(
        "db-wipe --yes --backup",
        1,
        "public.orders had 300 row(s) when they were counted and has 301 now",
    );

    assert!(said.err.contains("next: stop what writes there"), "{}", said.err);
    assert_eq!(
        cluster
            .sql(&db.name, "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM people)"),
        "301|500"
    );
}

#[test]
fn a_trigger_and_a_view_can_spoil_it_and_then_nothing_is_gone() {
    let cluster = need!("postgresql", cluster());

    for (spoil, says) in [
        (
            "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log \
             VALUES (1); RETURN NULL; END';
             CREATE TABLE log (a int); CREATE TRIGGER t AFTER TRUNCATE ON people EXECUTE FUNCTION \
             again();",
            "public.log still has 1 row(s)",
        ),
        (
            "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM \
             alembic_version; RETURN NULL; END';
             CREATE TABLE alembic_version (a int); INSERT INTO alembic_version VALUES (1), (2);
             CREATE TRIGGER t AFTER TRUNCATE ON people EXECUTE FUNCTION more();",
            "public.alembic_version is kept, had 2 row(s) and would have 0",
        ),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 / count(*) AS n FROM people;", "division by zero"),
    ] {
        let (db, project) = few(cluster);
        cluster.sql(&db.name, &format!("SET ROLE app; {spoil}"));
        let before = cluster.fingerprint(&db.name);
        project.fails("db-wipe --yes", 1, says);
        same(&cluster.fingerprint(&db.name), &before);
    }
}

#[test]
fn a_role_without_the_right_is_refused_by_table_and_name() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = few(cluster);
    let before = cluster.fingerprint(&db.name);
    let role = unique("r");

    cluster.sql(
        &db.name,
        &format!(
            "CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON ALL TABLES IN SCHEMA \
             public TO {role}"
        ),
    );

    let project = pinned(&db.url.replace("//app:", &format!("//{role}:")), "");
    project.fails(
        "db-wipe --yes",
        3,
        &format!("the role `{role}` can't empty `public.orders`, which `app` owns"),
    );

    // the right to empty a table is not that to its sequence
    cluster.sql(&db.name, &format!("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {role}"));
    project.fails("db-wipe --yes", 3, "it has no right to the sequence public.people_id_seq");

    cluster.sql(
        &db.name,
        &format!(
            "DROP OWNED BY {role}; ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE \
             orders FORCE ROW LEVEL SECURITY"
        ),
    );

    cluster.sql("postgres", &format!("DROP ROLE {role}"));
    // rows that are hidden can't be counted
    pinned(&db.url, "").fails("db-wipe --yes", 1, "row-level security");

    cluster.sql(
        &db.name,
        "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY; ALTER TABLE orders DISABLE ROW LEVEL \
         SECURITY",
    );

    same(&cluster.fingerprint(&db.name), &before);
}

#[test]
fn a_prepared_transaction_is_told_before() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = few(cluster);
    let name = unique("x");

    cluster.sql(
        &db.name,
        &format!("BEGIN; INSERT INTO orders VALUES (1000, 1); PREPARE TRANSACTION '{name}'"),
    );
    project.fails("db-wipe --yes", 3, "is held by 1 prepared transaction");
    cluster.sql(&db.name, &format!("ROLLBACK PREPARED '{name}'"));
    project.ok("db-wipe --yes");
}

/// A marker is the server's word about a database, and stays with its name: no dump holds it, no
/// restore brings or takes it.
#[test]
fn a_marker_does_not_travel() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = few(cluster);
    let project = Project::host(&db.socket_url);

    let marker = |name: &str| {
        let sql = format!(
            "SELECT coalesce((SELECT string_agg(c, ' ') FROM pg_db_role_setting s, \
             unnest(s.setconfig) c WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE \
             datname = '{name}')), 'none')"
        );
        cluster.sql("postgres", &sql)
    };

    assert!(project.ok("db-protect").out.contains("  none    not protected"));
    let dry = project.ok("db-protect --environment staging --dry-run --verbose").out;
    assert!(
        dry.contains("SET dbtasks.environment = 'staging'") && marker(&db.name) == "none",
        "{dry}"
    );
    assert_eq!(
        project.ok("db-protect --environment staging").out,
        format!("{}: staging\n", db.name)
    );
    assert_eq!(marker(&db.name), "dbtasks.environment=staging");

    project.backup();
    let other = format!("{}__other", db.name);
    project.ok(&format!("db-restore --latest --as {other}"));
    assert_eq!(marker(&other), "none");
    project.ok("db-restore --latest --yes");

    assert_eq!(marker(&db.name), "dbtasks.environment=staging", "the live database keeps its own");
    // a role that may not is told who may
    let nobody = crate::support::component::unique("r");
    cluster.sql("postgres", &format!("CREATE ROLE {nobody} LOGIN PASSWORD 's3cret'"));

    let url = db.url.replace("//app:", &format!("//{nobody}:"));
    let said = Project::host(&url).fails("db-protect --environment production", 3, "may not mark");
    cluster.sql("postgres", &format!("DROP ROLE {nobody}"));

    let sql = format!("ALTER DATABASE \"{}\" SET dbtasks.environment = 'production';", db.name);
    assert!(said.err.contains(&sql), "{}", said.err);
    cluster.sql("postgres", &sql);
    assert!(project.ok("db-protect").out.contains("  production  protected"));
    project.fails("db-protect --environment staging", 3, "only tightens");

    project.ok("db-protect --environment production");
    project.ok("db-protect --environment prod");
    assert_eq!(marker(&db.name), "dbtasks.environment=prod");
    project.fails("db-restore --latest --yes", 3, "refused by the marker guard");
    cluster.sql("postgres", &format!("DROP DATABASE \"{}\"", db.name));

    project.ok("db-restore --latest --yes");
    assert_eq!(marker(&db.name), "none", "a backup of a marked database, into a new one");
    assert_eq!(family(cluster, &db.name).len(), 3, "the live one, what it replaced, and the copy");
}

/// No transaction spans two databases: where the second fails, the error names the first, and how
/// to get it back.
#[test]
fn a_set_that_is_half_wiped_says_so() {
    let cluster = need!("postgresql", cluster());
    let (a, b) = (cluster.database(), cluster.database());
    for db in [&a, &b] {
        tiny(cluster, &db.name);
    }

    let refuse = "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE \
                  EXCEPTION 'not today'; END $$; CREATE TRIGGER no BEFORE TRUNCATE ON people \
                  EXECUTE FUNCTION no()";
    cluster.sql(&b.name, &format!("SET ROLE app; {refuse}"));

    let config = format!(
        "[databases.a]\npostgres = {{ url = \"{}\" }}\n[databases.b]\npostgres = {{ url = \"{}\" \
         }}\n[backup]\nname = \"backup_{{timestamp}}/{{store}}.{{ext}}\"\n",
        a.url, b.url
    );

    let project = Project::new(&config).env("ALLOW_DATABASE_WIPE", "true");
    let (before, kept) = (cluster.fingerprint(&a.name), cluster.fingerprint(&b.name));
    let half =
        format!("not today\n  done, and not undone: remove every row of 2 tables in {}\n", a.name);
    let said = project.fails("db-wipe --yes", 1, &half);

    assert!(
        said.err.contains("error: ERROR:  not today\n")
            && said.err.contains("this run made no backup"),
        "{}",
        said.err
    );

    same(&cluster.fingerprint(&b.name), &kept);
    assert_eq!(cluster.sql(&a.name, "SELECT count(*) FROM people"), "0");

    cluster.sql(&a.name, "SET ROLE app; INSERT INTO people (name) VALUES ('late')");
    let with_late = cluster.fingerprint(&a.name);
    assert!(with_late != before);

    let said = project.fails("db-wipe --backup --yes", 1, &half);
    let (_, way) = said
        .err
        .split_once("next: to get the data back: ")
        .unwrap_or_else(|| panic!("{}", said.err));
    let restore = way.split_whitespace().take(2).collect::<Vec<_>>().join(" ");

    project.ok(&format!("{} --yes", restore.trim_end_matches(';')));
    same(&cluster.fingerprint(&a.name), &with_late);
    // the first that fails leaves nothing to name
    project.fails("db-wipe --only b --yes", 1, "not today");
    project.fails("db-wipe --only b --yes", 1, "not today\n  the live data is as it was\n");
}

/// Triggers and views of the tables run in a wipe, and find what they name without its schema.
#[test]
fn what_runs_in_a_wipe_finds_names_by_its_own_path() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE SCHEMA shop; CREATE TABLE shop.things (id int); INSERT INTO \
         shop.things VALUES (1);
         CREATE FUNCTION shop.looks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM \
         count(*) FROM things; RETURN NULL; END $$;
         CREATE TRIGGER looks BEFORE TRUNCATE ON shop.things EXECUTE FUNCTION shop.looks();
         CREATE FUNCTION shop.many() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT \
         count(*) FROM things); END $$;",
    );

    cluster.sql("postgres", &format!("ALTER DATABASE {} SET search_path = shop, public", db.name));
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE MATERIALIZED VIEW shop.seen AS SELECT shop.many() AS n",
    );
    Project::host(&db.url).env("ALLOW_DATABASE_WIPE", "true").ok("db-wipe --yes");

    assert_eq!(
        cluster
            .sql(&db.name, "SELECT (SELECT count(*) FROM shop.things), (SELECT n FROM shop.seen)"),
        "0|0"
    );
}
