//! Values that plans, engines and manifests name. They stand below all of these, and nothing in here
//! touches the world.

pub mod anchor;
pub mod database;
pub mod dump;
pub mod marker;
pub mod stable;
pub mod store;
pub mod tree;

pub use self::anchor::Anchor;
pub use self::database::{DatabaseFacts, Grant, Privilege, Setting};
pub use self::dump::{Claim, Claims, LeftOut, Spare, TableRows, Trust, Without};
pub use self::marker::{Mark, MarkedBy};
pub use self::stable::{KeyColumn, RowOrder, Stable, TableKey};
pub use self::store::{
    Address, Change, Collection, Collections, Contents, Format, Holding, Swapped, keeps_auto_ids,
};
