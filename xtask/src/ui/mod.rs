//! What people read: plans, progress, tables, errors.

pub mod banner;
pub mod describe;
pub mod json;
pub mod outcome;
pub mod person;
pub mod progress;
pub mod recorder;
pub mod shown;
pub mod table;
pub mod terminal;
pub mod typed;
