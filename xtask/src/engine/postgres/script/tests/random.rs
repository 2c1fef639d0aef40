//! Properties over generated scripts and over bytes at random.

use proptest::collection::vec;
use proptest::prelude::*;

use super::dumps::ALL;
use super::*;
use crate::value::Trust;

/// A piece of script: its text, statements, rows for table `t`, and meta-commands.
type Piece = (String, u64, u64);

fn quoted() -> impl Strategy<Value = String> {
    let inside = "[a-z;()\\-/*$\" \n.]{0,12}";
    prop_oneof![
        inside.prop_map(|s| format!("'{s}'' \\'")),
        inside.prop_map(|s| format!("E'{s}\\'\\\\'")),
        inside.prop_map(|s| format!("U&'{s}\\'")),
        "[a-z;'\\\\(\n$]{0,12}".prop_map(|s| format!("\"{s}\"\"\"")),
        "[a-z;'\\\\(\n\"]{0,12}".prop_map(|s| format!("$q${s} $$ $Q$ $q$")),
        "[a-z;'\\\\(\n\"]{0,12}".prop_map(|s| format!("$${s}$$")),
        "[a-z;'\\\\(\"$]{0,12}".prop_map(|s| format!("--{s}\n")),
        "[a-z;'\\\\(\n\"$]{0,12}".prop_map(|s| format!("/*{s}/*;*/'*/")),
        Just("a$b$".to_owned()),
        Just("(1; 2)".to_owned()),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    let cell = "([a-zA-Z;'\"$\\-]|\\\\[\\\\nt]|\\\\N){0,8}";
    let line = vec(cell, 1..4).prop_map(|cells| cells.join("\t") + "\n");

    prop_oneof![
        vec(quoted(), 0..5).prop_map(|q| (format!("SELECT {};\n", q.join(" ")), 1, 0)),
        vec(line, 0..5).prop_map(|lines| {
            let rows = lines.len() as u64;
            (format!("COPY t FROM stdin;\n{}\\.\n", lines.concat()), 1, rows)
        }),
        vec(quoted(), 1..4).prop_map(|values| {
            let tuples: Vec<_> = values.iter().map(|v| format!("({v}\n)")).collect();
            let text = format!("INSERT INTO t VALUES {};\n", tuples.join(", "));
            (text, 1, values.len() as u64)
        }),
        vec(quoted(), 0..3).prop_map(|q| {
            let body = q.join(" ");
            let text = format!(
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT {body} CASE WHEN 1 THEN 2 \
                 END; SELECT 1; END;\n"
            );
            (text, 1, 0)
        }),
    ]
}

fn released_in(script: &[u8], size: usize) -> Vec<(u64, u64)> {
    let mut scanner = Scanner::new();
    let each = |chunk: &[u8]| {
        scanner.feed(chunk);
        (scanner.released(Trust::Repository), scanner.rows())
    };
    script.chunks(size).map(each).collect()
}

const WORDS: &[&[u8]] = &[
    b"'",
    b"\"",
    b"$$",
    b"$a$",
    b"--",
    b"/*",
    b"*/",
    b"\n",
    b"\r",
    b"\r\n",
    b"\\.",
    b"\\",
    b";",
    b"E'",
    b"u&",
    b":",
    b"COPY t FROM stdin;\n",
    b"COPY t FROM stdin csv;\n",
    b"(",
    b")",
    b"1",
    b"e",
    b"\0",
    b"\\restrict a\n",
    b"INSERT INTO t VALUES (",
    b"\xef\xbb\xbf",
    b"\xef",
    b"\xff",
    b" ",
    b"SET standard_conforming_strings = off;",
    b"CREATE FUNCTION ",
    b"begin ",
    b"end ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn generated_scripts_count_as_generated(pieces in vec(piece(), 0..12), size in 1usize..40) {
        let text: String = pieces.iter().map(|p| p.0.as_str()).collect();
        let script = scan_in(text.as_bytes(), size);
        let loaded = script.tables.iter().map(|t| t.rows).sum::<u64>();
        prop_assert_eq!(script.statements, pieces.iter().map(|p| p.1).sum::<u64>());
        prop_assert_eq!(loaded, pieces.iter().map(|p| p.2).sum::<u64>());
        prop_assert_eq!((script.meta_count, script.unterminated), (0, None));
        prop_assert_eq!(script.unclear, None);
        prop_assert_eq!(script.released, text.len() as u64);
    }

    #[test]
    fn a_meta_command_after_any_script_is_found(pieces in vec(piece(), 0..6)) {
        let text: String = pieces.iter().map(|p| p.0.as_str()).collect();
        let script = scan(format!("{text}\\! rm\n{text}").as_bytes());
        prop_assert_eq!(script.meta_count, 1);
        prop_assert_eq!(script.released, text.len() as u64);
    }

    #[test]
    fn bytes_of_any_kind_in_any_chunks_are_one_script(
        words in vec(prop::sample::select(WORDS), 0..60),
        size in 1usize..9,
    ) {
        let bytes = words.concat();
        prop_assert_eq!(scan(&bytes), scan_in(&bytes, size));
        let fine = released_in(&bytes, 1);
        let coarse = released_in(&bytes, size);
        prop_assert!(fine.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
        prop_assert_eq!(fine.last(), coarse.last());
    }

    #[test]
    fn bytes_at_random_never_panic(bytes in vec(any::<u8>(), 0..400), size in 1usize..50) {
        prop_assert_eq!(scan(&bytes), scan_in(&bytes, size));
    }
}

/// A small generator with a fixed seed, so that a failure comes back.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// `DB_TASKS_FUZZ=1000000 cargo test damaged_dumps` goes on for longer.
#[test]
fn damaged_dumps_never_panic_and_read_the_same_in_any_chunks() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let rounds = std::env::var("DB_TASKS_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    for _ in 0..rounds {
        let mut dump = ALL[random.below(ALL.len())].to_vec();
        for _ in 0..=random.below(4) {
            damage(&mut dump, &mut random);
        }
        let size = 1 + random.below(300);
        assert_eq!(scan(&dump), scan_in(&dump, size));
    }
}

fn damage(dump: &mut Vec<u8>, random: &mut Random) {
    const BYTES: &[u8] = b"'\"$\\;\n\r\0()-/*:eE1&u.\xef";

    let at = random.below(dump.len());
    let to = (at + random.below(200)).min(dump.len());
    match random.below(4) {
        0 => dump.truncate(at),
        1 => drop(dump.drain(at..to)),
        2 => dump.insert(at, BYTES[random.below(BYTES.len())]),
        _ if at < dump.len() => dump[at] = BYTES[random.below(BYTES.len())],
        _ => {}
    }
}
