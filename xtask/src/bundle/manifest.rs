//! `manifest.json`: what a backup holds and how it was checked while it was made. It is written once.
//! What is noted later is beside it (`notes`). Old manifests stay readable for ever (`older`).

mod artifact;
mod ledgers;
mod older;
mod verified;

use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(super) use self::artifact::SetAside;
use self::artifact::sum;
pub use self::artifact::{Artifact, Holds, Milvus, Postgresql};
pub use self::ledgers::{LEDGER_SCHEMAS, LEDGERS};
pub use self::verified::{UNCHANGED, Untried, Verification};
use super::intact::{changed, digest, is_intact};
use super::notes::{Beside, Pinned, Why, beside};
use super::ratchet::Shrunk;
use crate::stream::{Checksum, Encryption};
use crate::value::{Anchor, Format};

/// The format of a backup that is not encrypted. This version reads all before it, too.
pub const FORMAT: u32 = 5;

/// The format of one that is: the same, and `encryption`. Versions that do not know it would take
/// such a file for a damaged one, and refuse a newer format.
pub const ENCRYPTED: u32 = 6;

/// The format of a backup with this artifact.
pub fn format_of(artifact: &Artifact) -> u32 {
    if artifact.encryption.is_some() { ENCRYPTED } else { FORMAT }
}

/// A backup's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest<A = Artifact> {
    /// Format version; readers refuse newer ones.
    pub format: u32,
    /// The tool that wrote it.
    pub tool: String,
    /// When the backup was begun.
    pub created: DateTime<Utc>,
    /// Why it was made.
    pub reason: Reason,
    /// Your note on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The project.
    pub project: String,
    /// Whether its file names it so; otherwise it is its folder's name, which differs in another
    /// clone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub project_named: bool,
    /// The project's environment.
    pub environment: String,
    /// The machine that made it; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The head of the audit log when it was made: a log that is cut later no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Anchor>,
    /// Whether it satisfies no safety rule: something is missing from it, or it is shrunken, which
    /// versions that know no ratchet take for partial.
    #[serde(default)]
    pub partial: bool,
    /// What is missing from it, and why: stores that were down, and those that changed while they
    /// were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Of what it holds fewer records than the ratchet wants: such a backup is shrunken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shrunken: Vec<Shrunk>,
    /// Its artifacts, one per database and store.
    pub artifacts: Vec<A>,
    /// Every time it was verified, oldest first. In the file is what was known when it was written;
    /// what was noted since is added when it is read.
    #[serde(default)]
    pub verified: Vec<Verification>,
    /// Why the last trial did not finish, if no later one did: that says nothing against the
    /// backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<Untried>,
    /// A digest over this manifest, to detect damage. Older versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Whether it is pinned, which is noted beside it.
    #[serde(skip)]
    pub pinned: Option<Pinned>,
    /// Whether there are notes beside it.
    #[serde(skip)]
    pub noted: Noted,
}

/// Whether something was noted of a backup since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Noted {
    /// Nothing.
    #[default]
    Nothing,
    /// It is in the manifest as it was read.
    Read,
    /// It can't be used, and this is why. It may have been that the backup is bad.
    Unusable(Why),
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody asked for it.
    Manual,
    /// Before a reset.
    PreReset,
    /// Before a wipe.
    PreWipe,
    /// Before the project's own migrator or seed.
    PreMigrate,
    /// Before a restore that could not be staged.
    PreRestore,
    /// By a schedule.
    Scheduled,
    /// Another tool made it, and `db-adopt` read it.
    Adopted,
}

impl Reason {
    /// Whether something is destroyed next that only this backup brings back.
    pub fn is_safety(self) -> bool {
        matches!(self, Self::PreReset | Self::PreWipe | Self::PreMigrate | Self::PreRestore)
    }
}

/// What is missing from a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The store's key in `db-tasks.toml`.
    pub store: String,
    /// Why, in words.
    pub why: String,
    /// The table (`schema.name`), if only the rows of one are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

impl Manifest {
    /// Whether it is a salvage of a damaged database: there may be no other copy of it.
    pub fn is_saved(&self) -> bool {
        self.missing.iter().any(|missing| missing.table.is_some())
    }

    /// What a partial backup lacks, and why.
    pub fn without(&self) -> String {
        self.missing
            .iter()
            .map(|m| format!("`{}`: {}", m.store, m.why))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Why it satisfies no safety rule, in capitals, if it does not.
    pub fn flaws(&self) -> Option<String> {
        let partial = (!self.missing.is_empty()).then(|| format!("PARTIAL: {}", self.without()));
        let flaws = [self.shrink().map(|why| format!("SHRUNKEN: {why}")), partial];
        let flaws: Vec<String> = flaws.into_iter().flatten().collect();
        self.partial.then(|| flaws.join("; "))
    }

    /// Of what a shrunken backup holds too little.
    pub fn shrink(&self) -> Option<String> {
        let whys: Vec<&str> = self.shrunken.iter().map(|shrunk| shrunk.why.as_str()).collect();
        (!whys.is_empty()).then(|| whys.join("; "))
    }

    /// Reads a manifest, and what was noted of the backup since. Notes that can't be used make it
    /// unverified.
    ///
    /// # Errors
    /// It can't be read, is not a manifest of ours, or has a newer format than this version knows.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let manifest = Self::parse(&text)?;
        Ok(manifest.with_notes(beside(path, text.as_bytes())))
    }

    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let head = || serde_json::from_str::<Head>(text).map(|head| head.format);
        let mut manifest = match serde_json::from_str::<Self>(text) {
            Ok(manifest) if (FORMAT..=ENCRYPTED).contains(&manifest.format) => manifest,
            // its number says more than a field that is missing
            read => match (head(), read) {
                (Ok(format), _) if format > ENCRYPTED => anyhow::bail!(
                    "it is of format {format}, this version reads up to {ENCRYPTED}: use a newer \
                     db-tasks"
                ),
                (Ok(format), _) if format < FORMAT => older::parse(text)?,
                (_, Err(e)) => return Err(e).context("it is not a manifest of db-tasks"),
                (_, Ok(manifest)) => manifest,
            },
        };

        if let Some(why) = manifest.absurdity() {
            anyhow::bail!("its numbers can't be right: {why}");
        }
        // the digest of an older one was compared in its own shape
        if manifest.format >= FORMAT && !is_intact(&mut manifest) {
            return Err(changed());
        }

        Ok(manifest)
    }

    fn with_notes(mut self, found: Beside) -> Self {
        match found {
            Beside::Nothing => {}
            Beside::Notes(notes) => {
                self.verified.extend(notes.verified);
                self.untried = notes.untried;
                self.pinned = notes.pinned;
                self.noted = Noted::Read;
            }
            Beside::Unusable(why) => {
                (self.verified, self.untried) = (Vec::new(), None);
                self.noted = Noted::Unusable(why);
            }
        }
        self
    }

    /// Why its last check is not known, if it is not.
    pub fn doubt(&self) -> Option<String> {
        match &self.noted {
            Noted::Unusable(why) => Some(format!(
                "what was noted of it since it was made can't be used: {why}. It counts as \
                 unverified until `db-verify` has read it again"
            )),
            Noted::Nothing | Noted::Read => None,
        }
    }

    /// Whether a text is a manifest of another tool with the same file name: it can be read, and
    /// has none of our keys. If it can't be read, it counts as ours, and broken.
    pub fn is_of_another_tool(path: &Path) -> bool {
        let read = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).ok()?).ok();
        read().is_some_and(|value| {
            let empty = value.as_object().is_none_or(serde_json::Map::is_empty)
                && value.as_array().is_none_or(Vec::is_empty);
            let ours = value
                .get("tool")
                .and_then(|tool| tool.as_str())
                .is_some_and(|tool| tool.contains("db-tasks"));

            !ours
                && !empty
                && value.get("artifacts").is_none()
                && !value.get("format").is_some_and(serde_json::Value::is_number)
        })
    }

    fn absurdity(&self) -> Option<String> {
        let encrypted = self.artifacts.iter().find(|artifact| artifact.encryption.is_some());
        match (encrypted, self.format) {
            (Some(one), ..ENCRYPTED) => {
                let Artifact { store, .. } = one;
                return Some(format!(
                    "`{store}` is encrypted, which format {} is not",
                    self.format
                ));
            }
            (None, ENCRYPTED) => return Some("its format is one of encrypted backups".into()),
            _ => {}
        }

        self.artifacts.iter().find_map(|artifact| {
            let Checksum { hex, .. } = &artifact.checksum;
            let is_a_sum = hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
            if self.format >= FORMAT && !is_a_sum {
                return Some(format!("an invalid checksum of `{}`", artifact.store));
            }
            artifact.absurdity()
        })
    }

    /// As it is written, with its digest.
    pub fn to_json(&self) -> String {
        let mut manifest = self.clone();
        manifest.digest = Some(digest(&mut manifest));
        pretty(&manifest)
    }

    /// The same in one line, which is one line of a diff.
    pub fn to_line(&self) -> String {
        let mut manifest = self.clone();
        manifest.digest = Some(digest(&mut manifest));
        let mut text = serde_json::to_string(&manifest).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The newest verification.
    pub fn last_verified(&self) -> Option<&Verification> {
        self.verified.last()
    }

    /// When it was last restored for a trial that passed.
    pub fn last_deep(&self) -> Option<DateTime<Utc>> {
        let deep = self.verified.iter().filter(|v| v.good && v.how == "deep");
        deep.map(|v| v.when).max()
    }

    /// Whether a safety rule may count it: complete, and its last check passed.
    pub fn is_good(&self) -> bool {
        !self.partial && self.last_verified().is_some_and(|v| v.good)
    }

    /// Whether what it says of its files was verified, even if it is partial.
    pub fn is_sound(&self) -> bool {
        self.shrunken.is_empty()
            && self.doubt().is_none()
            && self.last_verified().is_some_and(|v| v.good)
    }

    /// When a newer dump was last found to be the same.
    pub fn unchanged_at(&self) -> Option<DateTime<Utc>> {
        let seen = self.verified.iter().filter(|seen| seen.how == UNCHANGED && seen.good);
        seen.map(|seen| seen.when).max()
    }

    /// How it is encrypted, if it is.
    pub fn encryption(&self) -> Option<&Encryption> {
        self.artifacts.iter().find_map(|artifact| artifact.encryption.as_ref())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        sum(self.artifacts.iter().map(|a| a.bytes))
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        sum(self.artifacts.iter().filter(|a| a.format() == Format::Script).map(|a| a.rows))
    }
}

impl<A> Manifest<A> {
    /// The same with other artifacts.
    fn with<B>(self, of: impl Fn(A) -> B) -> Manifest<B> {
        Manifest {
            format: self.format,
            tool: self.tool,
            created: self.created,
            reason: self.reason,
            label: self.label,
            project: self.project,
            project_named: self.project_named,
            environment: self.environment,
            host: self.host,
            audit: self.audit,
            partial: self.partial,
            missing: self.missing,
            shrunken: self.shrunken,
            artifacts: self.artifacts.into_iter().map(of).collect(),
            verified: self.verified,
            untried: self.untried,
            digest: self.digest,
            pinned: self.pinned,
            noted: self.noted,
        }
    }
}

fn pretty<A: Serialize>(manifest: &Manifest<A>) -> String {
    let mut text = serde_json::to_string_pretty(manifest).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
