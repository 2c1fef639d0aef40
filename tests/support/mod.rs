//! Real components for the tests: PostgreSQL servers, containers, compose projects, sample data.
#![allow(dead_code, unused_macros, unused_imports)]

pub mod cluster;
pub mod component;
pub mod docker;
#[cfg(feature = "age")]
pub mod keys;
#[cfg(feature = "milvus")]
pub mod milvus;
pub mod pooler;
pub mod repo;
pub mod said;
pub mod sample;
pub mod server;
pub mod snapshot;
pub mod watchdog;

pub(crate) use component::need;
