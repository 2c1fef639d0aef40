//! What is kept beside a tree, and what a person has by that name.

use super::*;

#[test]
fn somebodys_own_folder_beside_a_tree_is_named_and_keeps_no_backup_away() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let project = &ground.project;
    project.backup();
    fs::create_dir(project.dir.join("storage/uploads.db-tasks")).unwrap();
    fs::write(project.dir.join("storage/uploads.db-tasks/theirs"), "theirs").unwrap();

    let before = ground.state();
    let why = "storage/uploads.db-tasks` was not created by db-tasks, so it is left alone";

    let said = project.ok("db-backup --auto");
    assert!(
        said.err.contains("`uploads` can be backed up, but not restored as it is")
            && said.err.contains(why),
        "{said:?}"
    );

    let doctor = project.run("db-doctor");
    assert!(doctor.code == Some(1) && doctor.out.contains(why), "{doctor:?}");
    project.fails("db-restore --latest --yes", 3, why);
    assert!(
        ground.state() == before && project.dir.join("storage/uploads.db-tasks/theirs").exists()
    );

    // what is a file by that name is no folder of ours either
    fs::remove_dir_all(project.dir.join("storage/uploads.db-tasks")).unwrap();
    fs::write(project.dir.join("storage/uploads.db-tasks"), "a file").unwrap();
    project.fails("db-restore --latest --yes", 3, "it is not a folder");
    fs::remove_file(project.dir.join("storage/uploads.db-tasks")).unwrap();
    project.ok("db-restore --latest --yes");

    assert_eq!(
        fs::read_to_string(project.dir.join("storage/uploads.db-tasks/.gitignore")).unwrap(),
        "*\n"
    );
}

#[test]
fn a_folder_of_our_name_in_a_tree_is_in_its_backups() {
    let ground = Ground::new(need!("postgresql", cluster()));
    let own = ground.path("uploads").join(".db-tasks");
    fs::create_dir_all(own.join("deep")).unwrap();
    fs::write(own.join("deep/file"), "somebody's own").unwrap();

    let before = ground.state();
    ground.project.backup();
    fs::remove_dir_all(&own).unwrap();
    ground.project.ok("db-restore --latest --yes");
    assert!(ground.state() == before);
}
