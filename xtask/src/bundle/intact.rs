//! A manifest's digest of its own: over what nobody else checks in it, and a backup is judged by.
//!
//! It is of what a manifest says, not of its bytes: spaces, and the order of keys, are nobody's
//! business. When a backup was made, how long it took and what its files are called, is left out: a
//! file is known by its checksum, and people rename files and set dates. A field that comes later
//! must be left out of the text where it says nothing, so that older manifests have the digest that
//! they had.

use std::io::BufWriter;

use chrono::{DateTime, Utc};

use super::manifest::Manifest;
use crate::stream::Check;

/// Who has taken a digest stands before it.
const BY: &str = concat!(env!("CARGO_PKG_VERSION"), " crc32:");

/// What of an artifact is no part of the digest.
type Aside = (String, DateTime<Utc>, f64);

/// The digest of a manifest, which is as it was when this returns.
pub fn digest(manifest: &mut Manifest) -> String {
    let (digest, created) = (manifest.digest.take(), std::mem::take(&mut manifest.created));
    let aside: Vec<Aside> = manifest
        .artifacts
        .iter_mut()
        .map(|a| {
            (
                std::mem::take(&mut a.file),
                std::mem::take(&mut a.started),
                std::mem::take(&mut a.seconds),
            )
        })
        .collect();

    // every `db-list` does this for each: no bytes are kept, and no slow sum is taken of them
    let mut sum = Check::default();
    let written = serde_json::to_writer(BufWriter::new(&mut sum), manifest);
    let found = written.map_or(String::new(), |()| format!("{BY}{}", sum.hex()));

    (manifest.digest, manifest.created) = (digest, created);

    for (artifact, aside) in manifest.artifacts.iter_mut().zip(aside) {
        (artifact.file, artifact.started, artifact.seconds) = aside;
    }

    found
}

/// Whether a manifest says what was written. Another version may have said more than this one
/// knows, and one without a digest has nothing to go by.
pub fn is_intact(manifest: &mut Manifest) -> bool {
    let recorded = manifest.digest.clone().filter(|recorded| recorded.starts_with(BY));
    recorded.is_none_or(|recorded| digest(manifest) == recorded)
}
