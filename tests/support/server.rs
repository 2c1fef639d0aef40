//! Asking a PostgreSQL server, wherever it runs, as its superuser; and what a backup must bring
//! back, as a value.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// How to run PostgreSQL's programs against one server: `prefix program options`, with these
/// variables.
#[derive(Clone, Debug)]
pub struct Server {
    /// Words before the program: none on the host, `docker exec -i NAME` for a container.
    pub prefix: Vec<String>,
    /// A folder of programs, with its slash; empty for the ones on PATH.
    pub bin: String,
    /// Connection options of libpq's programs.
    pub options: Vec<String>,
    pub env: Vec<(String, String)>,
}

/// A database's content, such that a faithful copy has an equal one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `pg_dump --schema-only` less what differs between two dumps of one database.
    pub schema: String,
    /// Rows and a hash over them per table and materialised view.
    pub rows: BTreeMap<String, (u64, String)>,
    /// Positions of sequences, and large objects with owner and ACL.
    pub values: BTreeMap<String, String>,
    /// What a plain dump leaves out: owner, ACL, comment, encoding, locale, settings of the
    /// database and its roles.
    pub settings: BTreeMap<String, String>,
}

impl Server {
    pub fn command(&self, program: &str) -> Command {
        let words: Vec<String> =
            self.prefix.iter().cloned().chain([format!("{}{program}", self.bin)]).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(&self.options).envs(self.env.iter().cloned());
        command
    }

    /// Runs a script of psql in a database; gives what it prints, unaligned, or its complaint.
    pub fn try_sql(&self, db: &str, text: &str) -> Result<String, String> {
        self.psql(db, text, &[])
    }

    /// As [`Self::try_sql`], where nothing may go wrong.
    #[track_caller]
    pub fn sql(&self, db: &str, text: &str) -> String {
        self.try_sql(db, text).unwrap_or_else(|e| panic!("{db}: {e}"))
    }

    /// As [`Self::try_sql`], with psql variables.
    pub fn psql(&self, db: &str, text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let mut psql = self.command("psql");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1"]);
        for (name, value) in variables {
            psql.arg("-v").arg(format!("{name}={value}"));
        }
        fed(psql.args(["-f", "-", "-d", db]), text)
    }

    /// A plain dump of a database.
    pub fn dump(&self, db: &str, options: &[&str]) -> Result<String, String> {
        fed(self.command("pg_dump").args(options).args(["-d", db]), "")
    }

    pub fn exists(&self, db: &str) -> bool {
        self.databases("= ", db).contains(&db.to_owned())
    }

    /// Drops a database and those named after it, as a restore makes them (`NAME__previous`).
    pub fn drop_all(&self, db: &str) {
        for name in self.databases("^@ ", db) {
            let name = name.replace('"', "\"\"");
            let _ =
                self.try_sql("postgres", &format!("ALTER DATABASE \"{name}\" IS_TEMPLATE false;"));
            let _ = self
                .try_sql("postgres", &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE);"));
        }
    }

    fn databases(&self, operator: &str, name: &str) -> Vec<String> {
        let name = name.replace('\'', "''");
        let found = self.try_sql(
            "postgres",
            &format!("SELECT datname FROM pg_database WHERE datname {operator} '{name}'"),
        );
        found.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn fingerprint(&self, db: &str) -> Fingerprint {
        let schema =
            self.dump(db, &["--schema-only"]).unwrap_or_else(|e| panic!("pg_dump {db}: {e}"));
        let mut print = Fingerprint {
            schema: normalised(&schema),
            rows: BTreeMap::new(),
            values: BTreeMap::new(),
            settings: BTreeMap::new(),
        };

        for line in self.sql(db, FACTS).lines() {
            let fields: Vec<&str> = line.split('\x1f').collect();
            match fields[..] {
                ["rows", table, count, hash] => {
                    print.rows.insert(table.into(), (count.parse().unwrap(), hash.into()));
                }
                ["value", name, value] => drop(print.values.insert(name.into(), value.into())),
                ["setting", name, value] => drop(print.settings.insert(name.into(), value.into())),
                _ => panic!("{db}: fingerprint: {line:?}"),
            }
        }

        print
    }
}

/// Each query prints a kind, a name and what to compare, with U+001F between them.
const FACTS: &str = r#"
\set QUIET on
\pset fieldsep '\x1f'
-- the database's own settings may say otherwise
SET extra_float_digits = 1; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
SET bytea_output = 'hex'; SET search_path = pg_catalog; SET xmloption = 'content'; SET lc_monetary = 'C';
SET row_security = off; SET lo_compat_privileges = off;

-- sums of two hashes of each row: whatever the order, and without sorting
SELECT format('SELECT %L, %L, count(*), concat_ws(''-'', sum(hashtextextended(t, 1)), sum(hashtextextended(t, 2))) '
              'FROM (SELECT "~row"::text COLLATE "C" AS t FROM ONLY %s AS "~row" OFFSET 0) AS "~rows"', 'rows', replace(name, E'\n', '\n'), name)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace, format('%I.%I', nspname, relname) name
WHERE relkind IN ('r', 'm') AND (relkind = 'r' OR relispopulated)
  AND nspname <> 'information_schema' AND nspname !~ '^pg_'
ORDER BY name \gexec

SELECT format('SELECT %L, %L, last_value || '' '' || is_called FROM %s', 'value', 'sequence ' || replace(name, E'\n', '\n'), name)
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace, format('%I.%I', nspname, relname) name
WHERE relkind = 'S' AND nspname !~ '^pg_' ORDER BY name \gexec

SELECT 'value', 'large object ' || oid, concat_ws(' ', lomowner::regrole, md5(lo_get(oid)), lomacl,
       obj_description(oid, 'pg_largeobject'))
FROM pg_largeobject_metadata ORDER BY oid;

SELECT 'setting', key, replace(coalesce(value, ''), E'\n', '\n') FROM pg_database d, jsonb_each_text(jsonb_build_object(
    'owner', datdba::regrole, 'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
    'provider', to_jsonb(d) ->> 'datlocprovider', 'rules', to_jsonb(d) ->> 'daticurules',
    'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
    'connections', datconnlimit, 'comment', shobj_description(oid, 'pg_database'),
    'acl', (SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE "C") FROM unnest(nullif(datacl, acldefault('d', datdba))) a)))
WHERE datname = current_database() ORDER BY key;

SELECT 'setting', replace(coalesce('role ' || rolname || ' ', '') || split_part(s, '=', 1), E'\n', '\n'), replace(substr(s, strpos(s, '=') + 1), E'\n', '\n')
FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase LEFT JOIN pg_roles r ON r.oid = setrole, unnest(setconfig) s
WHERE datname = current_database() ORDER BY 1, 2;
"#;

/// A schema dump less the random key and the comments that pg_dump writes about itself.
pub fn normalised(schema: &str) -> String {
    let noise =
        ["-- Name: ", "-- Dumped ", "-- PostgreSQL database dump", r"\restrict ", r"\unrestrict "];
    let telling = |line: &&str| {
        !line.is_empty() && *line != "--" && !noise.iter().any(|n| line.starts_with(n))
    };
    schema.lines().filter(telling).flat_map(|line| [line, "\n"]).collect()
}

/// Runs a command with a text on its stdin; gives what it prints, or its complaint.
pub fn fed(command: &mut Command, input: &str) -> Result<String, String> {
    let out = fed_output(command, input)?;
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).trim_end_matches('\n').to_owned()),
        false => Err(String::from_utf8_lossy(&out.stderr).trim_end().to_owned()),
    }
}

/// Runs a command with a text on its stdin, however it ends.
pub fn fed_output(command: &mut Command, input: &str) -> Result<Output, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("{:?}: {e}", command.get_program()))?;
    let mut stdin = child.stdin.take().unwrap();

    let out = std::thread::scope(|scope| {
        // a child that ends early closes the pipe; its status tells the rest
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    });
    out.map_err(|e| e.to_string())
}
