//! One file a command: facts in, plan out. Nothing here touches the world.

pub mod backup;
pub mod cleanup;
pub mod cluster;
pub mod hooked;
pub mod hooks;
pub mod pgpass;
pub mod prepare;
pub mod protect;
pub mod repair;
pub mod reset;
pub mod restore;
pub mod services;
pub mod undo;
pub mod verify;
pub mod wipe;

use chrono::{DateTime, Utc};

/// What every task is told beside its facts.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Now.
    pub now: DateTime<Utc>,
    /// A word that no other run has: in names of databases that are on their way.
    pub run: String,
}
