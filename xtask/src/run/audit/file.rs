//! The file of the audit log: where it is, and how a line gets into it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Take, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::key::new_key;
use super::super::state::{self, Use};
use crate::audit::at_end;
use crate::config::Project;
use crate::problem::{Code, Problem};
use crate::stream::Sum;
use crate::value::Anchor;

/// The log's file in the project's own folder.
const NAME: &str = "audit.jsonl";
/// How long a line waits for another run that is writing one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a key is enough to tell logs apart.
const ID: usize = 16;

/// Where a project's audit log is.
pub fn path(project: &Project) -> PathBuf {
    project.audit.clone().unwrap_or_else(|| project.state_dir().join(NAME))
}

/// The lines of the log as it is now; `None` if there is none yet.
///
/// # Errors
/// It can't be opened, or is not a file.
pub fn lines(project: &Project) -> Result<Option<BufReader<Take<File>>>> {
    let Some(file) = open(project)? else { return Ok(None) };
    let length = file.metadata()?.len();
    // a long log is read for longer than a writer waits, and what is there stays; a file system
    // without locks has none to release
    drop(file.unlock());
    Ok(Some(BufReader::new(file.take(length))))
}

/// Opens the log to read it, while nobody writes a line.
fn open(project: &Project) -> Result<Option<File>> {
    let path = path(project);
    let mut options = OpenOptions::new();
    options.read(true);
    let opened = match &project.audit {
        Some(_) => at_once(&mut options).open(&path),
        None => {
            state::without_links(&mut options);
            options.open(&path)
        }
    };

    match opened {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unusable(&path, &e.to_string()).into()),
        Ok(file) => {
            let file = a_file(file, &path)?;
            // whoever writes a line is done with it then; a file that can only be read may have no
            // locks
            wait(|| file.try_lock_shared());
            Ok(Some(file))
        }
    }
}

/// The last line of the chain, as far as it is known.
pub fn head(project: &Project) -> Option<Anchor> {
    crate::audit::head(&mut open(project).ok()??).ok()?
}

/// Appends a line, with its link, while no other run writes one. Returns the new head.
pub(super) fn append(project: &Project, line: Value) -> Result<Anchor> {
    let mut file = match &project.audit {
        Some(path) => chosen(path)?,
        None => {
            let state_dir = project.state_dir();
            state::prepare(&state_dir)?;
            state::open(&state_dir.join(NAME), Use::Append)?
                .context("the audit log was not created")?
        }
    };
    append_to(&mut file, line)
}

/// A file system without locks has to do with a single write.
fn append_to(file: &mut File, mut line: Value) -> Result<Anchor> {
    wait(|| file.try_lock());

    let before = at_end(file).context("could not read the last line")?;
    let link = before.next(|| new_key()[..ID].to_owned());
    line["chain"] = serde_json::to_value(&link)?;
    let text = format!("{line}\n");

    // what a killed run left of a line gets its line break first
    let gap = if link.torn { "\n" } else { "" };
    file.write_all(format!("{gap}{text}").as_bytes()).context("could not write the line")?;
    file.sync_data().context("could not flush the line")?;

    Ok(Anchor { log: link.log, line: link.line, digest: Sum::of(text.as_bytes()).hex() })
}

/// A file that somebody chose: a link that leads to it is followed, and its rights stay.
fn chosen(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let opened = at_once(&mut options).open(path);
    let file = opened.map_err(|e| unusable(path, &e.to_string()))?;
    a_file(file, path)
}

/// Only a file has lines that stay.
fn a_file(file: File, path: &Path) -> Result<File> {
    let meta = file.metadata().map_err(|e| unusable(path, &e.to_string()))?;
    anyhow::ensure!(meta.is_file(), unusable(path, "it is not a file"));
    Ok(file)
}

fn unusable(path: &Path, why: &str) -> Problem {
    Problem::failed(format!("could not open `{}`", path.display()))
        .code(Code::FileError)
        .because(why)
        .cure("name another file (`audit.file`, DB_TASKS_AUDIT_FILE), or fix its permissions")
}

/// Waits a while for a lock.
fn wait(lock: impl Fn() -> Result<(), TryLockError>) {
    let begun = Instant::now();
    while matches!(lock(), Err(TryLockError::WouldBlock)) && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Without waiting for the other end of a pipe; what is created is private.
#[cfg(unix)]
fn at_once(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
}

#[cfg(not(unix))]
fn at_once(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use serde_json::json;

    use super::*;
    use crate::audit::verify;

    /// Long lines of many runs at once: each is whole, and all are one chain.
    #[test]
    fn lines_are_never_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);

        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        let text = writer.to_string().repeat(100_000);
                        append_to(&mut chosen(path).unwrap(), json!({ "text": text })).unwrap();
                    }
                });
            }
        });

        let found = verify(BufReader::new(File::open(&path).unwrap()), &[]).unwrap();
        assert_eq!((found.lines, found.faults.count, found.notes.count), (160, 0, 0));

        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = line["text"].as_str().unwrap();
            assert!(text.len() == 100_000 && text.bytes().all(|byte| byte == text.as_bytes()[0]));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_chosen_file_keeps_its_rights_and_its_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("team.jsonl"), folder.path().join("log"));
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o660)).unwrap();
        symlink(&file, &link).unwrap();

        append_to(&mut chosen(&link).unwrap(), json!({})).unwrap();
        let meta = std::fs::symlink_metadata(&link).unwrap();
        assert!(meta.is_symlink());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);

        let new = folder.path().join("new.jsonl");
        append_to(&mut chosen(&new).unwrap(), json!({})).unwrap();
        assert_eq!(std::fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    #[cfg(unix)]
    fn what_is_not_a_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();

        for path in [&pipe, Path::new("/dev/null"), folder.path()] {
            let why = chosen(path).unwrap_err().to_string();
            assert!(why.contains("is not a file") || why.contains("directory"), "{why}");
        }
        assert!(chosen(&folder.path().join("no/folder")).is_err());
    }
}
