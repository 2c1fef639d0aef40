//! Engines: what to say to a store. Where to say it is the job of `place`.

pub mod cluster;
pub mod files;
#[cfg(feature = "milvus")]
pub mod milvus;
pub mod postgres;
pub mod store;
