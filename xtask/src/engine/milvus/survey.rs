//! Asks what a collection is.

use anyhow::Result;
use prost::Message;

use super::client::Milvus;
use super::facts::{CollectionFacts, Load, RowCount};
use super::format::{Collection, Index};
use super::mark::{Mark, PROPERTY};
use super::proto::rpc::{
    Aliases, Collections, Description, GetLoadState, Indexes, LoadState, OfCollection, Partitions,
    Query, Rows, STRONG, ShowCollections, Statistics,
};
use super::proto::schema::{CollectionSchema, Column, Scalars};
use crate::problem::{Code, Problem};

const LOADING: i32 = 2;
pub(super) const LOADED: i32 = 3;
/// A temporary index that a reader creates if there is none, and drops again.
pub(super) const READERS_INDEX: &str = "db_tasks_reader";

/// Whether a reader was killed.
enum Reader {
    Was,
    Never,
}

/// A collection, in a form that can be stored and created again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub collection: Collection,
    pub id: i64,
    pub mark: Option<Mark>,
}

impl Described {
    pub fn load(&self) -> Load {
        load(&self.collection)
    }
}

pub(super) fn load(collection: &Collection) -> Load {
    match (collection.loaded, collection.loaded_partitions.is_empty()) {
        (false, _) => Load::Not,
        (true, true) => Load::Whole,
        (true, false) => Load::Partitions(collection.loaded_partitions.clone()),
    }
}

impl Milvus {
    /// Every collection of the database, in the order of names, including ours with their marks.
    ///
    /// # Errors
    /// A call fails.
    pub fn survey(&self) -> Result<Vec<CollectionFacts>> {
        let mut out = Vec::new();

        for name in self.names()? {
            let found = self.describe(&name)?;
            let load = found.load();
            let rows = match load {
                Load::Whole => RowCount::Exact(self.count(&name)?),
                _ => RowCount::About(self.statistics(&name)?),
            };

            out.push(CollectionFacts {
                name,
                id: found.id,
                rows,
                load,
                aliases: found.collection.aliases,
                mark: found.mark,
            });
        }

        Ok(out)
    }

    pub(super) fn of(&self, name: &str) -> OfCollection {
        OfCollection { db_name: self.db(), collection_name: name.to_owned() }
    }

    pub(super) fn names(&self) -> Result<Vec<String>, Problem> {
        let request = ShowCollections { db_name: self.db() };
        let mut names = self
            .call::<Collections>("ShowCollections", &request, "list the collections")?
            .collection_names;
        names.sort();
        Ok(names)
    }

    /// Everything about a collection except its rows.
    pub(super) fn describe(&self, name: &str) -> Result<Described, Problem> {
        let doing = format!("describe `{name}`");
        let found: Description = self.call("DescribeCollection", &self.of(name), &doing)?;
        let mut schema = self.schema(name, &found)?;
        let partition_key = schema.fields.iter().any(|field| field.is_partition_key);
        tidy(&mut schema, name);

        let mut partitions =
            self.call::<Partitions>("ShowPartitions", &self.of(name), &doing)?.partition_names;
        partitions.sort();

        let (indexes, left) = self.indexes(name)?;
        let load = match left {
            // a reader was killed: the collection was not loaded before that
            Reader::Was => Load::Not,
            Reader::Never => {
                self.load_state(name, if partition_key { &[] } else { &partitions }, LOADING)?
            }
        };

        let mark =
            found.properties.iter().find(|p| p.key == PROPERTY).and_then(|p| Mark::read(&p.value));
        let collection = Collection {
            name: name.to_owned(),
            schema: Some(schema),
            shards: found.shards_num,
            consistency_level: found.consistency_level,
            properties: found.properties.into_iter().filter(|p| p.key != PROPERTY).collect(),
            partitions,
            aliases: if found.collection_id == 0 {
                self.aliases_in_lite(name)?
            } else {
                sorted(found.aliases)
            },
            indexes,
            loaded: load != Load::Not,
            loaded_partitions: if let Load::Partitions(loaded) = load { loaded } else { vec![] },
        };
        Ok(Described { collection, id: found.collection_id, mark })
    }

    /// The schema, if every part of it is known and so can be created again.
    fn schema(&self, name: &str, found: &Description) -> Result<CollectionSchema, Problem> {
        let schema = CollectionSchema::decode(found.schema.as_slice()).map_err(|e| {
            Problem::failed(format!("could not describe `{name}`")).because(e.to_string())
        })?;

        if schema.encoded_len() == found.schema.len() {
            return Ok(schema);
        }

        Err(Problem::failed(format!("`{name}` can't be backed up: its schema has unknown parts"))
            .code(Code::BackupIncomplete)
            .because(format!("Milvus {} is newer than this tool", self.version()))
            .cure("update db-tasks"))
    }

    /// Milvus Lite, which gives collections no ids, doesn't describe them. (2.3 looks in the wrong
    /// database when asked for them.)
    fn aliases_in_lite(&self, name: &str) -> Result<Vec<String>, Problem> {
        let doing = format!("list the aliases of `{name}`");
        Ok(sorted(self.call::<Aliases>("ListAliases", &self.of(name), &doing)?.aliases))
    }

    fn indexes(&self, name: &str) -> Result<(Vec<Index>, Reader), Problem> {
        let found = match self.ask::<Indexes>("DescribeIndex", &self.of(name)) {
            Err(failure) if failure.no_index() => return Ok((vec![], Reader::Never)),
            found => found
                .map_err(|failure| failure.problem(&format!("describe the indexes of `{name}`")))?,
        };

        let (readers, indexes): (Vec<_>, Vec<_>) = found
            .index_descriptions
            .into_iter()
            .partition(|index| index.index_name == READERS_INDEX);
        let mut indexes: Vec<Index> = indexes
            .into_iter()
            .map(|index| Index {
                field: index.field_name,
                name: index.index_name,
                params: index.params,
            })
            .collect();

        indexes.sort_by(|a, b| (&a.field, &a.name).cmp(&(&b.field, &b.name)));
        Ok((indexes, if readers.is_empty() { Reader::Never } else { Reader::Was }))
    }

    /// How far a collection is loaded; a partition counts if its state is at `least` that. The
    /// server reports a whole collection as loaded as soon as a part of it is.
    pub(super) fn load_state(
        &self,
        name: &str,
        partitions: &[String],
        least: i32,
    ) -> Result<Load, Problem> {
        let state = |partitions: &[String]| {
            let partition_names = partitions.to_vec();
            let request = GetLoadState {
                collection_name: name.to_owned(),
                partition_names,
                db_name: self.db(),
            };

            let found: LoadState =
                self.call("GetLoadState", &request, &format!("ask whether `{name}` is loaded"))?;

            Ok::<_, Problem>(found.state >= least)
        };

        if !state(&[])? {
            return Ok(Load::Not);
        }

        let mut loaded = Vec::new();
        for partition in partitions {
            if state(std::slice::from_ref(partition))? {
                loaded.push(partition.clone());
            }
        }

        Ok(if loaded.len() == partitions.len() { Load::Whole } else { Load::Partitions(loaded) })
    }

    /// The rows of a loaded collection, including those inserted a moment ago.
    pub(super) fn count(&self, name: &str) -> Result<u64, Problem> {
        let query = Query {
            db_name: self.db(),
            collection_name: name.to_owned(),
            output_fields: vec!["count(*)".into()],
            consistency_level: STRONG,
            ..Query::default()
        };

        let doing = format!("count the rows of `{name}`");
        let rows: Rows = self.call("Query", &query, &doing)?;
        let field = rows.fields_data.into_iter().next().and_then(|data| data.field);
        let count = match field {
            Some(Column::Scalars(scalars)) => scalars.data,
            _ => None,
        };

        match count {
            Some(Scalars::Longs(count)) if count.data.len() == 1 => {
                Ok(u64::try_from(count.data[0]).unwrap_or(0))
            }
            _ => {
                Err(Problem::failed(format!("could not {doing}"))
                    .because("the answer has no number"))
            }
        }
    }

    /// What the server's statistics say: it counts rows when they are inserted, and removes deleted
    /// ones later.
    pub(super) fn statistics(&self, name: &str) -> Result<u64, Problem> {
        let found: Statistics = self.call(
            "GetCollectionStatistics",
            &self.of(name),
            &format!("ask for the statistics of `{name}`"),
        )?;

        Ok(found
            .stats
            .iter()
            .find(|s| s.key == "row_count")
            .and_then(|s| s.value.parse().ok())
            .unwrap_or(0))
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Removes what the server itself sets.
fn tidy(schema: &mut CollectionSchema, name: &str) {
    schema.name = name.to_owned();
    schema.db_name.clear();
    schema.version = 0;
    schema.properties.clear();
    schema
        .fields
        .retain(|field| !field.is_dynamic && !matches!(field.name.as_str(), "RowID" | "Timestamp"));

    for field in &mut schema.fields {
        field.field_id = 0;
        field.state = 0;
    }

    for function in &mut schema.functions {
        function.id = 0;
        function.input_field_ids.clear();
        function.output_field_ids.clear();
    }
}
