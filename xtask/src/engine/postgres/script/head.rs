//! The first line of the current statement, for messages.

use super::lexer::Lexer;
use super::report::Begun;

const CHARS: usize = 120;
/// Enough to recognise a statement.
const SHOWN: usize = 60;
/// Enough bytes for as many characters of UTF-8.
const BYTES: usize = 4 * CHARS;

#[derive(Default)]
pub(super) struct Head {
    text: Vec<u8>,
    start: u64,
    last: Option<u8>,
}

impl Head {
    /// Takes the statement's first bytes from `chunk`, at `lexer.base`.
    pub(super) fn take(&mut self, lexer: &Lexer, chunk: &[u8]) {
        let Some(&last) = chunk.last() else { return };
        self.last = Some(last);
        if lexer.statement != self.start {
            self.start = lexer.statement;
            self.text.clear();
        }

        let wanted = self.start + self.text.len() as u64;
        let from = wanted.saturating_sub(lexer.base) as usize;
        let room = BYTES - self.text.len();

        if wanted >= lexer.base && from < chunk.len() {
            let to = chunk.len().min(from + room);
            self.text.extend_from_slice(&chunk[from..to]);
        }
    }

    /// Whether the script does not end in a newline.
    pub(super) fn in_line(&self) -> bool {
        self.last.is_some_and(|byte| byte != b'\n')
    }

    pub(super) fn begun(&self, lexer: &Lexer) -> Option<Begun> {
        if lexer.statement_line == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&self.text);
        let first = text.lines().next()?;
        Some(Begun { line: lexer.statement_line, text: first.chars().take(CHARS).collect() })
    }

    /// How it begins, for a message: on one line, and up to its first string, which may be a
    /// password.
    pub(super) fn shown(&self, length: usize) -> String {
        let text = String::from_utf8_lossy(&self.text[..length.min(self.text.len())]);
        let to = text.find(['\'', '$']).unwrap_or(text.len());
        let words: Vec<&str> = text[..to].split_ascii_whitespace().collect();
        let cut: String = words.join(" ").chars().take(SHOWN).collect();
        let more = if to < text.len() || cut.len() < to { " …" } else { "" };
        format!("`{}{more}`", escaped(cut.trim_end_matches(';')))
    }
}

/// Without anything that would control the terminal.
pub(super) fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}
