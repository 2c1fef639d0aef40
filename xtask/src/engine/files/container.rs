//! Trees inside containers: what is said to docker, and to the tools in the image. No shell is needed there.
//!
//! A tree that is a folder of the container is swapped by renames, as on this machine. One that is a mount point, a volume say, can't
//! be renamed: our folder is in it then, and what is in the tree moves out and in, entry by entry.

use super::steps::{ENOUGH, Exchange, Intent, Slot, Slots, Step, next};
use crate::cmd::Cmd;
use crate::place::Place;
use crate::plan::{Act, Check, Deed, How};
use crate::problem::Problem;

/// The folder that marks the one it is in as ours. Making it makes both, in one command.
const MARK: &str = "made-by-db-tasks";

/// A tree inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    engine: String,
    container: String,
    path: String,
    way: Way,
}

/// Where our own folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Beside the tree.
    Beside,
    /// In the tree, which is a mount point.
    Within,
}

/// What was found where our trees may be: their numbers in the file system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    live: Option<u64>,
    /// Our folder.
    folder: Option<u64>,
    mark: Option<u64>,
    /// A tree that is being fed, or waits to be proved.
    coming: Option<u64>,
    /// A tree that has proved good: as long as it has this name, a swap is under way.
    staged: Option<u64>,
    previous: Option<u64>,
    discard: Option<u64>,
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
}

impl Inside {
    /// Asks where something is mounted in a container; it may be stopped.
    pub fn mounts(engine: &str, container: &str) -> Cmd {
        let format = "{{range .Mounts}}{{println .Destination}}{{end}}";
        Cmd::new(engine).args(["inspect", "--format", format, container])
    }

    /// A tree at a path in a container, whose mounts are known.
    ///
    /// # Errors
    /// The path is not a folder's whole path, or something is mounted inside the tree.
    pub fn new(engine: &str, container: &str, path: &str, mounts: &str) -> Result<Self, Problem> {
        let path = path.trim_end_matches('/');
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if !path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) {
            return Err(Problem::usage(format!("`{path}` is no whole path of a folder in container `{container}`"))
                .cure("write it from the root of the container, as `/srv/uploads`"));
        }
        let mounts = || mounts.lines().map(|mount| mount.trim_end_matches('/'));
        if let Some(inside) = mounts().find(|mount| mount.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))) {
            return Err(Problem::refused(format!("`{inside}` is mounted inside `{path}` in container `{container}`"))
                .because("a tree with another in it is neither replaced nor emptied")
                .cure("name both as trees of their own, none inside the other"));
        }
        let way = if mounts().any(|mount| mount == path) { Way::Within } else { Way::Beside };
        Ok(Self { engine: engine.into(), container: container.into(), path: path.into(), way })
    }

    /// Asks whether the image has a program: see [`Inside::is_missing`]. Docker itself serves a dump without `tar`; a restore
    /// takes `mkdir`, `mv`, `rm`, `stat` and, for a volume, `find` and `rmdir`.
    pub fn has(&self, program: &str) -> Cmd {
        self.exec(&[program, "--help"])
    }

    /// Whether an exit code of [`Inside::has`] says that there is no such program; others say that it knows no `--help`.
    pub fn is_missing(code: Option<i32>) -> bool {
        matches!(code, Some(126 | 127))
    }

    /// A tar of the tree on standard output, by the image's own `tar`.
    pub fn dump_with_tar(&self) -> Cmd {
        self.tar_of(&self.path)
    }

    /// A tar of the tree on standard output, by docker itself: the container may be stopped, or have no programs at all.
    ///
    /// # Errors
    /// The tree is a mount point that holds our own folder: docker would put it into the backup.
    pub fn dump_by_engine(&self, found: &Found) -> Result<Cmd, Problem> {
        if self.way == Way::Within && found.folder.is_some() {
            return Err(Problem::failed(format!("`{}` holds what db-tasks keeps for an undo", self.path))
                .because("without `tar` in the container it can't be left out of a backup")
                .cure("end the undo window first, or put `tar` into the image"));
        }
        Ok(Cmd::new(&self.engine).arg("cp").arg(format!("{}:{}/.", self.container, self.path)).arg("-"))
    }

    /// Asks what is where; parts that are not there make it end badly, and are no matter.
    pub fn look(&self) -> Cmd {
        self.exec(&["stat", "-c", "%i %n"]).args(self.places())
    }

    /// Reads the answer.
    pub fn found(&self, answer: &str) -> Found {
        let number = |place: &String| {
            let line = answer.lines().find_map(|line| line.split_once(' ').filter(|(_, name)| name == place))?;
            line.0.parse().ok()
        };
        let [live, folder, mark, coming, staged, previous, discard, arriving, leaving] = self.places().each_ref().map(number);
        Found { live, folder, mark, coming, staged, previous, discard, arriving, leaving }
    }

    /// Makes an empty folder for the tree on its way; what an earlier run left there goes.
    ///
    /// # Errors
    /// Our folder's name is taken, or a swap was cut short.
    pub fn stage(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;
        let mut acts = Vec::new();
        if found.coming.is_some() {
            acts.extend([self.still_marked(), self.remove("coming")]);
        }
        let cmd = self.exec(&["mkdir", "-p", &self.at(MARK), &self.at("coming")]);
        acts.push(Act::Create(deed(format!("folder {} in {}", self.at("coming"), self.container), cmd)));
        Ok(acts)
    }

    /// Takes a tar on its standard input into the folder that [`Inside::stage`] made, by the image's own `tar`.
    pub fn feed_with_tar(&self) -> Cmd {
        let mut cmd = self.exec(&["tar", "-xpf", "-", "-C", &self.at("coming")]);
        cmd.args.insert(1, "-i".into());
        cmd
    }

    /// The same by docker itself, which leaves the root as it was made and refuses archives with sparse files.
    ///
    /// Docker unpacks in a root of its own, so it reaches nothing outside the container; still, both are for archives that
    /// [`super::scan`] has let through.
    pub fn feed_by_engine(&self) -> Cmd {
        Cmd::new(&self.engine).args(["cp", "-"]).arg(format!("{}:{}", self.container, self.at("coming")))
    }

    /// A tar of what was fed, to be scanned and compared: only then may it be swapped in.
    pub fn read_back(&self) -> Cmd {
        self.tar_of(&self.at("coming"))
    }

    /// Puts the tree that was fed, and has proved good, in place; keeps the old one for an undo.
    ///
    /// # Errors
    /// Nothing was fed, or our folder's name is taken. `found` is as it will be once the tree is there.
    pub fn swap(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.bring("coming", found.coming, found)
    }

    /// Puts the tree in place that the last swap replaced.
    ///
    /// # Errors
    /// Nothing is kept.
    pub fn undo(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.bring("previous", found.previous, &Found { previous: None, ..found.clone() })
    }

    /// What is left to do of a swap that was cut short.
    ///
    /// # Errors
    /// The trees are not as any swap leaves them.
    pub fn finish(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        match self.way {
            Way::Beside => self.renames(found),
            Way::Within => Ok(self.moves(found)),
        }
    }

    /// Ends the undo window: what is kept goes, and our folder with it.
    ///
    /// # Errors
    /// Our folder's name is taken, or a swap was cut short.
    pub fn forget(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;
        if found.folder.is_none() {
            return Ok(Vec::new());
        }
        // a removal that is cut short must not leave half a tree to go back to
        let mut acts = vec![self.still_marked()];
        if found.previous.is_some() {
            acts.extend(found.discard.map(|_| self.remove("discard")));
            acts.push(self.rename("previous", "discard"));
        }
        let cmd = self.exec(&["rm", "-rf", &self.own()]);
        acts.push(Act::Remove(deed(format!("folder {} in {}", self.own(), self.container), cmd)));
        Ok(acts)
    }

    /// Empties the tree, and leaves its root and what is kept for an undo.
    pub fn wipe(&self) -> Vec<Act> {
        let cmd = self.each_in(&self.path, &["rm", "-rf", "{}"]);
        let emptied = Act::Remove(deed(format!("all that is in {} in {}", self.path, self.container), cmd));
        vec![emptied, self.is_empty()]
    }

    fn bring(&self, name: &str, tree: Option<u64>, found: &Found) -> Result<Vec<Act>, Problem> {
        self.is_ours(found)?;
        self.at_rest(found)?;
        if tree.is_none() {
            return Err(Problem::failed(format!("`{}` is not there in container `{}`", self.at(name), self.container))
                .cure("nothing is kept any more: restore a backup"));
        }
        let mut acts = vec![self.still_marked(), self.rename(name, "staged")];
        acts.extend(self.finish(&Found { staged: tree, ..found.clone() })?);
        Ok(acts)
    }

    /// The steps of this machine's swap, as commands, and two renames in place of an exchange.
    fn renames(&self, found: &Found) -> Result<Vec<Act>, Problem> {
        let Found { live, staged, previous, discard, .. } = *found;
        let Some(incoming) = staged else { return Ok(Vec::new()) };
        let intent = Intent { old: live.or(previous), incoming };
        let (mut slots, mut acts) = (Slots { live, staged, previous, discard }, Vec::new());
        for _ in 0..ENOUGH {
            let step = next(slots, intent, Exchange::Cannot);
            match step {
                Step::Done => return Ok(acts),
                Step::Move(from, to) => acts.push(self.rename(name(from), name(to))),
                Step::Remove(slot) => acts.push(self.remove(name(slot))),
                Step::Exchange(_) | Step::Foreign => break,
            }
            slots = slots.after(step);
        }
        Err(Problem::failed(format!("the swap of `{}` can't go on: the trees are not as a swap leaves them", self.path))
            .because(format!("they are whole, in `{}`", self.own()))
            .cure("look at them, and rename by hand the one you want"))
    }

    /// What is in a mount point moves out, what is staged moves in. Each phase has its own name for the trees, given by one
    /// rename, so what is there says how far it came.
    fn moves(&self, found: &Found) -> Vec<Act> {
        let mut acts = Vec::new();
        let entries = |what: &str, from: &str, to: &str| {
            let cmd = self.each_in(from, &["mv", "-n", "{}", &format!("{to}/")]);
            Act::Rename(deed(format!("{what} {} in {}", self.path, self.container), cmd))
        };
        let make = self.exec(&["mkdir", "-p", &self.at("leaving")]);
        if found.staged.is_some() {
            acts.push(Act::Create(deed(format!("folder {} in {}", self.at("leaving"), self.container), make)));
            acts.extend([entries("all out of", &self.path, &self.at("leaving")), self.is_empty()]);
            acts.push(self.rename("staged", "arriving"));
        }
        if found.staged.or(found.arriving).is_some() {
            acts.push(entries("all that is staged into", &self.at("arriving"), &self.path));
            // it is refused where something was left in it
            let cmd = self.exec(&["rmdir", &self.at("arriving")]);
            acts.push(Act::Remove(deed(format!("the empty folder {} in {}", self.at("arriving"), self.container), cmd)));
        }
        if found.cut_short() {
            if found.previous.is_some() {
                acts.extend(found.discard.map(|_| self.remove("discard")));
                acts.push(self.rename("previous", "discard"));
            }
            acts.push(self.rename("leaving", "previous"));
        }
        acts
    }

    fn is_ours(&self, found: &Found) -> Result<(), Problem> {
        if found.folder.is_none() || found.mark.is_some() {
            return Ok(());
        }
        Err(Problem::refused(format!("`{}` in container `{}` was not made by db-tasks", self.own(), self.container))
            .because(format!("there is no `{MARK}` in it"))
            .cure("move it away: a restore needs this name"))
    }

    fn at_rest(&self, found: &Found) -> Result<(), Problem> {
        if !found.cut_short() {
            return Ok(());
        }
        Err(Problem::failed(format!("an earlier swap of `{}` in container `{}` was cut short", self.path, self.container))
            .cure("run the command again: the swap is finished first"))
    }

    fn still_marked(&self) -> Act {
        let mark = self.at(MARK);
        Act::Check(Check {
            what: format!("{} in {} is ours", self.own(), self.container),
            cmd: self.exec(&["stat", "-c", "%n", &mark]),
            expect: mark,
            cure: "somebody changed it in the meantime: run the command again and look at the new plan".into(),
        })
    }

    fn is_empty(&self) -> Act {
        Act::Check(Check {
            what: format!("nothing is left in {} in {}", self.path, self.container),
            cmd: self.exec(&["find", &self.path, "-mindepth", "1", "-maxdepth", "1", "!", "-name", ".db-tasks"]),
            expect: String::new(),
            cure: "something writes there, or may not be moved: stop it, and run the command again".into(),
        })
    }

    /// `mv` and `rm` take names that begin with a dash for options; after the path of a folder none does.
    fn each_in(&self, folder: &str, words: &[&str]) -> Cmd {
        let ours = ["-mindepth", "1", "-maxdepth", "1", "!", "-name", ".db-tasks", "-exec"];
        self.exec(&["find", folder]).args(ours).args(words.iter().copied()).arg(";")
    }

    fn rename(&self, from: &str, to: &str) -> Act {
        // without -T a folder that is there would get the tree into it
        let cmd = self.exec(&["mv", "-T", &self.at(from), &self.at(to)]);
        Act::Rename(deed(format!("{} -> {} in {}", self.at(from), self.at(to), self.container), cmd))
    }

    fn remove(&self, name: &str) -> Act {
        let cmd = self.exec(&["rm", "-rf", &self.at(name)]);
        Act::Remove(deed(format!("folder {} in {}", self.at(name), self.container), cmd))
    }

    fn tar_of(&self, path: &str) -> Cmd {
        let cmd = self.exec(&["tar", "-cf", "-", "-C", path]);
        if self.way == Way::Within { cmd.arg("--exclude=./.db-tasks").arg(".") } else { cmd.arg(".") }
    }

    fn exec(&self, words: &[&str]) -> Cmd {
        let place = Place::Container { engine: self.engine.clone(), name: self.container.clone() };
        let (program, args) = words.split_first().unwrap_or((&"true", &[]));
        let mut cmd = place.wrap(Cmd::new(*program).args(args.iter().copied()));
        // as the image's own user it may read not all, and give no file its owner back
        cmd.args.insert(1, "--user=0".into());
        cmd
    }

    /// Our folder.
    fn own(&self) -> String {
        match self.way {
            Way::Beside => format!("{}.db-tasks", self.path),
            Way::Within => format!("{}/.db-tasks", self.path),
        }
    }

    fn at(&self, name: &str) -> String {
        if name == LIVE { self.path.clone() } else { format!("{}/{name}", self.own()) }
    }

    /// All that is looked at, in the order of the fields of [`Found`].
    fn places(&self) -> [String; 9] {
        let at = |name| self.at(name);
        let [live, mark, coming, staged] = [LIVE, MARK, "coming", "staged"].map(at);
        let [previous, discard, arriving, leaving] = ["previous", "discard", "arriving", "leaving"].map(at);
        [live, self.own(), mark, coming, staged, previous, discard, arriving, leaving]
    }
}

const LIVE: &str = "";

fn name(slot: Slot) -> &'static str {
    match slot {
        Slot::Live => LIVE,
        Slot::Staged => "staged",
        Slot::Previous => "previous",
        Slot::Discard => "discard",
    }
}

fn deed(what: String, cmd: Cmd) -> Deed {
    Deed { what, how: How::Command(cmd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &str, mounts: &str) -> Inside {
        Inside::new("docker", "app", path, mounts).unwrap()
    }

    fn said(acts: &[Act]) -> Vec<String> {
        let line = |act: &Act| match act {
            Act::Create(Deed { how: How::Command(cmd), .. })
            | Act::Rename(Deed { how: How::Command(cmd), .. })
            | Act::Remove(Deed { how: How::Command(cmd), .. }) => cmd.to_string(),
            Act::Check(check) => format!("{} == {:?}", check.cmd, check.expect),
            other => panic!("{other:?}"),
        };
        acts.iter().map(|act| line(act).replace("docker exec --user=0 app ", "")).collect()
    }

    #[test]
    fn a_swap_beside_the_tree() {
        let tree = tree("/srv/up/", "/data\n");
        let found = tree.found("1 /srv/up\n2 /srv/up.db-tasks\n3 /srv/up.db-tasks/made-by-db-tasks\n4 /srv/up.db-tasks/coming\n5 /srv/up.db-tasks/previous\n");
        assert!(found.can_undo() && !found.cut_short());
        let ours = "stat -c %n /srv/up.db-tasks/made-by-db-tasks == \"/srv/up.db-tasks/made-by-db-tasks\"";
        assert_eq!(
            said(&tree.swap(&found).unwrap()),
            [
                ours,
                "mv -T /srv/up.db-tasks/coming /srv/up.db-tasks/staged",
                "mv -T /srv/up.db-tasks/previous /srv/up.db-tasks/discard",
                "mv -T /srv/up /srv/up.db-tasks/previous",
                "mv -T /srv/up.db-tasks/staged /srv/up",
            ]
        );
        assert_eq!(
            said(&tree.undo(&found).unwrap()),
            [
                ours,
                "mv -T /srv/up.db-tasks/previous /srv/up.db-tasks/staged",
                "mv -T /srv/up /srv/up.db-tasks/previous",
                "mv -T /srv/up.db-tasks/staged /srv/up",
            ]
        );
        let cut = Found { live: None, staged: Some(6), ..found };
        assert_eq!(said(&tree.finish(&cut).unwrap()), ["mv -T /srv/up.db-tasks/staged /srv/up"]);
        assert!(tree.swap(&cut).is_err() && tree.stage(&cut).is_err() && tree.forget(&cut).is_err());
    }

    #[test]
    fn a_swap_within_a_volume_goes_on_from_where_it_was_cut() {
        let tree = tree("/vol", "/vol\n");
        let base = Found { live: Some(1), folder: Some(2), mark: Some(3), previous: Some(5), ..Found::default() };
        let all = said(&tree.finish(&Found { staged: Some(4), ..base.clone() }).unwrap());
        let kept =
            ["mv -T /vol/.db-tasks/previous /vol/.db-tasks/discard", "mv -T /vol/.db-tasks/leaving /vol/.db-tasks/previous"];
        assert_eq!(
            all,
            [
                "mkdir -p /vol/.db-tasks/leaving",
                "find /vol -mindepth 1 -maxdepth 1 '!' -name .db-tasks -exec mv -n '{}' /vol/.db-tasks/leaving/ ';'",
                "find /vol -mindepth 1 -maxdepth 1 '!' -name .db-tasks == \"\"",
                "mv -T /vol/.db-tasks/staged /vol/.db-tasks/arriving",
                "find /vol/.db-tasks/arriving -mindepth 1 -maxdepth 1 '!' -name .db-tasks -exec mv -n '{}' /vol/ ';'",
                "rmdir /vol/.db-tasks/arriving",
                kept[0],
                kept[1],
            ]
        );
        let arriving = Found { arriving: Some(4), leaving: Some(6), ..base.clone() };
        assert_eq!(said(&tree.finish(&arriving).unwrap()), all[4..]);
        let leaving = Found { leaving: Some(6), ..base.clone() };
        assert_eq!(said(&tree.finish(&leaving).unwrap()), kept);
        assert!(tree.finish(&base).unwrap().is_empty());
        assert!(tree.dump_by_engine(&base).is_err());
        assert_eq!(tree.dump_with_tar().to_string(), "docker exec --user=0 app tar -cf - -C /vol --exclude=./.db-tasks .");
    }

    #[test]
    fn paths_and_mounts_that_will_not_do() {
        for path in ["", "/", "up", "/srv/../etc", "/srv//up", "/srv/./up"] {
            assert!(Inside::new("docker", "app", path, "").is_err(), "{path}");
        }
        let inside = Inside::new("docker", "app", "/srv/up", "/srv/up/cache\n").unwrap_err();
        assert_eq!(inside.exit, crate::problem::Exit::Refused);
        assert_eq!(tree("/srv/up", "/srv/upper\n").way, Way::Beside);
        assert!(Inside::is_missing(Some(127)) && !Inside::is_missing(Some(1)) && !Inside::is_missing(None));
    }

    #[test]
    fn a_folder_of_others_is_left_alone() {
        let tree = tree("/srv/up", "");
        let foreign = Found { live: Some(1), folder: Some(2), coming: Some(3), previous: Some(4), ..Found::default() };
        for acts in [tree.stage(&foreign), tree.swap(&foreign), tree.undo(&foreign), tree.finish(&foreign), tree.forget(&foreign)]
        {
            assert_eq!(acts.unwrap_err().exit, crate::problem::Exit::Refused);
        }
    }
}
