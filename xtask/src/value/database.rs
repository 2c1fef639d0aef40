//! A database of PostgreSQL as its server has it.

use serde::{Deserialize, Serialize};

/// A database as `pg_database` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Its oid: its identity on this server.
    #[serde(default)]
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its encoding (`UTF8`).
    pub encoding: String,
    /// LC_COLLATE.
    pub collate: String,
    /// LC_CTYPE.
    pub ctype: String,
    /// `libc`, `icu` or `builtin`; servers before 15 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The ICU or builtin locale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// ICU's additional rules of collation; servers since 16 have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icu_rules: Option<String>,
    /// Its tablespace.
    #[serde(default)]
    pub tablespace: String,
    /// Connection limit, -1 for none.
    #[serde(default)]
    pub connection_limit: i64,
    /// Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Rights, if they are not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Vec<Grant>>,
    /// `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
    /// Bytes on disk, if the role may know.
    #[serde(default)]
    pub size: Option<u64>,
    /// Others may be created from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
}

/// One right on a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role; `None` for PUBLIC.
    pub grantee: Option<String>,
    /// What it allows.
    pub privilege: Privilege,
    /// With grant option.
    #[serde(default)]
    pub grantable: bool,
}

/// The rights that a database has (<https://www.postgresql.org/docs/current/ddl-priv.html>): an SQL
/// word from a manifest must be one of these, or the manifest can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Privilege {
    /// To connect to it.
    Connect,
    /// To create schemas, publications and trusted extensions in it.
    Create,
    /// To create temporary tables in it.
    #[serde(alias = "TEMP")]
    Temporary,
}

impl std::fmt::Display for Privilege {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::Create => "CREATE",
            Self::Temporary => "TEMPORARY",
        })
    }
}

/// One setting that comes with a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// For this role only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}
