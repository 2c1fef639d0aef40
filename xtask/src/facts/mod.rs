//! Facts: what is true before anything is planned. Everything here only reads.

pub mod archives;
pub mod cluster;
mod compose;
pub mod containers;
pub mod dumps;
mod emptying;
mod engines;
mod guess;
pub mod health;
pub mod lent;
pub mod loader;
pub mod logins;
pub mod programs;
pub mod rendezvous;
mod replaced;
pub mod salvage;
pub mod server;
pub mod standing;
mod stores;
pub mod strangers;
mod survey;
pub mod trial;
mod whereabouts;

pub use containers::ContainerFacts;
pub use emptying::{Came, Emptying, Part};
pub use replaced::ReplacedTogether;
pub use stores::{Set, SurveyedStore};
pub use survey::{Surveyed, Surveyor, is_local};
