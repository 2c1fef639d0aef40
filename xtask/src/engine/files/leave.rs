//! What is left out of a tar that an image's own program makes from a live tree.

use std::io::Read;

use tar::{Entry, EntryType};

use super::excludes::Excludes;
use crate::value::tree::{Census, Name, What};

/// What is left out, and who is notified.
pub(super) struct Leaving<'a> {
    /// What does not belong in a backup.
    pub excludes: &'a Excludes,
    /// Names of files whose content passed under an excluded name.
    pub rest: Vec<Name>,
    /// Notified where each begins and ends.
    pub told: &'a mut dyn FnMut(Part),
}

/// How much of an excluded entry has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its headers.
    Begins,
    /// Its content.
    Ended,
}

/// Why an entry is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is excluded.
    Excluded,
    /// It is a pipe or a device, or another name of one.
    NoContent(Name),
    /// It is another name of an excluded file: only its content is missing.
    Rest(Name),
}

impl Leaving<'_> {
    /// Whether an entry is left out.
    pub fn of<R: Read>(&self, entry: &Entry<'_, R>, census: &Census) -> Option<Reason> {
        let kind = entry.header().entry_type();
        let raw = entry.path_bytes();
        let name = Name::parse(&raw).ok()?;
        let is_folder =
            kind == EntryType::Directory || kind == EntryType::Regular && raw.ends_with(b"/");
        let is_excluded =
            if is_folder { self.excludes.reach_folder(&name) } else { self.excludes.reach(&name) };

        if name != Name::ROOT && is_excluded {
            return Some(Reason::Excluded);
        }

        match kind {
            EntryType::Block | EntryType::Char | EntryType::Fifo => Some(Reason::NoContent(name)),
            EntryType::Link => {
                let to = Name::parse(&entry.link_name_bytes().unwrap_or_default()).ok()?;
                let is_special =
                    census.remarks.iter().any(|r| r.what == What::NoContent && r.name == to);
                if is_special {
                    return Some(Reason::NoContent(name));
                }
                self.excludes.reach(&to).then_some(Reason::Rest(name))
            }
            _ => None,
        }
    }
}
