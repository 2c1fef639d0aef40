//! Pieces of plans that several commands share: facts in, steps out. Nothing here touches the world.

pub mod cluster;
pub mod fitting;
pub mod hooks;
pub mod marked;
pub mod noted;
pub mod notices;
pub mod repair;
pub mod replacing;
pub mod services;
pub mod sessions;

use chrono::{DateTime, Utc};

/// What every plan is told beside its facts.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Now.
    pub now: DateTime<Utc>,
    /// A word that no other run has, for names of staged databases.
    pub run: String,
}
