use super::super::{Dotenv, Env, load};
use super::*;

/// What is said of a project with these stores, in a folder that has some links.
fn said(stores: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repo");
    fs::create_dir_all(root.join("data/sub")).unwrap();

    #[cfg(unix)]
    for (to, link) in [("data", "link"), ("data/backups", "dangling"), ("..", "up")] {
        std::os::unix::fs::symlink(to, root.join(link)).unwrap();
    }

    let file = root.join("db-tasks.toml");
    let text = format!(
        "[databases.main]\npostgres = {{ url = \"postgresql://u@h/d\" \
             }}\n[containers.a]\ndocker = \"x\"\n[containers.b]\ndocker = \"x\"\n{stores}"
    );
    fs::write(&file, text).unwrap();

    load(&file, Env::of([("", ""); 0]), Dotenv::Ignore).map(drop).map_err(|e| e.to_string())
}

fn tree(key: &str, path: &str) -> String {
    format!("[stores.{key}]\nfiles = {{ path = \"{path}\" }}\n")
}

#[test]
#[cfg(unix)]
fn trees_and_backups_lie_apart() {
    let backups = |dir: &str| format!("[backup]\ndir = \"{dir}\"\n");
    for (stores, says) in [
        (tree("a", "data") + &backups("data/backups"), "the backup folder"),
        (tree("a", "data") + &backups("data"), "the backup folder"),
        (tree("a", "data") + &backups("link/backups"), "the backup folder"),
        (tree("a", "data") + &backups("dangling"), "the backup folder"),
        (tree("a", "link") + &backups("sub/../data/b"), "the backup folder"),
        (tree("a", "data") + &backups("data.db-tasks/b"), "where a restore keeps"),
        (tree("a", "backups/files"), "is inside the backup folder"),
        (tree("a", "."), "the project ("),
        (tree("a", "up"), "the project"),
        (tree("a", "data/../.."), "the project"),
        (tree("a", ".db-tasks/files"), "own state"),
        (tree("a", "data") + &tree("b", "data"), "overlap"),
        (tree("a", "data") + &tree("b", "data/sub"), "overlap"),
        (tree("a", "data/sub") + &tree("b", "link"), "overlap"),
        (tree("a", "data") + &tree("b", "other/../data/new"), "overlap"),
        (tree("a", "data") + &tree("b", "data.db-tasks"), "overlap"),
    ] {
        let error = said(&stores).expect_err(&stores);
        assert!(error.contains(says) && error.contains("  next: "), "{stores}: {error}");
    }

    for stores in [
        tree("a", "data"),
        tree("a", "data") + &backups("backups"),
        tree("a", "data") + &backups("database"),
        tree("a", "data") + &tree("b", "data2"),
        tree("a", "../elsewhere") + &tree("b", "data/sub"),
    ] {
        assert_eq!(said(&stores), Ok(()), "{stores}");
    }
}

#[test]
fn trees_in_one_container_lie_apart() {
    let two = |a: &str, b: &str, container: &str| {
        format!(
            "[stores.m]\ncontainer = \"a\"\nfiles = {{ path = \"{a}\" \
                 }}\n[stores.n]\ncontainer = \"{container}\"\nfiles = {{ path = \"{b}\" }}\n"
        )
    };

    for (a, b) in [
        ("/srv/up", "/srv/up"),
        ("/srv/up", "/srv/up/x"),
        ("/srv/up/x/", "/srv//up"),
        ("/srv/up", "/srv/x/../up"),
    ] {
        for container in ["a", "b"] {
            assert!(
                said(&two(a, b, container)).is_err(),
                "{a} {b}: both keys are of one container"
            );
        }
    }

    assert_eq!(said(&two("/srv/up", "/srv/upper", "a")), Ok(()));
}

#[test]
fn vectors_lie_apart() {
    let store = |key: &str, url: &str, more: &str| {
        format!("[stores.{key}]\nmilvus = {{ url = \"{url}\"{more} }}\n")
    };
    let one = store("a", "http://h:1", "");
    assert!(said(&(one.clone() + &store("b", "http://h:1/", ""))).is_err());
    assert_eq!(said(&(one + &store("b", "http://h:1", ", database = \"other\""))), Ok(()));
}
