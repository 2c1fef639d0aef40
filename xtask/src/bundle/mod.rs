//! Backups on disk: their names, their manifests, the catalog of a folder, and which to keep.

pub mod catalog;
mod dated;
pub mod ending;
mod first;
mod intact;
pub mod keep;
pub mod latest;
pub mod manifest;
pub mod name;
mod named;
pub mod notes;
mod of;
mod owner;
pub mod ratchet;

pub use self::catalog::{Backup, Catalog, Kind};
pub use self::manifest::{Artifact, Manifest, Reason, Untried, Verification};
pub use self::named::fault;
pub use self::of::Names;
pub use self::owner::Sharing;
