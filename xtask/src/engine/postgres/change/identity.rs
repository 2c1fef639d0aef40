//! Checks that a database is still the same one: by its server, its name and its oid.

use crate::engine::postgres::client::name::{block, literal};
use crate::engine::postgres::client::{Client, Tongue};

/// The database that a plan was made for: its name, and the oid that it must still have.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its oid; `None` if there must be no database of this name.
    pub oid: Option<u32>,
}

impl Identity<'_> {
    /// SQL that fails if it was changed in the meantime.
    pub(super) fn assertion(&self, client: &Client) -> String {
        self.asserted(client, &oid_of(self.name))
    }

    /// The same inside the database itself, where tables are named: not every database name can be
    /// expressed there.
    pub(super) fn assertion_within(&self, client: &Client) -> String {
        match client.tongue {
            Tongue::Utf8 => self.assertion(client),
            _ => self.asserted(
                client,
                "(SELECT oid::bigint FROM pg_database WHERE datname = current_database())",
            ),
        }
    }

    fn asserted(&self, client: &Client, found: &str) -> String {
        let wanted = self.oid.map_or("NULL".into(), |oid| oid.to_string());
        let server = client.system.as_deref().map_or(String::new(), same_server);
        let body = format!(
            "BEGIN\n  IF {found} IS DISTINCT FROM {wanted} THEN\n    RAISE EXCEPTION 'the \
             database of this name is not the one that was looked at';\n  END IF;\nEND"
        );
        format!("{server}{}", block("check", &body))
    }
}

/// SQL that fails if another server answers than before: names and poolers may lead elsewhere at
/// any time, and a clone has databases of the same name and oid. psql then reports the text that is
/// not a number.
pub(super) fn same_server(system: &str) -> String {
    let other = literal(" is another server than the one that was looked at");
    format!(
        "SELECT CASE WHEN system_identifier::text <> {} THEN (system_identifier::text || \
         {other})::int END AS db_tasks_server FROM pg_catalog.pg_control_system() \\gset\n",
        literal(system)
    )
}

pub(super) fn oid_of(name: &str) -> String {
    format!("(SELECT oid::bigint FROM pg_database WHERE datname = {})", literal(name))
}
