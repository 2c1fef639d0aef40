//! The databases that answered in this run, by what identifies them: for the audit log.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::Surveyed;

/// What identifies a database, as its server said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its name.
    pub database: String,
    /// Its oid, if there is such a database.
    pub oid: Option<u32>,
    /// The server's system identifier, if the role may ask for it.
    pub system: Option<String>,
    /// Where it is, for people.
    pub at: String,
}

/// All of them, each once, as it was first.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Vec<Identity>>);

impl Seen {
    /// Adds a database that answered.
    pub fn add(&self, found: &Surveyed) {
        let identity = Identity {
            database: found.name().to_owned(),
            oid: found.live().map(|live| live.oid),
            system: found.server.reached.system.clone(),
            at: found.at(),
        };

        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &Identity| {
            (&one.database, &one.system, &one.at)
                == (&identity.database, &identity.system, &identity.at)
        };
        if !all.iter().any(same) {
            all.push(identity);
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Identity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
