//! Files and folders of a tree that is made.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::super::walk::{beneath, within};
use crate::problem::Problem;
use crate::stream::Flushed;
use crate::value::tree::Name;

/// A new file: anything else with its name, such as a link, is an error. Only we can enter the
/// staging folder, so it may be created with its final rights.
pub(super) fn new_file(folder: &OwnedFd, name: &[u8], mode: u32) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let plain = Mode::from_bits_truncate((mode & 0o777) as _);
    rustix::fs::openat(folder, name, flags, plain | Mode::RUSR | Mode::WUSR)
}

/// A folder, or the existing one if something in it came first.
pub(super) fn make_folder(folder: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
    match rustix::fs::mkdirat(folder, name, Mode::RWXU) {
        Err(Errno::EXIST) => beneath(folder, &Name::ROOT.join(name)).map(drop),
        made => made,
    }
}

pub(super) fn make_folders(root: &OwnedFd, name: &Name) -> rustix::io::Result<OwnedFd> {
    let mut folder = beneath(root, &Name::ROOT)?;
    for part in name.parts() {
        folder = match beneath(&folder, &Name::ROOT.join(part)) {
            Err(Errno::NOENT) => {
                make_folder(&folder, part)?;
                beneath(&folder, &Name::ROOT.join(part))?
            }
            there => there?,
        };
    }

    Ok(folder)
}

pub(super) fn write_all(
    content: &mut dyn Read,
    file: &mut Flushed,
    room: &mut [u8],
    tell: &mut dyn FnMut(u64),
) -> io::Result<()> {
    chunks(content, room, &mut |chunk| {
        tell(chunk.len() as u64);
        file.write_all(chunk)
    })
}

/// Zeros are skipped, so that a file with holes gets them again.
pub(super) fn write_sparse(
    content: &mut dyn Read,
    file: &mut File,
    room: &mut [u8],
    tell: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let mut at = 0;
    chunks(content, room, &mut |chunk| {
        tell(chunk.len() as u64);
        at += chunk.len() as u64;
        if chunk.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Start(at)).map(drop)
        } else {
            file.write_all(chunk)
        }
    })?;

    file.set_len(at)
}

/// Each is as long as the buffer, except for the last one.
pub(super) fn chunks(
    content: &mut dyn Read,
    room: &mut [u8],
    act: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut filled = 0;
        while filled < room.len() {
            match content.read(&mut room[filled..])? {
                0 => break,
                got => filled += got,
            }
        }

        if filled > 0 {
            act(&room[..filled])?;
        }
        if filled < room.len() {
            return Ok(());
        }
    }
}

/// Content that ends too early is the archive's fault, anything else the disk's.
pub(super) fn readable(error: io::Error, path: &Path, name: &Name) -> Problem {
    within(path, name, "could not write", Errno::from_io_error(&error).unwrap_or(Errno::IO))
        .because(error.to_string())
}
