//! What makes a collection one of ours: a property that it is created with, and that a rename takes
//! along.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::facts::Load;

/// The property. Milvus keeps properties of any name; it has no other place that is set with the
/// creation and can be changed.
pub(super) const PROPERTY: &str = "db-tasks";

/// What a collection of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// On its way: it may be half full.
    Staged,
    /// A swap is under way, which gives it the live name.
    Incoming,
    /// A swap is under way, which takes the live name from it.
    Outgoing,
    /// A swap is under way, after which nobody can want it back.
    Older,
    /// It was live until the last swap, and is kept for an undo.
    Previous,
    /// Nobody can want it back.
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

/// The mark itself: all that a later run has to know, in one property, so that one call changes all
/// of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is for.
    pub role: Role,
    /// The live name that it has, had or is to have.
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
    /// Reads the property; one that is empty, as a server leaves it that can't take properties
    /// away, is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Which of our names this is; none when somebody else has renamed it.
    pub(super) fn slot(&self, name: &str) -> Option<Slot> {
        [Slot::Live, Slot::Staged, Slot::Previous, Slot::Discard]
            .into_iter()
            .find(|slot| slot.name(&self.base) == name)
    }

    pub(super) fn as_role(&self, role: Role) -> Self {
        Self { role, ..self.clone() }
    }
}
