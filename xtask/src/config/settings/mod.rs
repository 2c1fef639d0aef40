//! Every key of `db-tasks.toml` and every variable, one entry each.
//!
//! The resolver takes variables and defaults from the entries. The JSON Schema, the commented
//! `db-tasks.toml` and the lists in docs/configuration.md are made from them. The parser's structs
//! are compared with them, key by key.

pub mod audit;
pub mod backup;
pub mod by_task;
pub mod containers;
pub mod databases;
pub mod encryption;
mod example;
pub mod guards;
pub mod hooks;
pub mod metrics;
pub mod notices;
mod page;
pub mod plain;
pub mod project;
pub mod ratchet;
pub mod retention;
pub mod schedule;
mod schema;
pub mod stores;
pub mod variables;

pub use self::example::{example, uncommented};
pub use self::page::{list_of_keys, list_of_variables};
pub use self::schema::schema;
use crate::tasks::{self, Has};

/// A key of the file.
#[derive(Debug)]
pub struct Setting {
    /// The dotted key. A part in capitals is a placeholder for a name: see [`names`].
    pub key: &'static str,
    /// What may be written there.
    pub kind: Kind,
    /// What counts if nothing is written.
    pub fallback: Fallback,
    /// The variables that say the same.
    pub variables: Variables,
    /// A value as TOML, for the commented file.
    pub example: &'static str,
    /// What it does, in whole sentences.
    pub text: &'static str,
}

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number, as a number or as text.
    Number,
    /// A number above 0 and up to 1, as a number or as text.
    Share,
    /// A number, or any text: libpq reads it.
    Port,
    /// An interval (a number has a unit of the key's), a cron expression, or `never`.
    Rhythm,
    /// `true` or `false`.
    Switch,
    /// An array of texts.
    Texts,
    /// An array of tasks of which this holds.
    Tasks(Has),
    /// A line for `sh`, or an array of words.
    Command,
    /// `VARIABLE=value`, as it is written.
    Pin,
    /// A table with the keys of this one.
    Like(&'static str),
}

/// What counts if neither the file nor a variable says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Is(&'static str),
    /// What depends on something else, in words.
    Depends(&'static str),
    /// Nothing.
    Nothing,
    /// The table is wrong without the key.
    Required,
}

/// The variables that say the same as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// None: only the file says it.
    None,
    /// They win over the file; the first that is set counts.
    Win(&'static [&'static str]),
    /// The file wins over them. So it is for what says which database is meant: a variable left
    /// over from another project must not redirect a restore.
    GiveWay(&'static [&'static str]),
}

impl Variables {
    /// Their names.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Win(names) | Self::GiveWay(names) => names,
        }
    }
}

/// A table of the file.
#[derive(Debug)]
pub struct Table {
    /// The dotted path, with names in capitals.
    pub path: &'static str,
    /// The name that the commented file shows for the one in capitals, or nothing.
    pub name: &'static str,
    /// What it is for, in whole sentences.
    pub text: &'static str,
    /// Exactly one of these keys must be there, if there are any.
    pub exactly_one: &'static [&'static str],
    /// Its keys, in the order in which they are shown.
    pub settings: &'static [&'static Setting],
}

/// Every table, in the order in which they are shown. The parser is compared with this list.
pub static TABLES: &[&Table] = &[
    &project::TABLE,
    &containers::TABLE,
    &containers::COMPOSE,
    &databases::TABLE,
    &databases::POSTGRES,
    &stores::TABLE,
    &stores::FILES,
    &stores::MILVUS,
    &backup::TABLE,
    &encryption::TABLE,
    &retention::TABLE,
    &by_task::RESTORE,
    &by_task::WIPE,
    &by_task::RESET,
    &by_task::PREPARE,
    &hooks::TABLE,
    &hooks::LONG,
    &guards::TABLE,
    &guards::PINS,
    &ratchet::TABLE,
    &schedule::TABLE,
    &notices::TABLE,
    &audit::TABLE,
    &metrics::TABLE,
];

/// Every setting.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.iter().flat_map(|table| table.settings.iter().copied())
}

/// The names that may replace a placeholder; `None`: any.
pub fn names(part: &str) -> Option<Vec<String>> {
    match part {
        "MOMENT" => Some(super::hooks::moments()),
        "TASK" => Some(tasks::with(Has::Pin).map(String::from).collect()),
        _ => None,
    }
}

/// Whether a part of a dotted key is a placeholder for a name.
pub fn is_name(part: &str) -> bool {
    part.chars().all(|c| c.is_ascii_uppercase())
}

/// A setting at its place in a file.
#[derive(Debug, Clone)]
pub struct Key {
    /// The dotted key.
    pub text: String,
    /// What counts if nothing is written.
    pub fallback: Fallback,
    /// The variables that count at this place.
    pub variables: Variables,
}

impl Setting {
    /// The key of a table that is there once.
    pub fn key(&self) -> Key {
        Key { text: self.key.into(), fallback: self.fallback, variables: self.variables }
    }

    /// The key of the table of this name.
    pub fn of(&self, name: &str) -> Key {
        Key { text: self.key.replace("NAME", name), ..self.key() }
    }

    /// The last part of the key.
    pub fn word(&self) -> &'static str {
        last(self.key)
    }

    /// The text, with the default and the variables.
    fn described(&self) -> String {
        let fallback = match self.fallback {
            Fallback::Is(value) => format!(" Default: `{value}`."),
            Fallback::Depends(words) => format!(" Default: {words}."),
            Fallback::Required => " Required.".into(),
            Fallback::Nothing => String::new(),
        };
        format!("{}{fallback}{}", self.text, self.variables.said())
    }
}

impl Table {
    /// The last part of the path.
    pub fn word(&self) -> &'static str {
        last(self.path)
    }
}

fn last(key: &'static str) -> &'static str {
    key.rsplit('.').next().unwrap_or(key)
}

impl Key {
    /// The key, where no variable counts.
    pub fn by_file_alone(self) -> Self {
        Self { variables: Variables::None, ..self }
    }
}

impl Variables {
    /// Who wins, as a sentence with a space before it.
    fn said(self) -> String {
        let names: Vec<String> = self.names().iter().map(|name| format!("`{name}`")).collect();
        match self {
            Self::None => String::new(),
            Self::Win(_) => format!(" {} wins over the file.", names.join(" or ")),
            Self::GiveWay(_) => format!(" The file wins over {}.", names.join(" and ")),
        }
    }
}

#[cfg(test)]
mod tests;
