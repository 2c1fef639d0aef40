//! Moves through a tree by open folders, so that a link that appears in a path is never followed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};
use crate::value::tree::{Moment, Name};

/// What stays the same when a folder is renamed, and differs from another with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Id {
    /// The file system.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
}

/// What the file system says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub kind: FileType,
    pub id: Id,
    pub mode: u32,
    pub owner: (u32, u32),
    pub bytes: u64,
    /// What it takes on disk.
    pub stored: u64,
    pub links: u64,
    pub mtime: Moment,
    /// When anything about it last changed, which no program can set.
    pub ctime: Moment,
}

/// The types of these numbers differ between systems.
#[allow(clippy::unnecessary_cast)]
impl From<Stat> for Seen {
    fn from(stat: Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode as _),
            id: Id { dev: stat.st_dev as u64, ino: stat.st_ino as u64 },
            mode: stat.st_mode as u32 & 0o7777,
            owner: (stat.st_uid, stat.st_gid),
            bytes: stat.st_size as u64,
            stored: stat.st_blocks as u64 * 512,
            links: stat.st_nlink as u64,
            mtime: Moment { secs: stat.st_mtime as i64, nanos: stat.st_mtime_nsec as u32 },
            ctime: Moment { secs: stat.st_ctime as i64, nanos: stat.st_ctime_nsec as u32 },
        }
    }
}

#[cfg(target_os = "linux")]
impl From<rustix::fs::Statx> for Seen {
    fn from(found: rustix::fs::Statx) -> Self {
        let moment =
            |time: rustix::fs::StatxTimestamp| Moment { secs: time.tv_sec, nanos: time.tv_nsec };
        Self {
            kind: FileType::from_raw_mode(found.stx_mode.into()),
            id: Id {
                dev: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
                ino: found.stx_ino,
            },
            mode: u32::from(found.stx_mode) & 0o7777,
            owner: (found.stx_uid, found.stx_gid),
            bytes: found.stx_size,
            stored: found.stx_blocks * 512,
            links: found.stx_nlink.into(),
            mtime: moment(found.stx_mtime),
            ctime: moment(found.stx_ctime),
        }
    }
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the root of a tree, which must be a folder and not a link to one.
pub(super) fn open_root(root: &Path) -> Result<OwnedFd, Problem> {
    rustix::fs::open(root, FOLDER, Mode::empty()).map_err(|e| {
        let problem = at(root, "could not open", &e.into());
        match e {
            Errno::NOTDIR | Errno::LOOP => {
                problem.cure("name the folder itself: this is not a folder, or it is a link to one")
            }
            _ => problem,
        }
    })
}

/// Opens a folder of the tree, step by step and through no link.
pub(super) fn beneath(root: &OwnedFd, name: &Name) -> rustix::io::Result<OwnedFd> {
    let start = root.try_clone().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::MFILE))?;
    name.parts()
        .try_fold(start, |folder, part| rustix::fs::openat(&folder, part, FOLDER, Mode::empty()))
}

/// What is in a folder, in byte order.
pub(super) fn list(folder: &OwnedFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    Ok(list_kinds(folder)?.into_iter().map(|(name, _)| name).collect())
}

/// The same, with the kinds of entries as far as the folder itself knows, so that we need not ask
/// for each.
pub(super) fn list_kinds(folder: &OwnedFd) -> rustix::io::Result<Vec<(Vec<u8>, FileType)>> {
    let mut found = Vec::new();

    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            found.push((name.to_vec(), entry.file_type()));
        }
    }

    found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Looks at an entry of a folder, not at what it leads to. The empty name is the folder itself.
pub(super) fn look(folder: impl AsFd, name: &[u8]) -> rustix::io::Result<Seen> {
    if name.is_empty() {
        seen(folder)
    } else {
        rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(Seen::from)
    }
}

/// Looks at what is open.
pub(super) fn seen(open: impl AsFd) -> rustix::io::Result<Seen> {
    rustix::fs::fstat(open).map(Seen::from)
}

/// What an entry has in addition to what every file system reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// Something is mounted on it.
    pub mount: bool,
    /// Nobody may remove it, or what is in it.
    pub fixed: bool,
}

/// Asks for an entry's traits.
#[cfg(target_os = "linux")]
pub(super) fn traits(folder: BorrowedFd<'_>, name: &[u8], own: Id) -> rustix::io::Result<Traits> {
    look_closely(folder, name, own).map(|(_, traits)| traits)
}

/// Looks at an entry of a folder and asks for its traits, at once.
#[cfg(target_os = "linux")]
pub(super) fn look_closely(
    folder: BorrowedFd<'_>,
    name: &[u8],
    own: Id,
) -> rustix::io::Result<(Seen, Traits)> {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};

    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::EMPTY_PATH;
    match statx(folder, name, flags, StatxFlags::BASIC_STATS) {
        Ok(found) => {
            let (seen, fixed) = (Seen::from(found), found.stx_attributes.intersects(FIXED));
            // a bind mount has the same device number, so that number alone would miss it
            let mount = match found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) {
                true => found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
                false => seen.id.dev != own.dev,
            };
            Ok((seen, Traits { mount, fixed }))
        }
        // some systems do not know this question, and some containers forbid it
        Err(Errno::NOSYS | Errno::PERM) => by_number(folder, name, own),
        Err(e) => Err(e),
    }
}

#[cfg(target_os = "linux")]
const FIXED: rustix::fs::StatxAttributes =
    rustix::fs::StatxAttributes::IMMUTABLE.union(rustix::fs::StatxAttributes::APPEND);

/// Refuses a tree that nobody can rename, before anything else.
#[cfg(target_os = "linux")]
pub(super) fn may_move(tree: &Path) -> Result<(), Problem> {
    use rustix::fs::{CWD, StatxFlags, statx};

    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    match statx(CWD, tree, flags, StatxFlags::TYPE) {
        Ok(found) if found.stx_attributes.intersects(FIXED) => Err(Problem::refused(format!(
            "`{}` can't be moved: it is immutable, or may only be appended to",
            tree.display()
        ))
        .because("nothing was changed")
        .cure(format!(
            "remove that attribute (`chattr -i -a {}`), and run the command again",
            tree.display()
        ))),
        _ => Ok(()),
    }
}

/// Refuses a tree that can't be renamed, as far as that can be asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn may_move(_tree: &Path) -> Result<(), Problem> {
    Ok(())
}

/// Asks for an entry's traits.
#[cfg(not(target_os = "linux"))]
pub(super) fn traits(folder: BorrowedFd<'_>, name: &[u8], own: Id) -> rustix::io::Result<Traits> {
    look_closely(folder, name, own).map(|(_, traits)| traits)
}

/// Looks at an entry of a folder and asks for its traits.
#[cfg(not(target_os = "linux"))]
pub(super) fn look_closely(
    folder: BorrowedFd<'_>,
    name: &[u8],
    own: Id,
) -> rustix::io::Result<(Seen, Traits)> {
    by_number(folder, name, own)
}

/// Whether something is mounted there, as far as the device number tells.
fn by_number(folder: BorrowedFd<'_>, name: &[u8], own: Id) -> rustix::io::Result<(Seen, Traits)> {
    let seen = look(folder, name)?;
    Ok((seen, Traits { mount: seen.id.dev != own.dev, fixed: false }))
}

/// A problem with a path.
pub(super) fn at(path: &Path, tried: &str, error: &io::Error) -> Problem {
    let problem = Problem::failed(format!("{tried} `{}`", path.display()))
        .code(Code::FileError)
        .because(error.to_string());

    match error.kind() {
        io::ErrorKind::PermissionDenied => problem.cure("run this as the user who owns the tree"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            problem.cure("free some space on that disk")
        }
        _ => problem,
    }
}

/// A problem with an entry of a tree.
pub(super) fn within(root: &Path, name: &Name, tried: &str, error: Errno) -> Problem {
    use std::os::unix::ffi::OsStrExt;
    at(&root.join(std::ffi::OsStr::from_bytes(name.bytes())), tried, &error.into())
}
