//! Hooks: what the project's own programs do before, after and in the midst of a task.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::file::{HookTable, Scalar, Words};
use crate::tasks::{self, Has};

/// A hook, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// When it runs: `migrate`, `before-reset`, ….
    pub moment: String,
    /// What it runs.
    pub run: Run,
    /// The container that it runs in, by its key; `None` is this machine.
    pub container: Option<String>,
    /// Seconds after which it is terminated.
    pub timeout: u64,
    /// DATABASE_URL as the hook needs it where it runs; `{database}` stands for the database's
    /// name.
    pub url: Option<String>,
}

/// What a hook runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// A program and its arguments; no shell.
    Argv(Vec<String>),
    /// A line for `sh -c`.
    Shell(String),
}

/// Seconds that a hook has by default.
pub const TIMEOUT: u64 = 3600;

/// The names of all hooks.
pub fn moments() -> Vec<String> {
    let around = ["before", "after", "failed", "finally"];
    let of_tasks = tasks::with(Has::Hooks)
        .flat_map(|task| around.iter().map(move |word| format!("{word}-{task}")));
    ["migrate", "seed"].map(String::from).into_iter().chain(of_tasks).collect()
}

/// The hook name that a misspelt one may mean.
pub fn nearest(wrong: &str) -> Option<String> {
    let scored = moments().into_iter().map(|m| (strsim::jaro_winkler(wrong, &m), m));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.7).map(|(_, m)| m)
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argv(words) => f.write_str(&words.join(" ")),
            Self::Shell(line) => f.write_str(line),
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string for sh, or an array of words")
            }
            fn visit_str<E>(self, line: &str) -> Result<Words, E> {
                Ok(Words::Shell(line.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<Words, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(words)).map(Words::Argv)
            }
        }

        d.deserialize_any(Any)
    }
}

/// The long form, as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Long {
    run: Words,
    container: Option<String>,
    timeout: Option<Scalar>,
    url: Option<String>,
}

impl<'de> Deserialize<'de> for HookTable {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = HookTable;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string for sh, an array of words, or a table with `run`")
            }
            fn visit_str<E>(self, line: &str) -> Result<HookTable, E> {
                Ok(short(Words::Shell(line.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<HookTable, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(words))
                    .map(|words| short(Words::Argv(words)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HookTable, A::Error> {
                let Long { run, container, timeout, url } =
                    Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(HookTable { run, container, timeout, url })
            }
        }

        d.deserialize_any(Any)
    }
}

fn short(run: Words) -> HookTable {
    HookTable { run, container: None, timeout: None, url: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        hook: HookTable,
    }

    fn read(text: &str) -> Result<HookTable, String> {
        toml::from_str::<Holder>(text).map(|h| h.hook).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn every_form_is_read() {
        assert!(
            matches!(read("hook = 'npm run seed'").unwrap().run, Words::Shell(line) if line == "npm run seed")
        );
        assert!(
            matches!(read("hook = ['npm', 'run']").unwrap().run, Words::Argv(words) if words == ["npm", "run"])
        );

        let long =
            read("hook = { run = ['x'], container = 'app', timeout = 5, url = 'u' }").unwrap();
        assert_eq!(
            (long.container.as_deref(), long.timeout.map(|t| t.0), long.url.as_deref()),
            (Some("app"), Some("5".into()), Some("u"))
        );
        assert!(read("hook = { ran = 'x' }").unwrap_err().contains("unknown field `ran`"));

        assert!(
            read("hook = 3")
                .unwrap_err()
                .contains("expected a string for sh, an array of words, or a table with `run`")
        );
    }

    #[test]
    fn a_typo_has_a_nearest_word() {
        assert_eq!(nearest("before-rest").as_deref(), Some("before-reset"));
        assert_eq!(nearest("xyz"), None);
    }
}
