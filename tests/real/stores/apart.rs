//! Trees, backups and the project lie apart, or nothing is begun.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::struck_sets::Set as _;
use super::{CONFIG, Ground, Project, cluster};
use crate::support::need;

#[test]
fn nothing_is_begun_where_a_tree_holds_the_backups() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let before = ground.state();
    symlink("storage/uploads", ground.project.dir.join("link")).unwrap();

    for (more, says) in [
        ("[backup]\ndir = \"storage/uploads/backups\"\n", "the backup folder"),
        ("[backup]\ndir = \"link/backups\"\n", "is inside the tree of `stores.uploads`"),
        ("[stores.all]\nfiles = { path = \"storage\" }\n", "overlap"),
        ("[stores.again]\nfiles = { path = \"link/../uploads\" }\n", "overlap"),
    ] {
        ground.project.write("db-tasks.toml", format!("{CONFIG}{more}"));
        for command in
            ["db-wipe --yes", "db-backup --auto", "db-restore --latest --yes", "db-doctor"]
        {
            let said = ground.project.fails(command, 2, says);
            assert!(said.err.contains("\n  next: "), "{said:?}");
        }
    }

    ground.project.write("db-tasks.toml", CONFIG);
    ground.project.fails("db-backup --auto --output-dir link/here", 2, "the backup folder");

    let by_variable: Project =
        Project::in_folder(&ground.project.dir, CONFIG).env("DATABASE_URL", &ground.db.url);
    let by_variable = by_variable.env("BACKUP_DIR", "storage/audio");
    by_variable.fails("db-backup --auto", 2, "`stores.audio`");
    ground.is(&before, "all that was refused");
    assert!(!fs::exists(ground.path("uploads/here")).unwrap());
}
