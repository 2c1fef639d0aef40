//! Texts for a reviewer to read, in `tests/snapshots`.

use std::fs;
use std::path::Path;

/// Compares a text with its snapshot; `UPDATE_SNAPSHOTS=1` writes it.
#[track_caller]
pub fn same_as(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/snapshots")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{name}: run with UPDATE_SNAPSHOTS=1 and read the difference");
}
