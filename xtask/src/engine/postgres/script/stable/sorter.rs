//! Sorts the rows of one table, in constant memory.

use std::path::{Path, PathBuf};

use anyhow::Result;
use memchr::memchr_iter;

use super::Out;
use super::key::Key;
use super::spill::Spill;

/// Bytes that rows and their places may take before they are put on the disk.
const MOST: usize = 64 << 20;

/// What ends the rows.
const END: &[u8] = b"\\.\n";

/// How much is written at a time.
const PIECE: usize = 64 * 1024;

pub(super) struct Sorter {
    key: Key,
    spare: PathBuf,
    most: usize,
    /// Rows, each with its line end; the last one may not be whole.
    held: Vec<u8>,
    rows: usize,
    spill: Option<Spill>,
}

impl Sorter {
    pub(super) fn new(key: Key, spare: &Path) -> Self {
        Self::at_most(MOST, key, spare)
    }

    pub(super) fn at_most(most: usize, key: Key, spare: &Path) -> Self {
        Self { key, spare: spare.to_path_buf(), most, held: Vec::new(), rows: 0, spill: None }
    }

    pub(super) fn take(&mut self, piece: &[u8]) -> Result<()> {
        self.held.extend_from_slice(piece);
        self.rows += memchr_iter(b'\n', piece).count();
        if self.held.len() + self.rows * size_of::<&[u8]>() < self.most || self.rows == 0 {
            return Ok(());
        }

        let whole = memchr::memrchr(b'\n', &self.held).map_or(0, |at| at + 1);
        let rest = self.held.split_off(whole);
        // the end of the rows is no row
        let is_end = self.held.ends_with(&[b"\n", END].concat()) || self.held == END;
        let rest = if is_end { [END, &rest].concat() } else { rest };
        self.held.truncate(whole - if is_end { END.len() } else { 0 });

        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::create(&self.spare)?),
        };
        spill.run(&sorted(&self.held, &self.key))?;
        self.rows = memchr_iter(b'\n', &rest).count();
        self.held = rest;
        Ok(())
    }

    /// Writes the rows, and what ends them.
    pub(super) fn finish(&mut self, out: Out<'_>) -> Result<()> {
        let rows = self.held.strip_suffix(END).unwrap_or(&self.held);
        let last = sorted(rows, &self.key);
        let mut piece = Vec::with_capacity(PIECE);
        let mut put = |row: &[u8]| {
            piece.extend_from_slice(row);
            if piece.len() >= PIECE {
                out(&piece)?;
                piece.clear();
            }
            Ok(())
        };

        match &mut self.spill {
            None => last.into_iter().try_for_each(&mut put)?,
            Some(spill) => {
                spill.run(&last)?;
                spill.merged(&self.key, &mut put)?;
            }
        }

        piece.extend_from_slice(&self.held[rows.len()..]);
        out(&piece)
    }
}

/// The rows in their order, each with its line end.
fn sorted<'a>(rows: &'a [u8], key: &Key) -> Vec<&'a [u8]> {
    let mut lines: Vec<&[u8]> = rows.split_inclusive(|byte| *byte == b'\n').collect();
    let without_end = |line: &'a [u8]| line.strip_suffix(b"\n").unwrap_or(line);
    // most tables are nearly in order, and this sort is fast then
    lines.sort_by(|one, other| key.compare(without_end(one), without_end(other)));
    lines
}
