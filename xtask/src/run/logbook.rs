//! A file for each run, if `project.logs` names a folder: everything you could read of it, with the
//! time of each line.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::disk;
use crate::problem::Problem;

/// Files that are kept: the newest.
const KEPT: usize = 100;

/// The file of one run.
#[derive(Debug)]
pub struct Logbook {
    file: File,
    now: fn() -> DateTime<Utc>,
}

impl Logbook {
    /// Begins the file of a run, which only its owner may read; removes the oldest ones of other
    /// runs.
    ///
    /// # Errors
    /// Why there can't be one.
    pub fn begin(
        folder: &Path,
        task: &str,
        run: &str,
        now: fn() -> DateTime<Utc>,
    ) -> Result<Self, String> {
        made(folder)?;
        let path = folder.join(format!("{}_{task}_{run}.log", now().format("%Y%m%d_%H%M%S")));
        let file = disk::create_new(&path)
            .map_err(|e| format!("could not make `{}`: {e}", path.display()))?;

        for old in too_many(names(folder), KEPT) {
            // the next run tries again to remove it
            drop(fs::remove_file(folder.join(old)));
        }

        Ok(Self { file, now })
    }

    /// Logs lines. A log that can't be written does not fail the run.
    pub fn write(&self, text: &str) {
        let time = (self.now)().to_rfc3339_opts(SecondsFormat::Millis, true);
        let lines: String = text.lines().map(|line| format!("{time}  {line}\n")).collect();
        drop((&self.file).write_all(lines.as_bytes()));
    }
}

/// The folder; if it is created here, it stays out of version control.
fn made(folder: &Path) -> Result<(), String> {
    if folder.is_dir() {
        return Ok(());
    }

    let said = |e: anyhow::Error| {
        e.downcast_ref::<Problem>().map_or_else(|| format!("{e:#}"), |p| p.happened.join("; "))
    };
    disk::private_folder(folder)
        .map_err(|e| format!("could not make the folder `{}`: {}", folder.display(), said(e)))?;
    // the folder works without it, too
    drop(disk::create_new(&folder.join(".gitignore")).and_then(|mut file| file.write_all(b"*\n")));

    Ok(())
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_file()));
    files.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Names of log files beyond the newest ones. Other files in the folder belong to somebody else.
fn too_many(names: Vec<String>, kept: usize) -> Vec<PathBuf> {
    let mut ours: Vec<String> = names.into_iter().filter(|name| is_of_a_run(name)).collect();
    ours.sort_unstable_by(|a, b| b.cmp(a));
    ours.into_iter().skip(kept).map(PathBuf::from).collect()
}

/// `20260116_224500_db-restore_6969a5bc1f2e.log`
fn is_of_a_run(name: &str) -> bool {
    let Some(parts) = name.strip_suffix(".log").map(|stem| stem.split('_').collect::<Vec<_>>())
    else {
        return false;
    };
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(parts.as_slice(), [day, time, task, run] if digits(day, 8) && digits(time, 6) && task.starts_with("db-") && hex(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_nobody_elses() {
        let run = |day: u32| format!("202601{day:02}_224500_db-backup_69a5bc1f2e.log");
        let mut names: Vec<String> = (1..=12).map(run).collect();

        for other in [
            "20200101_000000_app.log",
            "app.log",
            "20200101_000000_db-backup_x y.log",
            "20200101_db-backup_1f.log",
        ] {
            names.push(other.into());
        }

        names.rotate_left(5);
        assert_eq!(too_many(names.clone(), 10), [run(2), run(1)].map(PathBuf::from));
        assert_eq!(too_many(names, 12), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_is_private_and_nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs/of/ours");
        let log = Logbook::begin(&folder, "db-backup", "1f", || DateTime::UNIX_EPOCH).unwrap();

        log.write("one\ntwo");
        let path = folder.join("19700101_000000_db-backup_1f.log");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "1970-01-01T00:00:00.000Z  one\n1970-01-01T00:00:00.000Z  two\n"
        );
        assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");

        #[cfg(unix)]
        for (path, mode) in [(&path, 0o600), (&folder, 0o700)] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }

        assert!(
            Logbook::begin(&folder, "db-backup", "1f", || DateTime::UNIX_EPOCH)
                .unwrap_err()
                .contains("could not make")
        );

        assert!(
            Logbook::begin(&path.join("x"), "db-backup", "2f", || DateTime::UNIX_EPOCH).is_err()
        );
    }
}
