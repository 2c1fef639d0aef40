//! What is read of a tree in a container.

use super::programs::Tar;
use super::{FIRST, Found, Inside, OWN, Way, is_a};
use crate::cmd::Cmd;
use crate::problem::{Code, Problem};
use crate::value::tree::Census;

impl Inside {
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
    /// The tree is a mount point with our own folder in it: docker would put it into the backup.
    pub fn dump_by_engine(&self, found: &Found) -> Result<Cmd, Problem> {
        if self.way == Way::Within && found.mark.is_some() {
            return Err(Problem::failed(format!(
                "`{}` contains what db-tasks keeps for an undo",
                self.path
            ))
            .because("without `tar` in the container it can't be excluded from a backup")
            .cure("end the undo window first, or install `tar` in the image"));
        }

        Ok(Cmd::new(&self.engine)
            .arg("cp")
            .arg(format!("{}:{}/.", self.container, self.path))
            .arg("-"))
    }

    /// Whether a tar of the tree has our own folder in it: some `tar`s can't exclude anything.
    pub fn is_mixed(&self, found: &Found, census: &Census) -> bool {
        self.way == Way::Within
            && !self.is_foreign(found)
            && census.entries.contains_key(OWN.as_bytes())
    }

    /// Asks what is where; it fails if parts do not exist, which does not matter.
    pub fn look(&self) -> Cmd {
        self.exec(&["stat", "-c", "%f %i %n"]).args(self.places()).arg("/")
    }

    /// Whether an answer to [`Inside::look`] is complete: the last thing asked for always exists.
    pub fn is_answer(answer: &str) -> bool {
        answer.lines().last().is_some_and(|line| line.ends_with(" /"))
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// The tree's root is no folder.
    pub fn found(&self, answer: &str) -> Result<Found, Problem> {
        let root = seen(answer, &self.path);
        if root.is_some_and(|(mode, _)| !is_a(mode, 0o040_000)) {
            return Err(Problem::failed(format!(
                "`{}` in container `{}` is not a folder",
                self.path, self.container
            ))
            .code(Code::FileError)
            .cure("name the folder itself by its real path, not a link to it"));
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
        ] = self.places().each_ref().map(|place| seen(answer, place).and_then(number));

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

    /// A tar of what was unpacked, to be scanned and compared: only then may it be swapped in.
    pub fn read_back(&self, tar: Tar) -> Cmd {
        self.tar_of(&self.at("coming"), tar).arg(".")
    }

    /// `mv` and `rm` take names that begin with a dash as options; a path never begins with one.
    pub(super) fn each_in(&self, folder: &str, words: &[&str]) -> Cmd {
        self.entries(folder).arg("-exec").args(words.iter().copied()).arg(";")
    }

    /// What is in a folder, except for our own.
    pub(super) fn entries(&self, folder: &str) -> Cmd {
        let all = self.exec(&["find", folder, "-mindepth", "1", "-maxdepth", "1"]);
        if self.way == Way::Within && folder == self.path {
            all.args(["!", "-name", OWN])
        } else {
            all
        }
    }
}

/// What an answer to [`Inside::look`] says of a place: its mode, and the number of its inode.
fn seen<'a>(answer: &'a str, place: &str) -> Option<(&'a str, &'a str)> {
    let mut lines = answer.lines().filter_map(|line| line.split_once(' '));

    lines.find_map(|(mode, rest)| {
        rest.split_once(' ').filter(|(_, name)| *name == place).map(|(number, _)| (mode, number))
    })
}
