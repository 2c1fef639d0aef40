//! The ratchet of record counts: a backup that holds too little is kept, and is no good one.

mod lifted;

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::snapshots::same_as;
use super::{Bench, HOST};
use crate::support::said::Said;

const FILE: &str = "backups/.record_count_ratchet";

/// As create-sql-dump.sh writes it.
const DOCUMENT: &str = r#"{
  "max_record_count": 250,
  "updated_at": "2024-01-15T10:30:00",
  "updated_by": "create-sql-dump.sh"
}"#;

/// A dump of these tables with so many rows each.
fn dump(tables: &[(&str, usize)]) -> String {
    let mut text = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version \
                    15.18\n-- Dumped by pg_dump version 15.18\n\nSET client_encoding = \
                    'UTF8';\nSET standard_conforming_strings = on;\n\n"
        .to_owned();
    for (table, rows) in tables {
        let _ = write!(
            text,
            "CREATE TABLE {table} (\n    a integer\n);\n\nCOPY {table} (a) FROM stdin;\n{}\\.\n\n",
            "1\n".repeat(*rows)
        );
    }
    text + "\n--\n-- PostgreSQL database dump complete\n--\n\n"
}

fn active(keys: &str) -> Bench {
    Bench::new(&format!("{HOST}[guards.ratchet]\n{keys}"))
}

impl Bench {
    /// A backup of a database that holds this.
    fn back_up(&self, tables: &[(&str, usize)]) -> Said {
        self.back_up_with(tables, &[])
    }

    fn back_up_with(&self, tables: &[(&str, usize)], words: &[&str]) -> Said {
        self.stage("dump.sql", dump(tables));
        self.run(&[&["db-backup"], words].concat())
    }

    fn ratchet(&self) -> Value {
        serde_json::from_slice(&fs::read(self.dir.join(FILE)).unwrap()).unwrap()
    }

    /// Each backup's state, the newest first.
    fn states(&self) -> Vec<String> {
        let list = self.run(&["db-list", "--json"]).exits(0).out;
        let list: Value = serde_json::from_str(&list).unwrap();
        let all = list["backups"].as_array().unwrap().iter();
        all.map(|b| b["state"].as_str().unwrap().to_owned()).collect()
    }

    fn shrunken(&self) -> Vec<String> {
        self.names_in("backups").into_iter().filter(|name| name.contains(".shrunken")).collect()
    }
}

#[test]
fn a_backup_that_shrank_is_kept_and_is_no_good_one() {
    let bench = active("tables = [\"orders\"]\n");
    bench.back_up(&[("public.orders", 200), ("public.logs", 100)]).exits(0);
    let old = bench.ratchet();
    assert_eq!(old["max_record_count"], 300);
    assert_eq!(old["tables"], json!({ "public.orders": 200, "public.logs": 100 }));
    assert!(old["updated_by"].as_str().unwrap().starts_with("db-backup ("), "{old}");
    let good = bench.names_in("backups");
    assert_eq!((good.len(), bench.files()[FILE]), (3, 0o600), "{good:?}");

    // the backups have the same second in their names, or another
    let said = bench.back_up(&[("public.orders", 170), ("public.logs", 5)]).exits(7);
    assert!(said.out.is_empty(), "{said:?}");
    let said = said.has_three_parts();
    for words in [
        "error: `app` holds fewer records than the ratchet wants\n  the live data was only read;",
        "`app`: 175 rows in all, it had 300; at least 270 are wanted (90 %)\n",
        "`public.orders`: 170 rows, it had 200; at least 180 are wanted (90 %)\n",
        "`public.logs`: 5 rows, it had 100 in the last backup\n",
        "  next: find out where the rows went",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert!(!said.err.contains("to restore it"), "{}", said.err);

    assert_eq!(bench.ratchet(), old);
    assert_eq!(bench.states(), ["shrunken", "verified"]);
    let files = bench.shrunken();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(said.err.contains("and kept as `app_[STAMP]"), "{}", said.err);
    assert!(said.err.contains("ratchet wants, and is kept as `app_[STAMP]"), "{}", said.err);
    assert_eq!(bench.names_in("backups").len(), 5);
}

#[test]
fn nothing_takes_a_shrunken_backup_for_a_good_one() {
    let bench = active("");
    bench.back_up(&[("public.orders", 300)]).exits(0);
    bench.back_up(&[("public.orders", 0)]).exits(7);
    let name = bench.shrunken().remove(1);

    let info = bench.run(&["db-info", &name]).exits(0).out;
    assert!(info.contains("state        shrunken"), "{info}");
    assert!(info.contains("SHRUNKEN     `app`: 0 rows in all, it had 300;"), "{info}");
    let info = bench.run(&["db-info", &name, "--json"]).exits(0).out;
    let info: Value = serde_json::from_str(&info).unwrap();
    let shrunk = &info["manifest"]["shrunken"][0];
    assert_eq!(
        (&shrunk["rows"], &shrunk["had"], &shrunk["wanted"]),
        (&json!(0), &json!(300), &json!(270))
    );
    // a version that knows no ratchet takes it for partial
    assert_eq!(info["manifest"]["partial"], true);

    let said = bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0);
    assert!(said.err.contains(".shrunken.sql.zst` is shrunken, and skipped"), "{said:?}");
    assert!(!said.out.contains("shrunken"), "{said:?}");
    let said = bench.run(&["db-restore", &name, "--dry-run"]).exits(0);
    assert!(said.out.contains("the backup is SHRUNKEN: `app`: 0 rows"), "{said:?}");
    let said = bench.run(&["db-verify", &name]).exits(0);
    assert!(said.out.contains("is SHRUNKEN: `app`: 0 rows"), "{said:?}");
    let said = bench.run(&["db-cleanup", "--keep-days", "30", "--min-keep", "0", "--dry-run"]);
    assert!(said.out.contains("the last good backup"), "{said:?}");
    assert_eq!(bench.states(), ["shrunken", "verified"]);
}

#[test]
fn without_a_word_there_is_no_ratchet() {
    let bench = Bench::new(HOST);
    bench.back_up(&[("public.orders", 300)]).exits(0);
    bench.back_up(&[("public.orders", 0)]).exits(0);
    assert!(!bench.dir.join(FILE).exists());
    assert_eq!(bench.states(), ["verified", "verified"]);
}

/// The document's variables, without the file.
#[test]
fn a_variable_makes_it_active() {
    for (name, value, rows, code) in [
        ("SQL_DUMP_MIN_RECORDS", "5", 4, 7),
        ("SQL_DUMP_MIN_RECORDS", "5", 5, 0),
        ("SQL_DUMP_MIN_RECORDS", "", 0, 0),
        ("SQL_DUMP_RATCHET_PERCENTAGE", "0.5", 99, 7),
        ("SQL_DUMP_RATCHET_PERCENTAGE", "0.5", 100, 0),
        ("SQL_DUMP_RATCHET_PERCENTAGE", "1.5", 100, 2),
        ("SQL_DUMP_RATCHET_PERCENTAGE", "90", 100, 2),
        ("SQL_DUMP_MIN_RECORDS", "few", 100, 2),
    ] {
        let mut bench = Bench::new(HOST);
        bench.env(name, value);
        bench.back_up(&[("public.orders", rows)]).exits(code);
    }

    // it wins over the file
    let mut bench = active("percentage = 1\n");
    bench.back_up(&[("public.orders", 200)]).exits(0);
    bench.back_up(&[("public.orders", 199)]).exits(7);
    bench.env("SQL_DUMP_RATCHET_PERCENTAGE", "0.5");
    bench.back_up(&[("public.orders", 100)]).exits(0);
    assert_eq!(bench.ratchet()["max_record_count"], 200);
}

#[test]
fn an_empty_database_is_no_good_backup() {
    let bench = active("");
    let said = bench.back_up(&[]).exits(7);
    assert!(said.err.contains("`app`: 0 rows in all; at least 100 are wanted (`min-records`)"));
    assert!(!bench.dir.join(FILE).exists());
    assert_eq!(bench.states(), ["shrunken"]);
}

#[test]
fn a_listed_table_that_is_gone_counts() {
    let bench = active("min-records = 1\ntables = [\"public.orders\", \"ordres\"]\n");
    let said = bench.back_up(&[("public.orders", 5), ("public.logs", 500)]).exits(0);
    assert!(said.err.contains("lists `ordres`, and no database here has such a table"), "{said:?}");

    let said = bench.back_up(&[("public.logs", 600)]).exits(7);
    assert!(said.err.contains("`public.orders`: it is gone, it had 5; at least 5"), "{said:?}");
}

/// It is told once: the next backup is compared with this one.
#[test]
fn another_table_that_shrank_is_told() {
    let bench = active("percentage = 0.5\n");
    bench.back_up(&[("public.orders", 900), ("public.logs", 50), ("public.old", 1)]).exits(0);
    let said = bench.back_up(&[("public.orders", 900), ("public.logs", 5)]).exits(0);
    assert!(said.err.contains("`public.logs`: 5 rows, it had 50 in the last backup"), "{said:?}");
    assert!(said.err.contains("`public.old`: it is gone, it had 1 in the last"), "{said:?}");
    assert_eq!(bench.ratchet()["max_record_count"], 951);

    let said = bench.back_up(&[("public.orders", 900), ("public.logs", 5)]).exits(0);
    assert!(!said.err.contains("last backup"), "{said:?}");
    assert_eq!(bench.states(), ["verified"; 3]);
}

#[test]
fn the_documents_file_is_read_and_its_rights_stay() {
    use std::os::unix::fs::PermissionsExt;

    let bench = active("");
    let path = bench.file(FILE, DOCUMENT).dir.join(FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();

    bench.back_up(&[("public.orders", 224)]).exits(7);
    assert_eq!(fs::read_to_string(&path).unwrap(), DOCUMENT);
    bench.back_up(&[("public.orders", 225)]).exits(0);
    assert_eq!(bench.ratchet()["max_record_count"], 250);
    bench.back_up(&[("public.orders", 260)]).exits(0);
    assert_eq!(bench.ratchet()["max_record_count"], 260);
    assert_eq!(bench.files()[FILE], 0o640);
}

#[test]
fn a_dry_run_shows_what_is_wanted() {
    let bench = active("tables = [\"orders\"]\n");
    let text = || bench.run(&["db-backup", "--dry-run"]).exits(0).out;
    assert!(text().contains("`app` must have 100 rows (none are recorded yet)"), "{}", text());

    bench.back_up(&[("public.orders", 200), ("public.logs", 100)]).exits(0);
    let before = bench.files();
    let wanted = "`app` must have 270 rows (it had 300); 180 in `public.orders`, which had 200";
    assert!(text().contains(wanted), "{}", text());
    assert!(text().contains(".record_count_ratchet: record counts"), "{}", text());

    let plan = bench.run(&["db-backup", "--dry-run", "--json"]).exits(0).out;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let notes = plan["plan"]["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap() == wanted), "{notes:?}");
    assert_eq!(bench.files(), before);
}

/// What a person reads of a good backup, of a shrunken one, and of one that was accepted.
#[test]
fn whole_runs() {
    let bench = active("min-records = 3\ntables = [\"orders\"]\n");
    let mut text = String::new();

    for (orders, words) in [(40, &[][..]), (4, &[]), (4, &["--accept-shrink"])] {
        let tables = [("public.orders", orders), ("public.logs", orders / 2)];
        let said = bench.back_up_with(&tables, words);
        let _ = write!(
            text,
            "$ db-backup {}\nexit code {:?}\nstdout:\n{}stderr:\n{}\n",
            words.join(" "),
            said.code,
            said.out,
            said.err
        );
    }

    // whether they are made in one second is the clock's matter
    for counter in ["_2", "_3"] {
        text = text.replace(&format!("[STAMP]{counter}"), "[STAMP]");
    }
    same_as("runs-ratchet", &text);
}

#[test]
fn programs_read_what_became_of_it() {
    let bench = active("");
    let said = bench.back_up_with(&[("public.orders", 9)], &["--json"]).exits(7);
    let said: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said["outcome"]["word"], "shrunken");
    assert_eq!(said["outcome"]["problem"]["code"], "shrunken");
    let backup = &said["backups"][0];
    assert_eq!((&backup["state"], &backup["rows"]), (&json!("shrunken"), &json!(9)));
    assert!(backup["path"].as_str().unwrap().contains(".shrunken.sql"), "{backup}");
}
