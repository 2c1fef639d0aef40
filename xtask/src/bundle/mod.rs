//! Backups on disk: their names, their manifests, the catalog of a folder, and which to keep.

pub mod catalog;
mod dated;
mod intact;
pub mod keep;
pub mod manifest;
pub mod name;
mod named;
mod of;
mod owner;

pub use catalog::{Backup, Catalog, Kind};
pub use manifest::{Artifact, Manifest, Reason, Untried, Verification};
pub use of::Names;
pub use owner::Sharing;
