//! The one codec of artifacts: what bytes go through on their way into a file, and back.
//!
//! ```text
//! create   bytes -> compression -> encryption -> checksum -> file, flushed to disk
//! open     file -> checksum -> decryption -> decompression -> bytes
//! ```
//!
//! The checksum is that of the file, so `sha256sum` and `b3sum` print it, and no key is needed to
//! compare it. Most files are not encrypted.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::cipher::{self, Finish};
use super::{
    Codec, Coding, Compression, Conveyor, Decoder, Digest, Encoder, Encryption, Fetched, Flushed,
    Locked, Locking, Method, Sum, Unlocked, decoder, encoder,
};
use crate::config::Keys;
use crate::disk::create_new;
use crate::problem::{Code, Problem};

/// An artifact that is written. Only [`Conveyor::finish`] completes the file, and returns once it is
/// on the disk.
pub type Writer = Conveyor<Sum>;

/// An artifact that is read. [`Fetched::finish`] has the checksum of the whole file.
pub type Reader = Fetched<Sum>;

/// A new file, which must not exist and which only its owner may read. One core compresses, another
/// encrypts, and another hashes. An encrypted file is complete only if its keys open it, where there
/// are any.
///
/// # Errors
/// The file can't be made, or not encrypted.
pub fn create(
    path: &Path,
    compression: Compression,
    locking: Option<&Locking>,
    method: Method,
) -> Result<Writer, Problem> {
    let file = Hashed::new(Flushed::new(private_file(path)?), method);
    let Some(Locking { lock, keys }) = locking else {
        let encoder = encoder(compression, file).map_err(|e| unwritable(&e))?;
        return Ok(Conveyor::new(encoder, |encoder| Encoder::finish(encoder)?.finish()));
    };

    let locked = cipher::lock(lock, file)?;
    let apart = Conveyor::new(locked, |locked| Finish::finish(locked)?.finish());
    let encoder = encoder(compression, apart).map_err(|e| unwritable(&e))?;
    let trial = keys.clone().map(|keys| Trial::of(path, lock.into(), keys));

    Ok(Conveyor::new(encoder, |encoder| {
        let sum = Encoder::finish(encoder)?.finish()?;
        trial.map_or(Ok(()), Trial::opens)?;
        Ok(sum)
    }))
}

/// A file from its beginning to its end. One core decrypts and decompresses, another hashes.
///
/// # Errors
/// The file can't be opened, no key is there for it, or it has no beginning of this codec.
pub fn open(path: &Path, coding: &Coding, method: Method) -> Result<Reader, Problem> {
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let plain = Unlocked::new(Hashed::new(file, method), coding.locked.as_ref(), path)?;
    let decoder = decoder(coding.codec, plain).map_err(|e| unreadable(path, &e))?;

    Ok(Fetched::new(decoder, |decoder| Decoder::finish(decoder)?.into_inner()?.sum.finish()))
}

/// What is in a file, for those who want to know what it is: nothing is checked of what they leave
/// unread.
///
/// # Errors
/// As [`open`].
pub fn look_into(path: &Path, coding: &Coding) -> Result<Decoder<Unlocked<File>>, Problem> {
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let plain = Unlocked::new(file, coding.locked.as_ref(), path)?;
    decoder(coding.codec, plain).map_err(|e| unreadable(path, &e))
}

/// A new file that must be one that can be read here.
struct Trial {
    path: PathBuf,
    locked: Locked,
}

impl Trial {
    fn of(path: &Path, by: Encryption, keys: Keys) -> Self {
        Self { path: path.to_path_buf(), locked: Locked { by, keys } }
    }

    /// Opens it, and decrypts its beginning.
    fn opens(self) -> io::Result<()> {
        let coding = Coding { codec: Codec::Plain, locked: Some(self.locked) };
        let mut plain = look_into(&self.path, &coding).map_err(io::Error::other)?;
        plain.read(&mut [0]).map(drop)
    }
}

/// Why an artifact can't be read: a file that is damaged is a bad backup, a disk that fails is not.
pub fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let damaged = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    );
    let problem = Problem::failed(format!("could not read `{}` to its end", path.display()))
        .code(Code::FileError)
        .because(error.to_string());
    if damaged {
        problem.cure("the file is cut short or damaged: use another backup (`db-list`)").of_backup()
    } else {
        problem
    }
}

/// Why an artifact can't be written.
pub fn unwritable(error: &io::Error) -> Problem {
    let problem = Problem::failed("could not write the backup")
        .code(Code::FileError)
        .because(error.to_string());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            problem.code(Code::NoRoom).cure(
                "free some space (`db-cleanup` removes old backups), or choose another disk with \
             `--output-dir`",
            )
        }
        _ => problem,
    }
}

fn private_file(path: &Path) -> Result<File, Problem> {
    create_new(path).map_err(|e| {
        Problem::failed(format!("could not make `{}`", path.display()))
            .code(Code::FileError)
            .because(e.to_string())
            .cure("fix the folder's permissions, or choose another with `--output-dir`")
    })
}

impl Hashed<Flushed> {
    fn finish(self) -> io::Result<Sum> {
        self.file.finish()?;
        self.sum.finish()
    }
}

/// A file whose bytes are hashed by a thread of its own.
struct Hashed<F> {
    file: F,
    sum: Conveyor<Sum>,
}

impl<F> Hashed<F> {
    fn new(file: F, method: Method) -> Self {
        let digest = Digest::by(method, io::sink());
        Self { file, sum: Conveyor::new(digest, |digest| Ok(digest.finish().1)) }
    }
}

impl<F: Write> Write for Hashed<F> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(buf)?;
        self.sum.write_all(&buf[..taken])?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<F: Read> Read for Hashed<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(buf)?;
        self.sum.write_all(&buf[..got])?;
        Ok(got)
    }
}
