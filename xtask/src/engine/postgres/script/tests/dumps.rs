//! Dumps by PostgreSQL 15 of a database full of quotes, with its own counts.

use super::*;

const COPY: &[u8] = include_bytes!("../fixtures/copy.sql");
const INSERTS: &[u8] = include_bytes!("../fixtures/inserts.sql");
const BACKSLASHES: &[u8] = include_bytes!("../fixtures/backslashes.sql");
const DATA: &[u8] = include_bytes!("../fixtures/data.sql");

pub(super) const ALL: &[&[u8]] = &[COPY, INSERTS, BACKSLASHES, DATA];

#[test]
fn real_dumps_have_no_faults() {
    for dump in ALL {
        let script = scan(dump);
        assert_eq!(script.faults(), []);
        assert_eq!(script.released, dump.len() as u64);

        let spared = |what| {
            script
                .asides
                .iter()
                .filter(move |a| a.what == what)
                .map(|a| &dump[a.at.start as usize..a.at.end as usize])
        };

        assert_eq!(spared(Spare::Restrict).count(), 2);
        // round large objects, and nowhere else
        let large = memchr::memmem::find(dump, b"Type: BLOBS;").is_some();
        let wanted: &[&[u8]] = if large { &[b"BEGIN;", b"COMMIT;"] } else { &[] };

        assert_eq!(spared(Spare::Transaction).collect::<Vec<_>>(), wanted);
        assert_eq!(spared(Spare::TransactionTimeout).count(), 0);
        assert!(script.server_version.is_some_and(|v| v.starts_with("15.")));
        assert!(script.dump_version.is_some_and(|v| v.starts_with("15.")));
        assert!(script.tables.iter().all(|table| table.exact));
    }
}

#[test]
fn copy_and_inserts_count_the_same() {
    let copy = scan(COPY);
    let mut copied = rows(&copy);
    let inserts = scan(BACKSLASHES);
    let mut inserted = rows(&inserts);

    copied.sort_unstable();
    inserted.sort_unstable();
    assert_eq!(copied, inserted);
    assert_eq!(copied, COUNTS);
    assert_eq!((copy.large_objects, inserts.large_objects), (3, 3));
}

#[test]
fn every_cut_is_a_fault() {
    const END: &[u8] = b"\n\\unrestrict ";
    for dump in ALL {
        let key = memchr::memmem::rfind(dump, END).map(|at| at + 1);
        let end = key.expect("an \\unrestrict line") + END.len() + 62;
        for cut in (0..end).filter(|cut| *cut >= end - 500 || cut % 3 == 0) {
            assert!(!scan(&dump[..cut]).faults().is_empty(), "cut at {cut}");
        }
    }
}

#[test]
fn crlf_line_ends_are_a_fault() {
    for dump in ALL {
        let text = String::from_utf8_lossy(dump).replace('\n', "\r\n");
        assert!(scan(text.as_bytes()).first_crlf.is_some());
    }
}

/// `SELECT count(*) FROM ONLY` each table.
const COUNTS: &[(&str, u64)] = &[
    ("\"we;ird\".\"q\"\"uo'te\"", 2),
    ("app.\"a.b\"", 3),
    ("app.\"line\nbreak\"", 1),
    ("app.\"user\"", 2),
    ("app.\"Ünï\"", 2),
    ("app.child", 2),
    ("app.dflt", 1),
    ("app.empty", 0),
    ("app.et", 1),
    ("app.ident", 2),
    ("app.nocols", 2),
    ("app.parent", 1),
    ("app.part_1", 5),
    ("app.part_2a", 8),
    ("app.part_2d", 7),
    ("app.unl", 1),
    ("app.users", 13),
];
