use std::io::{self, BufRead, BufReader, Read};

use zstd::stream::read::Decoder as ZstdDecoder;

use super::Codec;
use super::gzip::Gzip;
use super::source::{Failure, Source};

/// The largest window a zstd frame may ask for, as a power of two: 2 GiB, all
/// that `zstd --long=31` may ask for (`ZSTD_WINDOWLOG_MAX`). Memory is taken as
/// the data come, and no more of it than there are.
pub const WINDOW_LOG_MAX: u32 = if cfg!(target_pointer_width = "64") { 31 } else { 30 };

const BUFFER: usize = 128 * 1024;

/// Decompresses a source; made by [`decoder`].
///
/// The end of the data is reported only after the whole source was read without an error. After an
/// error every further read fails, too.
pub struct Decoder<R> {
    inner: Inner<R>,
    codec: Codec,
    state: State,
}

enum Inner<R> {
    Zstd(ZstdDecoder<'static, Buffered<R>>),
    Gzip(Box<Gzip<Buffered<R>>>),
    Plain(Source<R>),
}

type Buffered<R> = BufReader<Source<R>>;

enum State {
    Reading,
    Ended,
    Failed(io::ErrorKind, String),
}

/// Starts decompressing `source`.
///
/// Reads the first bytes of the source unless the codec is [`Codec::Plain`],
/// and fails if there are none: no compressed file is empty.
pub fn decoder<R: Read>(codec: Codec, source: R) -> io::Result<Decoder<R>> {
    let inner = match codec {
        Codec::Zstd => Inner::Zstd(zstd_decoder(buffered(codec, source)?)?),
        Codec::Gzip => Inner::Gzip(Box::new(Gzip::new(buffered(codec, source)?))),
        Codec::Plain => Inner::Plain(Source::new(source)),
    };
    Ok(Decoder { inner, codec, state: State::Reading })
}

fn buffered<R: Read>(codec: Codec, source: R) -> io::Result<Buffered<R>> {
    let mut source = BufReader::with_capacity(BUFFER, Source::new(source));
    if source.fill_buf()?.is_empty() {
        return Err(cut_short(format!("the {codec} file is empty")));
    }
    Ok(source)
}

fn zstd_decoder<R: BufRead>(source: R) -> io::Result<ZstdDecoder<'static, R>> {
    let mut decoder = ZstdDecoder::with_buffer(source)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(decoder)
}

impl<R: Read> Decoder<R> {
    /// Returns the source; fails unless the end of the data was reached.
    pub fn finish(self) -> io::Result<R> {
        match self.state {
            State::Ended => {
                let source = self.inner.into_source();
                source
                    .map(|source| source.reader)
                    .ok_or_else(|| io::Error::other("its reader is gone"))
            }
            State::Failed(kind, message) => Err(io::Error::new(kind, message)),
            State::Reading => {
                Err(io::Error::other(format!("the {} data was not read to its end", self.codec)))
            }
        }
    }

    fn at_end(&self) -> io::Result<()> {
        if let Inner::Gzip(decoder) = &self.inner
            && decoder.promises_more()
        {
            return Err(cut_short(
                "the gzip file is cut short: it ends after a part that is not its last".to_owned(),
            ));
        }
        Ok(())
    }

    /// Keeps errors of the source as they are, and reports all others as damaged data.
    fn explain(&self, error: io::Error) -> io::Error {
        if self.inner.source().is_some_and(|source| source.failure == Failure::Happened) {
            return error;
        }

        let codec = self.codec;
        match error.kind() {
            io::ErrorKind::UnexpectedEof => cut_short(format!("the {codec} file is cut short")),
            io::ErrorKind::InvalidData if matches!(self.inner, Inner::Gzip(_)) => error,
            _ => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the {codec} file is damaged, or is not {codec} throughout: {error}"),
            ),
        }
    }

    fn step(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.inner {
            Inner::Zstd(decoder) => decoder.read(buf),
            Inner::Gzip(decoder) => decoder.read(buf),
            Inner::Plain(source) => source.read(buf),
        };

        let got = result.map_err(|error| self.explain(error))?;
        if got == 0 {
            self.at_end()?;
            self.state = State::Ended;
        }

        Ok(got)
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.state {
            // After an error the inner decoders may report the end of the data on the next read,
            // and a damaged file would look good.
            State::Failed(kind, message) => return Err(io::Error::new(*kind, message.clone())),
            State::Ended => return Ok(0),
            State::Reading if buf.is_empty() => return Ok(0),
            State::Reading => {}
        }

        let result = self.step(buf);
        if let Err(error) = &result {
            self.state = State::Failed(error.kind(), error.to_string());
        }

        result
    }
}

fn cut_short(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}

impl<R: Read> Inner<R> {
    fn source(&self) -> Option<&Source<R>> {
        match self {
            Inner::Zstd(decoder) => Some(decoder.get_ref().get_ref()),
            Inner::Gzip(decoder) => decoder.reader().map(BufReader::get_ref),
            Inner::Plain(source) => Some(source),
        }
    }

    fn into_source(self) -> Option<Source<R>> {
        match self {
            Inner::Zstd(decoder) => Some(decoder.finish().into_inner()),
            Inner::Gzip(decoder) => decoder.into_reader().map(BufReader::into_inner),
            Inner::Plain(source) => Some(source),
        }
    }
}
