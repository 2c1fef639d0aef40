//! The whole tool on real components: one binary, so that one server serves all.

mod cluster;
mod components;
mod rules;
mod stream;
mod support;
