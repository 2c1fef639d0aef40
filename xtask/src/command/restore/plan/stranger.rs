//! An untrusted file: as which role its functions run, and what that means.

use crate::engine::postgres::change::loader::Loader;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::plan::{Author, Powers, Purpose, Risk};
use crate::value::Spare;

/// What a loader role does not get of a dump.
pub const OTHERS: [Spare; 4] = [Spare::Beforehand, Spare::Handover, Spare::Last, Spare::Reading];

/// What loading it risks.
pub fn stranger(target: &Surveyed, dump: &Dump, purpose: Purpose) -> Option<Risk> {
    dump.stranger.as_ref().map(|_| Risk::Stranger { stakes: vec![target.stake()], purpose })
}

/// Its author: the file's defaults, triggers and indexes call the author's functions.
pub fn author(target: &Surveyed, dump: &Dump) -> Option<Author> {
    let stranger = dump.stranger.as_ref()?;
    let own = &target.server.role;

    let (role, powers, why) = match &stranger.by {
        Ok(loader) => (loader.role.clone(), Powers::Contained, None),
        Err(why) => (
            own.name.clone(),
            if own.superuser { Powers::All } else { Powers::Own },
            Some(why.clone()),
        ),
    };
    Some(Author { role, powers, why, word: stranger.word })
}

/// The same in words.
pub fn author_may(author: Option<Author>, dump: &Dump) -> Vec<String> {
    let Some(Author { role, powers, why, .. }) = author else { return Vec::new() };
    let what = match powers {
        Powers::Contained => {
            let mut notes = vec![format!(
                "the file's functions run as `{role}`, a role made for this run: not a superuser, \
                 with rights only in the new database"
            )];
            let extensions: Vec<&str> =
                dump.loader().iter().flat_map(|loader| loader.extensions()).collect();

            if !extensions.is_empty() {
                notes.push(format!(
                    "extensions that the file needs are created first, not by that role: {}",
                    extensions.join(", ")
                ));
            }

            if dump.loader().is_some_and(Loader::fills_views) {
                notes.push(
                    "its materialized views are filled with what that role sees: if a view depends \
                     on the role, `REFRESH MATERIALIZED VIEW` fills it as its owner"
                        .into(),
                );
            }

            if dump.loader().is_some_and(Loader::acts_as_owners) {
                notes.push(
                    "it has functions that run as their owner (SECURITY DEFINER): if that is a \
                     superuser, whoever may call one can do anything its author wrote into it"
                        .into(),
                );
            }

            return notes;
        }
        Powers::Own => format!("`{role}`: its author could do there what that role can"),
        Powers::All => format!(
            "`{role}`, a superuser: its author could do anything on this server and its machine"
        ),
    };

    let why = why.map_or(String::new(), |why| format!(" (no loader role: {why})"));
    vec![format!("the file's functions run as {what}{why}")]
}
