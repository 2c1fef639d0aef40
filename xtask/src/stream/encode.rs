use std::io::{self, Write};

use zstd::stream::write::Encoder as ZstdEncoder;

use super::members::Members;
use super::{Codec, Compression};

/// Compresses what is written to it into a sink; made by [`encoder`].
///
/// Only [`Encoder::finish`] completes the file. Dropping an encoder leaves the sink with a file
/// that [`decoder`](super::decoder) reports as cut short, except that a plain file does not mark
/// its end.
pub struct Encoder<W: Write> {
    inner: Inner<W>,
    state: State,
}

enum Inner<W: Write> {
    Zstd(ZstdEncoder<'static, W>),
    Gzip(Members<W>),
    Plain(W),
}

#[derive(Clone, Copy)]
enum State {
    Sound,
    /// The sink may hold part of the last write, so appending can't make a good file any more.
    Failed,
}

/// Starts compressing into `sink`.
///
/// gzip starts one thread for each core, up to eight; zstd and plain work on
/// the thread that writes.
pub fn encoder<W: Write>(compression: Compression, sink: W) -> io::Result<Encoder<W>> {
    // Only a plain file has no level, and it needs none.
    let level = compression.level().unwrap_or_default();
    let inner = match compression.codec() {
        Codec::Zstd => Inner::Zstd(zstd_encoder(sink, level)?),
        Codec::Gzip => Inner::Gzip(Members::new(sink, level.unsigned_abs())?),
        Codec::Plain => Inner::Plain(sink),
    };
    Ok(Encoder { inner, state: State::Sound })
}

fn zstd_encoder<W: Write>(sink: W, level: i32) -> io::Result<ZstdEncoder<'static, W>> {
    let mut encoder = ZstdEncoder::new(sink, level)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

impl<W: Write> Encoder<W> {
    /// Writes what is still buffered and the end of the file, flushes the sink and returns it.
    /// Fails if any earlier write did.
    pub fn finish(self) -> io::Result<W> {
        self.check()?;
        let mut sink = match self.inner {
            Inner::Zstd(encoder) => encoder.finish()?,
            Inner::Gzip(members) => members.finish()?,
            Inner::Plain(sink) => sink,
        };
        sink.flush()?;
        Ok(sink)
    }

    fn check(&self) -> io::Result<()> {
        match self.state {
            State::Sound => Ok(()),
            State::Failed => {
                Err(io::Error::other("an earlier write failed, so the file cannot be completed"))
            }
        }
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.state = State::Failed;
        }
        result
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.check()?;
        let result = match &mut self.inner {
            Inner::Zstd(encoder) => encoder.write(buf),
            Inner::Gzip(members) => members.write(buf),
            Inner::Plain(sink) => sink.write(buf),
        };
        self.note(result)
    }

    /// Makes all that was written readable in the sink, at some cost in size.
    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        let result = match &mut self.inner {
            Inner::Zstd(encoder) => encoder.flush(),
            Inner::Gzip(members) => members.flush(),
            Inner::Plain(sink) => sink.flush(),
        };
        self.note(result)
    }
}
