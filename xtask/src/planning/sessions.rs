//! Sessions of this run on the server.

use crate::facts::Surveyed;
use crate::plan::{Act, Deed, How};

/// Ends what this run has left on the server.
pub fn end_sessions(target: &Surveyed) -> Act {
    Act::Remove(Deed {
        what: "sessions of this run".into(),
        how: How::Command(target.client.end_sessions()),
    })
}
