//! One link of the chain: what a line says of its place.

use serde::{Deserialize, Serialize};

// serde hands over a reference
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a line says of its place (`chain`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The log's id.
    pub log: String,
    /// The line's number in its file, from 1.
    pub line: u64,
    /// The SHA-256 of all bytes from the beginning of the last line of the chain up to this one;
    /// nothing in the first line of a new log.
    pub previous: Option<String>,
    /// The lines between the two that have no link: those of older versions, or a torn one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unchained: u64,
    /// Whether the line before it had no line break: its writer was killed, or the disk was full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub torn: bool,
}

/// What is before a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before {
    /// The log's id and the number of the last line of the chain, if it has begun.
    pub last: Option<(String, u64)>,
    /// The hash of the bytes since the beginning of that line.
    pub digest: Option<String>,
    /// The lines since then that have no link.
    pub unchained: u64,
    /// Whether the last line has no line break.
    pub torn: bool,
}

impl Before {
    /// The link of the line that comes next; a new log gets this id.
    pub fn next(&self, new_log: impl FnOnce() -> String) -> Link {
        let (log, line) = self.last.clone().unwrap_or_else(|| (new_log(), 0));
        Link {
            log,
            line: line.saturating_add(self.unchained).saturating_add(1),
            previous: self.digest.clone(),
            unchained: self.unchained,
            torn: self.torn,
        }
    }
}
