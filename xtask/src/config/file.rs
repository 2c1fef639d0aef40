//! `db-tasks.toml` as written. Unknown keys are refused with their place and the nearest right
//! word. What each key means is said once, in `settings`, which has an entry for each field here.
#![allow(missing_docs)]

mod operations;
mod scalar;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use toml::Spanned;

pub use self::operations::{EncryptionTable, NoticeTable, ScheduleTable};
pub use self::scalar::{Decimal, Octal, Scalar};
use super::settings;
use crate::problem::{Code, Problem};

/// A string as the file has it, before `${…}` is expanded, with its position.
pub type Text = Spanned<String>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    #[serde(default)]
    pub project: ProjectTable,
    #[serde(default)]
    pub containers: BTreeMap<Text, ContainerTable>,
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseTable>,
    #[serde(default)]
    pub stores: BTreeMap<Text, StoreTable>,
    #[serde(default)]
    pub backup: BackupTable,
    #[serde(default)]
    pub encryption: EncryptionTable,
    #[serde(default)]
    pub retention: BTreeMap<Text, RetentionTable>,
    #[serde(default)]
    pub restore: RestoreTable,
    #[serde(default)]
    pub wipe: WipeTable,
    #[serde(default)]
    pub reset: ResetTable,
    #[serde(default)]
    pub prepare: PrepareTable,
    #[serde(default)]
    pub guards: GuardsTable,
    #[serde(default)]
    pub hooks: HooksTable,
    #[serde(default)]
    pub schedule: ScheduleTable,
    #[serde(default)]
    pub notices: BTreeMap<Text, NoticeTable>,
    #[serde(default)]
    pub audit: AuditTable,
    #[serde(default)]
    pub metrics: MetricsTable,
}

/// `[project]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProjectTable {
    pub name: Option<Text>,
    pub environment: Option<Text>,
    pub logs: Option<Text>,
}

/// `[containers.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContainerTable {
    pub docker: Option<Text>,
    pub compose: Option<ComposeTable>,
    pub engine: Option<Text>,
    #[serde(default)]
    pub stop_during: Vec<Text>,
    pub ready_within: Option<Spanned<Scalar>>,
}

/// `compose = { service = "db" }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComposeTable {
    pub service: Text,
    pub file: Option<Text>,
    pub project: Option<Text>,
    pub index: Option<Spanned<Scalar>>,
}

/// `[databases.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatabaseTable {
    pub container: Option<Text>,
    pub cluster: Option<Text>,
    pub init: Option<Text>,
    pub programs: Option<Text>,
    pub testing: Option<Text>,
    #[serde(default)]
    pub postgres: PostgresTable,
    #[serde(default)]
    pub hooks: HooksTable,
}

/// `postgres = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresTable {
    pub url: Option<Text>,
    pub host: Option<Text>,
    pub port: Option<Spanned<Scalar>>,
    pub database: Option<Text>,
    pub user: Option<Text>,
    pub password_env: Option<Text>,
    pub maintenance_database: Option<Text>,
}

/// `[stores.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StoreTable {
    pub container: Option<Text>,
    pub files: Option<FilesTable>,
    pub milvus: Option<MilvusTable>,
    pub optional: Option<Spanned<bool>>,
}

/// `files = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilesTable {
    pub path: Text,
    #[serde(default)]
    pub exclude: Vec<Text>,
    pub keep_rights: Option<Spanned<bool>>,
}

/// `milvus = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MilvusTable {
    pub url: Option<Text>,
    pub database: Option<Text>,
    pub token_env: Option<Text>,
    pub wipe: Option<Text>,
}

/// `[backup]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackupTable {
    pub dir: Option<Text>,
    pub name: Option<Text>,
    pub timestamp: Option<Text>,
    pub compress: Option<Text>,
    pub level: Option<Spanned<Scalar>>,
    #[serde(default)]
    pub pg_dump_args: Vec<Text>,
    pub form: Option<Text>,
    #[serde(default)]
    pub key_order: Vec<Text>,
    pub mode: Option<Spanned<Octal>>,
    pub latest: Option<Text>,
    pub keep_days: Option<Spanned<Scalar>>,
    pub min_keep: Option<Spanned<Scalar>>,
    pub keep_last: Option<Spanned<Scalar>>,
    pub keep_within: Option<Text>,
    pub keep_hourly: Option<Spanned<Scalar>>,
    pub keep_daily: Option<Spanned<Scalar>>,
    pub keep_weekly: Option<Spanned<Scalar>>,
    pub keep_monthly: Option<Spanned<Scalar>>,
    pub keep_yearly: Option<Spanned<Scalar>>,
    pub max_size: Option<Text>,
    pub interval_hours: Option<Spanned<Scalar>>,
    pub ask: Option<Spanned<bool>>,
}

/// `[retention.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RetentionTable {
    #[serde(default)]
    pub labels: Vec<Text>,
    #[serde(default)]
    pub of: Vec<Text>,
    pub keep_days: Option<Spanned<Scalar>>,
    pub min_keep: Option<Spanned<Scalar>>,
    pub keep_last: Option<Spanned<Scalar>>,
    pub keep_within: Option<Text>,
    pub keep_hourly: Option<Spanned<Scalar>>,
    pub keep_daily: Option<Spanned<Scalar>>,
    pub keep_weekly: Option<Spanned<Scalar>>,
    pub keep_monthly: Option<Spanned<Scalar>>,
    pub keep_yearly: Option<Spanned<Scalar>>,
}

/// `[restore]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RestoreTable {
    pub next: Option<Vec<Text>>,
    pub no_owner: Option<Spanned<bool>>,
    pub no_privileges: Option<Spanned<bool>>,
}

/// `[wipe]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WipeTable {
    pub next: Option<Vec<Text>>,
}

/// `[reset]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResetTable {
    pub strategy: Option<Text>,
    pub next: Option<Vec<Text>>,
}

/// `[prepare]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrepareTable {
    pub dump: Option<Text>,
}

/// `[hooks]`, of the project or of a database: what runs at which moment.
pub type HooksTable = BTreeMap<Spanned<String>, HookTable>;

/// A hook as people write it: a string for `sh`, an array of words, or a table that says more.
#[derive(Debug)]
pub struct HookTable {
    pub run: Words,
    pub container: Option<String>,
    pub timeout: Option<Scalar>,
    pub url: Option<String>,
}

/// What a hook runs.
#[derive(Debug)]
pub enum Words {
    Argv(Vec<String>),
    Shell(String),
}

/// `[guards]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GuardsTable {
    pub protected_environments: Option<Vec<Text>>,
    #[serde(default)]
    pub allowed_hosts: Vec<Text>,
    pub agent_variable: Option<Text>,
    #[serde(default)]
    pub pins: BTreeMap<Spanned<String>, Text>,
    #[serde(default)]
    pub keep_tables: Vec<Text>,
    pub wait_for_locks: Option<Spanned<Scalar>>,
    pub ratchet: Option<RatchetTable>,
}

/// `[guards.ratchet]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RatchetTable {
    pub min_records: Option<Spanned<Scalar>>,
    pub percentage: Option<Spanned<Decimal>>,
    #[serde(default)]
    pub tables: Vec<Text>,
}

/// `[audit]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditTable {
    pub file: Option<Text>,
}

/// `[metrics]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricsTable {
    pub textfile: Option<Text>,
}

/// Reads the file's text.
///
/// # Errors
/// The line with a caret under what is wrong, and a suggestion if a key is unknown.
pub fn parse(path: &Path, text: &str) -> Result<File> {
    toml::from_str(text).map_err(|e| {
        let mut problem = Problem::usage(format!("could not read `{}`", path.display()))
            .code(Code::Config)
            .because(shown(&e, text));
        if let Some(line) = too_high(e.message()).or_else(|| no_table(e.message())) {
            problem = problem.cure(format!("write it as `{line}`"));
        } else if let Some(word) = nearest(e.message()) {
            problem = problem.cure(format!("did you mean `{word}`?"));
        }
        problem.into()
    })
}

/// The error with its line, unless that may hold a password.
fn shown(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start);
    if !may_hold_a_secret(text, at) && !holds_a_secret(error.message()) {
        return error.to_string();
    }

    let (line, column) = position(text, at);
    // what is in quotes is a value of the file
    let message: Vec<&str> = error
        .message()
        .split('"')
        .enumerate()
        .map(|(at, part)| if at % 2 == 1 { "…" } else { part })
        .collect();

    format!(
        "TOML parse error at line {line}, column {column} (the line is not shown: it may hold a \
         password)\n{}",
        message.join("\"")
    )
}

/// Whether an error's line, or the multi-line text it is in, may hold a password.
fn may_hold_a_secret(text: &str, at: usize) -> bool {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, after) = text.split_at(at);
    let line = format!(
        "{}{}",
        before.rsplit('\n').next().unwrap_or_default(),
        after.split('\n').next().unwrap_or_default()
    );

    let is_within = |quotes: &str| before.matches(quotes).count() % 2 == 1;
    holds_a_secret(&line) || is_within("\"\"\"") || is_within("\'\'\'")
}

fn holds_a_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    ["://", "@", "pass", "pasw", "secret", "token", "pwd", "api"]
        .iter()
        .any(|word| line.contains(word))
}

/// A key that is one table too high, as it should be written.
fn too_high(message: &str) -> Option<String> {
    let mut words = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    let known: Vec<&str> = words.collect();

    let mut below = settings::TABLES.iter().filter(|table| table.path.contains("NAME."));
    let table = below.find(|table| {
        known.contains(&table.word()) && table.settings.iter().any(|key| key.word() == wrong)
    })?;
    Some(format!("{} = {{ {wrong} = … }}", table.word()))
}

/// A text where a table belongs, as it should be written. It is shown only if it can't hold a
/// password.
fn no_table(message: &str) -> Option<String> {
    let (value, table) =
        message.strip_prefix("invalid type: string ")?.rsplit_once(", expected struct ")?;
    let value = if holds_a_secret(value) { "…" } else { value };
    match table {
        "FilesTable" => Some(format!("files = {{ path = {value} }}")),
        "MilvusTable" => Some(format!("milvus = {{ url = {value} }}")),
        "PostgresTable" => Some("postgres = { url = … }".into()),
        "StoreTable" => Some(format!("NAME = {{ files = {{ path = {value} }} }}")),
        "DatabaseTable" => Some("NAME = { postgres = { url = … } }".into()),
        _ => None,
    }
}

/// serde's message is "unknown field `x`, expected one of `a`, `b`": the words are in back-ticks.
fn nearest(message: &str) -> Option<&str> {
    let mut words = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    let (score, word) =
        words.map(|w| (strsim::jaro_winkler(wrong, w), w)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then_some(word)
}

/// Line and column (from 1) of a byte offset.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests;
