//! Trees inside containers.
