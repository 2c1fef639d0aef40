//! ACLs, capabilities and extended attributes, there and back.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use db_tasks::engine::files::{Among, Links, read_back, scan, unpack, unpack_among};
use db_tasks::stream::Method;
use db_tasks::value::tree::{What, differences};
use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::support::component::{missing, need, output};

const ACL: &str = "system.posix_acl_access";
const DEFAULT_ACL: &str = "system.posix_acl_default";
const CAPABILITY: &str = "security.capability";

/// An ACL as the kernel has it: owner `rw-`, user 1000 `rw-`, group `r--`, mask `rw-`, others
/// `r--`.
fn acl() -> Vec<u8> {
    let entry = |tag: u16, rights: u16, id: u32| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let none = u32::MAX;
    let entries = [(1, 6, none), (2, 6, 1000), (4, 4, none), (16, 6, none), (32, 4, none)];

    [
        2_u32.to_le_bytes().to_vec(),
        entries.iter().flat_map(|(tag, rights, id)| entry(*tag, *rights, *id)).collect(),
    ]
    .concat()
}

fn set(path: &Path, name: &str, value: &[u8]) -> Result<(), String> {
    setxattr(path, name, value, XattrFlags::empty()).map_err(|e| format!("{name}: {e}"))
}

fn get(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 1000];
    let length = getxattr(path, name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

/// A tree with all of them. As root it has what takes root, too.
fn fill(root: &Path) -> Result<(), String> {
    for folder in ["d", "d/e"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    for file in ["acl", "note", "cap", "d/file", "plain"] {
        fs::write(root.join(file), file).unwrap();
    }

    set(&root.join("note"), "user.note", b"line\nfeed\n30 path=/etc/passwd\n")?;
    set(&root.join("note"), "user.empty", b"")?;
    set(&root.join("note"), "user.a=b%", b"\0\xff")?;
    set(&root.join("d"), "user.of-a-folder", b"hello")?;
    set(&root.join("acl"), ACL, &acl())?;

    set(&root.join("d"), DEFAULT_ACL, &acl())?;

    output(Command::new("setcap").arg("cap_net_raw+ep").arg(root.join("cap"))).map(drop)
}

#[test]
fn attributes_there_and_back() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    need!("extended attributes", fill(from.path()));

    let (tar, wanted) = super::tar_of(from.path());
    assert_eq!(
        wanted.entries.values().filter(|e| !e.attributes.is_empty()).count(),
        4,
        "{:?}",
        wanted.entries
    );

    assert_eq!(scan(&mut &tar[..], Links::Inside).unwrap().entries, wanted.entries);
    // what others would hand on to what is made in it
    set(to.path(), DEFAULT_ACL, &acl()).unwrap();

    let staged = to.path().join("staged");
    let unpacked = unpack(&mut &tar[..], &staged, Links::Inside, &mut super::quiet).unwrap();
    let found = read_back(&staged, &mut super::quiet).unwrap();

    assert_eq!(differences(&unpacked, &found), []);
    assert_eq!(found.entries, wanted.entries);

    for (file, name) in [
        ("acl", ACL),
        ("d", DEFAULT_ACL),
        ("d", "user.of-a-folder"),
        ("note", "user.note"),
        ("cap", CAPABILITY),
    ] {
        assert_eq!(
            get(&staged.join(file), name),
            get(&from.path().join(file), name),
            "{file} {name}"
        );
        assert!(get(&staged.join(file), name).is_some(), "{file} {name}");
    }

    assert_eq!((get(&staged.join("plain"), ACL), get(&staged.join("d/file"), ACL)), (None, None));
    // each that is another, or gone, is told
    set(&staged.join("note"), "user.note", b"other").unwrap();

    let told: Vec<String> = differences(&wanted, &read_back(&staged, &mut super::quiet).unwrap())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["`note` has other ACLs, capabilities or attributes"]);
}

/// A manifest says what there was: it reads back.
#[test]
fn a_census_keeps_attributes() {
    let from = tempfile::tempdir().unwrap();
    need!("extended attributes", fill(from.path()));
    let (_, census) = super::tar_of(from.path());
    let text = serde_json::to_string(&census).unwrap();
    assert_eq!(serde_json::from_str::<db_tasks::value::tree::Census>(&text).unwrap(), census);
}

/// Power is given where it is trusted alone, as with set-id bits; the rest comes back.
#[test]
fn what_gives_power_is_left_and_said() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    need!("extended attributes", fill(from.path()));

    let (tar, _) = super::tar_of(from.path());
    let staged = to.path().join("staged");
    let among =
        Among { users: BTreeSet::from([0]), groups: BTreeSet::from([0]), else_of: (0, 0) }.into();

    let census = unpack_among(
        &mut &tar[..],
        &staged,
        Links::Inside,
        Some(&among),
        Method::Blake3,
        &mut super::quiet,
    )
    .unwrap()
    .census;

    let left: Vec<String> = census
        .remarks
        .iter()
        .filter(|r| r.what == What::AttributesLeft)
        .map(|r| r.name.to_string())
        .collect();

    assert_eq!(left, ["cap"]);
    assert_eq!(
        (get(&staged.join("cap"), CAPABILITY), get(&staged.join("acl"), ACL)),
        (None, Some(acl()))
    );
    assert_eq!(
        differences(&census.without_set_id(), &read_back(&staged, &mut super::quiet).unwrap()),
        []
    );
}

/// Other programs' archives, and ours for other programs: GNU tar knows star's way.
#[test]
fn gnu_tar_reads_ours_and_is_read() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    need!("extended attributes", fill(from.path()));

    let help = need!("tar", output(Command::new("tar").arg("--help")));
    if !help.contains("--xattrs") {
        return missing("GNU tar", "it knows no --xattrs");
    }

    let (tar, _) = super::tar_of(from.path());
    let file = to.path().join("ours.tar");
    fs::write(&file, tar).unwrap();
    fs::create_dir(to.path().join("gnu")).unwrap();

    let mut gnu = Command::new("tar");
    gnu.args(["--xattrs", "--xattrs-include=*", "-xpf"])
        .arg(&file)
        .arg("-C")
        .arg(to.path().join("gnu"));
    output(&mut gnu).unwrap();
    assert_eq!(get(&to.path().join("gnu/d"), "user.of-a-folder").as_deref(), Some(&b"hello"[..]));
    assert_eq!(
        get(&to.path().join("gnu/cap"), CAPABILITY),
        get(&from.path().join("cap"), CAPABILITY)
    );

    let theirs = to.path().join("theirs.tar");
    fs::remove_file(from.path().join("note")).unwrap();

    let mut gnu = Command::new("tar");
    gnu.args(["--xattrs", "--xattrs-include=*", "-cf"])
        .arg(&theirs)
        .arg("-C")
        .arg(from.path())
        .arg(".");

    output(&mut gnu).unwrap();
    let staged = to.path().join("staged");
    unpack(&mut &fs::read(theirs).unwrap()[..], &staged, Links::Inside, &mut super::quiet).unwrap();
    assert_eq!(get(&staged.join("acl"), ACL), Some(acl()));
    assert_eq!(get(&staged.join("d"), "user.of-a-folder").as_deref(), Some(&b"hello"[..]));
}

/// Who is not root can give nothing to its owner: that is said, and no program runs as them that
/// ran as somebody else.
#[test]
fn what_belongs_to_others_is_said_by_who_is_not_root() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();

    let from = folder.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("program"), "x").unwrap();
    fs::set_permissions(from.join("program"), fs::Permissions::from_mode(0o4755)).unwrap();

    let (tar, _) = super::tar_of(&from);
    fs::write(folder.path().join("tar"), tar).unwrap();

    let ran = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "files::attributes::not_root_inner", "--ignored", "--nocapture"])
        .env("DB_TASKS_TEST_TREE", folder.path())
        .output();

    let ran = need!("setpriv", ran.map_err(|e| e.to_string()));
    let text =
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);

    if text.contains("setpriv: ") {
        return missing("another user", &text);
    }

    assert!(ran.status.success() && text.contains("as it should be"), "{text}");
}

#[test]
#[ignore = "run by what_belongs_to_others_is_said_by_who_is_not_root as another user"]
fn not_root_inner() {
    let Some(folder) = std::env::var_os("DB_TASKS_TEST_TREE").map(std::path::PathBuf::from) else {
        return;
    };
    let staged = folder.join("staged");
    let census = unpack(
        &mut &fs::read(folder.join("tar")).unwrap()[..],
        &staged,
        Links::Inside,
        &mut super::quiet,
    )
    .unwrap();

    assert_eq!((census.count(What::OwnerOurs), census.count(What::SetIdLeft)), (2, 1));
    assert_eq!(fs::metadata(staged.join("program")).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(
        differences(&census.without_set_id(), &read_back(&staged, &mut super::quiet).unwrap()),
        []
    );
    println!("as it should be");
}
