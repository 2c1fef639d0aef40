//! Backslash lines: the pair of `\restrict` that pg_dump writes, and what a dump never has.

use super::Scanner;
use super::head::escaped;
use super::report::{Meta, Restrict, Withheld};
use crate::value::Spare;

/// Meta-commands listed in full; the others are counted.
const META: usize = 20;

impl Scanner {
    /// A backslash line that ends at `end`: run, or refused.
    pub(super) fn meta(&mut self, end: u64) {
        let alone = self.lexer.between && self.pending.is_none();
        let text = String::from_utf8_lossy(&self.lexer.text).into_owned();
        if alone && self.enters(&text, end) {
            return;
        }

        if alone && self.restrict(text.trim_end()) {
            self.script.asides.push(Withheld { at: self.lexer.start..end, what: Spare::Restrict });
        } else {
            self.refuse(&text);
        }

        if self.pending.is_some() {
            self.begin_block(end);
        }
    }

    fn refuse(&mut self, text: &str) {
        let line = self.lexer.start_line;
        self.frozen.meta.get_or_insert(self.lexer.start);
        self.spoil_marker(line);
        self.script.meta_count += 1;
        if self.script.meta.len() < META {
            let text = escaped(&text.trim_end().chars().take(80).collect::<String>());
            self.script.meta.push(Meta { line, text });
        }
    }

    /// pg_dump writes only the command, with a key of letters and digits.
    fn restrict(&mut self, text: &str) -> bool {
        let Some((command, key)) = text.split_once(' ') else {
            return false;
        };
        let line = self.lexer.start_line;

        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return false;
        }

        if command == "\\restrict"
            && self.script.statements > 0
            && self.script.restrict == Restrict::None
        {
            return false;
        }

        let open = match &self.script.restrict {
            Restrict::Open { key, .. } => Some(key.clone()),
            _ => None,
        };
        let key = key.to_owned();

        self.script.restrict = match (command, open) {
            ("\\restrict", None) => {
                self.spoil_marker(line);
                Restrict::Open { key, line }
            }
            ("\\unrestrict", Some(open)) if open == key => Restrict::Closed { key },
            ("\\unrestrict", opened) => Restrict::Mismatched { opened, closed: key, line },
            _ => return false,
        };

        true
    }
}
