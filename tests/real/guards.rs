//! Guards and failures that a real server, disk or folder brings about.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Project, Said, family, tiny_host};
use crate::support::cluster::{cluster, free_port};
use crate::support::component::{output, unique};
use crate::support::need;

#[test]
fn the_marker_in_the_database_blocks_a_restore_and_an_undo() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    project.ok("db-restore --latest --yes");
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {} SET dbtasks.environment = 'production'", db.name),
    );

    for words in ["db-restore --latest --yes", "db-restore --latest", "db-undo --yes"] {
        let said = project.fails(words, 3, "production");
        assert!(said.err.contains("marker"), "{}", said.err);
    }

    let newest = project.backup();
    let newest = newest.file_name().unwrap().to_str().unwrap().to_owned();
    let other = format!("{}__other", db.name);

    project.ok(&format!("db-restore --latest --as {other}"));
    // an owner who is no superuser can carry a mark in the comment along, and a setting not
    cluster.sql("postgres", &format!("ALTER DATABASE {} RESET dbtasks.environment", db.name));
    project.ok("db-protect --environment production");

    // production itself is restored by who says so, and never at the cost of what an earlier
    // restore replaced
    let said = |words: &str, variable: &str| {
        let mut run = project.command(words);
        Said::of(
            run.env("DB_TASKS_RESTORE_PRODUCTION", format!("{} {variable}", db.name))
                .output()
                .unwrap(),
        )
    };

    said("db-restore --latest", &newest).ends_with(3, "would be lost");
    said("db-restore --latest", "undo").ends_with(3, "is set, but not to");

    let count = "SELECT count(*) FROM pg_class WHERE relname = 'lost'";
    cluster.sql(&db.name, "CREATE TABLE lost ()");
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {0}__previous RENAME TO {0}__previous_1", db.name),
    );
    said("db-restore --latest", &newest).ends_with(0, "lifted for this run only");
    assert_eq!(cluster.sql(&db.name, count), "0");

    project.fails("db-restore --latest --yes", 3, "the marker guard");
    said("db-undo", "undo").ends_with(0, "");
    assert_eq!(cluster.sql(&db.name, count), "1");
    cluster.sql("postgres", &format!("DROP DATABASE {}__previous_1", db.name));
}

#[test]
fn without_consent_nothing_is_replaced() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    project.fails("db-restore --latest", 3, "--yes");
    project.fails("db-restore --latest --confirm other", 3, &db.name);

    project.ok("db-restore --latest --yes --dry-run");
    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
    project.ok(&format!("db-restore --latest --confirm {}", db.name));
    project.fails("db-undo", 3, "--yes");

    let mut agent = project.command("db-undo --yes");
    Said::of(agent.env("CLAUDECODE", "1").output().unwrap()).ends_with(3, "DB_TASKS_PERSON_SAYS");
}

#[test]
fn a_role_that_may_not_create_or_does_not_own_is_refused_with_the_cure() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    let (weak, stranger) = (unique("r"), unique("r"));
    for (role, right) in [(&weak, "NOCREATEDB"), (&stranger, "CREATEDB")] {
        cluster.sql("postgres", &format!("CREATE ROLE {role} LOGIN {right} PASSWORD 's3cret'"));
    }

    for (role, says) in [(&weak, "CREATEDB"), (&stranger, "own")] {
        let url = db.url.replace("//app:", &format!("//{role}:"));
        let other = Project::in_folder(
            &project.dir,
            "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
        );
        let said = other.env("DATABASE_URL", &url).fails("db-restore --latest --yes", 3, says);
        assert!(said.err.contains("next:"), "{}", said.err);
        cluster.sql("postgres", &format!("DROP ROLE {role}"));
    }

    assert_eq!(family(cluster, &db.name), std::slice::from_ref(&db.name));
}

#[test]
fn an_unreachable_server_and_a_wrong_password_are_said_with_the_cure() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();

    for (url, says) in [
        (format!("postgresql://app:x@127.0.0.1:{}/{}", free_port(), db.name), "Connection refused"),
        (db.url.replace("s3cret", "wrong"), "password authentication failed"),
        (db.url.replace("127.0.0.1", "nowhere.invalid"), "could not translate host name"),
    ] {
        let other = Project::in_folder(
            &project.dir,
            "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
        );
        let other = other.env("DATABASE_URL", &url);
        for words in
            ["db-backup --auto", "db-restore --latest --yes", "db-undo --yes", "db-verify --deep"]
        {
            let said = other.fails(words, 1, says);
            assert!(said.err.contains("next:") && said.out.is_empty(), "{words}: {}", said.err);
        }
    }

    let missing = Project::host(&cluster.url(&unique("missing")));
    missing.fails("db-backup --auto", 1, "there is no database");
    missing.fails("db-undo --yes", 1, "nothing to undo");
}

#[test]
fn another_run_of_the_project_is_kept_away() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let held = super::Held::new(cluster, &db.name, "LOCK orders");
    let child = project.command("db-backup --auto").spawn().unwrap();
    super::until("a dump that waits", || super::waiting(cluster, &db.name) > 0);
    project.fails("db-backup --auto", 5, "db-backup, process");
    drop(held);
    Said::of(child.wait_with_output().unwrap()).ends_with(0, "");
}

/// A file system of its own, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, size: &str) -> Result<Self, String> {
        fs::create_dir(&at).map_err(|e| e.to_string())?;
        output(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
                .arg(&at),
        )?;
        Ok(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = output(Command::new("umount").arg(&self.0));
    }
}

#[test]
fn a_full_disk_leaves_no_file_and_says_what_to_do() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE big AS SELECT md5(i::text) FROM generate_series(1, 30000) i",
    );

    let disk = need!("mount", Disk::mount(project.dir.join("backups"), "400k"));

    for how in ["zstd", "gzip", "none"] {
        let said = project.fails(&format!("db-backup --auto --compress {how}"), 1, "No space left");
        assert!(said.err.contains("db-cleanup") && said.out.is_empty(), "{}", said.err);
        assert!(project.files().is_empty(), "{:?}", project.files());
    }

    cluster.sql(&db.name, "TRUNCATE big");
    project.backup();

    // the manifest does not fit any more
    let room = project.write("backups/filler", vec![0; 1]);
    let fill = Command::new("sh")
        .arg("-c")
        .arg(format!("cat /dev/zero > '{}' 2>/dev/null", room.display()))
        .status();
    assert!(!fill.unwrap().success());

    let before = project.files();
    project.fails("db-backup --auto", 1, "No space left");
    assert_eq!(project.files(), before);
    // that it could not be written down says nothing about the backup
    let said = project.fails("db-verify", 1, "No space left");
    assert!(said.err.contains("the backup is good"), "{}", said.err);
    assert_eq!(project.files(), before);

    fs::remove_file(&room).unwrap();
    let listed = project.ok("db-list").out;
    assert!(listed.contains("verified") && !listed.contains("failed"), "{listed}");
    project.ok("db-verify");
    drop(disk);
}

/// Whatever makes a backup says what the doctor does, before it begins.
#[test]
fn a_disk_that_is_too_small_is_foreseen_by_every_plan_that_makes_a_backup() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE big AS SELECT md5(i::text) FROM generate_series(1, 30000) i",
    );

    let disk = need!("mount", Disk::mount(project.dir.join("backups"), "4m"));
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    project.write("db-tasks.toml", config + "[hooks]\nmigrate = \"true\"\nseed = \"true\"\n");

    let backup = project.backup();
    let name = backup.file_name().unwrap().to_string_lossy().into_owned();
    let project = project.env("ALLOW_DATABASE_WIPE", "true");

    let plans = [
        "db-backup --auto --dry-run".to_owned(),
        "db-reset --force --dry-run".to_owned(),
        "db-wipe --backup --yes --dry-run".to_owned(),
        "db-migrate --dry-run".to_owned(),
        "db-seed --backup --dry-run".to_owned(),
        format!("db-restore {name} --in-place --yes --dry-run"),
    ];

    let told =
        |words: &str| plans.iter().filter(|plan| project.ok(plan).out.contains(words)).count();
    assert_eq!(told("fit ("), 0);

    for (left, words) in [(900, "it may not fit"), (200, "it will not fit")] {
        let free = |keep: u64| {
            format!(
                "n=$(df --output=avail -k . | tail -n 1); head -c $(((n - {keep}) * 1024)) \
                 /dev/zero >filler-{keep}"
            )
        };

        output(Command::new("sh").args(["-ec", &free(left)]).current_dir(&disk.0)).unwrap();

        for plan in &plans {
            let said = project.ok(plan).out;
            assert!(
                said.contains("are free on the disk of the backups") && said.contains(words),
                "{plan}: {said}"
            );
        }

        let doctor = project.run("db-doctor").out;
        assert!(doctor.contains("free, and the last backup takes"), "{doctor}");
    }

    // what makes none says nothing
    let restore = project.ok(&format!("db-restore {name} --yes --dry-run")).out;
    assert!(!restore.contains("on the disk of the backups"), "{restore}");
}

#[test]
fn a_folder_that_cannot_be_written_is_said_with_the_cure() {
    let cluster = need!("postgresql", cluster());
    let (_db, project) = tiny_host(cluster);
    // a file where a folder is wanted: root may write everywhere else
    project.write("taken", "");

    let said = project.fails("db-backup --auto --output-dir taken/backups", 1, "could not");
    assert!(said.err.contains("next:"), "{}", said.err);

    let disk = need!("mount", Disk::mount(project.dir.join("backups"), "1m"));
    need!("mount", output(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0)));

    let said = project.fails("db-backup --auto", 1, "Read-only file system");
    assert!(said.err.contains("next:"), "{}", said.err);
}

/// Where nobody is a superuser, the database's owner marks it in its comment, which stays; no dump
/// brings the mark along, and every guard reads it.
#[test]
fn an_owner_marks_a_database_in_its_comment() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    let name = &db.name;

    let comment = |db: &str| {
        cluster.sql(
            "postgres",
            &format!(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = \
                 '{db}'"
            ),
        )
    };

    cluster.sql("postgres", &format!("COMMENT ON DATABASE {name} IS 'the shop''s own\nwords'"));
    let dry = project.ok("db-protect --environment production --dry-run --verbose").out;
    assert!(
        dry.contains("dbtasks.environment = production")
            && comment(name) == "the shop's own\nwords",
        "{dry}"
    );

    project
        .ok("db-protect --environment staging")
        .ends_with(0, "an administrator's `ALTER DATABASE");
    let unmarked = project.backup();
    project.ok("db-protect --environment production");
    assert_eq!(comment(name), "the shop's own\nwords\ndbtasks.environment = production");
    project
        .ok("db-protect --environment production")
        .ends_with(0, "already marked as `production`");

    project
        .fails("db-protect --environment staging", 3, "only tightens")
        .ends_with(3, "COMMENT ON DATABASE");
    assert!(project.ok("db-protect").out.contains("  production  protected"));

    let rows = || cluster.sql(name, "SELECT count(*), max(id) FROM people");
    let before = rows();
    let marked = project.backup();

    for command in
        ["db-restore --latest --yes", "db-restore --latest --yes --in-place", "db-wipe --yes"]
    {
        let refused = project.run(command);
        assert!(
            refused.code == Some(3) && refused.err.contains("says that it is `production`"),
            "{command}: {refused:?}"
        );
    }

    assert_eq!(rows(), before);
    // a setting beside it is believed, too, and takes nothing away
    cluster
        .sql("postgres", &format!("ALTER DATABASE {name} SET dbtasks.environment = 'development'"));
    project.fails("db-restore --latest --yes", 3, "says that it is `production`");
    cluster.sql("postgres", &format!("ALTER DATABASE {name} RESET dbtasks.environment"));

    // a dump of the marked one brings no mark to another, nor to a new one
    let manifest =
        std::fs::read_to_string(marked.with_extension("").with_extension("manifest.json")).unwrap();
    assert!(manifest.contains("the shop's own"), "{manifest}");

    let copy = format!("{name}_copy");
    project.ok(&format!("db-restore --latest --as {copy}"));
    assert_eq!(comment(&copy), "the shop's own\nwords");

    let other = cluster.database();
    let fresh = Project::in_folder(
        &project.dir,
        "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
    )
    .env("DATABASE_URL", &other.url);

    cluster.drop_all(&other.name);
    fresh.ok("db-restore --latest --yes --any-database");
    assert_eq!(comment(&other.name), "the shop's own\nwords");

    // what is live keeps its own: one of another kind goes along with a restore, and comes back
    // with an undo
    cluster.sql(
        "postgres",
        &format!("COMMENT ON DATABASE {name} IS 'mine\ndbtasks.environment = staging'"),
    );
    let backup = unmarked.file_name().unwrap().to_string_lossy().into_owned();

    let here = Project::in_folder(
        &project.dir,
        "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n",
    )
    .env("DATABASE_URL", &db.url);

    here.ok(&format!("db-restore {backup} --yes"));
    assert_eq!(comment(name), "mine\ndbtasks.environment = staging");
    here.ok("db-undo --yes");
    assert_eq!(comment(name), "mine\ndbtasks.environment = staging");
}

/// A setting that a superuser has given can't be carried over by a plain owner: that is said before
/// anything is loaded.
#[test]
fn a_marker_that_a_plain_role_can_not_carry_over_is_not_lost() {
    let cluster = need!("postgresql", cluster());
    let (db, project) = tiny_host(cluster);
    project.backup();
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {} SET dbtasks.environment = 'staging'", db.name),
    );

    let before = cluster.fingerprint(&db.name);
    let said = project.run("db-restore --latest --yes");
    super::same(&cluster.fingerprint(&db.name), &before);

    assert!(
        said.code == Some(1)
            && said.err.contains("found `all but dbtasks.environment`")
            && said.err.contains("nothing was changed"),
        "{said:?}"
    );

    assert!(!said.err.contains("load backups"), "before anything is begun: {}", said.err);
    assert_eq!(super::family(cluster, &db.name), std::slice::from_ref(&db.name));
    project.ok("db-restore --latest --yes --in-place");
}
