//! What a tree or an archive holds: one line per entry, and what was noticed while reading.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::name::{Name, escaped, unescaped};
use crate::stream::Fingerprint;

/// Every entry of a tree, and what was noticed while it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Census {
    /// The entries by name.
    pub entries: BTreeMap<Name, Entry>,
    /// What was noticed.
    #[serde(default)]
    pub remarks: Vec<Remark>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// The permission bits.
    pub mode: u32,
    /// When its content last changed.
    pub mtime: Moment,
    /// Whose it is, user and group by number.
    pub owner: (u32, u32),
    /// ACLs, capabilities, and what programs noted on it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A file.
    File {
        /// Its length.
        bytes: u64,
        /// The checksum of its content. Manifests up to format 2 have it, as SHA-256; newer ones
        /// have one digest of everything.
        #[serde(rename = "sha256")]
        print: Fingerprint,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink {
        /// Where it leads, as the link says.
        to: Target,
    },
    /// Another name of a file that came before it.
    Hardlink {
        /// That file's name.
        to: Name,
    },
}

/// The target of a symbolic link: any bytes, written as names are, but not a name, because it may
/// lead anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Target(pub Vec<u8>);

impl From<Target> for String {
    fn from(target: Target) -> Self {
        escaped(&target.0)
    }
}

impl TryFrom<String> for Target {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        unescaped(&text).map(Self)
    }
}

/// Seconds since 1970, which may be negative, plus nanoseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Moment {
    /// Whole seconds, rounded down.
    pub secs: i64,
    /// What is left.
    pub nanos: u32,
}

/// Something that was noticed of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The entry.
    pub name: Name,
    /// What was noticed.
    pub what: What,
}

/// What may be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It became longer while it was read; its original part was kept.
    Grew,
    /// It became shorter while it was read; the missing part was filled with zeros.
    Shrank,
    /// It was written to while it was read.
    Rewritten,
    /// It was removed or replaced before it could be read.
    Vanished,
    /// Entries came, went or were renamed in this folder while it was read.
    Stirred,
    /// A socket, pipe or device: it has no content, so it was left out.
    NoContent,
    /// A symbolic link that leads out of the tree, or may.
    LeadsOut,
    /// A file that runs with its owner's or group's rights.
    SetId,
    /// A file whose set-id bits were not restored.
    SetIdLeft,
    /// An entry that the archive gives to somebody who owns nothing in the live tree.
    OwnerLeft,
    /// An entry that belongs to the user who restored it, because only root can give it to its
    /// owner.
    OwnerOurs,
    /// An entry with attributes of a kind that no backup keeps.
    AttributesLost,
    /// An entry without all of its ACLs, capabilities and other attributes.
    AttributesLeft,
    /// An entry that may have ACLs, capabilities and other attributes that a container's `tar` did
    /// not report; for the root: all entries.
    AttributesUnknown,
}

impl What {
    /// Whether the copy mixes states of different times.
    pub fn spoils(self) -> bool {
        matches!(self, Self::Grew | Self::Shrank | Self::Rewritten | Self::Vanished | Self::Stirred)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grew => "grew while it was read",
            Self::Shrank => "shrank while it was read",
            Self::Rewritten => "was written to while it was read",
            Self::Vanished => "vanished before it was read",
            Self::Stirred => "changed (entries were added or removed) while it was read",
            Self::NoContent => "is a socket, pipe or device, and was left out",
            Self::LeadsOut => "is a link that may lead out of the tree",
            Self::SetId => "runs with the rights of its owner or group",
            Self::SetIdLeft => "no longer runs with the rights of its owner or group",
            Self::OwnerLeft => "got the live tree's owner, because its own owns nothing there",
            Self::OwnerOurs => "belongs to the user who restored it",
            Self::AttributesLost => "has attributes that are not kept",
            Self::AttributesLeft => "lacks some of its ACLs, capabilities and attributes",
            Self::AttributesUnknown => {
                "may have ACLs, capabilities and attributes that could not be read"
            }
        })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.what)
    }
}

impl Census {
    /// How many files there are, hard links included.
    pub fn files(&self) -> u64 {
        let file = |entry: &&Entry| matches!(entry.kind, Kind::File { .. } | Kind::Hardlink { .. });
        self.entries.values().filter(file).count() as u64
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let bytes =
            |entry: &Entry| if let Kind::File { bytes, .. } = entry.kind { bytes } else { 0 };
        self.entries.values().fold(0, |all, entry| all.saturating_add(bytes(entry)))
    }

    /// The same without the set-id bits that were not restored.
    pub fn without_set_id(&self) -> Cow<'_, Self> {
        let left: BTreeSet<&Name> =
            self.remarks.iter().filter(|r| r.what == What::SetIdLeft).map(|r| &r.name).collect();

        if left.is_empty() {
            return Cow::Borrowed(self);
        }

        let mut plain = self.clone();
        let is_left = |(name, entry): &(&Name, &mut Entry)| match &entry.kind {
            Kind::Hardlink { to } => left.contains(to),
            _ => left.contains(name),
        };
        plain.entries.iter_mut().filter(is_left).for_each(|(_, entry)| entry.mode &= !SET_ID);

        Cow::Owned(plain)
    }

    /// Whether a file in it runs with the rights of its owner or group.
    pub fn has_set_id(&self) -> bool {
        self.remarks.iter().any(|remark| remark.what == What::SetId)
    }

    /// Says of each such file that it lost them.
    pub fn note_set_id_left(&mut self) {
        let left: Vec<Name> =
            self.remarks.iter().filter(|r| r.what == What::SetId).map(|r| r.name.clone()).collect();
        left.iter().for_each(|name| self.remark(name, What::SetIdLeft));
    }

    /// For how many entries this was noticed.
    pub fn count(&self, what: What) -> u64 {
        self.remarks.iter().filter(|remark| remark.what == what).count() as u64
    }

    /// What changed while it was read: with any of these, the copy is not consistent.
    pub fn changed(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(|remark| remark.what.spoils())
    }

    /// As seen by a program without fractions of seconds.
    pub fn in_whole_seconds(mut self) -> Self {
        self.entries.values_mut().for_each(|entry| entry.mtime.nanos = 0);
        self
    }

    fn is_remarked(&self, name: &Name, what: What) -> bool {
        self.remarks.iter().any(|remark| remark.what == what && remark.name == *name)
    }

    /// Notes what could not be taken along.
    pub fn remark(&mut self, name: &Name, what: What) {
        self.remarks.push(Remark { name: name.clone(), what });
    }

    /// Adds an entry, and says what is unusual about it.
    pub fn add(&mut self, name: Name, entry: Entry) {
        match &entry.kind {
            Kind::Symlink { to } if name.leads_out(&to.0) => self.remark(&name, What::LeadsOut),
            Kind::File { .. } if entry.mode & SET_ID != 0 => self.remark(&name, What::SetId),
            _ => {}
        }
        self.entries.insert(name, entry);
    }
}

/// How two censuses differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The entry.
    pub name: Name,
    /// How it differs.
    pub how: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.how)
    }
}

/// The bits by which a program runs as its owner or group.
pub const SET_ID: u32 = 0o6000;

/// All differences of `found` from what was `wanted`, in the order of names; empty if they are the
/// same. Which of a file's names came first doesn't count, nor do owners: only root can give files
/// away.
pub fn differences(wanted: &Census, found: &Census) -> Vec<Difference> {
    let (first, other_first) = (wanted.first_names(), found.first_names());
    let mut out = Vec::new();
    let mut differs = |name: &Name, how: String| out.push(Difference { name: name.clone(), how });

    for (name, entry) in &wanted.entries {
        let Some(other) = found.entries.get(name) else {
            differs(name, "is missing".into());
            continue;
        };
        let (kind, other_kind) = (wanted.content(&entry.kind), found.content(&other.kind));
        if kind != other_kind {
            differs(name, unlike(kind, other_kind));
        } else if first.get(name) != other_first.get(name) {
            differs(name, "is a name of another file".into());
        } else if other.mode != entry.mode {
            differs(name, format!("has mode {:o} instead of {:o}", other.mode, entry.mode));
        } else if other.mtime != entry.mtime {
            differs(name, "has another modification time".into());
        } else if other.attributes != entry.attributes
            && !wanted.is_remarked(name, What::AttributesLeft)
        {
            differs(name, "has other ACLs, capabilities or attributes".into());
        }
    }

    let more = found.entries.keys().filter(|name| !wanted.entries.contains_key(*name));
    more.for_each(|name| differs(name, "should not be there".into()));
    out.sort_by(|a, b| a.name.cmp(&b.name));

    out
}

impl Census {
    /// A hard link is the file it is a name of.
    fn content<'a>(&'a self, kind: &'a Kind) -> &'a Kind {
        match kind {
            Kind::Hardlink { to } => self.entries.get(to).map_or(kind, |entry| &entry.kind),
            _ => kind,
        }
    }

    /// For each name of a file with several, the first one in byte order.
    fn first_names(&self) -> BTreeMap<&Name, &Name> {
        let mut files: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
        for (name, entry) in &self.entries {
            if let Kind::Hardlink { to } = &entry.kind {
                files.entry(to).or_insert_with(|| vec![to]).push(name);
            }
        }

        let mut first = BTreeMap::new();
        for names in files.values() {
            let least = names.iter().fold(names[0], |least, name| least.min(name));
            first.extend(names.iter().map(|name| (*name, least)));
        }

        first
    }
}

fn unlike(wanted: &Kind, found: &Kind) -> String {
    match (wanted, found) {
        (Kind::File { bytes, .. }, Kind::File { bytes: other, .. }) if bytes != other => {
            format!("has {other} bytes instead of {bytes}")
        }
        (Kind::File { .. }, Kind::File { .. }) => "has other content".into(),
        (Kind::Symlink { .. }, Kind::Symlink { .. }) => "leads elsewhere".into(),
        _ => format!("is a {} instead of a {}", found.noun(), wanted.noun()),
    }
}

impl Kind {
    fn noun(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Folder => "folder",
            Self::Symlink { .. } => "symbolic link",
            Self::Hardlink { .. } => "hard link",
        }
    }
}

#[cfg(test)]
mod tests;
