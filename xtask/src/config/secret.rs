//! Secrets: values that travel by name. Plans, logs and errors only ever hold the name.

use std::collections::BTreeMap;
use std::fmt;

/// The name of a secret, and what people read in its stead (`DATABASE_URL's password`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretName(pub String);

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The values. Only `run`'s doors read them, on the way into a child's environment.
#[derive(Default, Clone)]
pub struct Secrets(BTreeMap<SecretName, String>);

impl Secrets {
    /// Keeps a value under a name that tells where it came from.
    pub fn keep(&mut self, name: impl Into<String>, value: String) -> SecretName {
        let name = SecretName(name.into());
        self.0.insert(name.clone(), value);
        name
    }

    /// The value, for a child's environment.
    pub fn reveal(&self, name: &SecretName) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `text` with every secret in it replaced: servers repeat what they were sent.
    pub fn redact(&self, text: &str) -> String {
        // very short values would eat ordinary words
        let long = self.0.values().filter(|v| v.len() >= 4);
        long.fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
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
    }
}
