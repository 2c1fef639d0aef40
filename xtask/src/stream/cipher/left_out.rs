//! A build without the feature `age`.

use std::io::{Read, Write};
use std::path::Path;

use super::{Finish, Locked};
use crate::config::Lock;
use crate::problem::{Code, Problem};

pub(super) fn encrypt<W: Write + Send + 'static>(
    _: &Lock,
    _: W,
) -> Result<Box<dyn Finish<W> + Send>, Problem> {
    Err(not_built("encrypt backups"))
}

pub(super) fn decrypt<R: Read + Send + 'static>(
    _: &Locked,
    _: R,
    _: &Path,
) -> Result<Box<dyn Read + Send>, Problem> {
    Err(not_built("read encrypted backups"))
}

pub(super) fn passphrase(_: &Path) -> Result<(), Problem> {
    Err(not_built("encrypt backups"))
}

fn not_built(what: &str) -> Problem {
    Problem::failed(format!("this build of db-tasks can't {what}"))
        .code(Code::Unsupported)
        .because("it was built without the feature `age`")
        .cure(
            "build it with that: `cargo install --path xtask --features age` in a clone of \
             db-tasks; an alias that runs cargo has it in `.cargo/config.toml`: add `--features \
             age` before `--`",
        )
}
