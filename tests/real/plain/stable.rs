//! The same bytes for the same data, and nothing new for git if nothing has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use db_tasks::bundle::{Manifest, latest};

use super::{filled, name, project};
use crate::real::kill::{moments, programs_in, struck};
use crate::real::{Project, same, sessions, signal, until};
use crate::support::cluster::cluster;
use crate::support::need;

const STABLE: &str = "form = \"stable\"\nkey-order = [\"*\"]\n";

/// Tables whose rows have moved: each row is the same, and is at another place.
const MOVE: &str = "SET ROLE app; UPDATE people SET w = w WHERE id % 3 = 0; UPDATE shop.orders SET \
    person = person WHERE id % 7 = 0; DELETE FROM loose_rows; INSERT INTO loose_rows VALUES ('b', \
    2), ('a', 10), ('a', 9); UPDATE pairs_of SET note = note WHERE b = 'x'; UPDATE split SET id = id \
    WHERE id = 1";

const MORE: &str = "SET ROLE app; CREATE TABLE loose_rows (t text, n int); INSERT INTO loose_rows \
    VALUES ('a', 9), ('a', 10), ('b', 2); CREATE TABLE pairs_of (note text, b text, a bigint, PRIMARY \
    KEY (a, b)); INSERT INTO pairs_of SELECT 'n' || i, CASE WHEN i % 2 = 0 THEN 'x' ELSE 'tab\t' END, \
    i - 20 FROM generate_series(1, 40) i; CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE \
    child (more text) INHERITS (parent); INSERT INTO child VALUES (3, 'c'), (1, 'a'); ALTER TABLE \
    split ADD PRIMARY KEY (id)";

/// What is in the folder that may go to git.
fn for_git(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let files =
        project.files().into_iter().filter(|path| !path.to_string_lossy().contains("notes"));
    files.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

fn dumps(project: &Project) -> Vec<PathBuf> {
    let is_dump = |path: &PathBuf| {
        let name = name(path);
        name.contains(".sql") && !name.starts_with("latest")
    };
    project.files().into_iter().filter(is_dump).collect()
}

#[test]
fn the_same_data_makes_the_same_bytes_wherever_its_rows_are() {
    let cluster = need!("postgresql", cluster());
    let (db, _) = filled(cluster, "");
    cluster.sql(&db.name, MORE);
    let wanted = cluster.fingerprint(&db.name);

    for codec in ["none", "gzip", "zstd"] {
        let keys = STABLE.replace("[\"*\"]", "[\"*\"]\ntimestamp = \"%Y-%m-%d_%H-%M-%S\"");
        let bytes = || {
            let project = project(&db, &keys);
            let said = project.ok(&format!("db-backup --auto --compress {codec}"));
            let file = project.dir.join(said.out.trim());
            let manifest =
                fs::read_to_string(db_tasks::bundle::ending::manifest_beside(&file)).unwrap();
            assert_eq!(manifest.matches('\n').count(), 1, "{manifest}");
            (fs::read(&file).unwrap(), project, file)
        };
        let (first, project, file) = bytes();
        cluster.sql(&db.name, MOVE);
        let (second, ..) = bytes();
        assert!(first == second, "{codec}: {} and {} bytes", first.len(), second.len());
        same(&cluster.fingerprint(&db.name), &wanted);

        // it is verified and restored like any other
        project.ok("db-verify --deep");
        cluster.sql(&db.name, "SET ROLE app; DELETE FROM shop.orders");
        project.ok(&format!("db-restore {} --yes", name(&file)));
        same(&cluster.fingerprint(&db.name), &wanted);
        let known = Manifest::read(&db_tasks::bundle::ending::manifest_beside(&file)).unwrap();
        assert!(known.artifacts[0].postgresql().unwrap().dump_version.is_some());
    }
}

/// A reader without this tool gets the same data.
#[test]
fn psql_restores_a_stable_dump() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = filled(cluster, STABLE);
    cluster.sql(&db.name, MORE);
    let wanted = cluster.fingerprint(&db.name);
    let file = project.backup();
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("-- Dumped "), "{}", &text[..300]);
    assert!(!text.contains("\\restrict") || text.contains("\n\\restrict dbtasks\n"));

    let copy = cluster.database();
    let out = project
        .program("psql")
        .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", &copy.url, "-f"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut found = cluster.fingerprint(&copy.name);
    found.settings.clone_from(&wanted.settings);
    same(&found, &wanted);

    // without a manifest, it is a dump like any other
    fs::copy(&file, project.dir.join("elsewhere.sql")).unwrap();
    cluster.sql(&db.name, "SET ROLE app; DELETE FROM shop.orders");
    project.ok("db-restore --file elsewhere.sql --trust=role --yes");
    assert_eq!(cluster.sql(&db.name, "SELECT count(*) FROM shop.orders"), "50");
}

fn git(dir: &Path, words: &[&str]) -> String {
    let identity =
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/"];
    let out = Command::new("git").current_dir(dir).args(identity).args(words).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn an_unchanged_database_makes_no_commit() {
    let cluster = need!("postgresql", cluster());
    let keys = format!("{STABLE}latest = \"symlink\"\nmode = \"0644\"\nkeep-days = 30\n");
    let (db, project) = filled(cluster, &keys);
    let dir = &project.dir;
    git(dir, &["init", "-q"]);
    fs::write(dir.join(".gitignore"), "/.db-tasks/\n*.notes.json\n*.partial\n").unwrap();
    let commits = || {
        git(dir, &["add", "-A"]);
        let changed = !git(dir, &["status", "--porcelain"]).is_empty();
        if changed {
            git(dir, &["commit", "-qm", "a dump"]);
        }
        changed
    };

    let first = project.backup();
    assert!(commits());
    let tree = for_git(&project);
    for _ in 0..2 {
        cluster
            .sql(&db.name, "SET ROLE app; UPDATE people SET w = w WHERE id % 3 = 0; VACUUM FULL");
        let said = project.ok("db-backup --auto");
        assert!(said.err.contains(&format!("nothing has changed since `{}`", name(&first))));
        assert!(said.err.contains(&format!("db-restore {}", name(&first))), "{said:?}");
        assert_eq!(dir.join(said.out.trim()), first);
        assert!(!commits() && for_git(&project) == tree);
    }
    assert_eq!(git(dir, &["log", "--oneline"]).lines().count(), 1);
    let json = project.ok("db-backup --auto --json").out;
    assert!(json.contains(&name(&first)), "{json}");

    // the kept one is not old: its data is what there is now
    let manifest = db_tasks::bundle::ending::manifest_beside(&first);
    let text = fs::read_to_string(&manifest).unwrap();
    let known = Manifest::read(&manifest).unwrap();
    assert_eq!(known.verified.iter().filter(|seen| seen.how == "unchanged").count(), 1);
    assert!(known.unchanged_at() > Some(known.created));
    let year = known.created.format("\"created\":\"%Y").to_string();
    fs::write(&manifest, text.replacen(&year, "\"created\":\"2001", 1)).unwrap();
    fs::remove_file(manifest.with_extension("notes.json")).unwrap();
    project.fails("db-status --check", 1, "the last good backup is");
    project.ok("db-backup --auto");
    project.ok("db-status --check");
    fs::write(&manifest, text).unwrap();
    fs::remove_file(manifest.with_extension("notes.json")).unwrap();

    // what has changed is one more dump, and of a changed setting, too
    for change in ["SET ROLE app; DELETE FROM shop.orders WHERE id = 7", "COMMENT"] {
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let setting = format!("ALTER DATABASE {} SET work_mem = '5MB'", db.name);
        cluster.sql(&db.name, if change == "COMMENT" { &setting } else { change });
        let before = dumps(&project).len();
        let said = project.ok("db-backup --auto");
        assert!(!said.err.contains("nothing has changed"), "{said:?}");
        assert_eq!(dumps(&project).len(), before + 1);
        assert!(commits());
    }
}

/// A backup that is asked for by name, or that is the way back, is always made; and one whose file
/// was damaged is none to rely on.
#[test]
fn what_is_kept_is_good_and_of_the_same_kind() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = filled(cluster, STABLE);
    let first = project.backup();
    let new = |words: &str| {
        let before = dumps(&project).len();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        project.ok(words);
        dumps(&project).len() - before
    };
    assert_eq!(new("db-backup --auto"), 0);
    assert_eq!(new("db-backup --auto --label release"), 1);
    assert_eq!(new("db-backup --auto"), 0);

    let project = project.env("ALLOW_DATABASE_WIPE", "true");
    let before = dumps(&project).len();
    project.ok("db-wipe --backup --yes");
    assert_eq!(dumps(&project).len(), before + 1);
    project.ok(&format!("db-restore {} --yes", name(&first)));

    // one byte of the kept file
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    let before = dumps(&project).len();
    project.ok("db-backup --auto");
    assert_eq!(dumps(&project).len(), before + 1);
    drop(db);
}

/// Wherever a run is struck, the name leads to the old or the new good backup.
#[test]
fn a_struck_backup_leaves_the_old_name_or_the_new() {
    let cluster = need!("postgresql", cluster());
    for (kind, link) in
        [("symlink", "latest.sql"), ("hard-link", "latest.sql"), ("pointer", "latest.txt")]
    {
        let (db, project) = filled(cluster, &format!("{STABLE}latest = \"{kind}\"\n"));
        let path = project.dir.join("backups").join(link);
        project.ok("db-backup --auto");
        let begun = std::time::Instant::now();
        cluster.sql(&db.name, "SET ROLE app; INSERT INTO people (w) VALUES ('one more')");
        let said = project.ok("db-backup --auto");
        let steps = said.err.lines().filter(|line| line.starts_with("  ✓")).count();
        assert!(steps >= 3, "{said:?}");

        for signal_name in ["TERM", "KILL"] {
            for at in moments(steps, begun.elapsed(), 3) {
                let old = latest::named_by(&path).unwrap();
                // every other time nothing has changed
                if matches!(at, crate::real::kill::Moment::Steps(n) if n % 2 == 0) {
                    let more = "SET ROLE app; INSERT INTO people (w) VALUES ('one more')";
                    cluster.sql(&db.name, more);
                }
                let outcome =
                    struck(&project, "db-backup --auto", at, |child| signal(child, signal_name));
                let told = format!("{kind}, SIG{signal_name} at {at:?}: {outcome:?}");
                assert!(matches!(outcome.code, Some(0 | 130) | None), "{told}");
                until("its programs have ended", || programs_in(&project.dir) == 0);
                until("its sessions have gone", || sessions(cluster, &db.name) == 0);

                let is_named = |told: &str| {
                    let named = latest::named_by(&path).unwrap_or_else(|| panic!("{told}"));
                    let manifest =
                        Manifest::read(&db_tasks::bundle::ending::manifest_beside(&named));
                    assert!(manifest.unwrap().is_good(), "{told}");
                    assert!(named >= old, "{told}: {named:?} after {old:?}");
                };
                is_named(&told);
                project.ok("db-repair");
                is_named(&told);
                project.ok(&format!("db-verify {link}"));
                let left = project.files().into_iter();
                let left: Vec<_> = left.filter(|f| name(f).contains(".partial")).collect();
                assert!(left.is_empty(), "{told}: {left:?}");
            }
        }
    }
}
