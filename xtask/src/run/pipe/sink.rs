//! Where the bytes of a pipe go.

use std::io::Write;

use anyhow::Result;

use super::super::load::{Loaded, Loading};
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::engine::postgres::script::{Scanner, Script};
use crate::plan::{Proof, Sink};
use crate::stream::artifact::{self, Writer, unwritable};
use crate::stream::{Method, Sum};

/// Where bytes go.
pub(super) enum OpenSink {
    File(Box<Writer>),
    Psql(Box<Loading>),
    Nowhere,
    Closed,
}

impl OpenSink {
    pub(super) fn open(
        sink: &Sink,
        method: Method,
        secrets: &Secrets,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        match sink {
            Sink::File { path, compression, locking, .. } => {
                let writer = artifact::create(path, *compression, locking.as_ref(), method)?;
                Ok(Self::File(Box::new(writer)))
            }
            Sink::Psql(load) => Ok(Self::Psql(Box::new(Loading::open(load, secrets, interrupt)?))),
            Sink::Stage(address) => anyhow::bail!("{address} takes no script"),
            Sink::Nowhere => Ok(Self::Nowhere),
        }
    }

    pub(super) fn take(
        &mut self,
        chunk: &[u8],
        scanner: &mut Scanner,
        proof: &Proof,
    ) -> Result<()> {
        match self {
            Self::File(writer) => writer.write_all(chunk).map_err(|e| unwritable(&e).into()),
            Self::Psql(loading) => loading.take(chunk, scanner, proof),
            _ => Ok(()),
        }
    }

    /// At the end of the stream: the scanner releases what was held back, or a check refuses it.
    pub(super) fn flush_held(&mut self, proof: &Proof, scanner: &mut Scanner) -> Result<()> {
        self.take(&[], scanner, proof)
    }

    /// Completes the sink: only now psql gets COMMIT, only now a file's end is written and flushed
    /// to disk. Returns a file's checksum, and the rows that a database counts.
    pub(super) fn finish(
        self,
        script: &Script,
        secrets: &Secrets,
        interrupt: &Interrupt,
    ) -> Result<(Option<Sum>, Loaded)> {
        match self {
            Self::File(writer) => {
                let sum = writer.finish().map_err(|e| unwritable(&e))?;
                Ok((Some(sum), Loaded::default()))
            }
            Self::Psql(loading) => Ok((None, loading.finish(script, secrets, interrupt)?)),
            Self::Nowhere | Self::Closed => Ok((None, Loaded::default())),
        }
    }

    /// Abandons the sink.
    pub(super) fn abort(&mut self) {
        if let Self::Psql(loading) = std::mem::replace(self, Self::Closed) {
            loading.abort();
        }
    }

    /// What a psql that died by itself says, before the load is abandoned.
    pub(super) fn cause_of_death(&mut self) -> Option<anyhow::Error> {
        match std::mem::replace(self, Self::Closed) {
            Self::Psql(loading) => loading.cause_of_death(),
            _ => None,
        }
    }
}
