//! File trees: their contents as a tar stream and back, and how one tree replaces another.
//!
//! A backup is a plain tar, which any `tar` reads. [`dump`] writes it, [`scan`] verifies it,
//! [`unpack`] makes a tree of it next to the live one, [`read_back`] reads that tree again for
//! [`differences`], and [`swap`] gives it the live name.

mod attributes;
mod container;
mod excludes;
mod filter;
mod folders;
mod header;
mod leave;
mod read;
mod steps;
mod straight;

#[cfg(unix)]
mod ahead;
#[cfg(unix)]
mod crew;
#[cfg(unix)]
mod dump;
#[cfg(unix)]
mod lived;
#[cfg(unix)]
mod side_folder;
#[cfg(unix)]
mod sparse;
#[cfg(unix)]
mod steady;
#[cfg(unix)]
mod store;
#[cfg(unix)]
mod survey;
#[cfg(unix)]
mod swap;
#[cfg(unix)]
mod unpack;
#[cfg(unix)]
mod unread;
#[cfg(unix)]
mod walk;
#[cfg(unix)]
mod wipe;

pub use self::container::{Found, Inside, Lacks, Tar};
#[cfg(unix)]
pub use self::crew::{read_back, read_back_by};
#[cfg(unix)]
pub use self::dump::dump;
pub use self::excludes::Excludes;
pub use self::filter::{Rest, filter, filter_but, filter_by};
pub use self::read::{Links, scan, scan_but, scan_by};
#[cfg(unix)]
pub use self::side_folder::SideFolder;
#[cfg(unix)]
pub use self::store::Tree;
#[cfg(unix)]
pub use self::survey::{TreeFacts, root_of, survey};
#[cfg(unix)]
pub use self::swap::{Repaired, repair, swap, take_back, undo};
#[cfg(unix)]
pub use self::unpack::{Among, Home, Unpacked, unpack, unpack_among};
#[cfg(unix)]
pub use self::walk::Id;
#[cfg(unix)]
pub use self::wipe::{Wiped, wipe};
