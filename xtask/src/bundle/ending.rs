//! How the names of files end, and what that says of them. This is the only place that knows.

use std::path::{Path, PathBuf};

use crate::stream::{Codec, Locking};
use crate::value::Format;

/// What a file has until it is complete.
const PARTIAL: &str = ".partial";

/// The manifest of a set, in its folder.
const MANIFEST: &str = "manifest.json";

/// What is put at the end of a manifest's name that stands beside a file.
const MANIFEST_BESIDE: &str = ".manifest.json";

/// Compressed files, whoever made them: what this program reads, and what it names.
const COMPRESSED: [&str; 5] = [".gz", ".zst", ".zstd", ".bz2", ".xz"];

/// Files that age encrypted.
const ENCRYPTED: &str = ".age";

/// Dumps of PostgreSQL, whoever made them.
const DUMPS: [&str; 4] = [".sql", ".dump", ".pgdump", ".backup"];

/// The ending of an artifact, without its first dot: `sql.zst`.
pub fn artifact(format: Format, codec: Codec, locking: Option<&Locking>) -> String {
    let format = match format {
        Format::Script => "sql",
        Format::Tar => "tar",
        Format::Milvus => "milvus",
    };
    let compressed = match codec {
        Codec::Zstd => ".zst",
        Codec::Gzip => ".gz",
        Codec::Plain => "",
    };
    let encrypted = if locking.is_some() { ENCRYPTED } else { "" };
    format!("{format}{compressed}{encrypted}")
}

/// The manifest's path for an artifact: next to a flat file, or in the folder of a set.
pub fn manifest(artifact: &Path) -> PathBuf {
    match artifact.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => manifest_of_set(folder),
        _ => PathBuf::from(format!("{}{MANIFEST_BESIDE}", stem(&artifact.to_string_lossy()))),
    }
}

/// The manifest's path in the folder of a set.
pub fn manifest_of_set(folder: &Path) -> PathBuf {
    folder.join(MANIFEST)
}

/// The path of the manifest next to a file that is not part of a set.
pub fn manifest_beside(file: &Path) -> PathBuf {
    file.with_file_name(manifest(Path::new(file.file_name().unwrap_or_default())))
}

/// The path of the notes beside a manifest.
pub fn notes(manifest: &Path) -> PathBuf {
    manifest.with_extension("notes.json")
}

/// Whether a name is that of a manifest beside its file.
pub fn is_manifest(name: &str) -> bool {
    name.ends_with(MANIFEST_BESIDE)
}

/// The name a file has until it is complete.
pub fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    path.with_file_name(name)
}

/// The name of a backup that holds too few records: `app_1.shrunken.sql.zst`, `backup_1.shrunken`.
pub fn shrunken(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem(&name);
    path.with_file_name(format!("{stem}.shrunken{}", &name[stem.len()..]))
}

/// Whether a name is that of a file which is not complete.
pub fn is_partial(name: &str) -> bool {
    name.ends_with(PARTIAL)
}

/// A dump's name without the endings that backups have.
pub fn stem(name: &str) -> &str {
    let name = name.strip_suffix(ENCRYPTED).unwrap_or(name);
    let of_backups = |all: &[&str]| all.iter().find_map(|ending| name.strip_suffix(ending));
    let plain = of_backups(&COMPRESSED[..3]).unwrap_or(name);
    DUMPS[..2].iter().find_map(|ending| plain.strip_suffix(ending)).unwrap_or(plain)
}

/// Whether a file seems to be a dump, by its name: one that is hidden is none.
pub fn is_dump(name: &str) -> bool {
    let name = name.strip_suffix(ENCRYPTED).unwrap_or(name);
    let plain = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    !plain.starts_with('.') && DUMPS.iter().any(|ending| plain.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Lock;

    #[test]
    fn an_artifact_says_what_it_is_and_how_it_is_compressed() {
        let lock = Lock::Recipients(vec!["age1x".into()]);
        let locking = Locking { lock, keys: None };

        for (format, codec, want) in [
            (Format::Script, Codec::Zstd, "sql.zst"),
            (Format::Script, Codec::Plain, "sql"),
            (Format::Tar, Codec::Gzip, "tar.gz"),
            (Format::Milvus, Codec::Zstd, "milvus.zst"),
        ] {
            assert_eq!(artifact(format, codec, None), want);
            assert_eq!(artifact(format, codec, Some(&locking)), format!("{want}.age"));
        }
    }

    #[test]
    fn a_manifest_stands_beside_its_file_or_in_its_folder() {
        for (artifact, want) in [
            ("app_1.sql.zst", "app_1.manifest.json"),
            ("app_1.dump", "app_1.manifest.json"),
            ("app_1.sql.zst.age", "app_1.manifest.json"),
            ("media_1.tar.zst", "media_1.tar.manifest.json"),
            ("backup_1/main.sql.gz", "backup_1/manifest.json"),
        ] {
            let path = manifest(Path::new(artifact));
            assert_eq!(path.to_string_lossy(), want);
            assert_eq!(is_manifest(want), !artifact.contains('/'), "{want}");

            let beside = notes(&path).to_string_lossy().into_owned();
            assert_eq!(beside, want.replace("manifest.json", "manifest.notes.json"));
            assert!(!is_manifest(&beside) && !is_dump(&beside));
        }
    }

    #[test]
    fn a_dump_is_known_by_its_name() {
        for (name, dump, without) in [
            ("app.sql", true, "app"),
            ("app.sql.zst", true, "app"),
            ("app.sql.zstd", true, "app"),
            ("app.sql.zst.age", true, "app"),
            ("app.dump.age", true, "app"),
            ("app.sql.xz.age", true, "app.sql.xz"),
            ("app.age", false, "app"),
            (".app.sql.age", false, ".app"),
            ("app.sql.xz", true, "app.sql.xz"),
            ("app.pgdump", true, "app.pgdump"),
            ("app.backup.gz", true, "app.backup"),
            ("app.tar.zst", false, "app.tar"),
            ("app.gz", false, "app"),
            (".app.sql", false, ".app"),
            ("app.sql.partial", false, "app.sql.partial"),
        ] {
            assert_eq!((is_dump(name), stem(name)), (dump, without), "{name}");
        }
    }

    #[test]
    fn a_shrunken_one_says_so_and_has_its_own_manifest() {
        for (path, want, beside) in [
            ("/b/app_1.sql.zst", "/b/app_1.shrunken.sql.zst", "/b/app_1.shrunken.manifest.json"),
            ("/b/app_1.sql", "/b/app_1.shrunken.sql", "/b/app_1.shrunken.manifest.json"),
            ("/b/a.sql.gz.age", "/b/a.shrunken.sql.gz.age", "/b/a.shrunken.manifest.json"),
        ] {
            let named = shrunken(Path::new(path));
            assert_eq!((&named, manifest_beside(&named)), (&PathBuf::from(want), beside.into()));
            assert!(is_dump(&named.to_string_lossy()));
        }
        assert_eq!(shrunken(Path::new("/b/backup_1")), Path::new("/b/backup_1.shrunken"));
    }

    #[test]
    fn what_is_not_complete_says_so() {
        let path = partial(Path::new("/b/app.sql.zst"));
        assert_eq!(path, Path::new("/b/app.sql.zst.partial"));
        assert!(is_partial(&path.to_string_lossy()) && !is_partial("app.sql.zst"));
    }
}
