//! Rewrites extended headers with line ends in values, as GNU tar writes them for attributes and
//! names, for the library: it splits records at line ends, although each gives its length, and
//! would take a part of a value as a record.

use std::io::{self, Read};

use tar::{EntryType, GnuExtSparseHeader, Header, PaxExtensions};

use super::attributes;
use super::header::{self, BLOCK, record};

/// A longer extended header is left as it is: none is needed.
const LONGEST: u64 = 16 << 20;

/// A tar, unchanged except for such headers. It never reads further than asked, except for headers.
pub(super) struct Straight<R> {
    inner: R,
    /// What is returned before more is read.
    ready: Vec<u8>,
    at: usize,
    /// Bytes of content to come, with padding.
    content: u64,
    /// The length that an extended header gives to the next entry.
    size: Option<u64>,
}

impl<R: Read> Straight<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, ready: Vec::new(), at: 0, content: 0, size: None }
    }

    /// Reads a header and prepares it.
    fn header(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.at = 0;

        let block = self.block()?;
        let header = Header::from_byte_slice(&block[..]);
        if block.iter().all(|byte| *byte == 0) || header.entry_size().is_err() {
            // the end, or something unreadable
            self.content = u64::MAX;
            self.ready.extend(block);
            return Ok(());
        }

        let (kind, size) = (header.entry_type(), header.entry_size()?);
        let is_known = header.as_gnu().is_some() || header.as_ustar().is_some();
        match kind {
            EntryType::XHeader if is_known && size <= LONGEST => {
                return self.extended(header.clone(), size);
            }
            EntryType::XHeader
            | EntryType::XGlobalHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => {
                self.content = whole(size);
            }
            _ => self.content = whole(self.size.take().unwrap_or(size)),
        }

        self.ready.extend(block);
        if kind == EntryType::GNUSparse && header.as_gnu().is_some_and(tar::GnuHeader::is_extended)
        {
            self.map()?;
        }

        Ok(())
    }

    /// The rest of a sparse file's map, which its size does not include.
    fn map(&mut self) -> io::Result<()> {
        loop {
            let (block, mut map) = (self.block()?, GnuExtSparseHeader::new());
            map.as_mut_bytes().copy_from_slice(&block);
            self.ready.extend(block);
            if !map.is_extended() {
                return Ok(());
            }
        }
    }

    fn extended(&mut self, mut header: Header, size: u64) -> io::Result<()> {
        self.ready.extend(header.as_bytes());
        let got = (&mut self.inner).take(whole(size)).read_to_end(&mut self.ready)?;
        let text = &self.ready[BLOCK..][..got.min(usize::try_from(size).unwrap_or(usize::MAX))];
        let is_whole = got as u64 == whole(size);

        let Some(Records { text, long }) =
            Some(text).filter(|text| is_whole && !is_straight(text)).and_then(straightened)
        else {
            self.size = length(text);
            return Ok(());
        };

        self.ready.clear();
        self.size = length(&text);
        for (kind, name) in long {
            header::long(kind, &name, &mut self.ready);
        }

        header.set_size(text.len() as u64);
        header.set_cksum();
        self.ready.extend(header.as_bytes());
        self.ready.extend(text);
        header::fill(&mut self.ready);

        Ok(())
    }

    /// The next block; a truncated one is returned as far as it goes.
    fn block(&mut self) -> io::Result<[u8; BLOCK]> {
        let (mut block, mut got) = ([0; BLOCK], 0);
        while got < BLOCK {
            match self.inner.read(&mut block[got..]) {
                Ok(0) => {
                    self.ready.extend(&block[..got]);
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(more) => got += more,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }

        Ok(block)
    }
}

impl<R: Read> Read for Straight<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.ready.len() && self.content == 0 {
            match self.header() {
                // the reader notices it
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => self.content = u64::MAX,
                read => read?,
            }
        }

        if self.at < self.ready.len() {
            let got = (&self.ready[self.at..]).read(buf)?;
            self.at += got;
            return Ok(got);
        }

        let got = (&mut self.inner).take(self.content).read(buf)?;
        self.content = if self.content == u64::MAX { u64::MAX } else { self.content - got as u64 };

        Ok(got)
    }
}

/// What replaces a header.
struct Records {
    text: Vec<u8>,
    /// Names in GNU's way, in entries of their own.
    long: Vec<(EntryType, Vec<u8>)>,
}

/// Whether each line is a record.
fn is_straight(text: &[u8]) -> bool {
    PaxExtensions::new(text).all(|record| record.is_ok())
}

/// `None` if they can't be read.
fn straightened(text: &[u8]) -> Option<Records> {
    let records = taken_apart(text)?;
    let has_line_end = |part: &[u8]| part.contains(&b'\n');
    let mut straight = Records { text: Vec::new(), long: Vec::new() };

    for (key, value) in records {
        match key {
            b"path" if has_line_end(value) => {
                straight.long.push((EntryType::GNULongName, value.to_vec()))
            }
            b"linkpath" if has_line_end(value) => {
                straight.long.push((EntryType::GNULongLink, value.to_vec()))
            }
            key if has_line_end(key) || has_line_end(value) => {
                let (key, value) = attributes::in_one_line(key, value)?;
                record(&key, &value, &mut straight.text);
            }
            key => record(key, value, &mut straight.text),
        }
    }

    Some(straight)
}

/// Each says how long it is: `LENGTH KEY=VALUE` and a line end.
fn taken_apart(mut text: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();

    while !text.is_empty() {
        let digits = text.iter().position(|byte| *byte == b' ')?;
        let length: usize = str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
        let record = text.get(digits + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.push((&record[..equals], &record[equals + 1..]));
        text = &text[length..];
    }

    Some(records)
}

/// The length of the next entry, read as the library does.
fn length(text: &[u8]) -> Option<u64> {
    let mut records = PaxExtensions::new(text).map_while(Result::ok);
    records.find(|record| record.key_bytes() == b"size")?.value().ok()?.parse().ok()
}

fn whole(size: u64) -> u64 {
    // a length beyond any disk counts as endless
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::files::{Links, filter, scan};
    use crate::value::tree::Target;

    fn entry(kind: EntryType, name: &[u8], content: &[u8]) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_mtime(1);

        header.set_uid(0);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        header.set_cksum();

        let mut all = [header.as_bytes(), content].concat();
        all.resize(all.len().next_multiple_of(BLOCK), 0);

        all
    }

    fn records(records: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut text = Vec::new();
        records.iter().for_each(|(key, value)| record(key, value, &mut text));
        entry(EntryType::XHeader, b"PaxHeaders/x", &text)
    }

    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        [&entries.concat()[..], &[0; 1024]].concat()
    }

    #[test]
    fn values_and_names_with_line_ends_are_read_as_they_are() {
        let evil = b"x\n26 path=../../etc/passwd\n11 size=9\n";
        let whole = archive(&[
            records(&[
                (b"path", b"a\nname"),
                (b"SCHILY.xattr.user.note", evil),
                (b"mtime", b"7.5"),
            ]),
            entry(EntryType::Regular, b"a", b"hello"),
            records(&[(b"SCHILY.xattr.user.a%3Db%25\nc", b"\n"), (b"linkpath", b"to\nthere")]),
            entry(EntryType::Symlink, b"link", b""),
            records(&[(b"SCHILY.xattr.user.plain", b"1")]),
            entry(EntryType::Regular, b"plain", &[7; 1000]),
        ]);

        let mut out = Vec::new();
        let census = filter(&mut &whole[..], &mut out, Links::Inside).unwrap();
        assert_eq!(out, whole, "it goes on as it is");

        let names: Vec<&[u8]> = census.entries.keys().map(|name| name.bytes()).collect();
        assert_eq!(names, [&b"a\nname"[..], b"link", b"plain"]);

        let entry = &census.entries[&b"a\nname"[..]];
        assert_eq!(entry.attributes["user.note"], Target(evil.to_vec()));
        assert_eq!((entry.mtime.secs, entry.mtime.nanos), (7, 500_000_000));
        assert_eq!(census.entries[&b"link"[..]].attributes["user.a=b%\nc"], Target(b"\n".to_vec()));

        let to = crate::value::tree::Kind::Symlink { to: Target(b"to\nthere".to_vec()) };
        assert_eq!(census.entries[&b"link"[..]].kind, to);
        assert_eq!(census.bytes(), 1005);

        for at in (0..whole.len() - 513).step_by(100) {
            assert!(scan(&mut &whole[..at], Links::Inside).is_err(), "cut off at {at}");
        }
    }

    #[test]
    fn what_can_not_be_read_stays_refused() {
        for bad in [&b"9 a=\nb\n"[..], b"10 a=b\nc=d\n", b"12 weird=\nx\n", b"x path=a\n"] {
            let whole = archive(&[
                entry(EntryType::XHeader, b"x", bad),
                entry(EntryType::Regular, b"a", b""),
            ]);
            assert!(scan(&mut &whole[..], Links::Inside).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_length_counts_itself() {
        for length in [1, 5, 90, 93, 94, 95, 96, 990, 991, 992, 993, 994, 9_990] {
            let mut text = Vec::new();
            record(b"k", &vec![b'v'; length], &mut text);
            assert_eq!(
                taken_apart(&text).unwrap(),
                [(&b"k"[..], &vec![b'v'; length][..])],
                "{length}"
            );
        }
    }

    proptest::proptest! {
        /// What comes in one piece comes in any others, and what has no line ends stays what it is.
        #[test]
        fn any_bytes_pass(bytes in proptest::collection::vec(0u8..3, 0..3000), valid in proptest::bool::ANY) {
            let whole = if valid { archive(&[entry(EntryType::Regular, b"a", &bytes), entry(EntryType::Regular, b"b", b"")]) } else { bytes };
            let mut out = Vec::new();
            Straight::new(&whole[..]).read_to_end(&mut out).unwrap();
            proptest::prop_assert_eq!(out, whole);
        }
    }
}
