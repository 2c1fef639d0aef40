//! An untrusted file: which role loads it.

use anyhow::Result;

use super::Session;
use crate::engine::postgres::change::loader::Loader;
use crate::facts::Surveyed;
use crate::facts::dumps::Stranger;
use crate::facts::dumps::{Dump, Origin};
use crate::facts::loader::{self, New};
use crate::options::Trusted;
use crate::plan::Word;
use crate::run::key::new_key;
use crate::value::Trust;

/// How a dump is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into a new database.
    Beside,
    /// Into the live one.
    InPlace,
}

/// How far a script is trusted.
pub fn trust(given: Option<Trusted>) -> Trust {
    match given {
        None | Some(Trusted::Role) => Trust::Dump,
        Some(Trusted::Sql) => Trust::Script,
        Some(Trusted::Psql) => Trust::Psql,
    }
}

/// The dump, with the role that loads it if it is untrusted.
pub fn attended(
    session: &mut Session,
    target: &Surveyed,
    mut dump: Dump,
    trusted: Option<Trusted>,
    way: Way,
) -> Result<Dump> {
    if !is_strange(session, target, &dump) {
        return Ok(dump);
    }

    let by = match (trusted, way) {
        (Some(_), _) => Err("`--trust` says so".into()),
        (None, Way::InPlace) => {
            Err("it is loaded in place, where your own role owns everything".into())
        }
        (None, Way::Beside) => {
            let new = new_role(session, target);
            loader::look(target, &dump, new, &mut session.project.secrets)?
        }
    };

    let word = if trusted.is_some() { Word::Given } else { Word::Missing };
    dump.stranger = Some(Stranger { by, word });

    Ok(dump)
}

/// Whether a dump is untrusted, as far as is known.
pub fn is_strange(session: &Session, target: &Surveyed, dump: &Dump) -> bool {
    match dump.origin(&session.project.backup.dir) {
        Origin::Own => false,
        // a file in somebody's downloads is loaded as a superuser no more than one without a
        // manifest
        Origin::Unsure => target.server.role.superuser,
        Origin::Elsewhere => true,
    }
}

/// A loader role.
pub fn new_role(session: &Session, target: &Surveyed) -> New {
    let role = Loader::named(&session.moment.run, &target.spec.key);
    let salt = new_key().into_bytes().first_chunk().copied().unwrap_or_default();
    New { role, password: new_key(), salt }
}
