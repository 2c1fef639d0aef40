//! What a backup has not, or a restore will not give back, is said when the backup is made.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::super::struck_sets::Set as _;
use super::{Ground, cluster, tree};
use crate::support::component::output;
use crate::support::need;

#[test]
fn what_a_backup_has_not_is_said_when_it_is_made() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    output(Command::new("mkfifo").arg(ground.path("uploads/pipe"))).unwrap();

    let _socket = UnixListener::bind(ground.path("uploads/a/socket")).unwrap();
    output(Command::new("mkfifo").arg(ground.path("audio/part.tmp"))).unwrap();

    let doctor = project.ok("db-doctor").out;
    assert!(
        doctor.contains("store uploads: ") && doctor.contains("sockets, pipes and devices"),
        "{doctor}"
    );

    let backup = project.ok("db-backup --auto");
    let said: Vec<&str> =
        backup.err.lines().filter(|line| line.contains("left out of backups")).collect();
    assert!(
        said.len() == 1 && said[0].contains("uploads: ") && said[0].contains("`pipe`"),
        "what is excluded is nothing to say: {said:?}"
    );

    let name = backup.out.trim().to_owned();
    assert!(project.ok(&format!("db-info {name}")).out.contains("none"));
    project.ok("db-restore --latest --dry-run").ends_with(0, "sockets, pipes and devices");
    project.ok("db-restore --latest --yes").ends_with(0, "sockets, pipes and devices");
    assert!(!ground.path("uploads/pipe").exists());
}

#[test]
fn a_link_that_leads_out_is_said_before_a_restore_refuses_it() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    symlink("/etc/hostname", ground.path("uploads/out")).unwrap();
    project.ok("db-doctor").ends_with(
        0,
        "`out`: a link that may lead out of the tree is restored only with `--trust`",
    );
    project.ok("db-backup --auto").ends_with(0, "`out`: a link that may lead out of the tree");

    let before = ground.state();
    project.ok("db-verify --latest --deep");

    let refused =
        project.fails("db-restore --latest --yes", 3, "links that may lead out of its tree");
    assert!(
        refused.err.contains("restore it with `--trust`") && !refused.err.contains("✓ load"),
        "{refused:?}"
    );
    ground.is(&before, "a refusal");
    ground.change();
    project.ok("db-restore --latest --yes --trust");

    ground.is(&before, "a restore");
}

/// What can be read need not be what can be made: a deep verification makes it, and leaves nothing.
#[test]
fn a_deep_verification_stages_trees() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    let backup = project.backup();
    let live = ground.state();
    let said = project.ok("db-verify --latest --deep").err;

    assert!(said.matches("read again there").count() == 2, "{said}");
    ground.is(&live, "a deep verification");
    assert!(!ground.path("uploads.db-tasks").exists() && !ground.path("audio.db-tasks").exists());
    // beside what is kept for an undo
    project.ok("db-restore --latest --yes");

    let kept = tree(&ground.path("uploads.db-tasks/previous"));
    project.ok("db-verify --latest --deep");
    assert!(
        kept == tree(&ground.path("uploads.db-tasks/previous")) && ground.on_the_way().is_empty()
    );
    // a place that can't be written to says nothing about the backup
    fs::remove_dir_all(ground.path("uploads")).unwrap();

    let said = project.ok("db-verify --latest --deep").err;
    assert!(said.contains("`uploads` is read, but not staged: there is nothing at"), "{said}");

    let whole = fs::read(backup.join("uploads.tar.zst")).unwrap();
    fs::write(backup.join("uploads.tar.zst"), &whole[..whole.len() - 9]).unwrap();
    fs::create_dir(ground.path("uploads")).unwrap();
    fs::set_permissions(ground.path("uploads"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(project.run(&format!("db-verify {} --deep", backup.display())).code, Some(1));

    assert!(ground.on_the_way().is_empty());
}
