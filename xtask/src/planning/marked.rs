//! What may be done with databases that have marks, reported before anything is changed.

use anyhow::Result;

use crate::config::Guards;
use crate::engine::postgres::catalog::marks::{Says, State, Unfit, Use, may};
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::marking::by_hand;
use crate::engine::postgres::client::name::{ident, is_previous};
use crate::facts::Surveyed;
use crate::plan::Step;
use crate::problem::{Code, Problem};
use crate::value::DatabaseFacts;

/// Databases that a killed run left: nobody needs them, and their names are needed.
pub fn leftovers(target: &Surveyed, guards: &Guards, names: &[&str]) -> Result<Vec<Step>> {
    let left = names.iter().filter_map(|name| target.server.database(name));
    left.map(|database| {
        may_go(database, guards).map(|()| Step::Act(admin::drop(&target.client, &database.name)))
    })
    .collect()
}

/// Refuses to remove what is not ours, or may be the only copy.
pub fn may_go(database: &DatabaseFacts, guards: &Guards) -> Result<()> {
    fit(database, Use::Drop, guards)
}

/// The same for what an earlier run kept. If the live database itself has a marker that protects,
/// the guards decide about both.
pub fn older_may_go(target: &Surveyed, older: &DatabaseFacts, guards: &Guards) -> Result<()> {
    let guarded = target.live().is_some_and(|live| says(live, guards) != Says::NothingOfNote);
    let said = if guarded { Says::NothingOfNote } else { says(older, guards) };
    may(&older.state(), Use::Drop, &said).map_err(|unfit| refused(older, unfit).into())
}

/// Refuses to make something live that no run moved aside complete.
pub fn comes_back(database: &DatabaseFacts, guards: &Guards) -> Result<()> {
    fit(database, Use::BringBack, guards)
}

/// Refuses to do something with a live database, because of its marks.
pub fn live_is(target: &Surveyed, what: Use, guards: &Guards) -> Result<()> {
    target.live().map_or(Ok(()), |live| fit(live, what, guards))
}

/// A warning that a backup of the live database holds something incomplete, not the data you may
/// look for in it.
pub fn half_made(target: &Surveyed) -> Option<String> {
    let name = target.name();
    match target.live()?.state() {
        State::Emptied(run) => Some(format!(
            "`{name}` is incomplete: a reset emptied it and was interrupted, and this backup has \
             what is there now; the old data is in the backup that the reset made ({}, `db-repair` \
             brings it back)",
            where_it_ran(run.as_deref())
        )),
        State::OnItsWay => Some(format!(
            "`{name}` is incomplete: `db-prepare` was interrupted, and this backup has what is \
             there now"
        )),
        _ => None,
    }
}

fn fit(database: &DatabaseFacts, what: Use, guards: &Guards) -> Result<()> {
    may(&database.state(), what, &says(database, guards))
        .map_err(|unfit| refused(database, unfit).into())
}

/// What a database's marker says, as far as it matters here.
fn says(database: &DatabaseFacts, guards: &Guards) -> Says {
    let protected = database.marks().into_iter().find(|mark| guards.protects(&mark.environment));
    protected.map_or(Says::NothingOfNote, |mark| Says::Protected(mark.environment))
}

fn refused(database: &DatabaseFacts, unfit: Unfit) -> Problem {
    let (name, quoted) = (&database.name, ident(&database.name));

    match unfit {
        Unfit::NotOurs => in_the_way(database),
        Unfit::Held(run) => held(name, &run),
        Unfit::Protected(environment) => Problem::refused(format!(
            "the marker in the database `{name}` says that it is `{environment}`, and it would be \
             lost for good"
        ))
        .because("an earlier run moved it aside: it may be production data")
        .because("nothing was changed")
        .cure(format!(
            "{}`ALTER DATABASE {quoted} RENAME TO …` keeps it under another name",
            if_previous(name, "`db-undo` brings it back; ")
        )),
        Unfit::Emptied(run) => emptied(database, run.as_deref()),
        Unfit::Invalid => Problem::refused(format!(
            "the database `{name}` can't be opened: a DROP DATABASE on it was interrupted"
        ))
        .code(Code::Unfinished)
        .because("nothing was changed")
        .cure(format!(
            "its data is lost, unless it is in a backup (`db-list`); `DROP DATABASE {quoted}` \
             removes what is left of it"
        )),
    }
}

/// Words about `db-undo`, which brings back only what an earlier run kept.
fn if_previous<'a>(name: &str, words: &'a str) -> &'a str {
    if is_previous(name) { words } else { "" }
}

fn held(name: &str, run: &str) -> Problem {
    let quoted = ident(name);

    Problem::refused(format!("the database `{name}` is held by {run}"))
        .code(Code::Unfinished)
        .because(
            "that run is still going or was killed, and may need this data; it may be the only \
             copy",
        )
        .because("nothing was changed")
        .cure(format!(
            "wait until it ends; if it was killed, `db-repair` in that folder brings the data \
             back{}; if you do not want that, `ALTER DATABASE {quoted} RENAME TO …` keeps it under \
             another name, and `DROP DATABASE {quoted}` gives it up",
            if_previous(name, ", or `db-undo` here")
        ))
}

fn emptied(database: &DatabaseFacts, run: Option<&str>) -> Problem {
    Problem::refused(format!(
        "`{}` is incomplete: a reset emptied it and was interrupted",
        database.name
    ))
    .code(Code::Unfinished)
    .because("its old data is in the backup that this reset made first; nothing was changed")
    .cure(format!(
        "{}, `db-repair` brings the old data back (today's data is dumped first); elsewhere, \
         restore that backup with `--in-place`; if you want to keep today's data, remove the mark: \
         `{}`",
        where_it_ran(run),
        by_hand(database)
    ))
}

fn where_it_ran(run: Option<&str>) -> String {
    run.map_or("where it was run".into(), |run| format!("where {run} was run"))
}

/// A database that is not ours has a name that is needed.
pub fn in_the_way(database: &DatabaseFacts) -> Problem {
    Problem::refused(format!(
        "the database `{}` is in the way, and db-tasks did not create it",
        database.name
    ))
    .code(Code::NameTaken)
    .cure(format!(
        "if you do not need it, drop it; otherwise give it another name: `ALTER DATABASE {} RENAME \
         TO …`",
        ident(&database.name)
    ))
}
