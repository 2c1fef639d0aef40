//! Backups of older versions, made by them and frozen: whatever is written since, these stay
//! readable.

use std::fs;
use std::path::{Path, PathBuf};

use db_tasks::stream::Method;
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

    assert_eq!(
        (&found["state"], &found["rows"], &found["other_project"]),
        (&json!("verified"), &json!(4), &json!(false))
    );
    let manifest = &found["manifest"];
    assert_eq!(
        (&manifest["format"], &manifest["label"], &manifest["reason"]),
        (&json!(5), &json!("before v2"), &json!("manual"))
    );
    assert_eq!(
        (&manifest["project"], &manifest["environment"]),
        (&json!("shop"), &json!("staging"))
    );

    let artifact = &manifest["artifacts"][0]["holds"]["postgresql"];
    let database = &artifact["database"];
    assert_eq!(
        (&database["comment"], &database["connection_limit"]),
        (&json!("orders and users"), &json!(50))
    );
    assert_eq!(
        database["acl"][3],
        json!({ "grantee": "reader", "privilege": "CONNECT", "grantable": false })
    );
    assert_eq!(
        database["settings"][1],
        json!({ "role": "reader", "name": "search_path", "value": "***" })
    );

    assert_eq!(artifact["extensions"], json!({ "pgcrypto": "1.3", "plpgsql": "1.0" }));
    assert_eq!(
        (&artifact["migrations"][0]["table"], &artifact["large_objects"]),
        (&json!("public.alembic_version"), &json!(1))
    );
    assert_eq!(
        (&artifact["tables"][1]["table"], &artifact["tables"][1]["rows"]),
        (&json!("app.users"), &json!(3))
    );
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

    let artifact = &found["manifest"]["artifacts"][0]["holds"]["postgresql"];
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
    assert_eq!((&manifest["format"], &manifest["partial"]), (&json!(5), &json!(true)));
    assert_eq!(
        manifest["missing"],
        json!([{ "store": "media", "why": "there is nothing at /srv/shop/media" }])
    );

    let kinds: Vec<_> = manifest["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (&a["store"], a["holds"].as_object().unwrap().keys().next()))
        .collect();

    assert_eq!(
        json!(kinds),
        json!([["main", "postgresql"], ["uploads", "entries"], ["vectors", "milvus"]])
    );
    let entries = &manifest["artifacts"][1]["holds"]["entries"]["entries"];
    assert_eq!(
        (&entries["b.bin"]["bytes"], &entries["link"]["to"]),
        (&json!(70000), &json!("a/one.txt"))
    );
    assert_eq!(manifest["artifacts"][2]["holds"]["milvus"]["collections"][0]["entities"], 12);

    let text = bench.run(&["db-info", name]).exits(0).out;
    assert!(
        text.contains("media: there is nothing at /srv/shop/media") && text.contains("docs"),
        "{text}"
    );
    #[cfg(feature = "milvus")]
    bench.run(&["db-verify", name]).exits(0);
    // it is whole in what it has, and none that a rule counts
    bench.run(&["db-restore", "--latest", "--yes"]).exits(1).tells("there is no good backup");
}

#[test]
fn format_5_a_set_of_every_kind_with_notes() {
    let bench = holding("format-5");
    let name = "backup_20261129_020605_frozen";
    let found = info(&bench, name);
    assert_eq!((&found["state"], &found["rows"]), (&json!("verified"), &json!(4)));

    let manifest = &found["manifest"];
    assert_eq!((&manifest["format"], &manifest["host"]), (&json!(5), &json!("db1")));
    let how: Vec<_> =
        manifest["verified"].as_array().unwrap().iter().map(|v| v["how"].as_str()).collect();
    assert_eq!(how, ["written", "quick"].map(Some));

    let held = |at: usize| &manifest["artifacts"][at]["holds"];
    assert_eq!(
        (&held(0)["postgresql"]["large_objects"], &held(1)["tree"]["bytes"]),
        (&json!(1), &json!(70004))
    );
    assert_eq!(held(2)["milvus"]["collections"][0]["entities"], 30);

    #[cfg(feature = "milvus")]
    bench.run(&["db-verify", name]).exits(0);
}

/// Sets with a tree, by the format of their manifests.
const TREES: [(&str, &str); 4] = [
    ("format-2", "backup_20261121_102953"),
    ("format-3", "backup_20261128_033948"),
    ("format-4", "backup_20261128_110731"),
    ("format-5", "backup_20261129_020605_frozen"),
];

#[test]
fn format_3_a_tree_in_few_words() {
    let bench = holding("format-3");
    let name = "backup_20261128_033948";
    let found = info(&bench, name);

    assert_eq!((&found["state"], &found["manifest"]["format"]), (&json!("verified"), &json!(5)));
    let digest = "blake3:[SHA256]";
    let tree = json!({ "entries": 6, "files": 3, "bytes": 70004, "digest": digest });

    assert_eq!(found["manifest"]["artifacts"][0]["holds"], json!({ "tree": tree }));
    let text = bench.run(&["db-info", name]).exits(0).out;
    assert!(text.contains("3 files, 70.0 kB"), "{text}");
    bench.run(&["db-verify", name]).exits(0);
}

#[cfg(unix)]
#[test]
fn a_tree_of_every_format_comes_back() {
    for (format, name) in TREES {
        let bench = holding(format);
        bench.file(
            "db-tasks.toml",
            format!("{HOST}[stores.uploads]\nfiles = {{ path = \"uploads\" }}\n"),
        );
        bench.run(&["db-restore", name, "--only", "uploads", "--yes"]).exits(0);

        let read = |file: &str| fs::read(bench.dir.join("uploads").join(file)).unwrap();
        assert_eq!(
            (read("a/one.txt").len(), read("link"), read("b.bin").len()),
            (4, read("a/one.txt"), 70000),
            "{format}"
        );
    }
}

/// The checksum of a file proves nothing where somebody has exchanged the file and written its
/// checksum into the manifest.
#[test]
fn an_artifact_that_holds_another_tree_proves_nothing() {
    use std::io::{Read, Write};
    type Attack = fn(&mut Vec<u8>);

    let attacks: [(&str, Attack); 3] = [
        ("has other content", |tar| {
            let header = tar.windows(7).rposition(|part| part == b"./b.bin").unwrap();
            tar[header + 512 + 999] ^= 1;
        }),
        ("`b.bin` is missing", |tar| {
            for at in
                (0..tar.len() - 7).filter(|at| tar[*at..*at + 7] == *b"./b.bin").collect::<Vec<_>>()
            {
                tar[at + 2] = b'x';
                // the sum of a header is of its bytes
                let sum: u32 = tar[at..at + 512]
                    .iter()
                    .enumerate()
                    .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
                    .sum();
                tar[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }),
        ("truncated", |tar| tar.truncate(tar.len() - 1024)),
    ];

    for (format, name) in TREES {
        for (why, attack) in &attacks {
            let bench = holding(format);
            let (manifest, artifact) =
                (format!("backups/{name}/manifest.json"), format!("backups/{name}/uploads.tar.gz"));
            let file = fs::File::open(bench.dir.join(&artifact)).unwrap();
            let mut tar = Vec::new();

            db_tasks::stream::decoder(db_tasks::stream::Codec::Gzip, file)
                .unwrap()
                .read_to_end(&mut tar)
                .unwrap();
            attack(&mut tar);

            let method = if format < "format-4" { Method::Sha256 } else { Method::Blake3 };
            let gzip = db_tasks::stream::Compression::parse("gzip", None).unwrap();
            let mut encoder =
                db_tasks::stream::encoder(gzip, db_tasks::stream::Digest::by(method, Vec::new()))
                    .unwrap();

            encoder.write_all(&tar).unwrap();
            let (bytes, sum) = encoder.finish().unwrap().finish();
            bench.file(&artifact, bytes);

            let mut changed = bench.manifest(&manifest);
            let of_tree = changed["artifacts"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .find(|a| a["store"] == "uploads")
                .unwrap();

            of_tree["bytes"] = sum.bytes.into();
            if format == "format-5" {
                of_tree["checksum"]["hex"] = sum.hex().into();
            } else {
                of_tree[method.to_string()] = sum.hex().into();
            }
            changed.as_object_mut().unwrap().remove("digest");
            bench.file(&manifest, changed.to_string());

            // one digest of all says that something is another, and not what
            let said = if format != "format-2" && *why != "truncated" {
                "its digest does not match"
            } else {
                why
            };

            bench.run(&["db-verify", name]).exits(1).tells(said);
            assert_eq!(
                info(&bench, name)["state"],
                if format == "format-2" { "partial" } else { "failed" },
                "{format}: {why}"
            );
        }
    }
}

#[test]
fn a_newer_format_is_refused_in_clear_words() {
    let bench = holding("format-1");
    let manifest = "backups/shop_20261121_102946_before-v2.manifest.json";
    let mut newer = bench.manifest(manifest);

    newer["format"] = 7.into();
    bench.file(manifest, newer.to_string());

    let why = "its manifest can't be used: it is of format 7, this version reads up to 6: use a \
               newer db-tasks";
    assert!(bench.run(&["db-list"]).exits(0).out.contains(why));

    let name = manifest.trim_start_matches("backups/");
    bench.run(&["db-restore", name, "--yes"]).exits(1).tells(why);
    bench.run(&["db-restore", "--latest", "--yes"]).exits(1).tells("there is no good backup");
    // and no rule removes what it can't read
    bench
        .run(&["db-cleanup", "--keep-days", "0", "--min-keep", "0", "--keep-last", "1", "--yes"])
        .exits(0);
    assert_eq!(bench.names_in("backups").len(), 2);
}

/// One key, another database: a URL was changed, a database was renamed. What `--latest` takes is
/// of the database that is meant.
#[test]
fn the_newest_backup_is_of_the_database_that_is_meant() {
    let bench = Bench::new(HOST);
    let name = bench.with_backup();
    let renamed = HOST.replace("\"app\"", "\"shop\"");

    bench
        .facts("shop", super::facts("shop"))
        .facts("postgres", super::with_beside(&[]))
        .file("db-tasks.toml", &renamed);
    let said = bench.run(&["db-restore", "--latest", "--yes"]).exits(3);
    said.tells("the newest backup is of the database `app`, not of `shop`")
        .tells("db-restore --latest --any-database");
    assert!(bench.run(&["db-status"]).exits(0).out.contains("last backup  none"));

    // a person, or a script, may mean it
    for words in [
        &["db-restore", "--latest", "--any-database"][..],
        &["db-restore", &name],
        &["db-restore", "--latest", "--as", "copy"],
    ] {
        let shown = bench.run(&[words, &["--dry-run"]].concat()).exits(0).out;
        assert!(
            shown.contains("it is of the database `app`, and is loaded into"),
            "{words:?}:\n{shown}"
        );
    }

    // one that is older, and of the right one, is taken, with a word on the newer one
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut bench = bench;
    bench.env("ENVIRONMENT", "staging").run(&["db-backup"]).exits(0);
    bench.env("ENVIRONMENT", "development").file("db-tasks.toml", HOST);

    let said = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0);
    assert!(
        said.out.contains("restore `app`") && !said.out.contains("it is of the database"),
        "{}",
        said.out
    );

    said.tells("is newer, but of the database `shop`, so it is skipped");
    bench.file("db-tasks.toml", &renamed);

    let shown = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0).out;
    assert!(
        shown.contains("the backup was made in the environment `staging`")
            && !shown.contains("it is of the database"),
        "{shown}"
    );
}

/// Its key is in the file next to it. Whoever has none, or a build without age, sees the checksum.
#[test]
fn format_6_which_is_encrypted() {
    let mut bench = holding("format-6");
    let name = "shop_20261129_143516_frozen.sql.zst.age";
    let found = info(&bench, name);
    assert_eq!((&found["state"], &found["encrypted"]), (&json!("verified"), &json!(true)));
    assert_eq!((&found["manifest"]["format"], &found["rows"]), (&json!(6), &json!(2)));

    let blind = bench.run(&["db-verify", name]).exits(0);
    assert!(blind.out.contains("what is in it was not checked"), "{blind:?}");
    bench.env("DB_TASKS_AGE_IDENTITY", stored("format-6.key").to_str().unwrap());
    let said = bench.run(&["db-verify", name]).exits(0);
    assert_eq!(said.out.contains("is good"), cfg!(feature = "age"), "{said:?}");
}
