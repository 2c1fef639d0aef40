use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::TryRecvError;

use super::pool::{Answer, Place, Pool, worker_gone};

/// Small enough that the blocks under way are a few megabytes in all, large
/// enough that starting each with an empty window costs about 0.1% in size.
const BLOCK: usize = 512 * 1024;

/// Writes gzip members in order while worker threads compress the next ones.
///
/// The thread that calls `write` is also the one that writes to the sink, so that errors of the
/// sink reach the caller directly.
pub(super) struct Members<W> {
    sink: W,
    block: Vec<u8>,
    waiting: VecDeque<Answer>,
    pool: Pool,
}

impl<W: Write> Members<W> {
    pub(super) fn new(sink: W, level: u32) -> io::Result<Self> {
        Ok(Self {
            sink,
            block: Vec::with_capacity(BLOCK),
            waiting: VecDeque::new(),
            pool: Pool::start(level)?,
        })
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        // The last member is written even when it is empty: it marks the end,
        // and makes the file of an empty input a valid one.
        self.submit(Place::Last)?;
        self.drain()?;
        Ok(self.sink)
    }

    fn submit(&mut self, place: Place) -> io::Result<()> {
        while self.waiting.len() >= self.pool.most_waiting() {
            self.write_next()?;
        }

        let spare = match place {
            Place::Middle => Vec::with_capacity(BLOCK),
            Place::Last => Vec::new(),
        };
        let block = mem::replace(&mut self.block, spare);
        self.waiting.push_back(self.pool.compress(block, place)?);

        self.write_ready()
    }

    fn write_ready(&mut self) -> io::Result<()> {
        while let Some(next) = self.waiting.front() {
            match next.try_recv() {
                Ok(member) => self.sink.write_all(&member?)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(worker_gone()),
            }
            self.waiting.pop_front();
        }

        Ok(())
    }

    fn write_next(&mut self) -> io::Result<()> {
        if let Some(next) = self.waiting.pop_front() {
            let member = next.recv().map_err(|_| worker_gone())?;
            self.sink.write_all(&member?)?;
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            self.write_next()?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Members<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let taken = buf.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&buf[..taken]);
        if self.block.len() == BLOCK {
            self.submit(Place::Middle)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.submit(Place::Middle)?;
        }
        self.drain()?;
        self.sink.flush()
    }
}
