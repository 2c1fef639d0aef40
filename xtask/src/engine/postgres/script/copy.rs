//! The data of `COPY ... FROM stdin`, which psql passes on line by line up to a `\.` line
//! (`handleCopyIn` in psql's `copy.c`).

use memchr::{memchr_iter, memchr2, memchr3, memmem};

/// Small enough for a block to stay in the fastest cache while it is searched several times.
const BLOCK: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Csv { quote: u8, escape: u8 },
}

/// How much of `\.` and its line end was seen at the start of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    Backslash,
    Dot,
    CarriageReturn,
    Middle,
}

pub(super) struct Block {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) start_line: u64,
    /// The line being read.
    pub(super) line: u64,
    pub(super) crlf: Option<u64>,
    /// Line and offset.
    pub(super) nul: Option<(u64, u64)>,
    start: u64,
    terminator: memmem::Finder<'static>,
    format: Format,
    place: Place,
    last: u8,
    odd_backslashes: bool,
    quoted: bool,
    escaped: bool,
    header: bool,
}

impl Block {
    /// Data whose first byte is at the offset `start` and on the line `line`.
    pub(super) fn new(format: Format, header: bool, line: u64, start: u64) -> Self {
        Block {
            rows: 0,
            bytes: 0,
            start_line: line,
            line,
            crlf: None,
            nul: None,
            start,
            terminator: memmem::Finder::new(b"\n\\."),
            format,
            place: Place::LineStart,
            last: 0,
            odd_backslashes: false,
            quoted: false,
            escaped: false,
            header,
        }
    }

    /// Reads on in `chunk` from `at`; true when the `\.` line has been read.
    pub(super) fn feed(&mut self, chunk: &[u8], at: &mut usize) -> bool {
        while *at < chunk.len() {
            if self.place == Place::Middle {
                *at += self.lines(&chunk[*at..]);
            } else if self.line_start(chunk[*at], at) {
                return true;
            }
        }
        false
    }

    fn line_start(&mut self, byte: u8, at: &mut usize) -> bool {
        let seen: &[u8] = match self.place {
            Place::Backslash => b"\\",
            Place::Dot => b"\\.",
            Place::CarriageReturn => b"\\.\r",
            _ => b"",
        };

        let next = match (self.place, byte) {
            (Place::LineStart, b'\\') => Place::Backslash,
            (Place::Backslash, b'.') => Place::Dot,
            (Place::Dot, b'\r') => Place::CarriageReturn,
            (Place::Dot | Place::CarriageReturn, b'\n') => {
                if self.place == Place::CarriageReturn {
                    self.crlf.get_or_insert(self.line);
                }
                *at += 1;
                self.line += 1;
                return true;
            }
            _ => {
                self.place = Place::Middle;
                self.data(seen);
                // The byte may be a newline: it is data, and a line begins after it.
                if byte == b'\n' {
                    self.data(b"\n");
                    *at += 1;
                    self.place = Place::LineStart;
                }

                return false;
            }
        };

        self.place = next;
        *at += 1;

        false
    }

    /// Takes the data up to a newline that `\.` follows, or all of it; returns its length.
    fn lines(&mut self, rest: &[u8]) -> usize {
        let mut taken = 0;

        for block in rest.chunks(BLOCK) {
            // A terminator across two blocks is not missed: each ends in `LineStart`.
            let end = self.terminator.find(block).map(|newline| newline + 1);
            let data = &block[..end.unwrap_or(block.len())];
            let open = match data {
                [head @ .., b'\n', b'\\'] => &data[..head.len() + 1],
                _ => data,
            };

            self.data(open);
            taken += open.len();

            if end.is_some() || open.last() == Some(&b'\n') {
                self.place = Place::LineStart;
                break;
            }
        }

        taken
    }

    fn data(&mut self, data: &[u8]) {
        let Some(&last) = data.last() else { return };
        self.damage(data);
        self.bytes += data.len() as u64;
        match self.format {
            Format::Text => self.text(data),
            Format::Csv { quote, escape } => self.csv(data, quote, escape),
        }
        self.last = last;
    }

    fn damage(&mut self, data: &[u8]) {
        if self.last == b'\r' && data[0] == b'\n' {
            self.crlf.get_or_insert(self.line);
        }
        if self.crlf.is_some() && self.nul.is_some() {
            return;
        }

        let mut from = 0;
        while let Some(found) = memchr2(b'\r', 0, &data[from..]) {
            let at = from + found;
            let line = || self.line + count(&data[..at]);
            match data[at] {
                0 if self.nul.is_none() => {
                    self.nul = Some((line(), self.start + self.bytes + at as u64))
                }
                b'\r' if self.crlf.is_none() && data.get(at + 1) == Some(&b'\n') => {
                    self.crlf = Some(line())
                }
                _ => {}
            }

            from = at + 1;
        }
    }

    fn text(&mut self, data: &[u8]) {
        let newlines = count(data);
        self.line += newlines;
        self.rows += newlines - self.escaped_newlines(data);
        if self.header && self.rows > 0 {
            self.header = false;
            self.rows -= 1;
        }
    }

    /// A newline after a backslash is part of a value, as old dumps wrote it.
    fn escaped_newlines(&mut self, data: &[u8]) -> u64 {
        let odd_before = |end: usize| {
            let run = data[..end].iter().rev().take_while(|&&b| b == b'\\');
            let run = run.count();
            (run % 2 == 1) ^ (run == end && self.odd_backslashes)
        };

        let first = data[0] == b'\n' && self.odd_backslashes;
        let others = memmem::find_iter(data, b"\\\n").filter(|&at| odd_before(at + 1));
        let escaped = u64::from(first) + others.count() as u64;

        self.odd_backslashes = odd_before(data.len());

        escaped
    }

    fn csv(&mut self, data: &[u8], quote: u8, escape: u8) {
        let mut rest = data;
        while let Some(at) = self.next_csv(rest, quote, escape) {
            let byte = rest[at];
            self.line += u64::from(byte == b'\n');
            if self.escaped && at == 0 {
                self.escaped = false;
            } else if byte == b'\n' && !self.quoted {
                self.rows += u64::from(!std::mem::take(&mut self.header));
            } else if byte == escape && escape != quote {
                self.escaped = self.quoted;
            } else if byte == quote {
                self.quoted = !self.quoted;
            }

            rest = &rest[at + 1..];
        }
    }

    fn next_csv(&self, rest: &[u8], quote: u8, escape: u8) -> Option<usize> {
        match self.escaped && !rest.is_empty() {
            true => Some(0),
            false => memchr3(b'\n', quote, escape, rest),
        }
    }

    /// The server takes a last line `\.` without its newline as the end too.
    pub(super) fn is_ended_by_eof(&self) -> bool {
        self.place == Place::Dot
    }
}

fn count(data: &[u8]) -> u64 {
    memchr_iter(b'\n', data).count() as u64
}
