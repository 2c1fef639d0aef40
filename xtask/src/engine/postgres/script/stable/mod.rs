//! A dump on its way into its stable form: the same data makes the same bytes.
//!
//! ```text
//! pg_dump -> Rows: those of some tables are sorted -> Frame: no random key, no version -> out
//! ```

mod frame;
mod key;
mod rows;
mod sorter;
mod spill;

use std::path::Path;

use anyhow::{Result, ensure};

use self::frame::Frame;
use self::rows::Rows;
use super::Script;
use super::proof::same_rows;
use crate::config::Form;
use crate::value;

/// Takes what is written.
pub type Out<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// Brings a dump into its stable form, in constant memory. Rows beyond that are put on the disk.
pub struct Stable {
    rows: Option<Rows>,
    frame: Option<Frame>,
}

impl Stable {
    /// `spare` is a file that rows may be put into; it must not exist.
    pub fn new(stable: &value::Stable, spare: &Path) -> Self {
        let order = &stable.order;
        let rows = (!order.meant.is_none()).then(|| Rows::new(order.clone(), spare));
        let frame = (stable.form == Form::Stable).then(Frame::default);
        Self { rows, frame }
    }

    /// The next chunk of a dump.
    ///
    /// # Errors
    /// It can't be written, or rows can't be put on the disk.
    pub fn take(&mut self, chunk: &[u8], out: Out<'_>) -> Result<()> {
        let Self { rows, frame } = self;
        let mut framed = |piece: &[u8]| match frame {
            Some(frame) => frame.take(piece, out),
            None => out(piece),
        };
        match rows {
            Some(rows) => rows.take(chunk, &mut framed),
            None => framed(chunk),
        }
    }

    /// The end of a dump.
    ///
    /// # Errors
    /// As [`Stable::take`].
    pub fn finish(&mut self, out: Out<'_>) -> Result<()> {
        match &mut self.frame {
            Some(frame) => frame.finish(out),
            None => Ok(()),
        }
    }

    /// What was read of the written bytes, with the versions that are not in them.
    ///
    /// # Errors
    /// Other rows were written than were read.
    pub fn checked(self, mut written: Script) -> Result<Script> {
        if let Some(rows) = self.rows {
            let read = rows.read();
            ensure!(read.rows() == written.rows(), "not as many rows were sorted as were read");
            same_rows(&written.tables, &read.tables)?;
        }

        if let Some(frame) = self.frame {
            written.server_version = frame.server_version;
            written.dump_version = frame.dump_version;
        }
        Ok(written)
    }
}

impl Script {
    fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

#[cfg(test)]
mod tests;
