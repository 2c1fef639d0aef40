//! Tables of extensions whose rows are in a dump: PostGIS's `spatial_ref_sys`, the jobs of pg_cron,
//! the settings of pg_partman.
//! <https://www.postgresql.org/docs/current/extend-extensions.html#EXTEND-EXTENSIONS-CONFIG-TABLES>

use crate::engine::postgres::client::sql;

/// Extensions that only one database of a server can have: their worker serves only that one.
const ALONE: [&str; 1] = ["pg_cron"];

/// The first of these extensions that can't be created in a second database of the server.
pub fn alone<'a>(extensions: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    extensions.into_iter().map(String::as_str).find(|name| ALONE.contains(name))
}

/// Joined to `pg_class c`: the extension that the table belongs to, and which of its rows pg_dump
/// includes, as the words after FROM. CREATE EXTENSION makes the rest.
pub(super) const MEMBERSHIP: &str = sql::part(include_str!("members.sql"));

/// Which tables are counted after a load: the user's, and those of extensions that we may read.
/// Counting more than a dump has does no harm.
pub(super) const COUNTED: &str = "(m.extname IS NULL OR has_schema_privilege(n.oid, 'USAGE') AND \
                                  has_table_privilege(c.oid, 'SELECT'))";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_database_alone_can_have_is_known() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(alone(&names(&["hstore", "pg_cron"])), Some("pg_cron"));
        assert_eq!(alone(&names(&["postgis", "pg_partman"])), None);
    }
}
