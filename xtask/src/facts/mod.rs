//! Facts: what is true before anything is planned. Everything here only reads.

pub mod archives;
mod asking;
pub mod cluster;
mod compose;
pub mod containers;
pub mod dumps;
mod emptying;
pub mod encryption;
mod engines;
mod guess;
pub mod health;
pub mod keys;
pub mod lent;
pub mod loader;
pub mod logins;
pub mod machine;
pub mod programs;
pub mod rendezvous;
mod replaced;
pub mod salvage;
pub mod seen;
pub mod server;
pub mod standing;
mod stores;
pub mod strangers;
mod survey;
pub mod tables;
pub mod trial;
pub mod waits;
mod whereabouts;

pub use self::containers::ContainerFacts;
pub use self::emptying::{Came, Emptying, Part};
pub use self::replaced::ReplacedTogether;
pub use self::stores::{Set, SurveyedStore};
pub use self::survey::{Surveyed, Surveyor};
pub use self::whereabouts::is_local;
