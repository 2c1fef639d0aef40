//! The whole tool on real components: one binary, so that one server serves all.
#![allow(clippy::print_stdout)] // tests say what they measured

#[cfg(unix)]
mod bench;
mod cluster;
mod components;
#[cfg(unix)]
mod files;
#[cfg(all(unix, feature = "milvus"))]
mod milvus;
mod real;
mod rules;
#[cfg(unix)]
mod scripts;
mod settings;
mod stream;
mod support;
#[cfg(unix)]
mod walks;
