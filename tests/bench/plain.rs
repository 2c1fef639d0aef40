//! Dumps for people and git: what pg_dump is told, who may read the files, and what names the newest.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::drift::TWO;
use super::snapshots::same_as;
use super::{Bench, HOST, facts};

fn with(keys: &str) -> Bench {
    Bench::new(&format!("{HOST}[backup]\n{keys}"))
}

const PANTRY: &str = "name = \"{database}_{timestamp}.{ext}\"\ntimestamp = \
                      \"%Y-%m-%d_%H-%M-%S\"\ncompress = \"none\"\npg-dump-args = [\"--no-owner\", \
                      \"--no-privileges\", \"--if-exists\", \"--clean\"]\nmode = \"0640\"\nlatest = \
                      \"symlink\"\nform = \"stable\"\nkey-order = [\"*\"]\n";

fn dumps(bench: &Bench) -> Vec<Vec<String>> {
    let calls = bench.calls().into_iter().map(|call| call.argv);
    calls.filter(|argv| argv[0].ends_with("pg_dump")).filter(|argv| argv.len() > 3).collect()
}

#[test]
fn a_dry_run_shows_all_of_it() {
    let bench = with(&PANTRY.replace("timestamp = \"%Y-%m-%d_%H-%M-%S\"\n", ""));
    same_as("backup-plain", &bench.run(&["db-backup", "--dry-run", "--verbose"]).exits(0).out);
}

#[test]
fn pg_dump_gets_the_options_except_for_what_must_be_whole() {
    let mut bench = with("pg-dump-args = [\"-O\", \"-x\", \"--exclude-table-data\", \"logs\"]\n");
    let said = bench.run(&["db-backup"]).exits(0);
    assert!(said.err.contains("PARTIAL: `pg-dump-args` leaves out the rows of `logs`"), "{said:?}");
    assert!(said.err.contains("leaves out its owners and rights"), "{said:?}");
    let told = &dumps(&bench)[0];
    for option in ["--no-owner", "--no-privileges", "--exclude-table-data=logs"] {
        assert!(told.iter().any(|word| word == option), "{told:?}");
    }

    // it is none to rely on
    assert!(bench.run(&["db-list"]).exits(0).out.contains("partial"));
    bench.run(&["db-restore", "--latest", "--yes"]).exits(1).tells("no good backup");
    let name = bench.names_in("backups").into_iter().find(|n| n.ends_with(".zst")).unwrap();
    let shown = bench.run(&["db-info", &name]).exits(0).out;
    assert!(shown.contains("--no-owner --no-privileges --exclude-table-data=logs"), "{shown}");
    bench.learn_counts();
    let plan = bench.run(&["db-restore", &name, "--dry-run"]).exits(0).out;
    assert!(plan.contains("made without owners and rights (`pg-dump-args`)"), "{plan}");
    assert!(plan.contains("what it makes will belong to `"), "{plan}");

    // what comes before a wipe, and what saves a damaged database, is whole and private
    bench.forget_calls();
    bench.env("ALLOW_DATABASE_WIPE", "true");
    bench.run(&["db-wipe", "--backup", "--yes"]).exits(0);
    let told = dumps(&bench);
    assert!(!told.is_empty());
    assert!(!told.iter().flatten().any(|word| word.starts_with("--no-")), "{told:?}");
}

/// What is left out is left out of both: the second dump is as little as the first.
#[test]
fn a_partial_dump_that_has_not_changed_is_not_kept_twice() {
    let keys = "form = \"stable\"\npg-dump-args = [\"--exclude-table-data=logs\"]\n";
    let bench = with(keys);
    let dumps = |bench: &Bench| {
        bench.names_in("backups").iter().filter(|name| name.ends_with(".zst")).count()
    };
    bench.run(&["db-backup"]).exits(0);
    bench.run(&["db-backup"]).exits(0).tells("nothing has changed since");
    assert_eq!(dumps(&bench), 1);

    // a whole one is another one
    bench.file("db-tasks.toml", format!("{HOST}[backup]\nform = \"stable\"\n"));
    bench.run(&["db-backup"]).exits(0);
    assert_eq!(dumps(&bench), 2);
    bench.run(&["db-backup"]).exits(0).tells("nothing has changed since");
    assert_eq!(dumps(&bench), 2);
}

/// They may hold secrets, and a restore needs them: they are in the manifest.
#[test]
fn settings_that_others_may_read_are_named() {
    let mut told = facts("app");
    told["databases"][0]["settings"] = json!([{ "name": "shop.api_key", "value": "s3cr3t" }]);
    for (keys, is_told) in [("mode = \"0640\"\n", true), ("form = \"stable\"\n", true), ("", false)]
    {
        let bench = with(keys);
        bench.facts("app", told.clone());
        let said = bench.run(&["db-backup", "--dry-run"]).exits(0).out;
        let words = "whoever may read the manifest sees the values of settings of `app`: \
                     `shop.api_key`";
        assert_eq!(said.contains(words), is_told, "{said}");
        assert!(!said.contains("s3cr3t"));
    }
}

#[test]
fn what_can_not_be_said_is_refused_with_the_way_out() {
    for (keys, words) in [
        ("pg-dump-args = [\"--clean\"]\n", "add \"--if-exists\""),
        ("pg-dump-args = [\"--jobs=4\"]\n", "a plain dump is one stream"),
        ("mode = 640\n", "rights in octal, in quotes, like \"0640\""),
        ("mode = 0o640\n", "rights in octal, in quotes, like \"0640\""),
        ("mode = \"0666\"\n", "everybody could change the backups"),
        ("latest = \"copy\"\n", "use `symlink`, `hard-link` or `pointer`"),
        ("latest = \"hard-link\"\nname = \"b_{timestamp}/{store}.{ext}\"\n", "no second name"),
        ("form = \"pretty\"\n", "use `as-dumped` or `stable`"),
        ("key-order = [\"a\"]\npg-dump-args = [\"--inserts\"]\n", "exclude each other"),
        ("key-order = [\"a.b.c\"]\n", "is not a table name"),
    ] {
        let said = with(keys).run(&["db-backup", "--dry-run"]).exits(2);
        assert!(said.err.contains(words), "{keys}: {said:?}");
    }
}

#[test]
fn a_mode_is_for_the_backup_and_not_for_what_is_whole() {
    let mut bench = with("mode = \"0640\"\n");
    bench.with_backup();
    bench.run(&["db-verify"]).exits(0);
    bench.env("ALLOW_DATABASE_WIPE", "true");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    bench.run(&["db-wipe", "--backup", "--yes"]).exits(0);

    let modes: Vec<u32> = bench
        .files()
        .into_iter()
        .filter(|(name, _)| name.starts_with("backups/") && !name.contains("notes"))
        .map(|(_, mode)| mode)
        .collect();
    assert_eq!(modes, [0o640, 0o640, 0o600, 0o600]);
    assert_eq!(bench.files()["backups"], 0o700);

    let set = Bench::new(&TWO.replace("[backup]\n", "[backup]\nmode = \"0644\"\n"));
    set.facts("app2", facts("app2"));
    set.run(&["db-backup"]).exits(0);
    let files = set.files();
    let of = |end: &str| files.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
    assert_eq!((*of("main.sql.zst"), *of("manifest.json")), (0o644, 0o644));
    let folder = files.iter().find(|(name, _)| name.starts_with("backups/set_")).unwrap();
    assert_eq!(*folder.1, 0o755);
}

/// The newest backup, and what the link in the folder says.
fn newest(bench: &Bench) -> String {
    let names = bench.names_in("backups").into_iter();
    let dumps = names.filter(|name| name.starts_with("app_") && name.ends_with(".sql"));
    // two in one second have a counter
    dumps.max_by_key(|name| (name[..19].to_owned(), name.len())).unwrap()
}

#[test]
fn each_kind_of_name_leads_to_the_newest_and_is_no_backup_itself() {
    for (kind, name) in
        [("symlink", "latest.sql"), ("hard-link", "latest.sql"), ("pointer", "latest.txt")]
    {
        let bench = with(&format!("compress = \"none\"\nlatest = \"{kind}\"\nmin-keep = 0\n"));
        let path = bench.dir.join("backups").join(name);
        for _ in 0..2 {
            bench.run(&["db-backup"]).exits(0);
            let (newest, named) = (newest(&bench), db_tasks::bundle::latest::named_by(&path));
            assert_eq!(named, Some(bench.dir.join("backups").join(&newest)), "{kind}");
            assert!(!newest.starts_with("latest"), "{kind}");
        }
        assert_eq!(bench.run(&["db-list", "--names"]).exits(0).out.lines().count(), 2, "{kind}");

        // it is a name of the backup wherever one is typed
        bench.learn_counts();
        bench.run(&["db-verify", name]).exits(0);
        let file = format!("backups/{name}");
        for words in [[name].as_slice(), &["--file", &file], &["latest"]] {
            let args: Vec<&str> =
                ["db-restore", "--dry-run"].iter().chain(words).copied().collect();
            let said = bench.run(&args).exits(0);
            assert!(said.out.contains("rows as in the manifest"), "{kind} {words:?}: {said:?}");
        }
        assert!(!bench.run(&["db-adopt", "--dry-run"]).out.contains(name), "{kind}");

        // a failed one may go, and its name goes with it
        let bad = bench.dir.join("backups").join(newest(&bench));
        let manifest = bad.with_extension("manifest.json");
        fs::write(&bad, fs::read_to_string(&bad).unwrap().replace("1\t", "2\t")).unwrap();
        bench.run(&["db-verify", name]).exits(1);
        let text = fs::read_to_string(&manifest).unwrap();
        let year = text.split("\"created\": \"").nth(1).unwrap()[..4].to_owned();
        fs::write(&manifest, text.replacen(&year, "2001", 1)).unwrap();
        fs::remove_file(manifest.with_extension("notes.json")).unwrap();
        bench.run(&["db-verify", name]).exits(1);
        bench.run(&["db-cleanup", "--keep-days", "1", "--min-keep", "0", "--yes"]).exits(0);
        assert!(!bad.exists() && path.symlink_metadata().is_err(), "{kind}");
    }
}

/// Puts something in the place of a name.
type Plant = fn(&Path);

#[test]
fn what_is_not_a_name_of_ours_stays() {
    let plant: [(&str, &str, Plant); 4] = [
        ("symlink", "latest.sql", |at| fs::write(at, "SELECT 1;").unwrap()),
        ("symlink", "latest.sql", |at| symlink("../precious.sql", at).unwrap()),
        ("hard-link", "latest.sql", |at| fs::write(at, "SELECT 1;").unwrap()),
        ("pointer", "latest.txt", |at| fs::write(at, "a letter\nof two lines\n").unwrap()),
    ];
    for (kind, name, plant) in plant {
        let bench = with(&format!("compress = \"none\"\nlatest = \"{kind}\"\n"));
        bench.file("precious.sql", "SELECT 2;");
        fs::create_dir(bench.dir.join("backups")).unwrap();
        let path = bench.dir.join("backups").join(name);
        plant(&path);
        let (bytes, link) = (fs::read(&path).unwrap(), fs::read_link(&path).ok());

        let said = bench.run(&["db-backup"]).exits(0);
        assert!(said.err.contains(&format!("warning: `{name}` stays as it is")), "{said:?}");
        assert_eq!((fs::read(&path).unwrap(), fs::read_link(&path).ok()), (bytes, link), "{kind}");
        assert_eq!(bench.names_in("backups").iter().filter(|n| n.contains("partial")).count(), 0);

        // and what it leads to is never one of this folder's
        bench.run(&["db-cleanup", "--keep-days", "1", "--min-keep", "0", "--yes"]).exits(0);
        assert_eq!(fs::read_to_string(bench.dir.join("precious.sql")).unwrap(), "SELECT 2;");
    }
}

#[test]
fn only_a_whole_good_backup_is_named() {
    let toml = format!("{HOST}[backup]\nlatest = \"pointer\"\n[guards.ratchet]\nmin-records = 1\n");
    let mut bench = Bench::new(&toml);
    bench.with_backup();
    let good = bench.names_in("backups").into_iter().find(|name| name.ends_with(".zst")).unwrap();
    let named = |bench: &Bench| {
        let text = fs::read_to_string(bench.dir.join("backups/latest.txt")).unwrap();
        text.trim_end().to_owned()
    };
    assert_eq!(named(&bench), good);
    assert_eq!(bench.files()["backups/latest.txt"], 0o644);

    bench.stage(
        "dump.sql",
        "--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database \
        dump complete\n--\n\n",
    );
    bench.run(&["db-backup"]).exits(7);
    assert_eq!(named(&bench), good);
    bench.env("ALLOW_DATABASE_WIPE", "true");
    bench.stage("dump.sql", super::DUMP);
    bench.run(&["db-wipe", "--backup", "--yes"]).exits(0);
    assert_eq!(named(&bench), good);

    // another way of naming it takes the old one's place
    let toml = toml.replace("pointer", "symlink");
    bench.file("db-tasks.toml", toml);
    bench.run(&["db-backup"]).exits(0);
    assert!(!bench.dir.join("backups/latest.txt").exists());
    assert!(bench.dir.join("backups/latest.sql.zst").is_file());
}

#[test]
fn databases_of_one_folder_have_a_name_each_and_a_set_has_one() {
    let named = |toml: &str, words: &[&str]| {
        let bench = Bench::new(toml);
        bench.facts("app2", facts("app2"));
        let said = bench.run(&[&["db-backup"], words].concat()).exits(0).err;
        let links = fs::read_dir(bench.dir.join("backups")).unwrap().flatten();
        let names = links.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("latest")).collect();
        names.sort();
        (names, said)
    };

    let set = TWO.replace("[backup]\n", "[backup]\nlatest = \"symlink\"\n");
    assert_eq!(named(&set, &[]).0, ["latest"]);
    let bench = Bench::new(&set);
    bench.facts("app2", facts("app2"));
    bench.run(&["db-backup"]).exits(0);
    bench.learn_counts();
    let plan = bench.run(&["db-restore", "latest", "--dry-run"]).exits(0).out;
    assert!(plan.contains("rows as in the manifest"), "{plan}");
    bench.run(&["db-info", "latest"]).exits(0);
    let (names, said) = named(&set, &["--only", "more"]);
    assert!(names.is_empty() && said.contains("`latest` stays as it is"), "{names:?} {said}");

    let flat = set.replace("set_{timestamp}/{store}.{ext}", "{database}_{timestamp}.{ext}");
    assert_eq!(named(&flat, &[]).0, ["latest-main.sql.zst", "latest-more.sql.zst"]);
    assert_eq!(named(&flat, &["--only", "more"]).0, ["latest-more.sql.zst"]);
}

/// The backups of a bench, oldest first.
fn kept(bench: &Bench) -> Vec<String> {
    let mut names = bench.names_in("backups");
    names.retain(|name| name.ends_with(".sql") && name != "latest.sql");
    names
}

/// Another state of the database: a row is missing.
fn without_a_row() -> String {
    let (before, rows) = super::DUMP.split_once("FROM stdin;\n").unwrap();
    let (_, fewer) = rows.split_once('\n').unwrap();
    format!("{before}FROM stdin;\n{fewer}")
}

#[test]
fn what_was_backed_up_before_another_state_is_backed_up_again() {
    let bench = with(PANTRY);
    bench.run(&["db-backup"]).exits(0);
    bench.run(&["db-backup"]).exits(0).tells("nothing has changed since");
    assert_eq!(kept(&bench).len(), 1);

    bench.stage("dump.sql", without_a_row());
    bench.run(&["db-backup", "--label", "try"]).exits(0);
    bench.stage("dump.sql", super::DUMP);
    let third = bench.run(&["db-backup"]).exits(0).out;
    assert_eq!(kept(&bench).len(), 3, "the newest good one is of the state of now");

    let latest = fs::read_link(bench.dir.join("backups/latest.sql")).unwrap();
    assert!(third.trim().ends_with(latest.to_str().unwrap()), "{third}");
    let last = bench.run(&["db-status"]).exits(0).out;
    assert!(last.contains(&format!("last backup  {}", latest.display())), "{last}");
}

#[test]
fn what_stays_in_place_of_a_new_one_is_not_removed_and_is_as_young() {
    let bench = with(PANTRY);
    bench.run(&["db-backup"]).exits(0);
    let name = bench.names_in("backups").into_iter().find(|n| n.ends_with(".json")).unwrap();
    let mut manifest = bench.manifest(&format!("backups/{name}"));
    manifest["created"] = json!("2020-01-16T22:45:00Z");
    bench.file(&format!("backups/{name}"), manifest.to_string());

    for rules in ["keep-days = 0\nmin-keep = 0\nkeep-last = 1\n", "keep-days = 30\nmin-keep = 1\n"]
    {
        bench.file("db-tasks.toml", format!("{HOST}[backup]\n{PANTRY}{rules}"));
        bench.run(&["db-backup"]).exits(0).tells("nothing has changed since");
        assert_eq!(kept(&bench).len(), 1, "{rules}");
    }

    // it was the state of today: five others of today do not make it an old one
    bench.stage("dump.sql", without_a_row());
    for _ in 0..5 {
        bench.run(&["db-backup", "--label", "try"]).exits(0);
    }
    assert_eq!(kept(&bench).len(), 6);
}

#[test]
fn a_kept_file_that_was_changed_is_found_by_the_next_backup() {
    let bench = with(PANTRY);
    bench.run(&["db-backup"]).exits(0);
    let first = kept(&bench).remove(0);
    let path = bench.dir.join("backups").join(&first);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();

    bench.run(&["db-backup"]).exits(0);
    assert_eq!(kept(&bench).len(), 2);
    let list = bench.run(&["db-list"]).exits(0).out;
    let line = list.lines().find(|line| line.starts_with(&first)).unwrap();
    assert!(line.contains("failed"), "{list}");
}
