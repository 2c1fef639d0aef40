//! The chain of the audit log: each line has the hash of what is before it. So an edited, missing
//! or moved line is found, and a tail that was cut is found by an anchor.

mod chain;
mod verify;
mod walk;

pub use self::chain::{Before, Link};
pub use self::verify::{Fault, Giver, Known, Note, Told, Verified, verify};
pub use self::walk::{Line, Walk, at_end, head};
