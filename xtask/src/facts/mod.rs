//! Facts: what is so before anything is planned. Everything here only reads.

pub mod cluster;
pub mod containers;
pub mod dumps;
pub mod health;
pub mod programs;
pub mod server;
mod survey;

pub use containers::ContainerFacts;
pub use survey::{Surveyed, Surveyor, is_local};
