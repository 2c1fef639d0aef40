//! `manifest.json`: what a backup holds and what was proved of it. Old manifests stay readable for
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

/// The format of a manifest that older versions can read, too: one of databases alone.
const DATABASES_ONLY: u32 = 1;

/// The format of one without trees, or with every entry of them.
const WITH_STORES: u32 = 2;

/// The format of one with trees in few words, whose files are summed by SHA-256 like all others.
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
    /// The person's words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The project.
    pub project: String,
    /// Whether its file names it so; else it is its folder's name, which another clone has not.
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
    /// What kept the last trial from being one, where no later trial came to an end: nothing is
    /// said against the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<Untried>,
    /// A sum over what is said here: what is damaged is told from what was never so. Older
    /// versions wrote none.
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
    /// Whether something is destroyed next that the backup is the way back to.
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
    /// The table (`schema.name`), where the rows of one are missing alone.
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
    /// Of a tree's, from format 4 on, in its place: blake3 of the file, as `b3sum` prints it.
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
    /// What a dump takes of roles and of the server; older versions did not say.
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
    /// `written` (proved as it was written), `quick` or `deep`.
    pub how: String,
    /// Whether it proved good.
    pub good: bool,
}

/// A verification that could not be tried where it was: a role is missing there, or a lock limit
/// too low.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untried {
    /// When.
    pub when: DateTime<Utc>,
    /// `deep`.
    pub how: String,
    /// What was in the way.
    pub why: String,
}

/// Tables in which the known migrators keep what they have done, with the locks and settings that belong to them.
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
    /// Whether it is what was saved of a damaged database: there may be no other copy of it.
    pub fn is_saved(&self) -> bool {
        self.missing.iter().any(|missing| missing.table.is_some())
    }

    /// What a partial backup is without, and why.
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
    /// It can't be read, is no manifest of ours, or is of a newer format than this version knows.
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
                    "it has changed since it was written: its own digest does not fit"
                )),
                None => Ok(manifest),
            },
            // a newer format may lack what this version looks for: its number says more than what
            // is missing
            Err(e) => match serde_json::from_str::<Head>(&text) {
                Ok(head) if head.format > FORMAT => Err(newer(head.format)),
                _ => Err(e).context("it is no manifest of db-tasks"),
            },
        }
    }

    /// Whether a text is a manifest of ours, or of another tool that calls its file so: where it
    /// can be read at all, and has none of our keys. What can't be read is nobody's, and so it
    /// is ours that is broken.
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

    /// A number that no server and no clock has given.
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
                return Some(format!("`{}` has one checksum, not none or two", artifact.store));
            }

            if !artifact.blake3.is_empty() && self.format < FORMAT {
                return Some(format!(
                    "a sum of `{}` that format {} does not have",
                    artifact.store, self.format
                ));
            }

            if artifact.format() != Format::Script && artifact.contents.is_none() {
                return Some(format!("`{}` without what it holds", artifact.store));
            }

            let listed = sum(artifact.tables.iter().map(|t| t.rows));
            let differs = !artifact.tables.is_empty() && listed != artifact.rows;

            differs.then(|| format!("{} rows in all, and {listed} in its tables", artifact.rows))
        })
    }

    /// The lowest format that says it all: whoever shares a folder with an older version goes on
    /// doing so.
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

    /// Whether a safety rule may count on it: whole, and proved good when last looked at.
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

/// A sum of what a manifest says, which may be anything.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

impl Artifact {
    /// What its bytes are.
    pub fn format(&self) -> Format {
        Format::of_kind(&self.kind)
    }

    /// The sum that its file has to have.
    pub fn checksum(&self) -> Checksum {
        let (method, hex) = if self.blake3.is_empty() {
            (Method::Sha256, &self.sha256)
        } else {
            (Method::Blake3, &self.blake3)
        };
        Checksum { method, hex: hex.clone() }
    }

    /// Keeps the sum that its file has.
    pub fn summed(&mut self, Checksum { method, hex }: Checksum) {
        (self.sha256, self.blake3) = match method {
            Method::Sha256 => (hex, String::new()),
            Method::Blake3 => (String::new(), hex),
        };
    }
}

#[cfg(test)]
mod tests;
