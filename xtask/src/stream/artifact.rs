//! The one codec of artifacts: what bytes go through on their way into a file, and back.
//!
//! ```text
//! create   bytes -> compression -> checksum -> file, flushed to disk
//! open     file -> checksum -> decompression -> bytes
//! ```
//!
//! The checksum is that of the file, so `sha256sum` and `b3sum` print it. A further link, such as
//! encryption, is one in each of these two.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::{
    Codec, Compression, Conveyor, Decoder, Digest, Encoder, Fetched, Flushed, Method, Sum, decoder,
    encoder,
};
use crate::disk::create_new;
use crate::problem::{Code, Problem};

/// An artifact that is written. Only [`Conveyor::finish`] completes the file, and returns once it is
/// on the disk.
pub type Writer = Conveyor<Sum>;

/// An artifact that is read. [`Fetched::finish`] has the checksum of the whole file.
pub type Reader = Fetched<Sum>;

/// A new file, which must not exist and which only its owner may read. One core compresses, another
/// hashes.
///
/// # Errors
/// The file can't be made.
pub fn create(path: &Path, compression: Compression, method: Method) -> Result<Writer, Problem> {
    let file = Hashed::new(Flushed::new(private_file(path)?), method);
    let encoder = encoder(compression, file).map_err(|e| unwritable(&e))?;
    Ok(Conveyor::new(encoder, |encoder| {
        let Hashed { file, sum } = Encoder::finish(encoder)?;
        file.finish()?;
        sum.finish()
    }))
}

/// A file from its beginning to its end. One core decompresses, another hashes.
///
/// # Errors
/// The file can't be opened, or has no beginning of this codec.
pub fn open(path: &Path, codec: Codec, method: Method) -> Result<Reader, Problem> {
    let opened = File::open(path).and_then(|file| decoder(codec, Hashed::new(file, method)));
    let decoder = opened.map_err(|e| unreadable(path, &e))?;
    Ok(Fetched::new(decoder, |decoder| Decoder::finish(decoder)?.sum.finish()))
}

/// What is in a file, for those who want to know what it is: nothing is checked of what they leave
/// unread.
///
/// # Errors
/// As [`open`].
pub fn look_into(path: &Path, codec: Codec) -> io::Result<Decoder<File>> {
    decoder(codec, File::open(path)?)
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
