//! The file itself, without any server: whole or told what is wrong with it, and as its document
//! says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use db_tasks::engine::milvus::scan;

use super::problem;

/// Made by a real server: Milvus 2.3.5, two collections. It stays readable for ever.
const FORMAT_1: &[u8] = include_bytes!("format-1.bin");

fn said(file: &[u8]) -> String {
    match scan(&mut &*file) {
        Ok(census) => panic!("taken for whole: {census:?}"),
        Err(error) => {
            let problem = problem(&error);
            assert_eq!(problem.about, db_tasks::problem::About::Backup, "{problem}");
            format!("{}: {}", problem.tried, problem.happened.join("; "))
        }
    }
}

#[test]
fn an_old_backup_is_read() {
    let census = scan(&mut &*FORMAT_1).unwrap();
    let all: Vec<_> = census
        .collections
        .iter()
        .map(|c| (c.name.as_str(), c.rows, c.bytes, c.aliases.join(",")))
        .collect();

    assert_eq!(
        all,
        [("docs", 3, 159, "papers".to_owned()), ("everything", 6, 2086, String::new())]
    );
    assert_eq!(&census.collections[0].sha256[..16], "a33291b06a7d9ee6");

    let text = serde_json::to_string(&census).unwrap();
    assert_eq!(serde_json::from_str::<db_tasks::engine::milvus::Census>(&text).unwrap(), census);
}

#[test]
fn a_backup_that_is_cut_anywhere_is_told_from_a_whole_one() {
    for cut in 1..FORMAT_1.len() {
        assert_eq!(
            said(&FORMAT_1[..cut]),
            "this backup of Milvus is damaged: it is truncated: the end record is missing",
            "{cut}"
        );
    }
}

#[test]
fn every_bit_counts() {
    let mut file = FORMAT_1.to_vec();
    for at in 0..file.len() {
        for bit in 0..8 {
            file[at] ^= 1 << bit;
            said(&file);
            file[at] ^= 1 << bit;
        }
    }
}

#[test]
fn damage_of_every_kind_is_named() {
    let with = |from: &str, to: &str| {
        let at = FORMAT_1.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        [&FORMAT_1[..at], to.as_bytes(), &FORMAT_1[at + from.len()..]].concat()
    };

    for (file, wanted) in [
        (
            [FORMAT_1, b"x"].concat(),
            "this backup of Milvus is damaged: something comes after its end",
        ),
        (
            [FORMAT_1, FORMAT_1].concat(),
            "this backup of Milvus is damaged: something comes after its end",
        ),
        (
            with("format 1", "format 2"),
            "this backup of Milvus has format 2: this version reads format 1",
        ),
        (
            with("papers", "pavers"),
            "this backup of Milvus is damaged: its checksum does not match its bytes",
        ),
        (
            b"-- PostgreSQL database dump\n".to_vec(),
            "this is not a backup of Milvus: it does not begin like one",
        ),
        (
            vec![0x28, 0xb5, 0x2f, 0xfd],
            "this is not a backup of Milvus: it does not begin like one",
        ),
        (
            b"".to_vec(),
            "this backup of Milvus is damaged: it is truncated: the end record is missing",
        ),
    ] {
        assert_eq!(said(&file), wanted);
    }
}

/// The document's messages are those of the code, field by field and number by number.
#[test]
fn the_document_says_what_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = fs::read_to_string(root.join("xtask/src/engine/milvus/format.rs")).unwrap();
    let document = fs::read_to_string(root.join("docs/milvus-format.md")).unwrap();
    let proto = document.split("```proto").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(of_document(proto), of_code(&code));
    assert!(of_document(proto).len() == 7, "{:#?}", of_document(proto));
}

/// Message, field, number.
type Fields = BTreeMap<String, Vec<(String, String)>>;

fn of_document(text: &str) -> Fields {
    let mut out = Fields::new();
    let mut message = String::new();
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        if let Some(name) = line.strip_prefix("message ") {
            message = name.trim_end_matches(" {").into();
        } else if let Some((field, number)) =
            line.strip_suffix(';').and_then(|line| line.split_once(" = "))
        {
            let name = field.rsplit(' ').next().unwrap_or_default();
            if !message.is_empty() {
                out.entry(message.clone()).or_default().push((name.into(), number.into()));
            }
        }
    }

    out
}

fn of_code(text: &str) -> Fields {
    let mut out = Fields::new();
    let (mut message, mut number) = (String::new(), None);

    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("pub(super) struct ")
            .or_else(|| line.strip_prefix("pub(super) enum "))
        {
            // the variants of `What` are the fields of `Record`
            message = if name.starts_with("What") {
                "Record".into()
            } else {
                name.trim_end_matches(" {").into()
            };
        } else if let Some((_, tag)) = line.split_once("tag = \"") {
            number = tag.split('"').next().map(String::from);
        } else if let Some(number) = number.take() {
            let name = line.trim_start_matches("pub ").split([':', '(']).next().unwrap_or_default();
            let snake = name.chars().enumerate().flat_map(|(at, c)| {
                let under = (c.is_uppercase() && at > 0).then_some('_');
                under.into_iter().chain(c.to_lowercase())
            });
            out.entry(message.clone()).or_default().push((snake.collect(), number));
        }
    }

    out
}
