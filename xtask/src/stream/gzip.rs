//! The members of a gzip file, one after the other (RFC 1952, 2.2), and what may follow them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::pool::promises_more;

/// Decompresses all members.
pub(super) struct Gzip<R> {
    /// It is `None` only while the next one is begun.
    member: Option<GzDecoder<R>>,
    ended: bool,
}

impl<R: BufRead> Gzip<R> {
    /// Begins with the first member.
    pub(super) fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(reader)), ended: false }
    }

    /// Whether the member that was read last says that it is not the last.
    pub(super) fn promises_more(&self) -> bool {
        let header = self.member.as_ref().and_then(|member| member.header());
        header.and_then(|header| header.extra()).is_some_and(promises_more)
    }

    /// Where it reads.
    pub(super) fn reader(&self) -> Option<&R> {
        self.member.as_ref().map(GzDecoder::get_ref)
    }

    /// Returns the reader.
    pub(super) fn into_reader(self) -> Option<R> {
        self.member.map(GzDecoder::into_inner)
    }

    /// Begins the next member, if there is one. Tapes and block devices pad with NULs, which gzip
    /// itself skips silently.
    fn go_on(&mut self) -> io::Result<()> {
        let Some(member) = &mut self.member else { return Ok(()) };
        let padding = skip_nuls(member.get_mut())?;
        match member.get_mut().fill_buf()?.first() {
            None => self.ended = true,
            Some(0x1f) if padding == 0 => {
                self.member = self.member.take().map(|last| GzDecoder::new(last.into_inner()))
            }
            Some(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "something else follows the end of the gzip file",
                ));
            }
        }

        Ok(())
    }
}

fn skip_nuls(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;

    loop {
        let bytes = reader.fill_buf()?;
        let nuls = bytes.iter().take_while(|byte| **byte == 0).count();
        let ended = nuls < bytes.len() || bytes.is_empty();
        reader.consume(nuls);
        skipped += nuls as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = self.member.as_mut().filter(|_| !self.ended) {
            match member.read(buf)? {
                0 => self.go_on()?,
                got => return Ok(got),
            }
        }
        Ok(0)
    }
}
