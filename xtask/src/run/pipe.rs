//! One pass: source, checks, sink. Constant memory, whatever the size of the database.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::load::{Loaded, Loading};
use super::{dumping, store};
use crate::config::Secrets;
use crate::door::movers::{self, Child, Input, Outlet};
use crate::door::{Idle, Interrupt, held};
use crate::engine::postgres::proof;
use crate::engine::postgres::script::{Scanner, Script};
use crate::plan::{Pipe, Proof, Sink, Source};
use crate::problem::{Problem, rolled_back};
use crate::stream::{self, Decoder, Digest, Encoder, Flushed, Sum};
use crate::value::{Contents, Format, LeftOut, Spare, Without};

/// Bytes passed from the reading thread together: enough to pass them rarely, few enough for the
/// cache.
pub(super) const CHUNK: usize = 256 * 1024;
/// Bytes that a pipe may hold (Linux's usual limit), so that pg_dump seldom waits for us.
const PIPE_BYTES: usize = 1 << 20;

/// What a pipe found.
#[derive(Debug, Clone)]
pub struct Found {
    /// When it began.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the file, and their checksum.
    pub sum: Sum,
    /// Bytes before they were compressed.
    pub plain_bytes: u64,
    /// What they hold.
    pub held: Held,
    /// What the new database says, if one was loaded.
    pub loaded: Loaded,
}

impl Found {
    /// What psql did not get of a dump.
    pub fn left_out(&self) -> Option<&LeftOut> {
        match &self.held {
            Held::Script(script) => Some(&script.left_out).filter(|left| !left.is_nothing()),
            Held::Contents(_) => None,
        }
    }
}

/// What the bytes of a pipe hold.
#[derive(Debug, Clone)]
pub enum Held {
    /// A script of psql.
    Script(Box<Script>),
    /// An artifact of a store.
    Contents(Contents),
}

/// How far a pipe is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Plain bytes so far.
    pub bytes: u64,
    /// Bytes to expect; a guess.
    pub expected: Option<u64>,
    /// Rows so far.
    pub rows: u64,
    /// Since the pipe began.
    pub elapsed: Duration,
}

/// What a pipe needs of the run.
pub struct Means<'a> {
    /// Values for children's environments.
    pub secrets: &'a Secrets,
    /// SIGINT and SIGTERM.
    pub interrupt: &'a Interrupt,
    /// The session in which a database was looked at.
    pub idle: &'a Idle,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
    /// Told how far it is.
    pub progress: &'a mut dyn FnMut(&Progress),
}

/// Moves the bytes, and returns only if both ends succeeded and the checks passed.
pub fn pump(pipe: &Pipe, means: &mut Means<'_>) -> Result<Found> {
    if pipe.format != Format::Script {
        return store::pump(pipe, means);
    }
    pump_script(pipe, means).map_err(|e| proof::or_without(e, pipe.proof.otherwise.as_deref()))
}

fn pump_script(pipe: &Pipe, means: &mut Means<'_>) -> Result<Found> {
    let Means { secrets, interrupt, idle, now, progress } = means;
    let (started, begun) = (now(), Instant::now());
    let mut sink = Drain::open(&pipe.to, secrets, interrupt).map_err(rolled_back)?;
    let source = Spring::open(&pipe.from, secrets, interrupt, idle).inspect_err(|_| sink.abort());
    let mut source = source.map_err(rolled_back)?;

    let mut tell = |scanner: &Scanner, bytes| {
        progress(&Progress {
            bytes,
            expected: pipe.proof.expected_bytes,
            rows: scanner.rows(),
            elapsed: begun.elapsed(),
        });
    };

    let flowed = flow(&mut source, &mut sink, pipe, &mut tell);
    let ended = flowed.and_then(|script| {
        let read = source.finish()?;
        judge(&script, &pipe.proof, read.as_ref())?;
        Ok((script, read))
    });

    let (script, read) = match ended {
        Ok(ended) => ended,
        Err(e) => {
            // a psql that died broke the pipe, and says why
            let died = sink.cause_of_death();
            let damaged =
                died.as_ref().and_then(|died| source.damage(&pipe.proof, interrupt, died));
            source.abort();
            // psql was not told to commit yet
            return Err(rolled_back(damaged.or(died).unwrap_or(e)));
        }
    };

    let (written, loaded) = sink.finish(&script, secrets, interrupt)?;
    let sum = written.or(read).unwrap_or_else(|| Sum::of(&[]));
    let (plain_bytes, held) = (script.bytes, Held::Script(Box::new(script)));

    Ok(Found { started, took: begun.elapsed(), sum, plain_bytes, held, loaded })
}

fn flow(
    source: &mut Spring,
    sink: &mut Drain,
    pipe: &Pipe,
    tell: &mut dyn FnMut(&Scanner, u64),
) -> Result<Script> {
    let proof = &pipe.proof;
    let by_loader = proof.leave_out.contains(&Spare::Handover);
    let scanner = if by_loader { Scanner::for_loader() } else { Scanner::new() };
    // what is only read is read to the end
    let without =
        if matches!(pipe.to, Sink::Psql(_)) { proof.without.clone() } else { Without::default() };
    let mut scanner = scanner.without(without);

    let mut bytes = 0;

    while let Some(chunk) = source.next()? {
        scanner.feed(&chunk);
        sink.take(&chunk, &mut scanner, proof)?;
        // without a psql there is nobody to tell
        drop(scanner.take_again());
        bytes += chunk.len() as u64;
        tell(&scanner, bytes);
        source.give_back(chunk);
    }

    sink.flush_held(proof, &mut scanner)?;

    Ok(scanner.finish())
}

/// Whether the bytes match the manifest.
fn judge(script: &Script, wanted: &Proof, read: Option<&Sum>) -> Result<()> {
    undamaged(wanted, read)?;
    proof::whole(script, wanted.trust)?;
    wanted.rows.as_ref().map_or(Ok(()), |rows| proof::same_rows(&script.tables, rows))
}

pub(super) fn undamaged(wanted: &Proof, read: Option<&Sum>) -> Result<()> {
    let found = read.map(Sum::checksum);
    match wanted.sum.as_ref().filter(|expected| found.as_ref() != Some(*expected)) {
        None => Ok(()),
        Some(expected) => {
            Err(Problem::failed("the backup is damaged: its checksum does not match its manifest")
                .because(format!(
                    "{} now  {}\nmanifest    {}",
                    expected.method,
                    found.map_or("none".into(), |found| found.hex),
                    expected.hex
                ))
                .cure("use another backup (`db-list`); this file has changed since it was made")
                .of_backup()
                .into())
        }
    }
}

/// Where bytes come from, read by a thread of its own.
struct Spring {
    child: Option<Child>,
    /// The session whose snapshot a child reads.
    _session: Option<held::Held>,
    /// What feeds a child the file that it reads.
    feeder: Option<JoinHandle<io::Result<()>>>,
    full: Option<Receiver<io::Result<Vec<u8>>>>,
    empty: SyncSender<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<Option<Sum>>>>,
    shown: String,
}

enum Reading {
    Pipe(PipeReader),
    File(Box<Decoder<Digest<File>>>),
}

impl Spring {
    fn open(
        source: &Source,
        secrets: &Secrets,
        interrupt: &Interrupt,
        idle: &Idle,
    ) -> Result<Self> {
        let (mut feeder, mut session) = (None, None);
        let (child, reading, shown) = match source {
            Source::Command(cmd) => {
                let (reader, writer) = wide_pipe()?;
                let child =
                    movers::start(cmd, Input::Text, Outlet::Pipe(writer), secrets, interrupt)?;
                (Some(child), Reading::Pipe(reader), cmd.program.clone())
            }
            Source::Dump(dumping) => {
                let (cmd, held) = dumping::begin(dumping, secrets, idle)?;
                session = held;
                let (reader, writer) = wide_pipe()?;
                let child =
                    movers::start(&cmd, Input::Text, Outlet::Pipe(writer), secrets, interrupt)?;
                (Some(child), Reading::Pipe(reader), cmd.program)
            }
            Source::Filtered { path, codec, through } => {
                let opened = File::open(path).and_then(|file| stream::decoder(*codec, file));
                let decoder = opened.map_err(|e| unreadable(path, &e))?;
                let ((fed, feed), (reader, writer)) = (wide_pipe()?, wide_pipe()?);

                let child = movers::start(
                    through,
                    Input::Pipe(fed),
                    Outlet::Pipe(writer),
                    secrets,
                    interrupt,
                )?;

                feeder = Some(std::thread::spawn(move || feed_all(decoder, feed)));

                (Some(child), Reading::Pipe(reader), path.display().to_string())
            }
            Source::File { path, codec } => {
                let file = File::open(path).map_err(|e| unreadable(path, &e))?;
                let decoder =
                    stream::decoder(*codec, Digest::new(file)).map_err(|e| unreadable(path, &e))?;
                (None, Reading::File(Box::new(decoder)), path.display().to_string())
            }
            Source::Store(address) => anyhow::bail!("{address} gives no script"),
        };

        let (send_full, full) = sync_channel(2);
        let (empty, take_empty) = sync_channel(4);
        let thread = std::thread::spawn(move || read_all(reading, &send_full, &take_empty));

        Ok(Self {
            child,
            feeder,
            _session: session,
            full: Some(full),
            empty,
            thread: Some(thread),
            shown,
        })
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(full) = &self.full else { return Ok(None) };
        match full.recv() {
            Ok(Ok(chunk)) => Ok(Some(chunk)),
            Ok(Err(e)) => Err(unreadable(Path::new(&self.shown), &e).into()),
            Err(_) => Ok(None),
        }
    }

    fn give_back(&self, chunk: Vec<u8>) {
        // the reader makes a new one when none came back
        drop(self.empty.try_send(chunk));
    }

    fn finish(&mut self) -> Result<Option<Sum>> {
        let ended = self.child.as_ref().map_or(Ok(String::new()), Child::wait);

        // if a file can't be read to its end, that causes its reader's error
        if let Some(feeder) = self.feeder.take() {
            let fed = feeder
                .join()
                .map_err(|_| anyhow::anyhow!("the thread that reads `{}` panicked", self.shown))?;
            fed.map_err(|e| unreadable(Path::new(&self.shown), &e))?;
        }

        ended?;
        let thread = self.thread.take().context("a pipe is finished once")?;
        let sum = thread
            .join()
            .map_err(|_| anyhow::anyhow!("the reading thread of `{}` panicked", self.shown))?;

        sum.map_err(|e| unreadable(Path::new(&self.shown), &e).into())
    }

    /// Reads the rest of a file whose psql died: if its checksum is not the manifest's, that is the
    /// cause, and the backup is to blame; otherwise it could not be tried here.
    fn damage(
        &mut self,
        wanted: &Proof,
        interrupt: &Interrupt,
        died: &anyhow::Error,
    ) -> Option<anyhow::Error> {
        wanted.sum.as_ref().filter(|_| self.child.is_none())?;

        loop {
            match self.next() {
                _ if interrupt.hit() => return None,
                Ok(Some(chunk)) => self.give_back(chunk),
                Ok(None) => break,
                Err(e) => return Some(e),
            }
        }

        let read = self.finish().ok()??;
        let damage = undamaged(wanted, Some(&read)).err()?;
        let problem = damage.downcast::<Problem>().ok()?;

        Some(
            problem
                .because(format!(
                    "psql said: {}",
                    died.to_string().lines().nth(1).unwrap_or_default().trim()
                ))
                .into(),
        )
    }

    fn abort(&mut self) {
        if let Some(child) = &self.child {
            child.kill();
        }

        self.full = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        if let Some(child) = self.child.take() {
            drop(child.wait());
        }

        // it may have much left to read, and nobody waits for that
        self.feeder = None;
    }
}

/// Feeds a file to a reader, and reads it to its end even if the reader stops earlier: only that
/// shows it is complete.
fn feed_all(mut decoder: Decoder<File>, mut feed: PipeWriter) -> io::Result<()> {
    match io::copy(&mut decoder, &mut feed) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
            io::copy(&mut decoder, &mut io::sink()).map(drop)
        }
        copied => copied.map(drop),
    }
}

fn read_all(
    mut reading: Reading,
    full: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<Option<Sum>> {
    loop {
        let mut chunk = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        chunk.clear();

        let source: &mut dyn Read = match &mut reading {
            Reading::Pipe(reader) => reader,
            Reading::File(decoder) => decoder,
        };
        let read = source.take(CHUNK as u64).read_to_end(&mut chunk);
        let ended = matches!(read, Ok(n) if n < CHUNK);
        let failed = read.is_err();
        let message = read.map(|_| chunk);

        // nobody listens any more once the run is abandoned
        if full.send(message).is_err() || failed || ended {
            break;
        }
    }

    match reading {
        Reading::Pipe(_) => Ok(None),
        Reading::File(decoder) => Ok(decoder.finish().ok().map(|digest| digest.finish().1)),
    }
}

/// Where bytes go.
enum Drain {
    File(Box<Encoder<Digest<Flushed>>>),
    Psql(Box<Loading>),
    Nowhere,
    Closed,
}

impl Drain {
    fn open(sink: &Sink, secrets: &Secrets, interrupt: &Interrupt) -> Result<Self> {
        match sink {
            Sink::File { path, compression, .. } => {
                let file = Flushed::new(private_file(path)?);
                Ok(Self::File(Box::new(
                    stream::encoder(*compression, Digest::new(file)).map_err(|e| unwritable(&e))?,
                )))
            }
            Sink::Psql(load) => Ok(Self::Psql(Box::new(Loading::open(load, secrets, interrupt)?))),
            Sink::Stage(address) => anyhow::bail!("{address} takes no script"),
            Sink::Nowhere => Ok(Self::Nowhere),
        }
    }

    fn take(&mut self, chunk: &[u8], scanner: &mut Scanner, proof: &Proof) -> Result<()> {
        match self {
            Self::File(encoder) => encoder.write_all(chunk).map_err(|e| unwritable(&e).into()),
            Self::Psql(loading) => loading.take(chunk, scanner, proof),
            _ => Ok(()),
        }
    }

    /// At the end of the stream: the scanner releases what was held back, or a check refuses it.
    fn flush_held(&mut self, proof: &Proof, scanner: &mut Scanner) -> Result<()> {
        self.take(&[], scanner, proof)
    }

    /// Completes the sink: only now psql gets COMMIT, only now a file's end is written and flushed
    /// to disk. Returns a file's checksum, and the rows that a database counts.
    fn finish(
        self,
        script: &Script,
        secrets: &Secrets,
        interrupt: &Interrupt,
    ) -> Result<(Option<Sum>, Loaded)> {
        match self {
            Self::File(encoder) => {
                let digest = encoder.finish().map_err(|e| unwritable(&e))?;
                let (file, sum) = digest.finish();
                file.finish().map_err(|e| unwritable(&e))?;
                Ok((Some(sum), Loaded::default()))
            }
            Self::Psql(loading) => Ok((None, loading.finish(script, secrets, interrupt)?)),
            Self::Nowhere | Self::Closed => Ok((None, Loaded::default())),
        }
    }

    /// Abandons the sink.
    fn abort(&mut self) {
        if let Self::Psql(loading) = std::mem::replace(self, Self::Closed) {
            loading.abort();
        }
    }

    /// What a psql that died by itself says, before the load is abandoned.
    fn cause_of_death(&mut self) -> Option<anyhow::Error> {
        match std::mem::replace(self, Self::Closed) {
            Self::Psql(loading) => loading.cause_of_death(),
            _ => None,
        }
    }
}

/// A new file that only its owner may read.
pub(super) fn private_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);

    options.open(path).map_err(|e| {
        Problem::failed(format!("could not make `{}`", path.display()))
            .because(e.to_string())
            .cure("fix the folder's permissions, or choose another with `--output-dir`")
            .into()
    })
}

pub(super) fn wide_pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // refused if an administrator set a lower limit: the usual 64 KiB also work
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES);
    Ok((reader, writer))
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let damaged = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    );
    let problem = Problem::failed(format!("could not read `{}` to its end", path.display()))
        .because(error.to_string());
    if damaged {
        problem.cure("the file is cut short or damaged: use another backup (`db-list`)").of_backup()
    } else {
        problem
    }
}

pub(super) fn unwritable(error: &io::Error) -> Problem {
    let problem = Problem::failed("could not write the backup").because(error.to_string());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => problem.cure(
            "free some space (`db-cleanup` removes old backups), or choose another disk with \
             `--output-dir`",
        ),
        _ => problem,
    }
}
