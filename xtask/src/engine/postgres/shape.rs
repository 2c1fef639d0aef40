//! What of a server or a database changes what may be done with it, and is seldom so.

use serde::Deserialize;

/// As it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Sessions of this role are read-only here by default (`default_transaction_read_only`).
    pub read_only: bool,
    /// A hot standby: nothing can be changed (<https://www.postgresql.org/docs/current/hot-standby.html>).
    pub standby: bool,
    /// Unlogged tables of a standby, which has none of their rows.
    pub unlogged: Vec<String>,
    /// Subscriptions of the database that are enabled: they belong to it, not to its name.
    pub subscriptions: Vec<String>,
}

/// Asks for it. `reset_val` is what the session had before anything of ours was set.
pub const QUESTION: &str = "jsonb_build_object(\
    'read_only', (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'), 'standby', pg_is_in_recovery(), \
    'unlogged', coalesce((SELECT jsonb_agg(oid::regclass::text ORDER BY 1) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r' AND pg_is_in_recovery()), '[]'), \
    'subscriptions', coalesce((SELECT jsonb_agg(subname ORDER BY subname) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
      WHERE s.subenabled AND d.datname = {name}), '[]'))";
