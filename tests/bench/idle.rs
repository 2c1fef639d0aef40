//! The session in which a database was looked at gives out the snapshot, too, where the dump comes
//! next; it is in nobody's way.

use std::path::Path;

use super::prompts::ASKS;
use super::terminal::{Terminal, available};
use super::{Bench, HOST};
use crate::support::need;

const LOOK: &str = "VERSION_NUM";
const SNAPSHOT: &str = "pg_export_snapshot";

/// The processes that were told these words, in the order of their beginnings.
fn processes(bench: &Bench, words: &str) -> Vec<String> {
    bench
        .processes()
        .into_iter()
        .filter(|(_, stdin)| stdin.contains(words))
        .map(|(process, _)| process)
        .collect()
}

#[test]
fn a_dump_that_comes_next_needs_no_second_session() {
    let hook = |moment: &str| format!("{HOST}[hooks]\n{moment} = [\"migrator\", \"x\"]\n");

    for (toml, args, one) in [
        (HOST.to_owned(), &["db-backup"][..], true),
        (ASKS.to_owned(), &["db-backup", "--auto"], true),
        (ASKS.to_owned(), &["db-backup", "--yes"], true),
        (hook("after-backup"), &["db-backup"], true),
        // it may take hours, and rename the database
        (hook("before-backup"), &["db-backup"], false),
    ] {
        let bench = Bench::new(&toml);
        bench.run(args).exits(0);
        let (looked, dumped) = (processes(&bench, LOOK), processes(&bench, SNAPSHOT));
        assert_eq!((looked.len(), dumped.len()), (1, 1), "{toml}");
        assert_eq!(looked == dumped, one, "{toml} {args:?}");
    }
}

/// The second would stay in its database for as long as the first is dumped.
#[test]
fn of_several_databases_the_first_alone_is_stayed_in() {
    let bench = Bench::new(&format!(
        "{HOST}[databases.more]\nprograms = \"../bin\"\npostgres = {{ database = \"more\", user = \
         \"boss\" }}\n"
    ));
    bench.facts("more", super::facts("more"));
    bench.run(&["db-backup"]).exits(0);

    let (looked, dumped) = (processes(&bench, LOOK), processes(&bench, SNAPSHOT));
    assert_eq!((looked.len(), dumped.len()), (2, 2));
    assert_eq!(looked[0], dumped[0]);
    assert_ne!(looked[1], dumped[1]);
}

#[test]
fn nobody_is_stayed_with_while_a_person_thinks() {
    need!("script of util-linux", available());
    let bench = Bench::new(ASKS);
    let mut person = Terminal::run(&bench, &["db-backup"]);

    person.sees("Proceed? [y/N] ");
    let looked = processes(&bench, LOOK);
    assert_eq!(looked.len(), 1);
    assert!(!Path::new("/proc").join(&looked[0]).exists(), "it is in the database still");
    person.types("y\n");

    person.ends(0);
    assert_ne!(processes(&bench, SNAPSHOT), looked);
}

/// A plan that is shown, and one that can't be made, leave nobody behind.
#[test]
fn whoever_dumps_nothing_leaves_no_session() {
    for (args, code) in
        [(&["db-backup", "--dry-run"][..], 0), (&["db-backup", "--compress", "rar"], 2)]
    {
        let bench = Bench::new(HOST);
        bench.run(args).exits(code);
        let looked = processes(&bench, LOOK);
        assert_eq!(looked.len(), 1, "{args:?}");
        assert!(!Path::new("/proc").join(&looked[0]).exists(), "{args:?}");
    }
}
