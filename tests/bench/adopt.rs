//! Dumps of other tools, taken among the backups.

use std::fs;
use std::io::Write;

use serde_json::Value;

use super::{Bench, DUMP, HOST};
use crate::support::said::Said;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A project with a folder of old dumps.
fn with_dumps(toml: &str, names: &[&str]) -> Bench {
    let bench = Bench::new(toml);
    for name in names {
        let text = if name.ends_with(".gz") { gzip(DUMP) } else { DUMP.into() };
        bench.file(&format!("backups/{name}"), text);
    }
    bench
}

/// What `db-list` says of each: its state, and its rows.
fn listed(bench: &Bench) -> Vec<(String, String, Value)> {
    let list = bench.run(&["db-list", "--json"]).exits(0).out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = list["backups"].as_array().unwrap();
    all.iter().map(|b| (text(&b["name"]), text(&b["state"]), b["rows"].clone())).collect()
}

fn states(bench: &Bench) -> Vec<String> {
    listed(bench).into_iter().map(|(name, state, _)| format!("{name} {state}")).collect()
}

/// Runs it, and it prints just this.
#[track_caller]
fn says(bench: &Bench, args: &[&str], out: &str) -> Said {
    let said = bench.run(args).exits(0);
    assert_eq!(said.out, out, "{said:?}");
    said
}

fn rules(bench: &Bench, words: &[&str]) -> Said {
    bench.run(&[&["db-cleanup", "--dry-run"], words].concat()).exits(0)
}

#[test]
fn an_adopted_dump_is_a_backup_of_the_day_in_its_name() {
    let names = ["app-2026-01-16.22.45.sql.gz", "app-2026-01-17.22.45.sql"];
    let bench = with_dumps(HOST, &names);
    let bytes = || names.map(|name| fs::read(bench.dir.join("backups").join(name)).unwrap());
    let before = bytes();

    let dry = bench.run(&["db-adopt", "--dry-run"]).exits(0);
    assert!(dry.out.contains("adopt 2 files"), "{dry:?}");
    assert_eq!(bench.names_in("backups").len(), 2, "a dry run writes nothing");

    says(&bench, &["db-adopt"], "2 files adopted\n");
    bench.run(&["db-backup"]).exits(0);

    let ours = listed(&bench);
    let [(_, _, made), (second, _, later), (first, state, earlier)] = &ours[..] else {
        panic!("{ours:?}")
    };
    assert_eq!((second.as_str(), first.as_str()), (names[1], names[0]));
    assert_eq!((made, made), (later, earlier), "as many rows as in a backup of our own");
    assert_eq!(state, "verified");

    let manifest = bench.manifest("backups/app-2026-01-16.22.45.manifest.json");
    assert_eq!(manifest["created"], "2026-01-16T22:45:00Z");
    assert_eq!(manifest["reason"], "adopted");
    let info = bench.run(&["db-info", names[0]]).exits(0).out;
    assert!(info.contains("made by      another tool; adopted by db-tasks"), "{info}");

    assert!(bytes() == before, "the files stay as they are");

    bench.run(&["db-verify", names[0]]).exits(0);
    says(&bench, &["db-adopt"], "nothing to adopt: every backup has its manifest\n");
}

#[test]
fn a_damaged_dump_stays_foreign_and_the_others_are_adopted() {
    let bench = with_dumps(HOST, &["a.sql", "c.sql.gz"]);
    bench.file("backups/b.sql", &DUMP[..DUMP.len() / 2]);
    let mut cut = gzip(DUMP);
    cut.truncate(cut.len() - 12);
    bench.file("backups/d.sql.gz", cut);

    let said = bench.run(&["db-adopt"]).exits(1).has_three_parts();
    assert!(said.err.contains("2 of these failed; the others are done"), "{said:?}");
    assert!(said.err.contains("`b.sql`: ") && said.err.contains("`d.sql.gz`: "), "{said:?}");

    let mut found = states(&bench);
    found.sort();
    assert_eq!(found, ["a.sql verified", "b.sql foreign", "c.sql.gz verified", "d.sql.gz foreign"]);
    let names = bench.names_in("backups");
    assert!(names.iter().all(|name| !name.ends_with(".partial")), "{names:?}");

    let said = bench.run(&["db-adopt", "b.sql"]).exits(1).has_three_parts();
    assert!(said.err.contains("error: `b.sql`: "), "{said:?}");
}

/// One that lacks its rows must never let a whole one go.
#[test]
fn half_a_dump_counts_as_partial() {
    let toml = format!("{HOST}[backup]\nkeep-days = 30\nmin-keep = 0\n");
    let bench = with_dumps(&toml, &["whole-2026-01-01.sql"]);
    let end = "--\n-- PostgreSQL database dump complete\n--\n\n";
    let head = "--\n-- PostgreSQL database dump\n--\n\n";
    let halves = [
        ("schema-2026-01-02.sql", "CREATE TABLE public.a (id integer);\n"),
        ("data-2026-01-03.sql", "COPY public.a (id) FROM stdin;\n1\n2\n\\.\n"),
        ("nothing-2026-01-04.sql", "SET client_encoding = 'UTF8';\n"),
    ];
    for (name, text) in halves {
        bench.file(&format!("backups/{name}"), format!("{head}{text}{end}"));
    }

    bench.run(&["db-adopt", "--yes"]).exits(0);
    let partial = halves.iter().rev().map(|(name, _)| format!("{name} partial"));
    let all: Vec<String> = partial.chain(["whole-2026-01-01.sql verified".into()]).collect();
    assert_eq!(states(&bench), all);

    let said = rules(&bench, &[]).out;
    assert!(said.contains("keeps whole-2026-01-01.sql: the last good backup"), "{said}");
}

#[test]
fn what_cannot_be_adopted_is_said() {
    let bench = with_dumps(HOST, &["app.sql", "app.sql.gz"]);
    bench.file("backups/old.sql.xz", b"\xfd7zXZ\0\0\0");
    bench.file("backups/custom.dump", b"PGDMP\x01\x0f\x00");

    let said = says(&bench, &["db-adopt"], "1 file adopted\n").err;
    assert!(said.contains("leaves old.sql.xz: "), "{said}");
    assert!(said.contains("xz -dk"), "{said}");
    assert!(said.contains("leaves custom.dump: "), "{said}");
    assert!(said.contains("where its manifest goes, is another file's"), "{said}");

    // the other one of that name can't have the manifest that is there by now
    let said = bench.run(&["db-adopt", "app.sql*"]).exits(1).has_three_parts().err;
    assert!(said.contains("none of these files can be adopted"), "{said}");

    for (pattern, exit, tells) in [
        ("nothing_*", 2, "no file without a manifest is called"),
        ("", 2, "no file without a manifest is called"),
        ("[a", 2, "is no pattern"),
        ("../*", 2, "no file without a manifest is called"),
    ] {
        bench.run(&["db-adopt", pattern]).exits(exit).tells(tells).has_three_parts();
    }
}

/// `db-backup` removes by the keep rules, too: nobody should learn that from an empty folder.
#[test]
fn it_asks_where_the_keep_rules_will_remove_some() {
    let toml = format!("{HOST}[backup]\nkeep-days = 30\nmin-keep = 1\n");
    let names = ["app-2025-01-01.sql", "app-2025-01-02.sql"];
    let bench = with_dumps(&toml, &names);

    let said = bench.run(&["db-adopt"]).exits(3).has_three_parts().err;
    let goes = "by the keep rules, the next `db-backup` or `db-cleanup` removes \
                app-2025-01-01.sql";
    assert!(said.contains(goes) && said.contains("--yes"), "{said}");
    assert!(!said.contains("removes app-2025-01-02.sql"), "{said}");
    assert_eq!(bench.names_in("backups"), names);

    bench.run(&["db-adopt", "--yes", "--label", "old"]).exits(0);
    let said = rules(&bench, &[]).out;
    assert!(said.contains("remove  backup, "), "{said}");
    assert!(said.contains("keeps app-2025-01-02.sql: the last good backup"), "{said}");

    // a label gives them rules of their own
    let kept = format!("{toml}[retention.old]\nlabels = [\"old\"]\nkeep-last = 9\n");
    bench.file("db-tasks.toml", kept);
    let said = rules(&bench, &[]).out;
    assert!(said.contains("keeps app-2025-01-01.sql: one of the last 9"), "{said}");
}

#[test]
fn in_a_shared_folder_it_takes_what_is_named() {
    let shared = tempfile::tempdir().unwrap();
    let dir = shared.path().display();
    let bench = Bench::new(&format!("{HOST}[backup]\ndir = \"{dir}\"\n"));
    for name in ["app_1.sql", "theirs_1.sql"] {
        fs::write(shared.path().join(name), DUMP).unwrap();
    }

    let said = bench.run(&["db-adopt"]).exits(2).has_three_parts();
    assert!(said.err.contains("is outside this project"), "{said:?}");
    says(&bench, &["db-adopt", "app_*"], "1 file adopted\n");
    assert!(!shared.path().join("theirs_1.manifest.json").exists());
}

#[test]
fn a_project_of_several_databases_is_asked_which() {
    let toml = format!(
        "{HOST}[databases.more]\npostgres = {{ host = \"localhost\", database = \"app2\" }}\n"
    );
    let bench = with_dumps(&toml, &["app.sql"]);
    bench.run(&["db-adopt"]).exits(2).tells("more than one database");
    bench.run(&["db-adopt", "--database", "more"]).exits(0);
    assert_eq!(bench.manifest("backups/app.manifest.json")["artifacts"][0]["store"], "more");
}

/// A file of another tool may be of one table, or of another database: nobody can tell.
#[test]
fn an_adopted_dump_replaces_no_backup_of_ones_own() {
    let toml = format!("{HOST}[backup]\nkeep-days = 30\nmin-keep = 1\n");
    let bench = Bench::new(&toml);
    let name = bench.with_backup();
    let path = format!("backups/{}", name.replace(".sql.zst", ".manifest.json"));
    let mut manifest = bench.manifest(&path);
    manifest["created"] = "2025-01-01T00:00:00Z".into();
    bench.file(&path, manifest.to_string());
    for day in ["2025-01-02", "2025-01-03"] {
        bench.file(&format!("backups/one-{day}.sql"), DUMP);
    }

    bench.run(&["db-adopt", "--yes"]).exits(0);
    let said = bench.run(&["db-cleanup", "--yes"]).exits(0).err;
    assert!(said.contains("keeps app_[STAMP].sql.zst: the last good backup of `app`"), "{said}");
    assert!(bench.names_in("backups").contains(&name));
    assert!(!bench.names_in("backups").contains(&"one-2025-01-02.sql".to_owned()));
}

/// Also those of one's own that go because of it.
#[test]
fn what_goes_because_of_an_adopted_dump_is_said() {
    let toml = format!("{HOST}[backup]\nkeep-days = 30\nmin-keep = 2\n");
    let bench = Bench::new(&toml);
    for day in ["2025-01-01", "2025-01-02"] {
        bench.file(&format!("backups/old-{day}.sql"), DUMP);
    }
    bench.run(&["db-adopt"]).exits(0);

    bench.file("backups/new-2025-01-03.sql", DUMP);
    let said = bench.run(&["db-adopt"]).exits(3).has_three_parts().err;
    assert!(said.contains("removes old-2025-01-01.sql: "), "{said}");
}

/// A file that claims to be of next year would be the newest one for as long.
#[test]
fn a_dump_of_the_future_is_left() {
    let bench = with_dumps(HOST, &["ahead.sql", "app.sql"]);
    let ahead = fs::File::open(bench.dir.join("backups/ahead.sql")).unwrap();
    let day = std::time::Duration::from_hours(24);
    ahead.set_modified(std::time::SystemTime::now() + 3 * day).unwrap();

    let said = says(&bench, &["db-adopt"], "1 file adopted\n").err;
    assert!(said.contains("leaves ahead.sql: it is dated in the future"), "{said}");

    // a clock that is a little ahead, or another time zone
    ahead.set_modified(std::time::SystemTime::now() + day / 2).unwrap();
    says(&bench, &["db-adopt"], "1 file adopted\n");
}
