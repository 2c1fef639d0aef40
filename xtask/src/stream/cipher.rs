//! Encryption at rest, by age (<https://age-encryption.org/v1>): what is known of an encrypted file,
//! and the one link of the codec that makes and undoes it. A build without the feature `age` knows
//! such files, and says that it can't read them.

#[cfg(feature = "age")]
mod by_age;
#[cfg(not(feature = "age"))]
mod left_out;
mod problems;
mod shared;

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

#[cfg(feature = "age")]
use self::by_age as library;
#[cfg(not(feature = "age"))]
use self::left_out as library;
use self::shared::Shared;
use super::Codec;
use crate::config::{Keys, Lock};
use crate::problem::Problem;

/// How a file was encrypted, as its manifest says it. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Encryption {
    /// To these public keys; none if they are not known.
    Age {
        /// The keys.
        recipients: Vec<String>,
    },
    /// With a passphrase.
    AgePassphrase,
}

impl From<&Lock> for Encryption {
    fn from(lock: &Lock) -> Self {
        match lock {
            Lock::Recipients(recipients) => Self::Age { recipients: recipients.clone() },
            Lock::Passphrase(_) => Self::AgePassphrase,
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age { recipients } if recipients.is_empty() => f.write_str("encrypted by age"),
            Self::Age { recipients } => write!(f, "encrypted to {}", recipients.join(", ")),
            Self::AgePassphrase => f.write_str("encrypted with a passphrase"),
        }
    }
}

/// An encrypted file, and where the keys are that may open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// How it was encrypted.
    pub by: Encryption,
    /// The keys.
    pub keys: Keys,
}

/// How a file's bytes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// How they are compressed.
    pub codec: Codec,
    /// What opens the file, if it is encrypted.
    pub locked: Option<Locked>,
}

impl From<Codec> for Coding {
    fn from(codec: Codec) -> Self {
        Self { codec, locked: None }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.locked {
            None => self.codec.fmt(f),
            Some(_) => write!(f, "{}, age", self.codec),
        }
    }
}

/// How a new file is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locking {
    /// To whom.
    pub lock: Lock,
    /// The keys with which each new file is tried before it is complete; none if it can't be read
    /// here.
    pub keys: Option<Keys>,
}

/// A writer that ends with the writer below it.
pub(super) trait Finish<W>: Write {
    /// Writes the end.
    fn finish(self: Box<Self>) -> io::Result<W>;
}

/// Writes the head of an encrypted file; what is written then comes encrypted to `to`.
pub(super) fn lock<W: Write + Send + 'static>(
    lock: &Lock,
    to: W,
) -> Result<Box<dyn Finish<W> + Send>, Problem> {
    library::encrypt(lock, to)
}

/// The bytes of a file, decrypted if it is encrypted.
pub enum Unlocked<R> {
    /// As they are.
    Open(R),
    /// Through the library, which does not return what it reads from.
    Opened(Shared<R>, Box<dyn Read + Send>),
}

impl<R: Read + Send + 'static> Unlocked<R> {
    /// Reads the head of an encrypted file. `path` is for messages.
    ///
    /// # Errors
    /// No key opens it, or its head is damaged.
    pub(super) fn new(from: R, locked: Option<&Locked>, path: &Path) -> Result<Self, Problem> {
        let Some(locked) = locked else { return Ok(Self::Open(from)) };

        let shared = Shared::new(from);
        let plain = library::decrypt(locked, shared.clone(), path)?;
        Ok(Self::Opened(shared, plain))
    }

    /// What it was read from.
    pub(super) fn into_inner(self) -> io::Result<R> {
        match self {
            Self::Open(from) => Ok(from),
            Self::Opened(shared, plain) => {
                drop(plain);
                shared.into_inner()
            }
        }
    }
}

impl<R: Read> Read for Unlocked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(from) => from.read(buf),
            Self::Opened(_, plain) => plain.read(buf),
        }
    }
}

/// Whether keys open what a lock locks, tried on a file in memory. `None` if there are none here.
///
/// # Errors
/// The lock or a key can't be used, or they do not fit together: nobody here could read a backup.
pub fn fitting(lock: &Lock, keys: &Keys) -> Result<Option<Keys>, Problem> {
    let own = match lock {
        Lock::Recipients(_) => keys.identity.clone(),
        // it opens what it locks
        Lock::Passphrase(file) => {
            library::passphrase(file)?;
            let keys = Keys { identity: None, passphrase: Some(file.clone()) };
            return Ok(Some(keys));
        }
    };
    let file = library::encrypt(lock, Vec::new())?.finish().map_err(|e| problems::unmade(&e))?;
    let Some(identity) = own else { return Ok(None) };

    let keys = Keys { identity: Some(identity.clone()), passphrase: None };
    let locked = Locked { by: Encryption::from(lock), keys: keys.clone() };
    library::decrypt(&locked, io::Cursor::new(file), Path::new(""))
        .map(|_| Some(keys))
        .map_err(|e| problems::unfit(e, lock, &identity))
}
