//! The text of a `.env`, by its lines.

use std::collections::BTreeSet;

/// Characters, and which of them were not UTF-8.
pub(super) struct Text {
    pub(super) chars: Vec<char>,
    /// Where bytes were that are not UTF-8.
    pub(super) broken: BTreeSet<usize>,
    pub(super) at: usize,
    pub(super) line: usize,
}

impl Text {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (mut chars, mut broken) = (Vec::new(), BTreeSet::new());
        for chunk in bytes.utf8_chunks() {
            chars.extend(chunk.valid().chars());
            if !chunk.invalid().is_empty() {
                broken.insert(chars.len());
                chars.push(char::REPLACEMENT_CHARACTER);
            }
        }

        Self { chars, broken, at: 0, line: 1 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| fits(*c)) {
            self.next();
            taken.push(c);
        }
        taken
    }

    /// The rest of the line, and beyond its end.
    pub(super) fn rest(&mut self) -> String {
        let rest = self.take_while(|c| c != '\n');
        self.next();
        rest.trim_end_matches('\r').to_owned()
    }
}
