//! Names of entries: any bytes, relative to the root of the tree, without `.`, `..` or a leading
//! slash.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An entry's path in its tree. The root itself is the empty name.
///
/// As text it is UTF-8 if possible; control characters, the backslash and bytes that are not UTF-8
/// are written `\xNN`, so that every name can be read back exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Name(Vec<u8>);

/// Longer than any path that a program could open; each part of it takes us a step.
const LONGEST: usize = 64 * 1024;

impl Name {
    /// The root of the tree.
    pub const ROOT: Self = Self(Vec::new());

    /// A name as it is in an archive.
    ///
    /// # Errors
    /// Why it can't be a name inside the tree.
    pub fn parse(raw: &[u8]) -> Result<Self, &'static str> {
        if raw.contains(&0) {
            return Err("a NUL in its name");
        }
        if raw.len() > LONGEST {
            return Err("a name longer than any path");
        }
        if raw.starts_with(b"/") {
            return Err("an absolute path");
        }

        let parts: Vec<&[u8]> =
            raw.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();

        if parts.contains(&&b".."[..]) {
            return Err("a `..` in its path");
        }

        Ok(Self(parts.join(&b'/')))
    }

    /// The name of a child.
    pub fn join(&self, child: &[u8]) -> Self {
        if self.0.is_empty() {
            Self(child.to_vec())
        } else {
            Self([&self.0, &b"/"[..], child].concat())
        }
    }

    /// The folder it is in, and its last part.
    pub fn split(&self) -> Option<(Self, &[u8])> {
        if self.0.is_empty() {
            return None;
        }
        let slash = self.0.iter().rposition(|b| *b == b'/');
        Some(slash.map_or((Self::ROOT, &self.0[..]), |at| {
            (Self(self.0[..at].to_vec()), &self.0[at + 1..])
        }))
    }

    /// Its parts from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|part| !part.is_empty())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a symbolic link here leads, or may lead, out of the tree.
    ///
    /// A `..` is safe only at the beginning: there it climbs through real folders. After a name,
    /// which may itself be a link, it may climb out of anywhere.
    pub fn leads_out(&self, target: &[u8]) -> bool {
        let depth = self.parts().count().saturating_sub(1);
        let parts: Vec<&[u8]> =
            target.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        let climbs = parts.iter().take_while(|part| **part == b"..").count();
        target.starts_with(b"/") || climbs > depth || parts[climbs..].contains(&&b".."[..])
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { write!(f, ".") } else { f.write_str(&escaped(&self.0)) }
    }
}

/// Bytes as text without loss: what is not plain UTF-8 is written `\\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let mut out = String::new();

    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let plain = c != '\\' && !c.is_control();
            if plain {
                out.push(c)
            } else {
                out.push_str(&hex(c.encode_utf8(&mut [0; 4]).as_bytes()))
            }
        }

        out.push_str(&hex(chunk.invalid()));
    }

    out
}

/// The opposite of [`escaped`].
pub fn unescaped(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2).ok_or("a `\\x` without two digits")?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| "a `\\x` without two digits")?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Ok(bytes)
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(&unescaped(text)?)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for (raw, want) in [
            (&b"./a//b/./c/"[..], Ok("a/b/c")),
            (b"./", Ok(".")),
            (b"", Ok(".")),
            (b"...", Ok("...")),
            (b"-rf", Ok("-rf")),
            (b"a\\b", Ok("a\\x5cb")),
            (b"l\n\xff\xc3\xa4", Ok("l\\x0a\\xff\u{e4}")),
            (b"/etc/passwd", Err("an absolute path")),
            (b"a/../b", Err("a `..` in its path")),
            (b"..", Err("a `..` in its path")),
            (b"a\0b", Err("a NUL in its name")),
        ] {
            assert_eq!(Name::parse(raw).map(|n| n.to_string()), want.map(String::from), "{raw:?}");
        }
    }

    #[test]
    fn links_that_may_lead_out() {
        for (at, target, out) in [
            ("a/link", "../b", false),
            ("a/link", "../../b", true),
            ("link", "..", true),
            ("link", "b/c", false),
            ("link", "./b/.", false),
            ("link", "/etc", true),
            ("link", "b/../c", true), // b may be a link itself
            ("a/b/link", ".././../c", false),
            ("link", "", false),
        ] {
            assert_eq!(
                at.parse::<Name>().unwrap().leads_out(target.as_bytes()),
                out,
                "{at} -> {target}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_read_back(raw in proptest::collection::vec(1u8.., 0..40)) {
            if let Ok(name) = Name::parse(&raw) {
                proptest::prop_assert_eq!(name.to_string().parse::<Name>(), Ok(name));
            }
        }
    }
}
