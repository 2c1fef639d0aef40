//! What names the newest good backup of a folder: `latest.sql` as a link, or `latest.txt` with its
//! name. It is never a backup itself, and never leads out of its folder.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::ending;
use super::named::is_of_the_folder;
use crate::config::Latest;

/// How its name begins.
const STEM: &str = "latest";

/// How the name of a text file ends that names it.
const POINTER: &str = ".txt";

/// No name of a file is longer.
const LONGEST: u64 = 256;

/// Where it is for a backup: `key` tells several databases of one folder apart.
pub fn path(latest: Latest, backup: &Path, key: Option<&str>) -> PathBuf {
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    let key = key.map_or(String::new(), |key| format!("-{key}"));
    let end = match latest {
        Latest::Pointer => POINTER,
        Latest::Symlink | Latest::HardLink => &name[ending::stem(&name).len()..],
    };
    backup.with_file_name(format!("{STEM}{key}{end}"))
}

/// Whether a name may be one of these.
pub fn is_named_so(name: &str) -> bool {
    let rest = name.strip_prefix(STEM).filter(|_| !ending::is_partial(name));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

/// Whether two of them are for the same database, in whatever way.
pub fn are_alike(one: &Path, other: &Path) -> bool {
    one.parent() == other.parent() && key(one) == key(other)
}

/// Its name without endings.
pub fn key(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = ending::stem(&name);
    stem.strip_suffix(POINTER).unwrap_or(stem).to_owned()
}

/// The backup in the same folder that this names, whether that is still there or not. `None` if it
/// is not one of ours: a file with bytes of its own, or a link out of the folder.
pub fn named_by(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str().filter(|name| is_named_so(name))?;
    let meta = fs::symlink_metadata(path).ok()?;

    let target = if meta.is_symlink() {
        fs::read_link(path).ok()?.to_str()?.to_owned()
    } else if meta.is_file() && name.ends_with(POINTER) && meta.len() <= LONGEST {
        let text = fs::read_to_string(path).ok()?;
        let name = text.strip_suffix('\n').filter(|name| !name.contains(char::is_control))?;
        // it may be a letter of yours
        let is_backup = ending::is_dump(name) || path.with_file_name(name).exists();
        is_backup.then(|| name.to_owned())?
    } else if meta.is_file() {
        return other_name(path, &meta);
    } else {
        return None;
    };

    let is_another = is_of_the_folder(&target) && !is_named_so(&target);
    is_another.then(|| path.with_file_name(target))
}

/// A link's backup if it is one of ours and leads to one, or the path itself.
pub fn followed(path: &Path) -> PathBuf {
    named_by(path).filter(|backup| backup.exists()).unwrap_or_else(|| path.to_path_buf())
}

/// Another name of the same file in its folder.
#[cfg(unix)]
fn other_name(path: &Path, meta: &Metadata) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    if meta.nlink() < 2 {
        return None;
    }

    let is_same = |other: &fs::DirEntry| {
        let named = other.file_name();
        let found = other.metadata().ok().filter(|m| m.is_file());
        Some(named.as_os_str()) != path.file_name()
            && !named.to_str().is_none_or(|name| is_named_so(name) || ending::is_partial(name))
            && found.is_some_and(|m| (m.dev(), m.ino()) == (meta.dev(), meta.ino()))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?.flatten();
    entries.find(is_same).map(|other| path.with_file_name(other.file_name()))
}

#[cfg(not(unix))]
fn other_name(_: &Path, _: &Metadata) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_name_tells_how_the_backup_is_compressed() {
        for (latest, backup, key, want) in [
            (Latest::Symlink, "/b/app_1.sql", None, "/b/latest.sql"),
            (Latest::HardLink, "/b/app_1.sql.zst", None, "/b/latest.sql.zst"),
            (Latest::Pointer, "/b/app_1.sql.gz", None, "/b/latest.txt"),
            (Latest::Symlink, "/b/app_1.sql", Some("main"), "/b/latest-main.sql"),
            (Latest::Symlink, "/b/backup_1", None, "/b/latest"),
            (Latest::Pointer, "/b/backup_1", None, "/b/latest.txt"),
        ] {
            let path = path(latest, Path::new(backup), key);
            assert_eq!(path, Path::new(want));
            assert!(is_named_so(path.file_name().unwrap().to_str().unwrap()));
        }
        assert!(
            !["latest_1.sql", "latestly.sql", "x.sql", "latest.sql.partial"].map(is_named_so)[0]
        );
        assert!(!is_named_so("latest.sql.partial") && !is_named_so("latest_1.sql"));

        let alike = |one, other| are_alike(Path::new(one), Path::new(other));
        assert!(alike("/b/latest.sql", "/b/latest.sql.zst") && alike("/b/latest", "/b/latest.txt"));
        assert!(!alike("/b/latest.sql", "/b/latest-main.sql"));
        assert!(!alike("/b/latest.sql", "/c/latest.sql"));
    }

    #[cfg(unix)]
    #[test]
    fn only_what_stays_in_its_folder_is_ours() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("app_1.sql"), "dump").unwrap();

        symlink("app_1.sql", at("latest.sql")).unwrap();
        fs::write(at("latest.txt"), "app_1.sql\n").unwrap();
        fs::hard_link(at("app_1.sql"), at("latest-main.sql")).unwrap();
        for ours in ["latest.sql", "latest.txt", "latest-main.sql"] {
            assert_eq!(named_by(&at(ours)), Some(at("app_1.sql")), "{ours}");
            assert_eq!(followed(&at(ours)), at("app_1.sql"));
        }

        symlink("../app_1.sql", at("latest-a.sql")).unwrap();
        symlink("/etc/passwd", at("latest-b.sql")).unwrap();
        symlink("latest.sql", at("latest-c.sql")).unwrap();
        fs::write(at("latest-d.sql"), "dump").unwrap();
        fs::write(at("latest-e.txt"), "../app_1.sql\n").unwrap();
        fs::write(at("latest-f.txt"), "a letter to you\n").unwrap();
        fs::write(at("latest-h.txt"), "app_1.sql\napp_1.sql\n").unwrap();
        fs::create_dir(at("latest-g")).unwrap();
        let foreign =
            ["-a.sql", "-b.sql", "-c.sql", "-d.sql", "-e.txt", "-f.txt", "-g", "-h.txt", "-none"];
        for name in foreign.map(|end| format!("latest{end}")) {
            assert_eq!(named_by(&at(&name)), None, "{name}");
            assert_eq!(followed(&at(&name)), at(&name));
        }

        // what it named was removed by hand: the link is still ours, a file of its own is not
        fs::remove_file(at("app_1.sql")).unwrap();
        assert_eq!(named_by(&at("latest.sql")), Some(at("app_1.sql")));
        assert_eq!(followed(&at("latest.sql")), at("latest.sql"));
        assert_eq!(named_by(&at("latest-main.sql")), None);
    }
}
