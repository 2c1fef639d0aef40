//! What is noted of a backup after it was made, beside its manifest: the manifest is written once, and
//! nothing rewrites what was proved.
//!
//! Notes name the manifest that they are of, by its SHA-256: a copy beside another one counts for
//! nothing. They have a digest of their own. Notes that can't be used may have said that the backup
//! is bad, so it counts as unverified then.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ending;
use super::manifest::{Manifest, UNCHANGED, Untried, Verification};
use crate::stream::{Check, Sum};

/// The newest format that this version reads.
const FORMAT: u32 = 2;

/// The format of notes without a pin. A version that knows no pins refuses format 2 as a newer one's,
/// and so never removes a pinned backup.
const WITHOUT_PIN: u32 = 1;

/// No notes are longer: a backup would be verified thousands of times.
const MOST: u64 = 1 << 20;

/// What was noted of one backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notes {
    format: u32,
    /// The SHA-256 of the manifest.
    of: String,
    /// Every time it was verified since it was made, oldest first.
    pub verified: Vec<Verification>,
    /// Why the last trial did not finish, if no later one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<Untried>,
    /// Whether it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pinned>,
    /// What a later version noted, which is kept.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
    digest: String,
}

/// That a backup stays, whatever the keep rules say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// When it was pinned.
    pub since: DateTime<Utc>,
    /// The last day, in UTC; without one it stays until somebody unpins it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// Why nobody knows whether it is: what became of the notes that may have held the pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

impl Pinned {
    /// What is noted in place of notes that can't be used.
    pub fn perhaps(since: DateTime<Utc>, why: &Why) -> Self {
        Self { since, until: None, doubt: Some(why.to_string()) }
    }

    /// Whether it still counts.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now.date_naive() <= until)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.doubt, self.until) {
            (Some(_), _) => f.write_str("perhaps pinned"),
            (None, Some(until)) => write!(f, "pinned until {until}"),
            (None, None) => f.write_str("pinned"),
        }
    }
}

/// What lies beside a manifest.
#[derive(Debug, Clone, PartialEq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// Notes of this backup.
    Notes(Notes),
    /// Something by their name.
    Unusable(Why),
}

/// Why notes can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A newer version wrote them.
    Newer(u32),
    /// They are of another manifest, or of this one as it was before somebody edited it.
    OfAnother,
    /// They can't be read, or are damaged.
    Damaged(String),
}

impl Why {
    /// Whether a verification writes them anew. A newer version's notes are left to it.
    pub fn is_ours_to_replace(&self) -> bool {
        !matches!(self, Self::Newer(_))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(format) => write!(
                f,
                "its notes are of format {format}, this version reads up to {FORMAT}: use a newer \
                 db-tasks"
            ),
            Self::OfAnother => f.write_str("its notes are of another manifest"),
            Self::Damaged(why) => write!(f, "its notes are damaged ({why})"),
        }
    }
}

/// The notes beside a manifest, which has these bytes.
pub fn beside(manifest: &Path, bytes: &[u8]) -> Beside {
    let path = ending::notes(manifest);
    let damaged = |why: String| Beside::Unusable(Why::Damaged(why));

    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Beside::Nothing,
        Err(e) => return damaged(e.to_string()),
        Ok(meta) if !meta.is_file() => return damaged("they are no file".into()),
        Ok(meta) if meta.len() > MOST => return damaged("they are too long".into()),
        Ok(_) => {}
    }

    match fs::read(&path).map_err(|e| Why::Damaged(e.to_string())) {
        Err(why) => Beside::Unusable(why),
        Ok(text) => match Notes::parse(&text, bytes) {
            Ok(notes) => Beside::Notes(notes),
            Err(why) => Beside::Unusable(why),
        },
    }
}

impl Notes {
    /// None yet, of a manifest with these bytes. What an older version noted in the manifest itself
    /// stays valid until something newer is noted.
    pub fn first(manifest: &Manifest, bytes: &[u8]) -> Self {
        Self {
            format: WITHOUT_PIN,
            of: Sum::of(bytes).hex(),
            verified: Vec::new(),
            untried: manifest.untried.clone(),
            pinned: None,
            others: BTreeMap::new(),
            digest: String::new(),
        }
    }

    fn parse(text: &[u8], manifest: &[u8]) -> Result<Self, Why> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }

        let read = serde_json::from_slice::<Self>(text);
        if let Ok(Head { format }) = serde_json::from_slice(text)
            && format > FORMAT
        {
            return Err(Why::Newer(format));
        }

        let notes = read.map_err(|e| Why::Damaged(e.to_string()))?;
        if notes.digest != notes.sum() {
            return Err(Why::Damaged("their digest does not match".into()));
        }
        if notes.of != Sum::of(manifest).hex() {
            return Err(Why::OfAnother);
        }

        Ok(notes)
    }

    /// Adds a verification. It answers why the same one could not be made before.
    pub fn verified(mut self, verification: Verification) -> Self {
        self.untried = self.untried.filter(|untried| untried.how != verification.how);
        // it may be found so every hour, for years
        if verification.how == UNCHANGED {
            self.verified.retain(|earlier| earlier.how != UNCHANGED);
        }
        self.verified.push(verification);
        self
    }

    /// Says why a verification could not be made.
    pub fn untried(self, untried: Untried) -> Self {
        Self { untried: Some(untried), ..self }
    }

    /// Pins it, or unpins it.
    pub fn pinned(self, pinned: Option<Pinned>) -> Self {
        let format = if pinned.is_some() { FORMAT } else { WITHOUT_PIN };
        Self { format, pinned, ..self }
    }

    /// As they are written, with their digest.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&Self { digest: self.sum(), ..self.clone() })
            .unwrap_or_default();
        text.push('\n');
        text
    }

    /// Over what they say, in the order of its names: another version may write it in another.
    fn sum(&self) -> String {
        let mut said = serde_json::to_value(self).unwrap_or_default();
        if let Some(all) = said.as_object_mut() {
            all.remove("digest");
        }

        let mut sum = Check::default();
        // nothing can fail: it is written nowhere
        let _ = serde_json::to_writer(&mut sum, &said);
        format!("crc32:{}", sum.hex())
    }
}

#[cfg(test)]
mod tests;
