//! Encryption by the crate `age`.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, IdentityFile};

use super::problems::{damaged, no_key, unmade, unusable, wrong_key};
use super::{Encryption, Finish, Locked};
use crate::config::Lock;
use crate::problem::Problem;

/// How much work it is to try a passphrase, as a power of two: what the program age takes. It is
/// about a second, and 256 MiB.
const WORK: u8 = 18;
/// The most that is accepted of a file: 1 GiB.
const MOST_WORK: u8 = 20;

/// The most that is read of a file with keys.
const MOST_BYTES: u64 = 1 << 20;

const BUFFER: usize = 128 * 1024;
const ARMOR: &[u8] = b"-----BEGIN";

type Recipients = Vec<Box<dyn age::Recipient + Send>>;

impl<W: Write> Finish<W> for age::stream::StreamWriter<W> {
    fn finish(self: Box<Self>) -> io::Result<W> {
        age::stream::StreamWriter::finish(*self)
    }
}

pub(super) fn encrypt<W: Write + Send + 'static>(
    lock: &Lock,
    to: W,
) -> Result<Box<dyn Finish<W> + Send>, Problem> {
    let all = recipients(lock)?;
    let encryptor = Encryptor::with_recipients(all.iter().map(|one| &**one as &dyn age::Recipient))
        .map_err(|e| unmade(&io::Error::other(e.to_string())))?;

    let writer = encryptor.wrap_output(to).map_err(|e| unmade(&e))?;
    Ok(Box::new(writer))
}

fn recipients(lock: &Lock) -> Result<Recipients, Problem> {
    match lock {
        Lock::Recipients(names) => names.iter().map(|name| recipient(name)).collect(),
        Lock::Passphrase(file) => {
            let mut recipient = age::scrypt::Recipient::new(secret(file)?);
            recipient.set_work_factor(WORK);
            Ok(vec![Box::new(recipient)])
        }
    }
}

fn recipient(name: &str) -> Result<Box<dyn age::Recipient + Send>, Problem> {
    let read = name.parse::<age::x25519::Recipient>();
    read.map(|one| Box::new(one) as _).map_err(|why| {
        Problem::usage(format!("`encryption.recipients` has `{name}`, which is no public key"))
            .code(crate::problem::Code::Config)
            .because(format!("age says: {why}"))
            .cure("take it from the line `# public key:` that `age-keygen` writes")
    })
}

pub(super) fn decrypt<R: Read + Send + 'static>(
    locked: &Locked,
    from: R,
    path: &Path,
) -> Result<Box<dyn Read + Send>, Problem> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    let head = from.fill_buf().map_err(|e| unreadable(path, &e))?;

    if head.starts_with(ARMOR) {
        let decryptor = Decryptor::new_buffered(BufReader::new(ArmoredReader::new(from)));
        return open(decryptor, locked, path);
    }
    open(Decryptor::new_buffered(from), locked, path)
}

fn open<R: Read + Send + 'static>(
    decryptor: Result<Decryptor<R>, DecryptError>,
    locked: &Locked,
    path: &Path,
) -> Result<Box<dyn Read + Send>, Problem> {
    let decryptor = decryptor.map_err(|e| shut(e, path))?;
    // the file knows better than a guess by its name
    let by = match (&locked.by, decryptor.is_scrypt()) {
        (_, true) => Encryption::AgePassphrase,
        (Encryption::AgePassphrase, false) => Encryption::Age { recipients: Vec::new() },
        (by, false) => by.clone(),
    };
    let keys = &locked.keys;
    let key = if decryptor.is_scrypt() { &keys.passphrase } else { &keys.identity };
    let key = key.as_deref().ok_or_else(|| no_key(path, &by))?;

    let opened = if decryptor.is_scrypt() {
        let mut identity = age::scrypt::Identity::new(secret(key)?);
        identity.set_max_work_factor(MOST_WORK);
        decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
    } else {
        let all = identities(key)?;
        decryptor.decrypt(all.iter().map(|one| &**one as &dyn age::Identity))
    };

    match opened {
        Ok(plain) => Ok(Box::new(plain)),
        Err(DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed) => {
            Err(wrong_key(path, &by, key))
        }
        Err(DecryptError::KeyDecryptionFailed) => Err(wrong_key(path, &by, key)),
        Err(other) => Err(shut(other, path)),
    }
}

fn shut(error: DecryptError, path: &Path) -> Problem {
    match error {
        DecryptError::Io(e) => unreadable(path, &e),
        DecryptError::ExcessiveWork { .. } => {
            damaged(path, "its passphrase takes more memory to try than db-tasks gives it")
        }
        DecryptError::UnknownFormat => damaged(path, "it is of a newer format of age"),
        _ => damaged(path, "the head of the encrypted file is damaged, or it is not one of age"),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    crate::stream::artifact::unreadable(path, error)
}

/// A passphrase can be used.
pub(super) fn passphrase(path: &Path) -> Result<(), Problem> {
    secret(path).map(drop)
}

/// The first line of a file.
fn secret(path: &Path) -> Result<SecretString, Problem> {
    let text = text_of(path)?;
    let first = text.lines().next().unwrap_or_default();
    if first.is_empty() {
        return Err(unusable(path, "its first line is empty", "write the passphrase there"));
    }
    Ok(SecretString::from(first.to_owned()))
}

type Identities = Vec<Box<dyn age::Identity + Send + Sync>>;

fn identities(path: &Path) -> Result<Identities, Problem> {
    let text = text_of(path)?;
    let is_locked = text.starts_with("age-encryption.org/") || text.as_bytes().starts_with(ARMOR);
    let made = "a file with keys is what `age-keygen` writes: `age-keygen -o FILE`";
    if is_locked {
        let why = "it is encrypted itself, or a key of another program";
        return Err(unusable(path, why, made));
    }

    let file = IdentityFile::from_buffer(text.as_bytes());
    let file = file.map_err(|e| unusable(path, &e.to_string(), made))?;
    let all = file.into_identities().unwrap_or_default();
    if all.is_empty() {
        return Err(unusable(path, "there is none in it", made));
    }
    Ok(all)
}

/// A small file, whole. A pipe could be read only once.
fn text_of(path: &Path) -> Result<String, Problem> {
    let again = "check the path, and who may read it";
    let about = fs::metadata(path).map_err(|e| unusable(path, &e.to_string(), again))?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err(unusable(path, "it is no file with a key", again));
    }
    fs::read_to_string(path).map_err(|e| unusable(path, &e.to_string(), again))
}
