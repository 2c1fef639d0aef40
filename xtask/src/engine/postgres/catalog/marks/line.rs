//! The marks in the first line of a database's comment. It stays in a rename, and any owner may
//! write it: a setting of our own would need a superuser.

use std::path::Path;

use super::{INVALID, State, limit};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::literal;
use crate::value::DatabaseFacts;

/// How the comment of a database begins that is kept for an undo; the user's own comment follows on
/// the next line.
pub(in crate::engine::postgres) const KEPT: &str = "db-tasks: kept for db-undo";
/// How it begins while the run that moved it aside may still bring it back; that run's name
/// follows.
pub(in crate::engine::postgres) const HELD: &str = "db-tasks: held by ";
/// How the comment of a database begins that a reset emptied and has not filled; that run's name
/// follows.
pub(in crate::engine::postgres) const EMPTIED: &str = "db-tasks: emptied by ";

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

    pub(in crate::engine::postgres) fn line(&self) -> String {
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

pub(in crate::engine::postgres) fn begins_with_one_of(oid: &str, marks: &[&str]) -> String {
    format!("({})", marks.iter().map(|mark| begins(oid, mark)).collect::<Vec<_>>().join(" OR "))
}

fn begins(oid: &str, mark: &str) -> String {
    format!("starts_with(coalesce(shobj_description({oid}, 'pg_database'), ''), {})", literal(mark))
}

fn first_line(oid: &str) -> String {
    format!("split_part(shobj_description({oid}, 'pg_database'), {}, 1)", literal("\n"))
}

/// Whether the run that moved a database aside may still swap back to it, in SQL: nobody else has
/// brought it back or moved it aside again since. One that was only ever kept does not say.
pub(in crate::engine::postgres) fn is_gone_back_to(oid: &str, aside: &MovedAside) -> String {
    if *aside == MovedAside::Kept { "true".into() } else { is_set(&first_line(oid), aside) }
}

/// Whether a comment's first line says that its database was moved aside in this way; for a run,
/// whether it has released it or not.
pub(in crate::engine::postgres) fn is_set(line: &str, aside: &MovedAside) -> String {
    match aside {
        MovedAside::Kept => format!("starts_with({line}, {})", literal(KEPT)),
        MovedAside::Held(_) | MovedAside::LetGo(_) => {
            format!("{line} IN ({}, {})", literal(&aside.line()), literal(&aside.let_go().line()))
        }
    }
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
