//! The one pass of bytes for stores, and how to open one.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::found::{Found, Held, Means, Progress, undamaged};
use super::inside::Contained;
use super::load::Loaded;
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::engine::files;
#[cfg(feature = "milvus")]
use crate::engine::milvus;
use crate::engine::store::{ReadStore, WriteStore};
use crate::plan::{Pipe, Sink, Source};
use crate::problem::{Code, Problem};
use crate::stream::artifact::{self, Writer, unreadable, unwritable};
use crate::stream::{Codec, Coding, Method, Sum};
use crate::value::{Address, Contents, Format};

/// Opens a store that is only read.
///
/// # Errors
/// It does not answer, or this program was built without it.
pub fn open_to_read<'a>(
    address: &Address,
    secrets: &'a Secrets,
    interrupt: &'a Interrupt,
) -> Result<Box<dyn ReadStore + 'a>> {
    Ok(open(address, secrets, interrupt)?)
}

/// Opens a store that a cleared plan changes.
///
/// # Errors
/// As [`open_to_read`].
pub(super) fn open<'a>(
    address: &Address,
    secrets: &'a Secrets,
    interrupt: &'a Interrupt,
) -> Result<Box<dyn WriteStore + 'a>> {
    match address {
        Address::FilesInContainer { engine, container, path, exclude, .. } => {
            let (engine, container, path, exclude) =
                (engine.clone(), container.clone(), path.clone(), exclude.clone());
            Ok(Box::new(Contained { engine, container, path, exclude, secrets, interrupt }))
        }
        #[cfg(unix)]
        Address::Files { path, exclude, rights } => Ok(Box::new(files::Tree {
            path: path.clone(),
            exclude: exclude.clone(),
            rights: *rights,
        })),
        #[cfg(feature = "milvus")]
        Address::Milvus { url, database, token, wipe } => {
            let token = token.as_ref().and_then(|name| secrets.reveal(name)).map(String::from);
            let milvus = milvus::Milvus::connect(&milvus::Address {
                url: url.clone(),
                database: database.clone(),
                token,
            })?;
            Ok(Box::new(milvus::Vectors { milvus, wipe: *wipe }))
        }
        #[cfg(not(all(unix, feature = "milvus")))]
        other => Err(left_out(&other.to_string()).into()),
    }
}

/// Moves a store's bytes, and returns only once they are verified.
pub fn pump(pipe: &Pipe, means: &mut Means<'_>) -> Result<Found> {
    let Means { secrets, interrupt, now, progress, .. } = means;
    let (started, begun) = (now(), Instant::now());
    let expected = pipe.proof.expected_bytes;
    let method = pipe.proof.contents.as_ref().map_or_else(Method::default, Contents::method);
    let summed_by = pipe.summed_by();

    let mut tell =
        |bytes| progress(&Progress { bytes, expected, rows: 0, elapsed: begun.elapsed() });
    let (contents, plain_bytes, sum) = match (&pipe.from, &pipe.to) {
        (Source::Store(address), Sink::File { path, compression, locking, .. }) => {
            let mut store = open_to_read(address, secrets, interrupt)?;
            let file = artifact::create(path, *compression, locking.as_ref(), summed_by)?;
            write(file, interrupt, &mut |out| store.dump(out, &mut tell))?
        }
        (Source::File { path, coding }, Sink::Stage(address)) => {
            let mut store = open(address, secrets, interrupt)?;
            read(path, coding, summed_by, interrupt, &mut |from| {
                store.stage(from, pipe.proof.trust, method, &mut tell)
            })?
        }
        (Source::File { path, coding }, Sink::Nowhere) => {
            read(path, coding, summed_by, interrupt, &mut |from| scan(pipe.format, method, from))?
        }
        _ => anyhow::bail!("`{}` has no such pipe", pipe.store),
    };

    if !matches!(pipe.from, Source::Store(_)) {
        undamaged(&pipe.proof, Some(&sum))?;
    }

    as_wanted(&contents, pipe.proof.contents.as_ref())?;

    Ok(Found {
        started,
        took: begun.elapsed(),
        sum,
        plain_bytes,
        held: Held::Contents(contents.in_few_words()),
        loaded: Loaded::default(),
    })
}

/// Reads a file to its end that nobody here can decrypt, and compares its checksum.
pub fn sum_up(pipe: &Pipe, path: &Path, means: &mut Means<'_>) -> Result<Found> {
    let (started, begun) = ((means.now)(), Instant::now());
    let coding = Coding::from(Codec::Plain);
    let reader = artifact::open(path, &coding, pipe.summed_by())?;
    let mut from = Passing::new(reader, means.interrupt);

    io::copy(&mut from, &mut io::sink()).map_err(|e| unreadable(path, &e))?;
    let plain_bytes = from.bytes;
    let sum = from.inner.finish().map_err(|e| unreadable(path, &e))?;
    undamaged(&pipe.proof, Some(&sum))?;

    let (took, loaded) = (begun.elapsed(), Loaded::default());
    Ok(Found { started, took, sum, plain_bytes, held: Held::Sealed, loaded })
}

/// Reads an artifact to its end, without a store. Links may lead anywhere: nothing is written.
fn scan(format: Format, method: Method, from: &mut dyn Read) -> Result<Contents> {
    match format {
        Format::Tar => files::scan_by(from, files::Links::AsTheyAre, method).map(Contents::Files),
        #[cfg(feature = "milvus")]
        Format::Milvus => milvus::scan(from).map(milvus::contents),
        other => Err(left_out(&format!("an artifact of {}", other.kind())).into()),
    }
}

/// What a build without Milvus, or for Windows, can't do.
fn left_out(what: &str) -> Problem {
    Problem::usage(format!("this build of db-tasks can't read {what}"))
        .code(Code::Unsupported)
        .because("it was built with `--no-default-features`, or for a system that is not supported")
        .cure(
            "leave out `--no-default-features`, and build it on Linux or macOS: `cargo install \
             --path xtask` in a clone of db-tasks; an alias that runs cargo has it in \
             `.cargo/config.toml`",
        )
}

fn as_wanted(found: &Contents, wanted: Option<&Contents>) -> Result<()> {
    let differing = wanted.map_or(Vec::new(), |wanted| wanted.differences(found));
    if differing.is_empty() {
        return Ok(());
    }

    Err(Problem::failed("the backup does not match its manifest")
        .code(Code::BackupDamaged)
        .because(differing[..differing.len().min(10)].join("\n"))
        .cure("use another backup (`db-list`)")
        .of_backup()
        .into())
}

type Passed = (Contents, u64, Sum);

fn write(
    file: Writer,
    interrupt: &Interrupt,
    dump: &mut dyn FnMut(&mut dyn Write) -> Result<Contents>,
) -> Result<Passed> {
    let mut out = Passing::new(file, interrupt);
    let contents = dump(&mut out).map_err(|e| match e.downcast::<io::Error>() {
        Ok(e) => unwritable(&e).into(),
        Err(e) => e,
    })?;
    let sum = out.inner.finish().map_err(|e| unwritable(&e))?;

    Ok((contents, out.bytes, sum))
}

fn read(
    path: &Path,
    coding: &Coding,
    method: Method,
    interrupt: &Interrupt,
    take: &mut dyn FnMut(&mut dyn Read) -> Result<Contents>,
) -> Result<Passed> {
    let mut from = Passing::new(artifact::open(path, coding, method)?, interrupt);
    let contents = take(&mut from).map_err(|e| match e.downcast::<io::Error>() {
        Ok(e) => unreadable(path, &e).into(),
        Err(e) => e,
    })?;

    // what follows the artifact's end is part of the file, and of its checksum
    io::copy(&mut from, &mut io::sink()).map_err(|e| unreadable(path, &e))?;
    let bytes = from.bytes;
    let sum = from.inner.finish().map_err(|e| unreadable(path, &e))?;

    Ok((contents, bytes, sum))
}

/// Counts bytes as they pass, and stops once a signal came.
struct Passing<'a, T> {
    inner: T,
    bytes: u64,
    interrupt: &'a Interrupt,
}

impl<'a, T> Passing<'a, T> {
    fn new(inner: T, interrupt: &'a Interrupt) -> Self {
        Self { inner, bytes: 0, interrupt }
    }

    fn passed(&mut self, bytes: usize) -> io::Result<usize> {
        self.bytes += bytes as u64;
        if self.interrupt.strikes() { Err(io::Error::other("interrupted")) } else { Ok(bytes) }
    }
}

impl<T: Read> Read for Passing<'_, T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf)?;
        self.passed(got)
    }
}

impl<T: Write> Write for Passing<'_, T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(buf)?;
        self.passed(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
