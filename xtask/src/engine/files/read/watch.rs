//! Reading that counts and remembers what it has read.

use std::cell::Cell;
use std::io::{self, Read};

use crate::problem::{Code, Problem};

/// What the reader and the loop above it share.
pub(super) struct Watch {
    /// Whether the input has ended.
    pub(super) ended: Cell<bool>,
    /// How many bytes may still be read.
    pub(super) allowed: Cell<u64>,
    /// How the input failed, if it did.
    pub(super) failed: Cell<Option<io::ErrorKind>>,
}

impl Watch {
    /// What is wrong: the archive, or reading it.
    pub(super) fn blame(&self, error: &dyn std::fmt::Display) -> Problem {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};

        match self.failed.get() {
            None | Some(InvalidData | InvalidInput | Other | UnexpectedEof) => {
                Problem::failed("the archive is damaged")
                    .code(Code::BackupDamaged)
                    .because(error.to_string())
                    .cure("use another backup (`db-list`)")
                    .of_backup()
            }
            Some(_) => Problem::failed("could not read the archive to its end")
                .code(Code::BackupDamaged)
                .because(error.to_string()),
        }
    }
}

pub(super) struct Watched<'a> {
    pub(super) input: &'a mut dyn Read,
    pub(super) watch: &'a Watch,
    /// Bytes that have passed.
    pub(super) at: u64,
}

/// How the library skips padding: it would clear 32 KiB each time to read a few bytes.
impl io::Seek for Watched<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let io::SeekFrom::Current(bytes) = to else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let (mut left, mut room) = (bytes.unsigned_abs(), [0; 512]);
        while left > 0 {
            let part = left.min(room.len() as u64) as usize;
            match self.read(&mut room[..part])? {
                0 => return Err(io::Error::other("unexpected EOF during skip")),
                got => left -= got as u64,
            }
        }

        Ok(self.at)
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = loop {
            match self.input.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read.inspect_err(|e| self.watch.failed.set(Some(e.kind())))?,
            }
        };

        self.watch.ended.set(self.watch.ended.get() || got == 0 && !buf.is_empty());
        let Some(left) = self.watch.allowed.get().checked_sub(got as u64) else {
            self.watch.failed.set(Some(io::ErrorKind::InvalidData));
            return Err(io::Error::new(io::ErrorKind::InvalidData, "headers without an end"));
        };
        self.watch.allowed.set(left);
        self.at += got as u64;

        Ok(got)
    }
}
