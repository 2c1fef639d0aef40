//! What is on the list of statements, and what is not.

use super::*;
use crate::value::Trust;

#[track_caller]
fn why(statement: &str) -> Option<&'static str> {
    let script = scan(statement.as_bytes());
    let unclear = script.unclear.map(|unclear| unclear.why);
    script.refused.first().map(|refused| refused.why).or(unclear)
}

#[test]
fn what_pg_dump_writes_is_on_the_list() {
    for statement in [
        "SET statement_timeout = 0;",
        "SET client_encoding = 'UTF8';",
        "SET client_encoding = 'EUC_JIS_2004';",
        "SET standard_conforming_strings = off;",
        "SET default_table_access_method = \"heap\";",
        "SET search_path = app, pg_catalog;",
        "SET SESSION AUTHORIZATION 'app';",
        "SET SESSION AUTHORIZATION DEFAULT;",
        "RESET SESSION AUTHORIZATION;",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "SELECT pg_catalog.setval('public.\"S\"', -1, true);",
        "SELECT pg_catalog.lo_create('16400');",
        "SELECT pg_catalog.lowrite(0, '\\x00');",
        "SELECT pg_catalog.lo_unlink('16400');",
        "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = \
         '16400';",
        "SELECT * FROM pg_catalog.pg_restore_relation_stats(\n\t'version', \
         '180000'::integer,\n\t'reltuples', '-1'::real\n);",
        "SELECT * FROM pg_catalog.pg_restore_attribute_stats('inherited', 'f'::boolean, \
         'most_common_freqs', '{0.5}'::real[]);",
        "COPY public.t (a, \"B\") FROM stdin;\n1\t2\n\\.\n",
        "COPY public.t FROM stdin;\n\\.\n",
        "COPY public.t (a) WITH OIDS FROM stdin;\n\\.\n",
        "INSERT INTO public.t VALUES (1, -2.5, 1e+20, 'a''b', NULL, true, B'101', DEFAULT);",
        "INSERT INTO public.t (a, \"B\") OVERRIDING SYSTEM VALUE VALUES\n\t(1, 'x'),\n\t(2, 'y') \
         ON CONFLICT DO NOTHING;",
        "INSERT INTO public.nothing DEFAULT VALUES;",
        "CREATE UNLOGGED TABLE a.t (x text DEFAULT concat('a', 1), y int GENERATED ALWAYS AS \
         ((x)::int) STORED);",
        "CREATE OR REPLACE VIEW a.v AS SELECT 1 AS a;",
        "CREATE MATERIALIZED VIEW a.v AS\n SELECT 1\n  WITH NO DATA;",
        "CREATE FUNCTION a.f() RETURNS int LANGUAGE c AS '$libdir/pgcrypto', 'f';",
        "CREATE FUNCTION a.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;",
        "CREATE FUNCTION a.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;",
        "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p WITH (connect = false, slot_name \
         = 's');",
        "ALTER SUBSCRIPTION s OWNER TO app;",
        "CREATE DEFAULT CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM f;",
        "CREATE TRUSTED PROCEDURAL LANGUAGE x HANDLER y;",
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a.t FOR EACH ROW EXECUTE FUNCTION f();",
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (password 'x');",
        "ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA a GRANT SELECT ON TABLES TO other;",
        "ALTER LARGE OBJECT 16400 OWNER TO app;",
        "GRANT SELECT(a),UPDATE(b) ON TABLE a.t TO app WITH GRANT OPTION;",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
        "COMMENT ON COLUMN a.t.x IS 'it''s';",
        "SECURITY LABEL FOR dummy ON TABLE a.t IS 'x';",
        "DROP TABLE IF EXISTS a.t;",
        "DROP USER MAPPING IF EXISTS FOR app SERVER s;",
        "ALTER TABLE IF EXISTS ONLY a.t DROP CONSTRAINT IF EXISTS t_pkey;",
        "REFRESH MATERIALIZED VIEW a.v;",
    ] {
        assert_eq!(why(statement), None, "{statement}");
    }
}

#[test]
fn what_it_does_not_write_is_refused() {
    for statement in [
        "DO $$ BEGIN END $$;",
        "UPDATE pg_catalog.pg_settings SET setting = 'off';",
        "DELETE FROM a.t;",
        "TRUNCATE a.t;",
        "CALL p();",
        "EXECUTE p;",
        "PREPARE p AS SELECT 1;",
        "PREPARE TRANSACTION 'a';",
        "WITH a AS (SELECT 1) SELECT 1;",
        "VALUES (1);",
        "TABLE a.t;",
        "(SELECT 1);",
        "EXPLAIN ANALYZE SELECT 1;",
        "LOAD 'x';",
        "LISTEN x;",
        "LOCK TABLE a.t;",
        "VACUUM;",
        "RESET ALL;",
        "RESET SESSION AUTHORIZATION a;",
        "RESET SESSION;",
        "RESET standard_conforming_strings;",
        "DISCARD ALL;",
        "SELECT 1;",
        "SELECT f();",
        "SELECT setval('a', 1);",
        "SELECT pg_catalog.set_config('client_encoding', 'SJIS', false);",
        "SELECT pg_catalog.set_config('search_path', '', false), pg_catalog.set_config('a', 'b', \
         false);",
        "SELECT pg_catalog.setval('a', f());",
        "SELECT pg_catalog.setval('a'::text, 1);",
        "SELECT pg_catalog.setval('a', 1) FROM a.t;",
        "SELECT pg_catalog.lo_export(1, '/x');",
        "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;",
        "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = f();",
        "SELECT * FROM pg_catalog.pg_ls_dir('/');",
        "SET client_encoding TO E'\\x53JIS';",
        "SET client_encoding = 'SJIS';",
        "SET standard_conforming_strings = default;",
        "SET backslash_quote = on;",
        "SET ROLE app;",
        "SET LOCAL statement_timeout = 0;",
        "SET session_replication_role = replica;",
        "SET \"client_encoding\" = 'UTF8';",
        "COPY a.t FROM PROGRAM 'x';",
        "COPY a.t FROM '/x';",
        "COPY a.t TO stdout;",
        "COPY (SELECT 1) TO stdout;",
        "COPY a.t FROM stdin WITH (FORMAT csv);\n\\.\n",
        "COPY pg_catalog.pg_authid FROM stdin;\n\\.\n",
        "COPY pg_authid FROM stdin;\n\\.\n",
        "COPY U&\"pg\\005fauthid\" FROM stdin;\n\\.\n",
        "INSERT INTO pg_catalog.pg_authid VALUES (1);",
        "INSERT INTO a.t VALUES (f());",
        "INSERT INTO a.t VALUES ((SELECT 1));",
        "INSERT INTO a.t VALUES (current_user);",
        "INSERT INTO a.t VALUES ('a' || 'b');",
        "INSERT INTO a.t VALUES ('a'::text);",
        "INSERT INTO a.t SELECT 1;",
        "INSERT INTO a.t VALUES (1) RETURNING a;",
        "INSERT INTO a.t VALUES (1) ON CONFLICT DO UPDATE SET a = 1;",
        "CREATE ROLE evil SUPERUSER;",
        "CREATE USER evil;",
        "CREATE TEMP TABLE t (a int);",
        "CREATE TABLE t AS SELECT 1;",
        "CREATE TABLESPACE x LOCATION '/x';",
        "CREATE SCHEMA s CREATE TABLE t AS SELECT 1;",
        "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p;",
        "CREATE FUNCTION s(text) RETURNS int LANGUAGE c AS '/lib/libc.so.6', 'system';",
        "CREATE FUNCTION s(text) RETURNS int AS '$libdir/../libc.so.6', 'system' LANGUAGE \"c\";",
        "ALTER DATABASE x SET a = b;",
        "ALTER ROLE app SUPERUSER;",
        "ALTER SYSTEM SET work_mem = '5MB';",
        "ALTER EXTENSION x UPDATE;",
        "ALTER SUBSCRIPTION s ENABLE;",
        "DROP OWNED BY app;",
        "DROP ROLE app;",
        "GRANT pg_read_server_files TO app;",
        "GRANT ALL ON DATABASE x TO app;",
        "GRANT SET ON PARAMETER x TO app;",
        "COMMENT ON DATABASE x IS 'y';",
        "COMMENT ON ROLE x IS 'y';",
        "START TRANSACTION;",
        "ROLLBACK;",
        "REINDEX DATABASE x;",
        "IMPORT FOREIGN SCHEMA x FROM SERVER s INTO a;",
    ] {
        assert!(why(statement).is_some(), "{statement}");
        for size in [1, 5] {
            assert_eq!(
                scan_in(statement.as_bytes(), size).refused,
                scan(statement.as_bytes()).refused,
                "{statement}"
            );
        }
    }
}

#[test]
fn a_refusal_names_the_line_and_nothing_that_could_be_a_password() {
    let script = scan(b"SET lock_timeout = 0;\n\nCREATE ROLE\x1b evil\n  PASSWORD 'secret';\n");
    let faults: Vec<String> = script.faults().iter().map(Fault::to_string).collect();
    let said = "line 3: `CREATE ROLE\\u{1b} evil PASSWORD …`: it changes the whole server, as \
                pg_dumpall does";
    assert_eq!(faults[0], said);
    let script = scan(b"--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n");
    assert_eq!(script.other, Some(Other::Cluster));
}

/// What psql gets of a script, with each of the spared parts in brackets.
fn with_own_database(text: &str) -> (Script, String) {
    let script = scan(text.as_bytes());
    let own = script.asides.iter().filter(|aside| aside.what == Spare::OwnDatabase);
    let mut shown = text.to_owned();
    for aside in own.rev() {
        shown.replace_range(aside.at.start as usize..aside.at.end as usize, "[]");
    }
    (script, shown)
}

#[test]
fn what_create_adds_is_left_out() {
    let dump = "SET lock_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', \
                false);\nDROP DATABASE shop;\nCREATE DATABASE shop WITH TEMPLATE = template0 \
                ENCODING = 'UTF8';\nALTER DATABASE shop OWNER TO postgres;\n\\connect shop\nSET \
                lock_timeout = 0;\nCOMMENT ON DATABASE shop IS 'a; b';\nALTER DATABASE shop SET \
                work_mem TO '8MB';\n\\connect shop\nSET row_security = off;\nCREATE TABLE \
                public.t (a int);\nSECURITY LABEL FOR x ON DATABASE shop IS 'y';\nGRANT ALL ON \
                DATABASE shop TO app;\n";

    let (script, shown) = with_own_database(dump);
    assert_eq!(
        (script.refused_count, script.meta_count, script.other, script.names_its_database),
        (0, 0, None, true)
    );

    let wanted = "SET lock_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', \
                  false);\n[]\n[]\n[]\n[]SET lock_timeout = 0;\n[]\n[]\n[]SET row_security = \
                  off;\nCREATE TABLE public.t (a int);\n[]\n[]\n";
    assert_eq!(shown, wanted);

    // what is held back may still turn out to be one of them: nothing of it is let go before
    let mut scanner = Scanner::new();
    for (at, byte) in dump.bytes().enumerate() {
        scanner.feed(&[byte]);
        let inside = script.asides.iter().any(|aside| aside.at.contains(&(at as u64)));

        let start = script
            .asides
            .iter()
            .filter(|aside| aside.at.start <= at as u64)
            .map(|aside| aside.at.start)
            .max();

        let finished = script.asides.iter().any(|aside| aside.at.end == at as u64 + 1);
        assert!(!inside || finished || Some(scanner.released(Trust::Dump)) <= start, "at {at}");
    }
}

#[test]
fn databases_in_another_order_are_refused() {
    for text in [
        "CREATE DATABASE a;\n",
        "DROP DATABASE a;\nCREATE TABLE t (a int);\n",
        "DROP DATABASE a;\nDROP DATABASE b;\nCREATE DATABASE a;\n\\connect a\n",
        "CREATE DATABASE a;\n\\connect a\nDROP DATABASE b;\n",
        "CREATE DATABASE a;\n\\connect a\nCREATE DATABASE b;\n",
        "CREATE DATABASE a;\n\\connect a\nCREATE TABLE t (a int);\n\\connect b\n",
        "CREATE TABLE t (a int);\nDROP DATABASE a;\n",
        "CREATE TABLE t (a int);\nCREATE DATABASE a;\n\\connect a\n",
        "ALTER DATABASE a SET x.y TO 'z';\n",
        "GRANT ALL ON DATABASE a TO app;\n",
        "\\connect a\n",
    ] {
        assert!(!scan(text.as_bytes()).strange().is_empty(), "{text}");
    }
}

#[test]
fn nothing_behind_a_refused_statement_is_let_go() {
    for size in [1, 7, usize::MAX] {
        let text = b"SET lock_timeout = 0;\nDROP USER a, admin;\nSET row_security = off;\n";
        let mut scanner = Scanner::new();
        text.chunks(size.min(text.len())).for_each(|chunk| scanner.feed(chunk));
        assert!(scanner.released(Trust::Dump) < 22 + 18, "psql would act upon the semicolon");
        assert_eq!(scanner.released(Trust::Repository), text.len() as u64);
    }
}

#[test]
fn the_pair_of_restrict_stands_at_the_beginning_and_the_end() {
    let said = |text: &str| {
        scan(text.as_bytes()).faults().iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(
        said("SET lock_timeout = 0;\n\\restrict a\n")
            .contains("psql meta-command at line 2: \\restrict a")
    );
    assert!(
        said("\\restrict a\n\\unrestrict a\nSET lock_timeout = 0;\n")
            .contains("line 3: `SET lock_timeout = 0`: it comes after")
    );

    let twice = "\\restrict a\nSET lock_timeout = 0;\n-- PostgreSQL database dump \
                 complete\n\\unrestrict a\n"
        .repeat(2);
    assert_eq!(said(&twice), "", "two dumps, one behind the other");
}
