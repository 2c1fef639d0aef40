//! Texts for a reviewer to read, in `tests/snapshots`.

use std::path::Path;

use crate::support::snapshot::is_made;

/// Compares a text with its snapshot; `UPDATE_SNAPSHOTS=1` writes it.
#[track_caller]
pub fn same_as(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots");
    is_made(&folder.join(format!("{name}.txt")), text);
}
