//! The head of an audit log, kept outside of it: a log that was cut since then no longer has it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The last line of an audit log at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The log's id, which its first line of the chain gave it.
    pub log: String,
    /// The line's number.
    pub line: u64,
    /// The SHA-256 of the line, with its line break.
    pub digest: String,
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.log, self.line, self.digest)
    }
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());

        match parts.as_slice() {
            [log, line, digest] if !log.is_empty() && hex(digest) => {
                let line = line.parse().map_err(|_| format!("`{line}` is not a line's number"))?;
                Ok(Self { log: (*log).into(), line, digest: digest.to_ascii_lowercase() })
            }
            _ => Err("an anchor is LOG:LINE:DIGEST, as `audit` in `--json` has them".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let anchor = Anchor { log: "4f2a".into(), line: 57, digest: "0a".repeat(32) };
        assert_eq!(anchor.to_string().parse(), Ok(anchor));

        for wrong in ["", "4f2a:57", "4f2a:57:0a", &format!(":1:{}", "0a".repeat(32))] {
            assert!(wrong.parse::<Anchor>().unwrap_err().contains("LOG:LINE:DIGEST"), "{wrong}");
        }
        let negative = format!("4f2a:-1:{}", "0a".repeat(32));
        assert!(negative.parse::<Anchor>().unwrap_err().contains("`-1`"));
    }
}
