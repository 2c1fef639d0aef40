//! The loader role, which loads an untrusted file. The file's defaults, triggers and indexes call
//! its author's functions, which may do what that role may. So it is not a superuser, is created
//! for the run, and has rights only in the new database. It must log in by itself: in a session of
//! ours a function could switch back to our own role (`RESET SESSION AUTHORIZATION`,
//! <https://www.postgresql.org/docs/current/sql-set-session-authorization.html>).

use super::loading::{begun, ended};
use crate::cmd::UNSHOWN;
use crate::config::SecretName;
use crate::engine::postgres::client::name::{LOADER, block, connect, fitting, ident, literal};
use crate::engine::postgres::client::session::{NEUTRAL, PATIENT, READ_ALIKE, SAY_STATES};
use crate::engine::postgres::client::version::Version;
use crate::engine::postgres::client::{Client, sql};
use crate::engine::postgres::script::Definition;
use crate::plan::{Act, Deed, Handover, How};

/// What a server says if a file gives rights on what it did not create.
pub const NOT_ITS_OWN: &str = "the file gives rights on what is not its own";

/// The comment that marks a role as ours.
const MARK: &str = "db-tasks: loads a file from elsewhere";

/// Extensions whose tables hold only data.
const DATA: &str =
    "'postgis', 'postgis_topology', 'postgis_tiger_geocoder', 'address_standardizer_data_us'";

/// A loader role, with what must exist before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loader {
    /// Its name.
    pub role: String,
    /// Its password.
    pub password: SecretName,
    /// What the server stores of the password: no plan and no server log has the password itself.
    pub verifier: String,
    /// Extensions and schemas of the file: an extension may need a superuser.
    pub definitions: Vec<Definition>,
}

impl Loader {
    /// The role of one run for one database: two databases get two roles.
    pub fn named(run: &str, database: &str) -> String {
        fitting(&format!("{LOADER}{run}_{database}"))
    }

    /// The client that connects as it.
    pub fn client(&self, client: &Client) -> Client {
        let mut own = client.clone();
        own.connection.user = Some(self.role.clone());
        own.connection.password = Some(self.password.clone());
        own
    }

    /// Makes it.
    pub fn create(&self, client: &Client) -> Act {
        let role = ident(&self.role);
        let sql = format!(
            "BEGIN;\nCREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION \
             LIMIT 5 PASSWORD {}{}{};\nCOMMENT ON ROLE {role} IS {};\nGRANT {role} TO \
             CURRENT_USER;\nCOMMIT;\n",
            UNSHOWN[0],
            literal(&self.verifier),
            UNSHOWN[1],
            literal(MARK)
        );
        Act::Create(self.deed(client, format!("role {}, not a superuser", self.role), sql))
    }

    /// Creates the database that it fills, with the extensions that the file needs. The role may
    /// create anything there but owns nothing that exists already: an owner of the database could
    /// give it settings (`ALTER DATABASE … SET search_path`) that affect our sessions.
    pub fn ready(&self, client: &Client, name: &str, creation: &str) -> Act {
        let (role, database) = (ident(&self.role), ident(name));
        let mut sql = format!(
            "{creation}GRANT ALL ON DATABASE {database} TO {role};\n{}{NEUTRAL}GRANT ALL ON \
             SCHEMA public TO {role};\n",
            connect(name)
        );

        sql.extend(self.definitions.iter().map(|definition| match definition {
            Definition::Schema { name } => {
                format!("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {role};\n", ident(name))
            }
            Definition::Extension { name, schema } => {
                let made = format!("CREATE EXTENSION IF NOT EXISTS {}", ident(name));
                match schema {
                    Some(schema) => format!("{made} WITH SCHEMA {};\n", ident(schema)),
                    // the one that it names itself, otherwise the default one
                    None => format!("SET search_path = public;\n{made};\n{NEUTRAL}"),
                }
            }
            Definition::MaterializedView | Definition::ActsAsOwner => String::new(),
        }));

        sql.push_str(&self.grants());
        Act::Create(self.deed(client, format!("database {name}{}", self.with()), sql))
    }

    /// The rights that it needs on extensions. Not on all: rows of some are jobs that a superuser's
    /// worker runs (pg_cron, timescaledb), and a wrapper may run programs.
    fn grants(&self) -> String {
        if self.extensions().next().is_none() {
            return String::new();
        }

        let role = literal(&self.role);
        format!(
            "SELECT format('GRANT SELECT, INSERT ON %s TO %I', oid::regclass, {role})\n  FROM \
             pg_class WHERE relkind = 'r' AND oid IN (SELECT unnest(extconfig) FROM pg_extension \
             WHERE extname IN ({DATA})) \\gexec\nSELECT format('GRANT USAGE ON FOREIGN DATA \
             WRAPPER %I TO %I', fdwname, {role})\n  FROM pg_foreign_data_wrapper WHERE fdwname = \
             'postgres_fdw' \\gexec\n"
        )
    }

    /// Whether the file has materialized views, which it fills.
    pub fn fills_views(&self) -> bool {
        self.definitions.contains(&Definition::MaterializedView)
    }

    /// Whether it has functions that run as their owner.
    pub fn acts_as_owners(&self) -> bool {
        self.definitions.contains(&Definition::ActsAsOwner)
    }

    fn with(&self) -> String {
        let extensions: Vec<&str> = self.extensions().collect();
        if extensions.is_empty() {
            String::new()
        } else {
            format!(" with {}", extensions.join(", "))
        }
    }

    /// The extensions that the file needs.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().filter_map(|definition| match definition {
            Definition::Extension { name, .. } => Some(name.as_str()),
            Definition::Schema { .. } | Definition::MaterializedView | Definition::ActsAsOwner => {
                None
            }
        })
    }

    /// What is done after the load: the file's owners and rights, and our own role gets the rest.
    /// By then no session has that role: once a function of the file belongs to a superuser,
    /// whoever may call it is one.
    pub fn handover(&self, client: &Client, name: &str, server: Version) -> Handover {
        let (role, owner) = (ident(&self.role), literal(&self.role));
        let others =
            theirs(&format!("IS DISTINCT FROM (SELECT oid FROM pg_roles WHERE rolname = {owner})"));
        let now = theirs("IS NOT NULL");

        Handover {
            cmd: client.load(name),
            before: format!(
                "{READ_ALIKE}{NEUTRAL}{SAY_STATES}{PATIENT}ALTER ROLE {role} NOLOGIN PASSWORD \
                 NULL;\n{}SET synchronous_commit = off;\nBEGIN;\n{}CREATE TEMPORARY TABLE \
                 db_tasks_theirs ON COMMIT DROP AS {others};\nSET search_path = public;\n",
                block("gone", &sql::filled(SEEN_OFF, &[("role", &owner)])),
                begun(server)
            ),
            between: format!(
                "RESET SESSION AUTHORIZATION;\nRESET ALL;\n{NEUTRAL}{PATIENT}{}REASSIGN OWNED BY \
                 {role} TO CURRENT_USER;\nDROP OWNED BY {role};\n{}{READ_ALIKE}",
                block("theirs", &sql::filled(UNCHANGED, &[("now", &now), ("said", NOT_ITS_OWN)])),
                block("unattended", UNATTENDED)
            ),
            after: format!("{}COMMIT;\n", ended(server)),
        }
    }

    /// Drops it; its database is gone, or has other owners.
    pub fn remove(&self, client: &Client) -> Act {
        let (role, name) = (ident(&self.role), literal(&self.role));
        let body = format!(
            "BEGIN\n  IF EXISTS (SELECT FROM pg_roles WHERE rolname = {name} AND (rolsuper OR \
             shobj_description(oid, 'pg_authid') IS DISTINCT FROM {})) THEN\n    RAISE EXCEPTION \
             'this role was not created by db-tasks, so it is not dropped';\n  END IF;\nEND",
            literal(MARK)
        );

        let sql = format!(
            "{}SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = \
             {name};\nDROP ROLE IF EXISTS {role};\n",
            block("mark", &body)
        );
        Act::Remove(self.deed(client, format!("role {}", self.role), sql))
    }

    fn deed(&self, client: &Client, what: String, sql: String) -> Deed {
        Deed { what, how: How::Command(client.psql(client.maintenance(), sql)) }
    }
}

/// Creates roles that a file names, where they can't do anything.
pub fn powerless(client: &Client, roles: &[String]) -> Act {
    let sql: String =
        roles.iter().map(|role| format!("CREATE ROLE {} NOLOGIN;\n", ident(role))).collect();
    let what = format!("roles that the file names: {}", roles.join(", "));
    let how = How::Command(client.psql(client.maintenance(), sql));
    Act::Create(Deed { what, how })
}

/// Terminates every session of the role, in any database, and makes sure that none is left.
const SEEN_OFF: &str = sql::statements(include_str!("loader/seen_off.sql"));

/// Fails if owners or rights of anything that is not from the file have changed. Only the schema
/// `public` may change.
const UNCHANGED: &str = sql::statements(include_str!("loader/unchanged.sql"));

/// Autovacuum analyzes a table as its owner, and calls functions of its indexes, of its statistics
/// and of its columns' ranges (`src/backend/commands/analyze.c`, `rangetypes_typanalyze.c`): the
/// file's functions would run as a superuser within a minute.
const UNATTENDED: &str = sql::statements(include_str!("loader/unattended.sql"));

/// A query for owners and rights of everything in a database whose owner matches.
fn theirs(owner: &str) -> String {
    const OWNED: [(&str, &str, &str); 16] = [
        ("pg_class", "relowner", "relacl::text"),
        ("pg_proc", "proowner", "proacl::text"),
        ("pg_type", "typowner", "typacl::text"),
        ("pg_language", "lanowner", "lanacl::text"),
        ("pg_foreign_data_wrapper", "fdwowner", "fdwacl::text"),
        ("pg_foreign_server", "srvowner", "srvacl::text"),
        ("pg_largeobject_metadata", "lomowner", "lomacl::text"),
        ("pg_operator", "oprowner", "NULL"),
        ("pg_opclass", "opcowner", "NULL"),
        ("pg_opfamily", "opfowner", "NULL"),
        ("pg_collation", "collowner", "NULL"),
        ("pg_conversion", "conowner", "NULL"),
        ("pg_extension", "extowner", "NULL"),
        ("pg_ts_dict", "dictowner", "NULL"),
        ("pg_ts_config", "cfgowner", "NULL"),
        ("pg_statistic_ext", "stxowner", "NULL"),
    ];

    let owned = OWNED.iter().map(|(class, column, acl)| {
        format!(
            "SELECT '{class}'::regclass::oid AS class, oid AS id, 0 AS sub, {column} AS owner, \
             {acl} AS acl FROM {class} WHERE {column} {owner}"
        )
    });

    let schemas = format!(
        "SELECT 'pg_namespace'::regclass::oid, oid, 0, nspowner, nspacl::text FROM pg_namespace \
         WHERE nspowner {owner} AND nspname <> 'public'"
    );
    let columns = format!(
        "SELECT 'pg_class'::regclass::oid, attrelid, attnum, 0::oid, attacl::text FROM \
         pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relowner {owner}"
    );

    owned.chain([schemas, columns]).collect::<Vec<_>>().join("\n  UNION ALL ")
}

/// What a server stores of a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`
/// (<https://www.postgresql.org/docs/current/catalog-pg-authid.html>, RFC 5802).
pub fn verifier(password: &str, salt: &[u8; 16]) -> String {
    use crate::bytes::base64;
    use crate::stream::mac::{hash, sign};
    const ITERATIONS: u32 = 4096;

    let mut block = sign(password.as_bytes(), &[salt.as_slice(), &[0, 0, 0, 1]].concat());
    let mut salted = block;
    for _ in 1..ITERATIONS {
        block = sign(password.as_bytes(), &block);
        salted.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
    }

    let stored = hash(&sign(&salted, b"Client Key"));
    let server = sign(&salted, b"Server Key");
    let [salt, stored, server] = [salt.as_slice(), &stored, &server].map(base64);

    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests;
