//! A new backup in which nothing has changed: the kept one is as good, and the new one goes.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::noted;
use crate::bundle::ending::partial;
use crate::bundle::manifest::{Holds, UNCHANGED};
use crate::bundle::{Artifact, Manifest, Verification, fault};
use crate::config::{Keys, Mode};
use crate::disk;
use crate::plan::Sealed;
use crate::stream::artifact::look_into;
use crate::stream::{Codec, Coding};

/// Notes beside the kept backup that nothing has changed, and removes the new one, if that is so. What
/// can't be read or noted makes a new backup.
pub(super) fn in_place_of(
    new: &Manifest,
    names: &[(PathBuf, PathBuf)],
    kept: &Sealed,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let Ok(old) = Manifest::read(&kept.manifest) else { return Ok(None) };
    let folder = kept.manifest.parent().unwrap_or(Path::new("."));
    let is_sound = old.is_sound() && fault(folder, &old).is_none();
    let same = Same { new, names, old: &old, folder, keys: &kept.keys };
    if !is_sound || !says_the_same(new, &old) {
        return Ok(None);
    }
    match same.files()? {
        Bytes::Same => {}
        // the new one has the checksum of the kept one's manifest: so the kept file has changed
        Bytes::Others if same.have_one_checksum() => {
            let seen = Verification { when: now, how: "quick".into(), good: false };
            drop(noted::record(&kept.manifest, seen));
            return Ok(None);
        }
        Bytes::Others | Bytes::Unknown => return Ok(None),
    }

    let seen = Verification { when: now, how: UNCHANGED.into(), good: true };
    if noted::record(&kept.manifest, seen).is_err() {
        return Ok(None);
    }

    give_rights(&old, kept, folder, mode)?;
    remove(names)?;
    let name = kept.backup.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some(format!(
        "nothing has changed since `{name}`: it stays the newest, without a second one"
    )))
}

/// Whether two manifests are of the same data, whatever server and pg_dump it came from.
fn says_the_same(new: &Manifest, old: &Manifest) -> bool {
    let alike = |new: &Artifact, old: &Artifact| {
        // what is encrypted has other bytes each time
        (new.encryption.is_some() || new.checksum == old.checksum)
            && (&new.store, new.codec, &new.encryption) == (&old.store, old.codec, &old.encryption)
            && data(&new.holds) == data(&old.holds)
    };
    (&new.project, &new.environment) == (&old.project, &old.environment)
        && (new.partial, &new.missing) == (old.partial, &old.missing)
        && new.artifacts.len() == old.artifacts.len()
        && new.artifacts.iter().zip(&old.artifacts).all(|(new, old)| alike(new, old))
}

fn data(holds: &Holds) -> Holds {
    let mut holds = holds.clone();
    if let Holds::Postgresql(known) = &mut holds {
        known.server_version.clear();
        known.dump_version = None;
        (known.database.oid, known.database.size) = (0, None);
    }
    holds
}

/// What a kept file has, against the new one.
enum Bytes {
    Same,
    Others,
    /// It can't be read.
    Unknown,
}

/// Two backups that say the same.
struct Same<'a> {
    new: &'a Manifest,
    names: &'a [(PathBuf, PathBuf)],
    old: &'a Manifest,
    folder: &'a Path,
    keys: &'a Keys,
}

impl Same<'_> {
    /// Whether the files are the same, byte by byte, and decrypted if they are encrypted: so the
    /// kept one is read to its end, too.
    fn files(&self) -> Result<Bytes> {
        for (new, old) in self.new.artifacts.iter().zip(&self.old.artifacts) {
            let path = written(&new.file, self.names).context("a new backup has no file")?;
            match self.same_bytes((new, &path), (old, &self.folder.join(&old.file))) {
                Ok(true) => {}
                Ok(false) => return Ok(Bytes::Others),
                Err(_) => return Ok(Bytes::Unknown),
            }
        }
        Ok(Bytes::Same)
    }

    /// Encrypted ones have another each time.
    fn have_one_checksum(&self) -> bool {
        let mut both = self.new.artifacts.iter().zip(&self.old.artifacts);
        both.all(|(new, old)| new.checksum == old.checksum)
    }

    fn same_bytes(&self, one: (&Artifact, &Path), other: (&Artifact, &Path)) -> Result<bool> {
        let decrypted = |(artifact, path): (&Artifact, &Path)| {
            let coding = Coding { codec: Codec::Plain, ..artifact.coding(self.keys) };
            look_into(path, &coding).map(BufReader::new)
        };
        Ok(same_stream(decrypted(one)?, decrypted(other)?)?)
    }
}

/// Where a file is that has no final name yet.
fn written(file: &str, names: &[(PathBuf, PathBuf)]) -> Option<PathBuf> {
    let unfinished = partial(Path::new(file));
    names.iter().map(|(from, _)| from).find_map(|from| match from.is_dir() {
        true => Some(from.join(file)),
        false => (from.file_name() == unfinished.file_name()).then(|| from.clone()),
    })
}

fn same_stream(mut one: impl BufRead, mut other: impl BufRead) -> io::Result<bool> {
    loop {
        let (here, there) = (one.fill_buf()?, other.fill_buf()?);
        if here.is_empty() || there.is_empty() {
            return Ok(here.is_empty() && there.is_empty());
        }

        let some = here.len().min(there.len());
        if here[..some] != there[..some] {
            return Ok(false);
        }
        one.consume(some);
        other.consume(some);
    }
}

/// The rights may have been set since it was made.
fn give_rights(old: &Manifest, kept: &Sealed, folder: &Path, mode: Mode) -> Result<()> {
    if mode == Mode::default() {
        return Ok(());
    }

    let files = old.artifacts.iter().map(|artifact| folder.join(&artifact.file));
    for file in files.chain([kept.manifest.clone()]) {
        disk::set_mode(&file, mode.of_file())?;
    }
    if kept.backup.is_dir() {
        disk::set_mode(&kept.backup, mode.of_folder())?;
    }
    Ok(())
}

fn remove(names: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (from, _) in names {
        let removed = if from.is_dir() { fs::remove_dir_all(from) } else { fs::remove_file(from) };
        removed.with_context(|| format!("could not remove `{}`", from.display()))?;
    }
    Ok(())
}
