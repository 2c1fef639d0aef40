//! The whole tool on real components: one binary, so that one server serves all.

#[cfg(unix)]
mod bench;
mod cluster;
mod components;
mod rules;
mod stream;
mod support;
