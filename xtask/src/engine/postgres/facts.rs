//! What a server says about itself and a database: one psql, one JSON answer.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::inventory::{self, Inventory};
use super::locks::{self, Locks};
use super::members::{COUNTED, MEMBERSHIP};
use super::name::literal;
use super::reached::{self, Answerer, Reached};
use super::shape::{self, Shape};
use super::version::Version;
use super::witness::HAS_TABLES;

/// What is known of a server and the database that the client is aimed at.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerFacts {
    /// psql's version.
    #[serde(default)]
    pub client: Version,
    /// The server's version.
    pub version: Version,
    /// The server's version as it prints it.
    pub version_text: String,
    /// The role that we are.
    pub role: Role,
    /// The database, and those that stand beside it (`app__previous`).
    pub databases: Vec<DatabaseFacts>,
    /// Sessions on the database, other than ours.
    #[serde(default)]
    pub sessions: Vec<Session>,
    /// Tables, where they were asked for; those of extensions are none of the user's.
    #[serde(default)]
    pub tables: Vec<TableFacts>,
    /// Tables with what ties them together, where it was asked for.
    #[serde(default)]
    pub inventory: Inventory,
    /// Extensions and their versions; empty where the database does not exist.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
    /// Prepared transactions on the database: they hold it as sessions do.
    #[serde(default)]
    pub prepared: u32,
    /// Names of all roles: a dump's owner may be missing here.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Those of them that our role may give something to.
    #[serde(default)]
    pub own_roles: Vec<String>,
    /// Logical replication slots of the database.
    #[serde(default)]
    pub slots: u32,
    /// `listen_addresses`: empty while the official image's bootstrap server runs, which is on the socket only
    /// (<https://github.com/docker-library/postgres/issues/146>).
    pub listens_on: Option<String>,
    /// The server's data folder, where the role may know it.
    pub data_directory: Option<String>,
    /// Started by a command line that gives it no address to listen on: so is the server that the official image sets a new
    /// database up with, and ends again (docker-library/postgres#146).
    #[serde(default)]
    pub deaf: bool,
    /// Whether the database has tables of a user's.
    #[serde(default)]
    pub has_tables: bool,
    /// What it says of itself, by which two servers are told apart.
    #[serde(default)]
    pub answerer: Answerer,
    /// Its room for locks.
    #[serde(default)]
    pub locks: Locks,
    /// What is seldom so.
    #[serde(default)]
    pub shape: Shape,
    /// What the client was led to.
    #[serde(skip)]
    pub reached: Reached,
}

/// What our role may do.
#[derive(Debug, Clone, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Superuser.
    pub superuser: bool,
    /// May create databases.
    pub createdb: bool,
}

/// A database as `pg_database` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Its oid: its identity on this server.
    #[serde(default)]
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its encoding (`UTF8`).
    pub encoding: String,
    /// LC_COLLATE.
    pub collate: String,
    /// LC_CTYPE.
    pub ctype: String,
    /// `libc`, `icu` or `builtin`; servers before 15 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The ICU or builtin locale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// ICU's additional rules of collation; servers since 16 have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icu_rules: Option<String>,
    /// Its tablespace.
    #[serde(default)]
    pub tablespace: String,
    /// Connection limit, -1 for none.
    #[serde(default)]
    pub connection_limit: i64,
    /// Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Rights, where they are not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Vec<Grant>>,
    /// `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
    /// Bytes on disk, where the role may know.
    #[serde(default)]
    pub size: Option<u64>,
    /// Others may be made from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
}

/// One right on a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role; `None` for PUBLIC.
    pub grantee: Option<String>,
    /// What it lets do.
    pub privilege: Privilege,
    /// With grant option.
    #[serde(default)]
    pub grantable: bool,
}

/// The rights that a database has (<https://www.postgresql.org/docs/current/ddl-priv.html>): a word of SQL that comes from a manifest is
/// one of these, or the manifest can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Privilege {
    /// To connect to it.
    Connect,
    /// To make schemas, publications and trusted extensions in it.
    Create,
    /// To make temporary tables in it.
    #[serde(alias = "TEMP")]
    Temporary,
}

impl std::fmt::Display for Privilege {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::Create => "CREATE",
            Self::Temporary => "TEMPORARY",
        })
    }
}

/// One setting that comes with a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// For this role only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A session on the database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Session {
    /// Backend's process id.
    pub pid: u32,
    /// Its role.
    pub user: Option<String>,
    /// Its application.
    pub app: Option<String>,
    /// Its host; none for a socket.
    pub host: Option<String>,
    /// `active`, `idle`, …
    pub state: Option<String>,
}

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let app = self.app.as_deref().filter(|a| !a.is_empty()).unwrap_or("unnamed application");
        write!(f, "{app} ({}, pid {})", self.user.as_deref().unwrap_or("?"), self.pid)
    }
}

/// A table's size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct TableFacts {
    /// `schema.table`, quoted where needed.
    pub name: String,
    /// Rows: counted by the last ANALYZE, -1 where none was.
    pub estimate: i64,
    /// Bytes with indexes and TOAST.
    pub bytes: u64,
}

impl ServerFacts {
    /// The database of this name.
    pub fn database(&self, name: &str) -> Option<&DatabaseFacts> {
        self.databases.iter().find(|d| d.name == name)
    }

    /// Reads the answer to `question`.
    pub fn read(answer: &str) -> Result<Self> {
        let answer = answer.trim();
        let at = if answer.starts_with('{') { Some(0) } else { answer.find("\n{").map(|at| at + 1) };
        let (before, said) = answer.split_at(at.context("the server's answer ends before it begins")?);
        let before: Vec<&str> = before.lines().collect();
        let (json, counts) = said.split_once('\n').unwrap_or((said, ""));
        let mut facts: Self = serde_json::from_str(json).context("the server's answer is not what was asked for")?;
        facts.inventory.count(read_counts(counts));
        let version = before.first().and_then(|line| line.split_whitespace().next());
        facts.client = Version(version.and_then(|version| version.parse().ok()).unwrap_or(0));
        facts.reached = Reached::read(&before);
        Ok(facts)
    }
}

impl DatabaseFacts {
    /// Whether it stands for no database at all.
    pub fn is_none(&self) -> bool {
        self.name.is_empty()
    }

    /// Whether this tool made or kept it, or nobody can have any use of it.
    pub fn is_ours(&self) -> bool {
        [super::admin::ON_ITS_WAY, super::admin::INVALID].contains(&self.connection_limit) || self.is_kept()
    }

    fn is_kept(&self) -> bool {
        self.comment.as_ref().is_some_and(|c| c.starts_with(super::admin::KEPT))
    }

    /// The person's own comment, without our mark.
    pub fn own_comment(&self) -> Option<&str> {
        let comment = self.comment.as_deref()?;
        if self.is_kept() { comment.split_once('\n').map(|(_, own)| own) } else { Some(comment) }
    }
}

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The server and the database.
    Database,
    /// Every table's size, too.
    Tables,
    /// Every table's rows, counted, and what ties tables together.
    Rows,
}

/// Where the one who asks sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// On this machine: what libpq reached, and what runs here, tell where the server is.
    ThisMachine,
    /// In a container, whose engine tells that.
    ItsContainer,
}

/// The question, for a psql that is connected to `database` or, where that does not exist, to another one.
/// Each psql costs 10 ms, in a container 90: so one question has it all.
/// One that is asked from this machine tells where it was led, too.
pub fn question(database: &str, depth: Depth, from: From) -> String {
    let (tables, rows) = match depth {
        Depth::Database => ("", ""),
        Depth::Tables => (TABLES, ""),
        Depth::Rows => (inventory::QUESTION, inventory::ROWS),
    };
    let opening = match from {
        From::ThisMachine => reached::QUESTION,
        From::ItsContainer => "\\echo :VERSION_NUM\n",
    };
    format!("{opening}{}{QUESTION}{rows}", reached::SYSTEM)
        .replace("{answerer}", reached::ANSWERER)
        .replace("{locks}", locks::QUESTION)
        .replace("{shape}", shape::QUESTION)
        .replace("{has_tables}", HAS_TABLES)
        .replace("{tables}", tables)
        .replace("{name}", &literal(database))
        .replace("{like}", &literal(&format!("{}\\_\\_%", like(database))))
}

fn like(name: &str) -> String {
    // a long name was cut before its suffix was put on
    let head: String = name.chars().take(30).collect();
    let escaped = head.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    if head.len() < name.len() { format!("{escaped}%") } else { escaped }
}

const QUESTION: &str = r"SELECT jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'version_text', current_setting('server_version'),
  'role', (SELECT jsonb_build_object('name', rolname, 'superuser', rolsuper, 'createdb', rolcreatedb OR rolsuper) FROM pg_roles WHERE rolname = current_user),
  'deaf', (SELECT setting = '' AND source = 'command line' FROM pg_settings WHERE name = 'listen_addresses'),
  'data_directory', (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
  'answerer', {answerer},
  'locks', {locks}, 'shape', {shape},
  'has_tables', current_database() = {name} AND {has_tables},
  'listens_on', current_setting('listen_addresses'),
  'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = {name}),
  'roles', (SELECT jsonb_agg(rolname) FROM pg_roles WHERE rolname !~ '^pg_'),
  'own_roles', (SELECT jsonb_agg(rolname) FROM pg_roles WHERE pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)),
  'slots', (SELECT count(*) FROM pg_replication_slots WHERE database = {name} AND slot_type = 'logical'),
  'sessions', coalesce((SELECT jsonb_agg(jsonb_build_object('pid', pid, 'user', usename, 'app', application_name, 'host', host(client_addr), 'state', state) ORDER BY pid)
    FROM pg_stat_activity WHERE datname = {name} AND pid <> pg_backend_pid() AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'), '[]'),
  'extensions', CASE WHEN current_database() = {name} THEN (SELECT coalesce(jsonb_object_agg(extname, extversion), '{}') FROM pg_extension) ELSE '{}' END,
  {tables}
  'databases', coalesce((SELECT jsonb_agg(jsonb_build_object(
      'oid', d.oid::bigint, 'name', d.datname, 'owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),
      'collate', d.datcollate, 'ctype', d.datctype,
      'provider', CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END,
      'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
      'icu_rules', to_jsonb(d) ->> 'daticurules',
      'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),
      'connection_limit', d.datconnlimit, 'template', d.datistemplate, 'comment', shobj_description(d.oid, 'pg_database'),
      'acl', (SELECT jsonb_agg(jsonb_build_object('grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END, 'privilege', a.privilege_type, 'grantable', a.is_grantable))
        FROM aclexplode(nullif(d.datacl, acldefault('d', d.datdba))) a),
      'settings', coalesce((SELECT jsonb_agg(jsonb_build_object('role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END,
          'name', split_part(c, '=', 1), 'value', substr(c, strpos(c, '=') + 1)))
        FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid), '[]'),
      'size', CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END) ORDER BY d.datname)
    FROM pg_database d WHERE d.datname = {name} OR d.datname LIKE {like}), '[]')
)::text;
";

const TABLES: &str = r"'tables', coalesce((SELECT jsonb_agg(jsonb_build_object('name', format('%I.%I', n.nspname, c.relname), 'estimate', c.reltuples::bigint, 'bytes', pg_total_relation_size(c.oid))
      ORDER BY pg_total_relation_size(c.oid) DESC, 1)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)' AND current_database() = {name}
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')), '[]'),";

/// One of two sessions that share the tables.
#[derive(Debug, Clone, Copy)]
pub enum Half {
    /// Takes the largest, the third, …
    One = 1,
    /// Takes the second, the fourth, …
    Other = 0,
}

/// Collects statistics for half of the user's tables, without which the first queries after a restore are planned blindly. A
/// partitioned table brings its partitions along; the catalogs' own come with autovacuum. Each ANALYZE commits by itself; the swap's commit flushes them all to disk.
pub fn analyze(half: Half) -> String {
    format!(
        r"SET synchronous_commit = off;
SELECT format('ANALYZE %I.%I', nspname, relname) FROM (
  SELECT nspname, relname, row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND NOT c.relispartition) tables WHERE nth % 2 = {} \gexec
",
        half as u8
    )
}

/// Counts the rows of half of the tables that hold some of their own: psql runs each row of the first answer as a question. Of an
/// extension's table, those that a dump brings.
pub fn count_rows(half: Half) -> String {
    format!(
        r"SELECT question FROM (
  SELECT format('SELECT %L, count(*) FROM ONLY %I.%I %s', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, m.condition) AS question,
    row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {MEMBERSHIP}
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND {COUNTED}
) tables WHERE nth % 2 = {} \gexec
",
        half as u8
    )
}

/// Rows per table.
pub type Counts = Vec<(String, u64)>;

/// Reads the answers to [`count_rows`]: `table|rows`, where a table's name may have line breaks of its own.
pub fn read_counts(answer: &str) -> Counts {
    let mut counts = Vec::new();
    let mut name = String::new();
    for line in answer.split('\n') {
        let ended = line.rsplit_once('|').and_then(|(head, rows)| Some((head, rows.trim().parse().ok()?)));
        if let Some((head, rows)) = ended {
            name.push_str(head);
            counts.push((std::mem::take(&mut name), rows));
        } else {
            name.push_str(line);
            name.push('\n');
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_names_of_any_kind() {
        let answer = "public.a|3\npublic.\"a|b\"|0\napp.\"line\nbreak\"|1\n";
        let want = [("public.a", 3), ("public.\"a|b\"", 0), ("app.\"line\nbreak\"", 1)];
        assert_eq!(read_counts(answer), want.map(|(table, rows)| (table.to_owned(), rows)));
    }
}
