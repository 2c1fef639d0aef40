//! The messages of Milvus that we use, written by hand: no more than a backup needs, so no
//! generator and no protoc.
//!
//! Tags and types are those of milvus-proto, from Milvus 2.2 to 2.6.

pub(super) mod rpc;
pub(super) mod schema;
