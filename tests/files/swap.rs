//! Trees that take each other's place, and trees that go.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use db_tasks::engine::files::{
    Excludes, Id, Repaired, SideFolder, Tree, repair, survey, swap, take_back, undo, wipe,
};
use db_tasks::engine::store::ReadStore;
use db_tasks::problem::Exit;

struct Site {
    _folder: tempfile::TempDir,
    live: PathBuf,
    aside: SideFolder,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().canonicalize().unwrap().join("uploads");
        tree(&live, "old");
        Self { _folder: folder, aside: SideFolder::of(&live).unwrap(), live }
    }

    fn id(&self) -> Option<Id> {
        id(&self.live)
    }

    fn content(&self) -> (String, Option<String>) {
        (said(&self.live).unwrap(), said(&self.aside.previous()))
    }

    fn restore(&self, what: &str) {
        tree(&self.aside.stage().unwrap(), what);
        swap(&self.aside, self.id()).unwrap();
    }
}

fn tree(at: &Path, what: &str) {
    fs::create_dir(at).unwrap();
    fs::write(at.join("what"), what).unwrap();
}

fn said(tree: &Path) -> Option<String> {
    fs::read_to_string(tree.join("what")).ok()
}

fn id(path: &Path) -> Option<Id> {
    fs::metadata(path).ok().map(|m| Id { dev: m.dev(), ino: m.ino() })
}

fn pair(live: &str, previous: &str) -> (String, Option<String>) {
    (live.into(), Some(previous.into()))
}

#[test]
fn a_swap_is_taken_back_and_what_was_kept_before_is_kept_again() {
    let site = Site::new();
    let old = site.id();
    site.restore("new");
    take_back(&site.aside, old).unwrap();
    assert_eq!((site.content(), site.aside.staged().exists()), (("old".into(), None), false));

    // from now on something is kept already
    site.restore("newer");
    site.restore("newest");

    let (newest, kept) = (site.id(), pair("newest", "newer"));
    let staged = || {
        tree(&site.aside.stage().unwrap(), "refused");
        swap(&site.aside, newest).unwrap();
        assert_eq!(said(&site.aside.discard()), Some("newer".into()));
    };

    staged();
    take_back(&site.aside, newest).unwrap();
    assert_eq!(site.content(), kept);
    take_back(&site.aside, newest).unwrap();
    assert_eq!(site.content(), kept, "it may come twice");

    // cut off when the old tree was live again, and one step later
    staged();
    undo(&site.aside, site.id()).unwrap();
    take_back(&site.aside, newest).unwrap();
    assert_eq!(site.content(), kept);
    staged();

    undo(&site.aside, site.id()).unwrap();
    fs::rename(site.aside.previous(), site.aside.staged()).unwrap();
    take_back(&site.aside, newest).unwrap();
    assert_eq!((site.content(), site.aside.staged().exists()), (kept, false));
    // one that was never swapped in is left to who removes it
    tree(&site.aside.stage().unwrap(), "on its way");

    take_back(&site.aside, newest).unwrap();
    assert_eq!(site.content(), pair("newest", "newer"));
    // what came in place of none stays
    take_back(&site.aside, None).unwrap();
    assert_eq!(site.content(), pair("newest", "newer"));
}

#[test]
fn a_swap_an_undo_and_the_end_of_the_window() {
    let site = Site::new();
    site.restore("new");
    assert_eq!(site.content(), pair("new", "old"));
    undo(&site.aside, site.id()).unwrap();
    assert_eq!(site.content(), pair("old", "new"));

    undo(&site.aside, site.id()).unwrap();
    assert_eq!(site.content(), pair("new", "old"));
    site.restore("newest");
    assert_eq!(site.content(), pair("newest", "new"));
    assert_eq!(said(&site.aside.discard()).as_deref(), Some("old"));

    site.aside.clear().unwrap();
    assert!(!site.aside.discard().exists());
    assert_eq!(fs::read_to_string(site.aside.folder().join(".gitignore")).unwrap(), "*\n");
    site.aside.forget().unwrap();
    assert!(!site.aside.folder().exists());

    assert_eq!(said(&site.live).unwrap(), "newest");
    let error = undo(&site.aside, site.id()).unwrap_err();
    assert!(error.to_string().contains("nothing is kept for an undo"), "{error}");
    site.aside.forget().unwrap();
}

/// Files that nobody can remove, until it is dropped.
struct Fixed(PathBuf);

impl Fixed {
    fn new(file: PathBuf, all: &Path) -> Result<Self, String> {
        fs::write(&file, "fixed").unwrap();
        crate::support::component::output(Command::new("chattr").arg("+i").arg(&file))?;
        Ok(Self(all.to_owned()))
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        drop(Command::new("chattr").args(["-R", "-f", "-i"]).arg(&self.0).status());
    }
}

#[test]
fn what_can_not_be_removed_is_in_no_swaps_way() {
    let site = Site::new();
    let fixed = crate::support::need!(
        "chattr",
        Fixed::new(site.live.join("fixed"), site.live.parent().unwrap())
    );
    site.restore("2");
    site.restore("3");

    for (live, kept) in [("4", "3"), ("5", "4")] {
        assert!(site.aside.clear().unwrap_err().to_string().contains("fixed"));
        site.restore(live);
        assert_eq!(site.content(), pair(live, kept));
        assert_eq!(
            (site.aside.shelves().len(), site.aside.discard().exists()),
            (1, true),
            "{live}"
        );
    }

    let five = site.id();
    site.restore("refused");
    assert_eq!(take_back(&site.aside, five).unwrap(), None);
    assert_eq!(site.content(), pair("5", "4"));
    drop(fixed);

    site.aside.clear().unwrap();
    assert_eq!((site.aside.shelves(), site.aside.discard().exists()), (vec![], false));
}

/// A half-made swap would be one that no later run can end.
#[test]
fn a_tree_that_can_not_be_moved_is_refused_before_anything_is_staged() {
    let site = Site::new();
    site.restore("new");
    for tree in [site.aside.previous(), site.live.clone()] {
        let fixed = Fixed(tree.clone());
        crate::support::need!(
            "chattr",
            crate::support::component::output(Command::new("chattr").arg("+i").arg(&tree))
        );

        let refused = site.aside.stage().unwrap_err();
        assert!(
            refused.exit == Exit::Refused && refused.to_string().contains("chattr -i"),
            "{refused}"
        );
        assert_eq!(site.content(), pair("new", "old"));
        drop(fixed);
    }

    site.aside.stage().unwrap();
}

/// Whatever is done in a tree while it is live, the tree is somebody's from then on.
#[test]
fn what_was_used_while_it_was_live_is_kept() {
    for (at, used) in [
        ("nothing", (|_| {}) as fn(&Path)),
        ("a file is added", |live| fs::write(live.join("upload"), "x").unwrap()),
        ("a file below is added", |live| fs::write(live.join("sub/upload"), "x").unwrap()),
        ("a file is written to", |live| fs::write(live.join("sub/file"), "other").unwrap()),
        ("a file is removed", |live| fs::remove_file(live.join("sub/file")).unwrap()),
        ("rights change", |live| {
            fs::set_permissions(live.join("what"), fs::Permissions::from_mode(0o600)).unwrap()
        }),
        ("an old file is copied in with its times", |live| {
            fs::write(live.join("old"), "x").unwrap();
            super::touch(&live.join("old"), std::time::Duration::from_secs(1_000_000));
            super::touch(live, std::time::Duration::from_secs(1_000_000));
        }),
    ] {
        for cut in [false, true] {
            let site = Site::new();
            let old = site.id();
            tree(&site.aside.stage().unwrap(), "new");
            fs::create_dir(site.aside.staged().join("sub")).unwrap();
            fs::write(site.aside.staged().join("sub/file"), "x").unwrap();

            swap(&site.aside, old).unwrap();
            used(&site.live);

            let kept = if cut {
                // killed when the old tree was live again
                undo(&site.aside, site.id()).unwrap();
                fs::rename(site.aside.previous(), site.aside.staged()).unwrap();
                site.aside.unstage().unwrap()
            } else {
                take_back(&site.aside, old).unwrap()
            };

            assert_eq!(site.content(), ("old".into(), None), "{at}");
            assert_eq!(
                kept.as_deref().and_then(said).as_deref(),
                (at != "nothing").then_some("new"),
                "{at} {cut}"
            );

            assert_eq!(kept.into_iter().collect::<Vec<_>>(), site.aside.returned(), "{at}");
            // the next restore leaves it where it is
            let before = site.aside.returned();
            site.restore("newer");
            site.aside.clear().unwrap();
            assert_eq!(site.aside.returned(), before, "{at}");
        }
    }
}

#[test]
fn a_tree_that_was_not_there_is_put_there() {
    let site = Site::new();
    fs::remove_dir_all(&site.live).unwrap();
    site.restore("new");
    assert_eq!(site.content(), ("new".into(), None));
}

#[test]
fn a_run_killed_at_any_point_is_finished_by_the_next() {
    for (at, cut) in [
        ("before the first rename", (|_: &Site| {}) as fn(&Site)),
        ("between the two renames of an old file system", |site| {
            fs::rename(&site.live, site.aside.previous()).unwrap()
        }),
        ("after the exchange", |site| {
            let parked = site.aside.folder().join("parked");
            fs::rename(&site.live, &parked).unwrap();
            fs::rename(site.aside.staged(), &site.live).unwrap();
            fs::rename(&parked, site.aside.staged()).unwrap();
        }),
        ("before the journal went", |site| {
            fs::rename(&site.live, site.aside.previous()).unwrap();
            fs::rename(site.aside.staged(), &site.live).unwrap();
        }),
    ] {
        let site = Site::new();
        tree(&site.aside.stage().unwrap(), "new");
        let (old, incoming) = (site.id().unwrap().ino, id(&site.aside.staged()).unwrap().ino);
        let journal = site.aside.folder().join("swap.json");
        fs::write(&journal, format!("{{\"old\":{old},\"incoming\":{incoming}}}")).unwrap();
        cut(&site);
        let refused = site.aside.stage().unwrap_err();
        assert!(refused.to_string().contains("was interrupted"), "{at}: {refused}");
        assert!(site.aside.forget().is_err(), "{at}");
        assert_eq!(repair(&site.aside).unwrap(), Repaired::Finished, "{at}");
        assert_eq!(site.content(), pair("new", "old"), "{at}");
        assert_eq!(repair(&site.aside).unwrap(), Repaired::Nothing, "{at}");
        assert!(!journal.exists(), "{at}");
    }
}

#[test]
fn a_tree_that_is_not_the_one_looked_at_is_left_alone() {
    let site = Site::new();
    tree(&site.aside.stage().unwrap(), "new");

    let looked_at = site.id();
    fs::rename(&site.live, site.live.with_extension("away")).unwrap();
    tree(&site.live, "another");

    for stale in [looked_at, None] {
        let error = swap(&site.aside, stale).unwrap_err();
        assert_eq!(super::problem(&error).exit, Exit::Refused);
    }

    assert_eq!(said(&site.live).unwrap(), "another");
    assert_eq!(said(&site.aside.staged()).unwrap(), "new");
    assert_eq!(wipe(&site.live, looked_at.unwrap()).unwrap_err().exit, Exit::Refused);
    assert_eq!(said(&site.live).unwrap(), "another");
}

#[test]
fn a_folder_that_is_not_ours_is_never_touched() {
    let site = Site::new();
    tree(site.aside.folder(), "somebody's");
    tree(&site.aside.staged(), "theirs");
    assert_eq!(site.aside.stage().unwrap_err().exit, Exit::Refused);

    assert!(
        site.aside.forget().is_err()
            && site.aside.clear().is_err()
            && undo(&site.aside, site.id()).is_err()
    );

    assert_eq!(said(&site.aside.staged()).unwrap(), "theirs");
    // what a run leaves that was killed before it could set the mark is ours
    fs::remove_dir_all(site.aside.folder()).unwrap();
    fs::create_dir(site.aside.folder()).unwrap();
    fs::write(site.aside.folder().join("README.partial"), "db-").unwrap();
    site.aside.stage().unwrap();

    // a link is no folder, wherever it leads
    site.aside.forget().unwrap();
    let elsewhere = site.live.with_extension("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, site.aside.folder()).unwrap();
    assert_eq!(site.aside.stage().unwrap_err().exit, Exit::Refused);
}

#[test]
fn what_was_on_its_way_is_taken_away_whatever_its_rights() {
    let site = Site::new();
    let staged = site.aside.stage().unwrap();
    tree(&staged, "half");
    fs::create_dir(staged.join("closed")).unwrap();
    fs::write(staged.join("closed/in"), "1").unwrap();

    for (name, mode) in [("closed", 0o000), ("", 0o500)] {
        fs::set_permissions(staged.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    assert!(!site.aside.stage().unwrap().exists());
}

#[test]
fn a_wipe_leaves_the_root_and_what_links_lead_to() {
    let site = Site::new();
    let outside = site.live.with_extension("outside");
    tree(&outside, "kept");
    super::rich(&site.live);
    symlink(&outside, site.live.join("link")).unwrap();

    fs::hard_link(outside.join("what"), site.live.join("hard")).unwrap();
    fs::set_permissions(&site.live, fs::Permissions::from_mode(0o751)).unwrap();

    let facts = survey(&site.live, &Excludes::default()).unwrap();
    assert_eq!(wipe(&site.live, facts.id.unwrap()).unwrap().entries, facts.entries);
    assert_eq!(fs::read_dir(&site.live).unwrap().count(), 0);
    assert_eq!(
        (site.id(), fs::metadata(&site.live).unwrap().permissions().mode() & 0o777),
        (facts.id, 0o751)
    );
    assert_eq!(said(&outside).unwrap(), "kept");

    assert_eq!(wipe(&site.live, facts.id.unwrap()).unwrap().entries, 0);
    let link = site.live.with_extension("link");
    symlink(&site.live, &link).unwrap();
    assert!(wipe(&link, facts.id.unwrap()).is_err(), "a link to the root is not the root");
}

/// As a user who is not root: folders of one's own are opened, and what another's folder holds is
/// found before anything goes.
#[test]
fn a_wipe_by_who_is_not_root() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();

    let ours = |path: &Path| std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();

    for name in ["own", "others", "sticky"] {
        let root = folder.path().join(name);
        fs::create_dir_all(root.join("below")).unwrap();
        fs::write(root.join("below/file"), "x").unwrap();
        fs::write(root.join("first"), "x").unwrap();
        ours(&root);
        ours(&root.join("first"));
        fs::set_permissions(&root, fs::Permissions::from_mode(0o555)).unwrap();
    }

    ours(&folder.path().join("own/below"));
    fs::set_permissions(folder.path().join("own/below"), fs::Permissions::from_mode(0o500))
        .unwrap();
    fs::set_permissions(folder.path().join("sticky/below"), fs::Permissions::from_mode(0o1777))
        .unwrap();

    let ran = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "files::swap::not_root_inner", "--ignored", "--nocapture"])
        .env("DB_TASKS_TEST_TREE", folder.path())
        .env("RUST_BACKTRACE", "0")
        .output();

    let ran = crate::support::need!("setpriv", ran.map_err(|e| e.to_string()));
    let text =
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);

    if text.contains("setpriv: ") {
        return crate::support::component::missing("another user", &text);
    }

    assert!(ran.status.success() && text.contains("all three"), "{text}");
}

#[test]
#[ignore = "run by a_wipe_by_who_is_not_root as another user"]
fn not_root_inner() {
    let Some(folder) = std::env::var_os("DB_TASKS_TEST_TREE").map(PathBuf::from) else { return };
    let facts = |name: &str| survey(&folder.join(name), &Excludes::default()).unwrap();
    let own = facts("own");

    assert_eq!(own.fixed, None);
    assert_eq!(wipe(&own.root, own.id.unwrap()).unwrap().entries, 3);

    assert_eq!(
        fs::metadata(&own.root).unwrap().permissions().mode() & 0o777,
        0o555,
        "the root is as it was"
    );

    for (name, why) in [("others", "in another user's folder"), ("sticky", "chmod +t")] {
        let fixed = facts(name).fixed.unwrap();
        assert!(fixed.contains("`below/file`") && fixed.contains(why), "{fixed}");
    }

    let stuck = |name: &str| {
        let tree = Tree {
            path: folder.join(name),
            exclude: vec![],
            rights: db_tasks::config::Rights::Plain,
        };
        { tree }.look().unwrap().stuck.unwrap()
    };

    assert!(stuck("own").contains("you may not write in"), "its parent is root's");
    println!("all three");
}

#[test]
fn nothing_is_removed_where_something_is_mounted() {
    // a bind mount of the same file system, which its number does not give away; in a mount
    // namespace of its own
    let site = Site::new();
    for name in ["mnt", "other"] {
        fs::create_dir(site.live.join(name)).unwrap();
    }

    let test = std::env::current_exe().unwrap();
    let inner = ["--exact", "files::swap::mounted_inner", "--ignored", "--nocapture"];
    let script = "mount --bind \"$1/other\" \"$1/mnt\" && shift && exec \"$@\"";

    let ran = Command::new("unshare")
        .args(["--mount", "--map-root-user", "--user", "sh", "-c", script, "sh"])
        .arg(&site.live)
        .arg(test)
        .args(inner)
        .env("DB_TASKS_TEST_TREE", &site.live)
        .output();

    let ran = crate::support::need!("unshare", ran.map_err(|e| e.to_string()));
    let text =
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);

    if text.contains("unshare failed") || text.contains("permission denied") {
        return crate::support::component::missing("mount namespace", &text);
    }

    assert!(ran.status.success() && text.contains("refused as it should be"), "{text}");
    assert_eq!(said(&site.live).unwrap(), "old");
}

#[test]
#[ignore = "run by nothing_is_removed_where_something_is_mounted in a namespace of its own"]
fn mounted_inner() {
    let Some(root) = std::env::var_os("DB_TASKS_TEST_TREE").map(PathBuf::from) else { return };
    let facts = survey(&root, &Excludes::default()).unwrap();
    assert_eq!(facts.mounts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["mnt"]);
    assert!(survey(&root.join("mnt"), &Excludes::default()).unwrap().root_is_mount);

    let refused = wipe(&root, facts.id.unwrap()).unwrap_err();
    assert!(refused.to_string().contains("is a mount point"), "{refused}");
    assert_eq!(said(&root).unwrap(), "old");

    // a mount point can't be renamed
    let aside = SideFolder::of(&root.join("mnt")).unwrap();
    tree(&aside.stage().unwrap(), "new");

    let error = swap(&aside, id(&root.join("mnt"))).unwrap_err();
    assert!(error.to_string().contains("mount point"), "{error}");
    // and a swap that could not begin is none to be finished
    aside.stage().unwrap();
    println!("refused as it should be: {error}");
}
