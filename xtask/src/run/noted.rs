//! What is noted of a backup beside its manifest: verifications and pins. The notes are replaced whole;
//! the manifest stays as it was sealed.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bundle::ending::{self, partial};
use crate::bundle::manifest::{Manifest, Untried, Verification};
use crate::bundle::notes::{Beside, Notes, Pinned, Why, beside};
use crate::disk;
use crate::problem::{Code, Exit, Problem};

/// How long another run may need for the same notes.
const LINGERS: Duration = Duration::from_secs(5);

/// Notes that the backup was verified.
pub(super) fn record(path: &Path, verification: Verification) -> Result<()> {
    let _alone = alone(path)?;
    let (first, found) = noted(path)?;
    let notes = match found {
        Beside::Notes(notes) => notes,
        Beside::Nothing => first,
        // what they said of the backup is answered: it was read to its end. A pin is not
        Beside::Unusable(why) if why.is_ours_to_replace() => {
            first.pinned(Some(Pinned::perhaps(verification.when, &why)))
        }
        Beside::Unusable(why) => return Err(unusable(path, &why).into()),
    };

    let is_good = verification.good;
    note(path, &notes.verified(verification))
        .map_err(|e| if is_good { good_but_unnoted(e) } else { e })
}

/// Notes that the backup could not be tried, and why. Notes that can't be used stay as they are: they
/// may have said that it is bad, and nothing was read that answers that.
pub fn record_untried(path: &Path, untried: Untried) -> Result<()> {
    let _alone = alone(path)?;
    note(path, &usable(path)?.untried(untried))
}

/// Notes that the backup is pinned, or is not. Notes that can't be used stay as they are here, too.
pub(super) fn record_pin(path: &Path, pin: Option<Pinned>) -> Result<()> {
    let _alone = alone(path)?;
    let notes = match noted(path)? {
        (_, Beside::Unusable(why)) if why.is_ours_to_replace() => {
            return Err(unusable(path, &why)
                .because("they stay as they were")
                .cure("`db-verify` reads the backup again, and writes new ones; then pin it")
                .into());
        }
        _ => usable(path)?,
    };
    note(path, &notes.pinned(pin))
}

/// Keeps every other run, also that of another clone, from noting something of this backup, and from
/// removing it, until this is dropped. Without it where the file system has no locks.
pub(super) fn alone(manifest: &Path) -> Result<Option<File>> {
    // elsewhere nobody could read the manifest meanwhile
    if !cfg!(unix) {
        return Ok(None);
    }

    let begun = Instant::now();
    let Ok(file) = File::open(manifest) else { return Ok(None) };
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LINGERS => {
                sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let tried = format!("another run holds `{}`", manifest.display());
                return Err(Problem::new(Exit::Locked, tried)
                    .because("nothing was noted of the backup, and nothing of it was removed")
                    .cure("wait until that run is done, and run the command again")
                    .into());
            }
        }
    }
}

/// The notes to add to: those that are there, or the first ones.
fn usable(path: &Path) -> Result<Notes> {
    match noted(path)? {
        (_, Beside::Notes(notes)) | (notes, Beside::Nothing) => Ok(notes),
        (_, Beside::Unusable(why)) => Err(unusable(path, &why).into()),
    }
}

/// The first notes of a backup, and those that it has.
fn noted(path: &Path) -> Result<(Notes, Beside)> {
    let text = fs::read_to_string(path).map_err(|e| unread(path, &e))?;
    let first = Notes::first(&Manifest::parse(&text)?, text.as_bytes());
    Ok((first, beside(path, text.as_bytes())))
}

fn note(manifest: &Path, notes: &Notes) -> Result<()> {
    let path = ending::notes(manifest);
    disk::replace(&path, &partial(&path), notes.to_json().as_bytes())
}

fn unread(manifest: &Path, e: &std::io::Error) -> Problem {
    let problem = Problem::failed(format!("could not read `{}`", manifest.display()))
        .code(Code::FileError)
        .because(e.to_string());

    match e.kind() {
        ErrorKind::NotFound => problem
            .because("another run may have removed the backup meanwhile")
            .cure("`db-list` shows what is there"),
        _ => problem.cure("fix its permissions, and run the command again"),
    }
}

fn unusable(manifest: &Path, why: &Why) -> Problem {
    Problem::failed(format!("could not add to `{}`", ending::notes(manifest).display()))
        .because(why.to_string())
}

/// A backup that can't be written beside may still be good, and its reader wants to know.
fn good_but_unnoted(error: anyhow::Error) -> anyhow::Error {
    let problem = Problem::of(error);
    let tried = "the backup is good, but the verification could not be noted beside it";
    let cure = "`db-status`, `--latest` and `db-cleanup` do not know of this verification; make \
                room or the folder writable, and verify again if they should";
    problem.told_as(tried).cure(cure).into()
}
