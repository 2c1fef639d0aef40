//! Trees inside containers: what is said to docker, and to the tools in the image. No shell is
//! needed there.
//!
//! A tree that is a folder of the container is swapped by renames, as on this machine. One that is
//! a mount point, a volume say, can't be renamed: our folder is in it then, and what is in the tree
//! moves out and in, entry by entry. An empty folder of ours, `live`, stands for what is live there
//! and goes along with it, so that a tree has a number of its own in either case.

mod programs;
mod swaps;

pub use programs::{Lacks, Tar};

use crate::cmd::Cmd;
use crate::place::Place;
use crate::plan::{Act, Deed, How};
use crate::problem::Problem;
use crate::value::tree::Census;

/// The folder that marks the one it is in as ours. Making it makes both, in one command.
const MARK: &str = "made-by-db-tasks";

/// The mode of the folder that stands for what was in a mount point before its first swap, in
/// `stat`'s words. That tree has no number but the mount point's, and this folder counts as it
/// wherever it goes. What is staged is given another mode.
const FIRST: &str = "43c0";

/// A tree inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    engine: String,
    container: String,
    /// The container's number; another one of its name is another.
    id: String,
    path: String,
    way: Way,
}

/// Where our own folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Beside the tree, in the container itself.
    Beside,
    /// Beside the tree, which is in what is mounted.
    BesideInMount,
    /// In the tree, which is a mount point.
    Within,
}

/// What was found where our trees may be: their numbers in the file system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The tree's root, where it is a folder.
    root: Option<u64>,
    /// What is live: the root, or the folder that stands for what is in it.
    live: Option<u64>,
    /// That folder.
    standing: Option<u64>,
    /// Our folder.
    folder: Option<u64>,
    mark: Option<u64>,
    /// A tree that is being fed, or waits to be proved.
    coming: Option<u64>,
    /// A tree that has proved good: as long as it has this name, a swap is under way.
    staged: Option<u64>,
    previous: Option<u64>,
    discard: Option<u64>,
    /// The folder of what was discarded and could not be removed.
    left: Option<u64>,
    /// The folder of what was live between a swap and its taking back by a later run.
    returned: Option<u64>,
    /// Content of a mount point on its way in, and out.
    arriving: Option<u64>,
    leaving: Option<u64>,
}

impl Found {
    /// Whether a swap was cut short: `Inside::finish` comes before all else.
    pub fn cut_short(&self) -> bool {
        self.staged.or(self.arriving).or(self.leaving).is_some()
    }

    /// Whether there is a tree to go back to.
    pub fn can_undo(&self) -> bool {
        self.previous.is_some()
    }

    /// A tree that is there, and of which nothing more can be told.
    pub fn unnumbered() -> Self {
        Self { root: Some(0), live: Some(0), ..Self::default() }
    }

    /// Whether there is a tree.
    pub fn is_there(&self) -> bool {
        self.root.is_some()
    }
}

impl Inside {
    /// Asks which container it is, and where something is mounted in it; it may be stopped.
    pub fn about(engine: &str, container: &str) -> Cmd {
        let format = "{{println .Id}}{{range .Mounts}}{{println .Destination}}{{end}}";
        Cmd::new(engine).args(["inspect", "--type", "container", "--format", format, container])
    }

    /// A tree at a path in a container, of which this was answered.
    ///
    /// # Errors
    /// The path is not a folder's whole path, or something is mounted inside the tree.
    pub fn new(engine: &str, container: &str, path: &str, about: &str) -> Result<Self, Problem> {
        let path = path.trim_end_matches('/');
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if !path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) {
            return Err(Problem::usage(format!(
                "`{path}` is no whole path of a folder in container `{container}`"
            ))
            .cure("write it from the root of the container, as `/srv/uploads`"));
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
            .because("a tree with another in it is neither replaced nor emptied")
            .cure("name both as trees of their own, none inside the other"));
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

    /// What tells this tree, and the one that is kept, from others; empty where there is none.
    pub fn id(&self, found: &Found) -> String {
        let number = |tree: Option<u64>| tree.map_or("-".into(), |number| number.to_string());
        found
            .live
            .map_or(String::new(), |live| format!("{}:{live}:{}", self.id, number(found.previous)))
    }

    /// Asks which files and folders of its image a container has changed. A folder of the image
    /// can't be renamed where the engine lays the container's files over it (overlayfs): `mv`
    /// would copy it. Nobody need ask where something is mounted.
    pub fn changed(&self) -> Option<Cmd> {
        (self.way == Way::Beside).then(|| Cmd::new(&self.engine).args(["diff", &self.container]))
    }

    /// Whether the answer says that the container itself has made the tree's root.
    pub fn is_made(&self, changed: &str) -> bool {
        changed.lines().any(|line| line.strip_prefix("A ") == Some(&self.path))
    }

    /// Asks what is at work in the container.
    pub fn at_work(&self) -> Cmd {
        Cmd::new(&self.engine).args(["top", &self.container])
    }

    /// What of the answer is work on our trees: a command goes on in the container when whoever
    /// gave it is gone.
    pub fn ours<'a>(&self, at_work: &'a str) -> Vec<&'a str> {
        let (own, reading) = (self.own(), format!("{} {} ", READING.join(" "), self.path));
        at_work.lines().filter(|line| line.contains(&own) || line.contains(&reading)).collect()
    }

    /// Asks for kind and size of everything in the tree, a line each.
    pub fn census(&self, found: &Found) -> Cmd {
        let all = self.exec(&["find", &self.path, "-mindepth", "1"]);
        let own = self.own().replace(['\\', '*', '?', '['], "?");
        let all =
            if self.is_foreign(found) { all } else { all.args(["-path", &own, "-prune", "-o"]) };
        all.args(["-exec", "stat", "-c", "%f %s", "{}", "+"])
    }

    /// Reads the answer: how many entries, and bytes in files.
    pub fn counted(answer: &str) -> (u64, u64) {
        let sizes = answer.lines().filter_map(|line| line.split_once(' '));
        sizes.fold((0, 0), |(entries, bytes), (mode, size)| {
            let size = if is_a(mode, 0o100_000) { size.parse().unwrap_or(0) } else { 0 };
            (entries + 1, bytes + size)
        })
    }

    /// A tar of the tree on standard output, by the image's own `tar`.
    pub fn dump_with_tar(&self, found: &Found, tar: Tar) -> Cmd {
        let cmd = self.tar_of(&self.path, tar);
        if self.way == Way::Within && !self.is_foreign(found) {
            cmd.arg("--exclude=./.db-tasks").arg(".")
        } else {
            cmd.arg(".")
        }
    }

    /// A tar of these files of the tree, which are named as its own tar has them.
    pub fn dump_some(&self, names: &[&str], tar: Tar) -> Cmd {
        self.tar_of(&self.path, tar).args(names.iter().map(|name| format!("./{name}")))
    }

    /// A tar of the tree on standard output, by docker itself: the container may be stopped, or
    /// have no programs at all.
    ///
    /// # Errors
    /// The tree is a mount point that holds our own folder: docker would put it into the backup.
    pub fn dump_by_engine(&self, found: &Found) -> Result<Cmd, Problem> {
        if self.way == Way::Within && found.mark.is_some() {
            return Err(Problem::failed(format!(
                "`{}` holds what db-tasks keeps for an undo",
                self.path
            ))
            .because("without `tar` in the container it can't be left out of a backup")
            .cure("end the undo window first, or put `tar` into the image"));
        }

        Ok(Cmd::new(&self.engine)
            .arg("cp")
            .arg(format!("{}:{}/.", self.container, self.path))
            .arg("-"))
    }

    /// Whether a tar of the tree has our own folder in it: there are `tar`s that leave nothing out.
    pub fn is_mixed(&self, found: &Found, census: &Census) -> bool {
        self.way == Way::Within
            && !self.is_foreign(found)
            && census.entries.contains_key(OWN.as_bytes())
    }

    /// Asks what is where; parts that are not there make it end badly, and are no matter.
    pub fn look(&self) -> Cmd {
        self.exec(&["stat", "-c", "%f %i %n"]).args(self.places()).arg("/")
    }

    /// Whether an answer to [`Inside::look`] is one, and is whole: the last thing that is asked for
    /// is always there.
    pub fn is_answer(answer: &str) -> bool {
        answer.lines().last().is_some_and(|line| line.ends_with(" /"))
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// The tree's root is no folder.
    pub fn found(&self, answer: &str) -> Result<Found, Problem> {
        let seen = |place: &String| {
            let mut lines = answer.lines().filter_map(|line| line.split_once(' '));
            lines.find_map(|(mode, rest)| {
                rest.split_once(' ')
                    .filter(|(_, name)| name == place)
                    .map(|(number, _)| (mode, number))
            })
        };

        let root = seen(&self.path);
        if root.is_some_and(|(mode, _)| !is_a(mode, 0o040_000)) {
            return Err(Problem::failed(format!(
                "`{}` in container `{}` is no folder",
                self.path, self.container
            ))
            .cure("name the folder itself, by its real path: a link to it is another thing"));
        }

        let number = |(mode, number): (&str, &str)| {
            let first = self.way == Way::Within && mode == FIRST;
            root.filter(|_| first).map_or(number, |(_, root)| root).parse().ok()
        };
        let [
            root,
            folder,
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
        ] = self.places().each_ref().map(|place| seen(place).and_then(number));

        let live = standing.or(root);
        Ok(Found {
            root,
            live,
            standing,
            folder,
            mark,
            coming,
            staged,
            previous,
            discard,
            left,
            returned,
            arriving,
            leaving,
        })
    }

    /// What [`Inside::feed_with_tar`] does by docker itself, which leaves the root as it was made
    /// and refuses archives with sparse files.
    ///
    /// Docker unpacks in a root of its own, so it reaches nothing outside the container; still,
    /// both are for what [`super::sluice`] lets through.
    pub fn feed_by_engine(&self) -> Cmd {
        Cmd::new(&self.engine).args(["cp", "-"]).arg(format!(
            "{}:{}",
            self.container,
            self.at("coming")
        ))
    }

    /// Has all that was written on disk: what comes next are renames, which must not be there
    /// before it.
    pub fn flush(&self) -> Cmd {
        self.exec(&["sync"])
    }

    /// Takes set-id bits off all files that were fed.
    pub fn take_set_id(&self) -> Cmd {
        self.exec(&["find", &self.at("coming"), "-type", "f", "-exec", "chmod", "ug-s", "{}", "+"])
    }

    /// A tar of what was fed, to be scanned and compared: only then may it be swapped in.
    pub fn read_back(&self, tar: Tar) -> Cmd {
        self.tar_of(&self.at("coming"), tar).arg(".")
    }

    /// `mv` and `rm` take names that begin with a dash for options; after the path of a folder none
    /// does.
    fn each_in(&self, folder: &str, words: &[&str]) -> Cmd {
        self.entries(folder).arg("-exec").args(words.iter().copied()).arg(";")
    }

    /// What is in a folder, but for our own.
    fn entries(&self, folder: &str) -> Cmd {
        let all = self.exec(&["find", folder, "-mindepth", "1", "-maxdepth", "1"]);
        if self.way == Way::Within && folder == self.path {
            all.args(["!", "-name", OWN])
        } else {
            all
        }
    }

    fn rename(&self, from: &str, to: &str) -> Act {
        // without -T a folder that is there would get the tree into it
        let cmd = self.exec(&["mv", "-T", &self.at(from), &self.at(to)]);
        Act::Rename(deed(
            format!("{} -> {} in {}", self.at(from), self.at(to), self.container),
            cmd,
        ))
    }

    /// Gives a tree that is in the way a name of its own: nothing is removed where a removal that
    /// fails would leave half of the work.
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
        // as the image's own user it may read not all, and give no file its owner back
        cmd.args.insert(1, "--user=0".into());
        cmd
    }

    /// Whether there is a folder by our folder's name that is somebody's own.
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

    /// Where what may have been used waits for a person.
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

    /// `app:/srv/uploads`, as people are told.
    fn shown(&self) -> String {
        format!("{}:{}", self.container, self.path)
    }

    fn shown_at(&self, name: &str) -> String {
        format!("{} in {}", self.at(name), self.container)
    }
}

/// How a tree is read: whoever asks what is at work knows it by that.
const READING: [&str; 4] = ["tar", "-cf", "-", "-C"];
/// Our folder's name in a mount point.
const OWN: &str = ".db-tasks";
/// What keeps git from it.
const IGNORE: &str = ".gitignore";
/// The folder that stands for what is in a mount point.
const STANDING: &str = "live";
/// Folders of trees that are out of the way.
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
