//! What marks a collection as ours: a property that it is created with, and keeps in a rename.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::facts::Load;

/// The property. Milvus keeps properties with any name, and nothing else can be set at creation and
/// changed later.
pub(super) const PROPERTY: &str = "db-tasks";

/// What a collection of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Staged: it may be incomplete.
    Staged,
    /// A swap is under way, which gives it the live name.
    Incoming,
    /// A swap is under way, which takes the live name from it.
    Outgoing,
    /// A swap is under way, after which nobody needs it.
    Older,
    /// It was live until the last swap, and is kept for an undo.
    Previous,
    /// Nobody needs it.
    Discard,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Staged => "staged",
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
            Self::Older => "older",
            Self::Previous => "previous",
            Self::Discard => "to discard",
        })
    }
}

/// The mark itself: everything that a later run must know, in one property, so that one call
/// changes all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is for.
    pub role: Role,
    /// The live name that it has, had or will have.
    pub base: String,
    /// The aliases it has under that name.
    pub aliases: Vec<String>,
    /// How far it is loaded under that name.
    pub load: Load,
}

/// The name for each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Live,
    Staged,
    Previous,
    Discard,
}

impl Slot {
    pub fn name(self, base: &str) -> String {
        let suffix = match self {
            Self::Live => "",
            Self::Staged => "__staged",
            Self::Previous => "__previous",
            Self::Discard => "__discard",
        };
        format!("{base}{suffix}")
    }
}

impl Mark {
    /// Reads the property; an empty one, which servers leave that can't remove properties, does not
    /// count.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Which of our names this is; `None` if somebody else renamed it.
    pub(super) fn slot(&self, name: &str) -> Option<Slot> {
        [Slot::Live, Slot::Staged, Slot::Previous, Slot::Discard]
            .into_iter()
            .find(|slot| slot.name(&self.base) == name)
    }

    pub(super) fn as_role(&self, role: Role) -> Self {
        Self { role, ..self.clone() }
    }
}
