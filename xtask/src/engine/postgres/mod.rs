//! PostgreSQL: commands, SQL and what its answers mean.

pub mod admin;
pub mod alone;
pub mod client;
mod counting;
pub mod cures;
pub mod facts;
pub mod filling;
mod identity;
pub mod in_place;
pub mod inventory;
pub mod loader;
pub mod locks;
pub mod marker;
pub mod marks;
pub mod members;
pub mod name;
pub mod proof;
pub mod reached;
mod rights;
pub mod room;
pub mod said;
pub mod salvage;
pub mod script;
pub mod setting;
pub mod shape;
pub mod snapshot;
pub mod standing;
pub mod subscriptions;
pub mod version;
pub mod waiting;
pub mod warnings;
pub mod wiping;
pub mod witness;

pub use self::client::Client;
pub use self::facts::ServerFacts;
