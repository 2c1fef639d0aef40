//! Keys of age, made for a test.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;

/// A private key in a file, and its public key.
pub struct Key {
    pub file: PathBuf,
    pub public: String,
    pub secret: String,
}

impl Key {
    /// A new one, in a file of this name.
    pub fn new(folder: &Path, name: &str) -> Self {
        let identity = age::x25519::Identity::generate();
        let (file, public) = (folder.join(name), identity.to_public().to_string());
        let secret = identity.to_string().expose_secret().to_owned();
        fs::write(&file, format!("# public key: {public}\n{secret}\n")).unwrap();
        Self { file, public, secret }
    }

    /// Encrypts to it, and reads with it.
    pub fn both(&self) -> String {
        format!("{}identity-file = \"{}\"\n", self.to(), self.file.display())
    }

    /// Encrypts to it.
    pub fn to(&self) -> String {
        format!("[encryption]\nrecipients = [\"{}\"]\n", self.public)
    }
}
