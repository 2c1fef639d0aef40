//! Splits SQL into the few tokens the scanner needs, with the rules of psql's `psqlscan.l`.
//!
//! psql lexes line by line: a string literal is not continued on the next line, and a change of
//! `standard_conforming_strings` counts from the next line on.

mod words;

use memchr::memchr_iter;

use super::bytes::{CLASS, Class, WORD, is_tag};
use super::token::{Doubt, Token};

/// Text kept of a word, name, string or comment; names are 63 bytes long at most.
const TEXT: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Sql,
    Word {
        after_digit: bool,
    },
    Number,
    /// After `u&`, which may introduce a string or a name.
    UnicodePrefix {
        after_digit: bool,
    },
    Minus,
    Slash,
    Colon,
    Variable,
    CarriageReturn,
    Quote {
        escapes: bool,
    },
    QuoteEscape,
    QuoteEnd {
        escapes: bool,
    },
    Name,
    NameEnd,
    DollarTag,
    DollarBody {
        matched: Option<usize>,
    },
    LineComment,
    BlockComment {
        depth: u64,
        last: u8,
    },
    Meta,
}

pub(super) struct Lexer {
    pub(super) text: Vec<u8>,
    pub(super) line: u64,
    /// Offset and line of the last token, comment or backslash line.
    pub(super) start: u64,
    pub(super) start_line: u64,
    /// Offset and line of the current statement; line 0 before the first.
    pub(super) statement: u64,
    pub(super) statement_line: u64,
    /// Whether no token of a statement has been seen since the last `;`.
    pub(super) between: bool,
    /// The line of a COPY statement ends here: its data begins with the next one, whatever else
    /// follows the `;`.
    pub(super) stops_at_newline: bool,
    /// `U&'…'` or `U&"…"` was seen since the statement began.
    pub(super) unicode: bool,
    /// Words, names and strings are skipped without a token.
    pub(super) quiet: bool,
    /// Line and offset.
    pub(super) nul: Option<(u64, u64)>,
    pub(super) crlf: Option<u64>,
    pub(super) mode: Mode,
    pub(super) tag: Vec<u8>,
    pub(super) base: u64,
    conforming: bool,
    /// A new value of `standard_conforming_strings` and the line it was set in.
    next_conforming: Option<(bool, u64)>,
}

impl Lexer {
    pub(super) fn new() -> Self {
        Lexer {
            text: Vec::with_capacity(TEXT),
            line: 1,
            start: 0,
            start_line: 1,
            statement: 0,
            statement_line: 0,
            between: true,
            stops_at_newline: false,
            unicode: false,
            quiet: false,
            nul: None,
            crlf: None,
            mode: Mode::Sql,
            tag: Vec::new(),
            base: 0,
            conforming: true,
            next_conforming: None,
        }
    }

    /// The next token that ends in `chunk`, which begins at `self.base`; `None` at its end.
    pub(super) fn next(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        while *at < chunk.len() {
            let token = match self.mode {
                Mode::Sql => self.sql(chunk, at),
                Mode::Word { after_digit } => self.word(chunk, at, after_digit),
                Mode::Number => self.number(chunk, at),
                Mode::Variable => self.variable(chunk, at),
                Mode::Quote { escapes } => self.quote(chunk, at, escapes),
                Mode::Name => self.name(chunk, at),
                Mode::DollarTag => self.dollar_tag(chunk, at),
                Mode::DollarBody { matched } => self.dollar_body(chunk, at, matched),
                Mode::LineComment => self.line_comment(chunk, at),
                Mode::BlockComment { depth, last } => self.block_comment(chunk, at, depth, last),
                Mode::Meta => self.meta(chunk, at),
                _ => self.second_byte(chunk[*at], at),
            };

            if token.is_some() {
                return token;
            }
        }

        None
    }

    /// Ends what is still open at the end of the file.
    pub(super) fn finish(&mut self) -> Option<Token> {
        let token = match self.mode {
            Mode::Word { .. } => Token::Word,
            Mode::QuoteEnd { .. } => Token::Str,
            Mode::NameEnd => Token::Name,
            Mode::Meta => Token::Meta,
            Mode::LineComment => Token::Comment,
            _ => return None,
        };

        self.mode = Mode::Sql;

        Some(token)
    }

    /// psql reads the setting once for each line.
    pub(super) fn set_conforming(&mut self, on: bool) {
        self.conforming = self.conforming();
        self.next_conforming = Some((on, self.line));
    }

    #[inline]
    pub(super) fn conforming(&self) -> bool {
        match self.next_conforming {
            Some((on, line)) if line < self.line => on,
            _ => self.conforming,
        }
    }

    #[inline]
    fn sql(&mut self, chunk: &[u8], at: &mut usize) -> Option<Token> {
        // a carriage return is a separate fault
        if self.stops_at_newline && !matches!(chunk[*at], b'\n' | b'\r') {
            return self.copy_tail(*at);
        }

        while let Some(&byte) = chunk.get(*at) {
            match CLASS[byte as usize] {
                Class::Blank => *at += 1,
                Class::Plain => {
                    self.begin_statement(*at);
                    *at += 1;
                    if !self.quiet {
                        return Some(Token::Symbol(byte));
                    }
                }
                Class::Letter | Class::Digit if self.quiet && skip(chunk, at) => {}
                Class::Letter => {
                    self.begin(*at);
                    self.begin_statement(*at);
                    self.mode = Mode::Word { after_digit: false };
                    return self.word(chunk, at, false);
                }
                Class::Digit => {
                    self.begin_statement(*at);
                    self.mode = Mode::Number;
                    return self.number(chunk, at);
                }
                Class::Special if byte == b'\n' && !self.stops_at_newline => {
                    self.line += 1;
                    *at += 1;
                }
                Class::Special => {
                    let token = self.special(byte, *at);
                    *at += 1;
                    if token.is_some() || self.mode != Mode::Sql {
                        return token;
                    }
                }
            }
        }

        None
    }

    fn copy_tail(&mut self, at: usize) -> Option<Token> {
        self.stops_at_newline = false;
        self.begin(at);
        Some(Token::Unclear(Doubt::CopyTail))
    }

    /// The modes in which the next byte decides what the first one was.
    #[inline]
    fn second_byte(&mut self, byte: u8, at: &mut usize) -> Option<Token> {
        self.unicode |= matches!((self.mode, byte), (Mode::UnicodePrefix { .. }, b'\'' | b'"'));
        let (mode, taken, token) = match (self.mode, byte) {
            (Mode::Minus, b'-') => {
                self.text.extend_from_slice(b"--");
                (Mode::LineComment, 1, None)
            }
            (Mode::Slash, b'*') => (Mode::BlockComment { depth: 1, last: 0 }, 1, None),
            (Mode::Minus | Mode::Slash, _) => {
                self.begin_statement(*at);
                (Mode::Sql, 0, None)
            }
            (Mode::Colon, _) => self.after_colon(byte),
            (Mode::CarriageReturn, b'\n') => {
                self.crlf.get_or_insert(self.line);
                (Mode::Sql, 0, None)
            }
            (Mode::CarriageReturn, _) => {
                let doubt = Token::Unclear(Doubt::CarriageReturn);
                (Mode::Sql, 0, Some(doubt))
            }
            (Mode::UnicodePrefix { after_digit: true }, b'\'') => {
                (Mode::Quote { escapes: false }, 1, Some(JUNK))
            }
            (Mode::UnicodePrefix { .. }, b'\'') => (Mode::Quote { escapes: false }, 1, None),
            (Mode::UnicodePrefix { .. }, b'"') => (Mode::Name, 1, None),
            (Mode::QuoteEscape, _) => {
                let newline = byte == b'\n';
                // A newline is counted where the quote continues.
                (Mode::Quote { escapes: true }, usize::from(!newline), None)
            }
            (Mode::QuoteEnd { escapes }, b'\'') => {
                self.keep(b"'");
                (Mode::Quote { escapes }, 1, None)
            }
            (Mode::QuoteEnd { .. }, _) => (Mode::Sql, 0, Some(Token::Str)),
            (Mode::NameEnd, b'"') => {
                self.keep(b"\"");
                (Mode::Name, 1, None)
            }
            (Mode::NameEnd, _) => (Mode::Sql, 0, Some(Token::Name)),
            _ => (Mode::Sql, 0, None),
        };

        self.mode = mode;
        *at += taken;

        token
    }

    /// What a byte after a colon makes of it: the next mode, whether it is taken, and a token.
    #[inline]
    fn after_colon(&self, byte: u8) -> (Mode, usize, Option<Token>) {
        match byte {
            b':' => (Mode::Sql, 1, (!self.quiet).then_some(Token::Cast)),
            b'{' | b'A'..=b'Z' => (Mode::Variable, 1, Some(Token::Unclear(Doubt::Variable))),
            _ if is_tag(byte) => (Mode::Variable, 1, None),
            _ => (Mode::Sql, 0, None),
        }
    }

    #[inline]
    pub(super) fn begin(&mut self, at: usize) {
        self.text.clear();
        self.start = self.base + at as u64;
        self.start_line = self.line;
    }

    #[inline]
    fn begin_statement(&mut self, at: usize) {
        if self.between {
            self.between = false;
            self.statement = self.base + at as u64;
            self.statement_line = self.line;
        }
    }

    #[inline]
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let room = TEXT - self.text.len();
        let kept = bytes[..bytes.len().min(room)].iter();
        // Copied byte by byte, because most texts are too short for a call to pay off.
        self.text.extend(kept.copied());
    }

    pub(super) fn count_lines(&mut self, bytes: &[u8]) {
        let newlines = match bytes.len() {
            0..=16 => bytes.iter().filter(|&&b| b == b'\n').count(),
            _ => memchr_iter(b'\n', bytes).count(),
        };
        self.line += newlines as u64;
    }

    pub(super) fn saw_nul(&mut self, at: usize) {
        let here = (self.line, self.base + at as u64);
        self.nul.get_or_insert(here);
    }
}

/// Moves past text without a special byte, except for a last word that may be a string's prefix.
#[inline]
fn skip(chunk: &[u8], at: &mut usize) -> bool {
    let rest = &chunk[*at..];
    let special = |&b: &u8| CLASS[b as usize] == Class::Special;
    let prefix = |&&b: &&u8| WORD[b as usize] || b == b'&';
    let length = rest.iter().position(special).unwrap_or(rest.len());

    let last = match rest.get(length) {
        None | Some(b'\'' | b'"' | b'$') => {
            let text = rest[..length].iter().rev();
            text.take_while(prefix).count()
        }
        _ => 0,
    };

    *at += length - last;

    length > last
}

const JUNK: Token = Token::Unclear(Doubt::StringAfterNumber);
