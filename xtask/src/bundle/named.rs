//! The files that a manifest names.

use std::fs;
use std::path::{Component, Path};

use super::manifest::Manifest;

/// A manifest may come from anywhere: it may only name files in its own folder.
pub(super) fn is_of_the_folder(file: &str) -> bool {
    let mut components = Path::new(file).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(name)), None) if name == file)
}

/// What is wrong with names and sizes.
pub fn fault(base: &Path, manifest: &Manifest) -> Option<String> {
    manifest.artifacts.iter().find_map(|artifact| {
        if !is_of_the_folder(&artifact.file) {
            return Some(format!(
                "its manifest names `{}`, which is outside its folder",
                artifact.file
            ));
        }

        match fs::metadata(base.join(&artifact.file)) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Some(format!("`{}` is missing", artifact.file))
            }
            Err(e) => Some(format!("`{}` can't be looked at: {e}", artifact.file)),
            Ok(m) if m.len() != artifact.bytes => Some(format!(
                "`{}` has {} bytes, its manifest says {}",
                artifact.file,
                m.len(),
                artifact.bytes
            )),
            Ok(_) => None,
        }
    })
}
