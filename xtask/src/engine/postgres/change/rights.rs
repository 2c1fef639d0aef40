//! Rights that would survive a restore in place: default privileges, which would give new objects
//! to others than the dump does, and grants on what stays: the schema `public`, the members of
//! extensions, the system's own functions.

use crate::engine::postgres::client::sql;

/// A default privilege is not an object that can be dropped: an entry disappears when it equals the
/// default (`SetDefaultACL` in PostgreSQL's `aclchk.c`).
const AS_NEW: &str = sql::statements(include_str!("rights/as_new.sql"));

/// Everything that can have rights, in PostgreSQL's terms: its class and number, the letter and the
/// words for its kind, its name, its owner, its rights.
const OBJECTS: &str = sql::part(include_str!("rights/objects.sql"));

/// Their columns, if the object has none by itself.
const COLUMNS: &str = sql::part(include_str!("rights/columns.sql"));

/// The statements that revoke changed rights, and grant the original ones again.
fn statements(objects: &str, subid: &str, part: &str, default: &str) -> String {
    sql::filled(
        STATEMENTS,
        &[
            ("objects", objects),
            ("subid", subid),
            ("default", default),
            ("part", part),
            ("words", if part.is_empty() { "" } else { "o.part," }),
            (
                "grantee",
                "CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE \
                 quote_ident(pg_get_userbyid(a.grantee)) END",
            ),
            ("now", "SELECT grantee, privilege_type, is_grantable FROM aclexplode(o.acl)"),
            ("then", "SELECT grantee, privilege_type, is_grantable FROM aclexplode(new.acl)"),
        ],
    )
}

const STATEMENTS: &str = sql::part(include_str!("rights/statements.sql"));

/// Gives everything that stays the rights it has in a new database (`pg_init_privs`, which pg_dump
/// uses, too); the dump sets the rest. What our role may not change stays as it was before,
/// independent of the load.
pub(super) fn as_new() -> String {
    let objects = statements(OBJECTS, "0", "", "acldefault(o.kind, o.owner)");
    let columns = statements(COLUMNS, "o.subid", " %s", "NULL::aclitem[]");
    sql::filled(AS_NEW, &[("objects", &objects), ("columns", &columns)])
}
