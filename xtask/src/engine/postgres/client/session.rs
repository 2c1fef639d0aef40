//! What a session of ours sets before its own statements, so that they mean the same on every server.

/// Names in our statements are the system's own, whatever a dump has created.
pub const NEUTRAL: &str = "SET search_path = pg_catalog, pg_temp;\n";

/// No timeout of the role, the database or the server ends our work: set in the session, because a
/// pooler takes no options, and by name, because not every server knows all of them. Nor does a
/// read-only default. psql prints nothing.
pub const PATIENT: &str = "SET default_transaction_read_only = off;\nSELECT \
                           pg_catalog.count(pg_catalog.set_config(name, '0', false)) AS \
                           db_tasks_patient FROM pg_catalog.pg_settings WHERE name IN \
                           ('statement_timeout', 'lock_timeout', \
                           'idle_in_transaction_session_timeout', 'idle_session_timeout', \
                           'transaction_timeout') \\gset\n";

/// The same for a transaction that only holds something: no server terminates it for being idle.
pub const PATIENT_HOLD: &str = "SELECT count(set_config(name, '0', true)) AS db_tasks_patient \
                                FROM pg_settings WHERE name IN \
                                ('idle_in_transaction_session_timeout', 'idle_session_timeout', \
                                'transaction_timeout') \\gset\n";

/// The first statements of a load. Names are in UTF-8, whatever the server's encoding; the dump
/// sets its own. Strings are read as our reader begins to read them, whatever server, role,
/// database or `?options=` say: if a backslash escaped a quote, what our reader takes as a string
/// could hold statements.
pub const READ_ALIKE: &str = "SET client_encoding = UTF8;\nSET standard_conforming_strings = on;\n";

/// A reported COMMIT is durable, whatever the server's own setting: if a crash reverted a swap, the
/// staged database would be left behind, unknown to anybody.
///
/// And changes are made even if transactions are read-only by default: the plan says so.
pub(in crate::engine::postgres) const DURABLE: &str =
    "SET synchronous_commit = on;\nSET default_transaction_read_only = off;\n";

/// Makes psql print SQLSTATEs from here on, and the server use English, if this role may choose:
/// the hints look for its words. It comes before we set a search path, so its operator is
/// schema-qualified.
pub const SAY_STATES: &str = "\\set VERBOSITY verbose\nSELECT CASE WHEN rolsuper THEN \
                              pg_catalog.set_config('lc_messages', 'C', false) END AS \
                              db_tasks_language FROM pg_catalog.pg_roles WHERE rolname \
                              OPERATOR(pg_catalog.=) CURRENT_USER \\gset\n";
