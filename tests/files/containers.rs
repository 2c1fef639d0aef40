//! Trees inside containers, in a folder of theirs and in a volume.

use std::process::{Command, Stdio};

use db_tasks::cmd::Cmd;
use db_tasks::engine::files::{Found, Inside, Links, Tar, dump, filter, scan};
use db_tasks::plan::{Act, How};
use db_tasks::value::tree::{Census, Given, differences};

use crate::support::component::{need, unique};
use crate::support::docker::{Engine, IMAGE, engine};
use crate::support::watchdog;

struct Box {
    engine: &'static Engine,
    name: String,
}

impl Box {
    fn start(engine: &'static Engine) -> Result<Self, String> {
        let name = unique("dbt-files");
        watchdog::at_exit(&format!("DOCKER_HOST='{}' docker rm -vf {name}", engine.docker_host));
        let forever = ["--entrypoint", "sleep", IMAGE, "infinity"];
        engine.docker(
            &[&["run", "-d", "--name", &name, "--network", "none", "-v", "/vol"][..], &forever]
                .concat(),
        )?;
        Ok(Self { engine, name })
    }

    fn sh(&self, script: &str) -> String {
        self.engine.docker(&["exec", &self.name, "bash", "-ec", script]).unwrap()
    }

    fn command(&self, cmd: &Cmd) -> Command {
        let mut command = self.engine.run(&cmd.program);
        command.args(&cmd.args);
        command
    }

    fn ask(&self, cmd: &Cmd) -> String {
        String::from_utf8(self.command(cmd).output().unwrap().stdout).unwrap()
    }

    fn tree(&self, path: &str) -> Inside {
        Inside::new("docker", &self.name, path, &self.ask(&Inside::about("docker", &self.name)))
            .unwrap()
    }

    fn found(&self, tree: &Inside) -> Found {
        tree.found(&self.ask(&tree.look())).unwrap()
    }

    /// The tar that a command makes, and what is in it.
    fn dump(&self, cmd: &Cmd) -> (Vec<u8>, Census) {
        let mut child = self.command(cmd).stdout(Stdio::piped()).spawn().unwrap();
        let mut tar = Vec::new();
        let census = filter(&mut child.stdout.take().unwrap(), &mut tar, Links::Inside).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(scan(&mut &tar[..], Links::Inside).unwrap(), census);
        (tar, census)
    }

    fn feed(&self, feed: &Cmd, tar: &[u8]) {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, tar).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let out = self.command(feed).stdin(Stdio::from(file)).output().unwrap();
        assert!(out.status.success(), "{feed}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Runs the first acts of a plan.
    fn run(&self, acts: &[Act]) {
        for act in acts {
            let (cmd, expect) = match act {
                Act::Check(check) => (&check.cmd, Some(&check.expect)),
                Act::Create(deed) | Act::Rename(deed) | Act::Remove(deed) | Act::Write(deed) => {
                    match &deed.how {
                        How::Command(cmd) => (cmd, None),
                        how => panic!("{how:?}"),
                    }
                }
                act => panic!("{act:?}"),
            };

            let out = ended(&mut self.command(cmd), cmd);
            assert!(out.status.success(), "{cmd}: {}", String::from_utf8_lossy(&out.stderr));

            if let Some(expect) = expect {
                assert_eq!(String::from_utf8_lossy(&out.stdout).trim_end(), expect, "{cmd}");
            }
        }
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = self.engine.docker(&["rm", "-vf", &self.name]);
    }
}

/// What a command ends with that is given what it is to read.
fn ended(command: &mut Command, cmd: &Cmd) -> std::process::Output {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, cmd.input.as_deref().unwrap_or_default().as_bytes())
        .unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    command.stdin(Stdio::from(file)).output().unwrap()
}

fn fill(path: &str) -> String {
    format!(
        "mkdir -p {path}/sub/empty {path}/.hidden; cd {path}; echo one >a; echo two >sub/b; ln -s \
         ../a sub/link; ln a hard
         echo x >\"$(printf 'no-utf8-\\377')\"; echo y >'-rf'; chown 33:33 a; chmod 750 sub .; \
         touch -d 2001-02-03T04:05:06Z a sub ."
    )
}

/// The entries but the root, whose time a volume can't keep.
fn below(census: &Census) -> Census {
    let mut census = census.clone();
    census.entries.remove(&b""[..]);
    census
}

#[test]
fn there_and_back_in_a_folder_and_in_a_volume() {
    let engine = need!("docker", engine());
    let container = need!("container", Box::start(engine));
    for path in ["/srv/up", "/vol"] {
        container.sh(&fill(path));
        let tree = container.tree(path);
        // a volume keeps its root, and docker gives a root nothing
        let (feed, counts): (Cmd, fn(&Census) -> Census) = if path == "/vol" {
            (tree.feed_by_engine(), below)
        } else {
            (tree.feed_with_tar(Tar::Gnu, Given::All), Census::clone)
        };

        let (tar, before) = container.dump(&tree.dump_with_tar(&Found::default(), Tar::Posix));
        let (_, by_engine) = container.dump(&tree.dump_by_engine(&container.found(&tree)).unwrap());
        // docker itself writes whole seconds
        assert_eq!(
            differences(&before.clone().in_whole_seconds(), &by_engine.in_whole_seconds()),
            [],
            "{path}"
        );

        assert_eq!((before.files(), before.bytes()), (5, 4 + 4 + 2 + 2), "{path}");

        container.sh(&format!("cd {path}; rm -r sub a; echo spoiled >hard; echo new >new"));
        let (_, spoiled) = container.dump(&tree.dump_with_tar(&Found::default(), Tar::Posix));
        let state =
            || counts(&container.dump(&tree.dump_with_tar(&Found::default(), Tar::Posix)).1);

        container.run(&tree.stage(&container.found(&tree)).unwrap());
        container.feed(&feed, &tar);
        assert_eq!(
            differences(&counts(&before), &counts(&container.dump(&tree.read_back(Tar::Posix)).1)),
            [],
            "{path}"
        );

        container.run(&tree.swap(&container.found(&tree)).unwrap());
        assert_eq!(differences(&counts(&before), &state()), [], "{path}");
        assert_eq!(container.sh(&format!("stat -c '%u:%g' {path}/a")), "33:33");

        container.run(&tree.undo(&container.found(&tree)).unwrap());
        assert_eq!(differences(&counts(&spoiled), &state()), [], "{path}");

        // cut off after each step, and gone on with
        for cut in 1..9 {
            let acts = tree.undo(&container.found(&tree)).unwrap();
            let wanted = if cut % 2 == 1 { &before } else { &spoiled };
            container.run(&acts[..acts.len().min(cut + 1)]);
            let found = container.found(&tree);
            assert!(found.cut_short() || cut + 1 >= acts.len(), "{path} {cut}");
            container.run(&tree.finish(&found).unwrap());
            assert!(!container.found(&tree).cut_short());
            assert_eq!(differences(&counts(wanted), &state()), [], "{path} {cut}");
        }

        container.run(&tree.forget(&container.found(&tree)).unwrap());
        assert!(!container.found(&tree).can_undo());
        container.run(&tree.wipe());

        assert_eq!(
            container.dump(&tree.dump_with_tar(&Found::default(), Tar::Posix)).1.entries.len(),
            1,
            "the root alone"
        );
    }
}

#[test]
fn a_stopped_container_can_be_dumped_and_a_tree_of_ours_goes_in() {
    let engine = need!("docker", engine());
    let container = need!("container", Box::start(engine));
    container.sh(&fill("/vol"));

    let tree = container.tree("/vol");
    let (_, running) = container.dump(&tree.dump_with_tar(&Found::default(), Tar::Posix));
    engine.docker(&["stop", "-t", "0", &container.name]).unwrap();

    let (_, stopped) = container.dump(&tree.dump_by_engine(&Found::default()).unwrap());
    assert_eq!(differences(&running.in_whole_seconds(), &stopped.in_whole_seconds()), []);
    engine.docker(&["start", &container.name]).unwrap();

    let root = tempfile::tempdir().unwrap();
    super::rich(root.path());

    let mut tar = Vec::new();
    let wanted = dump(
        root.path(),
        &db_tasks::engine::files::Excludes::default(),
        &mut tar,
        &mut super::quiet,
    )
    .unwrap();

    container.run(&tree.stage(&container.found(&tree)).unwrap());
    container.feed(&tree.feed_with_tar(Tar::Gnu, Given::All), &tar);

    let has_line_end = |name: &db_tasks::value::tree::Name| name.bytes().contains(&b'\n');
    assert!(wanted.entries.keys().any(has_line_end));

    for tar in [Tar::Plain, Tar::Posix, Tar::Gnu] {
        let (_, fed) = container.dump(&tree.read_back(tar));
        assert_eq!(
            differences(&wanted.clone().in_whole_seconds(), &fed.in_whole_seconds()),
            [],
            "{tar:?}"
        );
    }
}

#[test]
fn programs_that_an_image_has_and_has_not() {
    let engine = need!("docker", engine());
    let container = need!("container", Box::start(engine));
    let tree = container.tree("/srv/up");

    for (program, missing) in
        [("tar", false), ("mv", false), ("find", false), ("no-such-program", true)]
    {
        let ended = container.command(&tree.has(program)).output().unwrap().status;
        assert_eq!(Inside::is_missing(ended.code()), missing, "{program}");
    }
}

/// A place for the same commands without an engine: they are run here, so that every point can be
/// tried where they may be cut off.
struct Here(tempfile::TempDir);

impl Here {
    fn tree(&self, mounts: &str) -> Inside {
        let path = self.0.path().join("up");
        let path = path.to_str().unwrap();
        Inside::new("docker", "app", path, &format!("c\n{}", mounts.replace("PATH", path))).unwrap()
    }

    fn run(cmd: &Cmd) -> std::process::Output {
        let words = cmd.args.iter().skip_while(|word| *word != "app").skip(1).collect::<Vec<_>>();
        ended(Command::new(words[0]).args(&words[1..]), cmd)
    }

    fn found(tree: &Inside) -> Found {
        tree.found(&String::from_utf8(Self::run(&tree.look()).stdout).unwrap()).unwrap()
    }

    /// Performs the acts until one of them is the last that is let.
    fn perform(acts: &[Act], mut left: usize) -> usize {
        for act in acts {
            if left == 0 {
                break;
            }

            left -= 1;
            let (cmd, expect) = match act {
                Act::Check(check) => (&check.cmd, Some(check.expect.as_str())),
                Act::Create(deed) | Act::Rename(deed) | Act::Remove(deed) | Act::Write(deed) => {
                    match &deed.how {
                        How::Command(cmd) => (cmd, None),
                        how => panic!("{how:?}"),
                    }
                }
                act => panic!("{act:?}"),
            };

            let out = Self::run(cmd);
            assert!(out.status.success(), "{cmd}: {}", String::from_utf8_lossy(&out.stderr));

            assert!(
                expect
                    .is_none_or(|expect| expect == String::from_utf8_lossy(&out.stdout).trim_end()),
                "{cmd}"
            );
        }

        left
    }

    /// A tree that says `old`, with one that says `kept` behind it, where that is something.
    fn holding_old(mounts: &str, kept: &str) -> (Self, Inside) {
        let here = Self(tempfile::tempdir().unwrap());
        let tree = here.tree(mounts);
        std::fs::create_dir(here.0.path().join("up")).unwrap();
        std::fs::write(here.0.path().join("up/file"), if kept.is_empty() { "old" } else { kept })
            .unwrap();

        if !kept.is_empty() {
            here.stage(&tree, "old");
            Self::perform(&tree.swap(&Self::found(&tree)).unwrap(), usize::MAX);
        }

        (here, tree)
    }

    fn settle(tree: &Inside) -> Found {
        Self::perform(&tree.finish(&Self::found(tree)).unwrap(), usize::MAX);
        let found = Self::found(tree);
        assert!(!found.cut_short());
        found
    }

    /// Stages a tree of one file that says `what`.
    fn stage(&self, tree: &Inside, what: &str) {
        Self::perform(&tree.stage(&Self::settle(tree)).unwrap(), usize::MAX);
        std::fs::write(format!("{}/coming/file", tree.own()), what).unwrap();
    }

    fn live(&self) -> String {
        let names =
            std::fs::read_dir(self.0.path().join("up")).unwrap().flatten().map(|e| e.file_name());
        let names: Vec<_> = names.filter(|name| name != ".db-tasks").collect();
        assert_eq!(names, ["file"], "whole, and nothing else");
        std::fs::read_to_string(self.0.path().join("up/file")).unwrap()
    }

    fn kept(tree: &Inside) -> Option<String> {
        std::fs::read_to_string(format!("{}/previous/file", tree.own())).ok()
    }
}

/// Whatever is cut off where, and whatever takes it back is cut off where: the old tree is live
/// again, and what it kept is kept.
#[test]
fn every_swap_and_undo_is_taken_back_from_wherever_it_was_cut_off() {
    std::thread::scope(|scope| {
        for mounts in ["", "PATH\n"] {
            for (kept, change) in [("", "swap"), ("older", "swap"), ("older", "undo")] {
                scope.spawn(move || {
                    let (mut cut, mut all) = (0, 1);
                    while cut <= all {
                        let (mut again, mut back) = (cut % 2, 1);
                        while again <= back {
                            (all, back) = taken_back(mounts, kept, change, cut, again);
                            again += 2;
                        }
                        cut += 1;
                    }
                });
            }
        }
    });
}

/// A run was cut off, people went on, and the next one takes it back: what they went on in is kept.
#[test]
fn what_was_live_since_is_kept_in_containers() {
    for mounts in ["", "PATH\n"] {
        for kept in ["", "older"] {
            for again in 0..9 {
                let (here, tree) = Here::holding_old(mounts, kept);
                let (id, before) = (tree.id(&Here::settle(&tree)), Here::kept(&tree));
                here.stage(&tree, "new");
                Here::perform(&tree.swap(&Here::found(&tree)).unwrap(), usize::MAX);
                std::fs::write(here.0.path().join("up/file"), "used").unwrap();

                // itself cut off, it is done again
                Here::perform(&tree.take_back_late(&Here::settle(&tree), &id).unwrap(), again);
                Here::perform(&tree.take_back_late(&Here::settle(&tree), &id).unwrap(), usize::MAX);
                Here::perform(&tree.unstage(&Here::found(&tree)).unwrap(), usize::MAX);
                Here::perform(&tree.settle(&Here::found(&tree)).unwrap(), usize::MAX);

                assert_eq!(
                    (here.live().as_str(), Here::kept(&tree)),
                    ("old", before),
                    "{mounts:?} {kept:?} {again}"
                );

                let returned =
                    std::fs::read_dir(tree.returned()).unwrap().flatten().next().unwrap().path();
                assert_eq!(
                    std::fs::read_to_string(returned.join("file")).unwrap(),
                    "used",
                    "{mounts:?} {kept:?} {again}"
                );

                // and the next restore goes on beside it
                here.stage(&tree, "newest");
                Here::perform(&tree.swap(&Here::found(&tree)).unwrap(), usize::MAX);
                Here::perform(&tree.settle(&Here::found(&tree)).unwrap(), usize::MAX);
                assert!(here.live() == "newest" && returned.exists());
            }
        }
    }
}

/// How many acts the change and its taking back have.
fn taken_back(mounts: &str, kept: &str, change: &str, cut: usize, again: usize) -> (usize, usize) {
    let (here, tree) = Here::holding_old(mounts, kept);
    let (id, before) = (tree.id(&Here::settle(&tree)), Here::kept(&tree));
    assert_eq!(before.as_deref().unwrap_or_default(), kept);

    if change == "swap" {
        here.stage(&tree, "new");
    }

    let found = Here::found(&tree);
    let acts = if change == "swap" { tree.swap(&found) } else { tree.undo(&found) }.unwrap();
    let back = |found: &Found| {
        if change == "swap" { tree.take_back(found, &id) } else { tree.redo(found, &id) }.unwrap()
    };

    Here::perform(&acts, cut);
    let first = back(&Here::settle(&tree));
    Here::perform(&first, again);

    for _ in 0..2 {
        Here::perform(&back(&Here::settle(&tree)), usize::MAX);
    }

    let after = format!("{mounts:?} {kept:?} {change} cut {cut} again {again}");
    assert_eq!((here.live().as_str(), Here::kept(&tree)), ("old", before), "{after}");
    Here::perform(&tree.unstage(&Here::found(&tree)).unwrap(), usize::MAX);
    Here::perform(&tree.settle(&Here::found(&tree)).unwrap(), usize::MAX);
    assert_eq!(tree.id(&Here::found(&tree)), id, "{after}");

    let left = |name: &str| std::path::Path::new(&format!("{}/{name}", tree.own())).exists();
    assert_eq!(
        (left(""), left("coming"), left("discard")),
        (!kept.is_empty(), false, false),
        "{after}"
    );

    (acts.len(), first.len())
}
