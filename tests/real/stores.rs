//! Databases and file trees as one set.

mod apart;
mod beside;
mod half;
mod lost;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::kill::{moments, struck};
use super::struck_sets::{Set, Strikes, all_or_nothing};
use super::{Held, Project, Said, family, same, signal, tiny};
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::need;
use crate::support::server::{Fingerprint, Server};

/// Every entry of a tree with what can be seen of it.
pub type Tree = BTreeMap<PathBuf, (u32, i64, Vec<u8>)>;

pub fn tree(root: &Path) -> Tree {
    fn walk(folder: &Path, root: &Path, out: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
            let content = match meta.file_type() {
                kind if kind.is_symlink() => {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                }
                kind if kind.is_dir() => Vec::new(),
                _ => fs::read(&path).unwrap(),
            };

            out.insert(
                path.strip_prefix(root).unwrap().to_owned(),
                (meta.mode(), meta.mtime(), content),
            );
            if meta.is_dir() {
                walk(&path, root, out);
            }
        }
    }

    let mut out = Tree::new();
    if root.is_dir() {
        walk(root, root, &mut out);
    }

    out
}

const CONFIG: &str = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" \
                      }\n[stores.uploads]\nfiles = { path = \"storage/uploads\" \
                      }\n[stores.audio]\nfiles = { path = \"storage/audio\", exclude = \
                      [\"*.tmp\"] }\noptional = true\n";

struct Ground<'a> {
    cluster: &'a Cluster,
    db: TempDb,
    project: Project,
}

/// All that is live.
#[derive(Debug, PartialEq)]
struct State(Fingerprint, Tree, Tree);

impl<'a> Ground<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let db = cluster.database();
        tiny(cluster, &db.name);

        let project =
            Project::new(CONFIG).env("DATABASE_URL", &db.url).env("ALLOW_DATABASE_WIPE", "true");
        let (uploads, audio) =
            (project.dir.join("storage/uploads"), project.dir.join("storage/audio"));
        fs::create_dir_all(uploads.join("a/empty")).unwrap();
        fs::create_dir_all(&audio).unwrap();
        fs::write(uploads.join("a/one.txt"), "one").unwrap();

        fs::write(uploads.join("b.bin"), vec![7; 300_000]).unwrap();
        symlink("a/one.txt", uploads.join("link")).unwrap();
        fs::write(audio.join("pod.mp3"), "sound").unwrap();

        Self { cluster, db, project }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.dir.join("storage").join(name)
    }

    fn change(&self) {
        self.cluster
            .sql(&self.db.name, "SET ROLE app; DELETE FROM orders; CREATE TABLE later (a int)");
        fs::remove_file(self.path("uploads/b.bin")).unwrap();
        fs::write(self.path("uploads/a/one.txt"), "another").unwrap();
        fs::write(self.path("audio/new.mp3"), "noise").unwrap();
    }

    #[track_caller]
    fn is(&self, wanted: &State, after: &str) {
        let now = self.state();
        same(&now.0, &wanted.0);
        assert_eq!(
            now.1.keys().collect::<Vec<_>>(),
            wanted.1.keys().collect::<Vec<_>>(),
            "{after}"
        );
        assert!(now.1 == wanted.1 && now.2 == wanted.2, "{after}: a file is another");
    }
}

impl Set for Ground<'_> {
    type State = State;

    fn project(&self) -> &Project {
        &self.project
    }

    fn database(&self) -> (&Server, &str) {
        (self.cluster, &self.db.name)
    }

    fn state(&self) -> State {
        State(
            self.cluster.fingerprint(&self.db.name),
            tree(&self.path("uploads")),
            tree(&self.path("audio")),
        )
    }

    /// What was live for a while and failed is kept for a look.
    fn on_the_way(&self) -> Vec<String> {
        let databases = family(self.cluster, &self.db.name);
        let aside = ["uploads", "audio"].into_iter().flat_map(|name| {
            let folder = self.path(&format!("{name}.db-tasks"));
            ["staged", "discard"]
                .map(|slot| folder.join(slot))
                .into_iter()
                .filter(|p| p.exists())
                .map(|p| p.display().to_string())
        });

        let kept = [
            self.db.name.clone(),
            format!("{}__previous", self.db.name),
            format!("{}__failed", self.db.name),
        ];
        databases.into_iter().filter(|d| !kept.contains(d)).chain(aside).collect()
    }
}

#[test]
fn a_set_comes_back_and_goes_again() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    fs::write(ground.path("audio/part.tmp"), "left out").unwrap();

    let backup = project.backup();
    let mut files: Vec<String> = fs::read_dir(&backup)
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();

    files.sort();
    assert_eq!(files, ["audio.tar.zst", "main.sql.zst", "manifest.json", "uploads.tar.zst"]);
    fs::remove_file(ground.path("audio/part.tmp")).unwrap();

    let old = ground.state();
    project.fails("db-verify --latest", 0, "is good");

    let deep = project.ok("db-verify --latest --deep").err;
    assert!(
        deep.contains("counted again in the new database")
            && deep.matches("read again there").count() == 2,
        "{deep}"
    );

    assert!(project.ok("db-list").out.contains("verified deep"));
    project.ok(&format!("db-info {}", backup.display())).ends_with(0, "2 files, 300.0 kB");

    ground.change();
    let new = ground.state();
    project.fails("db-restore --latest --dry-run", 0, "storage/uploads.db-tasks/previous");
    ground.is(&new, "a dry run");
    project.ok("db-restore --latest --yes");

    ground.is(&old, "a restore");
    project.ok("db-undo --yes");
    ground.is(&new, "an undo");
    project.ok("db-undo --yes");
    ground.is(&old, "an undo of the undo");

    // a part by itself, and what an undo is then about
    project.ok("db-undo --yes");
    project.ok("db-restore --latest --only uploads --yes");
    assert!(tree(&ground.path("uploads")) == old.1 && tree(&ground.path("audio")) == new.2);
    project.ok("db-undo --yes");
    ground.is(&new, "an undo of a part");

    assert_eq!(ground.on_the_way(), Vec::<String>::new());
}

#[test]
fn one_that_can_not_follow_takes_the_others_back() {
    let ground = Ground::new(need!("postgresql", cluster()));
    ground.project.backup();
    ground.change();
    ground.project.ok("db-restore --latest --yes");
    ground.project.ok("db-undo --yes");

    let new = ground.state();
    let kept = tree(&ground.path("uploads.db-tasks/previous"));
    assert!(!kept.is_empty());

    // a superuser's session, which the application's role may not end
    let held = Held::new(ground.cluster, &ground.db.name, "SELECT 1");

    for command in ["db-restore --latest --yes", "db-undo --yes"] {
        ground.project.fails(command, 1, "being accessed by other users");
        ground.is(&new, command);
        assert!(
            tree(&ground.path("uploads.db-tasks/previous")) == kept,
            "{command}: what was kept is kept still"
        );
        assert_eq!(ground.on_the_way(), Vec::<String>::new(), "{command}");
    }

    drop(held);
    ground.project.ok("db-undo --yes");
}

#[test]
fn a_damaged_part_spoils_the_whole_restore() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let backup = ground.project.backup();
    ground.change();

    let new = ground.state();

    for name in ["uploads.tar.zst", "main.sql.zst", "audio.tar.zst"] {
        let whole = fs::read(backup.join(name)).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;

        flipped[middle] ^= 4;
        fs::write(backup.join(name), &flipped).unwrap();

        let said = ground.project.run("db-restore --latest --yes");
        assert_eq!(said.code, Some(1), "{name}: {said:?}");
        ground.is(&new, name);
        assert_eq!(ground.on_the_way(), Vec::<String>::new(), "{name}");
        assert_eq!(ground.project.run("db-verify --latest").code, Some(1), "{name}");

        fs::write(backup.join(name), &whole).unwrap();
        ground.project.ok(&format!("db-verify {}", backup.display()));
    }
}

#[test]
fn an_optional_one_that_is_down_makes_it_partial() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    fs::rename(ground.path("audio"), ground.path("elsewhere")).unwrap();

    let said = project.ok("db-backup --auto");
    assert!(said.err.contains("PARTIAL: without `audio`"), "{said:?}");
    assert!(project.ok("db-list").out.contains("partial"));
    project.fails("db-restore --latest --yes", 1, "there is no good backup");

    // nothing is destroyed behind a partial backup
    let before = ground.state();
    project.fails("db-wipe --backup --yes", 1, "a complete backup can't be made");
    ground.is(&before, "a refused wipe");
    // by its name, what is in it comes back
    project
        .ok(&format!("db-restore {} --yes", said.out.trim()))
        .ends_with(0, "the backup is PARTIAL: `audio`");

    let verified = project.ok(&format!("db-verify {}", said.out.trim())).out;
    assert!(
        verified.contains("is PARTIAL: `audio`") && !verified.contains("is good"),
        "{verified}"
    );
    fs::rename(ground.path("uploads"), ground.path("elsewhere2")).unwrap();
    project.fails("db-backup --auto", 1, "there is no folder");
    assert_eq!(project.files().len(), 1, "a set is whole or not there");
}

#[test]
fn one_that_changes_while_it_is_read_makes_it_partial() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let big = fs::File::create(ground.path("uploads/log")).unwrap();
    big.set_len(400_000_000).unwrap();

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log =
                fs::File::options().append(true).open(ground.path("uploads/log")).unwrap();
            while !done.load(Ordering::Relaxed) {
                writeln!(log, "more").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });

        let backed_up = ground.project.run("db-backup --auto");
        let wiped = ground.project.run("db-wipe --backup --yes");
        done.store(true, Ordering::Relaxed);
        backed_up
            .ends_with(0, "PARTIAL, because it changed meanwhile: `log` grew while it was read");
        wiped.ends_with(1, "the backup is partial");
    });

    assert!(ground.project.ok("db-list").out.contains("partial"));
    assert_eq!(tree(&ground.path("uploads")).len(), 6, "nothing was wiped");
}

#[test]
fn a_wipe_empties_what_is_named() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let (project, before) = (&ground.project, ground.state());
    let dry = project.ok("db-wipe --dry-run").out;

    assert!(
        dry.contains("`uploads`")
            && dry.contains("5 entries, 300.0 kB")
            && dry.contains("all that is in"),
        "{dry}"
    );

    project.fails("db-wipe --only nothing --yes", 2, "the stores `audio`, `uploads`");
    project.ok("db-wipe --only uploads --only audio --backup --yes");
    assert!(ground.path("uploads").is_dir() && tree(&ground.path("uploads")).is_empty());
    assert_eq!(ground.cluster.fingerprint(&ground.db.name).rows, before.0.rows);
    project.ok("db-restore --latest --yes");

    ground.is(&before, "a restore after a wipe");
    let said = project
        .command("db-wipe --only uploads --yes")
        .env("ENVIRONMENT", "production")
        .output()
        .unwrap();

    Said::of(said).ends_with(3, "environment");
    ground.is(&before, "a refused wipe");
    project.ok("db-wipe --backup --yes");
    assert!(tree(&ground.path("audio")).is_empty());
    project.ok("db-restore --latest --yes");

    ground.is(&before, "all of it");
}

fn killed(words: &str) {
    let ground = Ground::new(need!("postgresql", cluster()));
    let old = ground.state();
    ground.project.backup();
    ground.change();

    let new = ground.state();
    ground.project.ok("db-restore --latest --yes");
    ground.project.ok("db-undo --yes");

    let strikes = Strikes { words, signals: &["TERM", "KILL"], points: 3 };
    all_or_nothing(&ground, &old, &new, &strikes);
}

#[test]
fn a_restore_of_a_set_that_is_killed() {
    killed("db-restore --latest --yes");
}

#[test]
fn an_undo_of_a_set_that_is_killed() {
    killed("db-undo --yes");
}

/// What a set is emptied of is in a backup that is verified, wherever it is struck; its database is
/// as it was or empty.
#[test]
fn a_wipe_of_a_set_that_is_killed() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let old = ground.state();
    let words = "db-wipe --backup --yes";
    let begun = std::time::Instant::now();
    let steps = ground.project.ok(words).err.lines().filter(|l| l.starts_with("  ✓")).count();

    let whole = begun.elapsed();
    ground.project.ok("db-restore --latest --yes");

    let empty = |state: &State| state.0.rows.values().all(|(rows, _)| *rows == 0);
    // whether it is empty, and whether it is in part
    let part = |now: &Tree, old: &Tree| (now.is_empty(), !now.is_empty() && now.len() < old.len());
    let (mut tried, mut emptied, mut halves) = (0, 0, 0);

    for name in ["TERM", "INT", "KILL"] {
        for at in moments(steps, whole, 3) {
            let after = format!("a wipe and SIG{name} at {at:?} of {steps}");
            let outcome = struck(&ground.project, words, at, |child| signal(child, name));
            assert!(matches!(outcome.code, Some(0 | 130) | None), "{after}: {outcome:?}");

            let repaired = ground.project.ok("db-repair").out;
            super::until("its sessions have gone", || {
                super::sessions(ground.cluster, &ground.db.name) == 0
            });

            let now = ground.state();
            assert!(
                now.0 == old.0 || empty(&now),
                "{after}: a database neither old nor empty: {outcome:?}"
            );

            let parts = [(empty(&now), false), part(&now.1, &old.1), part(&now.2, &old.2)];
            let half = parts.iter().any(|p| p.1)
                || parts.iter().any(|p| p.0) && !parts.iter().all(|p| p.0);
            assert_eq!(
                repaired.contains("a `db-wipe` was interrupted"),
                half,
                "{after}: {parts:?} {repaired}"
            );

            if half {
                let status =
                    ground.project.fails("db-status --check", 1, "a `db-wipe` was interrupted");
                assert!(
                    status.out.contains("to finish: `db-wipe --only ")
                        && status.out.contains("`db-restore "),
                    "{status:?}"
                );
                halves += 1;
            }

            for (found, wanted) in [(&now.1, &old.1), (&now.2, &old.2)] {
                // files go one by one: a killed run may leave some, and none that is another
                let left = |(path, entry): (&PathBuf, &(u32, i64, Vec<u8>))| {
                    wanted.get(path).is_some_and(|w| w.2 == entry.2)
                };
                assert!(
                    found.iter().all(left),
                    "{after}: a tree with what it never had: {outcome:?}"
                );
            }

            assert_eq!(ground.on_the_way(), Vec::<String>::new(), "{after}: {outcome:?}");
            ground.project.ok("db-verify --latest");
            if now != old {
                emptied += 1;
                ground.project.ok("db-restore --latest --yes");
            }

            ground.is(&old, &after);
            assert_eq!(ground.project.ok("db-repair").out.trim(), "nothing to repair", "{after}");
            tried += 1;
        }
    }

    assert!(halves > 0, "no strike left half a wipe");
    println!(
        "{words} of a set: {steps} steps, {tried} points, {emptied} of them emptied something, 0 \
         lost data"
    );
}

#[test]
fn a_backup_of_a_set_that_is_killed() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let old = ground.state();
    let begun = std::time::Instant::now();
    let steps =
        ground.project.ok("db-backup --auto").err.lines().filter(|l| l.starts_with("  ✓")).count();
    let whole = begun.elapsed();

    for name in ["TERM", "INT", "KILL"] {
        for at in moments(steps, whole, 3) {
            let after = format!("a backup and SIG{name} at {at:?} of {steps}");
            let outcome =
                struck(&ground.project, "db-backup --auto", at, |child| signal(child, name));
            assert!(matches!(outcome.code, Some(0 | 130) | None), "{after}: {outcome:?}");
            ground.project.ok("db-repair");

            for file in ground.project.files() {
                let name = file.to_string_lossy().into_owned();
                assert!(!name.contains(".partial"), "{after}: {name}");
                if !name.ends_with(".json") {
                    ground.project.ok(&format!("db-verify {name}"));
                }
            }
        }
    }

    ground.change();
    ground.project.ok("db-restore --latest --yes");
    ground.is(&old, "the newest of them");
}
