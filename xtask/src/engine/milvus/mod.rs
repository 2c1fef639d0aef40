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

pub use self::census::{Census, CollectionCensus};
pub use self::client::{Address, Milvus};
pub use self::facts::{CollectionFacts, Load, RowCount};
pub use self::mark::{Mark, Role};
pub use self::scan::scan;
pub use self::stage::AutoIds;
pub use self::steps::Step;
pub use self::store::{Vectors, contents};
pub use self::swap::{Repaired, Seen};
pub use self::wipe::{Wipe, Wiped};
