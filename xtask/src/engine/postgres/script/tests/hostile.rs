//! Hand-made scripts, each with what psql would make of it.

use super::*;
use crate::value::Trust;

#[test]
fn statements_end_where_psql_ends_them() {
    let cases: &[(&str, u64)] = &[
        ("", 0),
        (";;\n", 0),
        ("SELECT 1; SELECT 2;\n", 2),
        ("SELECT ';'; SELECT 'a'';b';\n", 2),
        ("SELECT E'\\';'; SELECT e'\\\\';\n", 2),
        ("SELECT 'a\\'; SELECT 1;\n", 2),
        ("SELECT \"a;\"\"b\"; SELECT U&\"d;\" ;\n", 2),
        ("SELECT U&'\\'; SELECT B'1;', X'f;', N'\\';\n", 2),
        ("SELECT $$;'$$; SELECT $a$ $b$; $a $a$;\n", 2),
        ("SELECT $a$x$aa$;$a$;\n", 1),
        ("SELECT a$b$; SELECT $1; SELECT $x;\n", 3),
        ("SELECT 1 -- ; '\n; SELECT 2 --;\n;", 2),
        ("/* ; /* ' */ ; */ SELECT 1; /**/ /*/ ; */\n", 1),
        ("SELECT 1 */* ; */ 2; SELECT 4 +-- ;\n 5;\n", 2),
        ("SELECT (1; 2); SELECT 3;\n", 2),
        ("SELECT 1); SELECT 2;\n", 2),
        ("SELECT x::E'\\';' ; SELECT :e'\\' ; SELECT 1;\n", 3),
        ("SELECT E'a'\n'b\\'; SELECT 1;\n", 2),
        ("SET standard_conforming_strings = off;\nSELECT '\\';';\n", 2),
        ("SET standard_conforming_strings TO 'off'; SELECT '\\';\n", 2),
        ("SET standard_conforming_strings=off;\nRESET ALL;\nSELECT '\\';\n", 3),
        ("SELECT set_config('standard_conforming_strings', 'off', false);\nSELECT '\\';';\n", 2),
        ("SET standard_conforming_strings=off;\nSELECT U&'\\', B'\\', E'\\'', '\\'';\n", 2),
        (
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 2; END; \
             SELECT 1;",
            2,
        ),
        ("CREATE OR REPLACE PROCEDURE f(begin int) BEGIN ATOMIC; end; BEGIN; END;", 3),
        ("CREATE TABLE begin (); SELECT 1;", 2),
        ("\u{feff}SELECT 1;\n", 1),
    ];

    for (text, statements) in cases {
        let script = scan(text.as_bytes());
        assert_eq!(script.statements, *statements, "{text}");
        assert_eq!((script.unterminated, script.unclear), (None, None), "{text}");
        assert_eq!(script.meta_count, 0, "{text}");
    }
}

#[test]
fn rows_are_counted_per_table() {
    let cases: &[(&str, &[(&str, u64)])] = &[
        ("COPY public.t (a, b) FROM stdin;\n1\t2\n3\t4\n\\.\n", &[("public.t", 2)]),
        ("copy T from STDIN;\n\\.\n", &[("t", 0)]),
        ("COPY t FROM stdout;\n1\n\\.\n", &[("t", 1)]),
        ("COPY t /* ; */ (\"a;--\", \"b)\"\"\") FROM /*x*/ stdin;\n1\n\\.\n", &[("t", 1)]),
        ("COPY t FROM stdin;\n\n\\\n\\.x\n \\.\n\\.\n", &[("t", 3)]),
        ("COPY t FROM stdin;\na\\\nb\nc\\\\\nd\n\\.\n", &[("t", 3)]),
        ("COPY t FROM stdin;\n-- PostgreSQL database dump complete\n';$$\n\\.\n", &[("t", 2)]),
        (
            "COPY t FROM stdin;\n1\n\\.\nCOPY u FROM stdin;\n\\.\nCOPY t FROM stdin;\n2\n\\.\n",
            &[("t", 2), ("u", 0)],
        ),
        ("COPY t FROM stdin;\n1\n\\.", &[("t", 1)]),
        ("COPY \"a.b\" FROM stdin;\n1\n\\.\n", &[("\"a.b\"", 1)]),
        ("COPY \"User\".\"user\" FROM stdin;\n1\n\\.\n", &[("\"User\".\"user\"", 1)]),
        ("COPY \"a\"\"\n.b\" . c FROM stdin;\n1\n\\.\n", &[("\"a\"\"\n.b\".c", 1)]),
        ("COPY \"users\" FROM stdin;\n1\n\\.\nCOPY users FROM stdin;\n1\n\\.\n", &[("users", 2)]),
        (
            "COPY t FROM stdin WITH (FORMAT csv, HEADER);\na,b\n1,\"x\n\"\"y\"\n2,\n\\.\n",
            &[("t", 2)],
        ),
        ("COPY t FROM stdin CSV QUOTE '|' ESCAPE '\\';\n|a\n\\|\n|\nb\n\\.\n", &[("t", 2)]),
        ("COPY t FROM stdin (FORMAT 'csv', HEADER false);\na\n\"\n\\.\n", &[("t", 1)]),
        ("COPY t (csv, header) FROM stdin;\n\"\n\\.\n", &[("t", 1)]),
        ("COPY t TO stdout; COPY t FROM '/f'; COPY (SELECT 1 FROM stdin) TO stdout;\n", &[]),
        ("SELECT $$\nCOPY t FROM stdin;\n\\.\n$$;\n", &[]),
        ("SET search_path = old, pg_catalog;\nCOPY t FROM stdin;\n1\n\\.\n", &[("old.t", 1)]),
        (
            "SELECT pg_catalog.set_config('search_path', '', false);\nCOPY t FROM stdin;\n1\n\\.\n",
            &[("t", 1)],
        ),
        ("INSERT INTO public.t VALUES (1, '(', f(2)), (2, ')', (3));\n", &[("public.t", 2)]),
        (
            "INSERT INTO t (a, \"values\") OVERRIDING SYSTEM VALUE VALUES\n\t(1),\n\t(2);\n",
            &[("t", 2)],
        ),
        ("INSERT INTO t DEFAULT VALUES;\nINSERT INTO t VALUES (1) RETURNING (a);", &[("t", 2)]),
        (
            "CREATE TABLE a.t (x int);\nCREATE UNLOGGED TABLE IF NOT EXISTS u (partition int, by \
             int);",
            &[("a.t", 0), ("u", 0)],
        ),
        (
            "CREATE TABLE p (x int) PARTITION BY RANGE (x);\nCREATE TABLE q PARTITION OF p FOR \
             VALUES FROM (1) TO (2);",
            &[("q", 0)],
        ),
        (
            "CREATE TABLE a.t OF b.ty;\nCREATE TABLE a.u OF b.\"x.y\" (PRIMARY KEY (id)) USING \
             c.d;",
            &[("a.t", 0), ("a.u", 0)],
        ),
        (
            "CREATE TABLE a.q PARTITION OF b.p FOR VALUES FROM (c.d) TO (2) TABLESPACE e;\nCREATE \
             TABLE t OF ty;",
            &[("a.q", 0), ("t", 0)],
        ),
        ("CREATE TABLE a.\"b\" /* . */ (x int) INHERITS (c.d) WITH (toast.x = 1);", &[("a.b", 0)]),
        (
            "COPY a.t (x, y) FROM stdin WITH (FORMAT csv, NULL 'a.b');\n1,2\n\\.\nINSERT INTO a.t \
             AS b.c VALUES (1);",
            &[("a.t", 2)],
        ),
        (
            "CREATE TABLE t AS SELECT 1; CREATE TEMP TABLE t (); CREATE FOREIGN TABLE t () SERVER \
             s;",
            &[],
        ),
        ("CREATE VIEW v AS SELECT 1; CREATE MATERIALIZED VIEW m AS SELECT 1;", &[]),
    ];

    for (text, expected) in cases {
        let script = scan(text.as_bytes());
        assert_eq!(rows(&script), *expected, "{text}");
        assert_eq!((script.unterminated, script.unclear), (None, None), "{text}");
        assert_eq!(script.meta_count, 0, "{text}");
    }
}

#[test]
fn counts_that_cannot_be_told_are_marked() {
    let exact = |text: &str| scan(text.as_bytes()).tables[0].exact;
    assert!(exact("INSERT INTO t VALUES (1);"));
    assert!(!exact("INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING;"));
    assert!(!exact("INSERT INTO t SELECT 1 UNION VALUES (1);"));
    assert!(!exact("INSERT INTO t (SELECT 1);"));
    assert!(!exact("COPY t FROM stdin WHERE a > 1;\n1\n\\.\n"));
}

#[test]
fn rows_loaded_through_a_root_are_not_expected_of_its_partitions() {
    let text = "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE c (a int);\nALTER \
                TABLE ONLY p ATTACH PARTITION c DEFAULT;\nCOPY p FROM stdin;\n1\n\\.\n";
    let script = scan(text.as_bytes());
    assert_eq!(rows(&script), [("p", 1)]);
    assert!(script.tables[0].partitioned);

    // as a person writes it
    let text = "SET search_path = s; CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE \
                o.c PARTITION OF p DEFAULT;\nCREATE TABLE d PARTITION OF s.p FOR VALUES IN (1); \
                COPY p FROM stdin;\n1\n\\.\nINSERT INTO d VALUES (1);";
    let script = scan(text.as_bytes());
    assert_eq!(rows(&script), [("s.p", 1), ("s.d", 1)]);
    assert!(script.tables[0].partitioned && !script.tables[1].exact);
}

#[test]
fn meta_commands_are_refused_and_hold_back_what_follows() {
    let cases: &[(&str, u64, u64)] = &[
        ("\\! rm -rf x\n", 0, 1),
        ("SELECT 1;\n\\o f\n", 10, 2),
        ("SELECT 1 \\g file\n", 9, 1),
        ("SELECT 'a' \\; SELECT 1;\n", 11, 1),
        ("SELECT (\n\\! x\n);\n", 9, 2),
        ("-- x\r\\! x\n", 5, 1),
        ("/* */ \\! x", 6, 1),
        ("SELECT $$ $$ \\! x", 13, 1),
        ("SELECT 'a\\' \\! x '", 12, 1),
        ("SELECT E'a' 'b\\' \\! x", 17, 1),
        ("SELECT a$b$ \\! x $b$", 12, 1),
        ("SELECT 1 -- '\n\\! x", 14, 2),
        ("COPY t FROM stdin;\n1\n\\.\n\\.\n", 24, 4),
        ("COPY t TO stdout;\n\\.\n", 18, 2),
        ("CREATE FUNCTION f() BEGIN ATOMIC \\! x\n", 33, 1),
        ("\\connect db\n", 0, 1),
        ("\\restrict a b\n", 0, 1),
        ("\\restrict `x`\n", 0, 1),
        ("SELECT 1 \\restrict a\n", 9, 1),
        ("\\restrict a\n\\restrict a\n", 12, 2),
        ("\\restricted a\n", 0, 1),
    ];

    for (text, released, line) in cases {
        for size in [1, 3, usize::MAX] {
            let script = scan_in(text.as_bytes(), size);
            assert_eq!(script.released, *released, "{text}");
            assert_eq!(script.meta[0].line, *line, "{text}");
            assert!(script.meta[0].text.starts_with('\\'), "{text}");
        }
    }
}

#[test]
fn what_versions_of_psql_read_differently_is_refused() {
    let cases: &[(&str, u64)] = &[
        ("SELECT 1E'\\' \\! x '", 10),
        ("SELECT $1E'\\' \\! x '", 11),
        ("SELECT 1a'x'", 9),
        ("SELECT 1\r+ 2;\n", 9),
        ("COPY t FROM stdin; SELECT 1;\n1\n\\.\n", 18),
        ("COPY t FROM stdin; /*\n\\.\n*/ ;\n", 18),
        ("COPY t FROM stdin;-- data\n1\n\\.\n", 18),
        ("COPY t FROM stdin; \n1\n\\.\n", 18),
        ("SELECT 1 + :VERSION;", 13),
        ("SELECT :{?x};", 9),
        ("COPY t FROM stdin (FORMAT binary);\nPGCOPY", 34),
        ("COPY BINARY t FROM stdin;\n", 25),
        ("CREATE FUNCTION begin() AS ''; COPY t FROM stdin;\n'\n\\.\n", 35),
        ("SET client_encoding = 'Shift_JIS_2004';\nSELECT", 39),
        ("SET NAMES 'gbk';\n", 16),
        ("BEGIN; SET standard_conforming_strings = off; ROLLBACK;\n", 55),
        ("SET LOCAL standard_conforming_strings = off;\n", 44),
        ("SET standard_conforming_strings = 0;\n", 36),
        ("SELECT 1;\nCOMMIT AND CHAIN;\n", 27),
        ("START TRANSACTION;", 18),
        ("ROLLBACK;", 9),
        ("SAVEPOINT a;", 12),
        ("PREPARE TRANSACTION 'a';", 24),
    ];

    for (text, released) in cases {
        let script = scan(text.as_bytes());
        assert!(script.unclear.is_some(), "{text}");
        assert_eq!(script.released, *released, "{text}");
        let said = script.faults().iter().any(|f| matches!(f, Fault::Unclear(_)));
        assert!(said, "{text}");
    }
}

#[test]
fn backslash_lines_are_held_until_they_end() {
    let mut scanner = Scanner::new();
    scanner.feed(b"--\n\\restr");
    assert_eq!(scanner.released(Trust::Repository), 3);
    scanner.feed(b"ict Key1");
    assert_eq!((scanner.released(Trust::Repository), scanner.take_asides()), (3, vec![]));

    scanner.feed(b"\nSELECT 1;\n\\unrestrict Key1");
    assert_eq!(scanner.take_asides(), [Withheld { at: 3..18, what: Spare::Restrict }]);
    assert_eq!(scanner.released(Trust::Repository), 28);

    let script = scanner.finish();
    assert_eq!(script.released, 44);
    assert_eq!(script.asides, [Withheld { at: 28..44, what: Spare::Restrict }]);
    assert_eq!(script.restrict, Restrict::Closed { key: "Key1".into() });
}

#[test]
fn what_psql_may_be_spared_is_held_until_it_ends() {
    let cases: &[(&str, &[(&str, Spare)])] = &[
        (
            "SELECT 1;\nBEGIN;\nSELECT 2; commit ;",
            &[("BEGIN;", Spare::Transaction), ("commit ;", Spare::Transaction)],
        ),
        ("/* x */ BEGIN -- y\n;", &[("BEGIN -- y\n;", Spare::Transaction)]),
        (
            "SET transaction_timeout = 0;\nSET lock_timeout = 0;",
            &[("SET transaction_timeout = 0;", Spare::TransactionTimeout)],
        ),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;", &[]),
        ("PREPARE a AS SELECT 1;", &[]),
        ("SELECT 'BEGIN;', $$COMMIT;$$; COPY t FROM stdin;\nCOMMIT;\n\\.\n", &[]),
    ];

    for (text, wanted) in cases {
        for size in 1..=text.len() {
            let mut scanner = Scanner::new();
            let mut passed = 0;
            for chunk in text.as_bytes().chunks(size) {
                scanner.feed(chunk);
                passed = scanner.released(Trust::Repository);

                for (words, _) in *wanted {
                    let at = text.find(words).unwrap() as u64;
                    let seen = scanner.script.bytes;
                    assert!(
                        !(at + 1..at + words.len() as u64).contains(&passed) || seen == at,
                        "{text} in {size}: {passed}"
                    );
                }
            }

            let script = scanner.finish();
            let found: Vec<_> = script
                .asides
                .iter()
                .map(|a| (&text[a.at.start as usize..a.at.end as usize], a.what))
                .collect();

            assert_eq!((&found[..], passed), (*wanted, text.len() as u64), "{text} in {size}");
            assert_eq!(script.unclear, None, "{text}");
        }
    }
}

#[test]
fn faults_are_found() {
    const END: &str = "-- PostgreSQL database dump complete\n";

    let cases: &[(&str, &str)] = &[
        ("SELECT 1;\n", "no end marker: the dump is cut short after line 1"),
        (
            "COPY a.t FROM stdin;\n1\n2",
            "cut short in the data of table a.t, which begins at line \
                                        2",
        ),
        ("COPY t FROM stdin;", "cut short in the data of table t, which begins at line 1"),
        ("SELECT\n '\n", "cut short in a string that begins at line 2"),
        ("SELECT \"\n", "cut short in a quoted name that begins at line 1"),
        ("SELECT $a$\n$$", "cut short in a dollar quote that begins at line 1"),
        ("\n/* /* */", "cut short in a comment that begins at line 2"),
        ("\nSELECT 1\n", "cut short in a statement that begins at line 2"),
        ("\\restrict a\n{end}", "\\restrict at line 1 is not closed by \\unrestrict"),
        (
            "\\restrict a\n{end}\\unrestrict ab\n",
            "\\unrestrict at line 3 has no \\restrict with its key",
        ),
        ("{end}\\unrestrict ab\n", "\\unrestrict at line 2 has no \\restrict with its key"),
        ("{end}SELECT 1;\n", "line 2 continues after the end marker"),
        ("SELECT 1;\r\n{end}", "line 1 ends in CRLF: something changed the line ends"),
        ("-- x\r\n{end}", "line 1 ends in CRLF: something changed the line ends"),
        (
            "COPY t FROM stdin;\na\nb\r\n\\.\n",
            "line 3 ends in CRLF: something changed the line ends",
        ),
        ("COPY t FROM stdin;\na\n\\.\r\n", "line 3 ends in CRLF: something changed the line ends"),
        ("COPY t FROM stdin;\na\n\0\n\\.\n", "NUL byte at line 3"),
        ("SELECT '\n\0'", "NUL byte at line 2"),
        ("\\! rm\n", "psql meta-command at line 1: \\! rm"),
        ("SELECT $$\n{end}$$;\n", "no end marker: the dump is cut short after line 3"),
        ("SELECT '\n{end}';\n", "no end marker: the dump is cut short after line 3"),
        ("SELECT 1\n{end};\n", "no end marker: the dump is cut short after line 3"),
        ("COPY t FROM stdin;\n{end}\\.\n", "no end marker: the dump is cut short after line 3"),
    ];

    for (text, fault) in cases {
        let text = text.replace("{end}", END);
        for size in [1, usize::MAX] {
            let faults = scan_in(text.as_bytes(), size).faults();
            let said: Vec<String> = faults.iter().map(Fault::to_string).collect();
            assert!(said.iter().any(|s| s == fault), "{text}: {said:?}");
        }
    }
}

#[test]
fn carriage_returns_in_strings_are_the_users_own() {
    let text = "COMMENT ON TABLE \"\r\n\" IS 'a\r\nb';\nCREATE FUNCTION f() RETURNS int LANGUAGE \
                sql AS $$\r\n$$;\nCOPY t FROM stdin;\na\rb\n\\.\n-- PostgreSQL database dump \
                complete\n";
    assert_eq!(scan(text.as_bytes()).faults(), []);
}

#[test]
fn a_row_need_not_fit_in_memory() {
    let mut scanner = Scanner::new();
    scanner.feed(b"COPY t (\"");
    (0..100).for_each(|_| scanner.feed(&[b'x'; 4096]));
    scanner.feed(b"\") FROM stdin;\n");
    (0..1000).for_each(|_| scanner.feed(&[b'y'; 65536]));

    scanner.feed(b"\n\\.\n");
    let script = scanner.finish();
    assert_eq!(rows(&script), [("t", 1)]);
    assert_eq!(script.last.map(|begun| begun.text.len()), Some(120));
}

#[test]
fn a_second_nul_before_a_line_end_is_no_carriage_return() {
    let script = scan(b"COPY t FROM stdin;\n\0\0\n\\.\n");
    assert_eq!((script.first_crlf, script.nul), (None, Some(2)));
}
