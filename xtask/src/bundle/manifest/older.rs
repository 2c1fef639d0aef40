//! Manifests of formats 1 to 4, which say everything of every engine side by side. They are read for
//! ever, into what format 5 says, and never written.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::intact::{changed, is_intact};
use super::Manifest;
use super::artifact::{Artifact, Aside, Holds, Milvus, Postgresql, SetAside};
use crate::stream::{Checksum, Codec, Method};
use crate::value::{Claims, Contents, DatabaseFacts, Format, TableRows};

/// The first format in which the file of a tree may have a BLAKE3.
const BLAKE3: u32 = 4;

/// An artifact of these formats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Flat {
    store: String,
    /// `postgres`, `files` or `milvus`.
    kind: String,
    file: String,
    bytes: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sha256: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    blake3: String,
    codec: Codec,
    plain_bytes: u64,
    started: DateTime<Utc>,
    seconds: f64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    database: DatabaseFacts,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    server_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dump_version: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extensions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    migrations: Vec<TableRows>,
    rows: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    large_objects: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tables: Vec<TableRows>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contents: Option<Contents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claims: Option<Claims>,
}

/// No database at all: the artifact is a store's.
fn is_nothing(database: &DatabaseFacts) -> bool {
    database.name.is_empty()
}

// serde hands over a reference
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Reads one.
pub(super) fn parse(text: &str) -> Result<Manifest> {
    let mut older: Manifest<Flat> =
        serde_json::from_str(text).context("it is not a manifest of db-tasks")?;
    let format = older.format;

    if let Some(why) = older.artifacts.iter().find_map(|flat| flat.absurdity(format)) {
        return Err(anyhow!("its numbers can't be right: {why}"));
    }
    // what a digest is of has the shape of its time
    if !is_intact(&mut older) {
        return Err(changed());
    }

    Ok(older.with(Artifact::from))
}

impl Flat {
    fn absurdity(&self, format: u32) -> Option<String> {
        let Self { store, .. } = self;
        if self.sha256.is_empty() == self.blake3.is_empty() {
            return Some(format!("`{store}` must have exactly one checksum"));
        }
        if !self.blake3.is_empty() && format < BLAKE3 {
            return Some(format!("a checksum of `{store}` that format {format} does not have"));
        }

        let of_kind = Format::of_kind(&self.kind);
        match &self.contents {
            None if of_kind != Format::Script => Some(format!("`{store}` without its contents")),
            Some(contents) if contents.format() != of_kind => {
                Some(format!("`{store}` of the kind {} with contents of another", self.kind))
            }
            _ => None,
        }
    }
}

impl From<Flat> for Artifact {
    fn from(flat: Flat) -> Self {
        let holds = match flat.contents {
            None => Holds::Postgresql(Box::new(Postgresql {
                database: flat.database,
                server_version: flat.server_version,
                dump_version: flat.dump_version,
                dump_args: Vec::new(),
                extensions: flat.extensions,
                migrations: flat.migrations,
                large_objects: flat.large_objects,
                tables: flat.tables,
                claims: flat.claims,
            })),
            Some(Contents::Tree(roll)) => Holds::Tree(roll),
            Some(Contents::Files(census)) => Holds::Entries(census),
            Some(Contents::Collections(held)) => {
                Holds::Milvus(Milvus { server_version: flat.server_version, held })
            }
        };
        let (method, hex) = if flat.blake3.is_empty() {
            (Method::Sha256, flat.sha256)
        } else {
            (Method::Blake3, flat.blake3)
        };

        Self {
            store: flat.store,
            file: flat.file,
            bytes: flat.bytes,
            checksum: Checksum { method, hex },
            codec: flat.codec,
            encryption: None,
            plain_bytes: flat.plain_bytes,
            started: flat.started,
            seconds: flat.seconds,
            rows: flat.rows,
            holds,
        }
    }
}

impl SetAside for Flat {
    fn set_aside(&mut self) -> Aside<'_> {
        (&mut self.file, &mut self.started, &mut self.seconds)
    }
}
