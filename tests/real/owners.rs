//! Whose a backup is: one store's data does not take the place of another's, nor one project's.

use std::fs;
use std::path::Path;

use super::stores::tree;
use super::{Project, same, tiny};
use crate::support::cluster::cluster;
use crate::support::need;

#[test]
fn a_store_gets_its_own_data_or_none() {
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    tiny(cluster, &db.name);

    let store = |name: &str| format!("[stores.{name}]\nfiles = {{ path = \"{name}\" }}\n");
    let config = format!(
        "[databases.main]\npostgres = {{ url = \"${{DATABASE_URL}}\" }}\n{}{}",
        store("documents"),
        store("podcasts")
    );

    let project = Project::new(&config).env("DATABASE_URL", &db.url);
    for (folder, file) in [("documents", "contract"), ("podcasts", "episode")] {
        fs::create_dir(project.dir.join(folder)).unwrap();
        project.write(&format!("{folder}/{file}"), file);
    }

    let tree = |name: &str| tree(&project.dir.join(name));
    let (documents, podcasts) = (tree("documents"), tree("podcasts"));

    let set = project.backup();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let part = name(
        &project.dir.join(project.ok("db-backup --auto --label part --only documents").out.trim()),
    );
    let wrong = "the backup is of `documents`, not of `podcasts`";

    project
        .fails(&format!("db-restore {part} --only podcasts --yes"), 3, wrong)
        .ends_with(3, "`--any-database`");
    project.fails(&format!("db-restore {part} --only podcasts --only documents --yes"), 3, wrong);
    project.fails(&format!("db-restore --file backups/{part} --only podcasts --yes"), 3, wrong);

    // the newest that has both is the older one
    let dry = project.ok("db-restore --latest --only documents --only podcasts --dry-run").out;
    assert!(dry.contains(&name(&set)) && !dry.contains(&part), "{dry}");
    assert!(project.ok("db-restore --latest --only documents --dry-run").out.contains(&part));
    project.write("podcasts/later", "later");
    project.ok("db-restore --latest --only podcasts --only documents --yes");

    assert!(tree("podcasts") == podcasts && tree("documents") == documents);
    fs::remove_dir_all(&set).unwrap();

    let none = "there is no good backup with `documents` and `podcasts` in";
    project.fails(
        "db-restore --latest --only podcasts --only documents --yes",
        1,
        "no good backup with `podcasts`",
    );

    project.fails("db-restore --latest --only documents --only podcasts --yes", 1, none);
    assert!(tree("podcasts") == podcasts);
    // a store with a new name gets the old one's data back, when somebody says so
    project.ok(&format!("db-restore {part} --only podcasts --any-database --yes"));
    assert_eq!(fs::read_to_string(project.dir.join("podcasts/contract")).unwrap(), "contract");
}

#[test]
fn projects_share_a_folder_and_not_their_backups() {
    let cluster = need!("postgresql", cluster());
    let (shop_db, blog_db) = (cluster.database(), cluster.database());
    for db in [&shop_db, &blog_db] {
        tiny(cluster, &db.name);
    }

    let common = tempfile::tempdir().unwrap();
    let dir = common.path().to_string_lossy().into_owned();
    let main = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n";

    let named = |name: &str, url: &str| {
        Project::new(&format!("[project]\nname = \"{name}\"\n{main}"))
            .env("DATABASE_URL", url)
            .env("BACKUP_DIR", &dir)
    };

    let (shop, blog) = (named("shop", &shop_db.url), named("blog", &blog_db.url));
    shop.ok("db-backup --auto");

    let file = fs::read_dir(&dir)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().unwrap() == "zst")
        .unwrap();

    let theirs = file.file_name().unwrap().to_string_lossy().into_owned();
    let before = cluster.fingerprint(&blog_db.name);
    let refused = format!("`{theirs}` is a backup of another project: `shop`");

    blog.fails("db-restore --latest --yes", 1, "those of other projects are ignored: `shop`");
    blog.fails(&format!("db-restore {theirs} --yes"), 3, &refused);
    blog.fails(&format!("db-restore --file {} --yes", file.display()), 3, &refused)
        .ends_with(3, "`--any-database`");
    blog.fails("db-verify", 1, "there is no good backup");
    blog.fails("db-status --check", 1, "main: no good backup")
        .ends_with(1, "including those of other projects (shop)");

    assert!(blog.ok("db-list").out.contains("verified, of the project shop"));
    assert!(blog.ok(&format!("db-info {theirs}")).out.contains("verified, of the project shop"));

    // no rule of ours removes theirs, nor does a backup what they are writing right now
    let at_work = common.path().join("shop_1.sql.zst.partial");
    fs::write(&at_work, "half").unwrap();
    blog.ok("db-backup --auto");
    assert!(at_work.is_file());
    blog.ok("db-list").ends_with(0, "or another project is writing it");

    let cleaned = blog.ok("db-cleanup --keep-days 0 --keep-last 1 --min-keep 0 --yes");
    assert!(
        cleaned.err.contains(&format!("keeps {theirs}: it belongs to the project `shop`")),
        "{}",
        cleaned.err
    );

    fs::write(blog.dir.join(".env"), "BACKUP_RETENTION_DAYS=0\nBACKUP_MIN_KEEP=0\n").unwrap();
    blog.ok("db-backup --auto --label second");
    assert!(file.is_file(), "another project's backup is gone");
    shop.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&blog_db.name), &before);

    // beside the live one, and where somebody says so, it goes
    let copy = format!("{}_copy", blog_db.name);
    // its manifest proves that it is whole, and not whose it is
    blog.fails(&format!("db-restore {theirs} --as {copy} --yes"), 3, "`--trust=role`");
    blog.ok(&format!("db-restore {theirs} --as {copy} --trust=role"));
    blog.ok(&format!("db-restore {theirs} --any-database --trust=role --yes"));
    assert_eq!(cluster.fingerprint(&blog_db.name).rows, cluster.fingerprint(&shop_db.name).rows);
}

/// A name that is its folder's alone is another in a clone, on a runner, and after a rename.
#[test]
fn a_clone_finds_its_backups() {
    let cluster = need!("postgresql", cluster());
    let (db, other) = (cluster.database(), cluster.database());
    for db in [&db, &other] {
        tiny(cluster, &db.name);
    }

    let (home, common) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = common.path().to_string_lossy().into_owned();

    let clone = |name: &str, url: &str| {
        let folder = home.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        Project::in_folder(&folder, "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n")
            .env("DATABASE_URL", url)
    };

    let first = clone("shop", &db.url).env("BACKUP_DIR", &dir);
    first.ok("db-backup --auto");
    clone("shop-wip", &db.url).env("BACKUP_DIR", &dir).ok("db-restore --latest --yes");

    // by the same folder alone, another project would be taken for it
    clone("blog", &other.url).env("BACKUP_DIR", &dir).fails(
        "db-restore --latest --yes",
        1,
        "those of other projects are ignored: `shop`",
    );

    // a colleague's, copied into the project's own folder, and the project's own after a rename
    let colleague = clone("theirs", &other.url);
    fs::create_dir(colleague.dir.join("backups")).unwrap();

    for entry in fs::read_dir(&dir).unwrap().flatten() {
        fs::copy(entry.path(), colleague.dir.join("backups").join(entry.file_name())).unwrap();
    }

    colleague.fails(
        "db-restore --latest --yes",
        3,
        &format!("the newest backup is of the database `{}`", db.name),
    );

    colleague.ok("db-restore --latest --any-database --yes");
    assert_eq!(cluster.fingerprint(&other.name).rows, cluster.fingerprint(&db.name).rows);
}
