//! The folder next to a live tree that holds our own trees: the staged one, and the previous one.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::fs::CWD;
use rustix::io::Errno;

use super::walk::{at, look, may_move};
use super::wipe::remove;
use crate::bundle::ending;
use crate::problem::{Code, Problem};

/// How the names begin of discarded trees that wait to be removed, and of trees that were used.
const SHELF: &str = "discard-";
const RETURNED: &str = "returned-";

/// How the mark of our folders begins.
const MARK: &str = "db-tasks keeps here";

/// `<root>.db-tasks`, next to the live tree and on its file system.
///
/// The mark is a file in this folder and not in the trees, so no rename removes it and no backup
/// has it. Only its owner can enter the folder: nobody else sees a tree whose rights are not set
/// yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideFolder {
    live: PathBuf,
    folder: PathBuf,
}

impl SideFolder {
    /// The one of a live tree, named by its real path (`TreeFacts::root`).
    ///
    /// # Errors
    /// The path is the root of the machine, or not absolute.
    pub fn of(live: &Path) -> Result<Self, Problem> {
        match (live.is_absolute(), live.file_name()) {
            (true, Some(name)) => {
                let mut name = name.to_os_string();
                name.push(".db-tasks");
                Ok(Self { live: live.into(), folder: live.with_file_name(name) })
            }
            _ => Err(Problem::usage(format!("`{}` can't be replaced by a rename", live.display()))
                .cure("name a folder by its whole path")),
        }
    }

    /// The live tree.
    pub fn live(&self) -> &Path {
        &self.live
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The staged tree.
    pub fn staged(&self) -> PathBuf {
        self.folder.join("staged")
    }

    /// The tree that was replaced, kept for an undo.
    pub fn previous(&self) -> PathBuf {
        self.folder.join("previous")
    }

    /// What will be removed.
    pub fn discard(&self) -> PathBuf {
        self.folder.join("discard")
    }

    /// Where discarded trees wait that could not be removed.
    pub(super) fn shelf(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{SHELF}{number}"))
    }

    /// The trees that wait there.
    pub fn shelves(&self) -> Vec<PathBuf> {
        self.named(SHELF)
    }

    /// Trees that were used between a swap and its undo by a clean-up: only a person removes these.
    pub fn returned(&self) -> Vec<PathBuf> {
        self.named(RETURNED)
    }

    fn named(&self, begin: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut named: Vec<PathBuf> = entries
            .filter(|e| e.file_name().as_encoded_bytes().starts_with(begin.as_bytes()))
            .map(|e| e.path())
            .collect();
        named.sort();
        named
    }

    /// The trees of a swap, while it is under way.
    pub(super) fn journal(&self) -> PathBuf {
        self.folder.join("swap.json")
    }

    fn ignore(&self) -> PathBuf {
        self.folder.join(".gitignore")
    }

    fn mark(&self) -> PathBuf {
        self.folder.join("README")
    }

    /// Whether the folder exists and is ours. An empty one counts as ours: a run was killed before
    /// it could mark it, and there is nothing to lose.
    ///
    /// # Errors
    /// Something with this name is not ours.
    pub fn exists(&self) -> Result<bool, Problem> {
        let foreign = |why: &str| {
            Problem::refused(format!(
                "`{}` was not created by db-tasks, so it is left alone",
                self.folder.display()
            ))
            .code(Code::Untrusted)
            .because(why)
            .cure("move it away: a restore needs this name")
        };

        match self.folder.symlink_metadata() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(at(&self.folder, "could not look at", &e)),
            Ok(found) if !found.is_dir() => return Err(foreign("it is not a folder")),
            Ok(_) => {}
        }

        let unreadable = |e| at(&self.folder, "could not look at", &e);
        let marked = fs::read_to_string(self.mark()).is_ok_and(|text| text.starts_with(MARK));
        let mut inside = fs::read_dir(&self.folder).map_err(unreadable)?;
        let unfinished = ending::partial(&self.mark());
        let unmarked = inside.all(|entry| entry.is_ok_and(|entry| entry.path() == unfinished));

        if marked || unmarked {
            Ok(true)
        } else {
            Err(foreign("it is not empty, and our mark is missing"))
        }
    }

    /// Creates the folder if it is missing, removes what an earlier run left staged, and says where
    /// to unpack.
    ///
    /// # Errors
    /// The folder can't be created, is not ours, or a swap was interrupted: `repair` comes first.
    pub fn stage(&self) -> Result<PathBuf, Problem> {
        if !self.exists()? {
            let made = fs::DirBuilder::new().mode(0o700).create(&self.folder);
            made.map_err(|e| match e.kind() {
                io::ErrorKind::PermissionDenied => at(&self.folder, "could not make", &e).cure(
                    "a restore puts the new tree next to the old one: run this as a user who may \
                     write in that folder",
                ),
                _ => at(&self.folder, "could not make", &e),
            })?;
        }

        self.at_rest()?;
        self.write(&self.mark(), self.text().as_bytes())
            .map_err(|e| at(&self.folder, "could not mark", &e))?;
        // it may be in a repository
        fs::write(self.ignore(), "*\n").map_err(|e| at(&self.ignore(), "could not write", &e))?;
        [self.live.clone(), self.previous()].iter().try_for_each(|tree| may_move(tree))?;
        self.shelve(&self.discard())?;

        if self.put_by(&self.staged())?.is_none() {
            // what can't be removed does no harm
            drop(remove(&self.staged()));
            self.shelve(&self.staged())?;
        }

        self.note_nothing();
        Ok(self.staged())
    }

    /// Removes what was discarded.
    ///
    /// # Errors
    /// Not all of it can be removed; the rest does no harm.
    pub fn clear(&self) -> Result<(), Problem> {
        if !self.exists()? {
            return Ok(());
        }
        self.note_nothing();
        let discarded = [self.discard()].into_iter().chain(self.shelves());
        let failed: Vec<Problem> = discarded.filter_map(|tree| remove(&tree).err()).collect();
        failed.into_iter().next().map_or(Ok(()), Err)
    }

    /// Removes the staged tree, if there is one. One that was live meanwhile, and used, is kept:
    /// the answer says where.
    ///
    /// # Errors
    /// A swap is under way, or not all of it can be removed.
    pub fn unstage(&self) -> Result<Option<PathBuf>, Problem> {
        if !self.exists()? {
            return Ok(None);
        }

        self.at_rest()?;
        let kept = self.put_by(&self.staged())?;
        if kept.is_none() {
            remove(&self.staged())?;
            self.leave();
        }

        Ok(kept)
    }

    /// Removes the folder if it keeps nothing.
    fn leave(&self) {
        self.note_nothing();
        let ours = [self.mark(), self.ignore()];
        let mut inside = fs::read_dir(&self.folder).into_iter().flatten();
        if inside.all(|entry| entry.is_ok_and(|entry| ours.contains(&entry.path()))) {
            // it does no harm if it can't be removed
            drop(self.remove_folder());
        }
    }

    /// Keeps a tree that was live and used: somebody may need it now.
    fn put_by(&self, tree: &Path) -> Result<Option<PathBuf>, Problem> {
        let Some(number) = number(tree)?.filter(|number| self.has_lived(tree, *number)) else {
            return Ok(None);
        };
        let free = (1_u32..).map(|n| {
            if n == 1 { format!("{RETURNED}{number}") } else { format!("{RETURNED}{number}-{n}") }
        });
        let place =
            free.map(|name| self.folder.join(name)).find(|place| place.symlink_metadata().is_err());
        let place = place.unwrap_or_else(|| self.folder.join(RETURNED));

        rename(tree, &place).map(|()| Some(place))
    }

    /// Gives a useless tree, which perhaps can't be removed, a name that nothing else needs.
    fn shelve(&self, tree: &Path) -> Result<(), Problem> {
        number(tree)?.map_or(Ok(()), |number| rename(tree, &self.shelf(number)))
    }

    /// Ends the undo window: removes all that is kept here, and the folder. It is renamed first, so
    /// that half a tree never counts as one to undo to.
    ///
    /// # Errors
    /// A swap is under way, or not all of it can be removed.
    pub fn forget(&self) -> Result<(), Problem> {
        if !self.exists()? {
            return Ok(());
        }

        self.at_rest()?;
        self.clear()?;
        for kept in [self.previous(), self.staged()] {
            match fs::rename(&kept, self.discard()) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(at(&kept, "could not move aside", &e)),
                Ok(()) => remove(&self.discard())?,
            }
        }

        self.remove_folder().map_err(|e| at(&self.folder, "could not remove", &e))
    }

    /// The mark is removed last: without it, the rest would not be ours. An empty folder is ours.
    fn remove_folder(&self) -> io::Result<()> {
        match fs::remove_file(self.ignore()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => fs::remove_file(self.mark())?,
        }
        fs::remove_dir(&self.folder)
    }

    fn at_rest(&self) -> Result<(), Problem> {
        if !self.journal().exists() {
            return Ok(());
        }
        Err(Problem::failed(format!(
            "an earlier swap of `{}` was interrupted",
            self.live.display()
        ))
        .code(Code::Unfinished)
        .cure("run the command again: it completes the swap first"))
    }

    fn text(&self) -> String {
        format!(
            "{MARK} what a restore of `{}` has on its way (staged), and what it \
             replaced\n(previous, for db-undo). Nothing else belongs here: it will be removed.\n",
            self.live.display()
        )
    }

    /// Writes a small file, completely or not at all, even after a crash.
    pub(super) fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let partial = ending::partial(path);
        let mut file = fs::File::create(&partial)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

/// The inode of a tree, if it exists.
fn number(tree: &Path) -> Result<Option<u64>, Problem> {
    match look(CWD, tree.as_os_str().as_encoded_bytes()) {
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(at(tree, "could not look at", &e.into())),
        Ok(found) => Ok(Some(found.id.ino)),
    }
}

fn rename(tree: &Path, to: &Path) -> Result<(), Problem> {
    fs::rename(tree, to).map_err(|e| at(tree, "could not move aside", &e))
}
