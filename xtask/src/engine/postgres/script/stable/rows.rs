//! The rows of a dump, those of some tables sorted.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::{Edge, Scanner, Script};
use super::Out;
use super::key::{Key, columns};
use super::sorter::Sorter;
use crate::value::RowOrder;

/// No statement before rows is longer; of a longer one, whole rows are compared.
const STATEMENT: usize = 1 << 20;

/// Finds the rows of each table, as psql does, and sorts them.
pub(super) struct Rows {
    order: RowOrder,
    spare: PathBuf,
    scanner: Scanner,
    /// The line that is being read, outside of rows.
    line: Vec<u8>,
    sorter: Option<Sorter>,
}

impl Rows {
    pub(super) fn new(order: RowOrder, spare: &Path) -> Self {
        let (scanner, line) = (Scanner::new(), Vec::new());
        Self { order, spare: spare.to_path_buf(), scanner, line, sorter: None }
    }

    pub(super) fn take(&mut self, chunk: &[u8], out: Out<'_>) -> Result<()> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let (length, edge) = self.scanner.feed_to_edge(rest);
            let (piece, after) = rest.split_at(length);
            rest = after;
            // nobody asks for them here
            drop((self.scanner.take_asides(), self.scanner.take_again()));

            match &mut self.sorter {
                Some(sorter) => sorter.take(piece)?,
                None => {
                    self.remember(piece);
                    out(piece)?;
                }
            }
            match edge {
                Some(Edge::Begins(table)) => self.begin(&table),
                Some(Edge::Ends) => self.sorter.take().map_or(Ok(()), |mut s| s.finish(out))?,
                None => {}
            }
        }
        Ok(())
    }

    /// What was read.
    pub(super) fn read(self) -> Script {
        self.scanner.finish()
    }

    fn begin(&mut self, table: &str) {
        let Some(key) = self.order.of(table) else { return };
        let key = Key::among(&columns(&self.line), key);
        self.sorter = Some(Sorter::new(key, &self.spare));
    }

    /// The last line, which is the statement when rows begin.
    fn remember(&mut self, piece: &[u8]) {
        let body = piece.strip_suffix(b"\n").unwrap_or(piece);
        match memchr::memrchr(b'\n', body) {
            Some(at) => self.line = piece[at + 1..].to_vec(),
            None if self.line.ends_with(b"\n") => self.line = piece.to_vec(),
            None if self.line.len() < STATEMENT => self.line.extend_from_slice(piece),
            None => {}
        }
    }
}
