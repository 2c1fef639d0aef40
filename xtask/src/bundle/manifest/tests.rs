use serde_json::json;

use super::older::Flat;
use super::*;

/// A database, a tree and collections, of the format that is written now.
const NEWEST: &str = "format-5/backup_20261129_020605_frozen/manifest.json";

/// An encrypted one.
const LOCKED: &str = "format-6/shop_20261129_143516_frozen.manifest.json";

/// Manifests of every older format, made by the tool of their time.
const OLDER: [(&str, u32); 4] = [
    ("format-1/shop_20261121_102946_before-v2.manifest.json", 1),
    ("format-2/backup_20261121_102953/manifest.json", 2),
    ("format-3/backup_20261128_033948/manifest.json", 3),
    ("format-4/backup_20261128_110731/manifest.json", 4),
];

fn stored(file: &str) -> String {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests");
    std::fs::read_to_string(all.join(file)).unwrap()
}

fn of_format_5() -> String {
    stored(NEWEST)
}

/// What older versions have written is read, to the letter.
#[test]
fn what_is_stored_loses_nothing() {
    for (file, format) in OLDER {
        let text = stored(file);
        let flat: Manifest<Flat> = serde_json::from_str(&text).unwrap();
        assert_eq!(pretty(&flat), text, "{file}");

        let manifest = Manifest::parse(&text).unwrap();
        assert_eq!(manifest.format, format, "{file}");
        // and all of it is in what we make of it, whatever its key is called now
        let (now, then) = (pretty(&manifest), pretty(&flat));
        for line in then.lines().filter(|line| !line.contains("\"kind\"")) {
            let value = line.trim().trim_end_matches(',');
            let value = value.split_once(": ").map_or(value, |(_, value)| value);
            assert!(now.contains(value), "{file}: {line}");
        }
    }

    for file in [NEWEST, LOCKED] {
        assert_eq!(pretty(&Manifest::parse(&stored(file)).unwrap()), stored(file), "{file}");
    }

    let least = Manifest::parse(&stored("format-1-minimal.json")).unwrap();
    assert_eq!(
        (least.format, least.project_named, least.partial, least.is_good()),
        (1, false, false, false)
    );
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests");
    assert!(!Manifest::is_of_another_tool(&all.join("format-1-minimal.json")));
}

#[test]
fn an_artifact_has_what_its_engine_knows() {
    let manifest = Manifest::parse(&of_format_5()).unwrap();
    let kinds: Vec<_> = manifest.artifacts.iter().map(|a| (a.store.as_str(), a.format())).collect();
    assert_eq!(
        kinds,
        [("main", Format::Script), ("uploads", Format::Tar), ("vectors", Format::Milvus)]
    );
    let whole: serde_json::Value = serde_json::from_str(&of_format_5()).unwrap();

    type Change = fn(&mut serde_json::Value);

    let changes: [(&str, Change); 7] = [
        ("unknown variant `mysql`", |m| m["artifacts"][0]["holds"] = json!({ "mysql": {} })),
        ("unknown variant `entries`", |m| {
            m["artifacts"][1]["holds"] = json!({ "entries": { "entries": {} } });
        }),
        ("missing field `holds`", |m| {
            drop(m["artifacts"][0].as_object_mut().unwrap().remove("holds"));
        }),
        ("missing field `digest`", |m| {
            m["artifacts"][1]["holds"] = json!({ "tree": { "entries": 1, "files": 0, "bytes": 0 } })
        }),
        ("an invalid checksum of `main`", |m| m["artifacts"][0]["checksum"]["hex"] = "".into()),
        ("unknown variant `md5`", |m| m["artifacts"][0]["checksum"]["method"] = "md5".into()),
        // the shape of a newer format under an older number
        ("it is not a manifest of db-tasks", |m| m["format"] = 4.into()),
    ];

    for (why, change) in changes {
        let mut changed = whole.clone();
        changed.as_object_mut().unwrap().remove("digest");
        change(&mut changed);
        let said = format!("{:#}", Manifest::parse(&changed.to_string()).unwrap_err());
        assert!(said.contains(why), "{why}: {said}");
    }
}

/// Notes that can't be used may have said that the backup is bad.
#[test]
fn what_was_noted_counts_and_what_can_not_be_read_makes_unverified() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manifest.json");
    std::fs::write(&path, of_format_5()).unwrap();

    let sealed = Manifest::read(&path).unwrap();
    assert!(sealed.is_good() && sealed.doubt().is_none() && sealed.noted == Noted::Nothing);

    let notes = crate::bundle::notes::Notes::first(&sealed, of_format_5().as_bytes());
    let bad = Verification { when: DateTime::UNIX_EPOCH, how: "quick".into(), good: false };
    let text = notes.verified(bad).to_json();
    let beside = crate::bundle::ending::notes(&path);
    std::fs::write(&beside, &text).unwrap();

    let failed = Manifest::read(&path).unwrap();
    assert!(!failed.is_good() && failed.verified.len() == 2 && failed.noted == Noted::Read);

    std::fs::write(&beside, text.replace("false", "true")).unwrap();
    let doubtful = Manifest::read(&path).unwrap();
    assert!(doubtful.last_verified().is_none() && !doubtful.is_good());
    assert!(doubtful.doubt().unwrap().contains("their digest does not match"));
    // what was proved is as it was
    assert_eq!(doubtful.artifacts, sealed.artifacts);
}

#[test]
fn a_trees_manifest_says_what_its_format_has() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/manifests/format-4/backup_20261128_110731");
    let whole: serde_json::Value =
        serde_json::from_slice(&std::fs::read(stored.join("manifest.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");

    type Change = fn(&mut serde_json::Value);

    let changes: [(&str, Change); 3] = [
        ("that format 3 does not have", |m| m["format"] = 3.into()),
        ("must have exactly one checksum", |m| m["artifacts"][0]["sha256"] = "ab".into()),
        ("without its contents", |m| {
            drop(m["artifacts"][0].as_object_mut().unwrap().remove("contents"))
        }),
    ];

    for (why, change) in changes {
        let mut changed = whole.clone();
        changed.as_object_mut().unwrap().remove("digest");
        change(&mut changed);
        std::fs::write(&path, changed.to_string()).unwrap();
        let said = format!("{:#}", Manifest::read(&path).unwrap_err());
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn what_no_server_says_makes_no_manifest() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests/format-1");
    let text = std::fs::read_to_string(stored.join("shop_20261121_102946_before-v2.manifest.json"))
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manifest.json");
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();

    for (at, value, why) in [
        ("/artifacts/0/database/connection_limit", json!(-5), "a connection limit of -5"),
        (
            "/artifacts/0/database/connection_limit",
            json!(1_u64 << 40),
            "a connection limit of 1099511627776",
        ),
        ("/artifacts/0/seconds", json!(-1.0), "-1 seconds"),
        ("/artifacts/0/rows", json!(-1), "expected u64"),
        ("/artifacts/0/rows", json!(1), "1 rows in all, and "),
        ("/artifacts/0/bytes", json!(1e30), "expected u64"),
        ("/artifacts/0/sha256", json!(""), "must have exactly one checksum"),
        ("/format", json!("two"), "not a manifest of db-tasks"),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(at).unwrap() = value;
        std::fs::write(&path, changed.to_string()).unwrap();
        let said = format!("{:#}", Manifest::read(&path).unwrap_err());
        assert!(said.contains(why), "{at}: {said}");
        assert!(!Manifest::is_of_another_tool(&path), "{at}");
    }

    let mut many =
        Manifest::read(&stored.join("shop_20261121_102946_before-v2.manifest.json")).unwrap();
    many.artifacts[0].bytes = u64::MAX;
    many.artifacts.push(many.artifacts[0].clone());
    assert_eq!(many.bytes(), u64::MAX);
}

/// What the digest is of.
fn covered(mut manifest: Manifest) -> Manifest {
    (manifest.digest, manifest.created) = (None, DateTime::UNIX_EPOCH);
    for artifact in &mut manifest.artifacts {
        (artifact.file, artifact.started, artifact.seconds) =
            (String::new(), DateTime::UNIX_EPOCH, 0.0);
    }
    manifest
}

/// Whatever becomes of one byte: the manifest says what it said, or it is not read, and nobody
/// takes it for another tool's.
#[test]
fn a_damaged_manifest_is_known() {
    let older = OLDER.map(|(file, _)| {
        let mut flat: Manifest<Flat> = serde_json::from_str(&stored(file)).unwrap();
        flat.digest = Some(digest(&mut flat));
        (file, pretty(&flat))
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manifest.json");

    for (file, text) in older.into_iter().chain([NEWEST, LOCKED].map(|file| (file, stored(file)))) {
        let wanted = covered(Manifest::parse(&text).unwrap());
        for at in (0..text.len()).filter(|at| at % 7 == 0 || text.len() < 5000) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= [0x01, 0x04, 0x20][at % 3];
            std::fs::write(&path, &bytes).unwrap();
            match Manifest::read(&path) {
                Ok(found) => assert_eq!(covered(found), wanted, "{file}: byte {at}"),
                Err(_) => assert!(!Manifest::is_of_another_tool(&path), "{file}: byte {at}"),
            }
        }
        for cut in (0..text.len() - 2).filter(|cut| cut % 17 == 0 || cut + 100 > text.len()) {
            std::fs::write(&path, &text.as_bytes()[..cut]).unwrap();
            assert!(
                Manifest::read(&path).is_err() && !Manifest::is_of_another_tool(&path),
                "{file}: cut at {cut}"
            );
        }
    }
}

#[test]
fn a_right_that_is_none_makes_no_manifest() {
    use crate::value::Grant;

    let grant =
        |word: &str| serde_json::from_value::<Grant>(json!({ "grantee": null, "privilege": word }));

    for word in ["CONNECT", "CREATE", "TEMPORARY"] {
        assert_eq!(grant(word).unwrap().privilege.to_string(), word);
    }

    let said = grant("CONNECT ON DATABASE x TO PUBLIC;\n\\! touch y\nGRANT CONNECT")
        .unwrap_err()
        .to_string();
    assert!(said.contains("unknown variant"), "{said}");
}

#[test]
fn another_tools_manifest_is_told_from_a_broken_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manifest.json");

    for (text, others) in [
        (r#"{"date": "2024-01-01", "files": ["a.sql"]}"#, true),
        (r#"["a.sql"]"#, true),
        (r#"{"format": "custom", "tool": "pg_dump"}"#, true),
        (r#"{"format": 2}"#, false),
        (r#"{"tool": "db-tasks 0.1.0"}"#, false),
        (r#"{"artifacts": []}"#, false),
        ("{}", false),
        (r#"{"date": "20"#, false),
        ("", false),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(Manifest::is_of_another_tool(&path), others, "{text}");
    }
}
