//! Which extended attributes are kept, and which of them a restore may set.

use std::collections::BTreeMap;

use super::census::Target;

/// What an entry has of them, by name.
pub type Attributes = BTreeMap<String, Target>;

/// Those that are always restored: they give nobody more rights than the archive's contents.
const PLAIN: [&str; 3] = ["user.", "system.posix_acl_access", "system.posix_acl_default"];

/// Those that give rights: like set-id bits, they are restored only if the archive is trusted.
const POWER: [&str; 2] = ["security.capability", "trusted."];

/// Those that the system itself or a mount sets: nobody misses them.
const NOT_OURS: [&str; 2] = ["trusted.overlay.", "security."];

/// Whether an archive is trusted to give rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// As with set-id bits: no rights.
    Plain,
    /// All that there is.
    All,
}

/// Whether an attribute is one that is kept.
pub fn is_kept(name: &str) -> bool {
    let begins = |list: &[&str]| list.iter().any(|begin| name.starts_with(begin));
    begins(&PLAIN) || begins(&POWER) && !name.starts_with("trusted.overlay.")
}

/// Whether somebody may miss an attribute that is not kept.
pub fn is_missed(name: &str) -> bool {
    !is_kept(name) && !NOT_OURS.iter().any(|begin| name.starts_with(begin))
}

/// Those that a restore may set.
pub fn granted(attributes: &Attributes, given: Given) -> Attributes {
    let may = |name: &str| given == Given::All || PLAIN.iter().any(|begin| name.starts_with(begin));
    attributes
        .iter()
        .filter(|(name, _)| may(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
