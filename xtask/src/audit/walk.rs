//! Reads an audit log line by line, in constant memory.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Sink, Write};

use serde::Deserialize;

use super::chain::{Before, Link};
use crate::stream::{Digest, Sum};
use crate::value::Anchor;

/// No line of ours is longer. A longer one is read to its end, and is not part of the chain.
const MOST: usize = 1 << 20;
/// What is read at once from the end of a log.
const BLOCK: u64 = 1 << 16;

/// A line of a log.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// What it says, without its line break; cut short if it is too long to be ours.
    pub text: &'a [u8],
    /// Its link, with what is before it, if it is part of the chain.
    pub link: Option<(Link, Before)>,
}

/// A walk through a log.
pub struct Walk<R> {
    from: R,
    number: u64,
    text: Vec<u8>,
    since: Digest<Sink>,
    before: Before,
}

#[derive(Deserialize)]
struct Chained {
    chain: Link,
}

/// The link of a line that is part of the chain.
fn link_of(text: &[u8]) -> Option<Link> {
    serde_json::from_slice::<Chained>(text).ok().map(|line| line.chain)
}

impl<R: BufRead> Walk<R> {
    /// From the beginning of a log.
    pub fn new(from: R) -> Self {
        let (since, before) = (Digest::new(io::sink()), Before::default());
        Self { from, number: 0, text: Vec::new(), since, before }
    }

    /// The next line.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.text.clear();
        let limit = MOST as u64 + 1;
        if self.from.by_ref().take(limit).read_until(b'\n', &mut self.text)? == 0 {
            return Ok(None);
        }

        self.number += 1;
        let is_ended = self.text.last() == Some(&b'\n');
        let is_long = !is_ended && self.text.len() > MOST;

        let link = match link_of(&self.text).filter(|_| !is_long) {
            Some(link) => Some((link.clone(), self.meet(&link)?)),
            None => {
                self.since.write_all(&self.text)?;
                self.before.unchained += 1;
                None
            }
        };
        let is_ended = if is_long { self.skip()? } else { is_ended };
        self.before.torn = !is_ended;

        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        Ok(Some(Line { number: self.number, text, link }))
    }

    /// A line of the chain: returns what was before it, and begins anew with it.
    fn meet(&mut self, link: &Link) -> io::Result<Before> {
        let since = std::mem::replace(&mut self.since, Digest::new(io::sink()));
        self.since.write_all(&self.text)?;

        let met = Before { last: Some((link.log.clone(), link.line)), ..Before::default() };
        let before = std::mem::replace(&mut self.before, met);
        Ok(Before { digest: hex(since), ..before })
    }

    /// The rest of a line that is too long. Returns whether it has a line break.
    fn skip(&mut self) -> io::Result<bool> {
        loop {
            let part = self.from.fill_buf()?;
            let end = part.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(part.len(), |at| at + 1);
            if used == 0 {
                return Ok(false);
            }

            self.since.write_all(&part[..used])?;
            self.from.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// What is before the line that would come next. A torn last line counts with the line break
    /// that it will get.
    pub fn end(mut self) -> io::Result<Before> {
        if self.before.torn {
            self.since.write_all(b"\n")?;
        }
        Ok(Before { digest: hex(self.since), ..self.before })
    }
}

fn hex(since: Digest<Sink>) -> Option<String> {
    let (_, sum) = since.finish();
    (sum.bytes > 0).then(|| sum.hex())
}

/// What is before the line that would come next. Only a log that does not end with a line of the
/// chain is read from its beginning.
///
/// # Errors
/// The log can't be read.
pub fn at_end(log: &mut (impl Read + Seek)) -> io::Result<Before> {
    if let Some(text) = last_line(log)?
        && let Some(link) = link_of(&text)
    {
        let digest = Some(Sum::of(&text).hex());
        return Ok(Before { last: Some((link.log, link.line)), digest, ..Before::default() });
    }

    log.seek(SeekFrom::Start(0))?;
    let mut walk = Walk::new(BufReader::new(log));
    while walk.next_line()?.is_some() {}
    walk.end()
}

/// The last line of the chain, whatever is after it.
///
/// # Errors
/// The log can't be read.
pub fn head(log: &mut (impl Read + Seek)) -> io::Result<Option<Anchor>> {
    let of = |text: &[u8], link: Link| Anchor {
        log: link.log,
        line: link.line,
        digest: Sum::of(text).hex(),
    };
    if let Some(text) = last_line(log)?
        && let Some(link) = link_of(&text)
    {
        return Ok(Some(of(&text, link)));
    }

    log.seek(SeekFrom::Start(0))?;
    let (mut walk, mut head) = (Walk::new(BufReader::new(log)), None);
    while let Some(line) = walk.next_line()? {
        if let Some((link, _)) = line.link {
            head = Some(of(&[line.text, b"\n"].concat(), link));
        }
    }
    Ok(head)
}

/// The last line with its line break, if it has one and may be ours.
fn last_line(log: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let (mut start, mut tail) = (log.seek(SeekFrom::End(0))?, Vec::new());

    while start > 0 && tail.len() <= MOST {
        let size = start.min(BLOCK);
        start -= size;
        log.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        log.take(size).read_to_end(&mut block)?;
        block.append(&mut tail);
        tail = block;

        let Some(text) = tail.strip_suffix(b"\n") else { return Ok(None) };
        if let Some(at) = text.iter().rposition(|byte| *byte == b'\n') {
            return Ok(Some(tail.split_off(at + 1)));
        }
    }

    Ok(Some(tail).filter(|tail| start == 0 && !tail.is_empty()))
}
