//! A file from elsewhere: who loads it.

use anyhow::Result;

use super::session::Session;
use crate::cli::Trusted;
use crate::engine::postgres::loader::Loader;
use crate::facts::Surveyed;
use crate::facts::dumps::{Dump, Origin};
use crate::facts::loader::{self, New, Stranger};
use crate::plan::{Trust, Word};
use crate::run::load::new_key;

/// How a dump is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Into a new database.
    Beside,
    /// Into the live one.
    InPlace,
}

/// How far a script is trusted.
pub(super) fn trust(given: Option<Trusted>) -> Trust {
    match given {
        None | Some(Trusted::Role) => Trust::Dump,
        Some(Trusted::Sql) => Trust::Script,
        Some(Trusted::Psql) => Trust::Psql,
    }
}

/// The dump, with who loads it where it is from elsewhere.
pub(super) fn attended(
    session: &mut Session,
    target: &Surveyed,
    mut dump: Dump,
    trusted: Option<Trusted>,
    way: Way,
) -> Result<Dump> {
    // what lies in somebody's downloads has a superuser's powers no more than a file without a manifest
    let superuser = target.server.role.superuser;
    match dump.origin(&session.project.backup.dir) {
        Origin::Own => return Ok(dump),
        Origin::Unsure if !superuser => return Ok(dump),
        Origin::Unsure | Origin::Elsewhere => {}
    }

    let by = match (trusted, way) {
        (Some(_), _) => Err("`--trust` says so".into()),
        (None, Way::InPlace) => Err("it is loaded in place, where your own role owns what is there".into()),
        (None, Way::Beside) => {
            let role = Loader::named(&session.moment.run, &target.spec.key);
            let salt = new_key().into_bytes().first_chunk().copied().unwrap_or_default();
            let new = New { role, password: new_key(), salt };
            loader::look(target, &dump, new, &mut session.project.secrets)?
        }
    };
    let word = if trusted.is_some() { Word::Given } else { Word::Missing };
    dump.stranger = Some(Stranger { by, word });
    Ok(dump)
}
