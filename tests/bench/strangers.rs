//! A folder that came from elsewhere: what is in it runs nothing, and leads nowhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use super::{Bench, HOST};

fn unfinished(how: &serde_json::Value) -> String {
    let deed = json!({ "verb": "remove", "deed": { "what": "sessions of this run", "how": how } });
    json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] }).to_string()
}

#[test]
fn a_journal_that_nobody_signed_is_set_aside_and_named() {
    let bench = Bench::new(HOST);
    let (marker, precious) = (bench.project.join("ran"), bench.project.join("precious"));
    fs::create_dir(&precious).unwrap();
    let command = json!({ "Command": { "program": "touch", "args": [marker], "env": [], "input": null } });
    let folder = json!({ "Folder": precious });
    for (text, why) in [
        (unfinished(&command), "nobody has signed it"),
        (unfinished(&folder), "nobody has signed it"),
        (json!({ "run": serde_json::from_str::<serde_json::Value>(&unfinished(&command)).unwrap(), "signature": "00" }).to_string(), "not signed by you"),
        ("{".into(), "it is no journal"),
    ] {
        bench.file(".db-tasks/unfinished.json", &text);
        // who looks, or shows a plan, leaves it and says so
        bench.run(&["db-backup", "--dry-run"]).exits(0);
        let status = bench.run(&["db-status"]).exits(0);
        assert!(status.out.contains("`unfinished.json` is not to be trusted"), "{}", status.out);
        assert!(bench.project.join(".db-tasks/unfinished.json").exists());
        let said = bench.run(&["db-backup"]).exits(0);
        assert!(said.err.contains("warning: `unfinished.json` was not run") && said.err.contains(why), "{}", said.err);
        let aside: Vec<String> = bench.names_in(".db-tasks").into_iter().filter(|n| n.contains(".unsafe-")).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(fs::read_to_string(bench.project.join(".db-tasks").join(&aside[0])).unwrap(), text);
        fs::remove_file(bench.project.join(".db-tasks").join(&aside[0])).unwrap();
        assert!(!marker.exists() && precious.exists(), "{text}");
    }
    bench.run(&["db-repair"]).exits(0);
}

#[test]
fn a_journal_is_of_one_folder() {
    let (bench, clone) = (Bench::new(HOST), Bench::new(HOST));
    let deed = json!({ "verb": "remove", "deed": { "what": "half", "how": { "File": clone.project.join("half") } } });
    bench.journal(&json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] }));
    clone.file("half", "x").file(".db-tasks/unfinished.json", fs::read(bench.project.join(".db-tasks/unfinished.json")).unwrap());
    clone.run(&["db-backup"]).exits(0);
    assert!(clone.project.join("half").exists());
}

#[test]
fn links_in_our_own_folder_lead_nowhere() {
    let bench = Bench::new(HOST);
    let victim = bench.project.join("victim");
    for name in ["lock", "audit.jsonl", "unfinished.json.partial", "unfinished.json", ".gitignore"] {
        for link in [|a: &std::path::Path, b: &std::path::Path| symlink(a, b), |a: &_, b: &_| fs::hard_link(a, b)] {
            drop(fs::remove_dir_all(bench.project.join(".db-tasks")));
            fs::create_dir(bench.project.join(".db-tasks")).unwrap();
            fs::write(&victim, "precious").unwrap();
            link(&victim, &bench.project.join(".db-tasks").join(name)).unwrap();
            let said = bench.run(&["db-backup"]);
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{name}");
            if name == "lock" {
                let said = said.exits(1);
                assert!(said.err.contains(".db-tasks/lock` is not safe to use: it "), "{}", said.err);
            } else {
                said.exits(0);
            }
        }
    }
    fs::remove_dir_all(bench.project.join(".db-tasks")).unwrap();
    fs::create_dir(bench.project.join("elsewhere")).unwrap();
    symlink("elsewhere", bench.project.join(".db-tasks")).unwrap();
    let said = bench.run(&["db-backup"]).exits(1);
    assert!(said.err.contains(".db-tasks` is not safe to use: it is a link"), "{}", said.err);
    assert!(bench.names_in("elsewhere").is_empty());
}

#[test]
fn a_folder_that_others_may_write_is_mended() {
    let bench = Bench::new(HOST);
    fs::create_dir(bench.project.join(".db-tasks")).unwrap();
    fs::set_permissions(bench.project.join(".db-tasks"), PermissionsExt::from_mode(0o777)).unwrap();
    bench.run(&["db-backup"]).exits(0);
    let mode = fs::metadata(bench.project.join(".db-tasks")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

/// Another who may write to a folder of backups knows the next manifest's name.
#[test]
fn a_manifests_partial_is_written_through_no_link() {
    let bench = Bench::new(HOST);
    let victim = bench.project.join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(bench.project.join("backups")).unwrap();
    let now = chrono::Utc::now();
    for second in 0..20 {
        let name = (now + chrono::TimeDelta::seconds(second)).format("app_%Y%m%d_%H%M%S.manifest.json.partial");
        symlink(&victim, bench.project.join("backups").join(name.to_string())).unwrap();
    }
    bench.run(&["db-backup"]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    let made = bench.names_in("backups").into_iter().filter(|n| n.ends_with(".manifest.json")).collect::<Vec<_>>();
    assert!(made.iter().all(|name| !bench.project.join("backups").join(name).is_symlink()), "{made:?}");
}
