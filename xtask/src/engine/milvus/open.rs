//! A collection must be loaded to be read, and is left as it was.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::client::Milvus;
use super::facts::Load;
use super::proto::rpc::{CreateIndex, DropIndex, Indexes, LoadCollection, OfPartitions, Status};
use super::proto::schema::{DataType, KeyValuePair};
use super::survey::{Described, LOADED, READERS_INDEX};
use crate::problem::{Code, Problem};

const FINISHED: i32 = 3;
const FAILED: i32 = 4;
/// How long to wait for a load.
const PATIENCE: Duration = Duration::from_secs(1800);
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn pair(key: &str, value: &str) -> KeyValuePair {
    KeyValuePair { key: key.into(), value: value.into() }
}

impl Milvus {
    /// Keeps a whole collection loaded while `read` runs, and always restores its state afterwards.
    pub(super) fn opened<T>(
        &mut self,
        found: &Described,
        read: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let name = &found.collection.name;
        if found.load() == Load::Whole {
            // somebody may be loading it right now
            self.await_loaded(name, &whole(found))?;
            return read(self);
        }

        let opened = self.open(found);
        let done = opened.map_err(anyhow::Error::from).and_then(|()| read(self));
        let closed = self.close(found);

        match (done, closed) {
            (Ok(value), Ok(())) => Ok(value),
            (Ok(_), Err(e)) => Err(e.into()),
            (Err(e), Ok(())) => Err(e),
            (Err(e), Err(left)) => Err(e.context(format!("`{name}` is still loaded: {left}"))),
        }
    }

    fn open(&mut self, found: &Described) -> Result<(), Problem> {
        let name = &found.collection.name;

        for (field, kind) in self.bare_vectors(found) {
            let index_type = match kind {
                DataType::BinaryVector => "BIN_FLAT",
                DataType::SparseFloatVector => "SPARSE_INVERTED_INDEX",
                _ => "FLAT",
            };

            let metric = match kind {
                DataType::BinaryVector => "HAMMING",
                DataType::SparseFloatVector => "IP",
                _ => "L2",
            };

            let request = CreateIndex {
                db_name: self.db(),
                collection_name: name.clone(),
                field_name: field,
                extra_params: vec![pair("index_type", index_type), pair("metric_type", metric)],
                index_name: READERS_INDEX.into(),
            };

            let doing = format!("create a temporary index on `{name}` to read it");
            self.call::<Status>("CreateIndex", &request, &doing)?;
        }

        self.load(name, &Load::Whole)?;
        self.await_rows(found)
    }

    /// Milvus 2.3 reports a partition as loaded a moment before its rows are there, and answers
    /// without them until then. The statistics include all flushed rows, and some deleted ones: so
    /// we wait a while, and no longer.
    fn await_rows(&self, found: &Described) -> Result<(), Problem> {
        let name = &found.collection.name;
        let (least, most) = match found.load() {
            Load::Partitions(_) => (Duration::from_secs(3), Duration::from_secs(10)),
            Load::Not | Load::Whole => (Duration::ZERO, Duration::from_secs(2)),
        };
        sleep(least);

        let start = Instant::now();
        while self.count(name)? < self.statistics(name)? && start.elapsed() < most {
            sleep(PAUSE);
        }

        Ok(())
    }

    fn close(&mut self, found: &Described) -> Result<(), Problem> {
        let name = &found.collection.name;
        match found.load() {
            Load::Whole => return Ok(()),
            Load::Not => self.release(name)?,
            Load::Partitions(kept) => {
                let rest = found
                    .collection
                    .partitions
                    .iter()
                    .filter(|p| !kept.contains(p))
                    .cloned()
                    .collect();
                self.partitions("ReleasePartitions", name, rest, 0)?;
            }
        }

        for (field_name, _) in self.bare_vectors(found) {
            let request = DropIndex {
                db_name: self.db(),
                collection_name: name.clone(),
                field_name,
                index_name: READERS_INDEX.into(),
            };

            let dropped = self.call::<Status>(
                "DropIndex",
                &request,
                &format!("drop the temporary index of `{name}`"),
            );

            dropped?;
        }

        Ok(())
    }

    /// Vector fields that have no index: a collection with one of them can't be loaded.
    fn bare_vectors(&self, found: &Described) -> Vec<(String, DataType)> {
        let fields = found.collection.schema.iter().flat_map(|schema| &schema.fields);
        fields
            .filter(|field| field.data_type >= DataType::BinaryVector as i32)
            .filter(|field| !found.collection.indexes.iter().any(|index| index.field == field.name))
            .map(|field| {
                (field.name.clone(), DataType::try_from(field.data_type).unwrap_or(DataType::None))
            })
            .collect()
    }

    /// Loads, and waits until each partition is.
    pub(super) fn load(&mut self, name: &str, load: &Load) -> Result<(), Problem> {
        let doing = format!("load `{name}`");
        let wanted = match load {
            Load::Not => return Ok(()),
            Load::Whole => {
                let request = LoadCollection {
                    db_name: self.db(),
                    collection_name: name.into(),
                    replica_number: 1,
                };
                self.call::<Status>("LoadCollection", &request, &doing)?;
                whole(&self.describe(name)?)
            }
            Load::Partitions(partitions) => {
                self.partitions("LoadPartitions", name, partitions.clone(), 1)?;
                partitions.clone()
            }
        };
        self.await_loaded(name, &wanted)
    }

    fn await_loaded(&self, name: &str, partitions: &[String]) -> Result<(), Problem> {
        wait(&format!("load `{name}`"), || {
            Ok(self.load_state(name, partitions, LOADED)? == Load::Whole)
        })
    }

    pub(super) fn release(&mut self, name: &str) -> Result<(), Problem> {
        self.call::<Status>("ReleaseCollection", &self.of(name), &format!("release `{name}`"))
            .map(drop)
    }

    fn partitions(
        &self,
        method: &str,
        name: &str,
        partitions: Vec<String>,
        replicas: i32,
    ) -> Result<(), Problem> {
        let request = OfPartitions {
            db_name: self.db(),
            collection_name: name.into(),
            partition_names: partitions,
            replica_number: replicas,
        };
        self.call::<Status>(method, &request, &format!("load or release partitions of `{name}`"))
            .map(drop)
    }

    /// Waits until every index is built.
    pub(super) fn indexed(&self, name: &str) -> Result<(), Problem> {
        let doing = format!("build the indexes of `{name}`");
        wait(&doing, || {
            let found = match self.ask::<Indexes>("DescribeIndex", &self.of(name)) {
                Err(failure) if failure.no_index() => return Ok(true),
                found => found.map_err(|failure| failure.problem(&doing))?,
            };
            match found.index_descriptions.iter().find(|index| index.state == FAILED) {
                Some(index) => Err(Problem::failed(format!("could not {doing}"))
                    .because(format!("`{}`: {}", index.index_name, index.index_state_fail_reason))),
                None => Ok(found.index_descriptions.iter().all(|index| index.state == FINISHED)),
            }
        })
    }
}

/// The partitions that can be asked for by name.
fn whole(found: &Described) -> Vec<String> {
    found.readable_partitions().into_iter().filter(|partition| !partition.is_empty()).collect()
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool, Problem>) -> Result<(), Problem> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() > PATIENCE {
            return Err(Problem::failed(format!(
                "could not {what} within {} minutes",
                PATIENCE.as_secs() / 60
            ))
            .code(Code::TimedOut)
            .cure("check whether the server has enough memory; then run the command again"));
        }
        sleep(PAUSE);
    }

    Ok(())
}
