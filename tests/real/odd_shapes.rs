//! Kinds of things that few databases have: each goes the way of a staged restore and that of one
//! in place, and is what it was.

use super::hostile_dumps::as_superuser;
use super::{Held, Project, same};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::unique;
use crate::support::need;

const ROWS: &str = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);";

/// By whom the program connects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    App,
    Superuser,
}

fn project(db: &TempDb, by: By) -> Project {
    let url = if by == By::App { &db.url } else { &db.socket_url };
    Project::host(url).env("ALLOW_DATABASE_WIPE", "true")
}

/// A database that is made so, all of whose restores bring back what was there.
#[track_caller]
fn goes_round(cluster: &Cluster, what: &str, by: By, sql: &str) {
    let db = cluster.database();
    let role = if by == By::App { "SET ROLE app; " } else { "" };
    cluster.sql(&db.name, &format!("{role}{sql}"));

    let (project, wanted) = (project(&db, by), cluster.fingerprint(&db.name));
    let backup = project.backup().file_name().unwrap().to_string_lossy().into_owned();

    for words in [
        "db-verify --deep",
        "db-restore BACKUP --yes",
        "db-undo --yes",
        "db-restore BACKUP --yes --in-place",
    ] {
        let words = words.replace("BACKUP", &backup);
        let outcome = project.run(&words);
        assert_eq!(outcome.code, Some(0), "{what}: {words}: {outcome:?}");
        let found = cluster.fingerprint(&db.name);
        assert!(found == wanted, "{what}: {words} has changed it:\n{found:?}\n{wanted:?}");
    }

    cluster.sql(
        &db.name,
        &format!(
            "{role}CREATE TABLE public.later (a int); CREATE FUNCTION public.later_f() RETURNS \
             int LANGUAGE sql AS 'SELECT 1'"
        ),
    );

    project.ok(&format!("db-restore {backup} --yes --in-place"));
    same(&cluster.fingerprint(&db.name), &wanted);
}

#[test]
fn what_few_databases_have_comes_back_on_every_way() {
    let cluster = need!("postgresql", cluster());

    for (what, by, sql) in [
        (
            "typed tables",
            By::App,
            "CREATE TYPE addr AS (street text, n int); CREATE TABLE home OF addr (street WITH \
             OPTIONS NOT NULL); INSERT INTO home VALUES ('x', 1);
             CREATE SCHEMA a; CREATE TABLE a.\"t.x\" OF public.addr; INSERT INTO a.\"t.x\" VALUES \
             ('q', 2);
             CREATE TABLE a.p (id int, at date) PARTITION BY RANGE (at); CREATE TABLE a.p1 \
             PARTITION OF a.p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
             INSERT INTO a.p VALUES (1, '2020-02-02')",
        ),
        (
            "aggregates",
            By::App,
            "CREATE FUNCTION acc(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2'; CREATE \
             AGGREGATE mysum(int) (SFUNC = acc, STYPE = int, INITCOND = '0');
             CREATE AGGREGATE mycount(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0'); CREATE \
             AGGREGATE \"Odd \"\"One\"(VARIADIC int[]) (SFUNC = array_cat, STYPE = int[]);
             CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT mysum(id), \
             mycount(*) FROM t",
        ),
        (
            "transforms",
            By::Superuser,
            "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (m mood); INSERT INTO t VALUES ('a');
             CREATE TRANSFORM FOR mood LANGUAGE sql (FROM SQL WITH FUNCTION \
             pg_catalog.prsd_lextype(internal))",
        ),
        (
            "access methods",
            By::Superuser,
            "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE ACCESS \
             METHOD bt2 TYPE INDEX HANDLER bthandler;
             CREATE TABLE am (id int PRIMARY KEY) USING heap2; INSERT INTO am VALUES (1)",
        ),
        (
            "event triggers and operators",
            By::Superuser,
            "CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE \
             EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION et();
             CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE FUNCTION x(int) RETURNS xml \
             LANGUAGE sql AS 'SELECT NULL::xml'; CREATE CAST (int AS xml) WITH FUNCTION x(int);
             CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); CREATE \
             OPERATOR CLASS oc FOR TYPE int USING btree AS OPERATOR 1 <;
             CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple); CREATE CONVERSION cv FOR \
             'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        ),
        (
            "odd names",
            By::App,
            "CREATE SCHEMA \"a=b's \\c\"\"d\"; SET search_path = \"a=b's \\c\"\"d\";
             CREATE TABLE \"line\\.\" (\"x=y\" int PRIMARY KEY, \"\\\" text, e int GENERATED \
             ALWAYS AS (\"x=y\" * 2) STORED);
             INSERT INTO \"line\\.\" VALUES (1, 'a\\b'), (2, E'\\\\.'); CREATE SEQUENCE \
             \"seq's\\n\" OWNED BY \"line\\.\".\"x=y\";
             CREATE FUNCTION \"f=\\\"(int) RETURNS int LANGUAGE sql AS 'SELECT $1'; CREATE \
             MATERIALIZED VIEW \"m|v\" AS SELECT 1 AS \"a=1\";
             CREATE DOMAIN \"d om\" AS int CHECK (value > 0); COMMENT ON SCHEMA \"a=b's \\c\"\"d\" \
             IS E'x\n\\\\! touch ran'; CREATE TABLE \"a|b|3\" (i int); INSERT INTO \"a|b|3\" \
             VALUES (1)",
        ),
    ] {
        goes_round(cluster, what, by, sql);
    }
}

/// A role that owns its database has no `public`, no PL/pgSQL, or neither.
#[test]
fn what_every_database_has_may_be_dropped() {
    let cluster = need!("postgresql", cluster());

    for by in [By::App, By::Superuser] {
        for (gone, place) in [
            ("SCHEMA public", "s"),
            ("EXTENSION plpgsql", "public"),
            ("EXTENSION plpgsql; DROP SCHEMA public", "s"),
        ] {
            let db = cluster.database();
            let made =
                if place == "s" { "CREATE SCHEMA s; GRANT ALL ON SCHEMA s TO app;" } else { "" };
            cluster.sql(
                &db.name,
                &format!(
                    "{made} SET ROLE app; CREATE TABLE {place}.t (id int); INSERT INTO {place}.t \
                     VALUES (1)"
                ),
            );
            cluster.sql(&db.name, &format!("ALTER SCHEMA {place} OWNER TO app; DROP {gone}"));
            let (project, wanted) = (project(&db, by), cluster.fingerprint(&db.name));
            let backup = project.backup().file_name().unwrap().to_string_lossy().into_owned();
            project.ok("db-verify --deep");
            let backup = |words: &str| words.replace("BACKUP", &backup);
            let languages = || {
                cluster.sql(
                    &db.name,
                    "SELECT string_agg(lanname, ' ' ORDER BY lanname) FROM pg_language",
                )
            };
            let before = languages();
            project.ok("db-wipe --yes");
            assert_eq!(
                (cluster.sql(&db.name, &format!("SELECT count(*) FROM {place}.t")), languages()),
                ("0".into(), before),
                "{gone}"
            );
            for words in
                ["db-restore BACKUP --yes --in-place", "db-restore BACKUP --yes", "db-undo --yes"]
            {
                project.ok(&backup(words));
                same(&cluster.fingerprint(&db.name), &wanted);
            }
            if gone == "EXTENSION plpgsql" {
                // what a dump takes for granted is there when it comes back in place
                cluster.sql(
                    &db.name,
                    "CREATE EXTENSION IF NOT EXISTS plpgsql; SET ROLE app; CREATE FUNCTION f() \
                     RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
                );

                let backup = project.backup().file_name().unwrap().to_string_lossy().into_owned();
                cluster.sql(&db.name, "DROP EXTENSION plpgsql CASCADE");
                project.ok(&format!("db-restore {backup} --yes --in-place"));
                assert_eq!(cluster.sql(&db.name, "SELECT f()"), "1");
            }
        }
    }
}

#[test]
fn default_privileges_and_odd_roles_come_back_on_every_way() {
    let cluster = need!("postgresql", cluster());
    let (web, other) = (unique("web"), unique("other"));
    let odd = format!("\"{}=1's x\\y\"", unique("r"));

    cluster.sql("postgres", &format!("CREATE ROLE {web}; CREATE ROLE {other}; CREATE ROLE {odd}"));

    for (by, sql) in [
        (
            By::Superuser,
            format!(
                "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {web}; ALTER DEFAULT \
                 PRIVILEGES FOR ROLE {other} IN SCHEMA public GRANT ALL ON FUNCTIONS TO {web};
                 ALTER DEFAULT PRIVILEGES FOR ROLE {other} REVOKE EXECUTE ON FUNCTIONS FROM \
                 public; ALTER DEFAULT PRIVILEGES FOR ROLE {other} GRANT USAGE ON SCHEMAS TO \
                 {web};
                 {ROWS} CREATE TABLE w (id int); REVOKE ALL ON w FROM {web}"
            ),
        ),
        (
            By::App,
            format!(
                "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {web}; ALTER DEFAULT \
                 PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {other};
                 ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM public; {ROWS}"
            ),
        ),
        (
            By::Superuser,
            format!(
                "{ROWS} ALTER TABLE t OWNER TO {odd}; GRANT SELECT ON t TO {web}; ALTER DEFAULT \
                 PRIVILEGES FOR ROLE {odd} GRANT SELECT ON TABLES TO {web};
                 DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO {odd_in_text}', \
                 current_database()); END $$",
                odd_in_text = odd.replace('\'', "''")
            ),
        ),
    ] {
        goes_round(cluster, &sql, by, &sql);
    }

    cluster.sql("postgres", &format!("DROP ROLE {web}; DROP ROLE {other}; DROP ROLE {odd}"));
}

#[test]
fn foreign_partitions_and_mappings_come_back_and_what_a_role_may_not_read_is_told() {
    let cluster = need!("postgresql", cluster());
    goes_round(
        cluster,
        "foreign partitions",
        By::Superuser,
        "CREATE EXTENSION file_fdw; CREATE SERVER nowhere FOREIGN DATA WRAPPER file_fdw; CREATE \
         TABLE p (id int) PARTITION BY LIST (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE FOREIGN TABLE p2 PARTITION OF p \
         FOR VALUES IN (2) SERVER nowhere OPTIONS (filename '/dev/null'); INSERT INTO p VALUES \
         (1);
         CREATE TABLE x (id int); INSERT INTO x VALUES (3); CREATE FOREIGN TABLE child (id int) \
         SERVER nowhere OPTIONS (filename '/dev/null'); ALTER FOREIGN TABLE child INHERIT x;
         CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER far FOREIGN DATA WRAPPER nobody; CREATE \
         USER MAPPING FOR app SERVER far OPTIONS (user 'a');
         CREATE USER MAPPING FOR public SERVER far OPTIONS (user 'u', password 's3cret')",
    );

    let db = cluster.database();
    cluster.sql(
        &db.name,
        "CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody; \
         GRANT USAGE ON FOREIGN SERVER nowhere TO app;
         CREATE USER MAPPING FOR postgres SERVER nowhere OPTIONS (user 'u', password 's3cret'); \
         CREATE USER MAPPING FOR app SERVER nowhere OPTIONS (user 'a');
         CREATE USER MAPPING FOR public SERVER nowhere OPTIONS (user 'p')",
    );

    let says = "lacks the options of user mappings that `app` may not read: ";
    let said = project(&db, By::App).ok("db-backup --auto").err;
    assert!(
        said.contains(says)
            && said.contains("may not read: `postgres` on `nowhere`, `public` on `nowhere`;"),
        "{said}"
    );

    let said = project(&db, By::Superuser).ok("db-backup --auto").err;
    assert!(!said.contains("user mappings"), "{said}");
}

/// Statistics of a table with a part in another server would have that asked, which may be down, or
/// production.
#[test]
fn a_server_of_a_foreign_partition_that_is_down_fails_no_restore() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    cluster.sql(
        &db.name,
        "CREATE EXTENSION postgres_fdw; CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw \
         OPTIONS (host '127.0.0.1', port '1');
         CREATE USER MAPPING FOR public SERVER away OPTIONS (user 'u', password 'p');
         CREATE TABLE p (id int, n int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR \
         VALUES IN (1); INSERT INTO p VALUES (1, 7);
         CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES IN (2) SERVER away; CREATE TABLE p3 \
         PARTITION OF p FOR VALUES IN (3) PARTITION BY LIST (n);
         CREATE FOREIGN TABLE p31 PARTITION OF p3 FOR VALUES IN (1) SERVER away; CREATE TABLE p32 \
         PARTITION OF p3 FOR VALUES IN (2); INSERT INTO p VALUES (3, 2);
         CREATE TABLE p4 PARTITION OF p FOR VALUES IN (4) PARTITION BY LIST (n); CREATE TABLE p41 \
         PARTITION OF p4 FOR VALUES IN (1); INSERT INTO p VALUES (4, 1);
         CREATE TABLE \"x\ny\" (id int); INSERT INTO \"x\ny\" VALUES (3); CREATE FOREIGN TABLE \
         child (id int) INHERITS (\"x\ny\") SERVER away; CREATE TABLE t AS SELECT 1 a",
    );

    let (project, wanted) = (project(&db, By::Superuser), cluster.fingerprint(&db.name));
    let backup = project.backup().file_name().unwrap().to_string_lossy().into_owned();
    project.ok("db-verify --deep");

    for words in ["db-restore BACKUP --yes", "db-restore BACKUP --yes --in-place"] {
        let said = project.ok(&words.replace("BACKUP", &backup)).err;
        for table in ["public.p", "public.p3", "public.\"x y\""] {
            assert!(
                said.contains(&format!(
                    "no statistics for {table}: a part of it is on another server"
                )),
                "{words}: {said}"
            );
        }

        assert_eq!(said.matches("no statistics for").count(), 3, "{said}");
        same(&cluster.fingerprint(&db.name), &wanted);

        let known = "SELECT string_agg(DISTINCT tablename, ' ' ORDER BY tablename) FROM pg_stats \
                     WHERE schemaname = 'public'";
        assert_eq!(cluster.sql(&db.name, known), "p1 p32 p4 p41 t", "{words}");
    }
}

/// What no setting of ours gets round is said before work begins.
#[test]
fn a_limit_of_sessions_is_named_before_work_begins() {
    let cluster = need!("postgresql", cluster());
    let (db, role) = (cluster.database(), unique("r"));

    cluster.sql(
        "postgres",
        &format!(
            "CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'pw'; ALTER DATABASE {} OWNER TO {role}",
            db.name
        ),
    );

    cluster.sql(&db.name, &format!("SET ROLE {role}; {ROWS}"));
    let url = format!("postgresql://{role}:pw@127.0.0.1:{}/{}", cluster.port, db.name);
    let config = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n[hooks]\nmigrate = \
                  'psql -qX -c \"CREATE TABLE t (id int)\"'\n";
    let project = Project::new(config).env("DATABASE_URL", &url).env("ALLOW_DATABASE_WIPE", "true");

    project.backup();
    let limited = |limit: i32| {
        cluster.sql("postgres", &format!("ALTER ROLE {role} CONNECTION LIMIT {limit}"))
    };

    let all = [
        "db-restore --latest --yes",
        "db-undo --yes",
        "db-restore --latest --yes --in-place",
        "db-verify --deep",
        "db-reset --force",
        "db-wipe --yes",
    ];

    limited(4);

    for words in all {
        project.ok(words);
    }

    limited(3);
    let before = cluster.fingerprint(&db.name);

    for words in all {
        let said =
            project.fails(words, 3, &format!("the role `{role}` may have 3 sessions at once"));
        assert!(
            said.err.contains("nothing was changed") && said.err.contains("CONNECTION LIMIT -1"),
            "{}",
            said.err
        );

        project.fails(
            &format!("{words} --dry-run").replace("--deep --dry-run", "--deep"),
            3,
            "sessions at once",
        );
    }

    same(&cluster.fingerprint(&db.name), &before);

    // others use it up, or the database has a limit of its own
    limited(5);
    let held = |db: &str| {
        let mut psql = cluster.command("psql");
        psql.args(["-d", &url.replace(&format!("/{}", self::name(&url)), &format!("/{db}"))]);
        Held::of(psql, "SELECT 1")
    };

    let others = [held("postgres"), held("postgres")];
    let noted = project.ok("db-restore --latest --dry-run").out;
    assert!(
        noted.contains(&format!(
            "the role `{role}` may have 5 sessions at once, and others use 2 of them now"
        )),
        "{noted}"
    );

    drop(others);
    limited(-1);
    cluster.sql("postgres", &format!("ALTER DATABASE {} CONNECTION LIMIT 2", db.name));

    let other = held(&db.name);

    for words in ["db-restore --latest --dry-run --in-place", "db-wipe --dry-run"] {
        let noted = project.ok(words).out;
        assert!(
            noted.contains(&format!("`{}` allows 2 sessions at once, and 1 are open now", db.name)),
            "{noted}"
        );
    }

    drop(other);
    drop(db);
    cluster.sql("postgres", &format!("DROP ROLE {role}"));
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// A line break in a name: of tables, of what belongs to them, of schemas, of roles, and of
/// databases beside ours.
#[test]
fn names_with_line_breaks_come_back_on_every_way() {
    let cluster = need!("postgresql", cluster());
    let odd = "s\nCOPY x FROM stdin;\n\\.\n";
    let role = format!("{}\n\\! touch ran\r\n--", unique("r"));

    cluster.sql("postgres", &format!("CREATE ROLE \"{role}\"; GRANT \"{role}\" TO app"));
    let sql = format!(
        "CREATE SCHEMA \"{odd}\"; CREATE TABLE \"{odd}\".\"t\n1|2\" (\"i\nd\" serial PRIMARY KEY, \
         \"\n\" text); INSERT INTO \"{odd}\".\"t\n1|2\" (\"\n\") VALUES (E'a\nb'), (E'\\\\.'), \
         (NULL);
         CREATE TABLE \"\nt\" (id int REFERENCES \"{odd}\".\"t\n1|2\"); INSERT INTO \"\nt\" VALUES \
         (1); CREATE INDEX \"i\nx\" ON \"\nt\" (id); CREATE TABLE \"t\n\" (); CREATE TABLE \
         \"t\r\n\" AS SELECT 1 a;
         CREATE VIEW \"v\n\" AS SELECT * FROM \"\nt\"; CREATE MATERIALIZED VIEW \"m\n\" AS SELECT \
         count(*) FROM \"\nt\"; CREATE TYPE \"e\n\" AS ENUM (E'x\ny'); CREATE SEQUENCE \"q\n\";
         CREATE FUNCTION \"f\n\"(\"a\n\" int) RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON \
         TABLE \"\nt\" IS E'x\n\\\\! touch ran'; CREATE PUBLICATION \"p\n\" FOR TABLE \"\nt\";
         CREATE TABLE \"part\n\" (id int) PARTITION BY LIST (id); CREATE TABLE \"part\n1\" \
         PARTITION OF \"part\n\" FOR VALUES IN (1); INSERT INTO \"part\n\" VALUES (1);
         GRANT SELECT ON \"\nt\" TO \"{role}\"; ALTER DEFAULT PRIVILEGES IN SCHEMA \"{odd}\" GRANT \
         SELECT ON TABLES TO \"{role}\""
    );

    for by in [By::Superuser, By::App] {
        // another's right to create comes behind the tables that become its own: for that it takes
        // a superuser
        let owns = if by == By::App {
            String::new()
        } else {
            format!("; ALTER TABLE \"t\n\" OWNER TO \"{role}\"")
        };
        goes_round(cluster, "names with line breaks", by, &format!("{sql}{owns}"));
    }

    let db = cluster.database();
    cluster.sql(&db.name, &format!("SET ROLE app; {ROWS} CREATE TABLE \"w\nx\" AS SELECT 1 a"));

    let beside = format!("{}__x\nFORGED", db.name);
    cluster.sql("postgres", &format!("CREATE DATABASE \"{beside}\" OWNER \"{role}\""));
    cluster.sql(
        "postgres",
        &format!(
            "GRANT CONNECT ON DATABASE {} TO \"{role}\"; ALTER ROLE app IN DATABASE {0} SET \
             search_path = public, \"y\nz\"",
            db.name
        ),
    );

    let project = project(&db, By::App);
    let wanted = cluster.fingerprint(&db.name);
    project.backup();

    for words in [
        "db-status",
        "db-verify",
        "db-verify --deep",
        "db-restore --latest --yes",
        "db-undo --yes",
        "db-restore --latest --yes --in-place",
    ] {
        project.ok(words);
        same(&cluster.fingerprint(&db.name), &wanted);
    }

    project.ok("db-wipe --yes");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM \"w\nx\""), "0");
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &wanted);
    assert!(!project.dir.join("ran").exists());

    cluster.sql("postgres", &format!("DROP DATABASE \"{beside}\""));
    drop(db);
    cluster.sql("postgres", &format!("DROP ROLE \"{role}\""));
}

/// ANALYZE calls functions of indexes and of extended statistics. One that fails is no reason to
/// refuse the data; the server's own would fail on it, too.
#[test]
fn a_table_that_can_not_be_analyzed_comes_back() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    cluster.sql(
        &db.name,
        "CREATE FUNCTION bad(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1 / \
         (a - 1); END';
         CREATE TABLE one (id int); INSERT INTO one SELECT generate_series(1, 5); CREATE TABLE \
         \"tw\no\" (id int); INSERT INTO \"tw\no\" VALUES (1);
         CREATE TABLE fine (id int); INSERT INTO fine VALUES (1);
         CREATE STATISTICS s1 ON (bad(id)) FROM one; CREATE STATISTICS s2 ON (bad(id)) FROM \
         \"tw\no\"",
    );

    let backup = project.backup();
    let before = cluster.fingerprint(&db.name);
    std::fs::copy(backup, project.dir.join("of_another.sql.zst")).unwrap();

    for words in ["--latest", "--latest --in-place", "--file of_another.sql.zst"] {
        let said = project.ok(&format!("db-restore --yes {words}")).err;
        // where autovacuum would run a stranger's functions, it is off
        let mut found = cluster.fingerprint(&db.name);
        found.schema = found.schema.replace(")\nWITH (autovacuum_enabled=off);", ");");
        same(&found, &before);

        for table in ["public.one", "public.\"tw o\""] {
            assert!(
                said.contains(&format!(
                    "no statistics for {table}: a function of its indexes or statistics fails"
                )),
                "{words}: {said}"
            );
        }

        assert_eq!(said.matches("no statistics for").count(), 2, "{said}");
        assert_eq!(
            cluster.sql(
                &db.name,
                "SELECT tablename FROM pg_stats WHERE schemaname = 'public' AND tablename IN \
                 ('one', 'fine')"
            ),
            "fine"
        );
    }

    project.ok("db-verify --deep --latest");
}

/// What ANALYZE runs is done before anything is counted, so that no row goes behind the count.
#[test]
fn what_analyze_runs_does_not_belie_the_count() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    cluster.sql(
        &db.name,
        "CREATE TABLE aa (id int); INSERT INTO aa SELECT generate_series(1, 500);
         CREATE FUNCTION v() RETURNS void LANGUAGE plpgsql SET search_path = public AS
           'BEGIN PERFORM pg_sleep(1); DELETE FROM aa; EXCEPTION WHEN read_only_sql_transaction \
         THEN NULL; END';
         CREATE FUNCTION boom(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql SET search_path = \
         public AS
           'BEGIN IF (SELECT count(*) FROM tb) > 1 THEN PERFORM v(); END IF; RETURN a; END';
         CREATE TABLE tb (id int); CREATE INDEX ON tb (boom(id)); INSERT INTO tb VALUES (1), (2);",
    );

    cluster.sql(&db.name, "TRUNCATE aa; INSERT INTO aa SELECT generate_series(1, 500)");
    let before = cluster.sql(&db.name, "SELECT count(*) FROM aa");
    project.backup();

    let said = project.run("db-restore --latest --yes");
    let after = cluster.sql(&db.name, "SELECT count(*) FROM aa");
    assert_eq!((before.as_str(), after.as_str()), ("500", "500"), "{said:?}");
    assert!(said.code == Some(1) && said.err.contains("expected 500 rows, found 0"), "{said:?}");
}
