//! `db-shell`: what psql reads, and whose it is.

use super::{Bench, DOCKER, HOST};

/// What is left of a script's loop: none of psql's business, unless it is what psql is to read.
const LINES: &str = "DROP TABLE people;\nDROP TABLE orders;\n";

/// What psql has read, and its words, when the tool had these lines on its standard input.
fn psql(bench: &Bench, args: &[&str]) -> (String, Vec<String>) {
    bench.forget_calls();
    bench.run_fed(&[&["db-shell"][..], args].concat(), LINES).exits(0);
    let call = bench.calls().pop().expect("psql was run");
    assert!(call.argv.iter().any(|word| word.ends_with("psql")), "{call:?}");
    (call.stdin, call.argv)
}

#[test]
fn a_script_has_its_own_lines_alone() {
    for toml in [HOST, DOCKER] {
        let bench = Bench::new(toml);
        bench.file("empty.sql", "").file("one.sql", "SELECT 1;\n");

        for (args, read) in [
            (["-c", "SELECT 1"], "SELECT 1"),
            // a variable that is empty, a file that has nothing in it
            (["-c", ""], ""),
            (["-c", " "], " "),
            (["-f", "one.sql"], "SELECT 1;\n"),
            (["-f", "empty.sql"], ""),
            (["-f", "/dev/null"], ""),
        ] {
            assert_eq!(psql(&bench, &args).0, read, "{args:?} of {toml}");
            // the document's run is the same
            assert_eq!(
                psql(&bench, &[&args[..], &["--json"]].concat()).0,
                read,
                "{args:?} --json of {toml}"
            );
        }
    }
}

#[test]
fn without_a_script_psql_reads_what_we_are_given() {
    for toml in [HOST, DOCKER] {
        let (read, argv) = psql(&Bench::new(toml), &[]);
        assert_eq!(read, LINES, "{toml}");

        // a terminal in a container would make CRLF of it
        assert_eq!(
            argv.iter().filter(|word| word.starts_with("-i")).count(),
            usize::from(toml == DOCKER),
            "{argv:?}"
        );

        assert!(!argv.iter().any(|word| word == "-it"), "{argv:?}");
    }
}
