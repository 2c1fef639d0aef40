//! A tar with only the folders of a tree, for a `tar` that sets a folder's time before it fills it.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::header::{self, SHORT, put};
use crate::value::tree::{Attributes, Census, Entry, Kind, Moment, Name};

/// A tar is made of blocks.
const BLOCK: usize = 512;

impl Census {
    /// An empty root that only its owner can enter.
    pub fn root() -> Self {
        let (mtime, attributes) = (Moment::default(), Attributes::new());
        let root = Entry { kind: Kind::Folder, mode: 0o700, mtime, owner: (0, 0), attributes };
        Self { entries: [(Name::ROOT, root)].into(), remarks: Vec::new() }
    }

    /// A tar with only its folders, the deepest first, so that setting one changes no other.
    ///
    /// # Errors
    /// Those of writing to memory.
    pub fn folders(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for (name, entry) in
            self.entries.iter().rev().filter(|(_, entry)| entry.kind == Kind::Folder)
        {
            folder(name, entry, &mut out)?;
        }
        out.extend([0; 2 * BLOCK]);
        Ok(out)
    }

    /// As unpacked by a `tar` that sets no times of links.
    pub fn without_times_of_links(mut self) -> Self {
        let links =
            self.entries.values_mut().filter(|entry| matches!(entry.kind, Kind::Symlink { .. }));
        links.for_each(|entry| entry.mtime = Default::default());
        self
    }
}

fn folder(name: &Name, entry: &Entry, out: &mut Vec<u8>) -> io::Result<()> {
    let path =
        if *name == Name::ROOT { b"./".to_vec() } else { [b"./", name.bytes(), b"/"].concat() };

    if path.len() > SHORT {
        header::long(EntryType::GNULongName, &path, out);
    }

    let mut header = Header::new_gnu();
    put(&mut header.as_old_mut().name, &path);
    header.set_entry_type(EntryType::Directory);
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.0.into());

    header.set_gid(entry.owner.1.into());
    header.set_mtime(entry.mtime.secs.max(0).unsigned_abs());
    header.set_size(0);
    header.set_cksum();

    out.write_all(header.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::files::{Links, scan};

    #[test]
    fn folders_alone_with_names_of_any_length() {
        let mut census = Census::default();

        for length in [0, 1, 96, 97, 98, 99, 100, 255, 509, 510, 511, 512, 600] {
            let name = "n".repeat(length);
            let name: Name = if length == 0 { Name::ROOT } else { name.parse().unwrap() };
            let mtime = Moment { secs: length as i64, nanos: 0 };

            let entry = Entry {
                kind: Kind::Folder,
                mode: 0o2750,
                mtime,
                owner: (7, 8),
                attributes: Attributes::new(),
            };

            census.entries.insert(name, entry);
        }

        let folders = census.clone();
        let file = Entry {
            kind: Kind::Symlink { to: crate::value::tree::Target(b"x".to_vec()) },
            ..census.entries[&b""[..]].clone()
        };
        census.entries.insert("link".parse().unwrap(), file);
        assert_eq!(scan(&mut &census.folders().unwrap()[..], Links::Inside).unwrap(), folders);
    }
}
