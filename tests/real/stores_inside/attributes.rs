//! ACLs, attributes and capabilities of trees in containers: kept where the image's `tar` can, and
//! told where not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use db_tasks::engine::files::dump;
use db_tasks::value::tree::Attributes;
use rustix::fs::{XattrFlags, setxattr};

use super::userlands::Userland;
use super::*;

/// An ACL as the kernel has it: owner `rwx`, a user `rw-`, group `r-x`, mask `rwx`, others `r-x`. A
/// user's number may be a line end.
fn acl(user: u32) -> Vec<u8> {
    let entry = |tag: u16, rights: u16, id: u32| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let entries =
        [(1, 7, u32::MAX), (2, 6, user), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 5, u32::MAX)];

    [
        2_u32.to_le_bytes().to_vec(),
        entries.iter().flat_map(|(tag, rights, id)| entry(*tag, *rights, *id)).collect(),
    ]
    .concat()
}

/// `cap_net_raw+ep`, as the kernel has it.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn set(path: &Path, name: &str, value: &[u8]) -> Result<(), String> {
    setxattr(path, name, value, XattrFlags::empty()).map_err(|e| format!("{name}: {e}"))
}

/// A tar of a folder that has all of them; new files of the folder it is put into would have some
/// of their own.
fn rich() -> Result<Vec<u8>, String> {
    let from = tempfile::tempdir().unwrap();
    let at = |name: &str| from.path().join(name);
    fs::create_dir(at("team")).unwrap();

    for file in ["acl", "note", "cap", "team/plain", "plain"] {
        fs::write(at(file), file).unwrap();
    }

    set(&at("note"), "user.note", b"line\nfeed\n26 path=../../etc/passwd\n")?;
    set(&at("note"), "user.a=b%", b"\0\xff")?;
    set(&at("acl"), "system.posix_acl_access", &acl(10))?;
    set(&at("team"), "system.posix_acl_default", &acl(1000))?;
    set(&at("cap"), "security.capability", &CAPABILITY)?;

    set(from.path(), "system.posix_acl_default", &acl(33))?;
    let mut tar = Vec::new();
    dump(from.path(), &db_tasks::engine::files::Excludes::default(), &mut tar, &mut |_, _| ())
        .unwrap();

    Ok(tar)
}

fn exec(app: &App, words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();

    let mut docker: Command = app.engine.run("docker");
    let out = docker
        .args(["exec", "-i", &app.name])
        .args(words)
        .stdin(Stdio::from(file))
        .output()
        .unwrap();

    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));

    out.stdout
}

const XATTRS: [&str; 2] = ["--xattrs", "--xattrs-include=*"];

fn put(app: &App, path: &str, tar: &[u8]) {
    exec(app, &[&["gnutar"], &XATTRS[..], &["-xpf", "-", "-C", path]].concat(), tar);
}

/// What has attributes, told by GNU tar whatever else the container has.
fn attributes(app: &App, path: &str) -> BTreeMap<String, Attributes> {
    let words = [&["gnutar"], &XATTRS[..], &["--exclude=./.db-tasks", "-cf", "-", "-C", path, "."]]
        .concat();
    let census = scan(&mut &exec(app, &words, b"")[..], Links::AsTheyAre).unwrap();
    let having = census.entries.into_iter().filter(|(_, entry)| !entry.attributes.is_empty());
    having.map(|(name, entry)| (name.to_string(), entry.attributes)).collect()
}

/// Two trees that have attributes, in folders that hand ACLs on.
fn filled(ground: &Ground<'_>, tar: &[u8]) -> BTreeMap<String, Attributes> {
    let app = &ground.app;
    app.sh("cp $(type -p tar) /usr/bin/gnutar");
    put(app, "/srv/up", tar);
    put(app, "/vol", tar);

    put(app, "/srv", &{
        let from = tempfile::tempdir().unwrap();
        set(from.path(), "system.posix_acl_default", &acl(33)).unwrap();
        let mut tar = Vec::new();
        dump(from.path(), &db_tasks::engine::files::Excludes::default(), &mut tar, &mut |_, _| ())
            .unwrap();
        tar
    });

    let had = attributes(app, "/srv/up");
    let names: Vec<&str> = had.keys().map(String::as_str).collect();
    assert_eq!(names, [".", "acl", "cap", "note", "team"]);
    assert_eq!(had["note"].len(), 2);

    had
}

const UNKNOWN: &str =
    "ACLs, extended attributes and capabilities, if there are any, are not in this backup";

#[test]
fn attributes_come_back_where_the_tar_of_the_image_keeps_them() {
    let ground = ground!(&BOTH);
    let (project, app) = (&ground.project, &ground.app);
    let had = filled(&ground, &need!("extended attributes", rich()));
    let state = ground.state();
    let said = project.ok("db-backup --auto");

    assert!(!said.err.contains("ACL") && !said.err.contains("PARTIAL"), "{said:?}");
    project.fails("db-verify --latest", 0, "is good");

    let change = || {
        app.sh("for d in /srv/up /vol; do cd $d; rm -r acl cap note team; echo new >acl; mkdir \
                team; done")
    };

    change();
    let said = project.ok("db-restore --latest --yes");
    assert_eq!(said.err.matches("1 entry without all of their ACLs").count(), 2, "{said:?}");

    let mut plain = had.clone();
    plain.remove("cap");

    for path in ["/srv/up", "/vol"] {
        let mut back = attributes(app, path);
        // a mount point keeps its root
        back.insert(".".into(), had["."].clone());
        assert_eq!(back, plain, "{path}: what gives power takes `--trust`");
    }

    ground.is(&state, "a restore");

    change();
    let changed = attributes(app, "/srv/up");
    let said = project.ok("db-restore --latest --yes --trust");

    assert!(!said.err.contains("without all of their ACLs"), "{said:?}");
    assert_eq!(attributes(app, "/srv/up"), had);
    assert_eq!(attributes(app, "/vol"), had);
    project.ok("db-undo --yes");
    assert_eq!(attributes(app, "/srv/up"), changed);
}

#[test]
fn a_backup_says_that_it_has_none_where_nobody_tells_them() {
    for userland in [Userland::Busybox, Userland::WithoutTar] {
        let ground = ground!(&[BOTH[0]]);
        let (project, app) = (&ground.project, &ground.app);
        let had = filled(&ground, &need!("extended attributes", rich()));
        let whole = project.backup();

        need!("busybox", userland.put_into(app));
        let said = project.ok("db-backup --auto");
        assert!(
            said.err.contains(&format!("uploads: {UNKNOWN}")) && !said.err.contains("PARTIAL"),
            "{userland:?}: {said:?}"
        );
        assert!(
            project.ok(&format!("db-info {}", said.out.trim())).out.contains(UNKNOWN),
            "{userland:?}"
        );
        project.fails("db-verify --latest", 0, "is good");

        if userland == Userland::Busybox {
            let said = project.ok(&format!("db-restore {} --yes --trust", whole.display()));
            assert!(said.err.contains("5 entries without all of their ACLs"), "{said:?}");
            assert_ne!(attributes(app, "/srv/up"), had);
        }
    }
}
