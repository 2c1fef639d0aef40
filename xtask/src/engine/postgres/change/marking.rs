//! Writing the marks on a database: moved aside, emptied, or none of them.

use crate::bytes;
use crate::engine::postgres::catalog::marks::line::{
    EMPTIED, HELD, KEPT, begins_with_one_of, is_set,
};
use crate::engine::postgres::catalog::marks::{
    INVALID, MarkFields, MovedAside, bears_no_mark, limit,
};
use crate::engine::postgres::client::name::{block, ident, literal};
use crate::engine::postgres::client::sql;
use crate::value::DatabaseFacts;

const ASIDE: &str = sql::statements(include_str!("marking/aside_otherwise.sql"));
const DROPPABLE: &str = sql::statements(include_str!("marking/droppable.sql"));

/// Moves a database aside.
pub(in crate::engine::postgres) fn mark(
    name: &str,
    own: MarkFields<'_>,
    aside: &MovedAside,
) -> String {
    marking(name, own, aside).map(|statement| alone(&statement)).concat()
}

/// The statements of [`mark`], for a block.
pub(in crate::engine::postgres) fn marking(
    name: &str,
    own: MarkFields<'_>,
    aside: &MovedAside,
) -> [String; 2] {
    let template = if own.template {
        format!("ALTER DATABASE {} IS_TEMPLATE false;\n", ident(name))
    } else {
        String::new()
    };
    [beginning(name, own, &aside.line()), template]
}

/// Marks a database as emptied by a run.
pub(in crate::engine::postgres) fn emptied(name: &str, own: MarkFields<'_>, run: &str) -> String {
    let line = alone(&beginning(name, own, &format!("{EMPTIED}{run}")));
    format!("{line}ALTER DATABASE {} {};\n", ident(name), limit::emptied(own.connection_limit, run))
}

/// The statement that puts a line before the user's own comment.
fn beginning(name: &str, own: MarkFields<'_>, line: &str) -> String {
    if let Some(again) = comment_again(own) {
        let line = literal(&format!("{line}\n"));
        return format!(
            "EXECUTE format('COMMENT ON DATABASE %I IS %L', {}, {line} || coalesce({again}, \
             ''));\n",
            literal(name)
        );
    }

    let comment = own.comment.map_or(String::new(), |own| format!("\n{own}"));
    format!("COMMENT ON DATABASE {} IS {};\n", ident(name), literal(&format!("{line}{comment}")))
}

/// Removes the marks, and puts the user's own values in their places.
pub(in crate::engine::postgres) fn unmark(name: &str, own: MarkFields<'_>) -> String {
    unmarking(name, own).map(|statement| alone(&statement)).concat()
}

/// The statements of [`unmark`], for a block.
pub(in crate::engine::postgres) fn unmarking(name: &str, own: MarkFields<'_>) -> [String; 2] {
    let (db, limit) = (ident(name), own.connection_limit);
    let comment = own.comment.map_or("NULL".into(), literal);
    let template = if own.template { " IS_TEMPLATE true" } else { "" };

    let comment = match comment_again(own) {
        Some(again) => {
            format!("EXECUTE format('COMMENT ON DATABASE %I IS %L', {}, {again});\n", literal(name))
        }
        None => format!("COMMENT ON DATABASE {db} IS {comment};\n"),
    };
    [comment, format!("ALTER DATABASE {db} CONNECTION LIMIT {limit}{template};\n")]
}

/// What to run if you know that a database is complete, whatever its mark says.
pub fn by_hand(database: &DatabaseFacts) -> String {
    let (own, quoted) = (MarkFields::of(Some(database)), ident(&database.name));
    let comment = own.comment.map_or("NULL".into(), literal);
    format!(
        "COMMENT ON DATABASE {quoted} IS {comment}; ALTER DATABASE {quoted} CONNECTION LIMIT {};",
        own.connection_limit
    )
}

/// A comment that is not UTF-8 (set from a database of another encoding) can't be sent to a server
/// in UTF-8: it is copied on the server, without our mark, which is its first line. These functions
/// only look at bytes.
fn comment_again(own: MarkFields<'_>) -> Option<String> {
    own.comment.filter(|comment| bytes::has_foreign(comment))?;
    let end = literal("\n");
    Some(format!(
        "(SELECT CASE WHEN {} THEN split_part(c, split_part(c, {end}, 1) || {end}, 2) ELSE c END \
         FROM shobj_description({oid}, 'pg_database') c)",
        begins_with_one_of(&own.oid.to_string(), &[KEPT, HELD, EMPTIED]),
        oid = own.oid
    ))
}

/// A statement of a block as a separate one.
fn alone(statement: &str) -> String {
    if statement.starts_with("EXECUTE ") {
        block("comment", &format!("BEGIN\n  {statement}END "))
    } else {
        statement.to_owned()
    }
}

/// Changes the mark of databases of these names that were moved aside in one way to another; what
/// has another mark stays as it is.
pub(in crate::engine::postgres) fn aside_otherwise(
    names: &[&str],
    from: &MovedAside,
    to: &MovedAside,
) -> String {
    let (end, to) = (literal("\n"), literal(&to.line()));
    let names = names.iter().map(|n| literal(n)).collect::<Vec<_>>().join(", ");

    let body = sql::filled(
        ASIDE,
        &[
            ("end", &end),
            ("names", &names),
            ("invalid", &INVALID.to_string()),
            ("is_set", &is_set(&format!("split_part(c, {end}, 1)"), from)),
            ("to", &to),
        ],
    );
    block("aside", &body)
}

/// SQL that fails if a database must not be dropped, as [`may`] says, and otherwise makes it
/// droppable.
pub(in crate::engine::postgres) fn assert_droppable(name: &str) -> String {
    let body = sql::filled(
        DROPPABLE,
        &[
            ("bears_no_mark", &bears_no_mark(name)),
            ("name", &literal(name)),
            ("database", &ident(name)),
        ],
    );
    block("mark", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::postgres::catalog::marks::{State, own_comment};

    #[test]
    fn who_holds_a_database_is_said_in_one_plain_line() {
        for (comment, kept) in [(None, None), (Some("shop\nof 2024"), Some("shop\nof 2024"))] {
            let own = MarkFields { comment, connection_limit: -1, template: false, oid: 1 };
            let sql = mark("shop__previous", own, &MovedAside::Held("db-reset (1) in /a".into()));
            let said = sql.split_once(" IS '").unwrap().1.strip_suffix("';\n").unwrap();
            assert_eq!(State::of(-1, Some(said)), State::Held("db-reset (1) in /a".into()));
            assert_eq!(own_comment(said), kept);
        }
    }
}
