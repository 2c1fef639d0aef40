//! What changes a server or a database, and the checks around it.

pub mod admin;
pub mod alone;
mod command;
pub mod filling;
pub mod identity;
pub mod in_place;
pub mod loader;
pub mod loading;
pub mod marker;
pub mod marking;
mod members;
mod rights;
pub mod setting;
pub mod staged;
pub mod statements;
pub mod statistics;
pub mod subscriptions;
pub mod wiping;
pub mod witness;
