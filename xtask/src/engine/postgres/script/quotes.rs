//! Strings, quoted names, dollar quotes, comments and backslash lines.

use memchr::{memchr, memchr2, memchr3};

use super::bytes::is_tag;
use super::lexer::{Lexer, Mode};
use super::token::{Doubt, Token};

/// A longer tag than this is refused, so that memory stays bounded.
const TAG: usize = 1024;

impl Lexer {
    #[inline]
    pub(super) fn quote(&mut self, chunk: &[u8], at: &mut usize, escapes: bool) -> Option<Token> {
        let rest = &chunk[*at..];
        let end = short(rest, escapes).or_else(|| match escapes {
            true => memchr3(b'\'', b'\\', 0, rest),
            false => memchr2(b'\'', 0, rest),
        });
        match self.take(rest, end, at) {
            Some(b'\'') if chunk.get(*at).is_some_and(|&next| next != b'\'') => {
                self.mode = Mode::Sql;
                return (!self.quiet).then_some(Token::Str);
            }
            Some(b'\'') => self.mode = Mode::QuoteEnd { escapes },
            Some(b'\\') => self.mode = Mode::QuoteEscape,
            _ => {}
        }

        None
    }

    pub(super) fn name(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        let rest = &chunk[*at..];
        if self.take(rest, memchr2(b'"', 0, rest), at) == Some(b'"') {
            self.mode = Mode::NameEnd;
        }
        None
    }

    /// Moves past the text before `end` and the byte at it, which is returned.
    #[inline]
    fn take(&mut self, rest: &[u8], end: Option<usize>, at: &mut usize) -> Option<u8> {
        let text = &rest[..end.unwrap_or(rest.len())];
        if !self.quiet {
            self.keep(text);
        }

        self.count_lines(text);
        *at += text.len();

        let stop = end.map(|end| rest[end]);
        if stop == Some(0) {
            self.saw_nul(*at);
        }

        *at += usize::from(stop.is_some());

        stop
    }

    pub(super) fn dollar_tag(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        let byte = chunk[*at];
        if self.tag.is_empty() && byte.is_ascii_digit() {
            self.mode = Mode::Number;
        } else if byte == b'$' {
            self.mode = Mode::DollarBody { matched: None };
            self.text.clear();
            *at += 1;
        } else if !is_tag(byte) {
            // What follows a `$` that opens nothing is a word of its own.
            self.mode = match self.tag.is_empty() {
                true => Mode::Sql,
                false => Mode::Word { after_digit: false },
            };
            let tag = std::mem::take(&mut self.tag);
            self.text.clear();
            self.keep(&tag.to_ascii_lowercase());
        } else if self.tag.len() < TAG {
            self.tag.push(byte);
            *at += 1;
        } else {
            self.mode = Mode::Sql;
            self.tag.clear();
            return Some(Token::Unclear(Doubt::LongTag));
        }

        None
    }

    pub(super) fn dollar_body(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        matched: Option<usize>,
    ) -> Option<Token> {
        let rest = &chunk[*at..];
        let Some(matched) = matched else {
            if self.take(rest, memchr2(b'$', 0, rest), at) == Some(b'$') {
                self.mode = Mode::DollarBody { matched: Some(0) };
            }
            return None;
        };

        let byte = rest[0];
        if byte == b'$' && matched == self.tag.len() {
            *at += 1;
            self.mode = Mode::Sql;
            self.tag.clear();
            return Some(Token::Str);
        }

        let matched = match byte {
            b'$' => Some(0),
            _ if self.tag.get(matched) == Some(&byte) => Some(matched + 1),
            _ => None,
        };

        *at += usize::from(matched.is_some());
        self.mode = Mode::DollarBody { matched };

        None
    }

    /// The line end stays: COPY data may begin after it, or it may be a stray one.
    #[inline]
    pub(super) fn line_comment(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        let rest = &chunk[*at..];
        let end = memchr3(b'\n', b'\r', 0, rest);
        let text = &rest[..end.unwrap_or(rest.len())];

        self.keep(text);
        *at += text.len();

        if rest[end?] == 0 {
            self.saw_nul(*at);
            *at += 1;
            return None;
        }

        self.mode = Mode::Sql;

        Some(Token::Comment)
    }

    pub(super) fn block_comment(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        depth: u64,
        last: u8,
    ) -> Option<Token> {
        let rest = &chunk[*at..];
        if last == 0 {
            let last = self.take(rest, memchr3(b'*', b'/', 0, rest), at)?;
            self.mode = Mode::BlockComment { depth, last };
            return None;
        }

        self.mode = match (last, rest[0]) {
            (b'/', b'*') => Mode::BlockComment { depth: depth + 1, last: 0 },
            (b'*', b'/') if depth == 1 => Mode::Sql,
            (b'*', b'/') => Mode::BlockComment { depth: depth - 1, last: 0 },
            (_, byte @ (b'*' | b'/')) => Mode::BlockComment { depth, last: byte },
            _ => {
                self.mode = Mode::BlockComment { depth, last: 0 };
                return None;
            }
        };

        *at += 1;

        None
    }

    /// The newline belongs to the line: [`Lexer::base`] plus `at` is right behind it.
    pub(super) fn meta(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        let rest = &chunk[*at..];
        let end = memchr(b'\n', rest);
        let text = &rest[..end.unwrap_or(rest.len())];

        if let Some(nul) = memchr(0, text) {
            self.saw_nul(*at + nul);
        }

        self.keep(text);
        *at += text.len();
        end?;
        *at += 1;
        self.line += 1;

        self.mode = Mode::Sql;

        Some(Token::Meta)
    }
}

/// Most strings are too short for a vectorised search to pay off.
#[inline]
fn short(rest: &[u8], escapes: bool) -> Option<usize> {
    let stops = |&b: &u8| b == b'\'' || b == 0 || (escapes && b == b'\\');
    rest.iter().take(16).position(stops)
}
