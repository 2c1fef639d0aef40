//! Reads every collection into a stream, and reports what changed meanwhile.

use std::io::Write;

use anyhow::{Context, Result};

use super::census::{Census, CollectionCensus, Tally};
use super::client::Milvus;
use super::format::{CollectionEnd, Header, Rows, What, Writer};
use super::pages::{Pages, key_only, read_again};
use super::survey::Described;
use super::value::{Fields, Row, columns};

const UNWRITTEN: &str = "could not write the backup of Milvus";

/// A page of a partition, as it is stored.
fn rows(partition: &str, fields: &Fields, page: &[Row]) -> Result<Rows> {
    let (rows, columns) = (u32::try_from(page.len())?, columns(fields, page));
    Ok(Rows { partition: partition.into(), rows, columns })
}

impl Milvus {
    /// Writes every collection that is not ours into `out`, in constant memory. `progress` gets
    /// rows and bytes so far.
    ///
    /// A collection that is not loaded is loaded for it, and always released again. The census says
    /// what changed while it was read.
    ///
    /// # Errors
    /// A call or writing fails, or a collection has something that can't be restored exactly.
    pub fn dump(
        &mut self,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Census> {
        let mut found = Vec::new();

        for name in self.names()? {
            let described = self.describe(&name)?;
            let Some(schema) =
                described.collection.schema.as_ref().filter(|_| described.mark.is_none())
            else {
                continue;
            };
            let fields = Fields::of(&name, schema)?;
            found.push((described, fields));
        }

        let mut writer = Writer::new(out).context(UNWRITTEN)?;

        let header = Header {
            server_version: self.version().into(),
            database: self.db(),
            collections: found.len() as u64,
        };

        writer.write(What::Header(header)).context(UNWRITTEN)?;
        for (described, _) in &found {
            writer.write(What::Collection(described.collection.clone())).context(UNWRITTEN)?;
        }

        let mut census = Census::default();
        for (described, fields) in &found {
            let (rows_before, bytes_before) = (census.rows(), census.bytes());
            let mut told = |rows, bytes| progress(rows_before + rows, bytes_before + bytes);
            let (read, changed) = self.opened(described, |milvus| {
                milvus.dump_rows(described, fields, &mut writer, &mut told)
            })?;
            census.collections.push(read);
            census.changed.extend(changed);
        }

        writer.end(found.len() as u64, census.rows()).context(UNWRITTEN)?;

        Ok(census)
    }

    fn dump_rows<W: Write>(
        &mut self,
        found: &Described,
        fields: &Fields,
        writer: &mut Writer<W>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(CollectionCensus, Vec<String>)> {
        let name = &found.collection.name;
        let before = self.count(name)?;
        let mut tally = Tally::new(fields);
        let only_keys = key_only(fields);

        let mut keys = Tally::new(&only_keys);

        for partition in found.readable_partitions() {
            let mut pages = Pages::new(self, name, fields, &partition)?;
            loop {
                let page = pages.next(self)?;
                if page.is_empty() {
                    break;
                }

                tally.take(&partition, &page)?;
                keys.take(
                    &partition,
                    &page.iter().map(|row| vec![row[fields.key].clone()]).collect::<Vec<_>>(),
                )?;
                let rows = rows(&partition, fields, &page)?;
                writer.write(What::Rows(rows)).context(UNWRITTEN)?;
                progress(tally.rows(), tally.bytes());
            }
        }

        // a row is almost only its vectors, so reading the keys again costs little
        let same_keys = read_again(self, &found.collection, &only_keys)?.sum() == keys.sum();
        let after = self.count(name)?;
        let mut changed = self.changes(found, before, after, tally.rows());

        if changed.is_empty() && !same_keys {
            changed.push(format!("rows of `{name}` were added and removed while it was read"));
        }

        let (census, sha256) = tally.finish(&found.collection);
        let end =
            CollectionEnd { rows: census.rows, sha256: sha256.to_vec(), changed: changed.clone() };
        writer.write(What::CollectionEnd(end)).context(UNWRITTEN)?;

        Ok((census, changed))
    }

    /// How to tell that a collection changed. Counts come from `count(*)`: the server's statistics
    /// include rows only once they are flushed.
    fn changes(&self, found: &Described, before: u64, after: u64, read: u64) -> Vec<String> {
        let name = &found.collection.name;
        let mut changed = Vec::new();
        if before != after {
            changed.push(format!(
                "`{name}` had {} rows at the beginning and {} at the end",
                before, after
            ));
        } else if before < read {
            changed.push(format!(
                "`{name}` has {before} rows, but {read} were read: it was written to meanwhile"
            ));
        } else if before > read {
            changed.push(format!(
                "`{name}` has {} rows, but {read} were read: rows with the same primary key are \
                 read once, or it was written to",
                before
            ));
        }

        match self.describe(name) {
            Err(_) => changed.push(format!("`{name}` was dropped or renamed while it was read")),
            Ok(now) if now.id != found.id => {
                changed.push(format!("`{name}` was dropped and created again while it was read"))
            }
            Ok(now) if now.without_load() != found.without_load() => {
                changed.push(format!(
                    "the schema, the indexes or the aliases of `{name}` changed while it was read"
                ));
            }
            Ok(_) => {}
        }

        changed
    }
}

impl Described {
    /// Partitions by which rows are read and written: not those that the server manages by a
    /// partition key.
    pub(super) fn readable_partitions(&self) -> Vec<String> {
        super::census::readable_partitions(&self.collection)
    }

    fn without_load(&self) -> Self {
        let mut same = self.clone();
        same.collection.loaded = false;
        same.collection.loaded_partitions.clear();
        same
    }
}
