//! What of a dump a loader role may not do.

use super::super::Scanner;
use super::super::report::Definition;
use crate::value::Spare;

/// What is whose, of one statement a line.
fn told(script: &str) -> Vec<(String, Spare)> {
    let mut scanner = Scanner::for_loader();
    // in pieces, as they may come
    script.as_bytes().chunks(3).for_each(|chunk| scanner.feed(chunk));
    let asides = scanner.take_asides();
    asides
        .into_iter()
        .map(|a| (script[a.at.start as usize..a.at.end as usize].to_owned(), a.what))
        .collect()
}

fn barred(script: &str) -> Option<&'static str> {
    let mut scanner = Scanner::for_loader();
    scanner.feed(script.as_bytes());
    scanner.finish().obstacle.map(|obstacle| obstacle.what)
}

#[test]
fn what_a_loader_may_not_do_is_anothers() {
    for (statement, whose) in [
        ("ALTER TABLE public.t OWNER TO shop;", Some(Spare::Handover)),
        ("ALTER FUNCTION public.f(a integer, b text) OWNER TO \"Shop\";", Some(Spare::Handover)),
        ("ALTER OPERATOR public.+ (integer, NONE) OWNER TO shop;", Some(Spare::Handover)),
        ("ALTER LARGE OBJECT 12 OWNER TO shop;", Some(Spare::Handover)),
        ("GRANT SELECT ON TABLE public.t TO web;", Some(Spare::Handover)),
        ("REVOKE ALL ON SCHEMA public FROM PUBLIC;", Some(Spare::Handover)),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA public GRANT SELECT ON TABLES TO \
             web;",
            Some(Spare::Handover),
        ),
        ("COMMENT ON EXTENSION hstore IS 'it''s';", Some(Spare::Handover)),
        ("SECURITY LABEL FOR selinux ON TABLE t IS 'x';", Some(Spare::Handover)),
        ("CREATE PUBLICATION p FOR ALL TABLES;", Some(Spare::Handover)),
        (
            "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert, update');",
            Some(Spare::Handover),
        ),
        ("CREATE PUBLICATION p WITH (publish = 'insert');", None),
        ("CREATE PUBLICATION p FOR TABLE t WHERE (a = ANY ('{1}'::public.d[]));", None),
        (
            "ALTER PUBLICATION p ADD TABLE ONLY public.t WHERE ((a = ANY ('{1}'::public.d[])));",
            None,
        ),
        ("ALTER PUBLICATION p ADD TABLES IN SCHEMA s;", Some(Spare::Handover)),
        ("ALTER PUBLICATION p ADD TABLES IN SCHEMA s, TABLE t WHERE (f());", None),
        ("ALTER PUBLICATION p OWNER TO shop;", Some(Spare::Handover)),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false);",
            Some(Spare::Handover),
        ),
        (
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.f();",
            Some(Spare::Last),
        ),
        (
            "CREATE EVENT TRIGGER login ON sql_drop WHEN TAG IN ('login') EXECUTE FUNCTION f();",
            Some(Spare::Last),
        ),
        ("ALTER EVENT TRIGGER e OWNER TO postgres;", Some(Spare::Last)),
        ("COMMENT ON EVENT TRIGGER e IS 'x';", Some(Spare::Last)),
        ("CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;", Some(Spare::Beforehand)),
        ("CREATE SCHEMA shop;", Some(Spare::Beforehand)),
        ("DROP EXTENSION IF EXISTS hstore;", Some(Spare::Beforehand)),
        ("SELECT pg_catalog.set_config('search_path', '', false);", Some(Spare::Reading)),
        ("SET client_encoding = 'LATIN1';", Some(Spare::Reading)),
        ("SET row_security = off;", None),
        ("SELECT pg_catalog.setval('public.s', 1, true);", None),
        ("CREATE TABLE public.t (owner text);", None),
        ("CREATE OR REPLACE VIEW public.v AS SELECT 1;", None),
        ("ALTER TABLE public.t ALTER COLUMN c SET DEFAULT 1;", None),
        ("INSERT INTO t VALUES (1);", None),
    ] {
        let want: Vec<(String, Spare)> =
            whose.map(|whose| (statement.to_owned(), whose)).into_iter().collect();
        assert_eq!(told(statement), want, "{statement}");
    }
}

#[test]
fn what_gives_an_owner_does_nothing_else() {
    for statement in [
        "ALTER TABLE t ALTER COLUMN c TYPE int USING evil(c), OWNER TO postgres;",
        "ALTER TABLE t OWNER TO postgres, ALTER COLUMN c TYPE int USING evil(c);",
        "ALTER TABLE t OWNER TO postgres x;",
        "ALTER TABLE t ADD CHECK (owner = to) ;",
        "ALTER TABLE t ALTER COLUMN owner SET STATISTICS 5;",
    ] {
        assert_eq!(told(statement), [], "{statement}");
    }
}

#[test]
fn what_only_a_superuser_makes_bars_a_loader() {
    for (script, what) in [
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '$libdir/x', 'f';",
            Some("a function in C"),
        ),
        ("CREATE FUNCTION f() RETURNS int AS '$libdir/x' LANGUAGE 'C';", Some("a function in C")),
        (
            "CREATE FUNCTION f() RETURNS int LEAKPROOF LANGUAGE sql AS 'SELECT 1';",
            Some("a leakproof function"),
        ),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1 -- language c$$;", None),
        ("CREATE TRUSTED PROCEDURAL LANGUAGE plx;", Some("a procedural language")),
        ("CREATE TYPE public.box (\n    INTERNALLENGTH = 4,\n    INPUT = f);", Some("a base type")),
        ("CREATE TYPE public.box (INPUT = f, OUTPUT = g);", Some("a base type")),
        ("CREATE TYPE public.mood AS ENUM ('ok');", None),
        ("CREATE TYPE public.pair AS (input integer);", None),
        (
            "CREATE OPERATOR CLASS public.o FOR TYPE int USING btree AS STORAGE int;",
            Some("an operator class or family"),
        ),
        ("CREATE OPERATOR public.+ (FUNCTION = f);", None),
        ("CREATE CAST (a AS b) WITHOUT FUNCTION;", Some("a cast without a function")),
        ("CREATE FOREIGN DATA WRAPPER w;", Some("a foreign-data wrapper")),
        ("CREATE FOREIGN TABLE t (a int) SERVER s;", None),
        (
            "CREATE EVENT TRIGGER e ON login EXECUTE FUNCTION f();",
            Some("an event trigger that runs on every login"),
        ),
        (
            "CREATE EVENT TRIGGER \"login\" ON \"login\"\n EXECUTE FUNCTION f();",
            Some("an event trigger that runs on every login"),
        ),
        ("CREATE EVENT TRIGGER login ON ddl_command_end EXECUTE FUNCTION f();", None),
        ("SET default_tablespace = '';", None),
        ("SET default_tablespace = fast;", Some("a tablespace")),
        (
            "SET SESSION AUTHORIZATION 'shop';\nGRANT SELECT ON TABLE t TO web;\nRESET SESSION \
             AUTHORIZATION;",
            None,
        ),
        (
            "SET SESSION AUTHORIZATION 'shop';\nCREATE TABLE t (a int);",
            Some("something created as another role (`SET SESSION AUTHORIZATION`)"),
        ),
        ("SET ROLE shop;", Some("a change of role (`SET ROLE`)")),
        (
            "CREATE EXTENSION hstore VERSION '1';",
            Some("an extension or a schema that is created differently from pg_dump's way"),
        ),
        (
            "CREATE SCHEMA s CREATE TABLE t (a int);",
            Some("an extension or a schema that is created differently from pg_dump's way"),
        ),
    ] {
        assert_eq!(barred(script), what, "{script}");
    }
}

#[test]
fn extensions_and_schemas_are_known_by_their_names() {
    let mut scanner = Scanner::for_loader();
    scanner.feed(b"CREATE SCHEMA \"My Tools\";\nCREATE SCHEMA \"a \"\"b\"\"\";\nCREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA \"My Tools\";\n");
    let schema = |name: &str| Definition::Schema { name: name.into() };
    let extension =
        Definition::Extension { name: "uuid-ossp".into(), schema: Some("My Tools".into()) };
    assert_eq!(scanner.finish().definitions, [schema("My Tools"), schema("a \"b\""), extension]);
}

#[test]
fn functions_that_act_as_their_owner_are_known() {
    for (script, want) in [
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';", true),
        (
            "CREATE PROCEDURE f()\n    LANGUAGE plpgsql EXTERNAL SECURITY DEFINER\n    AS $$BEGIN \
             END$$;",
            true,
        ),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SECURITY DEFINER';", false),
        ("CREATE FUNCTION f(definer int) RETURNS int LANGUAGE sql AS 'SELECT 1';", false),
    ] {
        let mut scanner = Scanner::for_loader();
        scanner.feed(script.as_bytes());
        assert_eq!(
            scanner.finish().definitions.contains(&Definition::ActsAsOwner),
            want,
            "{script}"
        );
    }
}
