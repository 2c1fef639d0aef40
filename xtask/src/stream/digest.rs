use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::content::{Fingerprint, Method, Summing};

/// A writer that keeps the CRC-32 of what is written, and nothing else: it detects damage, and
/// costs next to nothing.
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

/// Hashes and counts everything that passes through it, as a writer around a writer or a reader
/// around a reader.
pub struct Digest<T> {
    inner: T,
    method: Method,
    summing: Summing,
    bytes: u64,
}

impl<T> Digest<T> {
    /// Wraps `inner`, with nothing counted yet; sums up by SHA-256.
    pub fn new(inner: T) -> Self {
        Self::by(Method::Sha256, inner)
    }

    /// The same by another method.
    pub fn by(method: Method, inner: T) -> Self {
        Self { inner, method, summing: Summing::by(method), bytes: 0 }
    }

    /// The number of bytes that have passed so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The wrapped reader or writer.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns what was wrapped, and the sum of all that passed.
    pub fn finish(mut self) -> (T, Sum) {
        let sum = Sum { method: self.method, print: self.summing.take(), bytes: self.bytes };
        (self.inner, sum)
    }

    fn note(&mut self, passed: &[u8]) {
        self.summing.update(passed);
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
    /// How it was taken.
    pub method: Method,
    /// The sum itself.
    pub print: Fingerprint,
    /// How many bytes there were.
    pub bytes: u64,
}

impl Sum {
    /// Of bytes in memory, by SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = Digest::new(io::sink());
        digest.note(bytes);
        digest.finish().1
    }

    /// The sum in lower-case hexadecimal, as `sha256sum` and `b3sum` print it.
    pub fn hex(&self) -> String {
        self.print.to_string()
    }

    /// What a file with these bytes has to have.
    pub fn checksum(&self) -> Checksum {
        Checksum { method: self.method, hex: self.hex() }
    }
}

/// The sum that a file has to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it is taken.
    pub method: Method,
    /// In lower-case hexadecimal.
    pub hex: String,
}
