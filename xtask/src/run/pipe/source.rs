//! Where the bytes of a pipe come from.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};

use super::super::child::{self, Child};
use super::super::dumping;
use super::{CHUNK, undamaged, unreadable, wide_pipe};
use crate::config::Secrets;
use crate::door::children::{Input, Outlet};
use crate::door::{Idle, Interrupt, held};
use crate::plan::{Proof, Source};
use crate::problem::Problem;
use crate::stream;
use crate::stream::{Decoder, Digest, Sum};

/// Where bytes come from, read by a thread of its own.
pub(super) struct OpenSource {
    pub(super) child: Option<Child>,
    /// The session whose snapshot a child reads.
    pub(super) _session: Option<held::Held>,
    /// What feeds a child the file that it reads.
    pub(super) feeder: Option<JoinHandle<io::Result<()>>>,
    pub(super) full: Option<Receiver<io::Result<Vec<u8>>>>,
    pub(super) empty: SyncSender<Vec<u8>>,
    pub(super) thread: Option<JoinHandle<io::Result<Option<Sum>>>>,
    pub(super) shown: String,
}

pub(super) enum Reading {
    Pipe(PipeReader),
    File(Box<Decoder<Digest<File>>>),
}

impl OpenSource {
    pub(super) fn open(
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
                    child::start(cmd, Input::Text, Outlet::Pipe(writer), secrets, interrupt)?;
                (Some(child), Reading::Pipe(reader), cmd.program.clone())
            }
            Source::Dump(dumping) => {
                let (cmd, held) = dumping::begin(dumping, secrets, idle)?;
                session = held;
                let (reader, writer) = wide_pipe()?;
                let child =
                    child::start(&cmd, Input::Text, Outlet::Pipe(writer), secrets, interrupt)?;
                (Some(child), Reading::Pipe(reader), cmd.program)
            }
            Source::Filtered { path, codec, through } => {
                let opened = File::open(path).and_then(|file| stream::decoder(*codec, file));
                let decoder = opened.map_err(|e| unreadable(path, &e))?;
                let ((fed, feed), (reader, writer)) = (wide_pipe()?, wide_pipe()?);

                let child = child::start(
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

    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(full) = &self.full else { return Ok(None) };
        match full.recv() {
            Ok(Ok(chunk)) => Ok(Some(chunk)),
            Ok(Err(e)) => Err(unreadable(Path::new(&self.shown), &e).into()),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn give_back(&self, chunk: Vec<u8>) {
        // the reader makes a new one when none came back
        drop(self.empty.try_send(chunk));
    }

    pub(super) fn finish(&mut self) -> Result<Option<Sum>> {
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
    pub(super) fn damage(
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

    pub(super) fn abort(&mut self) {
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
pub(super) fn feed_all(mut decoder: Decoder<File>, mut feed: PipeWriter) -> io::Result<()> {
    match io::copy(&mut decoder, &mut feed) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
            io::copy(&mut decoder, &mut io::sink()).map(drop)
        }
        copied => copied.map(drop),
    }
}

pub(super) fn read_all(
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
