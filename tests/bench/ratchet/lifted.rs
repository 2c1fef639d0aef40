//! Who may lift the ratchet, what it does not stand in the way of, and several databases.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use super::{Bench, DOCUMENT, FILE, HOST, active, dump};
use crate::support::said::Said;

/// Two databases, each with a backup of its own.
const APART: &str = "[project]\nname = \"shop\"\n[databases.main]\nprograms = \"../bin\"\npostgres \
                     = { database = \"app\", user = \"boss\" }\n[databases.blog]\nprograms = \
                     \"../bin\"\npostgres = { database = \"blog\", user = \"boss\" }\n";

fn audited(bench: &Bench) -> Value {
    let text = fs::read_to_string(bench.dir.join(".db-tasks/audit.jsonl")).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn with_two(toml: &str) -> Bench {
    let bench = Bench::new(toml);
    let mut facts = super::super::facts("app");
    let blog = super::super::database_facts("blog", 16390);
    facts["databases"].as_array_mut().unwrap().push(blog);
    bench.facts("app", facts.clone()).facts("blog", facts);
    bench.during_dump(
        "case \"$*\" in *blog*) cat \"$bench/blog.sql\"; exit 0 ;; esac\ncase \"$PGDATABASE\" in \
         blog) cat \"$bench/blog.sql\"; exit 0 ;; esac\n",
    );
    bench
}

fn both(bench: &Bench, app: usize, blog: usize, words: &[&str]) -> Said {
    bench.stage("blog.sql", dump(&[("public.posts", blog)]));
    bench.back_up_with(&[("public.orders", app)], words)
}

#[test]
fn fewer_are_accepted_on_a_word() {
    let bench = active("tables = [\"orders\"]\n");
    bench.back_up(&[("public.orders", 300)]).exits(0);
    assert_eq!(audited(&bench)["shrink_accepted_by"], Value::Null);

    let said = bench.back_up_with(&[("public.orders", 3)], &["--accept-shrink"]).exits(0);
    assert!(said.err.contains("fewer records are accepted, by `--accept-shrink`"), "{said:?}");
    assert!(said.err.contains("`app`: 3 rows in all, it had 300"), "{said:?}");
    assert_eq!(audited(&bench)["shrink_accepted_by"], "--accept-shrink");
    assert_eq!(bench.ratchet()["max_record_count"], 3);
    assert_eq!(bench.ratchet()["tables"], json!({ "public.orders": 3 }));
    assert_eq!(bench.states(), ["verified", "verified"]);

    // it is lowered, and not off
    bench.back_up(&[("public.orders", 3)]).exits(7);
    let bench = Bench::new(HOST);
    let said = bench.back_up_with(&[], &["--accept-shrink"]).exits(0);
    assert!(said.err.contains("--accept-shrink does nothing here"), "{said:?}");
}

#[test]
fn the_variable_counts_in_the_environment_alone() {
    let mut bench = active("");
    bench.file(".env", "ALLOW_EMPTY_SQL_DUMP=true\n");
    let said = bench.back_up(&[]).exits(7);
    assert!(said.err.contains("ALLOW_EMPTY_SQL_DUMP is set in `.env`, and ignored"), "{said:?}");

    // a shell that sourced the file exports it
    bench.env("ALLOW_EMPTY_SQL_DUMP", "true").back_up(&[]).exits(7);
    fs::remove_file(bench.dir.join(".env")).unwrap();
    bench.env("ALLOW_EMPTY_SQL_DUMP", "false").back_up(&[]).exits(7);
    let said = bench.env("ALLOW_EMPTY_SQL_DUMP", "true").back_up(&[]).exits(0);
    assert!(said.err.contains("accepted, by `ALLOW_EMPTY_SQL_DUMP`"), "{said:?}");
    assert_eq!(audited(&bench)["shrink_accepted_by"], "ALLOW_EMPTY_SQL_DUMP");
    assert_eq!(bench.ratchet()["max_record_count"], 0);

    let mut bench = Bench::new(HOST);
    let said = bench.env("ALLOW_EMPTY_SQL_DUMP", "true").back_up(&[]).exits(0);
    assert!(said.err.contains("ALLOW_EMPTY_SQL_DUMP does nothing here"), "{said:?}");
}

#[test]
fn a_file_that_cant_be_used_is_refused_before_anything_begins() {
    let bench = active("");
    let path = bench.file(FILE, DOCUMENT).dir.join(FILE);
    fs::write(&path, "{ \"max_record_count\": ").unwrap();
    let before = bench.files();
    for words in [&[][..], &["--dry-run"]] {
        let said = bench.back_up_with(&[("public.orders", 300)], words).exits(3).has_three_parts();
        assert!(said.err.contains(".record_count_ratchet` can't be used"), "{said:?}");
        assert!(said.err.contains("`db-backup --accept-shrink`"), "{said:?}");
    }
    assert_eq!(bench.files(), before);
    bench.back_up_with(&[("public.orders", 300)], &["--accept-shrink"]).exits(0);
    assert_eq!(bench.ratchet()["max_record_count"], 300);

    // nothing outside the folder is read or written by way of a link
    fs::rename(&path, bench.dir.join("elsewhere")).unwrap();
    symlink("../elsewhere", &path).unwrap();
    let said = bench.back_up(&[("public.orders", 400)]).exits(3);
    assert!(said.err.contains("it is a link"), "{said:?}");

    let other = json!({ "max_record_count": 1, "project": "other" }).to_string();
    fs::remove_file(&path).unwrap();
    fs::write(&path, other).unwrap();
    let said = bench.back_up(&[("public.orders", 400)]).exits(3).has_three_parts();
    assert!(said.err.contains("are of the project `other`"), "{said:?}");
}

#[test]
fn a_file_that_cant_be_written_spoils_no_backup() {
    let bench = active("");
    // its partial name is taken by a folder, which is no file of ours
    fs::create_dir_all(bench.dir.join(format!("{FILE}.partial/x"))).unwrap();
    let toml = format!("{HOST}[backup]\ndir = \"{}\"\n[guards.ratchet]\n", "backups");
    bench.file("db-tasks.toml", toml);
    bench.during_dump(&format!("mkdir -p {}/{FILE}.partial/x\n", bench.dir.display()));

    let said = bench.back_up(&[("public.orders", 300)]).exits(0);
    assert!(said.err.contains("the record counts could not be noted in"), "{said:?}");
    assert!(!bench.dir.join(FILE).exists());
    assert_eq!(bench.states(), ["verified"]);
}

#[test]
fn nothing_that_backs_up_first_is_held_up() {
    let mut bench = active("");
    bench.back_up(&[("public.orders", 300)]).exits(0);
    let old = bench.ratchet();

    bench.stage("dump.sql", dump(&[("public.orders", 0)]));
    bench.env("ALLOW_DATABASE_WIPE", "true").run(&["db-wipe", "--backup", "--yes"]).exits(0);
    assert_eq!((bench.ratchet(), bench.shrunken().len()), (old, 0));
    assert_eq!(bench.states(), ["verified", "verified"]);

    // not even by a file that can't be used
    bench.file(FILE, "nonsense").run(&["db-wipe", "--backup", "--yes"]).exits(0);
    assert_eq!(fs::read_to_string(bench.dir.join(FILE)).unwrap(), "nonsense");
    assert_eq!(bench.shrunken().len(), 0);
}

#[test]
fn old_backups_and_hooks_of_success_wait_for_a_good_one() {
    let hooks = "[hooks]\nafter-backup = [\"migrator\", \"after\"]\nfailed-backup = \
                 [\"migrator\", \"failed\"]\n";
    let keep = "[backup]\nkeep-days = 0\nmin-keep = 0\nkeep-last = 1\n";
    let bench = Bench::new(&format!("{HOST}{keep}{hooks}[guards.ratchet]\n"));
    let first = bench.back_up(&[("public.orders", 300)]).exits(0).out;
    bench.back_up(&[("public.orders", 300)]).exits(0);
    let first = first.trim().to_owned();
    bench.forget_calls();

    let hooks = |bench: &Bench| {
        let calls = bench.calls().into_iter();
        let migrator = calls.filter(|call| call.argv[0].ends_with("migrator"));
        migrator.map(|call| call.argv[1].clone()).collect::<Vec<_>>()
    };
    let before = bench.names_in("backups");
    bench.back_up(&[("public.orders", 1)]).exits(7);
    assert_eq!(hooks(&bench), ["failed"]);
    assert!(before.iter().all(|name| bench.names_in("backups").contains(name)), "{first}");

    bench.forget_calls();
    bench.back_up(&[("public.orders", 300)]).exits(0);
    assert_eq!(hooks(&bench), ["after"]);
    // by age it goes like any other that is no good one
    assert_eq!(bench.shrunken().len(), 0);
}

#[test]
fn each_database_has_its_own_counts() {
    let bench = with_two(&format!("{APART}[guards.ratchet]\nmin-records = 1\n"));
    both(&bench, 300, 20, &[]).exits(0);
    let ratchet = bench.ratchet();
    assert_eq!(ratchet["databases"]["main"]["max_record_count"], 300);
    assert_eq!(ratchet["databases"]["blog"]["max_record_count"], 20);
    assert_eq!(ratchet["max_record_count"], Value::Null);

    // the other one is backed up all the same, and nothing is noted
    let said = both(&bench, 310, 2, &[]).exits(7);
    assert!(said.err.contains("error: `blog` holds fewer records"), "{said:?}");
    let mut states = bench.states();
    states.sort();
    assert_eq!(states, ["shrunken", "verified", "verified", "verified"]);
    assert_eq!(bench.ratchet(), ratchet);

    // only those in the backup are judged
    both(&bench, 310, 2, &["--only", "main"]).exits(0);
    assert_eq!(bench.ratchet()["databases"]["main"]["max_record_count"], 310);
    assert_eq!(bench.ratchet()["databases"]["blog"]["max_record_count"], 20);
}

/// The counts of the only database are found where they are once there is another.
#[test]
fn a_second_database_loses_no_counts() {
    let keys = "[guards.ratchet]\nmin-records = 1\n";
    let bench = with_two(&format!("{HOST}{keys}"));
    bench.back_up(&[("public.orders", 300)]).exits(0);
    bench.file("db-tasks.toml", format!("{APART}{keys}"));
    let said = both(&bench, 3, 20, &[]).exits(7);
    assert!(said.err.contains("`app`: 3 rows in all, it had 300"), "{said:?}");

    both(&bench, 310, 20, &[]).exits(0);
    assert_eq!(bench.ratchet()["max_record_count"], Value::Null);
    bench.file("db-tasks.toml", format!("{HOST}{keys}"));
    bench.back_up(&[("public.orders", 3)]).exits(7);
}

#[test]
fn a_set_is_shrunken_as_a_whole() {
    let name = "[backup]\nname = \"backup_{timestamp}/{store}.{ext}\"\n";
    let bench = with_two(&format!("{APART}{name}[guards.ratchet]\nmin-records = 1\n"));
    both(&bench, 300, 20, &[]).exits(0);
    let said = both(&bench, 10, 2, &[]).exits(7);
    assert!(said.err.contains("error: `blog`, `app` hold fewer records"), "{said:?}");
    assert_eq!(bench.states(), ["shrunken", "verified"]);

    let names = bench.names_in("backups");
    let folder = names.iter().find(|name| name.ends_with(".shrunken")).unwrap();
    assert!(said.err.contains(".shrunken`: `--latest` and the keep rules"), "{said:?}");
    let manifest = bench.manifest(&format!("backups/{folder}/manifest.json"));
    assert_eq!(manifest["artifacts"][0]["file"], "blog.sql.zst");
    assert_eq!(manifest["shrunken"].as_array().unwrap().len(), 2);
    let mode = fs::metadata(bench.dir.join("backups").join(folder)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    bench.run(&["db-verify", folder]).exits(0);
}
