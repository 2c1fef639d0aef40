//! A reader with two owners: one reads, the other gets it back.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};

/// The reader.
pub struct Shared<R>(Arc<Mutex<R>>);

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> Shared<R> {
    pub(super) fn new(reader: R) -> Self {
        Self(Arc::new(Mutex::new(reader)))
    }

    /// The reader, if nobody else has it any more.
    pub(super) fn into_inner(self) -> io::Result<R> {
        let alone = Arc::into_inner(self.0).and_then(|reader| reader.into_inner().ok());
        alone.ok_or_else(|| io::Error::other("its reader is gone"))
    }
}

impl<R: Read> Read for Shared<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut reader = self.0.lock().map_err(|_| io::Error::other("its reader panicked"))?;
        reader.read(buf)
    }
}
