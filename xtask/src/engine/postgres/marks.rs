//! The marks by which a database says what it is to this tool: a number where its connection limit stands, or the first line of its
//! comment. They are read and written here alone, and [`may`] says who may do what with a database that bears one.
//!
//! A connection limit is the one mark that CREATE DATABASE can set itself: one that came second would be missing where a run is killed
//! in between. A comment goes along with a rename, and any owner may write it: a setting of our own would take a superuser.

use super::Client;
use super::facts::DatabaseFacts;
use super::name::{block, ident, literal};
use crate::bytes;

/// The connection limit of a database that is on its way, and had none of its own.
const ON_ITS_WAY: i64 = 2_000_000_019;
/// The connection limit of a database that a reset has emptied, and has not filled, and that had none of its own.
const EMPTIED: i64 = 2_000_000_023;
/// Where the same begin for databases that had a limit of their own, which is added: it must not be lost with the run.
const ON_ITS_WAY_LIMITED: i64 = 2_010_000_000;
const EMPTIED_LIMITED: i64 = 2_030_000_000;
/// The largest limit that is told apart; no server has as many connections.
const LARGEST: i64 = 9_999_999;

/// The connection limit by which a server marks a database whose DROP was cut short: nobody can enter it, and nothing can be done
/// with it but to drop it again (`DATCONNLIMIT_INVALID_DB`, <https://www.postgresql.org/docs/release/15.4/>).
pub(super) const INVALID: i64 = -2;

/// How the comment of a database begins that is kept for an undo; the person's own comment follows on the next line.
const KEPT: &str = "db-tasks: kept for db-undo";
/// How it begins while the run that has set it aside may still bring it back; who that is follows.
const HELD: &str = "db-tasks: held by ";

/// What a database is to this tool, as its marks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It bears no mark: somebody's own.
    Own,
    /// It is being made: nobody has its data from it alone.
    OnItsWay,
    /// A reset has emptied it, and has not filled it: its old data is in a backup, and nowhere else.
    Emptied,
    /// Its DROP was cut short.
    Invalid,
    /// A run that came to its end has set it aside.
    Kept,
    /// A run has set it aside that has not come to its end, and goes back to it when it fails: it may hold the only copy.
    Held(String),
}

impl State {
    /// What the marks say.
    pub fn of(connection_limit: i64, comment: Option<&str>) -> Self {
        let line = comment.unwrap_or_default().lines().next().unwrap_or_default();
        match line.strip_prefix(HELD) {
            _ if connection_limit == INVALID => Self::Invalid,
            Some(run) => Self::Held(run.to_owned()),
            None if line.starts_with(KEPT) => Self::Kept,
            None if is_at(connection_limit, ON_ITS_WAY, ON_ITS_WAY_LIMITED) => Self::OnItsWay,
            None if is_at(connection_limit, EMPTIED, EMPTIED_LIMITED) => Self::Emptied,
            None => Self::Own,
        }
    }

    /// How it was set aside, where it was.
    pub fn aside(&self) -> Aside {
        if let Self::Held(run) = self { Aside::Held(run.clone()) } else { Aside::Kept }
    }
}

fn is_at(limit: i64, bare: i64, limited: i64) -> bool {
    limit == bare || (limited..=limited + LARGEST).contains(&limit)
}

/// The connection limit that is the person's own, whatever mark stands in its place; -1 for none.
pub fn own_limit(limit: i64) -> i64 {
    match limit {
        ON_ITS_WAY | EMPTIED | INVALID => -1,
        _ if is_at(limit, ON_ITS_WAY, ON_ITS_WAY_LIMITED) => limit - ON_ITS_WAY_LIMITED,
        _ if is_at(limit, EMPTIED, EMPTIED_LIMITED) => limit - EMPTIED_LIMITED,
        _ => limit,
    }
}

/// The comment that is the person's own, whatever mark stands before it.
pub fn own_comment(comment: &str) -> Option<&str> {
    match State::of(-1, Some(comment)) {
        State::Kept | State::Held(_) => comment.split_once('\n').map(|(_, own)| own),
        _ => Some(comment),
    }
}

/// What somebody is about to do with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Drop it, or what it would have to give way to.
    Drop,
    /// Give it the live name, by an undo.
    BringBack,
    /// Replace what is in it, though it is live: by a restore.
    Replace,
    /// Keep it as the old data, or back it up as such: by a reset.
    KeepAsOld,
    /// Fill it, if it is empty.
    Fill,
}

/// Why something is not done with a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// This tool has not made it, and not set it aside.
    NotOurs,
    /// A run that has not come to its end goes back to it.
    Held(String),
    /// It says that it is of this environment, which is protected.
    Protected(String),
    /// Its old data is in a backup alone.
    Emptied,
    /// Nobody can enter it.
    Invalid,
}

/// What a database says of its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Nothing, or one where data may be replaced.
    NothingOfNote,
    /// One that is protected.
    Protected(String),
}

/// Who may do what with a database in which state. What says that it is protected goes by nobody's hand but a person's.
pub fn may(state: &State, what: Use, says: &Says) -> Result<(), Unfit> {
    use Use::{BringBack, Drop, Fill, KeepAsOld, Replace};
    match (state, what) {
        (State::Own, Drop | BringBack) => Err(Unfit::NotOurs),
        (State::Held(run), Drop) => Err(Unfit::Held(run.clone())),
        (State::Emptied, Drop | BringBack | KeepAsOld | Fill) => Err(Unfit::Emptied),
        (State::OnItsWay | State::Kept, Drop) if *says != Says::NothingOfNote => protected(says),
        (State::Invalid, BringBack | Replace | KeepAsOld | Fill) => Err(Unfit::Invalid),
        (State::Own | State::Emptied, Replace)
        | (State::Own, KeepAsOld | Fill)
        | (State::OnItsWay | State::Kept, Drop | BringBack | Replace | KeepAsOld | Fill)
        | (State::Held(_), BringBack | Replace | KeepAsOld | Fill)
        | (State::Invalid, Drop) => Ok(()),
    }
}

fn protected(says: &Says) -> Result<(), Unfit> {
    match says {
        Says::NothingOfNote => Ok(()),
        Says::Protected(environment) => Err(Unfit::Protected(environment.clone())),
    }
}

/// How a database is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// For an undo: the run is done with it.
    Kept,
    /// For the run that does it, named so that others know where to mend it.
    Held(String),
    /// For an undo, by that run when it let go: until its journal is closed it may still go back, where nobody else has done so.
    LetGo(String),
}

impl Aside {
    /// Held by a run: its task, its number and its folder, in one line of plain letters, for databases have many encodings.
    pub fn held(task: &str, client: &Client, folder: &std::path::Path) -> Self {
        let said = format!("{task} ({}) in {}", client.app_name, folder.display());
        Self::Held(said.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect())
    }

    /// How it is when the run has let go of it.
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

/// What a database carries in the places where our marks stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own<'a> {
    /// Its comment.
    pub comment: Option<&'a str>,
    /// Its connection limit, -1 for none.
    pub connection_limit: i64,
    /// Whether others may be made from it: so it is of the database that bears the name.
    pub template: bool,
    /// The number of the database that they are of.
    pub oid: u32,
}

impl<'a> Own<'a> {
    /// As a database has them; of one that is not there, none.
    pub fn of(database: Option<&'a DatabaseFacts>) -> Self {
        let comment = database.and_then(DatabaseFacts::own_comment);
        let connection_limit = database.map_or(-1, |d| own_limit(d.connection_limit));
        let (template, oid) = database.map_or((false, 0), |d| (d.template, d.oid));
        Self { comment, connection_limit, template, oid }
    }
}

/// The words of CREATE and ALTER DATABASE that mark one as on its way; `own` is the limit that it had.
pub(super) fn on_its_way(own: i64) -> String {
    format!("CONNECTION LIMIT {}", marked(own, ON_ITS_WAY, ON_ITS_WAY_LIMITED))
}

/// The words of ALTER DATABASE that mark one as emptied.
pub(super) fn emptied(own: i64) -> String {
    format!("CONNECTION LIMIT {}", marked(own, EMPTIED, EMPTIED_LIMITED))
}

fn marked(own: i64, bare: i64, limited: i64) -> i64 {
    if own < 0 { bare } else { limited + own.min(LARGEST) }
}

/// Whether a row of `pg_database` is on its way, in SQL.
pub(super) fn is_on_its_way() -> String {
    at("datconnlimit", ON_ITS_WAY, ON_ITS_WAY_LIMITED)
}

/// Whether it is emptied.
pub(super) fn is_emptied() -> String {
    at("datconnlimit", EMPTIED, EMPTIED_LIMITED)
}

fn at(column: &str, bare: i64, limited: i64) -> String {
    format!("({column} = {bare} OR {column} BETWEEN {limited} AND {})", limited + LARGEST)
}

/// Whether it is kept for an undo; `oid` is its number.
pub(super) fn is_kept(oid: &str) -> String {
    begins(oid, KEPT)
}

/// Whether a run has set it aside, be that at its end or not.
pub(super) fn is_aside(oid: &str) -> String {
    format!("({} OR {})", begins(oid, KEPT), begins(oid, HELD))
}

fn begins(oid: &str, mark: &str) -> String {
    format!("starts_with(coalesce(shobj_description({oid}, 'pg_database'), ''), {})", literal(mark))
}

/// Sets a database aside.
pub(super) fn mark(name: &str, own: Own<'_>, aside: &Aside) -> String {
    marking(name, own, aside).map(|statement| alone(&statement)).concat()
}

/// The statements of [`mark`], for a block.
pub(super) fn marking(name: &str, own: Own<'_>, aside: &Aside) -> [String; 2] {
    let (db, line) = (ident(name), aside.line());
    let comment = own.comment.map_or(String::new(), |own| format!("\n{own}"));
    let template = if own.template { format!("ALTER DATABASE {db} IS_TEMPLATE false;\n") } else { String::new() };
    let marked = match comment_again(own) {
        Some(again) => {
            let line = literal(&format!("{line}\n"));
            format!("EXECUTE format('COMMENT ON DATABASE %I IS %L', {}, {line} || coalesce({again}, ''));\n", literal(name))
        }
        None => format!("COMMENT ON DATABASE {db} IS {};\n", literal(&format!("{line}{comment}"))),
    };
    [marked, template]
}

/// Takes the marks away, and puts what is the person's own in their places.
pub(super) fn unmark(name: &str, own: Own<'_>) -> String {
    unmarking(name, own).map(|statement| alone(&statement)).concat()
}

/// The statements of [`unmark`], for a block.
pub(super) fn unmarking(name: &str, own: Own<'_>) -> [String; 2] {
    let (db, limit) = (ident(name), own.connection_limit);
    let comment = own.comment.map_or("NULL".into(), literal);
    let template = if own.template { " IS_TEMPLATE true" } else { "" };
    let comment = match comment_again(own) {
        Some(again) => format!("EXECUTE format('COMMENT ON DATABASE %I IS %L', {}, {again});\n", literal(name)),
        None => format!("COMMENT ON DATABASE {db} IS {comment};\n"),
    };
    [comment, format!("ALTER DATABASE {db} CONNECTION LIMIT {limit}{template};\n")]
}

/// A comment that is no UTF-8 (a database of another encoding gave it) can't be said to a server in UTF-8: it is taken from where it
/// stands, without our mark, which is its first line. None of these functions looks at more than bytes.
fn comment_again(own: Own<'_>) -> Option<String> {
    own.comment.filter(|comment| bytes::has_foreign(comment))?;
    let end = literal("\n");
    Some(format!(
        "(SELECT CASE WHEN {} THEN split_part(c, split_part(c, {end}, 1) || {end}, 2) ELSE c END FROM \
         shobj_description({oid}, 'pg_database') c)",
        is_aside(&own.oid.to_string()),
        oid = own.oid
    ))
}

/// A statement of a block as one by itself.
fn alone(statement: &str) -> String {
    if statement.starts_with("EXECUTE ") { block("comment", &format!(" BEGIN\n  {statement}END ")) } else { statement.to_owned() }
}

/// Whether the run that has set a database aside so may still go back to it, in SQL: nobody else has brought it back since, or set it aside
/// anew. One that was only ever kept does not say.
pub(super) fn is_gone_back_to(oid: &str, aside: &Aside) -> String {
    let line = format!("split_part(shobj_description({oid}, 'pg_database'), {}, 1)", literal("\n"));
    if *aside == Aside::Kept { "true".into() } else { is_set(&line, aside) }
}

/// Whether a comment's first line says that its database was set aside so; of a run, whether it has let go by now or not.
fn is_set(line: &str, aside: &Aside) -> String {
    match aside {
        Aside::Kept => format!("starts_with({line}, {})", literal(KEPT)),
        Aside::Held(_) | Aside::LetGo(_) => {
            format!("{line} IN ({}, {})", literal(&aside.line()), literal(&aside.let_go().line()))
        }
    }
}

/// Databases of these names that were set aside in one way are so in another from now on; what bears another mark stays as it is.
pub(super) fn aside_otherwise(names: &[&str], from: &Aside, to: &Aside) -> String {
    let (end, to) = (literal("\n"), literal(&to.line()));
    let names = names.iter().map(|n| literal(n)).collect::<Vec<_>>().join(", ");
    let body = format!(
        " DECLARE\n  d record;\nBEGIN\n  FOR d IN SELECT datname, c, split_part(c, {end}, 1) AS line FROM pg_database, \
         shobj_description(oid, 'pg_database') c\n    WHERE datname IN ({names}) AND datconnlimit <> {INVALID} AND {} LOOP\n    \
         EXECUTE format('COMMENT ON DATABASE %I IS %L', d.datname, {to} || CASE WHEN d.c = d.line THEN '' ELSE {end} || \
         split_part(d.c, d.line || {end}, 2) END);\n  END LOOP;\nEND ",
        is_set(&format!("split_part(c, {end}, 1)"), from)
    );
    block("aside", &body)
}

/// SQL that fails where a database is not one that may be dropped, as [`may`] says it, and makes one droppable that is.
pub(super) fn assert_droppable(name: &str) -> String {
    let body = format!(
        " BEGIN\n  IF EXISTS (SELECT FROM pg_database WHERE datname = {name} AND datconnlimit <> {INVALID} AND NOT {on_its_way}\n      \
         AND NOT {kept}) THEN\n    \
         RAISE EXCEPTION 'this database was not made by db-tasks, or a run goes back to it, so it is not dropped';\n  END IF;\n  \
         IF EXISTS (SELECT FROM pg_database WHERE datname = {name} AND datistemplate) THEN\n    ALTER DATABASE {db} IS_TEMPLATE false;\n  END IF;\nEND ",
        name = literal(name),
        db = ident(name),
        on_its_way = is_on_its_way(),
        kept = is_kept("oid"),
    );
    block("mark", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_databases_marks_say_what_it_is() {
        let held = || State::Held("db-reset (1) in /a".into());
        for (limit, comment, state, own) in [
            (-1, None, State::Own, (-1, None)),
            (20, Some("shop"), State::Own, (20, Some("shop"))),
            (20, Some("db-tasks: keeps"), State::Own, (20, Some("db-tasks: keeps"))),
            (2_000_000_018, None, State::Own, (2_000_000_018, None)),
            (ON_ITS_WAY, None, State::OnItsWay, (-1, None)),
            (ON_ITS_WAY_LIMITED + 20, Some("shop"), State::OnItsWay, (20, Some("shop"))),
            (EMPTIED, None, State::Emptied, (-1, None)),
            (EMPTIED_LIMITED, None, State::Emptied, (0, None)),
            (EMPTIED_LIMITED + LARGEST, Some(""), State::Emptied, (LARGEST, Some(""))),
            (INVALID, Some(KEPT), State::Invalid, (-1, None)),
            (5, Some(KEPT), State::Kept, (5, None)),
            (5, Some("db-tasks: kept for db-undo\nshop\nof 2024"), State::Kept, (5, Some("shop\nof 2024"))),
            (ON_ITS_WAY, Some("db-tasks: kept for db-undo\n"), State::Kept, (-1, Some(""))),
            (-1, Some("db-tasks: held by db-reset (1) in /a"), held(), (-1, None)),
            (EMPTIED_LIMITED + 7, Some("db-tasks: held by db-reset (1) in /a\nshop"), held(), (7, Some("shop"))),
            (-1, Some("shop\ndb-tasks: held by x"), State::Own, (-1, Some("shop\ndb-tasks: held by x"))),
        ] {
            assert_eq!(State::of(limit, comment), state, "{limit} {comment:?}");
            assert_eq!((own_limit(limit), comment.and_then(own_comment)), own, "{limit} {comment:?}");
        }
    }

    #[test]
    fn a_limit_of_ones_own_is_not_lost_beneath_a_mark() {
        for own in [-1, 0, 1, 20, 262_143, LARGEST] {
            for (words, state) in [(on_its_way(own), State::OnItsWay), (emptied(own), State::Emptied)] {
                let limit: i64 = words.rsplit(' ').next().unwrap().parse().unwrap();
                assert_eq!((State::of(limit, None), own_limit(limit)), (state, own), "{words}");
                assert!(i32::try_from(limit).is_ok(), "{words}");
            }
        }
        assert_eq!(own_limit(2_010_000_000 + LARGEST), LARGEST, "as good as none");
    }

    #[test]
    fn who_may_do_what() {
        use Use::{BringBack, Drop, Fill, KeepAsOld, Replace};
        let held = State::Held("r".into());
        let uses = [Drop, BringBack, Replace, KeepAsOld, Fill];
        let (no, gone) = (Some(Unfit::NotOurs), Some(Unfit::Invalid));
        let (run, empty) = (Some(Unfit::Held("r".into())), Some(Unfit::Emptied));
        for (state, words) in [
            (State::Own, [no.clone(), no, None, None, None]),
            (State::OnItsWay, [None, None, None, None, None]),
            (State::Emptied, [empty.clone(), empty.clone(), None, empty.clone(), empty]),
            (State::Invalid, [None, gone.clone(), gone.clone(), gone.clone(), gone]),
            (State::Kept, [None, None, None, None, None]),
            (held, [run, None, None, None, None]),
        ] {
            for (what, word) in uses.into_iter().zip(words) {
                assert_eq!(may(&state, what, &Says::NothingOfNote).err(), word, "{state:?} {what:?}");
                let production = may(&state, what, &Says::Protected("prod".into())).err();
                let stays = what == Drop && [State::Kept, State::OnItsWay].contains(&state);
                assert_eq!(production, if stays { Some(Unfit::Protected("prod".into())) } else { word }, "{state:?} {what:?}");
            }
        }
    }

    #[test]
    fn who_holds_a_database_is_said_in_one_plain_line() {
        for (comment, kept) in [(None, None), (Some("shop\nof 2024"), Some("shop\nof 2024"))] {
            let own = Own { comment, connection_limit: -1, template: false, oid: 1 };
            let sql = mark("shop__previous", own, &Aside::Held("db-reset (1) in /a".into()));
            let said = sql.split_once(" IS '").unwrap().1.strip_suffix("';\n").unwrap();
            assert_eq!(State::of(-1, Some(said)), State::Held("db-reset (1) in /a".into()));
            assert_eq!(own_comment(said), kept);
        }
    }
}
