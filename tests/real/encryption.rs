//! Encrypted backups on a real server, and the program age as a witness.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Project, same, there_and_back, tiny};
use crate::bench::terminal::{self, Terminal};
use crate::scripts::program;
use crate::support::cluster::{Cluster, TempDb, cluster};
use crate::support::component::{output, quoted, unique};
use crate::support::keys::Key;
use crate::support::need;
use crate::support::server::fed;

const DATABASE: &str = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\n";
const LATER: &str = "SET ROLE app; CREATE TABLE later (a int); INSERT INTO later VALUES (1)";

/// A database with a few rows, and a project that encrypts its backups as `toml` says.
fn encrypted(cluster: &Cluster, toml: &str) -> (TempDb, Project) {
    let db = cluster.database();
    tiny(cluster, &db.name);
    let project = Project::new(&format!("{DATABASE}{toml}")).env("DATABASE_URL", &db.url);
    (db, project)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// What `age … | zstd -d` makes of a file, in a database of its own.
fn by_hand(cluster: &Cluster, project: &Project, text: &str) -> TempDb {
    let copy = cluster.database();
    let mut psql = project.program("psql");
    psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", &copy.url]);
    fed(&mut psql, text).unwrap();
    copy
}

/// Every byte of the project's own files, of the journal, of the log and of the audit log.
fn all_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => text += &all_text(&entry.path()),
            kind if kind.is_file() => {
                text += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap());
            }
            _ => {}
        }
    }
    text
}

#[test]
fn what_a_key_locks_is_restored_with_it_and_by_age_alone() {
    let cluster = need!("postgresql", cluster());
    let age = need!("age", program("age"));
    let keys = tempfile::tempdir().unwrap();
    let key = Key::new(keys.path(), "key");
    let (db, project) = encrypted(cluster, &format!("{}[project]\nlogs = \"logs\"\n", key.both()));
    let wanted = cluster.fingerprint(&db.name);

    let told = project.ok("db-backup --auto --json");
    assert!(told.err.contains(&format!("encrypted to {}", key.public)), "{told:?}");
    assert!(told.err.contains("opens it here"), "{told:?}");
    let file = project.files().into_iter().find(|f| name(f).ends_with(".sql.zst.age")).unwrap();
    let manifest = fs::read_to_string(db_tasks::bundle::ending::manifest_beside(&file)).unwrap();
    assert!(manifest.contains("\"how\": \"age\"") && manifest.contains(&key.public), "{manifest}");
    assert!(manifest.contains("\"format\": 6"), "{manifest}");

    let list = project.ok("db-list").out;
    assert!(list.contains("verified, encrypted"), "{list}");
    assert!(project.ok(&format!("db-info {}", name(&file))).out.contains(&key.public));
    project.ok("db-verify");
    project.ok("db-verify --deep");
    there_and_back(cluster, &db.name, &project, (&name(&file), &wanted), LATER);

    let line = format!("{} -d -i {} {} | zstd -d", age.display(), quoted(&key.file), quoted(&file));
    let text = output(Command::new("sh").args(["-c", &line])).unwrap();
    let copy = by_hand(cluster, &project, &text);
    assert_eq!(cluster.fingerprint(&copy.name).rows, wanted.rows);
    assert_eq!(cluster.fingerprint(&copy.name).schema, wanted.schema);

    let all = all_text(&project.dir) + &told.out + &told.err;
    assert!(all.contains("db-restore") && !all.contains(&key.secret[16..40]));
}

/// As on a server that only makes backups.
#[test]
fn without_a_key_a_backup_is_made_and_no_data_is_lost() {
    let cluster = need!("postgresql", cluster());
    let keys = tempfile::tempdir().unwrap();
    let (key, wrong) = (Key::new(keys.path(), "key"), Key::new(keys.path(), "wrong"));
    let hooks = "[hooks]\nmigrate = [\"true\"]\n";
    let (db, project) = encrypted(cluster, &format!("{}{hooks}", key.to()));
    let project = project.env("ALLOW_DATABASE_WIPE", "true");

    let told = project.ok("db-backup --auto");
    assert!(told.err.contains("CAN'T BE READ ON THIS MACHINE"), "{told:?}");
    let file = project.dir.join(told.out.trim());
    cluster.sql(&db.name, LATER);
    let live = cluster.fingerprint(&db.name);

    let told = project.ok("db-verify");
    assert!(told.out.contains("what is in it was not checked: no key opens it here"), "{told:?}");
    let no_key = format!("encrypted to {}", key.public);
    for words in ["db-restore --latest --yes", "db-verify --deep", "db-restore --latest --dry-run"]
    {
        let told = project.fails(words, 1, "there is no key for it here");
        assert!(
            told.err.contains(&no_key) && told.err.contains("DB_TASKS_AGE_IDENTITY"),
            "{told:?}"
        );
    }

    // a way back that nobody can read is none
    for words in
        ["db-wipe --backup --yes", "db-reset --force", "db-restore --latest --yes --in-place"]
    {
        let told = project.run(words);
        assert!(
            matches!(told.code, Some(1 | 3)) && told.err.contains(&no_key),
            "{words}: {told:?}"
        );
        same(&cluster.fingerprint(&db.name), &live);
    }
    // a migration goes on from what is there
    project.ok("db-migrate");

    let project = project.env("DB_TASKS_AGE_IDENTITY", wrong.file.to_str().unwrap());
    project.fails("db-restore --latest --yes", 1, "does not open it");
    project.fails("db-backup --auto", 3, "a new backup could not be read with");
    assert!(project.ok("db-verify").out.contains("was not checked"));
    same(&cluster.fingerprint(&db.name), &live);

    // the checksum needs no key
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    project.fails(&format!("db-verify {}", name(&file)), 1, "its checksum does not match");
    assert!(project.ok("db-list").out.contains("failed"), "it is noted");
}

/// Every place of the file, with a key at hand: nothing of it is swapped in.
#[test]
fn a_damaged_one_is_never_half_restored() {
    let cluster = need!("postgresql", cluster());
    let keys = tempfile::tempdir().unwrap();
    let key = Key::new(keys.path(), "key");
    let (db, project) = encrypted(cluster, &key.both());
    let file = project.backup();
    let good = fs::read(&file).unwrap();
    cluster.sql(&db.name, LATER);
    let live = cluster.fingerprint(&db.name);

    for at in [3, 40, 90, 150, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        fs::write(&file, &bytes).unwrap();
        let told = project.run(&format!("db-restore {} --yes", name(&file)));
        assert_eq!(told.code, Some(1), "byte {at}: {told:?}");
        project.fails(&format!("db-verify {}", name(&file)), 1, "");
        same(&cluster.fingerprint(&db.name), &live);
    }
    for cut in [0, 30, 150, good.len() - 1] {
        fs::write(&file, &good[..cut]).unwrap();
        let told = project.run(&format!("db-restore {} --yes", file.display()));
        assert!(told.code != Some(0), "{cut}: {told:?}");
        same(&cluster.fingerprint(&db.name), &live);
    }
    assert!(!cluster.exists(&format!("{}__staged", db.name)));
}

#[test]
fn a_passphrase_is_enough_also_for_age_at_a_terminal() {
    let cluster = need!("postgresql", cluster());
    let age = need!("age", program("age"));
    need!("script", terminal::available());
    let keys = tempfile::tempdir().unwrap();
    let words = keys.path().join("words");
    fs::write(&words, "correct horse battery\n").unwrap();
    let toml = format!("[encryption]\npassphrase-file = \"{}\"\n", words.display());
    let (db, project) = encrypted(cluster, &toml);
    let wanted = cluster.fingerprint(&db.name);

    let file = project.backup();
    project.ok("db-verify --deep");
    cluster.sql(&db.name, LATER);
    project.ok("db-restore --latest --yes");
    same(&cluster.fingerprint(&db.name), &wanted);

    let plain = project.dir.join("plain.zst");
    let [from, to] = [&file, &plain].map(quoted);
    let line = format!("{} -d -o {to} {from}", age.display());
    let mut person = Terminal::of(project.program("script"), &line);
    person.sees("passphrase").types("correct horse battery\n");
    person.ends(0);
    let text = output(project.program("zstd").arg("-dc").arg(&plain)).unwrap();
    let copy = by_hand(cluster, &project, &text);
    assert_eq!(cluster.fingerprint(&copy.name).rows, wanted.rows);

    let all = all_text(&project.dir);
    assert!(!all.replace(&text, "").contains("correct horse"));
}

/// A file that age encrypted, in all ways that people have.
#[test]
fn a_file_of_the_program_age_is_restored_and_adopted() {
    let cluster = need!("postgresql", cluster());
    let age = need!("age", program("age"));
    let keys = tempfile::tempdir().unwrap();
    let key = Key::new(keys.path(), "key");
    let identity = format!("[encryption]\nidentity-file = \"{}\"\n", key.file.display());
    let (db, project) = encrypted(cluster, &identity);
    let wanted = cluster.fingerprint(&db.name);
    let plain = project.program("pg_dump").args(["--version"]).output().unwrap();
    assert!(plain.status.success());

    for (form, through, file) in [
        ("p", "cat", "a.sql.age"),
        ("p", "gzip", "a.sql.gz.age"),
        ("p", "zstd -q", "armored"),
        ("c", "cat", "a.dump.age"),
        ("t", "cat", "a.tar.age"),
    ] {
        let armor = if file == "armored" { "-a" } else { "" };
        let line = format!(
            "pg_dump -F{form} -d {} | {through} | {} {armor} -r {} -o {file}",
            quoted(&db.url),
            age.display(),
            key.public
        );
        output(project.program("sh").args(["-c", &line]).current_dir(&project.dir)).unwrap();
        cluster.sql(&db.name, LATER);
        project.ok(&format!("db-restore --file {file} --trust=role --yes"));
        let found = cluster.fingerprint(&db.name);
        assert_eq!(
            (found.rows, found.schema),
            (wanted.rows.clone(), wanted.schema.clone()),
            "{file}"
        );
        cluster.sql(&db.name, &format!("DROP DATABASE IF EXISTS \"{}__previous\"", db.name));
    }

    fs::create_dir_all(project.dir.join("backups")).unwrap();
    fs::rename(project.dir.join("a.sql.gz.age"), project.dir.join("backups/a_20260101.sql.gz.age"))
        .unwrap();
    project.ok("db-adopt --yes");
    let list = project.ok("db-list").out;
    assert!(list.contains("verified, encrypted"), "{list}");
    project.ok("db-verify a_20260101.sql.gz.age");
    let blind = project.env("DB_TASKS_AGE_IDENTITY", "/nowhere/key");
    assert!(blind.ok("db-verify a_20260101.sql.gz.age").out.contains("was not checked"));
}

#[test]
fn nothing_new_is_seen_through_the_encryption() {
    let cluster = need!("postgresql", cluster());
    let keys = tempfile::tempdir().unwrap();
    let key = Key::new(keys.path(), "key");
    let stable = "[backup]\nform = \"stable\"\nkey-order = [\"*\"]\nlatest = \"symlink\"\n";
    let (db, project) = encrypted(cluster, &format!("{}{stable}", key.both()));
    let count = |project: &Project| {
        let is_dump =
            |file: &PathBuf| name(file).ends_with(".age") && !name(file).contains("latest");
        project.files().into_iter().filter(is_dump).count()
    };

    project.ok("db-backup --auto");
    assert!(project.dir.join("backups/latest.sql.zst.age").exists());
    let told = project.ok("db-backup --auto");
    assert!(told.err.contains("nothing has changed since"), "{told:?}");
    assert_eq!(count(&project), 1);
    cluster.sql(&db.name, LATER);
    project.ok("db-backup --auto");
    assert_eq!(count(&project), 2);

    // other recipients: another backup, and a word on it
    let other = Key::new(keys.path(), "other");
    let both = format!("[\"{}\", \"{}\"]", key.public, other.public);
    let toml = fs::read_to_string(project.dir.join("db-tasks.toml")).unwrap();
    project.write("db-tasks.toml", toml.replace(&format!("[\"{}\"]", key.public), &both));
    let told = project.ok("db-backup --auto");
    assert!(told.err.contains("and needs the key of that"), "{told:?}");
    assert_eq!(count(&project), 3);

    let shut = project.env("DB_TASKS_AGE_IDENTITY", other.file.to_str().unwrap());
    shut.ok("db-verify");
    assert!(shut.ok("db-backup --auto").err.contains("nothing has changed since"));
}

/// A tree is an artifact like a dump.
#[cfg(unix)]
#[test]
fn a_set_with_a_tree_is_encrypted_whole() {
    let cluster = need!("postgresql", cluster());
    let keys = tempfile::tempdir().unwrap();
    let key = Key::new(keys.path(), "key");
    let store = format!("[stores.media]\nfiles = {{ path = \"media\" }}\n{}", key.both());
    let (db, project) = encrypted(cluster, &store);
    let word = unique("word");
    project.write("media/a/b.txt", word.repeat(1000));
    let wanted = cluster.fingerprint(&db.name);

    project.ok("db-backup --auto");
    let inside =
        fs::read_dir(project.files().into_iter().find(|f| f.is_dir()).unwrap_or_else(|| {
            fs::read_dir(project.dir.join("backups")).unwrap().next().unwrap().unwrap().path()
        }));
    let names: Vec<String> = inside.unwrap().map(|e| name(&e.unwrap().path())).collect();
    assert_eq!(names.iter().filter(|n| n.ends_with(".age")).count(), 2, "{names:?}");

    project.ok("db-verify");
    project.ok("db-verify --deep");
    project.write("media/a/b.txt", "lost");
    cluster.sql(&db.name, LATER);
    project.ok("db-restore --latest --yes");
    assert_eq!(fs::read_to_string(project.dir.join("media/a/b.txt")).unwrap(), word.repeat(1000));
    same(&cluster.fingerprint(&db.name), &wanted);
}
