//! What state the live data is in, told behind the cause of a failure.

use super::{Bench, HOOKS, HOST};

const AS_IT_WAS: &str = "  the live data is as it was\n";

/// The error, whose second line is this.
#[track_caller]
fn fails(bench: &Bench, words: &[&str], cause: &str, stands: &str) -> String {
    let said = bench.run(words).exits(1);
    let error = said.err.split_once("error: ").map_or("", |(_, error)| error).to_owned();
    assert!(error.starts_with(&format!("{cause}\n{stands}")), "{words:?}:\n{}", said.err);

    let telling = [
        "is as it was",
        "live again",
        "undone",
        "has changed no live data",
        "is not known",
        "was not changed",
    ];

    let times: usize = telling.iter().map(|words| error.matches(words).count()).sum();
    assert_eq!(times, 1, "it is said once:\n{error}");

    error
}

/// The last call whose words have this in them fails.
fn fail_at(bench: &Bench, words: &[&str], needle: &str) {
    bench.keep();
    bench.run(words).exits(0);

    let calls = bench.calls();
    let at = calls
        .iter()
        .rposition(|call| call.stdin.contains(needle))
        .unwrap_or_else(|| panic!("{needle}: {calls:#?}"));
    bench.rewind();
    bench.fail_at(&calls, at);
}

#[test]
fn a_staged_restore_that_is_refused() {
    let bench = Bench::new(HOST);
    let backup = bench.with_backup();
    let path = format!("backups/{backup}");
    let mut bytes = std::fs::read(bench.dir.join(&path)).unwrap();
    let middle = bytes.len() / 2;

    bytes[middle] ^= 1;
    bench.file(&path, &bytes);

    let said = bench.run(&["db-restore", "--latest", "--yes"]).exits(1);
    let error = said.err.split_once("error: ").unwrap().1.to_owned();
    assert_eq!(error.lines().nth(1), Some(AS_IT_WAS.trim_end()), "{error}");

    // it reads alone
    let said = bench.run(&["db-verify", &backup]).exits(1);
    assert!(!said.err.contains("live data"), "{}", said.err);
}

#[test]
fn a_swap_of_which_nobody_hears_the_end() {
    let bench = Bench::new(HOST);
    bench.with_backup();

    let words = ["db-restore", "--latest", "--yes"];
    fail_at(&bench, &words, "RENAME TO");

    fails(
        &bench,
        &words,
        "psql: error: the bench says no",
        "  done completely or not at all, which is not known: rename databases app -> \
         app__previous, app__staged -> app\n",
    );
}

#[test]
fn a_reset_whose_hook_fails() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    bench.complains("migrator", 3, "relation exists already\n");

    let first = "the before-reset hook failed: it ended with exit code 3";
    let reached = "the before-reset hook and the failed-reset hook and the finally-reset hook \
                   reach may have changed";

    fails(
        &bench,
        &["db-reset", "--confirm", "app"],
        first,
        &format!("  this run itself has changed no live data; what {reached}\n"),
    );

    let bench = Bench::new(&format!("{HOST}[hooks]\nmigrate = [\"migrator\", \"up\"]\n"));
    bench.complains("migrator", 3, "relation exists already\n");
    fails(
        &bench,
        &["db-reset", "--confirm", "app"],
        "the migrate hook failed: it ended with exit code 3",
        "  what was live before is live again (databases app -> app__failed, app__previous -> \
         app); what else the migrate hook reaches may have changed\n",
    );
}

#[test]
fn a_migration_in_place() {
    let bench = Bench::new(&format!("{HOST}{HOOKS}"));
    bench.complains("migrator", 3, "relation exists already\n");

    let stands = "  this run itself has changed no live data; what the migrate hook reaches may \
                  have changed\n";
    fails(&bench, &["db-migrate"], "the migrate hook failed: it ended with exit code 3", stands);

    // no live data is any backup's business
    let bench = Bench::new(&format!("{HOST}[hooks]\nbefore-backup = [\"migrator\", \"up\"]\n"));
    bench.complains("migrator", 3, "no\n");

    let said = bench.run(&["db-backup"]).exits(1);
    assert!(!said.err.contains("live"), "{}", said.err);
}

#[test]
fn a_wipe_that_the_server_refuses() {
    let mut bench = Bench::new(HOST);
    bench.env("ALLOW_DATABASE_WIPE", "true");

    let words = ["db-wipe", "--yes"];
    fail_at(&bench, &words, "TRUNCATE TABLE");

    fails(
        &bench,
        &words,
        "psql: error: the bench says no",
        "  done completely or not at all, which is not known: remove every row of ",
    );
}

/// What a clean-up finds to do it does not know beforehand, and does not claim.
#[test]
fn a_clean_up_claims_nothing() {
    let bench = Bench::new(HOST);
    bench.file("hand.sql", super::DUMP.replace("\n-- PostgreSQL database dump complete\n", "\n"));
    let said = bench.run(&["db-restore", "--file", "hand.sql", "--yes"]).exits(1);
    said.tells("✓ clean-up, if needed: remove database app__staged ");
}

/// What a hook prints without an end, and the secrets of other services that it has.
#[test]
fn a_hook_that_says_too_much() {
    let hook = "[hooks]\nbefore-backup = \"head -c 3000000 /dev/zero | tr '\\\\0' x; echo; echo \
                redis $REDIS_PASSWORD mail $SMTP_URL\"\n";
    let mut bench = Bench::new(
        &format!("{HOST}{hook}").replace("name = \"shop\"", "name = \"shop\"\nlogs = \"logs\""),
    );
    bench.env("REDIS_PASSWORD", "r3dis-w0rd").env("SMTP_URL", "smtp://shop:m4il-w0rd@mail:25");

    let said = bench
        .run(&["db-backup"])
        .exits(0)
        .tells("redis *** mail smtp://shop:***@mail:25")
        .tells(" [... 3.0 MB more]");

    assert!(said.err.len() < 30_000, "{}", said.err.len());
    let traces = bench.traces();
    assert!(traces.contains("redis ***") && !traces.contains("w0rd"), "the log is covered, too");
}

/// A repair speaks of the run whose work it does, and says why a deed can't be done.
#[test]
fn a_repair_names_whose_work_it_does() {
    let bench = Bench::new(HOST);
    bench.file("half/kept", "somebody's");

    let deed = serde_json::json!({ "verb": "remove", "deed": { "what": "half", "how": { "File": bench.dir.join("half") } } });
    bench.journal(&serde_json::json!({ "task": "db-restore", "since": "2026-01-01T00:00:00Z", "pending": [deed] }));
    for words in ["db-repair", "db-backup", "db-repair", "db-repair"] {
        let said = bench.run(&[words]);
        assert!(
            !said.err.contains("clean up after `db-repair`")
                && !said.err.contains("clean up after `db-backup`"),
            "{}",
            said.err
        );

        if words == "db-repair" {
            let said = said
                .exits(1)
                .tells("error: a clean-up step failed\n  1. remove half: [DIR]/half\n");
            said.tells("could not remove half: [DIR]/half: could not remove `[DIR]/half`\n")
                .tells("next: fix the cause");
        }
    }

    let text = std::fs::read_to_string(bench.dir.join(".db-tasks/unfinished.json")).unwrap();
    assert!(text.contains("\"task\":\"db-restore\""), "{text}");
}
