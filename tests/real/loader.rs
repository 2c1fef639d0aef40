//! A file from elsewhere is loaded by a role of the run's own: whatever its functions do, they do
//! it as that role.

use std::fs;
use std::path::PathBuf;

use super::hostile_dumps::{TAIL, as_superuser};
use super::{Project, Said, family, tiny_host};
use crate::support::cluster::{Cluster, cluster};
use crate::support::component::postgres;
use crate::support::need;

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\nSET \
                    standard_conforming_strings = on;\nSELECT \
                    pg_catalog.set_config('search_path', '', false);\nSET check_function_bodies = \
                    false;\n";
pub(super) fn dump(project: &Project, sql: &str) -> PathBuf {
    project.write("foreign.sql", format!("{HEAD}{sql}{TAIL}"))
}

/// No role of this run's own is left.
#[track_caller]
fn has_gone(cluster: &Cluster, said: &Said) {
    let Some(at) = said.err.find("db_tasks_loader_") else {
        panic!("no role of its own: {}", said.err)
    };
    let role: String =
        said.err[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();

    assert_eq!(
        cluster.sql("postgres", &format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")),
        "0",
        "{}",
        said.err
    );
}

/// A function that runs while a row is loaded, and what it tries.
fn tries(what: &str) -> String {
    let quoted = what.replace('\'', "''");
    format!(
        "CREATE FUNCTION public.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE '{quoted}'; \
         RETURN 'did'; EXCEPTION WHEN insufficient_privilege OR undefined_function THEN RETURN \
         current_user || ': ' || sqlerrm; END $$;\nCREATE TABLE public.t (a int, b text DEFAULT \
         public.f());\nCOPY public.t (a) FROM stdin;\n1\n\\.\n"
    )
}

#[test]
fn what_a_strangers_functions_try_is_denied() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let touched = project.dir.join("touched");
    let beside = format!("{}_beside", db.name);

    for what in [
        "CREATE ROLE dbt_loader_evil SUPERUSER".to_owned(),
        "ALTER USER CURRENT_USER SUPERUSER".into(),
        format!("COPY (SELECT 1) TO PROGRAM 'touch {}'", touched.display()),
        format!("COPY (SELECT 1) TO '{}'", touched.display()),
        "SELECT pg_read_file('PG_VERSION')".into(),
        "SELECT rolpassword FROM pg_authid".into(),
        "SET SESSION AUTHORIZATION postgres".into(),
        "SET ROLE postgres".into(),
        format!("DROP DATABASE {}", db.name),
        format!("ALTER DATABASE {} SET work_mem = '1MB'", db.name),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'".into(),
        "ALTER SYSTEM SET work_mem = '1MB'".into(),
        "CREATE EXTENSION file_fdw".into(),
    ] {
        let file = dump(&project, &tries(&what));
        let said =
            project.run(&format!("db-restore --as {beside} --yes --file {}", file.display()));
        // what can't be run in a function at all ends the load
        assert!(matches!(said.code, Some(0 | 1)), "{what}: {said:?}");
        has_gone(cluster, &said);
        if said.code == Some(0) {
            let read = cluster.sql(&beside, "SELECT b FROM public.t");
            assert!(read.starts_with("db_tasks_loader_"), "{what}: {read}");
        }
        assert!(!touched.exists(), "{what}");
        cluster.drop_all(&beside);
        assert_eq!(
            cluster
                .sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'dbt_loader_evil'"),
            "0",
            "{what}"
        );
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300", "{what}");
        project.ok(&format!("db-verify {}", file.display()));
    }
}

/// Going back to the role that has connected goes back to the loader.
#[test]
fn there_is_no_way_back_to_our_own_role() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let beside = format!("{}_beside", db.name);

    for back in [
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "RESET ALL",
    ] {
        let sql = format!(
            "CREATE FUNCTION public.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE \
             '{back}'; RETURN session_user || current_setting('is_superuser'); END $$;\nCREATE \
             TABLE public.t (a int, b text DEFAULT public.f());\nINSERT INTO public.t (a) VALUES \
             (1);\n"
        );
        project.ok(&format!(
            "db-restore --as {beside} --yes --file {}",
            dump(&project, &sql).display()
        ));
        let read = cluster.sql(&beside, "SELECT b FROM public.t");
        assert!(read.starts_with("db_tasks_loader_") && read.ends_with("off"), "{back}: {read}");
        cluster.drop_all(&beside);
    }
}

/// What comes behind the load runs nothing of the file's: an event trigger is made when all else is
/// done, and statistics, for which functions of indexes are called, are collected by the loader.
#[test]
fn nothing_of_the_files_runs_as_our_own_role_behind_the_load() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let beside = format!("{}_beside", db.name);

    let sql = "CREATE SEQUENCE public.by_loader;\nCREATE SEQUENCE public.by_other;\nCREATE FUNCTION \
         public.note() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval(CASE WHEN \
         session_user LIKE 'db_tasks_loader_%' THEN 'public.by_loader' ELSE 'public.by_other' \
         END::regclass); END $$;\nCREATE FUNCTION public.e() RETURNS event_trigger LANGUAGE \
         plpgsql AS $$ BEGIN PERFORM public.note(); END $$;\nCREATE FUNCTION public.i(a int) \
         RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.note(); RETURN a; END \
         $$;\nCREATE TABLE public.t (a int);\nALTER TABLE public.t OWNER TO postgres;\nCOPY \
         public.t (a) FROM stdin;\n1\n2\n\\.\nCREATE INDEX x ON public.t (public.i(a));\nCREATE \
         POLICY p ON public.t USING (public.i(a) > 0);\nALTER TABLE public.t ENABLE ROW LEVEL \
         SECURITY;\nALTER TABLE ONLY public.t FORCE ROW LEVEL SECURITY;\nCREATE EVENT TRIGGER \
         dbt_loader_e ON ddl_command_end EXECUTE FUNCTION public.e();\nALTER EVENT TRIGGER \
         dbt_loader_e OWNER TO postgres;\nCOMMENT ON EVENT TRIGGER dbt_loader_e IS 'x';\nGRANT \
         SELECT ON TABLE public.t TO PUBLIC;\nCOMMENT ON TABLE public.t IS 'y';\n";

    let file = dump(&project, sql);
    project.ok(&format!("db-restore --as {beside} --yes --file {}", file.display()));

    let called = "SELECT (SELECT is_called FROM public.by_loader) || ' ' || (SELECT is_called \
                  FROM public.by_other)";
    assert_eq!(cluster.sql(&beside, called), "true false", "run by the loader, and by others");

    // and all of it is there
    assert_eq!(
        cluster.sql(
            &beside,
            "SELECT evtowner::regrole || ' ' || obj_description(oid) FROM pg_event_trigger"
        ),
        "postgres x"
    );

    let table = "SELECT relowner::regrole || ' ' || obj_description(oid) || ' ' || \
                 relforcerowsecurity FROM pg_class WHERE relname = 't'";
    assert_eq!(cluster.sql(&beside, table), "postgres y true");

    let left = "SELECT count(*) FROM pg_class WHERE relowner::regrole::text LIKE 'db_tasks%' OR \
                relacl::text LIKE '%db_tasks%'";
    assert_eq!(cluster.sql(&beside, left), "0");

    assert_eq!(
        cluster.sql(
            &beside,
            "SELECT datdba::regrole FROM pg_database WHERE datname = current_database()"
        ),
        "postgres"
    );

    cluster.drop_all(&beside);
    has_gone(cluster, &project.ok(&format!("db-verify --deep --on-server {}", file.display())));
}

/// A role that may make roles has one made, and gets what the file gives to nobody.
#[test]
fn a_role_that_may_make_roles_does_so() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let role = format!("dbt_maker_{}", db.name);

    let made = format!(
        "CREATE ROLE {role} LOGIN CREATEDB CREATEROLE PASSWORD 'dbt'; ALTER DATABASE {} OWNER TO \
         {role}",
        db.name
    );

    cluster.sql("postgres", &made);
    let (_, server) = db.url.split_once('@').unwrap();
    let url = format!("postgresql://{role}:dbt@{server}");
    let project = Project::host(&url);

    let file = dump(
        &project,
        "CREATE TABLE public.t (a int, b text DEFAULT CURRENT_USER);\nINSERT INTO public.t (a) \
         VALUES (1);\n",
    );

    project
        .ok(&format!("db-restore --yes --file {}", file.display()))
        .ends_with(0, "a role made for this run");
    assert!(cluster.sql(&db.name, "SELECT b FROM public.t").starts_with("db_tasks_loader_"));
    assert_eq!(
        cluster.sql(&db.name, "SELECT relowner::regrole FROM pg_class WHERE relname = 't'"),
        role
    );
    project.ok("db-undo --yes");
    cluster.drop_all(&db.name);

    cluster.sql("postgres", &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Rows of extensions that a dump brings, wrappers for foreign servers, and rights that somebody
/// else has given.
#[test]
fn what_belongs_to_others_comes_along() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let source = cluster.database();
    let giver = format!("dbt_giver_{}", db.name);

    cluster.sql("postgres", &format!("CREATE ROLE {giver}"));
    cluster.sql(
        &source.name,
        &format!(
            "CREATE SCHEMA tools; CREATE EXTENSION postgres_fdw WITH SCHEMA tools; CREATE \
             EXTENSION hstore; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host \
             'nowhere.invalid'); CREATE USER MAPPING FOR {giver} SERVER far OPTIONS (user 'x'); \
             CREATE FOREIGN TABLE away (a int) SERVER far; CREATE TABLE h (a int, h hstore); \
             INSERT INTO h VALUES (1, 'a=>1'); GRANT SELECT ON h TO {giver} WITH GRANT OPTION; \
             SET SESSION AUTHORIZATION {giver}; GRANT SELECT ON h TO PUBLIC; RESET SESSION \
             AUTHORIZATION; ALTER DEFAULT PRIVILEGES FOR ROLE {giver} GRANT SELECT ON TABLES TO \
             PUBLIC; CREATE PUBLICATION p FOR ALL TABLES; SELECT lo_from_bytea(4711, 'x')"
        ),
    );

    let file = project.dir.join("foreign.sql");
    let made =
        cluster.command("pg_dump").args(["-d", &source.name, "-f"]).arg(&file).output().unwrap();
    assert!(made.status.success(), "{made:?}");

    let said = project.ok(&format!("db-restore --yes --file {}", file.display()));
    assert!(
        said.err.contains("created first, not by that role: hstore, postgres_fdw"),
        "{}",
        said.err
    );

    let (now, was) = (cluster.fingerprint(&db.name), cluster.fingerprint(&source.name));
    assert!(now.schema == was.schema && now.values == was.values, "{}\n{}", now.schema, was.schema);
    cluster.drop_all(&db.name);
    drop(source);
    cluster.sql("postgres", &format!("DROP ROLE {giver}"));

    assert!(fs::exists(&file).unwrap());
    assert_eq!(family(cluster, &db.name), Vec::<String>::new());
}

/// What is held back is run by a superuser: it may give what the file itself has made, and nothing
/// else.
#[test]
fn a_file_gives_nothing_that_is_not_its_own() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let beside = format!("{}_beside", db.name);

    for given in [
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO PUBLIC;",
        "SET search_path = pg_catalog;\nGRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC;",
        "GRANT SELECT ON TABLE pg_catalog.pg_authid TO PUBLIC;",
        "GRANT SELECT(rolpassword) ON TABLE pg_catalog.pg_authid TO PUBLIC;",
        "GRANT ALL ON SCHEMA pg_catalog TO app;",
        "ALTER SCHEMA pg_catalog OWNER TO app;",
        "ALTER FUNCTION pg_catalog.lo_export(oid, text) OWNER TO app;",
        "ALTER LANGUAGE plpgsql OWNER TO app;",
        "GRANT ALL ON LANGUAGE plpgsql TO app;",
        "CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA public;\nGRANT ALL ON FUNCTION \
         public.dblink_connect_u(text) TO PUBLIC;",
        "CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA public;\nALTER FUNCTION \
         public.dblink(text) OWNER TO app;",
    ] {
        let file = dump(&project, &format!("CREATE TABLE public.t (a int);\n{given}\n"));
        let words = format!("db-restore --as {beside} --yes --file {}", file.display());
        let said = project.fails(&words, 1, "the file gives rights on what is not its own");
        assert!(said.err.contains("`--trust=role`"), "{given}: {said:?}");
        has_gone(cluster, &said);
        assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name), "{given}");
    }

    // the schema that everybody has, as pg_dump writes it
    let usual = "CREATE TABLE public.t (a int);\nALTER TABLE public.t OWNER TO app;\nREVOKE USAGE \
                 ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO app;\nGRANT \
                 SELECT(a) ON TABLE public.t TO PUBLIC;\n";
    project
        .ok(&format!("db-restore --as {beside} --yes --file {}", dump(&project, usual).display()));
    cluster.drop_all(&beside);
}

/// Three ways by which code of a file was run by the superuser who came behind its load: an
/// operator on a search path that the file's code had given the database, the elements of an array
/// in a publication's WHERE, and a session of the loader's that outlived the load.
#[test]
fn nobody_runs_the_files_code_who_comes_behind_its_load() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let beside = format!("{}_beside", db.name);
    let role = format!("dbt_behind_{}", db.name);
    let evil = format!(
        "IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE pg_catalog.nameeq(rolname, \
         current_user)) THEN EXECUTE 'CREATE ROLE {role} SUPERUSER'; END IF;"
    );

    let operator = format!(
        "CREATE SCHEMA evil;\nCREATE FUNCTION evil.eq(name, name) RETURNS boolean LANGUAGE \
         plpgsql AS $$ BEGIN {evil} RETURN pg_catalog.nameeq($1, $2); END $$;\nCREATE OPERATOR \
         evil.= (FUNCTION = evil.eq, LEFTARG = name, RIGHTARG = name);\nCREATE FUNCTION \
         public.cfg() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE pg_catalog.format('ALTER \
         DATABASE %I SET search_path = evil, pg_catalog', current_database()); RETURN 'x'; \
         EXCEPTION WHEN insufficient_privilege THEN RETURN 'y'; END $$;\nCREATE TABLE public.t (a \
         int, b text DEFAULT public.cfg());\nCOPY public.t (a) FROM stdin;\n1\n\\.\nCOMMENT ON \
         TABLE public.t IS 'x';\n"
    );

    let publication = format!(
        "CREATE FUNCTION public.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN {evil} RETURN 'x'; \
         END $$;\nCREATE DOMAIN public.d AS int CHECK (public.f() IS NOT NULL);\nCREATE TABLE \
         public.t (a int);\nCREATE PUBLICATION p FOR TABLE public.t WHERE (a = ANY \
         ('{{1}}'::public.d[]));\n"
    );

    let (_, server) = db.url.split_once('@').unwrap();
    let (host, port) = server.split_once('/').unwrap().0.split_once(':').unwrap();

    let session = format!(
        "CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA public;\nCREATE FUNCTION public.own() \
         RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {evil} RETURN 'x'; END \
         $$;\nALTER FUNCTION public.own() OWNER TO postgres;\nCREATE FUNCTION public.pw() RETURNS \
         text LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD ''known''', \
         session_user); RETURN 'x'; END $$;\nCREATE FUNCTION public.go(a int) RETURNS int \
         LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.dblink_connect('c', \
         format('host={host} port={port} dbname=%s user=%s password=known', current_database(), \
         session_user)); PERFORM public.dblink_send_query('c', 'DO $z$ BEGIN FOR i IN 1..100 LOOP \
         BEGIN PERFORM public.own(); EXCEPTION WHEN OTHERS THEN NULL; END; COMMIT; PERFORM \
         pg_sleep(0.02); END LOOP; END $z$'); RETURN a; EXCEPTION WHEN OTHERS THEN RETURN a; END \
         $$;\nCREATE TABLE public.t (a int, b text DEFAULT public.pw());\nCOPY public.t (a) FROM \
         stdin;\n1\n2\n\\.\nCREATE INDEX i ON public.t (public.go(a));\n"
    );

    // to plan a count is to work out what an index's expression is, where its words are constant
    let planned = |made: &str| {
        format!(
            "CREATE FUNCTION public.v() RETURNS int LANGUAGE plpgsql AS $$ BEGIN {evil} RETURN 1; \
             END $$;\nCREATE FUNCTION public.imm(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS \
             $$ BEGIN RETURN public.v(); END $$;\nCREATE TABLE public.t (a int);\nCOPY public.t \
             (a) FROM stdin;\n1\n\\.\n{made}\n"
        )
    };

    let index = planned("CREATE INDEX i ON public.t ((a + public.imm(1)));");
    let part = planned("CREATE INDEX i ON public.t (a) WHERE (a > public.imm(1));");
    let statistics = planned(
        "CREATE STATISTICS s ON ((a + public.imm(1))) FROM public.t;\nALTER TABLE public.t OWNER \
         TO app;",
    );
    let all = [operator, publication, session, index, part, statistics];

    for (what, sql) in all.into_iter().enumerate() {
        let deep = project
            .run(&format!("db-verify --deep --on-server {}", dump(&project, &sql).display()));
        assert!(matches!(deep.code, Some(0 | 1)), "{what}: {deep:?}");

        let said = project.run(&format!(
            "db-restore --as {beside} --yes --file {}",
            dump(&project, &sql).display()
        ));
        assert!(matches!(said.code, Some(0 | 1)), "{what}: {said:?}");
        has_gone(cluster, &said);
        std::thread::sleep(std::time::Duration::from_millis(200));

        let made = cluster
            .sql("postgres", &format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'"));
        assert_eq!(made, "0", "{what}: {sql}");

        let settings = format!(
            "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase \
             WHERE datname = '{beside}'"
        );
        assert_eq!(cluster.sql("postgres", &settings), "0", "{what}");
        cluster.drop_all(&beside);
    }
}

/// A manifest is written by whoever writes the file: where it does not lie among the project's
/// backups, a superuser's powers are not its.
#[test]
fn a_manifest_beside_a_file_does_not_say_whose_it_is() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let backup = project.backup();
    let away = project.dir.join("downloads");

    fs::create_dir(&away).unwrap();

    for file in project.files() {
        fs::copy(&file, away.join(file.file_name().unwrap())).unwrap();
    }

    let file = away.join(backup.file_name().unwrap());
    let own = project.ok(&format!("db-restore --yes --file {}", backup.display()));
    assert!(!own.err.contains("db_tasks_loader_"), "{}", own.err);

    let said = project
        .ok(&format!("db-restore --yes --file {}", file.display()))
        .ends_with(0, "a role made for this run");
    has_gone(cluster, &said);
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300");

    project.fails(
        &format!("db-restore --yes --in-place --file {}", file.display()),
        3,
        "`--trust=role`",
    );

    // who is no superuser has no such powers to give
    let app = Project::host(&db.url);
    cluster.sql("postgres", &format!("ALTER DATABASE {} OWNER TO app", db.name));
    app.ok(&format!("db-restore --yes --any-database --file {}", file.display()));
}

/// In production a stranger's functions never run as a superuser, next to the live database
/// neither.
#[test]
fn no_flag_lets_a_stranger_be_a_superuser_in_production() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url).env("ENVIRONMENT", "production");
    let file = dump(&project, "CREATE TABLE public.t (a int);\n");
    let beside = format!("{}_beside", db.name);

    project.fails(
        &format!("db-restore --as {beside} --yes --trust=role --file {}", file.display()),
        3,
        "environment",
    );

    project.ok(&format!("db-restore --as {beside} --yes --file {}", file.display()));
    cluster.drop_all(&beside);
}

/// It is filled by another than its owner, and somebody should know.
#[test]
fn materialized_views_are_named() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let beside = format!("{}_beside", db.name);
    let sql = "CREATE MATERIALIZED VIEW public.m AS SELECT CURRENT_USER::text AS who WITH NO \
               DATA;\nREFRESH MATERIALIZED VIEW public.m;\n";
    let file = dump(&project, sql);

    let words = format!("db-restore --as {beside} --yes --file {}", file.display());
    project.ok(&words).ends_with(0, "`REFRESH MATERIALIZED VIEW` fills it as its owner");
    assert!(cluster.sql(&beside, "SELECT who FROM public.m").starts_with("db_tasks_loader_"));
    cluster.drop_all(&beside);
}

/// A trigger that is put off until COMMIT comes before the count: what it has taken away does not
/// count as restored.
#[test]
fn what_a_trigger_puts_off_does_not_belie_the_count() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);

    let sql = "CREATE TABLE public.t (a int);\nCREATE TABLE public.u (a int);\nCREATE FUNCTION \
               public.gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM public.t; \
               RETURN NULL; END $$;\nCREATE CONSTRAINT TRIGGER x AFTER INSERT ON public.u \
               DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.gone();\nCOPY \
               public.t (a) FROM stdin;\n1\n2\n\\.\nCOPY public.u (a) FROM stdin;\n1\n\\.\n";

    let file = dump(&project, sql);
    for words in [
        "db-verify --deep --on-server --yes",
        "db-restore --yes --file",
        "db-restore --yes --trust=role --file",
        "db-restore --yes --trust=role --in-place --file",
    ] {
        project.fails(
            &format!("{words} {}", file.display()),
            1,
            "public.t: expected 2 rows, found 0 rows",
        );
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300", "{words}");
    }

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

/// Autovacuum runs what a table's indexes, statistics and ranges call, as the table's owner, and
/// nobody asked for it.
#[test]
fn autovacuum_runs_nothing_of_the_files_as_a_superuser() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let file = dump(
        &project,
        "CREATE FUNCTION public.f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT \
         a';\nCREATE FUNCTION public.g(a int, b int) RETURNS float8 LANGUAGE sql IMMUTABLE AS \
         'SELECT 1.0::float8';\nCREATE FUNCTION public.plus(a int, b int) RETURNS int LANGUAGE \
         sql IMMUTABLE AS 'SELECT a';\nCREATE OPERATOR public.%%% (FUNCTION = public.plus, \
         LEFTARG = int, RIGHTARG = int);\nCREATE DOMAIN public.d AS int CHECK (public.f(VALUE) > \
         0);\nCREATE TYPE public.r AS RANGE (subtype = int, subtype_diff = public.g, \
         multirange_type_name = public.r_multi);\nCREATE DOMAIN public.rd AS public.r;\nCREATE \
         TYPE public.mood AS ENUM ('good', 'bad');\nCREATE TABLE public.by_expression (a int) \
         WITH (autovacuum_freeze_max_age = 100000);\nCREATE TABLE public.by_predicate (a \
         int);\nCREATE TABLE public.by_operator (a int);\nCREATE TABLE public.by_domain (a \
         int);\nCREATE TABLE public.by_statistics (a int, b int);\nCREATE TABLE public.by_range \
         (a public.r);\nCREATE TABLE public.by_domain_over_range (a public.rd);\nCREATE TABLE \
         public.by_ranges (a public.r_multi);\nCREATE TABLE public.plain (a text, m public.mood, \
         i int4range, d public.d, c int DEFAULT public.f(1));\nCREATE INDEX ON \
         public.by_expression (public.f(a));\nCREATE INDEX ON public.by_predicate (a) WHERE \
         public.f(a) > 0;\nCREATE INDEX ON public.by_operator ((a OPERATOR(public.%%%) \
         a));\nCREATE INDEX ON public.by_domain (((a)::public.d));\nCREATE STATISTICS public.s ON \
         (public.f(a)), b FROM public.by_statistics;\nCREATE INDEX ON public.plain (lower(a)) \
         WHERE m = 'good'::public.mood;\n",
    );

    let said = project.ok(&format!("db-restore --yes --file {}", file.display()));
    assert!(said.err.contains("autovacuum is off for it"), "{}", said.err);

    let options = "SELECT string_agg(relname || array_to_string(reloptions, ','), ' ' ORDER BY \
                   relname) FROM pg_class WHERE reloptions <> '{}' AND oid >= 16384";
    let off = [
        "domain",
        "domain_over_range",
        "expression",
        "operator",
        "predicate",
        "range",
        "ranges",
        "statistics",
    ];

    let off = off.map(|by| format!("by_{by}autovacuum_enabled=off")).join(" ");
    assert_eq!(cluster.sql(&db.name, options), off);
    cluster.drop_all(&db.name);
}

/// A set is a folder of its own in the folder of backups, which is no other place.
#[test]
fn a_set_of_the_project_is_its_own() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let toml = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    let name = "[backup]\nname = \"{project}_{timestamp}/{store}.{ext}\"\n";
    project.write("db-tasks.toml", format!("{toml}{name}"));
    cluster.sql(&db.name, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    project.ok("db-backup");
    let set = fs::read_dir(project.dir.join("backups")).unwrap().next().unwrap().unwrap().path();

    let said = project.ok("db-restore --latest --yes");
    assert!(!said.err.contains("db_tasks_loader_"), "{}", said.err);
    project.ok("db-restore --latest --in-place --yes");

    // elsewhere it is not, also if a link leads there
    let elsewhere = project.dir.join("elsewhere");
    fs::rename(&set, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &set).unwrap();
    for path in [&elsewhere, &set] {
        let said = project.run(&format!("db-restore --file {} --dry-run", path.display()));
        assert!(said.out.contains("db_tasks_loader_"), "{said:?}");
    }
    cluster.drop_all(&db.name);
}

/// From PostgreSQL 17 on, a trigger may run when somebody connects: a superuser who only looks
/// would be the one.
#[test]
fn nothing_of_a_file_runs_when_somebody_connects() {
    let bin = need!("17", postgres("17"));
    let cluster = need!("postgresql", Cluster::start(&bin));
    let (db, project) = as_superuser(&cluster);
    let project = project.env("DB_TASKS_PG_BIN", &bin.to_string_lossy());
    let rows = "COPY public.t (a) FROM stdin;\n1\n\\.\n";

    let trigger = "CREATE EVENT TRIGGER login ON login EXECUTE FUNCTION public.f();\n";
    let function = "CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN \
                    CREATE ROLE made_by_a_stranger; END';\n";
    let table = "CREATE TABLE public.t (a int);\n";

    for sql in [format!("{table}{function}{trigger}"), format!("{table}{function}{rows}{trigger}")]
    {
        let file = dump(&project, &sql);
        for words in ["db-restore --yes --file", "db-verify --deep --on-server --yes"] {
            let said = project.run(&format!("{words} {}", file.display()));
            assert!(said.code == Some(3) || said.code == Some(1), "{words}: {said:?}");
            assert!(said.err.contains("--trust=role"), "{words}: {}", said.err);
        }

        let found = cluster
            .sql(&db.name, "SELECT count(*) FROM pg_roles WHERE rolname = 'made_by_a_stranger'");
        assert_eq!(found, "0", "{sql}");
    }

    assert_eq!(family(&cluster, &db.name), std::slice::from_ref(&db.name));
    cluster.drop_all(&db.name);
}
