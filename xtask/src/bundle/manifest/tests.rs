use super::*;

/// What older versions have written is read, and written again, to the letter.
#[test]
fn what_is_stored_loses_nothing() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests");

    for (file, format) in [
        ("format-1/shop_20261121_102946_before-v2.manifest.json", 1),
        ("format-2/backup_20261121_102953/manifest.json", 2),
        ("format-3/backup_20261128_033948/manifest.json", 3),
        ("format-4/backup_20261128_110731/manifest.json", 4),
    ] {
        let manifest = Manifest::read(&stored.join(file)).unwrap();
        assert_eq!(
            manifest.pretty(),
            std::fs::read_to_string(stored.join(file)).unwrap(),
            "{file}"
        );
        assert_eq!(
            (manifest.format, Manifest::format(&manifest.artifacts, &manifest.missing)),
            (format, format),
            "{file}"
        );
    }

    assert!(!Manifest::is_of_another_tool(&stored.join("format-1-minimal.json")));
    let least = Manifest::read(&stored.join("format-1-minimal.json")).unwrap();
    assert_eq!(
        (least.format, least.project_named, least.partial, least.is_good()),
        (1, false, false, false)
    );
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
        (
            "/artifacts/0/database/connection_limit",
            serde_json::json!(-5),
            "a connection limit of -5",
        ),
        (
            "/artifacts/0/database/connection_limit",
            serde_json::json!(1_u64 << 40),
            "a connection limit of 1099511627776",
        ),
        ("/artifacts/0/seconds", serde_json::json!(-1.0), "-1 seconds"),
        ("/artifacts/0/rows", serde_json::json!(-1), "expected u64"),
        ("/artifacts/0/rows", serde_json::json!(1), "1 rows in all, and "),
        ("/artifacts/0/bytes", serde_json::json!(1e30), "expected u64"),
        ("/artifacts/0/sha256", serde_json::json!(""), "must have exactly one checksum"),
        ("/format", serde_json::json!("two"), "not a manifest of db-tasks"),
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
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/manifests");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manifest.json");

    for file in [
        "format-1/shop_20261121_102946_before-v2.manifest.json",
        "format-2/backup_20261121_102953/manifest.json",
        "format-3/backup_20261128_033948/manifest.json",
        "format-4/backup_20261128_110731/manifest.json",
    ] {
        let text = Manifest::read(&stored.join(file)).unwrap().to_json();
        let wanted = covered(serde_json::from_str(&text).unwrap());
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

    let grant = |word: &str| {
        serde_json::from_value::<Grant>(serde_json::json!({ "grantee": null, "privilege": word }))
    };

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
