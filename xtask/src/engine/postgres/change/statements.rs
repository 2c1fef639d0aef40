//! Statements about databases that several changes have.

use super::setting;
use crate::engine::postgres::client::name::ident;
use crate::value::DatabaseFacts;

/// The statement that gives a database another name.
pub fn renaming(from: &str, to: &str) -> String {
    format!("ALTER DATABASE {} RENAME TO {}", ident(from), ident(to))
}

/// Indents statements in a block: only their first lines, because a comment may have several.
pub(super) fn indented(statements: &[String]) -> String {
    statements.iter().map(|statement| format!("    {statement}")).collect()
}

/// Owner, rights and settings: in addition to the comment, what neither a plain dump nor a rename
/// keeps. <https://www.postgresql.org/docs/current/app-pgdump.html> (`--create`) names them.
pub(super) fn carry(name: &str, from: &DatabaseFacts) -> String {
    let db = ident(name);
    let mut sql = String::new();
    sql.extend(from.settings.iter().map(|setting| setting::given(name, setting)));
    sql.push_str(&format!("ALTER DATABASE {db} OWNER TO {};\n", ident(&from.owner)));

    if let Some(acl) = &from.acl {
        sql.push_str(&format!("REVOKE ALL ON DATABASE {db} FROM PUBLIC;\n"));

        for grant in acl {
            let whom = grant.grantee.as_ref().map_or("PUBLIC".into(), |g| ident(g));
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            sql.push_str(&format!(
                "GRANT {} ON DATABASE {db} TO {whom}{option};\n",
                grant.privilege
            ));
        }
    }

    sql
}
