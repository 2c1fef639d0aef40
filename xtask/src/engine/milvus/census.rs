//! What a backup of Milvus holds: it goes into the manifest, and a restore is checked against it.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::format::Collection;
use super::value::{Fields, Row, Value, feed};
use crate::problem::{Code, Problem};
use crate::stream::Digest;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Census {
    /// The collections, in the order of their names.
    pub collections: Vec<CollectionCensus>,
    /// What changed while it was read: with any of these, the copy is not consistent.
    pub changed: Vec<String>,
}

/// What of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionCensus {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// How many fields the schema has.
    pub fields: usize,
    /// How many indexes it has.
    pub indexes: usize,
    /// How many partitions.
    pub partitions: usize,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Whether the server generates its primary keys: not every server accepts them in a restore.
    pub auto_ids: bool,
    /// The sha256 of its rows, by partition name, then by primary key.
    pub sha256: String,
}

impl Census {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.collections.iter().map(|collection| collection.rows).sum()
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|collection| collection.bytes).sum()
    }
}

/// Reads the rows of one collection, and checks their order.
pub(super) struct Tally {
    key: usize,
    place: Option<(String, Value)>,
    digest: Digest<io::Sink>,
    rows: u64,
}

impl Tally {
    pub fn new(fields: &Fields) -> Self {
        Self { key: fields.key, place: None, digest: Digest::new(io::sink()), rows: 0 }
    }

    pub fn take(&mut self, partition: &str, rows: &[Row]) -> Result<(), Problem> {
        for row in rows {
            let place = (partition.to_owned(), row[self.key].clone());
            if self.place.as_ref().is_some_and(|last| !before(last, &place)) {
                return Err(Problem::failed("the rows are not in the order of their primary keys")
                    .code(Code::BackupDamaged)
                    .because(format!("at {:?}", place.1)));
            }

            self.place = Some(place);
            let fed = feed(&Value::Text(partition.to_owned()), &mut self.digest);
            fed.and_then(|()| row.iter().try_for_each(|value| feed(value, &mut self.digest)))
                .map_err(|e| Problem::failed("could not take a checksum").because(e.to_string()))?;
        }

        self.rows += rows.len() as u64;

        Ok(())
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Only the digest.
    pub fn sum(self) -> [u8; 32] {
        *self.digest.finish().1.print.bytes()
    }

    pub fn bytes(&self) -> u64 {
        self.digest.bytes()
    }

    /// The census of the collection, and its digest as bytes.
    pub fn finish(mut self, of: &Collection) -> (CollectionCensus, [u8; 32]) {
        // a collection without rows has a digest, too
        drop(self.digest.flush());
        let (_, sum) = self.digest.finish();
        let schema = of.schema.clone().unwrap_or_default();

        let census = CollectionCensus {
            name: of.name.clone(),
            rows: self.rows,
            bytes: sum.bytes,
            fields: schema.fields.len(),
            indexes: of.indexes.len(),
            partitions: of.partitions.len(),
            aliases: of.aliases.clone(),
            auto_ids: schema.fields.iter().any(|field| field.is_primary_key && field.auto_id),
            sha256: sum.hex(),
        };
        (census, *sum.print.bytes())
    }
}

fn before(last: &(String, Value), next: &(String, Value)) -> bool {
    match (&last.1, &next.1) {
        _ if last.0 != next.0 => last.0 < next.0,
        (Value::Long(a), Value::Long(b)) => a < b,
        (Value::Text(a), Value::Text(b)) => a < b,
        _ => false,
    }
}

/// Partitions by which rows are read and written, in order; the one without a name stands for the
/// whole collection, if the server distributes rows by a partition key.
pub(super) fn readable_partitions(collection: &Collection) -> Vec<String> {
    let by_key = collection
        .schema
        .iter()
        .flat_map(|schema| &schema.fields)
        .any(|field| field.is_partition_key);
    if by_key { vec![String::new()] } else { collection.partitions.clone() }
}
