//! `[metrics] textfile`: what Prometheus reads after each backup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Bench, HOST};

const FILE: &str = "shop.prom";

fn bench(toml: &str) -> Bench {
    Bench::new(&format!("{toml}[metrics]\ntextfile = \"{FILE}\"\n"))
}

/// The samples of a file, by name and labels. It panics where the format's document says no: a help
/// and a type come once, before the samples of their metric; no sample comes twice.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'));
    let (mut found, mut described, mut now) = (BTreeMap::new(), BTreeSet::new(), "");

    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                assert!(described.insert(*name) && !help.is_empty(), "{line}");
                now = name;
            }
            ["#", "TYPE", name, kind] => assert!(*name == now && *kind == "gauge", "{line}"),
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let labels = series.strip_prefix(now).unwrap();
                assert!(labels.starts_with('{') && labels.ends_with('}'), "{line}");
                assert!(found.insert(series.to_owned(), value.parse().unwrap()).is_none());
            }
        }
    }

    found
}

fn read(bench: &Bench) -> BTreeMap<String, f64> {
    samples(&fs::read_to_string(bench.dir.join(FILE)).unwrap())
}

fn value(bench: &Bench, name: &str, database: &str) -> Option<f64> {
    let series = format!("db_tasks_{name}{{project=\"shop\",database=\"{database}\"}}");
    read(bench).get(&series).copied()
}

#[test]
fn after_a_backup_and_after_a_failure() {
    let bench = bench(HOST);
    bench.run(&["db-backup", "--dry-run"]).exits(0);
    assert!(!bench.dir.join(FILE).exists(), "a dry run changes nothing");

    bench.run(&["db-backup"]).exits(0);
    let manifest = bench.names_in("backups").into_iter().find(|n| n.ends_with(".json")).unwrap();
    let artifact = bench.manifest(&format!("backups/{manifest}"))["artifacts"][0].take();
    assert_eq!(value(&bench, "backup_rows", "main"), Some(53.0));
    assert_eq!(value(&bench, "backup_size_bytes", "main"), artifact["bytes"].as_f64());
    assert_eq!(value(&bench, "backup_duration_seconds", "main"), artifact["seconds"].as_f64());
    assert_eq!(value(&bench, "backups", "main"), Some(1.0));
    assert_eq!(value(&bench, "last_failure_timestamp_seconds", "main"), None);
    let success = value(&bench, "last_success_timestamp_seconds", "main").unwrap();
    assert!(success > 1.7e9, "{success}");
    let mode = fs::metadata(bench.dir.join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "the exporter is another user");

    bench.complains("pg_dump", 1, "pg_dump: error: lost\n");
    bench.run(&["db-backup"]).exits(1);
    assert!(value(&bench, "last_failure_timestamp_seconds", "main").unwrap() >= success);
    assert_eq!(value(&bench, "last_success_timestamp_seconds", "main"), Some(success));
    assert_eq!(value(&bench, "good_backups", "main"), Some(1.0));

    bench.stage("says/pg_dump.code", "0").stage("says/pg_dump.err", "");
    let failed = value(&bench, "last_failure_timestamp_seconds", "main");
    bench.run(&["db-backup", "--label", "again"]).exits(0);
    assert_eq!(value(&bench, "last_failure_timestamp_seconds", "main"), failed, "it is kept");
    assert_eq!(value(&bench, "good_backups", "main"), Some(2.0));
}

/// A server that is down leaves no manifest, and may leave no line in the audit log.
#[test]
fn a_server_that_is_down() {
    let bench = bench(HOST);
    bench.complains("psql", 2, "psql: error: connection refused\n");
    bench.run(&["db-backup"]).exits(1);
    assert!(value(&bench, "last_failure_timestamp_seconds", "main").is_some());
    assert_eq!(value(&bench, "backups", "main"), Some(0.0));
    assert_eq!(value(&bench, "last_success_timestamp_seconds", "main"), None);
}

#[test]
fn databases_that_this_run_is_not_about_keep_their_values() {
    let two = "[databases.more]\nprograms = \"../bin\"\npostgres = { database = \"app2\", user = \
               \"boss\" }\n";
    let bench = bench(&format!("{HOST}{two}"));
    bench.facts("app2", super::facts("app2"));
    bench.run(&["db-backup", "--only", "more"]).exits(0);
    let more = value(&bench, "last_success_timestamp_seconds", "more");
    assert!(more.is_some());

    bench.complains("pg_dump", 1, "pg_dump: error: lost\n");
    bench.run(&["db-backup", "--only", "main"]).exits(1);
    assert_eq!(value(&bench, "last_success_timestamp_seconds", "more"), more);
    assert_eq!(value(&bench, "last_failure_timestamp_seconds", "more"), None);
    assert!(value(&bench, "last_failure_timestamp_seconds", "main").is_some());
}

#[test]
fn what_can_not_be_written_is_told_and_fails_nothing() {
    let bench = bench(HOST);
    for (text, why) in [
        (Some("node_load1 3\n"), "it has metrics of something else"),
        (Some("db_tasks_backups{project=\"x\",database=\"y\"} 1\n"), "metrics of something else"),
        (None, "it is not a file"),
    ] {
        let file = bench.dir.join(FILE);
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => {
                fs::remove_file(&file).unwrap();
                std::os::unix::fs::symlink("elsewhere", &file).unwrap();
            }
        }
        let said = bench.run(&["db-backup", "--label", "x"]).exits(0);
        assert!(said.err.contains("warning: the metrics in `[DIR]/shop.prom`"), "{}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), text, "it is as it was");
    }

    let mut bench = Bench::new(HOST);
    bench.env("DB_TASKS_METRICS_TEXTFILE", "/nowhere/x.prom");
    assert!(bench.run(&["db-backup"]).exits(0).err.contains("`/nowhere/x.prom`"));
}

/// node_exporter reads every `*.prom`: what is half written has another name.
#[test]
fn a_full_folder_leaves_the_old_file() {
    let bench = bench(HOST);
    bench.run(&["db-backup"]).exits(0);
    let before = fs::read_to_string(bench.dir.join(FILE)).unwrap();
    fs::create_dir(bench.dir.join("shop.prom.partial")).unwrap();

    let said = bench.run(&["db-backup", "--label", "x"]).exits(0);
    assert!(said.err.contains("warning: the metrics"), "{}", said.err);
    assert_eq!(fs::read_to_string(bench.dir.join(FILE)).unwrap(), before);
}
