use std::io::Cursor;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::audit::at_end;

/// A log to which the next line is written as a run does it.
fn write(log: &mut Vec<u8>, what: &str) -> Anchor {
    let before = at_end(&mut Cursor::new(&*log)).unwrap();
    let link = before.next(|| "4f2a".into());
    if link.torn {
        log.push(b'\n');
    }

    let line = format!("{}\n", json!({ "task": what, "chain": link }));
    log.extend_from_slice(line.as_bytes());
    Anchor { log: link.log, line: link.line, digest: Sum::of(line.as_bytes()).hex() }
}

fn written(lines: usize) -> Vec<u8> {
    let mut log = Vec::new();
    (0..lines).for_each(|at| drop(write(&mut log, &format!("db-{at}"))));
    log
}

fn told(log: &[u8], known: &[Known]) -> (Vec<String>, Vec<String>) {
    let found = verify(log, known).unwrap();
    (
        found.faults.first.iter().map(ToString::to_string).collect(),
        found.notes.first.iter().map(ToString::to_string).collect(),
    )
}

fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_chain_that_nobody_touched_holds() {
    let log = written(5);
    let found = verify(&log[..], &[]).unwrap();
    assert_eq!((found.lines, found.faults.count, found.notes.count), (5, 0, 0));

    let head = found.head.unwrap();
    assert_eq!((head.log.as_str(), head.line), ("4f2a", 5));
    // what `sed -n 5p | sha256sum` prints
    assert_eq!(head.digest, Sum::of(lines(&log).last().unwrap()).hex());
    assert_eq!(verify(&b""[..], &[]).unwrap(), Verified::default());
}

#[test]
fn what_is_said_of_each_fault() {
    let log = written(6);
    let all = lines(&log);
    let without = |at: usize, count: usize| [&all[..at], &all[at + count..]].concat().concat();
    let edited = String::from_utf8(log.clone()).unwrap().replace("db-2", "db-x");
    let swapped = [&all[..1], &[all[2].clone(), all[1].clone()], &all[3..]].concat().concat();
    let other =
        String::from_utf8(log.clone()).unwrap().replace("6,\"log\":\"4f2a", "6,\"log\":\"aa");

    for (log, first) in [
        (edited.into_bytes(), "line 4 does not follow line 3: one of the two was changed"),
        (without(2, 1), "1 line is missing before line 3"),
        (without(1, 3), "3 lines are missing before line 2"),
        (without(0, 1), "1 line is missing before line 1"),
        (swapped, "1 line is missing before line 2"),
        (
            [&all[..3], &all[1..2], &all[3..]].concat().concat(),
            "line 4 says that it is line 2: it was moved, or lines were added before it",
        ),
        (other.into_bytes(), "line 6 is of another log"),
        (
            [&all[..3], &[b"x\n".to_vec()], &all[3..]].concat().concat(),
            "line 5 says that it is line 4: it was moved, or lines were added before it",
        ),
        (
            [&all[..], &[b"{}\n".to_vec()]].concat().concat(),
            "line 7 is not part of the chain: an older db-tasks, or somebody else, wrote it",
        ),
        (
            [&all[..], &[b"x\ny\nz".to_vec()]].concat().concat(),
            "lines 7 to 8 are not part of the chain: an older db-tasks, or somebody else, wrote \
             them",
        ),
    ] {
        let (faults, _) = told(&log, &[]);
        assert_eq!(faults.first().map(String::as_str), Some(first));
    }
}

#[test]
fn old_lines_are_the_beginning() {
    let old = b"{\"task\":\"a\"}\n{\"task\":\"b\"}\n";
    assert_eq!(told(old, &[]).1, ["it has 2 older lines; the chain begins with the next run"]);

    let mut log = old.to_vec();
    let anchor = write(&mut log, "db-backup");
    assert_eq!(anchor.line, 3);
    write(&mut log, "db-backup");
    let digest = Sum::of(old).hex();
    let begins =
        format!("the chain begins after 2 older lines, which are in it as one (digest {digest})");
    assert_eq!(told(&log, &[]), (vec![], vec![begins]));

    let edited = String::from_utf8(log).unwrap().replace("\"a\"", "\"x\"");
    let fault = "line 3 does not follow lines 1 to 2: one of these was changed";
    assert_eq!(told(edited.as_bytes(), &[]).0, [fault]);
}

#[test]
fn a_torn_line_is_no_fault_and_stays_in_the_chain() {
    let whole = written(3);
    for cut in [whole.len() - 1, whole.len() - 30] {
        let mut log = whole[..cut].to_vec();
        let torn = "line 3 is torn: a run was killed, or the disk was full, while it was written; \
                    nothing after it is missing";
        assert_eq!(told(&log, &[]), (vec![], vec![torn.to_owned()]));

        // the next line is not glued to it, and nobody can change it later
        assert_eq!(write(&mut log, "db-backup").line, 4);
        write(&mut log, "db-backup");
        assert_eq!(told(&log, &[]), (vec![], vec![torn.to_owned()]));
        let removed = [&lines(&log)[..2], &lines(&log)[3..]].concat().concat();
        assert_eq!(told(&removed, &[]).0.len(), 1);
    }
}

/// An older version knows no chain, and appends to the log.
#[test]
fn lines_without_a_link_are_vouched_for_by_the_next() {
    let mut log = written(2);
    log.extend_from_slice(b"{\"task\":\"old\"}\n{\"task\":\"old\"}\n{\"ta");
    write(&mut log, "db-backup");

    let (faults, notes) = told(&log, &[]);
    assert_eq!((faults.len(), notes.len()), (0, 2), "{faults:?} {notes:?}");
    assert!(notes[0].starts_with("lines 3 to 4 have no link"), "{notes:?}");
    assert!(notes[1].starts_with("line 5 is torn"), "{notes:?}");
}

#[test]
fn a_cut_tail_is_found_by_an_anchor() {
    let mut log = written(4);
    let anchor = write(&mut log, "db-backup");
    let known = |anchor: &Anchor| Known {
        by: "the backup `a`".into(),
        giver: Giver::Backup,
        anchor: anchor.clone(),
    };
    let with = |change: fn(&mut Anchor)| {
        let mut other = anchor.clone();
        change(&mut other);
        vec![known(&other)]
    };

    let found = verify(&log[..], &[known(&anchor)]).unwrap();
    assert_eq!((found.agree, found.faults.count), (1, 0));

    let cut = lines(&log)[..3].concat();
    assert_eq!(
        told(&cut, &[known(&anchor)]).0,
        ["the log ends at line 3, but the backup `a` knew line 5"]
    );
    let changed = with(|a| a.digest = "0".repeat(64));
    assert_eq!(told(&log, &changed).0, ["line 5 is not the one that the backup `a` knew"]);

    // another clone has a log of its own
    let found = verify(&log[..], &with(|a| a.log = "other".into())).unwrap();
    assert_eq!((found.of_others, found.faults.count), (1, 0));
    assert_eq!(verify(&b""[..], &[known(&anchor)]).unwrap().of_others, 1);
}

/// A line of 3 MB, and one that claims the last number there is.
#[test]
fn hostile_lines_neither_fill_the_memory_nor_crash() {
    let mut log = written(1);
    log.extend(std::iter::repeat_n(b'x', 3_000_000));
    log.push(b'\n');
    assert_eq!(write(&mut log, "db-backup").line, 3);
    assert_eq!(told(&log, &[]).0, [""; 0]);

    let last =
        format!("{{\"chain\":{{\"log\":\"4f2a\",\"line\":{},\"previous\":null}}}}\n", u64::MAX);
    log.extend_from_slice(last.as_bytes());
    write(&mut log, "db-backup");
    assert!(!told(&log, &[]).0.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Any change before the last line is found. Only an anchor knows the last one.
    #[test]
    fn any_change_breaks_it(lines_of in 3_usize..9, at in 0_usize..8, other in 0_usize..8, byte in any::<prop::sample::Index>(), to in any::<u8>(), how in 0..4) {
        let log = written(lines_of);
        let mut all = lines(&log);
        let (at, other) = (at % (lines_of - 1), other % lines_of);

        match how {
            0 => {
                let place = byte.index(all[at].len());
                prop_assume!(all[at][place] != to);
                all[at][place] = to;
            }
            1 => drop(all.remove(at)),
            2 => {
                prop_assume!(at != other);
                all.swap(at, other);
            }
            _ => {
                let copy = all[other].clone();
                all.insert(at, copy);
            }
        }

        let found = verify(&all.concat()[..], &[]).unwrap();
        prop_assert!(found.faults.count > 0, "{}", String::from_utf8_lossy(&all.concat()));
    }
}
