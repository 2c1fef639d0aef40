use std::io::{self, Read};

/// Remembers whether an error came from the source itself, and retries where
/// a signal interrupted a read, which the decoders would take for an error.
pub(super) struct Source<R> {
    pub(super) reader: R,
    pub(super) failure: Failure,
}

/// Whether reading from the source itself has failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    None,
    Happened,
}

impl<R> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        let failure = Failure::None;
        Self { reader, failure }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Failure::Happened;
                    return Err(error);
                }
                Ok(got) => return Ok(got),
            }
        }
    }
}
