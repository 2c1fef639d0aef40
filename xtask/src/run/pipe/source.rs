//! Where the bytes of a pipe come from.

use std::fs::File;
use std::io::{self, PipeWriter};
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result};

use super::super::child::{self, Child};
use super::super::dumping;
use super::super::found::undamaged;
use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::disk::wide_pipe;
use crate::door::children::{Input, Outlet};
use crate::door::{Idle, Interrupt, held};
use crate::plan::{Proof, Source};
use crate::problem::Problem;
use crate::stream::artifact::{self, Reader, unreadable};
use crate::stream::{Decoder, Fetched, Method, Sum, Unlocked};

/// Where bytes come from, read by a thread of its own.
pub(super) struct OpenSource {
    child: Option<Child>,
    /// The session whose snapshot a child reads.
    _session: Option<held::Held>,
    /// What feeds a child the file that it reads.
    feeder: Option<JoinHandle<io::Result<()>>>,
    bytes: Option<Bytes>,
    shown: String,
}

enum Bytes {
    /// A child's output.
    Output(Fetched<()>),
    /// A file.
    Artifact(Reader),
}

impl OpenSource {
    pub(super) fn open(
        source: &Source,
        method: Method,
        secrets: &Secrets,
        interrupt: &Interrupt,
        idle: &Idle,
    ) -> Result<Self> {
        let started = |cmd: &Cmd, input| {
            let (reader, writer) = wide_pipe()?;
            let child = child::start(cmd, input, Outlet::Pipe(writer), secrets, interrupt)?;
            Ok::<_, anyhow::Error>((child, Bytes::Output(Fetched::new(reader, |_| Ok(())))))
        };

        let (mut feeder, mut session) = (None, None);
        let (child, bytes, shown) = match source {
            Source::Command(cmd) => {
                let (child, output) = started(cmd, Input::Text)?;
                (Some(child), output, cmd.program.clone())
            }
            Source::Dump(dumping) => {
                let (cmd, held) = dumping::begin(dumping, secrets, idle)?;
                session = held;
                let (child, output) = started(&cmd, Input::Text)?;
                (Some(child), output, cmd.program)
            }
            Source::Filtered { path, coding, through } => {
                let decoder = artifact::look_into(path, coding)?;
                let (fed, feed) = wide_pipe()?;
                let (child, output) = started(through, Input::Pipe(fed))?;
                feeder = Some(std::thread::spawn(move || feed_all(decoder, feed)));
                (Some(child), output, path.display().to_string())
            }
            Source::File { path, coding } => {
                let reader = artifact::open(path, coding, method)?;
                (None, Bytes::Artifact(reader), path.display().to_string())
            }
            Source::Store(address) => anyhow::bail!("{address} gives no script"),
            Source::Sealed(path) => anyhow::bail!("nobody can read `{}`", path.display()),
        };

        Ok(Self { child, feeder, _session: session, bytes: Some(bytes), shown })
    }

    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let next = match &mut self.bytes {
            Some(Bytes::Output(output)) => output.next_chunk(),
            Some(Bytes::Artifact(reader)) => reader.next_chunk(),
            None => Ok(None),
        };
        next.map_err(|e| self.unreadable(&e).into())
    }

    pub(super) fn give_back(&self, chunk: Vec<u8>) {
        match &self.bytes {
            Some(Bytes::Output(output)) => output.give_back(chunk),
            Some(Bytes::Artifact(reader)) => reader.give_back(chunk),
            None => {}
        }
    }

    pub(super) fn finish(&mut self) -> Result<Option<Sum>> {
        let ended = self.child.as_ref().map_or(Ok(String::new()), Child::wait);

        // if a file can't be read to its end, that causes its reader's error
        if let Some(feeder) = self.feeder.take() {
            let fed = feeder
                .join()
                .map_err(|_| anyhow::anyhow!("the thread that reads `{}` panicked", self.shown))?;
            fed.map_err(|e| self.unreadable(&e))?;
        }

        ended?;
        let sum = match self.bytes.take().context("a pipe is finished once")? {
            Bytes::Output(output) => output.finish().map(|()| None),
            Bytes::Artifact(reader) => reader.finish().map(Some),
        };

        sum.map_err(|e| self.unreadable(&e).into())
    }

    fn unreadable(&self, error: &io::Error) -> Problem {
        unreadable(Path::new(&self.shown), error)
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

        self.bytes = None;
        if let Some(child) = self.child.take() {
            drop(child.wait());
        }

        // it may have much left to read, and nobody waits for that
        self.feeder = None;
    }
}

/// Feeds a file to a reader, and reads it to its end even if the reader stops earlier: only that
/// shows it is complete.
fn feed_all(mut decoder: Decoder<Unlocked<File>>, mut feed: PipeWriter) -> io::Result<()> {
    match io::copy(&mut decoder, &mut feed) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
            io::copy(&mut decoder, &mut io::sink()).map(drop)
        }
        copied => copied.map(drop),
    }
}
