//! What the looking commands show: pure functions from facts to text and JSON.

pub mod backups;
pub mod config;
pub mod doctor;
pub mod markers;
pub mod status;
pub mod stores;
