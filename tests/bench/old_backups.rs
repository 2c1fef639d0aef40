//! Backups of older versions, made by them and frozen: whatever is written since, these stay readable.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Bench, HOST};

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests").join(name)
}

/// A project whose backup folder holds these.
fn holding(name: &str) -> Bench {
    let bench = Bench::new(HOST);
    let from = stored(name);
    for path in walk(&from) {
        let inside = path.strip_prefix(&from).unwrap().to_string_lossy().into_owned();
        bench.file(&format!("backups/{inside}"), fs::read(path).unwrap());
    }
    bench
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn info(bench: &Bench, name: &str) -> serde_json::Value {
    serde_json::from_str(&bench.run(&["db-info", name, "--json"]).exits(0).out).unwrap()
}

#[test]
fn format_1_with_all_that_a_database_has() {
    let bench = holding("format-1");
    let name = "shop_20261121_102946_before-v2.sql.gz";
    let found = info(&bench, name);
    assert_eq!((&found["state"], &found["rows"], &found["other_project"]), (&json!("verified"), &json!(4), &json!(false)));
    let manifest = &found["manifest"];
    assert_eq!(
        (&manifest["format"], &manifest["label"], &manifest["reason"]),
        (&json!(1), &json!("before v2"), &json!("manual"))
    );
    assert_eq!((&manifest["project"], &manifest["environment"]), (&json!("shop"), &json!("staging")));
    let artifact = &manifest["artifacts"][0];
    let database = &artifact["database"];
    assert_eq!((&database["comment"], &database["connection_limit"]), (&json!("orders and users"), &json!(50)));
    assert_eq!(database["acl"][3], json!({ "grantee": "reader", "privilege": "CONNECT", "grantable": false }));
    assert_eq!(database["settings"][1], json!({ "role": "reader", "name": "search_path", "value": "***" }));
    assert_eq!(artifact["extensions"], json!({ "pgcrypto": "1.3", "plpgsql": "1.0" }));
    assert_eq!((&artifact["migrations"][0]["table"], &artifact["large_objects"]), (&json!("public.alembic_version"), &json!(1)));
    assert_eq!((&artifact["tables"][1]["table"], &artifact["tables"][1]["rows"]), (&json!("app.users"), &json!(3)));
    // the dump is what the manifest says
    bench.run(&["db-verify", name]).exits(0);
}

#[test]
fn format_1_with_no_more_than_it_must_have() {
    let bench = Bench::new(HOST);
    bench.file("backups/shop.manifest.json", fs::read(stored("format-1-minimal.json")).unwrap());
    let dump = fs::read(stored("format-1/shop_20261121_102946_before-v2.sql.gz")).unwrap();
    bench.file("backups/shop.sql.gz", dump);
    let found = info(&bench, "shop.sql.gz");
    assert_eq!((&found["state"], &found["rows"]), (&json!("unverified"), &json!(4)));
    let artifact = &found["manifest"]["artifacts"][0];
    assert_eq!(
        (&artifact["database"]["name"], &artifact["server_version"]),
        (&json!("shop"), &json!("15.18 (Debian 15.18-0+deb12u1)"))
    );
    assert!(bench.run(&["db-info", "shop.sql.gz"]).exits(0).out.contains("4 rows in 0 tables"));
}

#[test]
fn format_2_a_partial_set_with_stores() {
    let bench = holding("format-2");
    let name = "backup_20261121_102953";
    let found = info(&bench, name);
    assert_eq!(found["state"], "partial");
    let manifest = &found["manifest"];
    assert_eq!((&manifest["format"], &manifest["partial"]), (&json!(2), &json!(true)));
    assert_eq!(manifest["missing"], json!([{ "store": "media", "why": "there is nothing at /srv/shop/media" }]));
    let kinds: Vec<_> = manifest["artifacts"].as_array().unwrap().iter().map(|a| (&a["store"], &a["kind"])).collect();
    assert_eq!(json!(kinds), json!([["main", "postgres"], ["uploads", "files"], ["vectors", "milvus"]]));
    let entries = &manifest["artifacts"][1]["contents"]["files"]["entries"];
    assert_eq!((&entries["b.bin"]["bytes"], &entries["link"]["to"]), (&json!(70000), &json!("a/one.txt")));
    assert_eq!(manifest["artifacts"][2]["contents"]["collections"]["collections"][0]["entities"], 12);
    let text = bench.run(&["db-info", name]).exits(0).out;
    assert!(text.contains("media: there is nothing at /srv/shop/media") && text.contains("docs"), "{text}");
    #[cfg(feature = "milvus")]
    bench.run(&["db-verify", name]).exits(0);
    // it is whole in what it has, and none that a rule counts
    bench.run(&["db-restore", "--latest", "--yes"]).exits(1).tells("there is no good backup");
}

#[test]
fn a_newer_format_is_refused_in_clear_words() {
    let bench = holding("format-1");
    let manifest = "backups/shop_20261121_102946_before-v2.manifest.json";
    let mut newer = bench.manifest(manifest);
    newer["format"] = 3.into();
    bench.file(manifest, newer.to_string());
    let why = "its manifest can't be used: it is of format 3, this version reads up to 2: use a newer db-tasks";
    assert!(bench.run(&["db-list"]).exits(0).out.contains(why));
    let name = manifest.trim_start_matches("backups/");
    bench.run(&["db-restore", name, "--yes"]).exits(1).tells(why);
    bench.run(&["db-restore", "--latest", "--yes"]).exits(1).tells("there is no good backup");
    // and no rule removes what it can't read
    bench.run(&["db-cleanup", "--keep-days", "0", "--min-keep", "0", "--yes"]).exits(0);
    assert_eq!(bench.names_in("backups").len(), 2);
}

/// One key, another database: a URL was changed, a database was renamed. What `--latest` takes is of the database that is meant.
#[test]
fn the_newest_backup_is_of_the_database_that_is_meant() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let renamed = HOST.replace("\"app\"", "\"shop\"");
    bench.facts("shop", super::facts("shop")).facts("postgres", super::with_beside(&[])).file("db-tasks.toml", &renamed);
    let said = bench.run(&["db-restore", "--latest", "--yes"]).exits(3);
    said.tells("the newest backup is of the database `app`, and not of `shop`").tells("db-restore --latest --any-database");
    assert!(bench.run(&["db-status"]).exits(0).out.contains("last backup  none"));
    // a person, or a script, may mean it
    for words in
        [&["db-restore", "--latest", "--any-database"][..], &["db-restore", &name], &["db-restore", "--latest", "--as", "copy"]]
    {
        let shown = bench.run(&[words, &["--dry-run"]].concat()).exits(0).out;
        assert!(shown.contains("it was made of the database `app`, and goes into"), "{words:?}:\n{shown}");
    }
    // one that is older, and of the right one, is taken, with a word on the newer one
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut bench = bench;
    bench.env("ENVIRONMENT", "staging").run(&["db-backup"]).exits(0);
    bench.env("ENVIRONMENT", "development").file("db-tasks.toml", HOST);
    let said = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0);
    assert!(said.out.contains("restore `app`") && !said.out.contains("made of the database"), "{}", said.out);
    said.tells("is newer, but of the database `shop`: it is passed over");
    bench.file("db-tasks.toml", &renamed);
    let shown = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0).out;
    assert!(
        shown.contains("it was made in the environment `staging`") && !shown.contains("it was made of the database"),
        "{shown}"
    );
}
