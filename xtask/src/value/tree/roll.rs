//! A summary of a tree: how much it holds, and one digest of everything in it.

use serde::{Deserialize, Serialize};

use super::census::{Census, Entry, Kind, Moment, Remark, Target};
use super::name::Name;
use crate::stream::{Fingerprint, Method, Summing};

/// What the digest begins with: another encoding would begin differently.
const ENCODING: &[u8] = b"db-tasks tree 1\n";
/// By what it is taken.
const BY: &str = "blake3:";

/// What a manifest keeps of a tree. The digest covers every entry, with the digest of its content:
/// it changes with any byte of a file, any name, right or time. The details are in the artifact
/// itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// How many entries there are, the root included.
    pub entries: u64,
    /// How many of them are files, hard links included.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The digest of all entries in the order of their names.
    pub digest: String,
    /// What was noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl Roll {
    /// All differences of a tree from this summary, as far as it can tell.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let numbers = [
            ("entries", self.entries, found.entries),
            ("files", self.files, found.files),
            ("bytes", self.bytes, found.bytes),
        ];

        let differing: Vec<String> = numbers
            .iter()
            .filter(|(_, wanted, found)| wanted != found)
            .map(|(what, wanted, found)| format!("the tree has {found} {what} instead of {wanted}"))
            .collect();

        if differing.is_empty() && self.digest != found.digest {
            return vec![
                "its digest does not match: contents, names, rights or times have changed".into(),
            ];
        }

        differing
    }
}

impl Census {
    /// The same as a summary.
    pub fn roll(&self) -> Roll {
        Roll {
            entries: self.entries.len() as u64,
            files: self.files(),
            bytes: self.bytes(),
            digest: format!("{BY}{}", self.digest()),
            remarks: self.remarks.clone(),
        }
    }

    fn digest(&self) -> Fingerprint {
        let mut sum = Summing::by(Method::Blake3);
        sum.update(ENCODING);

        let mut text = Vec::new();
        for (name, entry) in &self.entries {
            text.clear();
            encode(name, entry, &mut text);
            sum.update(&text);
        }

        sum.take()
    }
}

/// Anything of variable length is preceded by its length, so that no two trees look the same.
fn encode(name: &Name, entry: &Entry, out: &mut Vec<u8>) {
    let Entry { kind, mode, mtime: Moment { secs, nanos }, owner, attributes } = entry;
    put(name.bytes(), out);

    match kind {
        Kind::File { bytes, print } => {
            out.push(b'f');
            out.extend(bytes.to_le_bytes());
            out.extend(print.bytes());
        }
        Kind::Folder => out.push(b'd'),
        Kind::Symlink { to: Target(to) } => {
            out.push(b's');
            put(to, out);
        }
        Kind::Hardlink { to } => {
            out.push(b'h');
            put(to.bytes(), out);
        }
    }

    out.extend(mode.to_le_bytes());
    out.extend(secs.to_le_bytes());
    out.extend(nanos.to_le_bytes());
    out.extend(owner.0.to_le_bytes());
    out.extend(owner.1.to_le_bytes());

    out.extend((attributes.len() as u64).to_le_bytes());
    for (name, Target(value)) in attributes {
        put(name.as_bytes(), out);
        put(value, out);
    }
}

fn put(text: &[u8], out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}

#[cfg(test)]
mod tests {
    use super::super::attributes::Attributes;
    use super::*;

    fn tree() -> Census {
        let entry = |kind| Entry {
            kind,
            mode: 0o644,
            mtime: Moment { secs: 1, nanos: 2 },
            owner: (3, 4),
            attributes: Attributes::new(),
        };

        let print = "ab".repeat(32).try_into().unwrap();
        let mut census = Census::default();

        for (name, kind) in [
            ("a", Kind::File { bytes: 5, print }),
            ("b", Kind::Hardlink { to: "a".parse().unwrap() }),
            ("c", Kind::Symlink { to: Target(b"a".to_vec()) }),
            ("d", Kind::Folder),
        ] {
            census.entries.insert(name.parse().unwrap(), entry(kind));
        }

        census
    }

    /// What is frozen in manifests must be found again by every later version.
    #[test]
    fn the_digest_stays_what_it_is() {
        let Roll { entries, files, bytes, digest, .. } = tree().roll();
        assert_eq!((entries, files, bytes), (4, 2, 5));
        assert_eq!(
            digest,
            "blake3:91632fe7c04fce325c899410fea6bd46e07c0b473b9ce8b803ff18ab9b412a14"
        );
    }

    #[test]
    fn whatever_changes_is_noticed() {
        let whole = tree().roll();
        let changes: [fn(&mut Census); 11] = [
            |c| drop(c.entries.remove(&b"d"[..])),
            |c| {
                c.entries.get_mut(&b"a"[..]).unwrap().kind =
                    Kind::File { bytes: 5, print: "ac".repeat(32).try_into().unwrap() }
            },
            |c| {
                c.entries.get_mut(&b"a"[..]).unwrap().kind =
                    Kind::File { bytes: 6, print: "ab".repeat(32).try_into().unwrap() }
            },
            |c| {
                c.entries.get_mut(&b"b"[..]).unwrap().kind =
                    Kind::Hardlink { to: "c".parse().unwrap() }
            },
            |c| {
                c.entries.get_mut(&b"c"[..]).unwrap().kind =
                    Kind::Symlink { to: Target(b"b".to_vec()) }
            },
            |c| c.entries.get_mut(&b"d"[..]).unwrap().mode = 0o645,
            |c| c.entries.get_mut(&b"d"[..]).unwrap().mtime.secs = 2,
            |c| c.entries.get_mut(&b"d"[..]).unwrap().mtime.nanos = 1,
            |c| c.entries.get_mut(&b"d"[..]).unwrap().owner = (4, 3),
            |c| {
                drop(
                    c.entries
                        .get_mut(&b"d"[..])
                        .unwrap()
                        .attributes
                        .insert("user.x".into(), Target(Vec::new())),
                )
            },
            |c| {
                let moved = c.entries.remove(&b"d"[..]).unwrap();
                c.entries.insert("e".parse().unwrap(), moved);
            },
        ];

        for (at, change) in changes.iter().enumerate() {
            let mut changed = tree();
            change(&mut changed);
            let told = whole.differences(&changed.roll());
            assert!(!told.is_empty(), "change {at}");
        }

        assert!(whole.differences(&tree().roll()).is_empty());
    }
}
