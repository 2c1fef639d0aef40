//! Settings that change how the rest of a script is read.

use super::Scanner;
use super::statement::{Set, Setting};
use crate::value::Spare;

/// Client encodings whose second bytes may look like ASCII, a backslash among them (`encnames.c`).
const UNSAFE: &[&str] = &[
    "big5",
    "gb18030",
    "gbk",
    "johab",
    "mskanji",
    "shiftjis",
    "shiftjis2004",
    "sjis",
    "uhc",
    "win932",
    "win936",
    "win949",
    "win950",
    "windows932",
    "windows936",
    "windows949",
    "windows950",
];

impl Scanner {
    pub(super) fn apply(&mut self, set: Set, end: u64) {
        let value = String::from_utf8_lossy(&self.statement.value).to_ascii_lowercase();
        match set.key {
            Some(Setting::ConformingStrings) => self.set_conforming(set, &value, end),
            Some(Setting::ClientEncoding) if is_unsafe(&value) => {
                self.unclear("a client encoding that is not a superset of ASCII", end);
            }
            Some(Setting::ClientEncoding) => {
                self.reading.is_encoded(Some(&*value).filter(|_| !set.reset))
            }
            Some(Setting::SearchPath) => self.set_search_path(set),
            Some(Setting::All) if set.reset => {
                self.set_conforming(set, &value, end);
                self.search_path.clear();
                self.reading.is_encoded(None);
            }
            _ => {}
        }
    }

    /// What follows goes into a tablespace of this name.
    pub(super) fn place(&mut self, set: Set, end: u64) {
        if !set.reset && !self.statement.value.is_empty() {
            let name = String::from_utf8_lossy(&self.statement.value).into_owned();
            self.script.tablespaces.insert(name);
            self.aside(Spare::Tablespace, end);
        }
    }

    fn set_conforming(&mut self, set: Set, value: &str, end: u64) {
        let on = match value {
            _ if set.reset => true,
            "on" | "true" | "yes" | "default" => true,
            "off" | "false" | "no" => false,
            _ => return self.unclear("a value of standard_conforming_strings", end),
        };

        self.left_conforming |= !on;
        if set.local && self.left_conforming {
            return self.unclear("SET LOCAL standard_conforming_strings", end);
        }

        self.reading.conforms(on);
        self.lexer.set_conforming(on);
    }

    fn set_search_path(&mut self, set: Set) {
        let value = &self.statement.value;
        let first = value.split(|&b| b == b',').next().unwrap_or_default();
        self.search_path.clear();
        if !set.reset && first != b"pg_catalog" && !first.contains(&b'$') {
            self.search_path.extend_from_slice(first.trim_ascii());
        }
    }
}

fn is_unsafe(encoding: &str) -> bool {
    let plain = encoding.replace(|c: char| !c.is_ascii_alphanumeric(), "");
    UNSAFE.contains(&&*plain)
}
