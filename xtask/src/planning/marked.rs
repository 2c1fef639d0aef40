//! What may be done with databases for the marks that they bear, said before anything is touched.

use anyhow::Result;

use crate::config::Guards;
use crate::engine::postgres::DatabaseFacts;
use crate::engine::postgres::admin;
use crate::engine::postgres::marks::{Own, Says, State, Unfit, Use, may};
use crate::engine::postgres::name::{ident, is_previous, literal};
use crate::facts::Surveyed;
use crate::plan::Step;
use crate::problem::Problem;

/// Databases that a killed run left: they are nobody's, and their names are needed.
pub fn leftovers(target: &Surveyed, guards: &Guards, names: &[&str]) -> Result<Vec<Step>> {
    let left = names.iter().filter_map(|name| target.server.database(name));
    left.map(|database| {
        may_go(database, guards).map(|()| Step::Act(admin::drop(&target.client, &database.name)))
    })
    .collect()
}

/// Refuses to remove what may be somebody's, or somebody's only copy.
pub fn may_go(database: &DatabaseFacts, guards: &Guards) -> Result<()> {
    fit(database, Use::Drop, guards)
}

/// The same of what an earlier run has kept. Where the live database says itself that it is
/// protected, the guards have their say on both.
pub fn older_may_go(target: &Surveyed, older: &DatabaseFacts, guards: &Guards) -> Result<()> {
    let guarded = target.live().is_some_and(|live| says(live, guards) != Says::NothingOfNote);
    let said = if guarded { Says::NothingOfNote } else { says(older, guards) };
    may(&older.state(), Use::Drop, &said).map_err(|unfit| refused(older, unfit).into())
}

/// Refuses to make something live that no run has set aside whole.
pub fn comes_back(database: &DatabaseFacts, guards: &Guards) -> Result<()> {
    fit(database, Use::BringBack, guards)
}

/// Refuses to do something with what is live, for its marks.
pub fn live_is(target: &Surveyed, what: Use, guards: &Guards) -> Result<()> {
    target.live().map_or(Ok(()), |live| fit(live, what, guards))
}

/// That a backup of what is live holds what a run has left half made, and not the data that
/// somebody may look for in it.
pub fn half_made(target: &Surveyed) -> Option<String> {
    let name = target.name();
    match target.live()?.state() {
        State::Emptied(run) => Some(format!(
            "`{name}` is half made: a reset that emptied it was cut off, and this backup holds \
             what is there now; the old data is in the backup that the reset made ({}, \
             `db-repair` brings it back)",
            where_it_ran(run.as_deref())
        )),
        State::OnItsWay => Some(format!(
            "`{name}` is half made: a preparation of it was cut off, and this backup holds what \
             is there now"
        )),
        _ => None,
    }
}

fn fit(database: &DatabaseFacts, what: Use, guards: &Guards) -> Result<()> {
    may(&database.state(), what, &says(database, guards))
        .map_err(|unfit| refused(database, unfit).into())
}

/// What a database says of its environment, as far as it matters here.
fn says(database: &DatabaseFacts, guards: &Guards) -> Says {
    let protected = database.marks().into_iter().find(|mark| guards.protects(&mark.environment));
    protected.map_or(Says::NothingOfNote, |mark| Says::Protected(mark.environment))
}

fn refused(database: &DatabaseFacts, unfit: Unfit) -> Problem {
    let (name, quoted) = (&database.name, ident(&database.name));
    let undo = |words| if is_previous(name) { words } else { "" };

    match unfit {
        Unfit::NotOurs => in_the_way(database),
        Unfit::Held(run) => Problem::refused(format!("the database `{name}` is held by {run}"))
            .because(
                "that run has not come to its end: it may be at work, or was cut off, and goes \
                 back to this data, of which there may be no other copy",
            )
            .because("nothing was changed")
            .cure(format!(
                "wait for its end; where it was cut off, `db-repair` in that folder brings the \
                 data back{}; if that is not wanted, `ALTER DATABASE {quoted} RENAME TO …` keeps \
                 it out of the way, and `DROP DATABASE {quoted}` gives it up",
                undo(", or `db-undo` here")
            )),
        Unfit::Protected(environment) => Problem::refused(format!(
            "the database `{name}` says that it is `{environment}`, and would go for good"
        ))
        .because("it is what an earlier run has set aside: it may be production's own data")
        .because("nothing was changed")
        .cure(format!(
            "{}`ALTER DATABASE {quoted} RENAME TO …` keeps it out of the way",
            undo("`db-undo` brings it back; ")
        )),
        Unfit::Emptied(run) => {
            Problem::refused(format!("`{name}` is half made: a reset that emptied it was cut off"))
                .because(
                    "its old data is in the backup that this reset made first; nothing was changed",
                )
                .cure(format!(
                    "{}, `db-repair` brings the old data back (what is there now is dumped \
                     first); elsewhere, restore that backup with `--in-place`; where what is \
                     there now is what you want, take the mark away: `{}`",
                    where_it_ran(run.as_deref()),
                    without_mark(database)
                ))
        }
        Unfit::Invalid => Problem::refused(format!(
            "nobody can enter the database `{name}`: somebody began to drop it, and was cut off"
        ))
        .because("nothing was changed")
        .cure(format!(
            "what was in it is in a backup at best (`db-list`); `DROP DATABASE {quoted}` removes \
             what is left of it"
        )),
    }
}

/// What a person runs who knows that a database is whole, whatever its mark says.
fn without_mark(database: &DatabaseFacts) -> String {
    let (own, quoted) = (Own::of(Some(database)), ident(&database.name));
    let comment = own.comment.map_or("NULL".into(), literal);
    format!(
        "COMMENT ON DATABASE {quoted} IS {comment}; ALTER DATABASE {quoted} CONNECTION LIMIT {};",
        own.connection_limit
    )
}

fn where_it_ran(run: Option<&str>) -> String {
    run.map_or("where it was run".into(), |run| format!("where {run} was run"))
}

/// A database of somebody else's has a name that is needed.
pub fn in_the_way(database: &DatabaseFacts) -> Problem {
    Problem::refused(format!(
        "the database `{}` is in the way, and db-tasks did not make it",
        database.name
    ))
    .cure(format!(
        "if it is of no use, drop it; else give it another name: `ALTER DATABASE {} RENAME TO …`",
        ident(&database.name)
    ))
}
