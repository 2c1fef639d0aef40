//! Where a `;` does not end CREATE FUNCTION and PROCEDURE.

/// psql's own rule for `BEGIN ATOMIC ... END` in CREATE FUNCTION and PROCEDURE.
#[derive(Default)]
pub(super) struct BeginBlock {
    pub(super) words: u8,
    seen: [u8; 4],
    pub(super) depth: u64,
    pub(super) after_semicolon: bool,
}

impl BeginBlock {
    fn function(&self) -> bool {
        matches!(self.seen, [b'c', b'f' | b'p', ..])
            || matches!(self.seen, [b'c', b'o', b'r', b'f' | b'p'])
    }

    /// Whether this is, or may be, CREATE FUNCTION or PROCEDURE.
    pub(super) fn watches(&self) -> bool {
        let undecided = usize::from(self.words) < self.seen.len();
        self.seen[0] == b'c' && (undecided || self.function())
    }

    /// `{identifier}` in `psqlscan.l`, word for word.
    pub(super) fn word(&mut self, text: &[u8], nested: bool) {
        if self.words == 0 {
            self.seen = [0; 4];
        }

        let at = usize::from(self.words);
        if at > 0 && !self.watches() {
            return;
        }

        let known = matches!(text, b"create" | b"function" | b"procedure" | b"or" | b"replace");
        if known && at < self.seen.len() {
            self.seen[at] = text[0];
        }

        self.words = self.words.saturating_add(1);
        if nested || !self.function() {
            return;
        }

        match text {
            b"begin" => self.depth += 1,
            b"case" if self.depth > 0 => self.depth += 1,
            b"end" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
