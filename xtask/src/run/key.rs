//! Keys that nobody guesses.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 128 random bits from the system, through the seed of std's hash maps.
pub fn new_key() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}
