//! The marks in the first line of a database's comment. It stays in a rename, and any owner may
//! write it: a setting of our own would need a superuser.

use std::path::Path;

use super::super::Client;
use super::super::name::{block, ident, literal};
use super::{INVALID, State, limit};
use crate::bytes;
use crate::value::DatabaseFacts;

/// How the comment of a database begins that is kept for an undo; the user's own comment follows on
/// the next line.
pub(super) const KEPT: &str = "db-tasks: kept for db-undo";
/// How it begins while the run that moved it aside may still bring it back; that run's name
/// follows.
const HELD: &str = "db-tasks: held by ";
/// How the comment of a database begins that a reset emptied and has not filled; that run's name
/// follows.
const EMPTIED: &str = "db-tasks: emptied by ";

/// What a comment says about its database, if it begins with a mark.
pub(super) fn of(comment: &str) -> Option<State> {
    let line = comment.lines().next()?;
    let by = |mark| line.strip_prefix(mark).map(str::to_owned);
    by(HELD)
        .map(State::Held)
        .or_else(|| by(EMPTIED).map(|run| State::Emptied(Some(run))))
        .or_else(|| line.starts_with(KEPT).then_some(State::Kept))
}

/// The user's own comment, whatever mark is before it.
pub fn own_comment(comment: &str) -> Option<&str> {
    if of(comment).is_some() { comment.split_once('\n').map(|(_, own)| own) } else { Some(comment) }
}

/// A run as a mark names it: its task, its number and its folder, in one line of plain letters,
/// because databases have many encodings.
pub fn run_name(task: &str, client: &Client, folder: &Path) -> String {
    let said = format!("{task} ({}) in {}", client.app_name, folder.display());
    said.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// How a database is moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MovedAside {
    /// For an undo: the run no longer needs it.
    Kept,
    /// For the run that does it, named so that others know where to repair it.
    Held(String),
    /// For an undo, released by that run: until its journal is closed it may still swap back, if
    /// nobody else has.
    LetGo(String),
}

impl MovedAside {
    /// The state once the run has released it.
    pub fn let_go(&self) -> Self {
        match self {
            Self::Held(run) | Self::LetGo(run) => Self::LetGo(run.clone()),
            Self::Kept => Self::Kept,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Kept => KEPT.into(),
            Self::Held(run) => format!("{HELD}{run}"),
            Self::LetGo(run) => format!("{KEPT}, by {run}"),
        }
    }
}

/// What a database has in the places of our marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkFields<'a> {
    /// Its comment.
    pub comment: Option<&'a str>,
    /// Its connection limit, -1 for none.
    pub connection_limit: i64,
    /// Whether others may be created from it.
    pub template: bool,
    /// The oid of the database that they belong to.
    pub oid: u32,
}

impl<'a> MarkFields<'a> {
    /// Those of a database; none if it does not exist.
    pub fn of(database: Option<&'a DatabaseFacts>) -> Self {
        let comment = database.and_then(DatabaseFacts::own_comment);
        let connection_limit = database.map_or(-1, |d| limit::own_limit(d.connection_limit));
        let (template, oid) = database.map_or((false, 0), |d| (d.template, d.oid));
        Self { comment, connection_limit, template, oid }
    }
}

/// Whether it is kept for an undo; `oid` is its oid.
pub(in crate::engine::postgres) fn is_kept(oid: &str) -> String {
    begins(oid, KEPT)
}

/// Whether a run moved it aside, finished or not.
pub(in crate::engine::postgres) fn is_aside(oid: &str) -> String {
    begins_with_one_of(oid, &[KEPT, HELD])
}

/// Whether a row of `pg_database` is emptied, and by no other run than this one. A migrator may
/// have removed either mark.
pub(in crate::engine::postgres) fn is_emptied_by(run: &str) -> String {
    let own = format!("{} = {}", first_line("oid"), literal(&format!("{EMPTIED}{run}")));
    format!(
        "(coalesce({own}, false) OR {} AND NOT {})",
        limit::is_emptied_by(run),
        begins("oid", EMPTIED)
    )
}

fn begins_with_one_of(oid: &str, marks: &[&str]) -> String {
    format!("({})", marks.iter().map(|mark| begins(oid, mark)).collect::<Vec<_>>().join(" OR "))
}

fn begins(oid: &str, mark: &str) -> String {
    format!("starts_with(coalesce(shobj_description({oid}, 'pg_database'), ''), {})", literal(mark))
}

fn first_line(oid: &str) -> String {
    format!("split_part(shobj_description({oid}, 'pg_database'), {}, 1)", literal("\n"))
}

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
        block("comment", &format!(" BEGIN\n  {statement}END "))
    } else {
        statement.to_owned()
    }
}

/// Whether the run that moved a database aside may still swap back to it, in SQL: nobody else has
/// brought it back or moved it aside again since. One that was only ever kept does not say.
pub(in crate::engine::postgres) fn is_gone_back_to(oid: &str, aside: &MovedAside) -> String {
    if *aside == MovedAside::Kept { "true".into() } else { is_set(&first_line(oid), aside) }
}

/// Whether a comment's first line says that its database was moved aside in this way; for a run,
/// whether it has released it or not.
fn is_set(line: &str, aside: &MovedAside) -> String {
    match aside {
        MovedAside::Kept => format!("starts_with({line}, {})", literal(KEPT)),
        MovedAside::Held(_) | MovedAside::LetGo(_) => {
            format!("{line} IN ({}, {})", literal(&aside.line()), literal(&aside.let_go().line()))
        }
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

    let body = format!(
        " DECLARE\n  d record;\nBEGIN\n  FOR d IN SELECT datname, c, split_part(c, {end}, 1) AS \
         line FROM pg_database, shobj_description(oid, 'pg_database') c\n    WHERE datname IN \
         ({names}) AND datconnlimit <> {INVALID} AND {} LOOP\n    EXECUTE format('COMMENT ON \
         DATABASE %I IS %L', d.datname, {to} || CASE WHEN d.c = d.line THEN '' ELSE {end} || \
         split_part(d.c, d.line || {end}, 2) END);\n  END LOOP;\nEND ",
        is_set(&format!("split_part(c, {end}, 1)"), from)
    );
    block("aside", &body)
}

/// SQL that fails if a database must not be dropped, as [`may`] says, and otherwise makes it
/// droppable.
pub(in crate::engine::postgres) fn assert_droppable(name: &str) -> String {
    let body = format!(
        " BEGIN\n  IF {nobodys} THEN\n    RAISE EXCEPTION 'this database was not created by \
         db-tasks, or a run may still need it, so it is not dropped';\n  END IF;\n  IF EXISTS \
         (SELECT FROM pg_database WHERE datname = {name} AND datistemplate) THEN\n    ALTER \
         DATABASE {db} IS_TEMPLATE false;\n  END IF;\nEND ",
        name = literal(name),
        db = ident(name),
        nobodys = bears_no_mark(name),
    );
    block("mark", &body)
}

/// Whether there is a database of this name that no run created, keeps or left half dropped, in
/// SQL.
pub(in crate::engine::postgres) fn bears_no_mark(name: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_database WHERE datname = {} AND datconnlimit <> {INVALID} AND NOT \
         {}\n      AND NOT {})",
        literal(name),
        limit::is_on_its_way(),
        is_kept("oid")
    )
}
