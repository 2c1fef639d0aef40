//! One codec, and one place that knows how files are called.

use super::{lines_with, none};

/// A new link of the chain is then in every artifact, on both of its ways.
#[test]
fn artifacts_go_through_one_codec() {
    let parts = ["stream::decoder", "stream::encoder", "Decoder::", "Encoder::", "Digest::by("];
    let others = |f: &str| !f.starts_with("stream/");
    none(&lines_with(&parts, others), "`stream/artifact.rs` makes and undoes the chain");
}

#[test]
fn one_module_knows_how_names_end() {
    let endings = [".partial\"", ".zst\"", ".gz\"", ".sql\"", ".tar\"", "manifest.json\""];
    // what people are told is not decided there
    let told = |f: &str| f.starts_with("config/settings/") || f == "facts/dumps.rs";
    let others = |f: &str| f != "bundle/ending.rs" && !told(f);
    let mut found = lines_with(&endings, others);
    // our own SQL is in files, too
    found.retain(|line| !line.contains("include_str!"));
    none(&found, "`bundle/ending.rs` knows how files are called");

    let bare = ["\"zst\"", "\"gz\""];
    none(&lines_with(&bare, |f| f != "bundle/ending.rs"), "and what is put at a name's end");
}
