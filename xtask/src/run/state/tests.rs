use std::os::unix::fs::{PermissionsExt, symlink};

use std::io;

use super::*;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn nothing_is_opened_through_a_link_or_by_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let (state, victim) = (dir.path().join(".db-tasks"), dir.path().join("victim"));
    prepare(&state).unwrap();
    fs::write(&victim, "precious").unwrap();

    let file = state.join("lock");
    let links: [fn(&Path, &Path) -> io::Result<()>; 2] =
        [|a, b| symlink(a, b), |a, b| fs::hard_link(a, b)];

    for (link, word) in links.into_iter().zip(["it is a link", "a hard link"]) {
        link(&victim, &file).unwrap();
        for how in [Use::Read, Use::Change, Use::Append] {
            let said = open(&file, how).unwrap_err().to_string();
            assert!(said.contains(word) && said.contains("lock"), "{how:?}: {said}");
        }
        fs::remove_file(&file).unwrap();
    }

    symlink(dir.path().join("nowhere"), &file).unwrap();
    assert!(
        open(&file, Use::Append).is_err() && !dir.path().join("nowhere").exists(),
        "a link that leads nowhere yet"
    );
    // what replaces a file goes by its own name, and leaves what the link led to
    fs::remove_file(&file).unwrap();
    symlink(&victim, &file).unwrap();
    crate::disk::create_anew(&file).unwrap();

    assert!(!is_link(&file));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn what_others_may_write_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".db-tasks");
    prepare(&state).unwrap();

    let file = state.join("unfinished.json");
    fs::write(&file, "x").unwrap();

    for (mode, good) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
        chmod(&file, mode);
        assert_eq!(open(&file, Use::Read).is_ok(), good, "{mode:o}");
        assert!(open(&file, Use::Change).is_ok() && open(&file, Use::Append).is_ok(), "{mode:o}");
    }

    assert_eq!(read(&state.join("missing")).unwrap(), None);
    let fifo = state.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert!(open(&fifo, Use::Read).unwrap_err().to_string().contains("it is not a file"));
}

#[test]
fn a_folder_is_mended_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".db-tasks");
    fs::create_dir(&state).unwrap();
    chmod(&state, 0o777);
    prepare(&state).unwrap();

    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o755);
    let linked = dir.path().join("linked");
    symlink(&state, &linked).unwrap();
    assert!(prepare(&linked).unwrap_err().to_string().contains("it is a link"));
    assert!(
        open(&linked.join("lock"), Use::Change).unwrap_err().to_string().contains("`"),
        "not through a link either"
    );

    let meta = fs::metadata(&state).unwrap();
    assert_eq!(
        fault_of_folder(&meta, ourselves() + 1).as_deref(),
        Some("it belongs to another user")
    );
}

#[test]
fn without_modes_the_state_is_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (file, here, there) =
        (dir.path().join("db-tasks.toml"), dir.path().join(".db-tasks"), dir.path().join("own"));

    fs::write(&file, "").unwrap();
    let placed = || place(&file, here.clone(), Some(there.clone()));
    assert_eq!(placed(), here);
    chmod(&file, 0o777);
    assert_eq!(placed(), there);

    assert_eq!(place(&file, here.clone(), None), here);
    fs::create_dir(&here).unwrap();
    chmod(&here, 0o700);
    assert_eq!(placed(), here);
    chmod(&here, 0o777);

    assert_eq!(placed(), there);
}
