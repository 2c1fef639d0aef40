//! What is said of encrypted backups, with the feature and without it.

use super::{Bench, HOST};

const PUBLIC: &str = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

fn to(recipients: &str) -> String {
    format!("{HOST}[encryption]\nrecipients = {recipients}\n")
}

#[test]
fn a_lock_that_is_none_is_refused_and_a_private_key_is_not_repeated() {
    let private = "AGE-SECRET-KEY-1PRIVATEPRIVATEPRIVATE";
    let twice = format!("[\"{PUBLIC}\"]\npassphrase-file = \"words\"");
    for (recipients, words) in [
        (format!("[\"{private}\"]"), "a private key is no recipient"),
        ("[\"ssh-ed25519 AAAAC3\"]".into(), "keys of ssh are not supported"),
        ("[\"somebody\"]".into(), "is no public key of age"),
        ("[]".into(), "nobody could read the backups"),
        (twice, "exclude each other"),
    ] {
        let bench = Bench::new(&to(&recipients));
        for command in ["db-backup", "db-list", "db-config"] {
            let said = bench.run(&[command]).exits(2);
            assert!(said.err.contains(words), "{recipients}: {said:?}");
            assert!(!format!("{said:?}").contains("PRIVATEPRIVATE"), "{said:?}");
        }
    }
}

#[test]
fn db_config_shows_where_the_keys_are() {
    let mut bench = Bench::new(&to(&format!("[\"{PUBLIC}\"]")));
    bench.env("DB_TASKS_AGE_IDENTITY", "/etc/shop/key");
    let shown = bench.run(&["db-config"]).exits(0).out;
    assert!(shown.contains(PUBLIC) && shown.contains("/etc/shop/key"), "{shown}");
    assert!(shown.contains("$DB_TASKS_AGE_IDENTITY"), "{shown}");

    // the path is no secret, though its variable's name sounds like one
    let mut bench = Bench::new(HOST);
    bench.env("DB_TASKS_AGE_PASSPHRASE_FILE", "/etc/shop/words");
    let shown = bench.run(&["db-config"]).exits(0).out;
    assert!(shown.contains("/etc/shop/words"), "{shown}");
}

/// It must never write what is to be encrypted in the clear.
#[cfg(not(feature = "age"))]
#[test]
fn a_build_without_it_makes_no_backup_and_says_how_to_build_it() {
    let bench = Bench::new(&to(&format!("[\"{PUBLIC}\"]")));
    for words in [&["db-backup"][..], &["db-backup", "--dry-run"]] {
        let said = bench.run(words).exits(1).tells("this build of db-tasks can't encrypt backups");
        assert!(said.err.contains("--features age"), "{said:?}");
    }
    assert_eq!(bench.names_in("backups").len(), 0);

    bench.file("x.sql.age", "age-encryption.org/v1\n-> X25519 abc\n");
    let said = bench.run(&["db-restore", "--file", "x.sql.age", "--dry-run"]).exits(1);
    said.tells("this build of db-tasks can't read encrypted backups");
}

#[cfg(feature = "age")]
mod built_in {
    use super::*;
    use crate::bench::snapshots::same_as;
    use crate::support::keys::Key;

    fn dry(bench: &Bench) -> String {
        bench.run(&["db-backup", "--dry-run", "--verbose"]).exits(0).out
    }

    #[test]
    fn a_plan_says_to_whom_and_whether_it_can_be_read_here() {
        same_as("backup-encrypted", &dry(&Bench::new(&to(&format!("[\"{PUBLIC}\"]")))));

        let keys = tempfile::tempdir().unwrap();
        let key = Key::new(keys.path(), "key");
        let said = dry(&Bench::new(&format!("{HOST}{}", key.both())));
        assert!(said.contains("opens it here") && !said.contains("CAN'T"), "{said}");
    }

    #[test]
    fn a_wrong_letter_or_an_unusable_key_is_found_before_anything_is_done() {
        let broken = PUBLIC.replace("7dp2z", "7dp2y");
        let bench = Bench::new(&to(&format!("[\"{broken}\"]")));
        bench.run(&["db-backup"]).exits(2).tells("which is no public key");

        for (key, words) in [("passphrase-file", "passphrase"), ("identity-file", "key")] {
            let more = if key == "identity-file" {
                to(&format!("[\"{PUBLIC}\"]"))
            } else {
                format!("{HOST}[encryption]\n")
            };
            let bench = Bench::new(&format!("{more}{key} = \"gone\"\n"));
            let said = bench.run(&["db-backup"]).exits(1).tells("can't be used");
            assert!(said.err.contains("gone"), "{words}: {said:?}");
            assert_eq!(bench.names_in("backups").len(), 0, "{words}");
        }
    }

    /// What older versions do with it: its number is one that they do not know.
    #[test]
    fn a_manifest_has_a_format_of_its_own_and_a_plain_one_keeps_the_old() {
        let bench = Bench::new(&to(&format!("[\"{PUBLIC}\"]")));
        bench.run(&["db-backup"]).exits(0);
        bench.file("db-tasks.toml", HOST);
        bench.run(&["db-backup"]).exits(0).tells("this one will be NOT ENCRYPTED");

        let names = bench.names_in("backups");
        let manifests = names.iter().filter(|name| name.ends_with("manifest.json"));
        let formats: Vec<(bool, u64)> = manifests
            .map(|name| {
                let manifest = bench.manifest(&format!("backups/{name}"));
                let is_locked = manifest["artifacts"][0].get("encryption").is_some();
                (is_locked, manifest["format"].as_u64().unwrap())
            })
            .collect();
        assert!(formats.contains(&(true, 6)) && formats.contains(&(false, 5)), "{formats:?}");
    }

    #[test]
    fn a_manifest_that_contradicts_itself_is_broken() {
        let bench = Bench::new(&to(&format!("[\"{PUBLIC}\"]")));
        bench.run(&["db-backup"]).exits(0);
        let names = bench.names_in("backups");
        let name = names.iter().find(|name| name.ends_with("manifest.json")).unwrap();
        let name = format!("backups/{name}");
        let whole = bench.manifest(&name);

        for (format, encryption, why) in [
            (5, whole["artifacts"][0]["encryption"].clone(), "which format 5 is not"),
            (6, serde_json::Value::Null, "its format is one of encrypted backups"),
            (6, serde_json::json!({ "how": "rot13" }), "rot13"),
            (7, whole["artifacts"][0]["encryption"].clone(), "use a newer db-tasks"),
        ] {
            let mut changed = whole.clone();
            changed["format"] = format.into();
            changed["artifacts"][0]["encryption"] = encryption;
            bench.file(&name, changed.to_string());
            let list = bench.run(&["db-list"]).exits(0).out;
            assert!(list.contains("broken") && list.contains(why), "{format}: {list}");
        }
    }
}
