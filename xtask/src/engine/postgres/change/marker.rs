//! Writing a database's marker, as a setting or as a line of its comment.

use super::command::command;
use crate::engine::postgres::catalog::marker::{MARKER, with_mark};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::{block, ident, literal};
use crate::engine::postgres::client::session::DURABLE;
use crate::plan::{Act, Check, Deed, How};
use crate::value::DatabaseFacts;

/// The statement that gives a database its marker.
pub fn mark_sql(database: &str, environment: &str) -> String {
    format!("ALTER DATABASE {} SET {MARKER} = {};\n", ident(database), literal(environment))
}

/// Gives a database its marker.
pub fn mark_as(client: &Client, database: &str, environment: &str) -> Act {
    Act::Write(command(
        client,
        format!("set the marker `{environment}` on database {database}"),
        format!("{DURABLE}{}", mark_sql(database, environment)),
    ))
}

/// Asserts that a database has its marker.
pub fn is_marked(client: &Client, database: &str, environment: &str) -> Act {
    let sql = format!(
        "SELECT substr(c, strpos(c, '=') + 1) FROM pg_db_role_setting s JOIN pg_database d ON \
         d.oid = s.setdatabase, unnest(s.setconfig) c\n  WHERE s.setrole = 0 AND d.datname = {} \
         AND split_part(c, '=', 1) = {};\n",
        literal(database),
        literal(MARKER)
    );

    Act::Check(Check {
        what: format!("the marker of database {database} is `{environment}`"),
        cmd: client.psql(client.maintenance(), sql),
        expect: environment.to_owned(),
        cure: "check it with `db-protect`, and run the command again".into(),
    })
}

/// Writes the marker into a database's comment, unless that was changed since it was read.
pub fn mark_in_comment(client: &Client, database: &DatabaseFacts, environment: &str) -> Act {
    let (name, comment) = (&database.name, database.comment.as_deref());
    let now = comment.map_or("NULL".into(), literal);
    let body = format!(
        "BEGIN\n  IF (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE \
         datname = {}) IS DISTINCT FROM {now} THEN\n    RAISE EXCEPTION 'the comment of this \
         database is not the one that was looked at';\n  END IF;\nEND",
        literal(name)
    );

    let sql = format!(
        "{DURABLE}BEGIN;\n{}COMMENT ON DATABASE {} IS {};\nCOMMIT;\n",
        block("comment", &body),
        ident(name),
        literal(&with_mark(comment, environment))
    );

    Act::Write(Deed {
        what: format!("set the marker `{environment}` in the comment of database {name}"),
        how: How::Command(client.psql(client.maintenance(), sql)),
    })
}

/// Asserts that it is there.
pub fn is_marked_in_comment(client: &Client, database: &DatabaseFacts, environment: &str) -> Act {
    let sql = format!(
        "SELECT shobj_description(oid, 'pg_database') = {} FROM pg_database WHERE datname = {};\n",
        literal(&with_mark(database.comment.as_deref(), environment)),
        literal(&database.name)
    );

    Act::Check(Check {
        what: format!("database {} says in its comment that it is `{environment}`", database.name),
        cmd: client.psql(client.maintenance(), sql),
        expect: "t".into(),
        cure: "check it with `db-protect`, and run the command again".into(),
    })
}
