//! Milvus: its collections as a stream and back, over gRPC, and how one set of collections replaces
//! another.
//!
//! [`Milvus::dump`] writes a backup and [`scan`] verifies it. [`Milvus::stage`] makes collections
//! of it next to the live ones and verifies them row by row, and [`Milvus::swap`] gives them the
//! live names.

mod census;
mod client;
mod dump;
mod facts;
mod format;
mod mark;
mod open;
mod pages;
mod proto;
mod scan;
mod stage;
mod steps;
mod store;
mod survey;
mod swap;
mod value;
mod wipe;

pub use census::{Census, CollectionCensus};
pub use client::{Address, Milvus};
pub use facts::{CollectionFacts, Load, RowCount};
pub use mark::{Mark, Role};
pub use scan::scan;
pub use stage::AutoIds;
pub use steps::Step;
pub use store::{Vectors, contents};
pub use swap::{Repaired, Seen};
pub use wipe::{Wipe, Wiped};
