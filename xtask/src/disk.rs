//! Files as they must be written: private, complete or not there at all, and on the disk when it is
//! said so. And pipes that hold much.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use crate::problem::{Code, Problem};

/// Bytes that a pipe may hold (Linux's usual limit), so that pg_dump seldom waits for us.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// A file that did not exist, and that only its owner may read. A link with its name counts as
/// existing.
pub fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new file that only its owner may read; whatever has its name (left by an interrupted run, or a
/// link) is removed first.
pub fn create_anew(path: &Path) -> io::Result<File> {
    match create_new(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_new(path)
        }
        made => made,
    }
}

/// Writes a new file, and flushes it to disk; what has its name is removed first.
///
/// # Errors
/// It can't be written, and is not there.
pub fn write_anew(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let write = || {
        let mut file = create_anew(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };

    write().map_err(|e: io::Error| {
        // an incomplete file is useless, and takes space
        let _ = fs::remove_file(path);
        let full = matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        Problem::failed(format!("could not write `{}`", path.display()))
            .code(if full { Code::NoRoom } else { Code::FileError })
            .because(e.to_string())
            .cure("fix the folder's permissions, or free some space there")
    })
}

/// Writes a file whole or not at all, by way of a `partial` name in the same folder. It is on the
/// disk when this returns.
///
/// # Errors
/// It can't be written; the old file is as it was.
pub fn replace(path: &Path, partial: &Path, bytes: &[u8]) -> Result<()> {
    write_anew(partial, bytes)?;
    put_over(path, partial)
}

/// The same for a file that others may read and write, too: its rights stay.
///
/// # Errors
/// It can't be written; the old file is as it was.
pub fn replace_with_its_rights(path: &Path, partial: &Path, bytes: &[u8]) -> Result<()> {
    write_anew(partial, bytes)?;
    if let Ok(old) = fs::symlink_metadata(path) {
        fs::set_permissions(partial, old.permissions())
            .with_context(|| format!("could not set the rights of `{}`", partial.display()))?;
    }
    put_over(path, partial)
}

/// The same for a file that everybody may read.
///
/// # Errors
/// It can't be written; the old file is as it was.
pub fn replace_for_all(path: &Path, partial: &Path, bytes: &[u8]) -> Result<()> {
    write_anew(partial, bytes)?;
    #[cfg(unix)]
    fs::set_permissions(partial, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .with_context(|| format!("could not set the rights of `{}`", partial.display()))?;
    put_over(path, partial)
}

/// Gives what has a partial name its own, in place of whatever has that. It is on the disk when this
/// returns.
///
/// # Errors
/// It can't be renamed.
pub fn put_over(path: &Path, partial: &Path) -> Result<()> {
    fs::rename(partial, path)
        .with_context(|| format!("could not rename `{}`", partial.display()))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Sets the rights of a file or folder, where there are such rights.
///
/// # Errors
/// They can't be set.
pub fn set_mode(path: &Path, bits: u32) -> Result<(), Problem> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).map_err(|e| {
            Problem::failed(format!("could not set the rights of `{}`", path.display()))
                .code(Code::FileError)
                .because(e.to_string())
                .cure("leave `backup.mode` out, or choose a folder whose files can have rights")
        })?;
    }
    #[cfg(not(unix))]
    let _ = (path, bits);
    Ok(())
}

/// Gives a file a name that must not be taken.
///
/// # Errors
/// The name is taken, or the file can't be renamed.
pub fn rename_new(from: &Path, to: &Path) -> Result<()> {
    let taken = || {
        Problem::failed(format!("`{}` exists already", to.display()))
            .code(Code::NameTaken)
            .cure("run the command again: it will use another name")
    };

    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => return Err(taken().into()),
            // on file systems without NOREPLACE the lock keeps other runs away, and the check below
            // protects files
            Err(_) => {}
        }
    }
    anyhow::ensure!(!to.exists(), taken());

    fs::rename(from, to)
        .with_context(|| format!("could not rename `{}` to `{}`", from.display(), to.display()))
}

/// Flushes the names in a folder to disk.
pub fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Windows can't open a folder as a file, and does not need this flush
    if cfg!(unix) {
        File::open(folder)
            .and_then(|f| f.sync_all())
            .with_context(|| format!("could not flush `{}`", folder.display()))?;
    }
    Ok(())
}

/// A pipe that holds much.
pub fn wide_pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // refused if an administrator set a lower limit: the usual 64 KiB also work
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES);
    Ok((reader, writer))
}

/// A folder that only its owner can enter: dumps hold everything.
pub fn private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);

    builder.create(path).map_err(|e| {
        let cure =
            "choose another folder with `--output-dir` or `backup.dir`, or fix its permissions";
        Problem::failed(format!("could not make the folder `{}`", path.display()))
            .code(Code::FileError)
            .because(e.to_string())
            .cure(cure)
            .into()
    })
}
