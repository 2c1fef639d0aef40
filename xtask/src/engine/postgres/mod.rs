//! PostgreSQL: commands, SQL and what its answers mean. Each room uses only those named before it.

pub mod script;

pub mod client;

pub mod catalog;

pub mod change;
