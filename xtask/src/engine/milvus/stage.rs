//! Makes collections from a backup next to the live ones, and verifies them.

use std::io::Read;

use anyhow::Result;
use prost::Message;

use super::census::{Census, CollectionCensus};
use super::client::Milvus;
use super::format::Collection;
use super::mark::{Mark, PROPERTY, Role, Slot};
use super::open::pair;
use super::pages::read_again;
use super::proto::rpc::{
    CreateCollection, CreateIndex, CreatePartition, Flush, Flushed, Insert, Mutation, Status,
};
use super::scan::{Visit, visit};
use super::survey::Described;
use super::value::{Fields, Row, columns};
use super::{steps, survey};
use crate::problem::{Code, Problem};

/// From Milvus 2.6 on, a server accepts primary keys for a collection whose keys it generates, but
/// must be told so.
const GIVEN_IDS: &str = "allow_insert_auto_id";
/// How much is inserted at once; servers accept at most 64 MB.
const BATCH: usize = 8 << 20;
/// The partition that each collection has from the beginning.
const DEFAULT_PARTITION: &str = "_default";
const LONGEST_NAME: usize = 255;

/// What to do with a collection whose primary keys the server generates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoIds {
    /// It gets the same keys and keeps generating new ones. If a server can't do both, nothing is
    /// restored.
    Keep,
    /// It gets the same keys, and takes new ones from the application from now on: possible with
    /// Milvus before 2.6.
    FromApplication,
}

impl Milvus {
    /// Makes each collection of a backup as `<name>__staged`, with its rows, partitions, indexes
    /// and load state, then counts and reads back every row: the digest must match the backup. If
    /// it fails, it removes what it made.
    ///
    /// # Errors
    /// The backup is damaged, a call fails, or the result does not match the backup. Live
    /// collections are not changed.
    pub fn stage(
        &mut self,
        input: &mut dyn Read,
        auto_ids: AutoIds,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Census> {
        let done =
            visit(input, &mut Stager { milvus: self, auto_ids, progress, rows: 0, bytes: 0 });
        done.inspect_err(|_| drop(self.unstage()))
    }
}

struct Stager<'a> {
    milvus: &'a mut Milvus,
    auto_ids: AutoIds,
    progress: &'a mut dyn FnMut(u64, u64),
    rows: u64,
    bytes: u64,
}

impl Visit for Stager<'_> {
    fn begin(&mut self, collections: &[Collection]) -> Result<()> {
        if steps::under_way(&self.milvus.state()?) {
            return Err(Problem::refused("a swap of collections in Milvus was interrupted")
                .code(Code::Unfinished)
                .cure("run `db-repair` first")
                .into());
        }

        self.milvus.unstage()?;
        let state = self.milvus.state()?;
        for collection in collections {
            let name = staged(collection);
            if state.contains_key(&name) || state.values().any(|held| held.aliases.contains(&name))
            {
                return Err(Problem::refused(format!(
                    "the name `{name}` is taken in Milvus by a collection that is not ours"
                ))
                .code(Code::NameTaken)
                .cure(format!("rename or remove `{name}`"))
                .into());
            }

            if Slot::Previous.name(&collection.name).len() > LONGEST_NAME {
                return Err(Problem::refused(format!(
                    "the name `{}` is too long",
                    collection.name
                ))
                .because("there is no room for `__previous` after it")
                .into());
            }
        }

        collections.iter().try_for_each(|collection| self.create(collection))
    }

    fn rows(
        &mut self,
        of: &Collection,
        fields: &Fields,
        partition: &str,
        rows: Vec<Row>,
    ) -> Result<()> {
        let bytes: usize = columns(fields, &rows).iter().map(Message::encoded_len).sum();
        let most = (rows.len() * BATCH / bytes.max(1)).max(1);
        for part in rows.chunks(most) {
            self.insert(of, fields, partition, part)?;
        }

        self.rows += rows.len() as u64;
        self.bytes += bytes as u64;
        (self.progress)(self.rows, self.bytes);

        Ok(())
    }

    fn end(&mut self, of: &Collection, fields: &Fields, census: &CollectionCensus) -> Result<()> {
        let name = staged(of);
        let flush = Flush { db_name: self.milvus.db(), collection_names: vec![name.clone()] };
        self.milvus.call::<Flushed>("Flush", &flush, &format!("flush `{name}`"))?;

        self.create_indexes(of, &name)?;
        if census.auto_ids
            && self.auto_ids == AutoIds::Keep
            && !of.properties.iter().any(|p| p.key == GIVEN_IDS)
        {
            self.milvus.take_property(&name, GIVEN_IDS, &format!("finish `{name}`"))?;
        }

        let load = survey::load(of);
        self.milvus.load(&name, &load)?;

        let made = self.milvus.describe(&name)?;
        let wanted = self.wanted(of);
        if let Some(what) = differs(&wanted, &made.collection) {
            return Err(Problem::failed(format!(
                "`{}` could not be created as it is in the backup",
                of.name
            ))
            .because(format!("Milvus {} gives it other {what}", self.milvus.version()))
            .into());
        }

        self.is_whole(of, fields, census, &made)
    }
}

impl Stager<'_> {
    fn create_indexes(&mut self, of: &Collection, name: &str) -> Result<()> {
        for index in &of.indexes {
            let request = CreateIndex {
                db_name: self.milvus.db(),
                collection_name: name.to_owned(),
                field_name: index.field.clone(),
                extra_params: index.params.clone(),
                index_name: index.name.clone(),
            };

            let doing = format!("create the index `{}` of `{name}`", index.name);
            self.milvus.call::<Status>("CreateIndex", &request, &doing)?;
        }

        Ok(self.milvus.indexed(name)?)
    }

    /// Reads all of it again, and counts it.
    fn is_whole(
        &mut self,
        of: &Collection,
        fields: &Fields,
        census: &CollectionCensus,
        made: &Described,
    ) -> Result<()> {
        let name = staged(of);
        let (rows, counted) = self.milvus.opened(made, |milvus| {
            let read = read_again(milvus, &made.collection, fields)?;
            Ok((read.finish(&made.collection).0, milvus.count(&name)?))
        })?;
        if (rows.rows, &rows.sha256) != (census.rows, &census.sha256) || counted != census.rows {
            return Err(Problem::failed(format!("`{}` does not match the backup", of.name))
                .code(Code::BackupDamaged)
                .because(format!(
                    "{} rows were read back and {} counted, of {}",
                    rows.rows, counted, census.rows
                ))
                .cure("check the server's log, and its free memory and disk space")
                .into());
        }

        Ok(())
    }
}

fn staged(of: &Collection) -> String {
    Slot::Staged.name(&of.name)
}

/// How a collection differs from the wanted one.
fn differs(wanted: &Collection, made: &Collection) -> Option<&'static str> {
    if wanted.schema != made.schema {
        Some("fields")
    } else if wanted.indexes != made.indexes {
        Some("indexes")
    } else if wanted.partitions != made.partitions {
        Some("partitions")
    } else if wanted.consistency_level != made.consistency_level || wanted.shards != made.shards {
        Some("consistency or shards")
    } else if !wanted.properties.iter().all(|property| made.properties.contains(property)) {
        Some("properties")
    } else {
        (survey::load(wanted) != survey::load(made)).then_some("partitions loaded")
    }
}

impl Stager<'_> {
    /// The collection to create, under its staged name.
    fn wanted(&self, of: &Collection) -> Collection {
        let mut wanted = Collection { name: staged(of), ..of.clone() };
        if let Some(schema) = &mut wanted.schema {
            schema.name.clone_from(&wanted.name);
            if self.auto_ids == AutoIds::FromApplication {
                schema.auto_id = false;
                schema.fields.iter_mut().for_each(|field| field.auto_id = false);
            }
        }

        wanted
    }

    fn create(&mut self, of: &Collection) -> Result<()> {
        let wanted = self.wanted(of);
        let (name, schema) = (wanted.name, wanted.schema.unwrap_or_default());
        let load = survey::load(of);
        let mark =
            Mark { role: Role::Staged, base: of.name.clone(), aliases: of.aliases.clone(), load };
        let mut properties = of.properties.clone();

        properties.push(pair(PROPERTY, &mark.text()));
        if schema.fields.iter().any(|field| field.auto_id)
            && !properties.iter().any(|p| p.key == GIVEN_IDS)
        {
            properties.push(pair(GIVEN_IDS, "true"));
        }

        let by_key = schema.fields.iter().any(|field| field.is_partition_key);
        let request = CreateCollection {
            db_name: self.milvus.db(),
            collection_name: name.clone(),
            schema: schema.encode_to_vec(),
            shards_num: of.shards,
            consistency_level: of.consistency_level,
            properties,
            num_partitions: if by_key { of.partitions.len() as i64 } else { 0 },
        };

        self.milvus.call::<Status>("CreateCollection", &request, &format!("make `{name}`"))?;
        let named =
            of.partitions.iter().filter(|partition| !by_key && *partition != DEFAULT_PARTITION);

        for partition in named {
            let request = CreatePartition {
                db_name: self.milvus.db(),
                collection_name: name.clone(),
                partition_name: partition.clone(),
            };
            let doing = format!("create the partition `{partition}` of `{name}`");
            self.milvus.call::<Status>("CreatePartition", &request, &doing)?;
        }

        Ok(())
    }

    fn insert(
        &mut self,
        of: &Collection,
        fields: &Fields,
        partition: &str,
        rows: &[Row],
    ) -> Result<()> {
        let request = Insert {
            db_name: self.milvus.db(),
            collection_name: staged(of),
            partition_name: partition.into(),
            fields_data: columns(fields, rows),
            num_rows: u32::try_from(rows.len())?,
        };

        let doing = format!("insert rows into `{}`", staged(of));
        let schema = of.schema.iter().flat_map(|schema| &schema.fields);
        let auto_ids = schema.filter(|field| field.is_primary_key).any(|field| field.auto_id);
        let inserted = self.milvus.ask::<Mutation>("Insert", &request);

        let inserted = inserted.map_err(|failure| match failure {
            refused if auto_ids && self.auto_ids == AutoIds::Keep => refused
                .problem(&format!("give `{}` the primary keys that it had", of.name))
                .because(format!(
                    "the server generates its keys, and Milvus {} does not accept existing ones",
                    self.milvus.version()
                ))
                .cure(
                    "restore it as a collection that takes its keys from the application, or \
                     update Milvus to 2.6 or newer",
                ),
            failure => failure.problem(&doing),
        })?;

        if inserted.insert_cnt != rows.len() as i64 {
            return Err(Problem::failed(format!("could not {doing}"))
                .because(format!("Milvus accepted {} of {}", inserted.insert_cnt, rows.len()))
                .into());
        }

        Ok(())
    }
}
