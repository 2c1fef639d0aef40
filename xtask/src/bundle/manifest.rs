//! `manifest.json`: what a backup holds and how it was checked. Old manifests stay readable for
//! ever.

use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::intact::{digest, is_intact};
use crate::stream::{Checksum, Codec, Method};
use crate::value::{Claims, Contents, DatabaseFacts, Format, TableRows};

/// The newest format that this version reads and writes.
pub const FORMAT: u32 = 4;

/// The format of a manifest that older versions can read, too: one of databases only.
const DATABASES_ONLY: u32 = 1;

/// The format of one without trees, or with every entry of them.
const WITH_STORES: u32 = 2;

/// The format of one with a summary of trees, whose files have a SHA-256 like all others.
const IN_FEW_WORDS: u32 = 3;

/// A backup's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
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
    /// Whether something is missing from it: a partial backup satisfies no safety rule.
    #[serde(default)]
    pub partial: bool,
    /// What is missing from it, and why: stores that were down, and those that changed while they
    /// were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Its artifacts, one per database and store.
    pub artifacts: Vec<Artifact>,
    /// Every time it was verified, oldest first.
    #[serde(default)]
    pub verified: Vec<Verification>,
    /// Why the last trial did not finish, if no later one did: that says nothing against the
    /// backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<Untried>,
    /// A digest over this manifest, to detect damage. Older versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
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

/// One database's dump, or one store's artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The store's key in `db-tasks.toml`.
    pub store: String,
    /// `postgres`, `files` or `milvus`.
    pub kind: String,
    /// File name, relative to the manifest.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// sha256 of the file, as `sha256sum` prints it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// For a tree, from format 4 on, instead: blake3 of the file, as `b3sum` prints it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub blake3: String,
    /// How the file is compressed.
    pub codec: Codec,
    /// Bytes before they were compressed.
    pub plain_bytes: u64,
    /// When the dump began.
    pub started: DateTime<Utc>,
    /// Seconds it took.
    pub seconds: f64,
    /// The database as it was.
    #[serde(default, skip_serializing_if = "DatabaseFacts::is_none")]
    pub database: DatabaseFacts,
    /// The server's version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_version: String,
    /// pg_dump's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump_version: Option<String>,
    /// Extensions and their versions.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub extensions: std::collections::BTreeMap<String, String>,
    /// Migrators' ledgers that are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<TableRows>,
    /// Rows of all tables; of a store, entries or entities.
    pub rows: u64,
    /// Large objects.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub large_objects: u64,
    /// Rows of every table at the instant of the dump.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableRows>,
    /// What a store's artifact holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
    /// What a dump needs of roles and of the server; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
}

// serde hands over a reference
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// One verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// When.
    pub when: DateTime<Utc>,
    /// `written` (verified while it was written), `quick` or `deep`.
    pub how: String,
    /// Whether it passed.
    pub good: bool,
}

/// A verification that could not be made there: a role is missing, or a lock limit is too low.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untried {
    /// When.
    pub when: DateTime<Utc>,
    /// `deep`.
    pub how: String,
    /// What prevented it.
    pub why: String,
}

/// Tables in which the known migrators record what they did, with the locks and settings that
/// belong to them.
#[rustfmt::skip]
pub const LEDGERS: [&str; 34] = [
    "SequelizeMeta", "__EFMigrationsHistory", "__diesel_schema_migrations", "__drizzle_migrations", "_prisma_migrations",
    "_sqlx_migrations", "_yoyo_log", "_yoyo_migration", "_yoyo_version", "aerich", "alembic_version", "ar_internal_metadata",
    "atlas_schema_revisions", "databasechangelog", "databasechangeloglock", "django_migrations",
    "doctrine_migration_versions", "flyway_schema_history", "goose_db_version", "knex_migrations", "knex_migrations_lock",
    "kysely_migration", "kysely_migration_lock", "migration_versions", "migrations", "mikro_orm_migrations", "pgmigrations",
    "phinxlog", "piccolo_migration", "refinery_schema_history", "schema_migrations", "schema_version", "typeorm_metadata",
    "yoyo_lock",
];

/// Schemas that a migrator has to itself.
pub const LEDGER_SCHEMAS: [&str; 5] =
    ["drizzle", "graphile_migrate", "pgroll", "sqitch", "supabase_migrations"];

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

    /// Reads a manifest.
    ///
    /// # Errors
    /// It can't be read, is not a manifest of ours, or has a newer format than this version knows.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let newer = |format| {
            anyhow::anyhow!(
                "it is of format {format}, this version reads up to {FORMAT}: use a newer db-tasks"
            )
        };

        match serde_json::from_str::<Self>(&text) {
            Ok(manifest) if manifest.format > FORMAT => Err(newer(manifest.format)),
            Ok(mut manifest) => match manifest.absurdity() {
                Some(why) => Err(anyhow::anyhow!("its numbers can't be right: {why}")),
                None if !is_intact(&mut manifest) => Err(anyhow::anyhow!(
                    "it has changed since it was written: its digest does not match"
                )),
                None => Ok(manifest),
            },
            // a newer format may lack what this version looks for: its number says more than a
            // missing field
            Err(e) => match serde_json::from_str::<Head>(&text) {
                Ok(head) if head.format > FORMAT => Err(newer(head.format)),
                _ => Err(e).context("it is not a manifest of db-tasks"),
            },
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

    /// A number that can't come from a server or a clock.
    fn absurdity(&self) -> Option<String> {
        self.artifacts.iter().find_map(|artifact| {
            let limit = artifact.database.connection_limit;
            if !(-1..=i64::from(i32::MAX)).contains(&limit) {
                return Some(format!("a connection limit of {limit}"));
            }
            if !artifact.seconds.is_finite() || artifact.seconds < 0.0 {
                return Some(format!("{} seconds", artifact.seconds));
            }

            if artifact.sha256.is_empty() == artifact.blake3.is_empty() {
                return Some(format!("`{}` must have exactly one checksum", artifact.store));
            }

            if !artifact.blake3.is_empty() && self.format < FORMAT {
                return Some(format!(
                    "a checksum of `{}` that format {} does not have",
                    artifact.store, self.format
                ));
            }

            if artifact.format() != Format::Script && artifact.contents.is_none() {
                return Some(format!("`{}` without its contents", artifact.store));
            }

            let listed = sum(artifact.tables.iter().map(|t| t.rows));
            let differs = !artifact.tables.is_empty() && listed != artifact.rows;

            differs.then(|| format!("{} rows in all, and {listed} in its tables", artifact.rows))
        })
    }

    /// The lowest format that can say everything: a folder may be shared with an older version.
    pub fn format(artifacts: &[Artifact], missing: &[Missing]) -> u32 {
        let plain = artifacts.iter().all(|a| a.contents.is_none() && a.format() == Format::Script)
            && missing.is_empty();
        let in_few_words = artifacts.iter().any(|a| matches!(a.contents, Some(Contents::Tree(_))));
        match (in_few_words, plain) {
            _ if artifacts.iter().any(|a| !a.blake3.is_empty()) => FORMAT,
            (true, _) => IN_FEW_WORDS,
            (false, true) => DATABASES_ONLY,
            (false, false) => WITH_STORES,
        }
    }

    /// As it is written, with its digest.
    pub fn to_json(&self) -> String {
        let mut manifest = self.clone();
        manifest.digest = Some(digest(&mut manifest));
        manifest.pretty()
    }

    fn pretty(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The newest verification.
    pub fn last_verified(&self) -> Option<&Verification> {
        self.verified.last()
    }

    /// Whether a safety rule may count it: complete, and its last check passed.
    pub fn is_good(&self) -> bool {
        !self.partial && self.last_verified().is_some_and(|v| v.good)
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

/// A checksum in a manifest, which may be anything.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

impl Artifact {
    /// What its bytes are.
    pub fn format(&self) -> Format {
        Format::of_kind(&self.kind)
    }

    /// The checksum that its file must have.
    pub fn checksum(&self) -> Checksum {
        let (method, hex) = if self.blake3.is_empty() {
            (Method::Sha256, &self.sha256)
        } else {
            (Method::Blake3, &self.blake3)
        };
        Checksum { method, hex: hex.clone() }
    }

    /// Stores the checksum of its file.
    pub fn summed(&mut self, Checksum { method, hex }: Checksum) {
        (self.sha256, self.blake3) = match method {
            Method::Sha256 => (hex, String::new()),
            Method::Blake3 => (String::new(), hex),
        };
    }
}

#[cfg(test)]
mod tests;
