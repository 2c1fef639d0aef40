//! Encrypted artifacts: what is locked is opened by its key alone, and damage is never read as data.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use db_tasks::config::{Keys, Lock};
use db_tasks::problem::{About, Code, Problem};
use db_tasks::stream::artifact::{create, look_into, open, unreadable};
use db_tasks::stream::{Codec, Coding, Encryption, Locked, Locking, Method, Sum, fitting};

use super::rows;
use crate::support::keys::Key;

const CHUNK: usize = 64 * 1024;

fn to(key: &Key) -> Lock {
    Lock::Recipients(vec![key.public.clone()])
}

fn keys(identity: Option<&Path>) -> Keys {
    Keys { identity: identity.map(Path::to_path_buf), passphrase: None }
}

fn coding(codec: Codec, lock: &Lock, keys: Keys) -> Coding {
    Coding { codec, locked: Some(Locked { by: lock.into(), keys }) }
}

fn written(path: &Path, codec: Codec, locking: &Locking, data: &[u8]) -> Sum {
    let mut writer = create(path, codec.into(), Some(locking), Method::Sha256).unwrap();
    data.chunks(70_000).for_each(|piece| writer.write_all(piece).unwrap());
    writer.finish().unwrap()
}

fn read(path: &Path, coding: &Coding) -> Result<(Vec<u8>, Sum), Problem> {
    let mut reader = open(path, coding, Method::Sha256)?;
    let mut back = Vec::new();
    reader.read_to_end(&mut back).map_err(|e| unreadable(path, &e))?;
    Ok((back, reader.finish().map_err(|e| unreadable(path, &e))?))
}

/// A folder, a key in it, and a file with these bytes that is locked to it.
fn locked(codec: Codec, data: &[u8]) -> (tempfile::TempDir, PathBuf, Coding) {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::new(dir.path(), "key");
    let opens = keys(Some(&key.file));
    let locking = Locking { lock: to(&key), keys: Some(opens.clone()) };
    let path = dir.path().join("x.age");
    written(&path, codec, &locking, data);
    (dir, path, coding(codec, &locking.lock, opens))
}

#[test]
fn what_is_locked_is_opened_and_both_sum_up_the_file() {
    for codec in Codec::ALL {
        for length in [0, 1, CHUNK, 3 * CHUNK, 300_000, 5_000_000] {
            let data = rows(length);
            let (_dir, path, coding) = locked(codec, &data);
            let file = fs::read(&path).unwrap();
            assert!(file.starts_with(b"age-encryption.org/v1\n"));

            let (back, sum) = read(&path, &coding).unwrap();
            assert!(back == data, "{codec} {length}");
            assert_eq!(sum, Sum::of(&file));

            let mut head = Vec::new();
            look_into(&path, &coding).unwrap().take(1000).read_to_end(&mut head).unwrap();
            assert!(head == data[..length.min(1000)]);
        }
    }
}

#[test]
fn a_passphrase_locks_and_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("words"), dir.path().join("other"));
    fs::write(&file, "correct horse\nsecond line\n").unwrap();
    fs::write(&other, "correct horse \n").unwrap();

    let lock = Lock::Passphrase(file.clone());
    let keys = fitting(&lock, &Keys::default()).unwrap();
    assert_eq!(keys, Some(Keys { identity: None, passphrase: Some(file) }));
    let locking = Locking { lock, keys: keys.clone() };
    let path = dir.path().join("x.age");
    written(&path, Codec::Zstd, &locking, b"SELECT 1;\n");

    let opens = coding(Codec::Zstd, &locking.lock, keys.unwrap());
    assert_eq!(read(&path, &opens).unwrap().0, b"SELECT 1;\n");

    for (passphrase, words) in [(None, "there is no key"), (Some(other), "does not open it")] {
        let keys = Keys { identity: None, passphrase };
        let why = read(&path, &coding(Codec::Zstd, &locking.lock, keys)).unwrap_err();
        assert_eq!((why.code, why.about), (Code::NoKey, About::Run), "{why}");
        assert!(why.to_string().contains(words), "{why}");
        assert!(why.to_string().contains("DB_TASKS_AGE_PASSPHRASE_FILE"), "{why}");
        assert!(!why.to_string().contains("horse"), "{why}");
    }
}

/// A missing key says nothing against a backup.
#[test]
fn a_missing_or_wrong_key_is_named_and_is_no_damage() {
    let (dir, path, good) = locked(Codec::Zstd, b"SELECT 1;\n");
    let by = good.locked.unwrap().by;
    let wrong = Key::new(dir.path(), "wrong");
    let put = |name: &str, text: &[u8]| {
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let secret = &wrong.secret;
    let broken = put("broken", format!("{}x\n", &secret[..secret.len() - 1]).as_bytes());

    for (identity, words) in [
        (None, "there is no key for it here"),
        (Some(wrong.file.clone()), "does not open it"),
        (Some(dir.path().join("gone")), "can't be used"),
        (Some(dir.path().to_path_buf()), "it is no file with a key"),
        (Some(put("empty", b"# nothing\n")), "there is none in it"),
        (Some(path.clone()), "can't be used"),
        (Some(put("binary", &[0xff, 0xfe, 0, 1])), "can't be used"),
        (Some(broken), "can't be used"),
    ] {
        let locked = Some(Locked { by: by.clone(), keys: keys(identity.as_deref()) });
        let why = read(&path, &Coding { codec: Codec::Zstd, locked }).unwrap_err();
        assert_eq!((why.code, why.about), (Code::NoKey, About::Run), "{identity:?}: {why}");
        let said = why.to_string();
        assert!(said.contains(words), "{identity:?}: {said}");
        assert!(!said.contains("AGE-SECRET") && !said.contains(&secret[20..40]), "{said}");
    }
}

fn damaged(file: &[u8], at: &str, path: &Path, coding: &Coding) -> Problem {
    fs::write(path, file).unwrap();
    match read(path, coding) {
        Err(why) => why,
        Ok((back, _)) => panic!("{at}: {} bytes were read", back.len()),
    }
}

#[test]
fn every_truncation_is_an_error() {
    for codec in Codec::ALL {
        let (_dir, path, coding) = locked(codec, &rows(500));
        let file = fs::read(&path).unwrap();
        for cut in 0..file.len() {
            let why = damaged(&file[..cut], &format!("{codec} {cut}"), &path, &coding);
            assert_eq!(why.about, About::Backup, "{codec} {cut}: {why}");
        }
    }

    // between the pieces in which age encrypts
    let (_dir, path, coding) = locked(Codec::Plain, &rows(3 * CHUNK));
    let file = fs::read(&path).unwrap();
    let piece = CHUNK + 16;
    let head = file.len() - 3 * piece;
    for cut in [head, head + piece, head + 2 * piece, head + 2 * piece + 1, file.len() - 1] {
        let why = damaged(&file[..cut], &cut.to_string(), &path, &coding);
        assert_eq!(why.about, About::Backup, "{cut}: {why}");
    }
}

/// In the stanza of a key, damage looks like another key: the checksum tells. Everywhere else it is
/// known as damage.
#[test]
fn every_flipped_bit_is_an_error() {
    let (_dir, path, coding) = locked(Codec::Zstd, &rows(100));
    let file = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&file);
    let stanza = text.find("\n-> ").unwrap()..text.find("\n---").unwrap();

    // three is no divisor of eight: every bit of a byte has its turn
    for bit in (0..file.len() * 8).step_by(3) {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let why = damaged(&flipped, &format!("bit {bit}"), &path, &coding);
        let may_be_another = why.code == Code::NoKey && stanza.contains(&(bit / 8));
        assert!(may_be_another || why.about == About::Backup, "bit {bit}: {why}");
    }
}

#[test]
fn whatever_follows_the_end_is_an_error() {
    for length in [0, 100, CHUNK, 2 * CHUNK] {
        let (_dir, path, coding) = locked(Codec::Plain, &rows(length));
        let file = fs::read(&path).unwrap();
        for more in [&b"x"[..], &[0; 16], &[0; CHUNK + 16], &file] {
            let at = format!("{length} and {}", more.len());
            let why = damaged(&[&file, more].concat(), &at, &path, &coding);
            assert_eq!(why.about, About::Backup, "{at}: {why}");
        }
    }
}

/// What could not be read again gets no final name.
#[test]
fn a_file_that_its_key_does_not_open_is_not_completed() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (Key::new(dir.path(), "own"), Key::new(dir.path(), "other"));
    let locking = Locking { lock: to(&other), keys: Some(keys(Some(&own.file))) };
    let path = dir.path().join("x");
    let mut writer = create(&path, Codec::Zstd.into(), Some(&locking), Method::Sha256).unwrap();
    writer.write_all(b"SELECT 1;\n").unwrap();
    let why = writer.finish().unwrap_err().to_string();
    assert!(why.contains("does not open it"), "{why}");

    // and that is known before
    let refused = fitting(&to(&other), &keys(Some(&own.file))).unwrap_err();
    assert!(refused.to_string().contains("a new backup could not be read with"), "{refused}");
    assert_eq!(fitting(&to(&own), &keys(Some(&own.file))).unwrap(), Some(keys(Some(&own.file))));
    assert_eq!(fitting(&to(&own), &keys(None)).unwrap(), None);
    let no_key = Lock::Recipients(vec!["age1qqqq".into()]);
    assert!(fitting(&no_key, &keys(None)).unwrap_err().to_string().contains("no public key"));
}

#[test]
fn armor_is_read() {
    use age::armor::{ArmoredWriter, Format};

    let dir = tempfile::tempdir().unwrap();
    let key = Key::new(dir.path(), "key");
    let recipient: age::x25519::Recipient = key.public.parse().unwrap();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(&rows(200_000)).unwrap();
    let file = writer.finish().unwrap().finish().unwrap();

    let path = dir.path().join("x.age");
    fs::write(&path, &file).unwrap();
    let by = Encryption::Age { recipients: Vec::new() };
    let locked = Some(Locked { by, keys: keys(Some(&key.file)) });
    let coding = Coding { codec: Codec::Plain, locked };
    let (back, sum) = read(&path, &coding).unwrap();
    assert!(back == rows(200_000) && sum == Sum::of(&file));

    for cut in [10, 40, 1000, file.len() / 2, file.len() - 40] {
        let why = damaged(&file[..cut], &cut.to_string(), &path, &coding);
        assert_eq!(why.about, About::Backup, "{cut}: {why}");
    }
}
