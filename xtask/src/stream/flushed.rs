//! A new file that is flushed to disk while it is written, so that there is little to wait for at
//! the end.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes between two flushes: few enough that the last one is short, enough that a small file needs
/// none before its end.
const STRIDE: u64 = 8 << 20;

/// The file, and the thread that flushes it.
pub struct Flushed {
    file: File,
    since: u64,
    flusher: Option<Flusher>,
}

struct Flusher {
    ask: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flushed {
    /// A file that is written from its beginning.
    pub fn new(file: File) -> Self {
        Self { file, since: 0, flusher: None }
    }

    /// Waits until every byte is on the disk.
    ///
    /// # Errors
    /// Any flush failed, an earlier one too: the system reports a failed write once, to whoever
    /// flushes first (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
    pub fn finish(self) -> io::Result<()> {
        self.written()?.sync_all()
    }

    /// The file, of which the last bytes may not be on the disk yet.
    ///
    /// # Errors
    /// A flush failed.
    pub fn written(mut self) -> io::Result<File> {
        if let Some(Flusher { ask, thread }) = self.flusher.take() {
            drop(ask);
            thread.join().map_err(|_| io::Error::other("the flushing thread panicked"))??;
        }
        Ok(self.file)
    }

    fn flush_early(&mut self) -> io::Result<()> {
        self.since = 0;
        if self.flusher.is_none() {
            let file = self.file.try_clone()?;
            let (ask, asked) = sync_channel(1);
            self.flusher =
                Some(Flusher { ask, thread: std::thread::spawn(move || flush(&file, &asked)) });
        }

        if let Some(flusher) = &self.flusher {
            // a flush that is still running leaves these bytes to the next one
            let _ = flusher.ask.try_send(());
        }

        Ok(())
    }
}

impl Write for Flushed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.since += written as u64;
        if self.since >= STRIDE {
            self.flush_early()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn flush(file: &File, asked: &Receiver<()>) -> io::Result<()> {
    asked.iter().try_for_each(|()| file.sync_data())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let bytes: Vec<u8> = (0..3 * STRIDE + 5).map(|i| (i % 251) as u8).collect();
        let mut file = Flushed::new(File::create(&path).unwrap());

        for piece in bytes.chunks(1 << 20) {
            file.write_all(piece).unwrap();
        }

        file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes);
    }
}
