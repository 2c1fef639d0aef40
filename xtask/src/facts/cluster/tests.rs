use super::*;

#[test]
#[cfg(unix)]
fn a_hijacked_folder_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let temp = tempfile::tempdir().unwrap();
    let us = ourselves();
    let dir = temp.path().join("socket");

    assert_eq!(ours_or_absent(&dir, us).unwrap(), Some(dir.clone()));
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(ours_or_absent(&dir, us).unwrap(), None);
    assert!(ours_or_absent(&dir, us + 1).is_err(), "another user's");

    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o770)).unwrap();
    assert!(ours_or_absent(&dir, us).is_err(), "others may write");

    let link = temp.path().join("link");
    symlink(temp.path(), &link).unwrap();
    assert!(ours_or_absent(&link, us).is_err(), "a link");
}

#[test]
fn a_folder_is_told_by_what_it_holds() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("pg");
    assert_eq!(contents(&dir).unwrap(), Contents::Nothing);
    std::fs::create_dir(&dir).unwrap();
    assert_eq!(contents(&dir).unwrap(), Contents::Nothing);

    std::fs::write(dir.join("x"), "").unwrap();
    assert_eq!(contents(&dir).unwrap(), Contents::Other);
    std::fs::write(dir.join("PG_VERSION"), "17\n").unwrap();
    assert_eq!((contents(&dir).unwrap(), made_by(&dir).unwrap()), (Contents::Cluster, Some(17)));
    std::fs::write(dir.join("PG_VERSION"), "x").unwrap();

    assert!(made_by(&dir).is_err());
    let env = Env::default();
    assert_eq!(pid(&dir, &env), None);

    std::fs::write(
        dir.join("postmaster.pid"),
        format!("{}\n/\n1\n5432\n\n\n1 1\nready   \n", std::process::id()),
    )
    .unwrap();

    assert_eq!(pid(&dir, &env), Some((Holder::Other, "ready".into())));
}
