//! Unusual facts about a server or a database that change what may be done with it.

use serde::Deserialize;

/// As it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Sessions of this role are read-only here by default (`default_transaction_read_only`).
    pub read_only: bool,
    /// The startup options of this run's sessions did not arrive: a pooler in between drops them.
    pub unheard: bool,
    /// A hot standby: nothing can be changed (<https://www.postgresql.org/docs/current/hot-standby.html>).
    pub standby: bool,
    /// The server's tablespaces.
    pub tablespaces: Vec<String>,
    /// Unlogged tables of a standby, which does not have their rows.
    pub unlogged: Vec<String>,
    /// Not all databases of the server are in UTF-8.
    pub several_encodings: bool,
    /// User mappings of the database whose options (usually a password) this role may not read: a
    /// dump lacks those.
    pub mappings: Vec<String>,
    /// Event triggers of the database that run on every login: they run in this run's sessions,
    /// too.
    pub login_triggers: Vec<String>,
    /// Subscriptions of the database that are enabled: they belong to it, not to its name.
    pub subscriptions: Vec<String>,
}

impl Shape {
    /// Whether the server has only the default ones.
    pub fn has_no_tablespaces(&self) -> bool {
        !self.tablespaces.is_empty() && self.tablespaces.iter().all(|name| name.starts_with("pg_"))
    }

    /// Whether the server lacks this one.
    pub fn lacks(&self, tablespace: &str) -> bool {
        !self.tablespaces.is_empty() && !self.tablespaces.iter().any(|name| name == tablespace)
    }
}

/// Asks for it. `reset_val` is the session's value before we set anything.
pub const QUESTION: &str = "jsonb_build_object('read_only', (SELECT reset_val = 'on' FROM pg_settings WHERE name = \
     'default_transaction_read_only'), 'standby', pg_is_in_recovery(), 'unheard', \
     replace(current_setting('search_path'), ' ', '') <> 'pg_catalog,pg_temp', \
     'several_encodings', EXISTS (SELECT FROM pg_database WHERE pg_encoding_to_char(encoding) <> \
     'UTF8'), 'tablespaces', (SELECT jsonb_agg(spcname) FROM pg_tablespace), 'unlogged', \
     coalesce((SELECT jsonb_agg(oid::regclass::text ORDER BY 1) FROM pg_class WHERE \
     relpersistence = 'u' AND relkind = 'r' AND pg_is_in_recovery()), '[]'), 'mappings', \
     coalesce((SELECT jsonb_agg(DISTINCT format('`%s` on `%s`', m.usename, m.srvname)) FROM \
     pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid WHERE current_database() = \
     {name} AND m.umoptions IS NULL AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = \
     current_user) AND NOT (m.umuser <> 0 AND m.usename = current_user AND \
     (pg_has_role(s.srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE'))) AND NOT \
     (m.umuser = 0 AND pg_has_role(s.srvowner, 'USAGE'))), '[]'), 'login_triggers', \
     coalesce((SELECT jsonb_agg(evtname ORDER BY evtname) FROM pg_event_trigger WHERE \
     current_database() = {name} AND evtevent = 'login' AND evtenabled IN ('O', 'A')), '[]'), \
     'subscriptions', coalesce((SELECT jsonb_agg(subname ORDER BY subname) FROM pg_subscription s \
     JOIN pg_database d ON d.oid = s.subdbid WHERE s.subenabled AND d.datname = {name}), '[]'))";
