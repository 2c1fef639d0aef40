//! What a restore is asked for.

use crate::value::Trust;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it goes.
    pub aim: Aim,
    /// How far the file is trusted.
    pub trust: Trust,
    /// Which differences between the backup and its target you have accepted.
    pub accept: Vec<Difference>,
}

/// Where a restore goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// In place of the live one.
    Live,
    /// `--as`: next to it.
    Beside,
}

/// A difference that is refused unless it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// `--any-database`: the backup is of another database.
    Database,
    /// `--any-version`: the dump is of a newer version.
    Version,
}
