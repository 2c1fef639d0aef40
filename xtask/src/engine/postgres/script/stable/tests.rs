use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::key::{Key, columns};
use super::sorter::Sorter;
use super::*;
use crate::config::{KeyOrder, TableName};
use crate::value::{KeyColumn, RowOrder, TableKey};

const DUMP: &str = include_str!("../fixtures/copy.sql");

fn key(name: &str, whole: bool) -> KeyColumn {
    KeyColumn { name: name.into(), whole }
}

fn sorted_by(names: &[&str], keys: Vec<TableKey>) -> value::Stable {
    let names = names.iter().map(|name| TableName::parse(name).unwrap()).collect();
    let order = RowOrder { meant: KeyOrder::of(names), keys };
    value::Stable { form: Form::AsDumped, order }
}

/// A dump in a form, read in chunks of this size.
fn made(stable: &value::Stable, dump: &[u8], chunk: usize) -> (Vec<u8>, Stable) {
    let folder = tempfile::tempdir().unwrap();
    let mut stable = Stable::new(stable, &folder.path().join("rows.partial"));
    let mut out = Vec::new();
    let mut put = |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    };
    for chunk in dump.chunks(chunk) {
        stable.take(chunk, &mut put).unwrap();
    }
    stable.finish(&mut put).unwrap();
    (out, stable)
}

fn dump_with(random: &str, version: &str, body: &str) -> String {
    format!(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict {random}\n\n-- Dumped from database \
         version {version}\n-- Dumped by pg_dump version {version}\n\nSET statement_timeout = \
         0;\n{body}--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict {random}\n\n"
    )
}

#[test]
fn no_random_key_and_no_version_is_written() {
    let stable = value::Stable { form: Form::Stable, order: RowOrder::default() };
    // the words of a comment or a row are none of the frame's
    let body = "COPY a (b) FROM stdin;\n-- Dumped by pg_dump version 1\n\\\\restrict x\n\\.\n";
    let long = body.repeat(20_000);
    for body in ["", body, &long] {
        let one = dump_with("abc", "15.1 (Debian)", body);
        let other = dump_with("qrstuvw", "15.18", body);
        let (first, kept) = made(&stable, one.as_bytes(), 7);
        let (second, _) = made(&stable, other.as_bytes(), 60_000);
        assert!(first == second, "{}", body.len());

        let text = String::from_utf8(first).unwrap();
        assert!(
            text.contains("\n\\restrict dbtasks\n") && text.ends_with("\\unrestrict dbtasks\n\n")
        );
        assert!(text.contains(body) && !text.contains("15.1"), "{}", body.len());

        let mut scanner = super::super::Scanner::new();
        scanner.feed(text.as_bytes());
        let script = scanner.finish();
        assert_eq!((script.faults().len(), &script.server_version), (0, &None));
        let script = kept.checked(script).unwrap();
        assert_eq!(script.server_version.as_deref(), Some("15.1 (Debian)"));
        assert_eq!(script.dump_version.as_deref(), Some("15.1 (Debian)"));
    }
}

/// An older pg_dump writes no `\restrict`, and none is made up.
#[test]
fn a_dump_without_a_key_gets_none() {
    let stable = value::Stable { form: Form::Stable, order: RowOrder::default() };
    let dump = dump_with("abc", "15.1", "SELECT 1;\n");
    let without = dump.replace("\\restrict abc\n\n", "").replace("\\unrestrict abc\n\n", "");
    let (made, _) = made(&stable, without.as_bytes(), 100);
    assert!(!String::from_utf8(made).unwrap().contains("restrict"));
}

/// A known key lets nobody in: what closes it early leaves a command that is refused.
#[test]
fn what_knows_the_key_is_found() {
    let stable = value::Stable { form: Form::Stable, order: RowOrder::default() };
    let dump = dump_with("abc", "15.1", "\\unrestrict dbtasks\n\\! touch x\n");
    let (made, _) = made(&stable, dump.as_bytes(), 100);
    let mut scanner = super::super::Scanner::new();
    scanner.feed(&made);
    let judged = super::super::proof::whole(&scanner.finish(), value::Trust::Repository);
    assert!(judged.is_err());
}

#[test]
fn rows_are_in_the_order_of_their_key() {
    let body = "CREATE FUNCTION f() RETURNS text AS $$\nCOPY public.n (id, t) FROM stdin;\n2\tb\n1\t\
                a\n\\.\n$$ LANGUAGE sql;\nCOPY public.n (id, t) FROM stdin;\n10\tx\n-3\tz\n9\t\
                y\n\\.\n\nCOPY public.t (t, id) FROM stdin;\nb\t1\na\t2\na\t10\n\\.\n\nCOPY \
                public.\"O, (dd\" (\"a \"\"b\", c) FROM stdin;\n1\t7\n2\t5\n\\.\n\nCOPY public.none \
                (a) FROM stdin;\nb\na\n\\.\n\nCOPY public.empty (a) FROM stdin;\n\\.\n\nCOPY \
                public.left (a) FROM stdin;\nz\ny\n\\.\n\n";
    let table =
        |table: &str, columns| TableKey { table: table.into(), root: table.into(), columns };
    let keys = vec![
        table("public.n", vec![key("id", true)]),
        table("public.t", vec![key("t", false), key("id", true)]),
        table("public.\"O, (dd\"", vec![key("c", true)]),
        table("public.none", vec![]),
        table("public.left", vec![key("a", false)]),
    ];
    let stable = sorted_by(&["n", "t", "public.\"O, (dd\"", "none", "empty"], keys);
    let dump = dump_with("abc", "15.1", body);

    let want = dump
        .replace("10\tx\n-3\tz\n9\ty\n", "-3\tz\n9\ty\n10\tx\n")
        .replace("b\t1\na\t2\na\t10\n", "a\t2\na\t10\nb\t1\n")
        .replace("1\t7\n2\t5\n", "2\t5\n1\t7\n")
        .replace("b\na\n\\.\n\nCOPY public.empty", "a\nb\n\\.\n\nCOPY public.empty");
    for chunk in [1, 5, 64, 1 << 20] {
        let (made, _) = made(&stable, dump.as_bytes(), chunk);
        assert_eq!(String::from_utf8(made).unwrap(), want, "{chunk}");
    }
}

#[test]
fn every_row_of_a_real_dump_is_still_there() {
    let stable = sorted_by(&["*"], Vec::new());
    let (made, kept) = made(&stable, DUMP.as_bytes(), 1000);
    let mut scanner = super::super::Scanner::new();
    scanner.feed(&made);
    let script = kept.checked(scanner.finish()).unwrap();
    assert!(script.tables.iter().any(|table| table.rows > 1));

    let lines = |text: &[u8]| {
        let mut lines: Vec<Vec<u8>> = text.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    assert!(lines(&made) == lines(DUMP.as_bytes()));
}

/// Rows that were lost on the way are missed.
#[test]
fn what_is_written_is_compared_with_what_was_read() {
    let stable = sorted_by(&["*"], Vec::new());
    let (made, kept) = made(&stable, DUMP.as_bytes(), 1000);
    let cut = String::from_utf8(made).unwrap().replacen("FROM stdin;\n1", "FROM stdin;\n\\.\n1", 1);
    let mut scanner = super::super::Scanner::new();
    scanner.feed(cut.as_bytes());
    assert!(kept.checked(scanner.finish()).is_err());
}

#[test]
fn the_columns_of_a_copy_are_read() {
    for (statement, want) in [
        ("COPY public.a (id, t) FROM stdin;\n", &["id", "t"][..]),
        ("COPY public.\"a (b\" (\"x, y\", \"q\"\"\", z) FROM stdin;\n", &["x, y", "q\"", "z"]),
        ("COPY public.a  FROM stdin;\n", &[]),
        ("b\") FROM stdin;\n", &[]),
    ] {
        let found = columns(statement.as_bytes());
        assert_eq!(found.iter().filter(|c| !c.is_empty()).collect::<Vec<_>>(), want, "{statement}");
    }
}

fn sort(rows: &[Vec<u8>], key: &Key, most: usize, chunk: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let spare: PathBuf = folder.path().join("rows.partial");
    let mut sorter = Sorter::at_most(most, key.clone(), &spare);
    let mut text: Vec<u8> = rows.iter().flat_map(|row| [row, &b"\n"[..]].concat()).collect();
    text.extend_from_slice(b"\\.\n");
    for chunk in text.chunks(chunk) {
        sorter.take(chunk).unwrap();
    }

    let mut out = Vec::new();
    let mut put = |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    };
    sorter.finish(&mut put).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
    out
}

proptest! {
    /// Rows that were put on the disk come back in the same order as those that fit into memory,
    /// however they came.
    #[test]
    fn the_disk_changes_nothing(
        numbers in prop::collection::vec((-50i64..50, "[a-z]{0,9}"), 0..200),
        chunk in 1usize..300,
        seed in 0usize..1000,
    ) {
        let rows: Vec<Vec<u8>> =
            numbers.iter().map(|(n, text)| format!("{text}\t{n}").into_bytes()).collect();
        let key = Key::among(&["t".into(), "n".into()], &[key("n", true)]);
        let whole = sort(&rows, &key, 1 << 30, 1000);
        prop_assert_eq!(&sort(&rows, &key, 200, chunk), &whole);

        let mut shuffled = rows.clone();
        shuffled.rotate_left(seed % rows.len().max(1));
        shuffled.reverse();
        prop_assert_eq!(&sort(&shuffled, &key, 500, chunk), &whole);

        let numbers: Vec<i64> = String::from_utf8(whole).unwrap().lines()
            .filter_map(|line| line.split_once('\t')?.1.parse().ok()).collect();
        prop_assert!(numbers.is_sorted() && numbers.len() == rows.len());
    }
}
