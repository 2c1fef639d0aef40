//! Dumps made to do harm: what a stranger's file may not do on a real server. What db-tasks reads
//! must be what psql reads.

use std::fs;
use std::process::Stdio;

use db_tasks::engine::postgres::script::{Scanner, Script};

use super::{Project, family, tiny_host};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nSET \
                    client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n";
pub(super) const TAIL: &str = "\n--\n-- PostgreSQL database dump complete\n--\n\n";

/// As a superuser, whom nothing on the server would stop.
pub(super) fn as_superuser(cluster: &Cluster) -> (TempDb, Project) {
    let (db, _) = tiny_host(cluster);
    let project = Project::host(&db.socket_url);
    (db, project)
}

/// Looks at the file, loads it next to the live database, in its place and into it: each is
/// refused, and nothing has happened.
#[track_caller]
fn comes_to_nothing(cluster: &Cluster, (db, project): &(TempDb, Project), sql: &[u8]) {
    let file = project.write("hostile.sql", [HEAD.as_bytes(), sql, TAIL.as_bytes()].concat());
    let shown = String::from_utf8_lossy(sql).into_owned();
    let touched = project.dir.join("touched");

    for words in [
        "db-verify",
        "db-verify --deep",
        "db-verify --deep --on-server --yes",
        "db-restore --yes --file",
        "db-restore --yes --trust=role --in-place --file",
    ] {
        let said = project.run(&format!("{words} {}", file.display()));
        // what no role of the run's own may do asks for somebody's word first
        assert!(matches!(said.code, Some(1 | 3)), "{words}: {shown}: {said:?}");
        assert!(said.err.contains("\n  next: "), "{said:?}");
        assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM orders"), "300", "{words}: {shown}");
        assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name), "{words}: {shown}");
        assert!(!touched.exists(), "{words}: {shown}");
    }

    assert_eq!(
        cluster.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'dbt_evil'"),
        "0",
        "{shown}"
    );
}

#[test]
fn t45_t46_what_psql_reads_otherwise_never_runs() {
    let cluster = need!("postgresql", cluster());
    let at = as_superuser(cluster);
    let touch = format!("\\! touch {}", at.1.dir.join("touched").display());
    let string = format!("SELECT '\\' AS a, '\n{touch}\n/* ' */ ;\n");
    let insert = format!(
        "CREATE TABLE t (a text, b text);\nINSERT INTO t VALUES ('\\', '\n{touch}\n/* ' */ );\n"
    );

    for hidden in [
        "DO $$ BEGIN PERFORM set_config('standard_conforming_strings','off',false); END $$;",
        "SELECT pg_catalog.set_config('search_path','',false), \
         pg_catalog.set_config('standard_conforming_strings','off',false);",
        "SELECT pg_catalog.set_config('search_path', \
         set_config('standard_conforming_strings','off',false), false);",
        "UPDATE pg_catalog.pg_settings SET setting = 'off' WHERE name = \
         'standard_conforming_strings';",
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN SET \
         standard_conforming_strings = off; RETURN ''; END $$; SELECT f();",
    ] {
        comes_to_nothing(cluster, &at, format!("{hidden}\n{string}").as_bytes());
        comes_to_nothing(cluster, &at, format!("{hidden}\n{insert}").as_bytes());
    }

    for set in [
        "SET client_encoding TO E'\\x53JIS';",
        "SET client_encoding = 'SJIS';",
        "SET NAMES 'SJIS';",
    ] {
        let text = [
            set.as_bytes(),
            b"\nCOMMENT ON SCHEMA public IS '\x83', '\n",
            touch.as_bytes(),
            b"\n/* ' */ ;\n",
        ]
        .concat();
        comes_to_nothing(cluster, &at, &text);
    }

    for tail in [" /*\n\\.\n*/", " --\n\\.", ""] {
        let copy = format!("CREATE TABLE t (a text);\nCOPY t FROM stdin;{tail}\n\\.\n{touch}\n");
        comes_to_nothing(cluster, &at, copy.as_bytes());
    }
}

#[test]
fn t47_what_is_no_dumps_business_never_runs() {
    let cluster = need!("postgresql", cluster());
    let at = as_superuser(cluster);
    let live = &at.0.name;

    for sql in [
        "COPY (SELECT 1) TO PROGRAM 'touch touched';".to_owned(),
        format!("ALTER DATABASE {live} RENAME TO gone;"),
        format!("DROP DATABASE {live} WITH (FORCE);"),
        "CREATE ROLE dbt_evil SUPERUSER LOGIN PASSWORD 'x';".into(),
        "INSERT INTO pg_catalog.pg_authid VALUES (1, 'dbt_evil', true);".into(),
        "COPY pg_authid (oid, rolname) FROM stdin;\n1\tdbt_evil\n\\.\n".into(),
        "COMMENT ON DATABASE postgres IS 'x';".into(),
        "PREPARE TRANSACTION 'a';".into(),
        "ROLLBACK; CREATE TABLE z (a int);".into(),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{live}';"),
        "CREATE FUNCTION s(text) RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', \
         'system';"
            .into(),
    ] {
        comes_to_nothing(cluster, &at, sql.as_bytes());
    }
}

/// What no list can see runs where somebody has said so, and never beside production's data.
#[test]
fn a_strangers_functions_take_a_yes_and_no_production() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let text = format!("{HEAD}CREATE TABLE public.t (a int DEFAULT pg_backend_pid());\n{TAIL}");
    let file = project.write("foreign.sql", text).display().to_string();

    project.ok(&format!("db-verify {file}"));
    // a role of the run's own can do no harm: nobody need be asked, where live data may be replaced
    // at all
    project
        .ok(&format!("db-verify --deep --on-server {file}"))
        .ends_with(0, "a role made for this run: not a superuser");

    let production = Project::host(&db.socket_url).env("ENVIRONMENT", "production");
    production.fails(&format!("db-verify --deep --on-server --yes {file}"), 3, "environment");

    let agent = Project::host(&db.socket_url).env("CLAUDECODE", "1");
    agent.fails(&format!("db-verify --deep --on-server --yes {file}"), 3, "agent");

    // in place it is the project's own role, and a script has to say so
    let in_place = format!("db-restore --in-place --yes --file {file}");
    project.fails(&in_place, 3, "`--trust=role` lets the file's functions run as `postgres`");
    project.fails(&in_place, 3, "a superuser: its author could do anything");
    project.ok(&format!("{in_place} --trust=role"));
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {} SET dbtasks.environment = 'production'", db.name),
    );

    project.fails(&format!("db-verify --deep --on-server --yes {file}"), 3, "marker");
    // a role that can make no other
    let (other, app) = tiny_host(cluster);
    let words = format!("db-verify --deep --on-server --yes {file}");

    app.fails(&words, 3, "`--trust=role`").ends_with(3, "the role `app` can't create one");
    app.ok(&format!("{words} --trust=role"));
    assert_eq!(family(cluster, &other.name), std::slice::from_ref(&other.name));
}

/// `--trust` lifts the list, and our transaction must still be ours at its end.
#[test]
fn t47_a_transaction_that_a_trusted_script_ends_is_noticed() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);

    for (sql, code) in [
        ("BEGIN; CREATE TABLE public.t (a int); COMMIT;", 0),
        ("SAVEPOINT a; ROLLBACK TO a; RELEASE a; CREATE TABLE public.t (a int);", 0),
        ("ROLLBACK; BEGIN;", 1),
        ("COMMIT AND CHAIN;", 1),
        (
            "DO $$ BEGIN PERFORM set_config('standard_conforming_strings','off',false); END \
             $$;\nSELECT '\\' AS a, '; COMMIT; BEGIN; SELECT 1 /* ' */ ;",
            1,
        ),
    ] {
        let file = project.write("script.sql", sql);
        let said = project.run(&format!(
            "db-restore --as {}_beside --trust --yes --file {}",
            db.name,
            file.display()
        ));
        assert_eq!(said.code, Some(code), "{sql}: {said:?}");
        assert!(
            code == 0 || said.err.contains("the dump ended the transaction"),
            "{sql}: {said:?}"
        );
        let made = if code == 0 {
            vec![db.name.clone(), format!("{}_beside", db.name)]
        } else {
            vec![db.name.clone()]
        };
        assert_eq!(family(cluster, &db.name), made, "{sql}");
        cluster.drop_all(&format!("{}_beside", db.name));
    }
}

/// A pair of `\restrict` in a dump does not open ours: psql gets a key that is of the load alone,
/// and in its place.
#[test]
fn t45_psql_gets_a_restriction_of_our_own() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = as_superuser(cluster);
    let seen = project.dir.join("seen");
    let real = format!("{}psql", cluster.server().bin);

    let bin = project.shim(
        "psql",
        &format!(
            "case \" $* \" in *' -f - '*) exec tee -a {} | exec {real} \"$@\" ;; *) exec {real} \
             \"$@\" ;; esac",
            seen.display()
        ),
    );

    let file = project.write(
        "dump.sql",
        format!("\\restrict abc\n{HEAD}CREATE TABLE public.t (a int);\n{TAIL}\\unrestrict abc\n"),
    );
    let project = project.env("DB_TASKS_PG_BIN", &bin.to_string_lossy());
    project.ok(&format!("db-restore --as {}_beside --yes --file {}", db.name, file.display()));

    let said = fs::read_to_string(&seen).unwrap();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("restrict ")).collect();
    // round the dump, and round what the loader role could not do of it, which comes twice
    assert_eq!(lines.len(), 6, "{lines:?}");

    for pair in lines.chunks(2) {
        let key = pair[0].strip_prefix("\\restrict ").unwrap();
        assert!(
            key.len() == 32 && key != "abc" && pair[1] == format!("\\unrestrict {key}"),
            "{lines:?}"
        );
    }

    let (open, close) = (said.find(lines[0]), said.find(lines[1]));
    assert!(open < said.find("CREATE TABLE public.t") && close < said.find("COMMIT;"), "{said}");
}

/// For each set of pg_dump's flags, what it writes is on the list, and brings back what was there.
#[test]
fn foreign_dumps_with_any_flags_are_restored() {
    let cluster = need!("postgresql", cluster());
    let (db, source) = (cluster.database(), cluster.database());
    crate::support::sample::rich(cluster, &source.name);

    let project = Project::host(&db.socket_url);
    let whole = cluster.fingerprint(&source.name);

    for flags in [
        "",
        "--inserts",
        "--column-inserts",
        "--rows-per-insert=3 --on-conflict-do-nothing",
        "--clean --if-exists",
        "--clean",
        "--no-owner --no-privileges",
        "--quote-all-identifiers",
        "--load-via-partition-root",
        "--use-set-session-authorization",
        "--disable-triggers",
        "--enable-row-security",
        "--no-comments --no-security-labels --no-publications --no-subscriptions --no-tablespaces \
         --no-unlogged-table-data",
        "--encoding=LATIN1 --schema-only",
        "--format=custom",
    ] {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let file = project.dir.join("foreign.dump");
        let mut dump = cluster.command("pg_dump");
        let made = dump.args(&flags).args(["-d", &source.name, "-f"]).arg(&file).output().unwrap();
        if !made.status.success() && flags.contains(&"--encoding=LATIN1") {
            continue;
        }
        assert!(made.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&made.stderr));
        let said = project.run(&format!("db-restore --yes --file {}", file.display()));
        if flags == ["--clean"] {
            // there is nothing to drop in a new database, and pg_dump does not ask
            assert!(said.code == Some(1) && said.err.contains("does not exist"), "{said:?}");
            continue;
        }
        if flags == ["--use-set-session-authorization"] {
            // it is made as the roles that own it, who may not all make it: PostgreSQL's own word
            project.ok(&format!("db-verify {}", file.display()));
            assert!(
                said.code == Some(3) && said.err.contains("something created as another role"),
                "{said:?}"
            );

            let trusted = format!("db-restore --yes --trust=role --file {}", file.display());
            project.fails(&trusted, 1, "permission denied for schema shop");
            continue;
        }
        assert_eq!(said.code, Some(0), "{flags:?}: {said:?}");
        // a role of the run's own has loaded it, and what it may not do has been done behind it:
        // owners, rights, comments and all
        assert!(said.err.contains("a role made for this run"), "{flags:?}: {said:?}");
        if matches!(flags[..], [] | ["--inserts"] | ["--clean", ..] | ["--format=custom"]) {
            let now = cluster.fingerprint(&db.name);
            assert_eq!(now.values, whole.values, "{flags:?}");
            let lines = |text: &str| {
                text.lines().map(String::from).collect::<std::collections::BTreeSet<_>>()
            };
            let differ: Vec<_> =
                lines(&now.schema).symmetric_difference(&lines(&whole.schema)).cloned().collect();
            assert!(now.schema == whole.schema, "{flags:?}: {differ:?}");
        }
        if !flags.contains(&"--schema-only") && !flags.contains(&"--no-unlogged-table-data") {
            assert_eq!(cluster.fingerprint(&db.name).rows, whole.rows, "{flags:?}");
        }
    }
}

/// The same of newer versions, statement by statement: their dumps need not fit this server.
#[test]
fn what_newer_pg_dumps_write_is_on_the_list() {
    let project = Project::host("postgresql://nobody@127.0.0.1:1/none");

    for version in ["16", "17", "18"] {
        let bin = need!("postgresql", crate::support::component::postgres(version));
        let cluster = need!("postgresql", Cluster::configured(&bin, "wal_level = logical\n"));
        let source = cluster.database();

        crate::support::sample::rich(&cluster, &source.name);
        cluster.sql(
            &source.name,
            "SET SESSION AUTHORIZATION DEFAULT; CREATE TABLE public.given (a int); GRANT SELECT \
             ON public.given TO app WITH GRANT OPTION; SET SESSION AUTHORIZATION app; GRANT \
             SELECT ON public.given TO PUBLIC",
        );

        for flags in [
            "",
            "--inserts",
            "--rows-per-insert=3 --on-conflict-do-nothing",
            "--clean --if-exists",
            "--quote-all-identifiers",
            "--load-via-partition-root",
            "--use-set-session-authorization",
            "--disable-triggers --data-only",
            "--enable-row-security",
            "--section=pre-data",
            "--section=post-data",
            "--statistics",
            "--sequence-data --statistics-only",
        ] {
            let flags: Vec<&str> = flags.split_whitespace().collect();
            let file = project.dir.join("newer.sql");
            let made = cluster
                .command("pg_dump")
                .args(&flags)
                .args(["-d", &source.name, "-f"])
                .arg(&file)
                .output()
                .unwrap();
            if version != "18" && flags.iter().any(|flag| flag.contains("statistics")) {
                continue;
            }
            assert!(
                made.status.success(),
                "{version} {flags:?}: {}",
                String::from_utf8_lossy(&made.stderr)
            );
            project.ok(&format!("db-verify {}", file.display()));
        }
    }
}

/// A small generator with a fixed seed, so that a failure comes back.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const SETTINGS: &[&str] = &[
    "SET standard_conforming_strings = on;",
    "SET standard_conforming_strings = off;",
    "SET standard_conforming_strings = off; ",
    "SET standard_conforming_strings TO 'off';",
    "SET client_encoding = 'UTF8';",
    "SET client_encoding = 'LATIN1';",
    "SET client_encoding = 'EUC_JP';",
    "SET client_encoding = 'SJIS';",
    "SET client_encoding TO GBK;",
    "SET client_encoding TO E'\\x53JIS';",
    "SELECT pg_catalog.set_config('search_path', '', false);",
    "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);",
    "SELECT pg_catalog.set_config('search_path', 'public', false), \
     pg_catalog.set_config('standard_conforming_strings', 'off', false);",
    "UPDATE pg_catalog.pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings';",
    "DO $$ BEGIN PERFORM set_config('client_encoding', 'SJIS', false); END $$;",
    "CREATE OR REPLACE FUNCTION public.f() RETURNS int LANGUAGE sql AS $q$ SELECT 1; $$ ' $q$;",
    "CREATE OR REPLACE FUNCTION public.g() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE 1 \
     WHEN 1 THEN 2 END; SELECT 1; END;",
    "CREATE OR REPLACE VIEW public.v AS SELECT (ARRAY[1,2])[1:2] AS a, 'x'::text AS b;",
    "CREATE OR REPLACE VIEW public.v AS SELECT (ARRAY[1,2])[1:2] AS a, :'USER'::text AS b;",
    "CREATE OR REPLACE VIEW public.w AS SELECT 1 - :VERSION;",
];

const PARTS: &[&str] = &[
    "'a'",
    "'\\'",
    "'\\\\'",
    "'a''b'",
    "'\\''",
    "E'\\''",
    "e'\\\\'",
    "B'101'",
    "X'1F'",
    "U&'\\0041'",
    "1",
    "-2.5",
    "1e5",
    "1e+20",
    "NULL",
    "true",
    "';'",
    "'\n'",
    "'\n\\echo PWNED\n'",
    "'--'",
    "'/*'",
    "$$'$$",
    "$a$;$a$",
    "'$$'",
    "'\u{83}'",
    "'ü'",
    "1E'a'",
    "'a'\n'b'",
    "now()",
    "N'\\'",
    "'COPY t0 FROM stdin;'",
];

const TAILS: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    " ",
    "\t",
    " -- x",
    " /*",
    " /* x */",
    "\\echo PWNED",
    " SELECT 1;",
    ";",
    "\r",
];

const ROWS: &[&str] = &[
    "a",
    "'",
    "$$",
    "\\\\",
    "\\N",
    "/*",
    "*/",
    "--",
    "\\\\.",
    ";",
    "COPY t1 FROM stdin;",
    "",
    "\\tq",
    "x\\\ny",
];

const BETWEEN: &[&str] = &[
    "\n",
    "\n",
    "\n",
    " ",
    "-- '\n",
    "/* ' */\n",
    "/* /* ; */ */ ",
    "--\\echo PWNED\n",
    "\\echo PWNED\n",
    "/*\n\\echo PWNED\n*/",
];

/// A script of pieces that psql and a careless reader read differently.
fn script(random: &mut Random) -> String {
    let mut text = String::new();
    let mut tables = 0..10;

    for _ in 0..2 + random.below(6) {
        let piece = match random.below(4) {
            0 => random.of(SETTINGS).to_owned(),
            1 => {
                let values: Vec<&str> = (0..2).map(|_| random.of(PARTS)).collect();
                format!("INSERT INTO public.i VALUES ({});", values.join(", "))
            }
            2 => format!("COMMENT ON TABLE public.i IS {};", random.of(PARTS)),
            _ => {
                let (Some(table), tail) = (tables.next(), random.of(TAILS)) else { break };
                let rows: String =
                    (0..random.below(4)).flat_map(|_| [random.of(ROWS), "\n"]).collect();
                format!("COPY public.t{table} FROM stdin;{tail}\n{rows}\\.")
            }
        };

        text.push_str(&piece);
        // what is not a line's end goes on behind a COPY's data, too
        text.push_str(if piece.starts_with("COPY") { "\n" } else { random.of(BETWEEN) });
    }

    // at the end of its input psql sends what is left, were it a comment
    text + "\nSELECT pg_catalog.set_config('search_path', '', false);\n"
}

/// What psql did with a script: statements sent, rows of each COPY, whether it ran a meta-command,
/// whether it came to the end.
#[derive(Debug)]
struct Read {
    statements: usize,
    copied: Vec<u64>,
    meta: bool,
    whole: bool,
}

fn by_psql(cluster: &Cluster, db: &TempDb, text: &str) -> Read {
    let mut psql = cluster.command("psql");
    let folder = tempfile::tempdir().unwrap();
    let (log, file) = (folder.path().join("log"), folder.path().join("script.sql"));

    fs::write(&file, text).unwrap();
    psql.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &db.name, "-L"]).arg(&log).arg("-f").arg("-");

    let done = psql.stdin(fs::File::open(&file).unwrap()).stderr(Stdio::piped()).output().unwrap();
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    let log = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();

    Read {
        statements: log.lines().filter(|line| line.contains("**** QUERY ****")).count(),
        copied: out.lines().filter_map(|line| line.strip_prefix("COPY ")?.parse().ok()).collect(),
        meta: out.lines().any(|line| line == "PWNED"),
        whole: done.status.success(),
    }
}

fn by_us(text: &str) -> Script {
    let mut scanner = Scanner::new();
    scanner.feed(text.as_bytes());
    scanner.finish()
}

/// Whatever the scanner lets pass, psql reads as the scanner has read it. `DB_TASKS_FUZZ=100000
/// cargo test psql_reads` goes on for longer.
#[test]
fn t45_t46_psql_reads_as_we_do() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let tables: String = (0..10).map(|n| format!("CREATE TABLE t{n} (a text);")).collect();

    cluster.sql(&db.name, &format!("CREATE TABLE i (a text, b text);{tables}"));
    let mut random = Random(0x5851_f42d_4c95_7f2d);
    let rounds: u32 =
        std::env::var("DB_TASKS_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(600);
    let (mut passed, mut whole) = (0, 0);

    for _ in 0..rounds {
        let text = script(&mut random);
        let ours = by_us(&text);
        let strange = !ours.meta.is_empty() || !ours.refused.is_empty() || ours.unclear.is_some();

        if strange || ours.unterminated.is_some() || ours.first_crlf.is_some() {
            continue;
        }

        passed += 1;
        let theirs = by_psql(cluster, &db, &text);

        let copied: Vec<u64> = ours
            .tables
            .iter()
            .filter(|t| t.table.starts_with("public.t"))
            .map(|t| t.rows)
            .collect();

        assert!(!theirs.meta, "psql ran a command:\n{text}\n{ours:?}");
        assert!(theirs.statements as u64 <= ours.statements, "{theirs:?}\n{text}\n{ours:?}");
        assert!(copied.starts_with(&theirs.copied), "{theirs:?}\n{text}\n{ours:?}");

        if theirs.whole {
            whole += 1;
            assert_eq!(
                (theirs.statements as u64, theirs.copied),
                (ours.statements, copied),
                "{text}\n{ours:?}"
            );
        }
    }

    assert!(
        passed * 20 > rounds && whole * 40 > rounds,
        "of {rounds} scripts {passed} passed and {whole} ran to their end: too few to tell"
    );
}

/// Where a role's settings let a backslash escape a quote, a string of our reader's would hold
/// statements.
#[test]
fn t45_strings_are_read_alike_whatever_the_role_says() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let url = format!("{}?options=-cstandard_conforming_strings%3Doff", db.url);
    let project = project.env("DATABASE_URL", &url);
    let hidden = "CREATE TABLE public.t (a text, b text);\nINSERT INTO public.t VALUES ('\\', '); \
                  COMMENT ON SCHEMA public IS $$evil$$; --');\n";

    let file = project
        .write("hostile.sql", format!("--\n-- PostgreSQL database dump\n--\n\n{hidden}{TAIL}"));
    let beside = format!("{}_beside", db.name);
    project.ok(&format!("db-restore --as {beside} --yes --trust=role --file {}", file.display()));
    assert_eq!(
        cluster.sql(&beside, "SELECT b FROM public.t"),
        "); COMMENT ON SCHEMA public IS $$evil$$; --"
    );
    cluster.drop_all(&beside);
}

/// No list can see what a default or a trigger of the file's own does: it may change how psql reads
/// the lines that follow, so that a string of our reader's holds statements. So psql is told again
/// before each.
#[test]
fn t45_what_runs_in_a_load_changes_nothing_of_how_psql_reads() {
    let cluster = need!("postgresql", cluster());

    // the second letter ends in UTF-8 with what begins one of two bytes in SJIS
    for (setting, value, odd) in
        [("standard_conforming_strings", "off", "\\"), ("client_encoding", "SJIS", "\u{c3}")]
    {
        let set = format!("PERFORM set_config('{setting}', '{value}', false);");
        let trigger = format!(
            "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {set} RETURN \
             new; END $$;\nCREATE TRIGGER x BEFORE INSERT ON public.t FOR EACH ROW EXECUTE \
             FUNCTION public.f();\nINSERT INTO public.t VALUES ('1', '2');\n"
        );

        let default = format!(
            "CREATE FUNCTION public.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN {set} RETURN \
             ''; END $$;\nCREATE TABLE public.d (a int, b text DEFAULT public.f());\nINSERT INTO \
             public.d (a) VALUES (1);\n"
        );

        for flip in [trigger, default] {
            let (db, project) = as_superuser(cluster);
            let hidden = "); COMMIT; CREATE ROLE dbt_flip; BEGIN; --";
            let sql = format!(
                "CREATE TABLE public.t (a text, b text);\n{flip}INSERT INTO public.t VALUES \
                 ('{odd}', '{hidden}');\n"
            );
            let file = project.write("hostile.sql", format!("{HEAD}{sql}{TAIL}"));
            let beside = format!("{}_beside", db.name);

            let [loader, own] = [format!("--as {beside}"), format!("--as {beside} --trust=role")];
            for (way, into) in [
                (loader, &beside),
                (own, &beside),
                ("--in-place --trust=role".into(), &db.name),
                (String::new(), &db.name),
            ] {
                project.ok(&format!("db-restore {way} --yes --file {}", file.display()));
                let read = cluster.sql(into, "SELECT b FROM public.t WHERE b <> '2'");
                assert_eq!(read, hidden, "{setting} {way}");
                assert_eq!(
                    cluster.sql(
                        "postgres",
                        "SELECT count(*) FROM pg_roles WHERE rolname = 'dbt_flip'"
                    ),
                    "0",
                    "{setting} {way}"
                );
                cluster.drop_all(&beside);
            }
        }
    }
}
