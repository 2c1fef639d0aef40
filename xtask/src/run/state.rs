//! Files of ours in the project's folder. A folder from elsewhere (a clone, an archive, a share)
//! may have links and files under their names: nothing here follows a link, and what somebody else
//! may have written is refused.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use crate::disk;
use crate::problem::{Code, Problem};

/// Why a file or a folder of the state must not be used.
type Fault = String;

/// How to open a file of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Read it, if it exists.
    Read,
    /// Create it if missing; read and write it from its beginning.
    Change,
    /// Create it if missing; it can be read, and each write appends. A team may share it.
    Append,
}

/// The project's own folder: created if missing, kept out of version control.
///
/// # Errors
/// It is a link, or belongs to somebody else.
pub fn prepare(state_dir: &Path) -> Result<()> {
    disk::private_folder(state_dir).map_err(|e| not_written(state_dir, &e))?;
    check_folder(state_dir)?;

    let ignore = state_dir.join(".gitignore");
    if fs::symlink_metadata(&ignore).is_err() {
        let written = disk::create_new(&ignore).and_then(|mut file| file.write_all(b"*\n"));
        match written {
            // another run was faster
            Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                return Err(not_written(&ignore, &e.into()).into());
            }
            _ => {}
        }
    }

    Ok(())
}

/// It is not the backups' folder, and no option names another one.
fn not_written(path: &Path, error: &anyhow::Error) -> Problem {
    let why = error
        .downcast_ref::<Problem>()
        .map_or_else(|| format!("{error:#}"), |problem| problem.happened.join("; "));
    Problem::failed(format!("could not write `{}`: nothing was changed", path.display()))
        .code(Code::FileError)
        .because(why)
        .because("it is the project's own state: its lock, its journal and its audit log")
        .cure(
            "fix the permissions of that folder, or of the one above it; `db-doctor` checks it, \
             too",
        )
}

/// Opens a file of the state; `None` if it is only read, and does not exist.
///
/// # Errors
/// It can't be opened, is a link, has another name, belongs to somebody else, or others may write
/// it.
pub fn open(path: &Path, how: Use) -> Result<Option<File>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if fs::symlink_metadata(folder).is_ok() {
        check_folder(folder)?;
    }

    let mut options = OpenOptions::new();
    match how {
        Use::Read => options.read(true),
        Use::Change => options.read(true).write(true).create(true).truncate(false),
        Use::Append => options.read(true).append(true).create(true),
    };

    without_links(&mut options);
    let file = match options.open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound && how == Use::Read => return Ok(None),
        Err(_) if is_link(path) => return Err(unsafe_state(path, "it is a link").into()),
        Err(e) if how != Use::Read => return Err(not_written(path, &e.into()).into()),
        Err(e) => return Err(e).with_context(|| format!("could not open `{}`", path.display())),
        Ok(file) => file,
    };

    let fault = file.metadata().map(|meta| fault_of_file(&meta, how, ourselves()));
    match fault.with_context(|| format!("could not look at `{}`", path.display()))? {
        Some(fault) => Err(unsafe_state(path, &fault).into()),
        None => Ok(Some(file)),
    }
}

/// The text of a file of the state, if it exists.
pub fn read(path: &Path) -> Result<Option<String>> {
    let Some(mut file) = open(path, Use::Read)? else { return Ok(None) };
    let mut text = String::new();
    file.read_to_string(&mut text)
        .with_context(|| format!("could not read `{}`", path.display()))?;
    Ok(Some(text))
}

/// What a file of the state holds, if it exists.
///
/// # Errors
/// It can't be read: with what to do about it.
pub fn read_json<T: DeserializeOwned>(path: &Path, cure: &str) -> Result<Option<T>> {
    let found =
        read(path).and_then(|text| text.map(|text| Ok(serde_json::from_str(&text)?)).transpose());
    found.map_err(|e| {
        Problem::failed(format!("could not read `{}`", path.display()))
            .code(Code::FileError)
            .because(format!("{e:#}"))
            .cure(cure)
            .into()
    })
}

/// The user that we are, by number.
pub fn user() -> u32 {
    ourselves()
}

/// This machine, by its name.
#[cfg(unix)]
pub fn machine() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(String::from)
}

/// This machine, by its name.
#[cfg(not(unix))]
pub fn machine() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// Whether a folder is ours, or can be created as ours: in a folder of ours, or in one where
/// everybody may create their own.
pub(super) fn may_be_ours(folder: &Path) -> bool {
    let above = |folder: &Path| folder.ancestors().skip(1).find_map(|f| fs::metadata(f).ok());
    match fs::symlink_metadata(folder) {
        Ok(meta) => meta.is_dir() && is_ours(&meta, ourselves()),
        Err(_) => above(folder).is_some_and(|meta| is_ours(&meta, ourselves()) || is_sticky(&meta)),
    }
}

/// Where the state of a project is: in its folder, or, if the file system has no modes, in our own
/// one.
pub fn place(file: &Path, here: PathBuf, elsewhere: Option<PathBuf>) -> PathBuf {
    match elsewhere {
        Some(elsewhere) if !keeps_modes(file, &here) => elsewhere,
        _ => here,
    }
}

/// Whether a file system keeps modes, as far as that is visible without writing: one that does not
/// shows every file as writable and executable by everybody (vfat, NTFS, shares of virtual
/// machines), and `chmod` changes nothing.
#[cfg(unix)]
fn keeps_modes(file: &Path, state_dir: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let everybodys = |path: &Path| {
        fs::symlink_metadata(path)
            .is_ok_and(|m| !m.is_symlink() && m.permissions().mode() & 0o777 == 0o777)
    };
    !everybodys(file) || (state_dir.exists() && !everybodys(state_dir))
}

#[cfg(not(unix))]
fn keeps_modes(_: &Path, _: &Path) -> bool {
    true
}

/// A folder of ours; if others may write it, that is corrected first: what they left in it is
/// checked file by file.
fn check_folder(folder: &Path) -> Result<()> {
    let look = || {
        fs::symlink_metadata(folder)
            .with_context(|| format!("could not look at `{}`", folder.display()))
    };
    let mut meta = look()?;
    if is_ours(&meta, ourselves()) && is_open(&meta) && meta.is_dir() {
        mend(folder, &meta);
        meta = look()?;
    }

    match fault_of_folder(&meta, ourselves()) {
        Some(fault) => Err(unsafe_state(folder, &fault).into()),
        None => Ok(()),
    }
}

fn fault_of_folder(meta: &Metadata, us: u32) -> Option<Fault> {
    if meta.is_symlink() {
        return Some("it is a link".into());
    }
    if !meta.is_dir() {
        return Some("it is not a folder".into());
    }
    fault_of_owner(meta, us)
}

fn fault_of_file(meta: &Metadata, how: Use, us: u32) -> Option<Fault> {
    if !meta.is_file() {
        return Some("it is not a file".into());
    }
    if names(meta) > 1 {
        return Some("it has another name somewhere (a hard link)".into());
    }

    match how {
        // the mode of a file that is only locked and rewritten does not matter: only we can write
        // its folder
        Use::Change => (!is_ours(meta, us)).then(|| "it belongs to another user".into()),
        Use::Read => fault_of_owner(meta, us),
        Use::Append => None,
    }
}

fn fault_of_owner(meta: &Metadata, us: u32) -> Option<Fault> {
    if !is_ours(meta, us) {
        return Some("it belongs to another user".into());
    }
    is_open(meta).then(|| "others may write it".into())
}

fn unsafe_state(path: &Path, fault: &str) -> Problem {
    Problem::failed(format!("`{}` is not safe to use: {fault}", path.display()))
        .code(Code::FileError)
        .because("nothing was read from it or written to it")
        .cure("see whose it is; then remove it, or make it yours alone (`chown`, `chmod go-w`)")
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
}

/// Without following a link, and without waiting for the other end of a pipe.
#[cfg(unix)]
pub(super) fn without_links(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
pub(super) fn without_links(_: &mut OpenOptions) {}

#[cfg(unix)]
fn ourselves() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn is_ours(meta: &Metadata, us: u32) -> bool {
    std::os::unix::fs::MetadataExt::uid(meta) == us
}

#[cfg(unix)]
fn is_open(meta: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(meta) & 0o022 != 0
}

#[cfg(unix)]
fn is_sticky(meta: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(meta) & 0o1000 != 0
}

#[cfg(unix)]
fn names(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(meta)
}

#[cfg(unix)]
fn mend(folder: &Path, meta: &Metadata) {
    use std::os::unix::fs::PermissionsExt;
    let mode = meta.permissions().mode() & 0o7755;
    // if that fails, the second check says so
    drop(fs::set_permissions(folder, PermissionsExt::from_mode(mode)));
}

#[cfg(not(unix))]
mod elsewhere {
    use super::{Metadata, Path};

    pub(super) fn ourselves() -> u32 {
        0
    }
    pub(super) fn is_ours(_: &Metadata, _: u32) -> bool {
        true
    }
    pub(super) fn is_open(_: &Metadata) -> bool {
        false
    }
    pub(super) fn is_sticky(_: &Metadata) -> bool {
        false
    }
    pub(super) fn names(_: &Metadata) -> u64 {
        1
    }
    pub(super) fn mend(_: &Path, _: &Metadata) {}
}
#[cfg(not(unix))]
use elsewhere::{is_open, is_ours, is_sticky, mend, names, ourselves};

#[cfg(unix)]
#[cfg(test)]
mod tests;
