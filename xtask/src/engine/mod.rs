//! Engines: what is said to a store. Where it is said is `place`'s matter.

pub mod cluster;
pub mod files;
#[cfg(feature = "milvus")]
pub mod milvus;
pub mod postgres;
pub mod store;
