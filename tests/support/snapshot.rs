//! Texts that are checked in for people to read, and that the program makes.

use std::fs;
use std::path::Path;

/// Compares a text with the file that holds it; `UPDATE_SNAPSHOTS=1` writes the file.
#[track_caller]
pub fn is_made(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, text).unwrap();
    }

    let known = fs::read_to_string(path).unwrap_or_default();
    let path = path.display();
    assert_eq!(text, known, "{path}: run with UPDATE_SNAPSHOTS=1 and read the difference");
}
