//! The role that a file from elsewhere is loaded by. Its defaults, triggers and indexes call functions of its author's: they may do what
//! that role may. So it is no superuser, is made for the run, and owns the new database alone. It must log in by itself: within a session of
//! ours a function could go back to our own role (`RESET SESSION AUTHORIZATION`,
//! <https://www.postgresql.org/docs/current/sql-set-session-authorization.html>).

use super::admin::{Identity, creation};
use super::client::Client;
use super::facts::DatabaseFacts;
use super::name::{block, connect, ident, literal};
use super::proof::{NEUTRAL, READ_ALIKE, begun, ended};
use super::said::SAY_STATES;
use super::script::Definition;
use super::version::Version;
use crate::cmd::UNSHOWN;
use crate::config::SecretName;
use crate::plan::{Act, Deed, Handover, How};

/// How its name begins: a server that does not let it in names it.
pub const NAMED: &str = "db_tasks_loader_";

/// The comment by which a role is known for one of ours.
const MARK: &str = "db-tasks: loads a file from elsewhere";

/// A role of the run's own, with what has to be there before it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loader {
    /// Its name.
    pub role: String,
    /// Its password.
    pub password: SecretName,
    /// What the server keeps of the password: no plan and no log of a server holds the password itself.
    pub verifier: String,
    /// Extensions and schemas of the file: an extension may take a superuser.
    pub definitions: Vec<Definition>,
}

impl Loader {
    /// The role of one run.
    pub fn named(run: &str) -> String {
        format!("{NAMED}{run}")
    }

    /// Who connects as it.
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
            "BEGIN;\nCREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 PASSWORD {}{}{};\n\
             COMMENT ON ROLE {role} IS {};\nGRANT {role} TO CURRENT_USER;\nCOMMIT;\n",
            UNSHOWN[0],
            literal(&self.verifier),
            UNSHOWN[1],
            literal(MARK)
        );
        Act::Create(self.deed(client, format!("role {}, no superuser", self.role), sql))
    }

    /// Makes its database, with the extensions that the file wants.
    pub fn ready(&self, client: &Client, name: &str, like: Option<&DatabaseFacts>, server: Version, live: &Identity<'_>) -> Act {
        let (role, database) = (ident(&self.role), ident(name));
        let mut sql = creation(client, name, like, server, live);
        sql.push_str(&format!("ALTER DATABASE {database} OWNER TO {role};\n{}{NEUTRAL}", connect(name)));
        sql.extend(self.definitions.iter().map(|definition| match definition {
            Definition::Schema { name } => format!("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {role};\n", ident(name)),
            Definition::Extension { name, schema } => {
                let schema = schema.as_ref().map_or(String::new(), |schema| format!(" WITH SCHEMA {}", ident(schema)));
                format!("CREATE EXTENSION IF NOT EXISTS {}{schema};\n", ident(name))
            }
        }));
        sql.push_str(&self.grants());
        Act::Create(self.deed(client, format!("database {name}{}", self.with()), sql))
    }

    /// What it needs of extensions that are not its own: tables whose rows a dump brings, and wrappers for foreign servers.
    fn grants(&self) -> String {
        if !self.definitions.iter().any(|definition| matches!(definition, Definition::Extension { .. })) {
            return String::new();
        }
        let role = literal(&self.role);
        format!(
            "SELECT format('GRANT ALL ON %s %s TO %I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass, {role})\n  \
             FROM pg_class WHERE oid IN (SELECT unnest(extconfig) FROM pg_extension) \\gexec\n\
             SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %I', fdwname, {role}) FROM pg_foreign_data_wrapper \\gexec\n"
        )
    }

    fn with(&self) -> String {
        let extensions: Vec<&str> = self.extensions().collect();
        if extensions.is_empty() { String::new() } else { format!(" with {}", extensions.join(", ")) }
    }

    /// The extensions that the file wants.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().filter_map(|definition| match definition {
            Definition::Extension { name, .. } => Some(name.as_str()),
            Definition::Schema { .. } => None,
        })
    }

    /// What is given when it has loaded: what the file says of owners and rights, and to our own role whatever is left.
    pub fn handover(&self, client: &Client, name: &str, server: Version) -> Handover {
        let role = ident(&self.role);
        Handover {
            cmd: client.load(name),
            before: format!("{SAY_STATES}{READ_ALIKE}SET synchronous_commit = off;\nBEGIN;\n{}", begun(server)),
            between: format!(
                "RESET SESSION AUTHORIZATION;\nRESET ALL;\n{NEUTRAL}REASSIGN OWNED BY {role} TO CURRENT_USER;\nDROP OWNED BY {role};\n{READ_ALIKE}"
            ),
            after: format!("{}COMMIT;\n", ended(server)),
        }
    }

    /// Takes it away; its database has gone, or belongs to others.
    pub fn remove(&self, client: &Client) -> Act {
        let (role, name) = (ident(&self.role), literal(&self.role));
        let body = format!(
            " BEGIN\n  IF EXISTS (SELECT FROM pg_roles WHERE rolname = {name} AND (rolsuper OR shobj_description(oid, 'pg_authid') \
             IS DISTINCT FROM {})) THEN\n    RAISE EXCEPTION 'this role was not made by db-tasks, so it is not dropped';\n  END IF;\nEND ",
            literal(MARK)
        );
        let sql = format!(
            "{}SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = {name};\nDROP ROLE IF EXISTS {role};\n",
            block("mark", &body)
        );
        Act::Remove(self.deed(client, format!("role {}", self.role), sql))
    }

    fn deed(&self, client: &Client, what: String, sql: String) -> Deed {
        Deed { what, how: How::Command(client.psql(client.maintenance(), sql)) }
    }
}

/// What a server keeps of a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`
/// (<https://www.postgresql.org/docs/current/catalog-pg-authid.html>, RFC 5802).
pub fn verifier(password: &str, salt: &[u8; 16]) -> String {
    use crate::stream::mac::{hash, sign};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    const ITERATIONS: u32 = 4096;

    let mut block = sign(password.as_bytes(), &[salt.as_slice(), &[0, 0, 0, 1]].concat());
    let mut salted = block;
    for _ in 1..ITERATIONS {
        block = sign(password.as_bytes(), &block);
        salted.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
    }

    let stored = hash(&sign(&salted, b"Client Key"));
    let server = sign(&salted, b"Server Key");
    let [salt, stored, server] = [salt.as_slice(), &stored, &server].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3: user, pencil, its salt. The keys follow from its client proof and server signature; they are those of
    /// PostgreSQL's `pg_be_scram_build_secret` for the same.
    #[test]
    fn keeps_of_a_password_what_a_server_does() {
        let salt = *b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
        assert_eq!(
            verifier("pencil", &salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }
}
