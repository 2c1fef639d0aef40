//! Removing a backup that the keep rules let go. They decided when the plan was made: what is so by now
//! is looked at again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::deed::{Told, gone};
use super::latest::forget;
use super::noted::alone;
use crate::bundle::{Manifest, ending, fault};
use crate::plan::Old;
use crate::problem::Problem;

/// Removes it, or reports why it stays.
pub(super) fn remove(old: &Old, now: DateTime<Utc>) -> Result<Told> {
    let _alone = alone(&old.manifest)?;
    if let Some(why) = stays(old, now) {
        return Ok(vec![format!("`{}` stays: {why}", old.shown().display())]);
    }

    // notes that came since are of no other backup
    let notes = ending::notes(&old.manifest);
    let rest = [ending::partial(&notes), notes, old.manifest.clone()];
    forget(&old.links, old.shown());
    for file in old.files.iter().chain(&rest) {
        gone(fs::remove_file(file), file).map_err(half_removed)?;
    }

    old.folder.as_deref().map_or(Ok(Told::new()), emptied)
}

fn half_removed(problem: Problem) -> Problem {
    problem
        .because("a part of that backup may be removed")
        .cure("fix its permissions: the next `db-cleanup` removes it")
}

/// What somebody has put into the folder of a set is theirs.
fn emptied(folder: &Path) -> Result<Told> {
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => Ok(vec![format!(
            "`{}` stays: it has files that are not part of the backup",
            folder.display()
        )]),
        removed => Ok(gone(removed, folder).map(|()| Told::new())?),
    }
}

/// Why it must not go after all.
fn stays(old: &Old, now: DateTime<Utc>) -> Option<String> {
    let is_good = |manifest: &Path| {
        let folder = manifest.parent().unwrap_or(Path::new("."));
        Manifest::read(manifest).is_ok_and(|m| m.is_good() && fault(folder, &m).is_none())
    };
    if let Some(new) = old.counted.iter().find(|new| !is_good(new)) {
        return Some(match new.exists() {
            true => format!("the new backup is not complete (`{}`)", new.display()),
            false => format!("no new backup took its place (`{}`)", new.display()),
        });
    }

    let manifest = match Manifest::read(&old.manifest) {
        // it is removed already, but for what may be left of its files
        Err(_) if !old.manifest.exists() => return None,
        Err(e) => return Some(format!("its manifest can't be used: {e:#}")),
        Ok(manifest) => manifest,
    };

    let pin = manifest.pinned.as_ref().filter(|pin| pin.holds(now));
    manifest.doubt().or_else(|| pin.map(|pin| format!("it is {pin}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::{FORMAT, Verification};

    /// A backup in this folder by this name.
    fn made(folder: &Path, name: &str, change: fn(&mut Manifest)) -> Old {
        let text = include_str!("../../../tests/data/manifests/format-1-minimal.json");
        let mut manifest = Manifest::parse(text).unwrap();
        let verified =
            Verification { when: DateTime::UNIX_EPOCH, how: "written".into(), good: true };
        (manifest.format, manifest.verified) = (FORMAT, vec![verified]);
        manifest.partial = false;
        change(&mut manifest);

        let path = folder.join(format!("{name}.manifest.json"));
        let file = folder.join(format!("{name}.sql"));
        manifest.artifacts.truncate(1);
        manifest.artifacts[0].file = format!("{name}.sql");
        manifest.artifacts[0].bytes = name.len() as u64;
        fs::write(&path, manifest.to_json()).unwrap();
        fs::write(&file, name).unwrap();
        Old {
            folder: None,
            files: vec![file],
            manifest: path,
            counted: Vec::new(),
            links: Vec::new(),
        }
    }

    /// A tree that changed while it was read is known only when it was read.
    #[test]
    fn an_old_one_goes_only_if_the_new_one_is_good() {
        for (change, goes) in [
            ((|_| {}) as fn(&mut Manifest), true),
            (|new| new.partial = true, false),
            (|new| new.verified.clear(), false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let new = made(folder.path(), "new", change);
            let old = made(folder.path(), "old", |_| {});
            let old = Old { counted: vec![new.manifest.clone()], ..old };

            let told = remove(&old, Utc::now()).unwrap();
            assert_eq!((told.is_empty(), !old.files[0].exists()), (goes, goes), "{told:?}");
            assert_eq!(!old.manifest.exists(), goes);
            assert!(new.manifest.exists() && new.files[0].exists());
        }
    }

    /// A manifest alone brings nothing back.
    #[test]
    fn an_old_one_stays_if_the_file_of_the_new_one_is_gone_or_cut() {
        for broken in [(|file| fs::remove_file(file).unwrap()) as fn(&Path), |file| {
            fs::write(file, "n").unwrap()
        }] {
            let folder = tempfile::tempdir().unwrap();
            let new = made(folder.path(), "new", |_| {});
            let old = made(folder.path(), "old", |_| {});
            let old = Old { counted: vec![new.manifest.clone()], ..old };
            broken(&new.files[0]);

            assert!(
                remove(&old, Utc::now()).unwrap()[0].contains("the new backup is not complete")
            );
            assert!(old.files[0].exists() && old.manifest.exists());
        }
    }

    /// Somebody who notes something holds it, and is waited for.
    #[test]
    fn it_goes_when_nobody_else_is_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let old = made(folder.path(), "old", |_| {});
        let held = alone(&old.manifest).unwrap().unwrap();
        let (path, notes) = (old.manifest.clone(), ending::notes(&old.manifest));

        let pinning = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            let bytes = fs::read(&path).unwrap();
            let pin = crate::bundle::notes::Pinned { since: Utc::now(), until: None, doubt: None };
            let first = crate::bundle::notes::Notes::first(&Manifest::read(&path).unwrap(), &bytes);
            fs::write(notes, first.pinned(Some(pin)).to_json()).unwrap();
            drop(held);
        });

        let told = remove(&old, Utc::now()).unwrap();
        pinning.join().unwrap();
        assert!(told[0].ends_with("stays: it is pinned") && old.files[0].exists(), "{told:?}");
    }

    /// Twice is once, and what is not its own stays.
    #[test]
    fn a_set_goes_with_its_folder_if_that_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        for (more, goes) in [(None, true), (Some("letter.txt"), false)] {
            let set = folder.path().join("set");
            fs::create_dir_all(&set).unwrap();
            let old = Old { folder: Some(set.clone()), ..made(&set, "old", |_| {}) };
            let partial = ending::partial(&ending::notes(&old.manifest));
            for file in more.map(|name| set.join(name)).iter().chain([&partial]) {
                fs::write(file, "x").unwrap();
            }

            for _ in 0..2 {
                assert_eq!(remove(&old, Utc::now()).unwrap().is_empty(), goes);
            }
            assert_eq!(!set.exists(), goes);
            assert!(!old.manifest.exists() && !old.files[0].exists() && !partial.exists());
        }
    }
}
