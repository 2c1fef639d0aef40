//! Trees inside containers: the commands for docker, and for the tools in the image. They need no
//! shell.
//!
//! A tree that is a folder of the container is swapped by renames, as on this machine. One that is
//! a mount point, such as a volume, can't be renamed: then our folder is inside it, and the tree's
//! contents move out and in, entry by entry. An empty folder of ours, `live`, stands for the live
//! contents and moves with them, so that a tree has an inode of its own in either case.

mod programs;
mod reading;
mod swaps;

pub use self::programs::{Lacks, Tar};
use crate::cmd::Cmd;
use crate::place::Place;
use crate::plan::{Act, Deed, How};
use crate::problem::Problem;

/// The folder that marks its parent as ours. One command creates both.
const MARK: &str = "made-by-db-tasks";

/// The mode, in `stat`'s words, of the folder that stands for what was in a mount point before its
/// first swap. That tree has only the mount point's inode, and this folder stands for it wherever
/// it moves. A staged tree gets another mode.
const FIRST: &str = "43c0";

/// A tree inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    engine: String,
    container: String,
    /// The container's id: another container with the same name has another.
    id: String,
    path: String,
    way: Way,
}

/// Where our own folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Next to the tree, in the container itself.
    Beside,
    /// Next to the tree, inside a mount.
    BesideInMount,
    /// In the tree, which is a mount point.
    Within,
}

/// What was found where our trees may be: their inodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The tree's root, if it is a folder.
    root: Option<u64>,
    /// The live tree: the root, or the folder that stands for its contents.
    live: Option<u64>,
    /// That folder.
    standing: Option<u64>,
    /// Our folder.
    folder: Option<u64>,
    mark: Option<u64>,
    /// A tree that is being filled, or waits to be verified.
    coming: Option<u64>,
    /// A verified tree: while it has this name, a swap is under way.
    staged: Option<u64>,
    previous: Option<u64>,
    discard: Option<u64>,
    /// The folder for discarded trees that could not be removed.
    left: Option<u64>,
    /// The folder for what was live between a swap and its undo by a later run.
    returned: Option<u64>,
    /// Contents of a mount point moving in, and out.
    arriving: Option<u64>,
    leaving: Option<u64>,
}

impl Found {
    /// Whether a swap was interrupted: `Inside::finish` comes first.
    pub fn cut_short(&self) -> bool {
        self.staged.or(self.arriving).or(self.leaving).is_some()
    }

    /// Whether there is a tree to undo to.
    pub fn can_undo(&self) -> bool {
        self.previous.is_some()
    }

    /// A tree that exists, and of which nothing more is known.
    pub fn unnumbered() -> Self {
        Self { root: Some(0), live: Some(0), ..Self::default() }
    }

    /// Whether there is a tree.
    pub fn is_there(&self) -> bool {
        self.root.is_some()
    }
}

impl Inside {
    /// Asks which container it is, and what is mounted in it; it may be stopped.
    pub fn about(engine: &str, container: &str) -> Cmd {
        let format = "{{println .Id}}{{range .Mounts}}{{println .Destination}}{{end}}";
        Cmd::new(engine).args(["inspect", "--type", "container", "--format", format, container])
    }

    /// A tree at a path in a container, from that answer.
    ///
    /// # Errors
    /// The path is not absolute, or something is mounted inside the tree.
    pub fn new(engine: &str, container: &str, path: &str, about: &str) -> Result<Self, Problem> {
        let path = path.trim_end_matches('/');
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if !path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) {
            return Err(Problem::usage(format!(
                "`{path}` is not an absolute path of a folder in container `{container}`"
            ))
            .cure("write it from the root of the container, like `/srv/uploads`"));
        }

        let mounts = || {
            about
                .lines()
                .filter(|line| line.starts_with('/'))
                .map(|mount| mount.trim_end_matches('/'))
        };

        if let Some(inside) = mounts().find(|mount| is_in(mount, path)) {
            return Err(Problem::refused(format!(
                "`{inside}` is mounted inside `{path}` in container `{container}`"
            ))
            .because("a tree with a mount in it can't be replaced or emptied")
            .cure("make them two stores, neither inside the other"));
        }

        let way =
            match (mounts().any(|mount| mount == path), mounts().any(|mount| is_in(path, mount))) {
                (true, _) => Way::Within,
                (false, true) => Way::BesideInMount,
                (false, false) => Way::Beside,
            };

        let id = about
            .lines()
            .find(|line| !line.is_empty() && !line.starts_with('/'))
            .unwrap_or_default();
        let id = id.chars().take(12).collect();

        Ok(Self { engine: engine.into(), container: container.into(), id, path: path.into(), way })
    }

    /// What identifies this tree, and the kept one; empty if there is none.
    pub fn id(&self, found: &Found) -> String {
        let number = |tree: Option<u64>| tree.map_or("-".into(), |number| number.to_string());
        found
            .live
            .map_or(String::new(), |live| format!("{}:{live}:{}", self.id, number(found.previous)))
    }

    /// Asks which files and folders of its image a container has changed. A folder of the image
    /// can't be renamed if the engine overlays the container's files on it (overlayfs): `mv` would
    /// copy it. For a mount there is no need to ask.
    pub fn changed(&self) -> Option<Cmd> {
        (self.way == Way::Beside).then(|| Cmd::new(&self.engine).args(["diff", &self.container]))
    }

    /// Whether the answer says that the container itself created the tree's root.
    pub fn is_made(&self, changed: &str) -> bool {
        changed.lines().any(|line| line.strip_prefix("A ") == Some(&self.path))
    }

    /// Asks what is running in the container.
    pub fn at_work(&self) -> Cmd {
        Cmd::new(&self.engine).args(["top", &self.container])
    }

    /// Which of those processes work on our trees: a command continues in the container after its
    /// client is gone.
    pub fn ours<'a>(&self, at_work: &'a str) -> Vec<&'a str> {
        let (own, reading) = (self.own(), format!("{} {} ", READING.join(" "), self.path));
        at_work.lines().filter(|line| line.contains(&own) || line.contains(&reading)).collect()
    }

    /// The same as [`Inside::feed_with_tar`] by docker itself, which leaves the root as it was
    /// created and refuses archives with sparse files.
    ///
    /// Docker unpacks inside the container's root, so it reaches nothing outside the container;
    /// still, both only get what [`super::filter`] lets through.
    pub fn feed_by_engine(&self) -> Cmd {
        Cmd::new(&self.engine).args(["cp", "-"]).arg(format!(
            "{}:{}",
            self.container,
            self.at("coming")
        ))
    }

    /// Flushes everything written to disk: the renames that follow must not get there first.
    pub fn flush(&self) -> Cmd {
        self.exec(&["sync"])
    }

    /// Removes set-id bits from all unpacked files.
    pub fn take_set_id(&self) -> Cmd {
        self.exec(&["find", &self.at("coming"), "-type", "f", "-exec", "chmod", "ug-s", "{}", "+"])
    }

    fn rename(&self, from: &str, to: &str) -> Act {
        // without -T an existing folder would get the tree inside it
        let cmd = self.exec(&["mv", "-T", &self.at(from), &self.at(to)]);
        Act::Rename(deed(
            format!("{} -> {} in {}", self.at(from), self.at(to), self.container),
            cmd,
        ))
    }

    /// Gives a tree that is in the way another name: nothing is removed at a point where a failed
    /// removal would leave the work half done.
    fn put_away(&self, name: &str, number: u64, folder: &str) -> [Act; 2] {
        let cmd = self.exec(&["mkdir", "-p", &self.at(folder)]);
        let made = Act::Create(deed(format!("folder {}", self.shown_at(folder)), cmd));
        [made, self.rename(name, &format!("{folder}/{number}"))]
    }

    fn remove(&self, name: &str) -> Act {
        let cmd = self.exec(&["rm", "-rf", &self.at(name)]);
        Act::Remove(deed(format!("folder {} in {}", self.at(name), self.container), cmd))
    }

    fn exec(&self, words: &[&str]) -> Cmd {
        let (program, args) = words.split_first().unwrap_or((&"true", &[]));
        self.wrapped(Cmd::new(*program).args(args.iter().copied()))
    }

    fn wrapped(&self, cmd: Cmd) -> Cmd {
        let mut cmd = Place::container(&self.engine, &self.container).wrap(cmd);
        // the image's own user may not be able to read everything, or restore owners
        cmd.args.insert(1, "--user=0".into());
        cmd
    }

    /// Whether there is a folder with our folder's name that is not ours.
    pub fn is_foreign(&self, found: &Found) -> bool {
        found.folder.is_some() && found.mark.is_none()
    }

    /// Whether it is a part of the tree.
    pub fn holds_own(&self) -> bool {
        self.way == Way::Within
    }

    /// Our folder, where trees wait.
    pub fn own(&self) -> String {
        match self.way {
            Way::Beside | Way::BesideInMount => format!("{}.db-tasks", self.path),
            Way::Within => format!("{}/{OWN}", self.path),
        }
    }

    /// Where trees that may have been used wait for a person.
    pub fn returned(&self) -> String {
        self.at(RETURNED)
    }

    fn at(&self, name: &str) -> String {
        if name == LIVE { self.path.clone() } else { format!("{}/{name}", self.own()) }
    }

    /// All that is looked at.
    fn places(&self) -> [String; 12] {
        let at = |name| self.at(name);
        let [live, mark, standing, coming, staged] =
            [LIVE, MARK, STANDING, "coming", "staged"].map(at);
        let [previous, discard, left, returned] = ["previous", "discard", LEFT, RETURNED].map(at);
        let [arriving, leaving] = ["arriving", "leaving"].map(at);

        [
            live,
            self.own(),
            mark,
            standing,
            coming,
            staged,
            previous,
            discard,
            left,
            returned,
            arriving,
            leaving,
        ]
    }

    /// `app:/srv/uploads`, as it is shown.
    fn shown(&self) -> String {
        format!("{}:{}", self.container, self.path)
    }

    fn shown_at(&self, name: &str) -> String {
        format!("{} in {}", self.at(name), self.container)
    }
}

/// The command that reads a tree, by which it is recognised among the running ones.
const READING: [&str; 4] = ["tar", "-cf", "-", "-C"];
/// Our folder's name in a mount point.
const OWN: &str = ".db-tasks";
/// What keeps git from it.
const IGNORE: &str = ".gitignore";
/// The folder that stands for what is in a mount point.
const STANDING: &str = "live";
/// Folders for trees moved out of the way.
const LEFT: &str = "left";
const RETURNED: &str = "returned";
const LIVE: &str = "";

/// Whether a path leads into a folder.
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a mode in hexadecimal digits is of this kind of thing (`S_IFMT`).
fn is_a(mode: &str, kind: u32) -> bool {
    u32::from_str_radix(mode, 16).is_ok_and(|mode| mode & 0o170_000 == kind)
}

fn deed(what: String, cmd: Cmd) -> Deed {
    Deed { what, how: How::Command(cmd) }
}

#[cfg(test)]
mod tests;
