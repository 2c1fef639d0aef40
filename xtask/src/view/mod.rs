//! What several commands show of backups: pure functions from facts to text and JSON.

pub mod backups;
pub mod metrics;
pub mod notices;
