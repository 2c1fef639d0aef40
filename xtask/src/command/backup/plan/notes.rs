//! What is said before a backup: what it will lack, and what may interfere.

use super::{Request, ratchet};
use crate::bundle::manifest::Missing;
use crate::config::{DumpArg, Form, Mode};
use crate::facts::{Set, Surveyed, SurveyedStore};
use crate::human;
use crate::planning::marked::half_made;

/// All of it.
pub fn of(set: &Set, request: &Request) -> Vec<String> {
    set.missing
        .iter()
        .map(partial)
        .chain(
            set.keys()
                .iter()
                .flat_map(|key| request.missing(key))
                .map(|missing| format!("PARTIAL: {}", missing.why)),
        )
        .chain(left_out(set, request))
        .chain(set.databases.iter().filter_map(|database| shared(database, request)))
        .chain(set.stores.iter().filter_map(unrestorable))
        .chain(set.databases.iter().filter_map(half_made))
        .chain(set.databases.iter().filter_map(unlogged))
        .chain(set.databases.iter().filter_map(unread))
        .chain(set.databases.iter().filter_map(Surveyed::on_login))
        .chain(set.databases.iter().filter_map(through_a_pooler))
        .chain(ratchet::notes(set, request))
        .collect()
}

/// What `pg-dump-args` leaves out of each database, if that matters for a restore.
fn left_out(set: &Set, request: &Request) -> Vec<String> {
    let args = if set.databases.is_empty() { &[][..] } else { &request.backup.plain.args };
    let rows = args.iter().filter_map(DumpArg::lacks_rows).map(|why| format!("PARTIAL: {why}"));

    let rest = DumpArg::left_out(args).map(|what| format!("`pg-dump-args` leaves out its {what}"));

    rows.chain(rest).collect()
}

/// Settings of a database may hold secrets of an application, and only the manifest has them.
fn shared(database: &Surveyed, request: &Request) -> Option<String> {
    let plain = &request.backup.plain;
    let is_for_others = plain.form == Form::Stable || plain.mode != Mode::default();
    let settings = database.live().filter(|_| is_for_others)?.settings.iter();
    let names: Vec<String> = settings.map(|setting| format!("`{}`", setting.name)).collect();

    (!names.is_empty()).then(|| {
        format!(
            "whoever may read the manifest sees the values of settings of `{}`: {}",
            database.name(),
            human::few(&names)
        )
    })
}

fn partial(missing: &Missing) -> String {
    format!("PARTIAL: without `{}`, which is optional: {}", missing.store, missing.why)
}

/// What can be backed up but not restored in the same place.
fn unrestorable(store: &SurveyedStore) -> Option<String> {
    store
        .held
        .stuck
        .as_ref()
        .map(|why| format!("`{}` can be backed up, but not restored as it is: {why}", store.key()))
}

/// What a standby does not have (<https://www.postgresql.org/docs/current/sql-createtable.html>,
/// UNLOGGED).
fn unlogged(database: &Surveyed) -> Option<String> {
    let shape = &database.server.shape;
    let tables = shape.unlogged.join(", ");
    let none = format!(
        "`{}` is on a standby: rows of its unlogged tables are not in the backup ({tables})",
        database.name()
    );
    (shape.standby && !tables.is_empty()).then_some(none)
}

/// Secrets of others that a role may not read
/// (<https://www.postgresql.org/docs/current/view-pg-user-mappings.html>).
fn unread(database: &Surveyed) -> Option<String> {
    let mappings = &database.server.shape.mappings;
    (!mappings.is_empty()).then(|| {
        format!(
            "the backup of `{}` lacks the options of user mappings that `{}` may not read: {}; a \
             superuser's backup has them",
            database.name(),
            database.server.role.name,
            mappings.join(", ")
        )
    })
}

/// pg_dump sets an empty `search_path`: if a pooler shares sessions between transactions, that
/// stays in them.
fn through_a_pooler(database: &Surveyed) -> Option<String> {
    let why = database.pooled()?;
    Some(format!("`{}` is read through a pooler: {why}", database.name()))
}
