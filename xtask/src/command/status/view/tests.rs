use chrono::Duration;

use super::*;
use crate::bundle::{Kind, Manifest};
use crate::config::{Dotenv, Env, load};

fn now() -> DateTime<Utc> {
    "2026-01-16T22:45:00Z".parse().unwrap()
}

/// Of `main`, so old, and what is known of it.
fn backup(minutes: i64, change: impl Fn(&mut Manifest)) -> Backup {
    let text = include_str!("../../../../../tests/data/manifests/format-1-minimal.json");
    let mut manifest = Manifest::parse(text).unwrap();
    change(&mut manifest);

    let created = now() - Duration::minutes(minutes);
    let kind = Kind::Ours(Box::new(manifest));

    Backup {
        name: "b".into(),
        path: "b".into(),
        manifest_path: None,
        created,
        bytes: 1,
        other_project: None,
        kind,
    }
}

#[test]
fn a_table_of_old_and_missing_backups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db-tasks.toml");
    std::fs::write(&path, "[databases.main]\npostgres = { database = \"app\" }\n").unwrap();

    let (project, _) = load(&path, Env::default(), Dotenv::Ignore).unwrap();
    let good = |minutes| backup(minutes, |_| ());
    let of_other = |minutes| Backup { other_project: Some("blog".into()), ..good(minutes) };

    let failed = |m: &mut Manifest| {
        m.verified.push(crate::bundle::Verification {
            when: now(),
            how: "quick".into(),
            good: false,
        });
    };

    let none = Some("main: no good backup");
    let old = Some("main: the last good backup is 2 days old, 24 h are allowed");

    for (backups, hours, problem) in [
        (vec![], 24, none),
        (vec![good(0)], 24, None),
        (vec![good(24 * 60)], 24, None),
        (
            vec![good(24 * 60 + 1)],
            24,
            Some("main: the last good backup is 24 h old, 24 h are allowed"),
        ),
        (vec![good(48 * 60)], 24, old),
        (vec![good(48 * 60)], 48, None),
        (vec![good(61)], 1, Some("main: the last good backup is 1 h old, 1 h are allowed")),
        // a new one that is none does not hide the old one
        (vec![backup(5, |m| m.partial = true), good(48 * 60)], 24, old),
        (vec![backup(5, failed), good(48 * 60)], 24, old),
        (vec![backup(5, |m| m.artifacts[0].store = "side".into()), good(48 * 60)], 24, old),
        (vec![Backup { kind: Kind::Foreign, ..good(5) }], 24, none),
        (
            vec![Backup { kind: Kind::Broken { why: "x".into(), manifest: None }, ..good(5) }],
            24,
            none,
        ),
        (vec![of_other(5)], 24, none),
        (vec![of_other(5), good(48 * 60)], 24, old),
    ] {
        let catalog = Catalog { dir: "d".into(), backups, ..Catalog::default() };
        let status = Status {
            project: &project,
            databases: &[],
            stores: &[],
            containers: &[],
            catalog: &catalog,
            unfinished: None,
            unsafe_journal: None,
            half_emptied: None,
            disk_left: None,
            max_age_hours: hours,
            min_rows: None,
            counts: &BTreeMap::new(),
            history: None,
            memory: &Memory::default(),
            now: now(),
        };
        let found = status.of_backups("main").map(|found| found.what);
        assert_eq!(found.as_deref(), problem, "{:?}", status.catalog.backups);
    }
}
