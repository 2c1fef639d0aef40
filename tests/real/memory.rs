//! Constant memory: what the program needs does not grow with the database.

use std::fs;

use super::Project;
use crate::support::cluster::cluster;
use crate::support::need;

const LIMIT_KIB: u64 = 64 * 1024;

/// Runs, and gives the peak of its resident memory in KiB, as the kernel counts it while the
/// program lives.
#[track_caller]
fn peak(project: &Project, words: &str) -> u64 {
    let mut child = project.command(words).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;

    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|l| {
            l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok()
        });
        peak = peak.max(high.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }

    super::Said::of(child.wait_with_output().unwrap()).ends_with(0, "");

    peak
}

#[test]
fn sixty_megabytes_with_a_row_of_twenty_need_no_more_memory() {
    need!("/proc", fs::metadata("/proc/self/status"));
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();

    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE many (id int, a text); CREATE TABLE wide (id int, a text);
         INSERT INTO many SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 120000) i;
         INSERT INTO wide VALUES (1, repeat('0123456789abcdef', 1280 * 1024))",
    );

    let project = Project::host(&db.url);
    let mut said = Vec::new();

    for words in [
        "db-backup --auto",
        "db-backup --auto --compress gzip",
        "db-backup --auto --compress none",
        "db-verify",
        "db-restore --latest --yes",
    ] {
        let peak = peak(&project, words);
        said.push(format!("{words}: {} MiB", peak / 1024));
        assert!(peak > 1024 && peak < LIMIT_KIB, "{said:?}");
    }

    println!("{said:?}");
}

/// Nor if it is encrypted to a key. A passphrase takes 256 MiB, whatever the database.
#[cfg(feature = "age")]
#[test]
fn sixty_encrypted_megabytes_need_no_more_memory() {
    need!("/proc", fs::metadata("/proc/self/status"));
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    cluster.sql(
        &db.name,
        "SET ROLE app; CREATE TABLE many (id int, a text); INSERT INTO many SELECT i, \
         repeat(md5(i::text), 10) FROM generate_series(1, 180000) i",
    );

    let keys = tempfile::tempdir().unwrap();
    let key = crate::support::keys::Key::new(keys.path(), "key");
    let project = Project::host(&db.url);
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    project.write("db-tasks.toml", format!("{config}{}", key.both()));

    for words in ["db-backup --auto", "db-verify", "db-restore --latest --yes"] {
        let peak = peak(&project, words);
        println!("{words}: {} MiB", peak / 1024);
        assert!(peak > 1024 && peak < LIMIT_KIB, "{words}: {} MiB", peak / 1024);
    }
}

/// Nor with the files of a tree that earlier backups hold.
#[cfg(unix)]
#[test]
fn twenty_thousand_files_in_each_of_several_backups_need_no_more_memory() {
    need!("/proc", fs::metadata("/proc/self/status"));
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let project = Project::host(&db.url);
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();

    project.write(
        "db-tasks.toml",
        format!("{config}\n[stores.media]\nfiles = {{ path = \"media\" }}\n"),
    );
    for at in 0..20_000 {
        let folder = project.dir.join(format!("media/{:03}", at / 100));
        if at % 100 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("upload-of-somebody-{at:06}.bin")), at.to_string()).unwrap();
    }

    let mut said = Vec::new();
    let backup = "db-backup --auto --only media";
    for words in
        [backup, backup, backup, "db-list", "db-verify", "db-restore --latest --only media --yes"]
    {
        let peak = peak(&project, words);
        said.push(format!("{words}: {} MiB", peak / 1024));
        assert!(peak < LIMIT_KIB, "{said:?}");
    }

    println!("{said:?}");
}

/// Nor with a line of a hook's that does not end.
#[test]
fn a_hook_that_prints_three_hundred_megabytes_in_a_line_needs_no_more_memory() {
    need!("/proc", fs::metadata("/proc/self/status"));
    let cluster = need!("postgresql", cluster());
    let db = cluster.database();
    let project = Project::host(&db.url);
    let config = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();

    let hook = "[hooks]\nbefore-backup = \"head -c 300000000 /dev/zero | tr '\\\\0' x\"\n";
    project.write("db-tasks.toml", format!("{config}{hook}"));

    let peak = peak(&project, "db-backup --auto");
    assert!(peak > 1024 && peak < LIMIT_KIB, "{} MiB", peak / 1024);
    println!("{} MiB", peak / 1024);
}
