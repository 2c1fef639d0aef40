//! Milvus: vector collections over gRPC.
mod client;
mod facts;
mod mark;
mod proto;

pub use client::{Address, Milvus};
pub use facts::{CollectionFacts, Load, RowCount};
pub use mark::{Mark, Role};
