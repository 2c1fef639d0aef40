//! What pg_dump writes before and after a database: a random key for `\restrict`, and versions.

use std::mem::take;

use anyhow::Result;

use super::Out;

/// The key that takes the place of the random one. A known key stops no attacker: what is written is
/// read as psql reads it, and a dump with any other meta-command is refused.
const KEY: &str = "dbtasks";

/// What comes before the first statement is shorter.
const HEAD: usize = 4096;

/// What comes after the last one is shorter.
const TAIL: usize = 512;

/// How much is written at a time: what a compressor makes may depend on it.
const PIECE: usize = 256 * 1024;

/// Rewrites the beginning and the end of a dump.
#[derive(Default)]
pub(super) struct Frame {
    /// Not written yet.
    held: Vec<u8>,
    is_begun: bool,
    /// The line with the random key, if there is one.
    unrestrict: Option<String>,
    pub(super) server_version: Option<String>,
    pub(super) dump_version: Option<String>,
}

impl Frame {
    pub(super) fn take(&mut self, piece: &[u8], out: Out<'_>) -> Result<()> {
        self.held.extend_from_slice(piece);
        if self.held.len() < HEAD {
            return Ok(());
        }

        self.begin();
        let mut at = 0;
        while self.held.len() - at >= PIECE + TAIL {
            out(&self.held[at..at + PIECE])?;
            at += PIECE;
        }
        self.held.drain(..at);
        Ok(())
    }

    pub(super) fn finish(&mut self, out: Out<'_>) -> Result<()> {
        self.begin();

        let mut last = take(&mut self.held);
        if let Some(line) = &self.unrestrict {
            let found = last.windows(line.len()).rposition(|bytes| bytes == line.as_bytes());
            if let Some(at) = found {
                last.splice(at..at + line.len(), format!("\\unrestrict {KEY}\n").into_bytes());
            }
        }
        last.chunks(PIECE).try_for_each(out)
    }

    /// Rewrites the comments before the first statement, once.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }

        let held = take(&mut self.held);
        let mut rest = &held[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            if !is_of_the_head(line) {
                break;
            }
            self.line(line);
            rest = after;
        }
        self.held.extend_from_slice(rest);
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let after = |start| text.strip_prefix(start).map(|rest: &str| rest.trim_end().to_owned());

        if let Some(key) = after("\\restrict ") {
            self.unrestrict = Some(format!("\\unrestrict {key}\n"));
            self.held.extend_from_slice(format!("\\restrict {KEY}\n").as_bytes());
        } else if let Some(version) = after("-- Dumped from database version ") {
            self.server_version = Some(version);
        } else if let Some(version) = after("-- Dumped by pg_dump version ") {
            self.dump_version = Some(version);
        } else {
            self.held.extend_from_slice(line);
        }
    }
}

/// Comments, empty lines and `\restrict`.
fn is_of_the_head(line: &[u8]) -> bool {
    line == b"\n" || line.starts_with(b"--") || line.starts_with(b"\\restrict ")
}
