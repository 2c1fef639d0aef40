//! What is said of keys that are missing, wrong or can't be used.

use std::io;
use std::path::Path;

use super::Encryption;
use crate::config::Lock;
use crate::problem::{Code, Problem};

const NAME_IT: &str = "name the file with your key: DB_TASKS_AGE_IDENTITY=FILE, or \
                       `encryption.identity-file` in `db-tasks.toml`";
const NAME_PASSPHRASE: &str = "name the file with the passphrase: \
                               DB_TASKS_AGE_PASSPHRASE_FILE=FILE, or \
                               `encryption.passphrase-file` in `db-tasks.toml`";

/// There is no key.
#[cfg_attr(not(feature = "age"), expect(dead_code))]
pub(super) fn no_key(path: &Path, by: &Encryption) -> Problem {
    let cure = if *by == Encryption::AgePassphrase { NAME_PASSPHRASE } else { NAME_IT };
    Problem::failed(format!("`{}` can't be read: there is no key for it here", path.display()))
        .code(Code::NoKey)
        .because(format!("it is {by}"))
        .cure(cure)
}

/// There is one, and it is not the right one.
#[cfg_attr(not(feature = "age"), expect(dead_code))]
pub(super) fn wrong_key(path: &Path, by: &Encryption, key: &Path) -> Problem {
    let cure = if *by == Encryption::AgePassphrase { NAME_PASSPHRASE } else { NAME_IT };
    Problem::failed(format!(
        "`{}` can't be read: `{}` does not open it",
        path.display(),
        key.display()
    ))
    .code(Code::NoKey)
    .because(format!("it is {by}"))
    .cure(format!("{cure}; `db-verify` shows whether the file itself is whole"))
}

/// Its head can't be read, whatever the key.
#[cfg_attr(not(feature = "age"), expect(dead_code))]
pub(super) fn damaged(path: &Path, why: &str) -> Problem {
    Problem::failed(format!("could not read `{}` to its end", path.display()))
        .code(Code::FileError)
        .because(why)
        .cure("the file is cut short or damaged: use another backup (`db-list`)")
        .of_backup()
}

/// A file with keys or a passphrase can't be used. What is in it is never repeated.
#[cfg_attr(not(feature = "age"), expect(dead_code))]
pub(super) fn unusable(path: &Path, why: &str, cure: &str) -> Problem {
    Problem::failed(format!("the key in `{}` can't be used", path.display()))
        .code(Code::NoKey)
        .because(why)
        .cure(cure)
}

/// Nothing could be encrypted.
pub(super) fn unmade(error: &io::Error) -> Problem {
    Problem::failed("could not encrypt").because(error.to_string())
}

/// What would be encrypted could not be read here.
pub(super) fn unfit(why: Problem, lock: &Lock, identity: &Path) -> Problem {
    if why.code != Code::NoKey || !why.tried.contains("does not open it") {
        return why;
    }

    Problem::refused(format!(
        "a new backup could not be read with `{}`, your key",
        identity.display()
    ))
    .code(Code::NoKey)
    .because(format!("it would be {}", Encryption::from(lock)))
    .because("nothing was begun")
    .cure(
        "add your public key (`age-keygen -y FILE` prints it) to `encryption.recipients`; or, if \
         it is right that only others can read the backups, unset `encryption.identity-file` and \
         DB_TASKS_AGE_IDENTITY",
    )
}
