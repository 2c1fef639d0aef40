//! Words, numbers and what begins with a special character.

use super::super::bytes::{CLASS, Class, WORD, is_tag};
use super::super::token::Token;
use super::{JUNK, Lexer, Mode, TEXT};

impl Lexer {
    #[inline]
    pub(super) fn special(&mut self, byte: u8, at: usize) -> Option<Token> {
        if !matches!(byte, b'\n' | b'\r' | 0 | b'-' | b'/' | b'\\' | b';') {
            self.begin_statement(at);
        }

        self.begin(at);
        match byte {
            b'\n' => {
                self.line += 1;
                return Some(Token::Newline);
            }
            0 => self.saw_nul(at),
            b'(' => return Some(Token::Open),
            b')' => return Some(Token::Close),
            b'.' => return Some(Token::Dot),
            b';' => return Some(Token::Semicolon),
            b'\r' => self.mode = Mode::CarriageReturn,
            b'\'' => self.mode = self.plain_quote(),
            b'"' => self.mode = Mode::Name,
            b'$' => self.mode = Mode::DollarTag,
            b'-' => self.mode = Mode::Minus,
            b'/' => self.mode = Mode::Slash,
            b':' => self.mode = Mode::Colon,
            _ => {
                self.text.push(byte);
                self.mode = Mode::Meta;
            }
        }

        None
    }

    #[inline]
    pub(super) fn word(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        after_digit: bool,
    ) -> Option<Token> {
        let rest = &chunk[*at..];
        let length = rest.iter().take_while(|&&b| WORD[b as usize]).count();
        // Two bytes are enough to tell a prefix of one letter from a word.
        let wanted = if self.quiet { length.min(2) } else { length };
        let room = TEXT - self.text.len();
        let kept = rest[..wanted.min(room)].iter();

        self.text.extend(kept.map(u8::to_ascii_lowercase));
        *at += length;

        let &next = rest.get(length)?;
        if next != b'\'' && next != b'&' {
            self.mode = Mode::Sql;
            return (!self.quiet).then_some(Token::Word);
        }

        self.prefix(next, at, after_digit)
    }

    /// A word right before `'` or `&` may be the prefix of a string.
    pub(super) fn prefix(&mut self, next: u8, at: &mut usize, after_digit: bool) -> Option<Token> {
        self.mode = match (&self.text[..], next) {
            (b"e", b'\'') => Mode::Quote { escapes: true },
            (b"b" | b"x", b'\'') => Mode::Quote { escapes: false },
            (b"u", b'&') => Mode::UnicodePrefix { after_digit },
            _ => Mode::Sql,
        };

        let junk = after_digit && next == b'\'';
        if self.mode == Mode::Sql {
            return Some(if junk { JUNK } else { Token::Word });
        }

        self.text.clear();
        *at += 1;

        junk.then_some(JUNK)
    }

    #[inline]
    pub(super) fn number(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        let rest = &chunk[*at..];
        let digit = |b: &&u8| b.is_ascii_digit() || **b == b'.';
        let length = rest.iter().take_while(digit).count();

        *at += length;
        let &next = rest.get(length)?;
        self.mode = Mode::Sql;

        if CLASS[next as usize] == Class::Letter {
            self.begin(*at);
            self.mode = Mode::Word { after_digit: true };
        }

        (!self.quiet).then_some(Token::Number)
    }

    pub(super) fn variable(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        let length = chunk[*at..].iter().take_while(|&&b| is_tag(b)).count();
        *at += length;
        if *at < chunk.len() {
            self.mode = Mode::Sql;
        }
        None
    }

    pub(super) fn plain_quote(&self) -> Mode {
        let escapes = !self.conforming();
        Mode::Quote { escapes }
    }
}
