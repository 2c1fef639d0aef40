//! Sums of the contents of files: one for each file of a tree, of which there may be many
//! thousands.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How contents are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// BLAKE3, which is several times as fast on processors without instructions for SHA-256.
    #[default]
    Blake3,
    /// SHA-256, as manifests up to format 2 have it.
    Sha256,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
        })
    }
}

/// A sum of 256 bits, as text in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Fingerprint> for String {
    fn from(print: Fingerprint) -> Self {
        print.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        let wrong = "a digest that is not of 64 hexadecimal digits";
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong);
        }

        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).map_err(|_| wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong)?;
        }

        Ok(Self(bytes))
    }
}

/// Sums up what it is told.
pub enum Summing {
    /// See [`Method::Blake3`].
    Blake3(Box<blake3::Hasher>),
    /// See [`Method::Sha256`].
    Sha256(Sha256),
}

impl Summing {
    /// Nothing yet.
    pub fn by(method: Method) -> Self {
        match method {
            Method::Blake3 => Self::Blake3(Box::default()),
            Method::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    /// Adds more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => drop(hasher.update(bytes)),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The sum of all; the next one starts over.
    pub fn take(&mut self) -> Fingerprint {
        match self {
            Self::Blake3(hasher) => {
                let print = Fingerprint(hasher.finalize().into());
                hasher.reset();
                print
            }
            Self::Sha256(hasher) => Fingerprint(hasher.finalize_reset().into()),
        }
    }
}

/// A reader that sums up what passes, and counts it.
pub struct Summed<'a, R> {
    inner: R,
    sum: &'a mut Summing,
    bytes: u64,
}

impl<'a, R: Read> Summed<'a, R> {
    /// Wraps `inner`, with nothing counted yet.
    pub fn new(inner: R, sum: &'a mut Summing) -> Self {
        Self { inner, sum, bytes: 0 }
    }

    /// The number of bytes that have passed, and their sum.
    pub fn finish(self) -> (u64, Fingerprint) {
        (self.bytes, self.sum.take())
    }
}

impl<R: Read> Read for Summed<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf)?;
        self.sum.update(&buf[..got]);
        self.bytes += got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_as_others_have_them() {
        for (method, want) in [
            (Method::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
            (Method::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            let mut sum = Summing::by(method);
            // the second one knows nothing of the first
            for _ in 0..2 {
                let mut passing = Summed::new(&b"abc"[..], &mut sum);
                io::copy(&mut passing, &mut io::sink()).unwrap();
                let (bytes, print) = passing.finish();
                assert_eq!((bytes, print.to_string().as_str()), (3, want));
                assert_eq!(Fingerprint::try_from(want.to_owned()), Ok(print));
            }
        }

        for text in ["", "ab", &"g".repeat(64), &"+1".repeat(32)[..63], &"ä".repeat(32)] {
            assert!(Fingerprint::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
