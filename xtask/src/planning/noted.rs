//! Steps that write notes beside a manifest.

use std::path::Path;

use crate::bundle::ending::{notes, partial};
use crate::plan::{Act, Deed, How, Scope, Step};

/// Whatever writes the notes of this manifest, no half-written ones are left behind. A foreign file
/// has no manifest, and so no notes.
pub fn noted(manifest: Option<&Path>, body: Vec<Step>) -> Step {
    let unfinished = manifest.map(|manifest| {
        let how = How::File(partial(&notes(manifest)));
        Act::Remove(Deed { what: "the unfinished notes".into(), how })
    });

    Step::Scope(Scope { body, on_failure: unfinished.into_iter().collect(), ..Scope::default() })
}
