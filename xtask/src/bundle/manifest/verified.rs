//! When a backup was verified, and how.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// When.
    pub when: DateTime<Utc>,
    /// `written` (verified while it was written), `quick` or `deep`.
    pub how: String,
    /// Whether it passed.
    pub good: bool,
}

/// How a backup was verified whose file was found to be the same as that of a newer dump.
pub const UNCHANGED: &str = "unchanged";

/// A verification that could not be made there: a role is missing, or a lock limit is too low.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untried {
    /// When.
    pub when: DateTime<Utc>,
    /// `deep`.
    pub how: String,
    /// What prevented it.
    pub why: String,
}
