//! To whom backups are encrypted, and where the keys are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What `[encryption]` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encryption {
    /// What locks new backups, if anything does.
    pub to: Option<Lock>,
    /// What opens them.
    pub keys: Keys,
}

/// What locks a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// Public keys: each of their owners can read it.
    Recipients(Vec<String>),
    /// The passphrase in this file.
    Passphrase(PathBuf),
}

/// Where the keys are. Only the doors of `stream` read them, and keep them no longer than needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// A file with private keys.
    pub identity: Option<PathBuf>,
    /// A file with a passphrase.
    pub passphrase: Option<PathBuf>,
}

impl Keys {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a public key of age. Whether its letters are right, the library sees.
///
/// # Errors
/// Why it is none. The text itself is not repeated if it is a private key.
pub fn recipient(text: &str) -> Result<String, String> {
    if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err("a private key is no recipient, and must not be in this file: use its public \
                    key (`age-keygen -y FILE` prints it)"
            .into());
    }
    if text.starts_with("ssh-") {
        return Err("keys of ssh are not supported: make one with `age-keygen`".into());
    }

    let is_one = text.strip_prefix("age1").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    });
    if is_one { Ok(text.to_owned()) } else { Err(format!("`{text}` is no public key of age")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_a_public_key() {
        let own = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";
        assert_eq!(recipient(own).as_deref(), Ok(own));

        for (text, why) in [
            ("AGE-SECRET-KEY-1QUITE", "a private key is no recipient"),
            ("age-secret-key-1quite", "a private key is no recipient"),
            ("ssh-ed25519 AAAA", "keys of ssh"),
            ("age1", "no public key"),
            ("age1ABC", "no public key"),
            ("age1 x", "no public key"),
            ("", "no public key"),
        ] {
            let said = recipient(text).unwrap_err();
            assert!(said.contains(why) && !said.to_lowercase().contains("1quite"), "{said}");
        }
    }
}
