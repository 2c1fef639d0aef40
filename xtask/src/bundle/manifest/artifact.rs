//! An artifact in a manifest: what all have, and what only its engine knows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::Keys;
use crate::stream::{Checksum, Codec, Coding, Encryption, Locked};
use crate::value::tree::{Census, Roll};
use crate::value::{Claims, Collections, Contents, DatabaseFacts, Format, TableRows};

/// One database's dump, or one store's artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The store's key in `db-tasks.toml`.
    pub store: String,
    /// File name, relative to the manifest.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The file's checksum, as `sha256sum` or `b3sum` prints it.
    pub checksum: Checksum,
    /// How the file is compressed.
    pub codec: Codec,
    /// How it was encrypted after that, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Bytes before they were compressed.
    pub plain_bytes: u64,
    /// When it was begun.
    pub started: DateTime<Utc>,
    /// Seconds it took.
    pub seconds: f64,
    /// Rows of all tables; of a store, entries or entities.
    pub rows: u64,
    /// What only its engine knows.
    pub holds: Holds,
}

/// What an artifact holds, in the words of its engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// A database.
    Postgresql(Box<Postgresql>),
    /// A tree of files.
    Tree(Roll),
    /// The same with every entry: manifests of format 2 have it, and no newer one.
    #[serde(skip_deserializing)]
    Entries(Census),
    /// The collections of a Milvus.
    Milvus(Milvus),
}

/// What is known of a database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Postgresql {
    /// The database as it was.
    pub database: DatabaseFacts,
    /// The server's version.
    pub server_version: String,
    /// pg_dump's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump_version: Option<String>,
    /// What pg_dump was told by `backup.pg-dump-args`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dump_args: Vec<String>,
    /// Extensions and their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    /// Migrators' ledgers that are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<TableRows>,
    /// Large objects.
    #[serde(default)]
    pub large_objects: u64,
    /// Rows of every table at the instant of the dump.
    #[serde(default)]
    pub tables: Vec<TableRows>,
    /// What the dump needs of roles and of the server; the first versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
}

/// What is known of the collections of a Milvus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Milvus {
    /// The server's version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_version: String,
    /// The collections.
    #[serde(flatten)]
    pub held: Collections,
}

impl Holds {
    fn format(&self) -> Format {
        match self {
            Self::Postgresql(_) => Format::Script,
            Self::Tree(_) | Self::Entries(_) => Format::Tar,
            Self::Milvus(_) => Format::Milvus,
        }
    }
}

impl Artifact {
    /// An entry before its file was written or read: what is counted then is filled in by the seal.
    pub fn begun(store: String, file: String, codec: Codec, holds: Holds) -> Self {
        let checksum = Checksum { method: holds.format().sum(), hex: String::new() };

        Self {
            store,
            file,
            bytes: 0,
            checksum,
            codec,
            encryption: None,
            plain_bytes: 0,
            started: DateTime::UNIX_EPOCH,
            seconds: 0.0,
            rows: 0,
            holds,
        }
    }

    /// What its bytes are.
    pub fn format(&self) -> Format {
        self.holds.format()
    }

    /// How its file is read, with these keys.
    pub fn coding(&self, keys: &Keys) -> Coding {
        let locked = self.encryption.clone().map(|by| Locked { by, keys: keys.clone() });
        Coding { codec: self.codec, locked }
    }

    /// What is known of a database, if it is one.
    pub fn postgresql(&self) -> Option<&Postgresql> {
        match &self.holds {
            Holds::Postgresql(known) => Some(known),
            _ => None,
        }
    }

    /// The database's own name; none of a store.
    pub fn database(&self) -> Option<&str> {
        self.postgresql().map(|known| known.database.name.as_str())
    }

    /// Rows of every table; a store has none.
    pub fn tables(&self) -> &[TableRows] {
        self.postgresql().map_or(&[], |known| &known.tables)
    }

    /// What is in a store's artifact.
    pub fn contents(&self) -> Option<Contents> {
        match &self.holds {
            Holds::Postgresql(_) => None,
            Holds::Tree(roll) => Some(Contents::Tree(roll.clone())),
            Holds::Entries(census) => Some(Contents::Files(census.clone())),
            Holds::Milvus(known) => Some(Contents::Collections(known.held.clone())),
        }
    }

    /// The version of the server that it is from, if one said it.
    pub fn server_version(&self) -> Option<&str> {
        let version = match &self.holds {
            Holds::Postgresql(known) => &known.server_version,
            Holds::Milvus(known) => &known.server_version,
            Holds::Tree(_) | Holds::Entries(_) => return None,
        };
        Some(version.as_str()).filter(|version| !version.is_empty())
    }

    /// A number that can't come from a server or a clock.
    pub(super) fn absurdity(&self) -> Option<String> {
        if !self.seconds.is_finite() || self.seconds < 0.0 {
            return Some(format!("{} seconds", self.seconds));
        }

        let known = self.postgresql()?;
        let limit = known.database.connection_limit;
        if !(-1..=i64::from(i32::MAX)).contains(&limit) {
            return Some(format!("a connection limit of {limit}"));
        }

        let listed = sum(known.tables.iter().map(|t| t.rows));
        let differs = !known.tables.is_empty() && listed != self.rows;

        differs.then(|| format!("{} rows in all, and {listed} in its tables", self.rows))
    }
}

/// What the manifest's own digest leaves out of an artifact: its file's name, when it was begun, and
/// the seconds it took.
pub(in crate::bundle) type Aside<'a> = (&'a mut String, &'a mut DateTime<Utc>, &'a mut f64);

/// An artifact of any format.
pub(in crate::bundle) trait SetAside {
    fn set_aside(&mut self) -> Aside<'_>;
}

impl SetAside for Artifact {
    fn set_aside(&mut self) -> Aside<'_> {
        (&mut self.file, &mut self.started, &mut self.seconds)
    }
}

/// A sum of numbers in a manifest, which may be anything.
pub(super) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}
