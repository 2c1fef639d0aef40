//! Rows that are put on the disk, in sorted runs, and merged again.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::key::Key;
use crate::disk;

/// Bytes that all runs together hold in memory while they are merged.
const ALL: usize = 32 << 20;

/// Bytes of a run that are read at a time.
const LEAST: usize = 16 * 1024;
const MOST: usize = 512 * 1024;

/// One private file. Where that is possible it has no name, so that no crash leaves it.
pub(super) struct Spill {
    path: PathBuf,
    file: File,
    /// Where each run ends.
    ends: Vec<u64>,
}

impl Spill {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let unmade =
            || format!("could not make `{}`, which sorted rows are put into", path.display());
        drop(disk::create_anew(path).with_context(unmade)?);
        let file = File::options().read(true).write(true).open(path).with_context(unmade)?;
        if cfg!(unix) {
            fs::remove_file(path).with_context(unmade)?;
        }
        Ok(Self { path: path.to_path_buf(), file, ends: Vec::new() })
    }

    /// Adds rows that are sorted.
    pub(super) fn run(&mut self, rows: &[&[u8]]) -> Result<()> {
        let mut end = self.ends.last().copied().unwrap_or_default();
        let mut out = io::BufWriter::new(&self.file);
        for row in rows {
            out.write_all(row).with_context(|| self.full())?;
            end += row.len() as u64;
        }
        out.flush().with_context(|| self.full())?;
        drop(out);

        self.ends.push(end);
        Ok(())
    }

    fn full(&self) -> String {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        format!(
            "could not put the rows that `backup.key-order` sorts into `{}`: it needs as much room as \
             the largest of those tables",
            folder.display()
        )
    }

    /// All rows, in one order.
    pub(super) fn merged(
        &mut self,
        key: &Key,
        put: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let most = (ALL / self.ends.len().max(1)).clamp(LEAST, MOST);
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let mut runs: Vec<Run> = starts
            .zip(&self.ends)
            .map(|(at, end)| Run { at, end: *end, held: Vec::new(), from: 0 })
            .collect();

        let mut next = BinaryHeap::new();
        for (of, run) in runs.iter_mut().enumerate() {
            next.extend(run.next(&self.file, most)?.map(|row| First { row, of, key }));
        }
        while let Some(First { row, of, .. }) = next.pop() {
            put(&row)?;
            next.extend(runs[of].next(&self.file, most)?.map(|row| First { row, of, key }));
        }
        Ok(())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if !cfg!(unix) {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// What is left of a run.
struct Run {
    at: u64,
    end: u64,
    held: Vec<u8>,
    from: usize,
}

impl Run {
    /// Its next row.
    fn next(&mut self, mut file: &File, most: usize) -> Result<Option<Vec<u8>>> {
        loop {
            let rest = &self.held[self.from..];
            if let Some(at) = memchr::memchr(b'\n', rest) {
                let row = rest[..=at].to_vec();
                self.from += at + 1;
                return Ok(Some(row));
            }
            if self.at == self.end {
                return Ok(None);
            }

            self.held.drain(..self.from);
            self.from = 0;
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(most);
            let old = self.held.len();
            self.held.resize(old + left, 0);
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(&mut self.held[old..]).context("could not read sorted rows again")?;
            self.at += left as u64;
        }
    }
}

/// The first row that is left of a run. The smallest is the greatest, for the heap.
struct First<'a> {
    row: Vec<u8>,
    of: usize,
    key: &'a Key,
}

impl First<'_> {
    fn without_end(&self) -> &[u8] {
        self.row.strip_suffix(b"\n").unwrap_or(&self.row)
    }
}

impl Ord for First<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_row = self.key.compare(other.without_end(), self.without_end());
        by_row.then(other.of.cmp(&self.of))
    }
}

impl PartialOrd for First<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for First<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for First<'_> {}
