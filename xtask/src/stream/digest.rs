use std::fmt;
use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// A writer that keeps the CRC-32 of what is written, and nothing else: it knows damage, and costs next to nothing.
#[derive(Default)]
pub struct Check(flate2::Crc);

impl Check {
    /// The sum so far, in hexadecimal.
    pub fn hex(&self) -> String {
        format!("{:08x}", self.0.sum())
    }
}

impl Write for Check {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the SHA-256 and the length of everything that passes through it, as
/// a writer around a writer or as a reader around a reader.
pub struct Digest<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T> Digest<T> {
    /// Wraps `inner`, with nothing counted yet.
    pub fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// The number of bytes that have passed so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The wrapped reader or writer.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Gives back what was wrapped, and the sum of all that passed.
    pub fn finish(self) -> (T, Sum) {
        let sum = Sum { sha256: self.hasher.finalize().into(), bytes: self.bytes };
        (self.inner, sum)
    }

    fn note(&mut self, passed: &[u8]) {
        self.hasher.update(passed);
        self.bytes += passed.len() as u64;
    }
}

impl<W: Write> Write for Digest<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let accepted = self.inner.write(buf)?;
        self.note(&buf[..accepted]);
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Digest<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf)?;
        self.note(&buf[..got]);
        Ok(got)
    }
}

/// What passed through a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// How many bytes there were.
    pub bytes: u64,
}

impl Sum {
    /// Of bytes that are there at once.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: Sha256::digest(bytes).into(), bytes: bytes.len() as u64 }
    }

    /// The SHA-256 in lower-case hexadecimal, as `sha256sum` prints it.
    pub fn hex(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sha256.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
