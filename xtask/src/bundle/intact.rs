//! A manifest's own digest: over what nothing else checks in it, but decides how good the backup
//! is.
//!
//! It covers what a manifest says, not its bytes: spaces and the order of keys do not matter. When
//! a backup was made, how long it took and what its files are called is left out: a file is known
//! by its checksum, and people rename files and set dates. A new field must be left out of the text
//! if it is empty, so that older manifests keep their digest.

use std::io::BufWriter;

use serde::Serialize;

use super::manifest::{Manifest, SetAside};
use crate::stream::Check;

/// What made a digest comes before it.
const BY: &str = concat!(env!("CARGO_PKG_VERSION"), " crc32:");

/// The digest of a manifest of any format, which is unchanged when this returns.
pub fn digest<A: Serialize + SetAside>(manifest: &mut Manifest<A>) -> String {
    let (digest, created) = (manifest.digest.take(), std::mem::take(&mut manifest.created));
    let aside: Vec<_> = manifest
        .artifacts
        .iter_mut()
        .map(|artifact| {
            let (file, started, seconds) = artifact.set_aside();
            (std::mem::take(file), std::mem::take(started), std::mem::take(seconds))
        })
        .collect();

    // every `db-list` does this for each: no bytes are kept, and the hash is a fast one
    let mut sum = Check::default();
    let written = serde_json::to_writer(BufWriter::new(&mut sum), manifest);
    let found = written.map_or(String::new(), |()| format!("{BY}{}", sum.hex()));

    (manifest.digest, manifest.created) = (digest, created);

    for (artifact, (file, started, seconds)) in manifest.artifacts.iter_mut().zip(aside) {
        let aside = artifact.set_aside();
        (*aside.0, *aside.1, *aside.2) = (file, started, seconds);
    }

    found
}

/// Whether a manifest says what was written. Another version may have written more than this one
/// knows, and one without a digest can't be checked.
pub fn is_intact<A: Serialize + SetAside>(manifest: &mut Manifest<A>) -> bool {
    let recorded = manifest.digest.clone().filter(|recorded| recorded.starts_with(BY));
    recorded.is_none_or(|recorded| digest(manifest) == recorded)
}

/// The error for one that does not.
pub fn changed() -> anyhow::Error {
    anyhow::anyhow!("it has changed since it was written: its digest does not match")
}
