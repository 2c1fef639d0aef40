//! The tables of what goes on without a person: `[schedule]` and `[notices]`.

use serde::Deserialize;
use toml::Spanned;

use super::{Scalar, Text, Words};

/// `[schedule]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScheduleTable {
    pub backup: Option<Spanned<Scalar>>,
    pub cleanup: Option<Spanned<Scalar>>,
    pub trial_restore: Option<Spanned<Scalar>>,
    pub jitter: Option<Text>,
    #[serde(default)]
    pub environments: Vec<Text>,
    pub health_file: Option<Text>,
}

/// `[notices.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NoticeTable {
    #[serde(default)]
    pub on: Vec<Text>,
    #[serde(default)]
    pub commands: Vec<Text>,
    #[serde(default)]
    pub environments: Vec<Text>,
    pub webhook: Option<Text>,
    pub shape: Option<Text>,
    pub ping: Option<Text>,
    #[serde(default)]
    pub to: Vec<Text>,
    pub from: Option<Text>,
    pub smtp: Option<Text>,
    pub smtp_user: Option<Text>,
    pub smtp_password_env: Option<Text>,
    pub run: Option<Words>,
}

/// `[encryption]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EncryptionTable {
    pub recipients: Option<Vec<Text>>,
    pub passphrase_file: Option<Text>,
    pub identity_file: Option<Text>,
}
