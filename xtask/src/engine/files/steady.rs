//! Reads a file with the length it had at first.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

use super::sparse::{Piece, pieces};
use super::walk::{Seen, seen};
use crate::stream::Summing;
use crate::value::tree::What;

/// A file that keeps its first length whatever happens to it, and whose holes are empty.
///
/// Holes are read, too: file systems have been wrong about them, and the digest covers all bytes
/// anyway.
pub(super) struct Steady {
    file: File,
    pub(super) bytes: u64,
    pub(super) pieces: Option<Vec<Piece>>,
    /// The piece at hand.
    piece: usize,
    pub(super) at: u64,
    changed: Changed,
}

enum Changed {
    No,
    Shrank,
    Rewritten,
    Unreadable(io::Error),
}

impl Steady {
    pub(super) fn new(file: File, found: &Seen) -> Self {
        let pieces = if found.stored < found.bytes { pieces(&file, found.bytes) } else { None };
        Self { file, bytes: found.bytes, pieces, piece: 0, at: 0, changed: Changed::No }
    }

    pub(super) fn open(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(super) fn into_open(self) -> OwnedFd {
        self.file.into()
    }

    /// What was noticed first stays.
    fn notice(&mut self, what: Changed) {
        if let Changed::No = self.changed {
            self.changed = what;
        }
    }

    /// Where the current stretch ends, and whether it is data.
    fn stretch(&mut self) -> (u64, bool) {
        let Some(pieces) = &self.pieces else { return (self.bytes, true) };
        while pieces.get(self.piece).is_some_and(|(from, len)| from + len <= self.at) {
            self.piece += 1;
        }

        match pieces.get(self.piece) {
            Some((from, len)) if *from <= self.at => (from + len, true),
            Some((from, _)) => (*from, false),
            None => (self.bytes, false),
        }
    }

    /// Reads on, and pads what is missing.
    pub(super) fn fill(&mut self, buf: &mut [u8]) {
        let mut done = 0;
        while done < buf.len() {
            match self.file.read_at(&mut buf[done..], self.at + done as u64) {
                Ok(0) => {
                    self.notice(Changed::Shrank);
                    break;
                }
                Ok(got) => done += got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.notice(Changed::Unreadable(e));
                    break;
                }
            }
        }

        buf[done..].fill(0);
        self.at += buf.len() as u64;
    }

    /// The next data, and how much it is; holes are hashed on the way.
    pub(super) fn read(&mut self, buf: &mut [u8], sum: &mut Summing) -> usize {
        while self.at < self.bytes {
            let (end, data) = self.stretch();
            let room = (end - self.at).min(buf.len() as u64) as usize;
            self.fill(&mut buf[..room]);
            sum.update(&buf[..room]);

            if data {
                return room;
            }
            if buf[..room].iter().any(|byte| *byte != 0) {
                self.notice(Changed::Rewritten);
            }
        }

        0
    }

    /// What changed since it was first looked at.
    ///
    /// # Errors
    /// It could not be read.
    pub(super) fn changed(self, before: &Seen) -> rustix::io::Result<Option<What>> {
        let after = seen(&self.file)?;
        Ok(match self.changed {
            Changed::Unreadable(e) => return Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
            Changed::Shrank => Some(What::Shrank),
            _ if after.bytes > before.bytes => Some(What::Grew),
            Changed::Rewritten => Some(What::Rewritten),
            Changed::No => ((after.mtime, after.ctime) != (before.mtime, before.ctime))
                .then_some(What::Rewritten),
        })
    }
}
