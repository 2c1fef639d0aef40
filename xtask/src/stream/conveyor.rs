//! A stage in a thread of its own: one core reads, another compresses, a third one hashes.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{JoinHandle, spawn};

/// Bytes that are handed over together: enough to do it rarely, few enough for the cache.
const CHUNK: usize = 256 * 1024;
/// How many of them may wait: enough for a thread to continue while another waits for a core.
const WAITING: usize = 8;

enum Handed {
    Bytes(Vec<u8>),
    /// All is there. Without this message the work was abandoned.
    End,
}

/// A writer whose bytes go to another thread.
pub struct Conveyor<T> {
    chunk: Vec<u8>,
    full: Option<SyncSender<Handed>>,
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<T>>>,
}

impl<T: Send + 'static> Conveyor<T> {
    /// A thread that writes into `to` what comes, and ends with `finish`. Where this is dropped
    /// before [`Conveyor::finish`], so is `to`.
    pub fn new<W, F>(mut to: W, finish: F) -> Self
    where
        W: Write + Send + 'static,
        F: FnOnce(W) -> io::Result<T> + Send + 'static,
    {
        let (full, take_full) = sync_channel(WAITING);
        let (give_empty, empty) = sync_channel(WAITING + 1);

        let work = move || {
            for handed in take_full {
                let Handed::Bytes(chunk) = handed else { return finish(to) };
                to.write_all(&chunk)?;
                // the other side makes a new one when none comes back
                drop(give_empty.try_send(chunk));
            }
            Err(io::Error::other("given up"))
        };

        Self {
            chunk: Vec::with_capacity(CHUNK),
            full: Some(full),
            empty,
            thread: Some(spawn(work)),
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// What went wrong in the other thread.
    pub fn finish(mut self) -> io::Result<T> {
        self.hand_over()?;
        self.send(Handed::End)?;
        self.full = None;
        self.joined()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        next.clear();
        let chunk = std::mem::replace(&mut self.chunk, next);
        self.send(Handed::Bytes(chunk))
    }

    fn send(&mut self, handed: Handed) -> io::Result<()> {
        match self.full.as_ref().map(|full| full.send(handed)) {
            Some(Ok(())) => Ok(()),
            // it ended early, and knows why
            _ => Err(self.joined().err().unwrap_or_else(broke_down)),
        }
    }

    fn joined(&mut self) -> io::Result<T> {
        let thread = self.thread.take().ok_or_else(broke_down)?;
        thread.join().unwrap_or_else(|_| Err(broke_down()))
    }
}

impl<T: Send + 'static> Write for Conveyor<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.hand_over()?;
        }
        Ok(taken)
    }

    /// Buffered bytes go with what follows: only the end counts.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T> Drop for Conveyor<T> {
    fn drop(&mut self) {
        self.full = None;
        // nothing abandoned is still running when this returns
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A reader whose bytes are read by another thread.
pub struct Fetched<T> {
    full: Option<Receiver<io::Result<Vec<u8>>>>,
    empty: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    thread: Option<JoinHandle<io::Result<T>>>,
}

impl<T: Send + 'static> Fetched<T> {
    /// A thread that reads `from` to its end, and ends with `finish`.
    pub fn new<R, F>(mut from: R, finish: F) -> Self
    where
        R: Read + Send + 'static,
        F: FnOnce(R) -> io::Result<T> + Send + 'static,
    {
        let (send_full, full) = sync_channel(WAITING);
        let (empty, take_empty) = sync_channel::<Vec<u8>>(WAITING + 1);
        let work = move || {
            loop {
                let mut chunk = take_empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
                chunk.clear();

                let read = (&mut from).take(CHUNK as u64).read_to_end(&mut chunk);
                let goes_on = matches!(read, Ok(CHUNK..));

                if send_full.send(read.map(|_| chunk)).is_err() {
                    return Err(io::Error::other("given up"));
                }
                if !goes_on {
                    return finish(from);
                }
            }
        };
        Self { full: Some(full), empty, chunk: Vec::new(), at: 0, thread: Some(spawn(work)) }
    }

    /// The next bytes, if there are any: [`Fetched::give_back`] makes room for others.
    ///
    /// # Errors
    /// What went wrong in the other thread.
    pub fn next_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let next = self.full.as_ref().and_then(|full| full.recv().ok()).transpose()?;
        Ok(next.filter(|chunk| !chunk.is_empty()))
    }

    /// Returns what [`Fetched::next_chunk`] gave.
    pub fn give_back(&self, chunk: Vec<u8>) {
        // the other side makes a new one when none comes back
        drop(self.empty.try_send(chunk));
    }

    /// What the other thread ended with, once all has been read.
    ///
    /// # Errors
    /// What went wrong there.
    pub fn finish(mut self) -> io::Result<T> {
        self.full = None;
        let thread = self.thread.take().ok_or_else(broke_down)?;
        thread.join().unwrap_or_else(|_| Err(broke_down()))
    }
}

impl<T: Send + 'static> Read for Fetched<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len()
            && let Some(next) = self.next_chunk()?
        {
            let read = std::mem::replace(&mut self.chunk, next);
            self.give_back(read);
            self.at = 0;
        }

        let got = buf.len().min(self.chunk.len() - self.at);
        buf[..got].copy_from_slice(&self.chunk[self.at..self.at + got]);
        self.at += got;

        Ok(got)
    }
}

impl<T> Drop for Fetched<T> {
    fn drop(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn broke_down() -> io::Error {
    io::Error::other("a thread panicked")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap();
            if all.len() > 3 * CHUNK {
                return Err(io::ErrorKind::StorageFull.into());
            }
            all.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn some(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i % 251) as u8).collect()
    }

    #[test]
    fn all_arrives_in_order() {
        for length in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let bytes = some(length);
            let mut conveyor = Conveyor::new(Vec::new(), Ok);
            bytes.chunks(1000).for_each(|piece| conveyor.write_all(piece).unwrap());
            assert!(conveyor.finish().unwrap() == bytes, "{length}");

            let mut fetched = Fetched::new(io::Cursor::new(bytes.clone()), |_| Ok(7));
            let mut read = Vec::new();
            fetched.read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{length}");
            assert_eq!(fetched.finish().unwrap(), 7);

            let mut fetched = Fetched::new(io::Cursor::new(bytes.clone()), |_| Ok(7));
            let mut read = Vec::new();
            while let Some(chunk) = fetched.next_chunk().unwrap() {
                read.extend_from_slice(&chunk);
                fetched.give_back(chunk);
            }
            assert!(read == bytes, "{length}");
            assert_eq!(fetched.finish().unwrap(), 7);
        }
    }

    #[test]
    fn a_failure_is_told_as_it_was() {
        let to = Shared::default();
        let mut conveyor = Conveyor::new(to, |_| Ok(()));
        let failed = conveyor.write_all(&some(20 * CHUNK)).and_then(|()| conveyor.finish());
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn what_was_given_up_is_not_ended_well() {
        let (to, ended) = (Shared::default(), Shared::default());
        let mut end = ended.clone();
        let mut conveyor = Conveyor::new(to, move |_| end.write_all(b"end"));
        conveyor.write_all(&some(CHUNK)).unwrap();
        drop(conveyor);
        assert!(ended.0.lock().unwrap().is_empty());
    }
}
