//! Patterns with `*`, `?`, `[…]` and `{…}`, as people write them for names.

/// Whether a name fits.
pub fn fits(pattern: &str, name: &[u8]) -> bool {
    fast_glob::glob_match(pattern, name)
}

/// Why a pattern is none.
///
/// # Errors
/// The reason, in words.
pub fn valid(pattern: &str) -> Result<(), String> {
    fast_glob::validate(pattern).map_err(|e| e.to_string())
}
