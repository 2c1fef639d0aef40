//! The whole tool on real components: one binary, so that one server serves all.

mod components;
mod real;
mod stream;
mod support;
