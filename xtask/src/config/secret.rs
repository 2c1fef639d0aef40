//! Secrets: values that travel by name. Plans, logs and errors only ever hold the name.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a secret, and what people read in its stead (`DATABASE_URL's password`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretName(pub String);

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The values. Only `run`'s doors read them, on the way into a child's environment.
#[derive(Default, Clone)]
pub struct Secrets {
    values: BTreeMap<SecretName, String>,
    /// Other ways to write them (percent-encoded in a URI), never shown either.
    spellings: Vec<String>,
}

impl Secrets {
    /// Keeps a value under a name that tells where it came from.
    pub fn keep(&mut self, name: impl Into<String>, value: String) -> SecretName {
        let name = SecretName(name.into());
        self.values.insert(name.clone(), value);
        name
    }

    /// The value, for a child's environment.
    pub fn reveal(&self, name: &SecretName) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Keeps another way to write a value that is kept already.
    pub fn also_hide(&mut self, spelling: String) {
        self.spellings.push(spelling);
    }

    /// `text` with every secret in it replaced: servers repeat what they were sent.
    pub fn redact(&self, text: &str) -> String {
        // very short values would eat ordinary words
        let mut long: Vec<&String> = self.values.values().chain(&self.spellings).filter(|v| v.len() >= 4).collect();
        // one may be the beginning of another
        long.sort_by_key(|v| std::cmp::Reverse(v.len()));
        long.into_iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_redacted_text_holds_a_value() {
        let mut secrets = Secrets::default();
        secrets.keep("DATABASE_URL's password", "hunter22".into());
        assert_eq!(format!("{secrets:?}"), "[SecretName(\"DATABASE_URL's password\")]");
        assert_eq!(secrets.redact("url postgresql://u:hunter22@h"), "url postgresql://u:***@h");
        secrets.keep("a longer one", "hunter22/x".into());
        secrets.also_hide("hunter22%2Fx".into());
        assert_eq!(secrets.redact("hunter22/x hunter22%2Fx hunter22"), "*** *** ***");
    }
}
